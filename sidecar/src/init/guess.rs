//! From what samples look like to a schema, with every guess named: what, how sure, and why.

use super::{
    avro::{Avro, Field, is_name},
    shape::{Look, Objects, Shape, Texts},
};
use std::collections::{BTreeSet, HashSet};

/// A decision that the samples suggest and do not prove.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub(super) struct Guess {
    /// Where: a field path, or what else it is about.
    pub(super) path: String,
    /// What was decided.
    pub(super) guess: String,
    /// How sure that is.
    pub(super) sure: Sure,
    /// What speaks for it.
    pub(super) why: String,
    /// Where to change it.
    pub(super) change: Change,
}

/// How sure a guess is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Sure {
    /// Little speaks for it: look at it.
    Little,
    /// It is likely.
    Fairly,
    /// Hardly anything else fits.
    Very,
}

/// Which file a guess stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Change {
    /// The Avro schema.
    Schema,
    /// The contract.
    Contract,
}

/// What samples led to.
#[derive(Debug, Clone)]
pub(super) struct Guessed {
    /// The schema: always a record.
    pub(super) schema: Avro,
    /// Every guess, in the order of the fields.
    pub(super) guesses: Vec<Guess>,
    /// Fields of records whose names Avro does not take, as paths.
    pub(super) unnameable: Vec<String>,
}

/// Turns a shape into a schema. At the `plain` paths nothing finer than the JSON type is guessed.
pub(super) fn schema(shape: &Shape, name: &str, namespace: &str, plain: &BTreeSet<String>) -> Guessed {
    let mut guesser = Guesser { guesses: Vec::new(), unnameable: Vec::new(), names: HashSet::new(), plain };
    let empty = Objects::default();
    let objects = shape.objects.as_deref().unwrap_or(&empty);
    let mut schema = guesser.record(objects, "", name);
    if let Avro::Record { namespace: place, .. } = &mut schema {
        *place = Some(namespace.to_owned());
    }
    Guessed { schema, guesses: guesser.guesses, unnameable: guesser.unnameable }
}

/// The words of a name: `placedAt`, `placed_at` and `PLACED-AT` are `placed`, `at`.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut last_lower = false;
    let mut open = false;
    for c in name.chars() {
        if !c.is_ascii_alphanumeric() {
            open = false;
            last_lower = false;
            continue;
        }
        if !open || (c.is_ascii_uppercase() && last_lower) {
            words.push(String::new());
        }
        open = true;
        last_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        if let Some(word) = words.last_mut() {
            word.push(c.to_ascii_lowercase());
        }
    }
    words
}

/// `order-items` as a type's name: `OrderItems`.
pub(super) fn type_name(name: &str) -> String {
    let mut text = String::new();
    for word in words(name) {
        let (first, rest) = word.split_at(1);
        text += &first.to_ascii_uppercase();
        text += rest;
    }
    if is_name(&text) { text } else { format!("T{text}") }
}

/// Enough values to believe a pattern.
const ENOUGH: u64 = 20;
/// Milliseconds since 1970 of 2000-01-01 and 2100-01-01: what an epoch time may be.
const EPOCH_MILLIS: std::ops::Range<i64> = 946_684_800_000..4_102_444_800_000;

const TIME_WORDS: &[&str] = &[
    "at",
    "time",
    "timestamp",
    "ts",
    "date",
    "created",
    "updated",
    "modified",
    "expires",
    "expiry",
    "occurred",
    "when",
    "since",
    "until",
    "deadline",
];
const MONEY_WORDS: &[&str] = &[
    "amount", "price", "total", "subtotal", "cost", "fee", "tax", "vat", "balance", "discount", "net", "gross", "sum",
    "rate",
];
const ENUM_WORDS: &[&str] = &[
    "status", "state", "type", "kind", "category", "channel", "level", "mode", "method", "priority", "severity",
    "tier", "role", "phase", "outcome", "result", "reason",
];
/// Texts of few values that are people, places or open lists all the same.
const NO_ENUM_WORDS: &[&str] = &[
    "name",
    "user",
    "customer",
    "owner",
    "author",
    "email",
    "mail",
    "city",
    "street",
    "address",
    "id",
    "uuid",
    "sku",
    "code",
    "key",
    "token",
    "phone",
    "currency",
    "country",
    "language",
    "locale",
    "zip",
    "version",
    "title",
    "note",
    "comment",
    "description",
    "url",
    "host",
    "path",
    "tag",
];

