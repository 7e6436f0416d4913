//! What samples look like: one pass over the text, nothing kept but counts and a few strings.

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::{
    collections::{BTreeSet, HashMap, HashSet, hash_map::DefaultHasher},
    fmt,
    hash::Hasher as _,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

/// Everything seen at one place of the samples.
#[derive(Debug, Clone, Default)]
pub(super) struct Shape {
    /// How often `null` stood here.
    pub(super) nulls: u64,
    /// How often `true` or `false` did.
    pub(super) booleans: u64,
    /// Whole numbers of 64 bits.
    pub(super) ints: Ints,
    /// Other numbers.
    pub(super) floats: u64,
    /// Texts.
    pub(super) texts: Texts,
    /// Arrays.
    pub(super) arrays: Option<Box<Arrays>>,
    /// Objects.
    pub(super) objects: Option<Box<Objects>>,
    /// Which different numbers and texts there were, as hashes, up to a bound.
    pub(super) distinct: HashSet<u64>,
}

/// Whole numbers.
#[derive(Debug, Clone, Default)]
pub(super) struct Ints {
    /// How many.
    pub(super) count: u64,
    /// The least.
    pub(super) min: i64,
    /// The greatest.
    pub(super) max: i64,
}

/// Texts.
#[derive(Debug, Clone, Default)]
pub(super) struct Texts {
    /// How many.
    pub(super) count: u64,
    /// The different ones; `None` when there were too many to be symbols.
    pub(super) symbols: Option<BTreeSet<String>>,
    /// How many look like what. A text may look like several things.
    pub(super) looks: HashMap<Look, u64>,
    /// Most digits of a second's fraction.
    pub(super) fraction: usize,
    /// Decimals: most digits before the point.
    pub(super) whole_digits: usize,
    /// Decimals: fewest and most digits after the point.
    pub(super) scale: Option<(usize, usize)>,
}

/// What a text looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Look {
    /// A date and time with its offset.
    Timestamp,
    /// A date and time without offset.
    LocalTimestamp,
    /// A date.
    Date,
    /// A time of day.
    Time,
    /// A UUID.
    Uuid,
    /// A decimal number with a point.
    Decimal,
    /// Something that may stand as an enum's symbol.
    Symbol,
}

/// Arrays.
#[derive(Debug, Clone, Default)]
pub(super) struct Arrays {
    /// How many.
    pub(super) count: u64,
    /// What stood in them.
    pub(super) items: Shape,
}

/// Objects.
#[derive(Debug, Clone, Default)]
pub(super) struct Objects {
    /// How many.
    pub(super) count: u64,
    /// Their fields, in the order in which they were first seen.
    pub(super) fields: Vec<Field>,
    places: HashMap<String, usize>,
}

/// A field of objects.
#[derive(Debug, Clone)]
pub(super) struct Field {
    /// Its name.
    pub(super) name: String,
    /// How many objects have it.
    pub(super) present: u64,
    /// What stands in it.
    pub(super) shape: Shape,
}

/// More different texts than this are no symbols.
pub(super) const MOST_SYMBOLS: usize = 32;
/// Longer texts are no symbols either.
const LONGEST_SYMBOL: usize = 64;
/// More different values than this need not be told apart.
const MOST_DISTINCT: usize = 10_000;
/// As deep as the plan goes by default; deeper lines are bad ones.
const DEEPEST: usize = 64;

impl Shape {
    /// Takes one event in, or says why it is none. What a bad line had before it broke is not taken in.
    pub(super) fn take(&mut self, line: &[u8]) -> Result<(), String> {
        // A dry run first, since half a line must not count.
        let mut scratch = Shape::default();
        scratch.read(line)?;
        self.read(line)
    }

    fn read(&mut self, line: &[u8]) -> Result<(), String> {
        // Without looking at the message, which may quote the value.
        let not_object = AtomicBool::new(false);
        let mut reader = serde_json::Deserializer::from_slice(line);
        let seed = Seed { shape: self, depth: 0, not_object: &not_object };
        let read = seed.deserialize(&mut reader).and_then(|()| reader.end());
        read.map_err(|error| {
            if not_object.load(Relaxed) {
                return "not a JSON object".to_owned();
            }
            let column = error.column();
            match error.classify() {
                serde_json::error::Category::Eof => format!("the JSON ends too soon, at column {column}"),
                serde_json::error::Category::Data => error.to_string(),
                // The only one of serde_json's own messages that is worth telling apart, and it quotes nothing.
                _ if error.to_string().starts_with("number out of range") => {
                    format!("a number that no double holds, at column {column}")
                }
                _ => format!("not JSON, from column {column} on"),
            }
        })
    }

    /// How many values there were.
    pub(super) fn count(&self) -> u64 {
        self.nulls + self.non_null()
    }