struct Guesser<'a> {
    guesses: Vec<Guess>,
    unnameable: Vec<String>,
    names: HashSet<String>,
    plain: &'a BTreeSet<String>,
}

/// The place whose type is being decided.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// Its path.
    path: &'a str,
    /// The name of the field that it is or stands in.
    name: &'a str,
    /// What a named type here is called.
    type_name: &'a str,
}

impl Guesser<'_> {
    fn record(&mut self, objects: &Objects, path: &str, type_name: &str) -> Avro {
        let name = self.unique(type_name);
        let mut fields = Vec::new();
        for field in &objects.fields {
            let path = if path.is_empty() { field.name.clone() } else { format!("{path}.{}", field.name) };
            if !is_name(&field.name) {
                self.unnameable.push(path);
                continue;
            }
            let type_name = format!("{name}{}", self::type_name(&field.name));
            let place = Place { path: &path, name: &field.name, type_name: &type_name };
            // The field's own guess comes before those of what is in it.
            let at = self.guesses.len();
            let of = self.value(&field.shape, place);
            let missing = objects.count - field.present;
            let optional = missing > 0 || field.shape.nulls > 0;
            self.presence(at, place, &of, objects.count, missing, field.shape.nulls);
            let of = if optional { nullable(of) } else { of };
            fields.push(Field { name: field.name.clone(), of, default_null: optional });
        }
        Avro::Record { name, namespace: None, fields }
    }

    fn presence(&mut self, at: usize, place: Place<'_>, of: &Avro, objects: u64, missing: u64, nulls: u64) {
        let (guess, sure, why) = match (missing, nulls) {
            (0, 0) => {
                let sure = if objects >= 5 * ENOUGH { Sure::Fairly } else { Sure::Little };
                ("required", sure, format!("it is there in all {objects}"))
            }
            (0, _) => ("optional", Sure::Very, format!("it is null in {nulls} of {objects}")),
            (_, 0) => ("optional", Sure::Very, format!("it is missing in {missing} of {objects}")),
            _ => ("optional", Sure::Very, format!("it is missing in {missing} and null in {nulls} of {objects}")),
        };
        let guess = format!("{guess} {}", of.words());
        match self.guesses[at..].iter_mut().find(|guess| guess.path == place.path) {
            // One line a field: what it is, and whether it has to be there.
            Some(line) => {
                line.guess = guess;
                line.why = format!("{}; {why}", line.why);
                line.sure = line.sure.min(sure);
            }
            None => {
                let (path, change) = (place.path.to_owned(), Change::Schema);
                self.guesses.insert(at, Guess { path, guess, sure, why, change });
            }
        }
    }

    /// The type of what stands at a place, null aside.
    fn value(&mut self, shape: &Shape, place: Place<'_>) -> Avro {
        let mut branches = Vec::new();
        if shape.booleans > 0 {
            branches.push(Avro::Plain("boolean"));
        }
        if shape.ints.count + shape.floats > 0 {
            branches.push(self.number(shape, place));
        }
        if let Some(objects) = &shape.objects {
            branches.push(self.object(objects, place));
        }
        if let Some(arrays) = &shape.arrays {
            let path = format!("{}[]", place.path);
            let items = self.value(&arrays.items, Place { path: &path, ..place });
            let items = if arrays.items.nulls > 0 { nullable(items) } else { items };
            if arrays.items.count() == 0 {
                self.say(&path, &items, Sure::Little, "every array was empty".to_owned());
            }
            branches.push(Avro::Array(Box::new(items)));
        }
        if shape.texts.count > 0 {
            let text = if branches.is_empty() { self.text(&shape.texts, place) } else { Avro::Plain("string") };
            branches.push(text);
        }
        match branches.len() {
            0 => {
                let of = Avro::Plain("string");
                if shape.nulls > 0 {
                    self.say(place.path, &of, Sure::Little, "nothing but null was seen".to_owned());
                }
                of
            }
            1 => branches.remove(0),
            _ => {
                let of = Avro::Union(branches);
                let why = format!("{} values of different types were seen", shape.non_null());
                self.say(place.path, &of, Sure::Little, why);
                of
            }
        }
    }

    fn number(&mut self, shape: &Shape, place: Place<'_>) -> Avro {
        let (ints, count) = (&shape.ints, shape.ints.count + shape.floats);
        if shape.floats > 0 {
            let money = has(place.name, MONEY_WORDS);
            let why = match money {
                true => "some have a fraction or are huge; if this is money, write a decimal".to_owned(),
                false => "some have a fraction or are huge".to_owned(),
            };
            let of = Avro::Plain("double");
            self.say(place.path, &of, if money { Sure::Little } else { Sure::Fairly }, why);
            return of;
        }
        let plain = self.plain.contains(place.path);
        let within = |range: &std::ops::Range<i64>| range.contains(&ints.min) && range.contains(&ints.max);
        let micros = EPOCH_MILLIS.start * 1000..EPOCH_MILLIS.end * 1000;
        let seconds = EPOCH_MILLIS.start / 1000..EPOCH_MILLIS.end / 1000;
        if !plain && has(place.name, TIME_WORDS) {
            let epoch = [(&EPOCH_MILLIS, "timestamp-millis", "milli"), (&micros, "timestamp-micros", "micro")];
            for (range, logical, unit) in epoch {
                if within(range) {
                    let of = Avro::Logical("long", logical);
                    let why = format!("by its name and size it counts {unit}seconds since 1970");
                    self.say(place.path, &of, Sure::Fairly, why);
                    return of;
                }
            }
            if within(&seconds) {
                let of = Avro::Plain("long");
                let why = "it may count seconds since 1970, for which Avro has no type".to_owned();
                self.say(place.path, &of, Sure::Fairly, why);
                return of;
            }
        }
        let small = i64::from(i16::MIN)..i64::from(i16::MAX) + 1;
        if !plain && count >= ENOUGH && within(&small) {
            let of = Avro::Plain("int");
            self.say(place.path, &of, Sure::Fairly, format!("all {count} are small"));
            of
        } else {
            Avro::Plain("long")
        }
    }

    fn object(&mut self, objects: &Objects, place: Place<'_>) -> Avro {
        if let Some(why) = map_reason(objects) {
            let at = self.guesses.len();
            let mut values = Shape::default();
            for field in &objects.fields {
                values.merge(&field.shape);
            }
            let path = format!("{}{{}}", place.path);
            let of = self.value(&values, Place { path: &path, ..place });
            let of = Avro::Map(Box::new(if values.nulls > 0 { nullable(of) } else { of }));
            let sure = if objects.count >= ENOUGH { Sure::Fairly } else { Sure::Little };
            let guess = Guess { path: place.path.to_owned(), guess: of.words(), sure, why, change: Change::Schema };
            self.guesses.insert(at, guess);
            of
        } else {
            self.record(objects, place.path, place.type_name)
        }
    }

    fn text(&mut self, texts: &Texts, place: Place<'_>) -> Avro {
        let string = Avro::Plain("string");
        if self.plain.contains(place.path) {
            let why = "it looked like something finer, and not every value is".to_owned();
            self.say(place.path, &string, Sure::Fairly, why);
            return string;
        }
        let count = texts.count;
        let many = if count >= 3 { Sure::Very } else { Sure::Fairly };
        let unit = |millis: &'static str, micros: &'static str, nanos: Option<&'static str>| match texts.fraction {
            0..=3 => Some(millis),
            4..=6 => Some(micros),
            _ => nanos,
        };
        let digits = match texts.fraction {
            0 => "whole seconds".to_owned(),
            digits => format!("up to {digits} digits of a second"),
        };
        let finer = if texts.all(Look::Uuid) {
            Some((Avro::Logical("string", "uuid"), many, format!("all {count} are UUIDs")))
        } else if texts.all(Look::Date) {
            Some((Avro::Logical("int", "date"), many, format!("all {count} are dates")))
        } else if texts.all(Look::Timestamp) {
            unit("timestamp-millis", "timestamp-micros", Some("timestamp-nanos")).map(|logical| {
                let why = format!("all {count} are ISO 8601 times with an offset, of {digits}");
                (Avro::Logical("long", logical), many, why)
            })
        } else if texts.all(Look::LocalTimestamp) {
            let nanos = Some("local-timestamp-nanos");
            unit("local-timestamp-millis", "local-timestamp-micros", nanos).map(|logical| {
                let why = format!("all {count} are ISO 8601 times without an offset, of {digits}");
                (Avro::Logical("long", logical), many, why)
            })
        } else if texts.all(Look::Time) {
            let logical = match texts.fraction {
                0..=3 => Some(("int", "time-millis")),
                4..=6 => Some(("long", "time-micros")),
                _ => None,
            };
            logical.map(|(base, logical)| {
                (Avro::Logical(base, logical), many, format!("all {count} are times of day, of {digits}"))
            })
        } else {
            decimal(texts, place.name).or_else(|| self.enumeration(texts, place))
        };
        match finer {
            Some((of, sure, why)) => {
                self.say(place.path, &of, sure, why);
                of
            }
            None => string,
        }
    }

    fn enumeration(&mut self, texts: &Texts, place: Place<'_>) -> Option<(Avro, Sure, String)> {
        /// More are rather an open list.
        const MOST: usize = 12;
        let symbols = texts.symbols.as_ref().filter(|_| texts.all(Look::Symbol))?;
        let (count, different) = (texts.count, symbols.len());
        let upper = symbols.iter().all(|symbol| !symbol.contains(|c: char| c.is_ascii_lowercase()));
        let lower = symbols.iter().all(|symbol| !symbol.contains(|c: char| c.is_ascii_uppercase()));
        let named = has(place.name, ENUM_WORDS);
        let closed = (2..=MOST).contains(&different) && count >= ENOUGH && count >= 5 * different as u64;
        if !closed || !(upper || lower || named) || has(place.name, NO_ENUM_WORDS) {
            return None;
        }
        // Without a default an enum could never gain a symbol: readers would have nothing to take for it.
        let unknown = if upper { "UNKNOWN" } else { "unknown" };
        let spare = symbols.iter().find(|symbol| ["unknown", "other"].contains(&symbol.to_ascii_lowercase().as_str()));
        let default = spare.cloned().unwrap_or_else(|| unknown.to_owned());
        let mut symbols: Vec<String> = symbols.iter().cloned().collect();
        if !symbols.contains(&default) {
            symbols.push(default.clone());
        }
        let sure = if named && count >= 5 * ENOUGH { Sure::Fairly } else { Sure::Little };
        let why =
            format!("{count} values, only {different} different; `{default}` is what readers take for symbols to come");
        Some((Avro::Enum { name: self.unique(place.type_name), symbols, default }, sure, why))
    }

    fn say(&mut self, path: &str, of: &Avro, sure: Sure, why: String) {
        self.guesses.push(Guess { path: path.to_owned(), guess: of.words(), sure, why, change: Change::Schema });
    }

    fn unique(&mut self, name: &str) -> String {
        let mut unique = name.to_owned();
        let mut number = 2;
        while !self.names.insert(unique.clone()) {
            unique = format!("{name}{number}");
            number += 1;
        }
        unique
    }
}