    /// How many values other than null there were.
    pub(super) fn non_null(&self) -> u64 {
        let arrays = self.arrays.as_ref().map_or(0, |arrays| arrays.count);
        let objects = self.objects.as_ref().map_or(0, |objects| objects.count);
        self.booleans + self.ints.count + self.floats + self.texts.count + arrays + objects
    }

    /// Whether every number and text here was another one.
    pub(super) fn all_distinct(&self) -> bool {
        self.distinct.len() as u64 == self.ints.count + self.texts.count
    }

    fn saw(&mut self, value: impl std::hash::Hash) {
        if self.distinct.len() < MOST_DISTINCT {
            let mut hasher = DefaultHasher::new();
            value.hash(&mut hasher);
            self.distinct.insert(hasher.finish());
        }
    }

    /// Adds what another place looks like to this one.
    pub(super) fn merge(&mut self, other: &Shape) {
        self.nulls += other.nulls;
        self.booleans += other.booleans;
        self.floats += other.floats;
        self.ints.merge(&other.ints);
        self.texts.merge(&other.texts);
        if let Some(arrays) = &other.arrays {
            let mine = self.arrays.get_or_insert_default();
            mine.count += arrays.count;
            mine.items.merge(&arrays.items);
        }
        if let Some(objects) = &other.objects {
            let mine = self.objects.get_or_insert_default();
            mine.count += objects.count;
            for field in &objects.fields {
                let into = mine.field(&field.name);
                into.present += field.present;
                into.shape.merge(&field.shape);
            }
        }
        self.distinct.extend(other.distinct.iter().take(MOST_DISTINCT.saturating_sub(self.distinct.len())));
    }
}

impl Ints {
    fn take(&mut self, value: i64) {
        self.merge(&Ints { count: 1, min: value, max: value });
    }

    fn merge(&mut self, other: &Ints) {
        match (self.count, other.count) {
            (_, 0) => {}
            (0, _) => *self = other.clone(),
            _ => {
                self.count += other.count;
                self.min = self.min.min(other.min);
                self.max = self.max.max(other.max);
            }
        }
    }
}

impl Texts {
    /// Whether all look like this.
    pub(super) fn all(&self, look: Look) -> bool {
        self.count > 0 && self.looks.get(&look) == Some(&self.count)
    }

    fn take(&mut self, text: &str) {
        let mut one = Texts { count: 1, symbols: Some(BTreeSet::new()), ..Texts::default() };
        if let Some((look, fraction)) = looks::temporal(text) {
            one.looks.insert(look, 1);
            one.fraction = fraction;
        }
        if looks::uuid(text) {
            one.looks.insert(Look::Uuid, 1);
        }
        if let Some((whole, scale)) = looks::decimal(text) {
            one.looks.insert(Look::Decimal, 1);
            one.whole_digits = whole;
            one.scale = Some((scale, scale));
        }
        if text.len() <= LONGEST_SYMBOL && super::avro::is_name(text) {
            one.looks.insert(Look::Symbol, 1);
            one.symbols = Some([text.to_owned()].into());
        } else {
            one.symbols = None;
        }
        self.merge(&one);
    }

    fn merge(&mut self, other: &Texts) {
        if other.count == 0 {
            return;
        }
        self.symbols = match (self.count, self.symbols.take(), &other.symbols) {
            (0, _, symbols) => symbols.clone(),
            (_, Some(mut mine), Some(others)) => {
                mine.extend(others.iter().cloned());
                (mine.len() <= MOST_SYMBOLS).then_some(mine)
            }
            _ => None,
        };
        self.count += other.count;
        for (look, count) in &other.looks {
            *self.looks.entry(*look).or_default() += count;
        }
        self.fraction = self.fraction.max(other.fraction);
        self.whole_digits = self.whole_digits.max(other.whole_digits);
        self.scale = match (self.scale, other.scale) {
            (Some((least, most)), Some((other_least, other_most))) => {
                Some((least.min(other_least), most.max(other_most)))
            }
            (mine, others) => mine.or(others),
        };
    }
}

impl Objects {
    /// The field of this name, made when it is new.
    fn field(&mut self, name: &str) -> &mut Field {
        let at = *self.places.entry(name.to_owned()).or_insert_with(|| {
            self.fields.push(Field { name: name.to_owned(), present: 0, shape: Shape::default() });
            self.fields.len() - 1
        });
        &mut self.fields[at]
    }
}

/// Reads one JSON value into a shape.
struct Seed<'a> {
    shape: &'a mut Shape,
    depth: usize,
    not_object: &'a AtomicBool,
}