fn decimal(texts: &Texts, name: &str) -> Option<(Avro, Sure, String)> {
    let (least, most) = texts.scale.filter(|_| texts.all(Look::Decimal))?;
    let same = least == most && texts.count >= 5;
    let money = has(name, MONEY_WORDS);
    if !(same || money) || has(name, &["version"]) {
        return None;
    }
    // Room for numbers a thousand times as large, in what 128 bits hold.
    let precision = (texts.whole_digits + 3 + most).max(12);
    if precision > 38 {
        return None;
    }
    let sure = if same && money { Sure::Very } else { Sure::Fairly };
    let digits = if least == most { format!("{most}") } else { format!("{least} to {most}") };
    let why = format!("all {} are numbers in texts with {digits} digits after the point", texts.count);
    Some((Avro::Decimal { precision, scale: most }, sure, why))
}

/// Why objects are rather maps than records, if they are.
fn map_reason(objects: &Objects) -> Option<String> {
    let keys = objects.fields.len() as u64;
    if objects.fields.is_empty() {
        return Some("every object was empty".to_owned());
    }
    if objects.fields.iter().any(|field| !is_name(&field.name)) {
        return Some("some keys are no names that a record's field could have".to_owned());
    }
    if objects.count < 5 || keys < 8 {
        return None;
    }
    let present: u64 = objects.fields.iter().map(|field| field.present).sum();
    let always = objects.fields.iter().any(|field| field.present == objects.count);
    let sparse = present * 10 < keys * objects.count * 4;
    (!always && sparse).then(|| {
        format!("{} objects have {keys} different keys, {} each", objects.count, present.div_ceil(objects.count))
    })
}

fn has(name: &str, hints: &[&str]) -> bool {
    let words = words(name);
    words.iter().any(|word| hints.contains(&word.as_str()))
}

fn nullable(of: Avro) -> Avro {
    let null = Avro::Plain("null");
    match of {
        Avro::Union(mut branches) => {
            branches.insert(0, null);
            Avro::Union(branches)
        }
        other => Avro::Union(vec![null, other]),
    }
}

#[cfg(test)]
mod tests;