impl<'a> Seed<'a> {
    fn scalar<E: serde::de::Error>(self) -> Result<&'a mut Shape, E> {
        if self.depth == 0 {
            self.not_object.store(true, Relaxed);
            return Err(E::custom("not a JSON object"));
        }
        Ok(self.shape)
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.scalar()?.nulls += 1;
        Ok(())
    }

    fn visit_bool<E: serde::de::Error>(self, _value: bool) -> Result<(), E> {
        self.scalar()?.booleans += 1;
        Ok(())
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        let shape = self.scalar()?;
        shape.ints.take(value);
        shape.saw(value);
        Ok(())
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        match i64::try_from(value) {
            Ok(value) => self.visit_i64(value),
            Err(_) => self.visit_f64(value as f64),
        }
    }

    fn visit_f64<E: serde::de::Error>(self, _value: f64) -> Result<(), E> {
        self.scalar()?.floats += 1;
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        let shape = self.scalar()?;
        shape.texts.take(text);
        shape.saw(text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let (depth, not_object) = (self.depth, self.not_object);
        if depth >= DEEPEST {
            return Err(A::Error::custom(format!("nested deeper than {DEEPEST}")));
        }
        let arrays = self.scalar()?.arrays.get_or_insert_default();
        arrays.count += 1;
        while items.next_element_seed(Seed { shape: &mut arrays.items, depth: depth + 1, not_object })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        if self.depth >= DEEPEST {
            return Err(A::Error::custom(format!("nested deeper than {DEEPEST}")));
        }
        let objects = self.shape.objects.get_or_insert_default();
        objects.count += 1;
        let mut seen = HashSet::new();
        while let Some(name) = entries.next_key::<String>()? {
            if seen.contains(&name) {
                entries.next_value::<IgnoredAny>()?;
                return Err(A::Error::custom("an object has the same field twice"));
            }
            let field = objects.field(&name);
            field.present += 1;
            seen.insert(name);
            let seed = Seed { shape: &mut field.shape, depth: self.depth + 1, not_object: self.not_object };
            entries.next_value_seed(seed)?;
        }
        Ok(())
    }
}

pub(super) mod looks {
    //! What texts look like. Stricter than what a plan reads: a look that is missed costs nothing.

    use super::Look;

    /// A date, a time or both, and the digits of its second's fraction.
    pub(in crate::init) fn temporal(text: &str) -> Option<(Look, usize)> {
        if !text.is_ascii() {
            return None;
        }
        if is_date(text) {
            return Some((Look::Date, 0));
        }
        if let Some((date, rest)) = text.split_at_checked(10)
            && is_date(date)
            && let Some(time) = rest.strip_prefix('T')
        {
            let at = time.find(['Z', '+', '-']).unwrap_or(time.len());
            let (time, offset) = time.split_at(at);
            let fraction = fraction(time)?;
            return match offset {
                "" => Some((Look::LocalTimestamp, fraction)),
                "Z" => Some((Look::Timestamp, fraction)),
                _ => is_offset(&offset[1..]).then_some((Look::Timestamp, fraction)),
            };
        }
        fraction(text).map(|fraction| (Look::Time, fraction))
    }

    /// `8-4-4-4-12` hex digits.
    pub(in crate::init) fn uuid(text: &str) -> bool {
        text.len() == 36
            && text.bytes().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            })
    }

    /// A number with a point and without a superfluous zero before it: digits before and after the point.
    pub(in crate::init) fn decimal(text: &str) -> Option<(usize, usize)> {
        let (whole, fraction) = text.strip_prefix('-').unwrap_or(text).split_once('.')?;
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let code = whole.len() > 1 && whole.starts_with('0');
        (digits(whole) && digits(fraction) && !code).then_some((whole.len(), fraction.len()))
    }

    fn number(text: &str, digits: usize) -> Option<u32> {
        (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
    }

    fn is_date(text: &str) -> bool {
        let mut parts = text.splitn(3, '-');
        let (Some(year), Some(month), Some(day)) = (parts.next(), parts.next(), parts.next()) else { return false };
        let (Some(year), Some(month), Some(day)) = (number(year, 4), number(month, 2), number(day, 2)) else {
            return false;
        };
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 => 28 + u32::from(leap),
            _ => return false,
        };
        (1..=days).contains(&day)
    }

    /// The fraction's digits of `HH:MM:SS[.fff]`.
    fn fraction(time: &str) -> Option<usize> {
        let (clock, fraction) = time.split_once('.').map_or((time, None), |(clock, fraction)| (clock, Some(fraction)));
        let mut parts = clock.splitn(3, ':');
        let [hours, minutes, seconds] = [parts.next()?, parts.next()?, parts.next()?];
        let fits = number(hours, 2)? < 24 && number(minutes, 2)? < 60 && number(seconds, 2)? < 60;
        let digits = fraction.map_or(Some(0), |fraction| number(fraction, fraction.len()).map(|_| fraction.len()))?;
        (fits && fraction.is_none_or(|_| (1..=9).contains(&digits))).then_some(digits)
    }

    fn is_offset(text: &str) -> bool {
        let mut parts = text.splitn(2, ':');
        let (Some(hours), Some(minutes)) = (parts.next(), parts.next()) else { return false };
        number(hours, 2).is_some_and(|hours| hours <= 14) && number(minutes, 2).is_some_and(|minutes| minutes < 60)
    }
}

#[cfg(test)]
mod tests;
