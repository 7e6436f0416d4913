//! `logicalTypeOptions`: which of them a logical type has, and the checks they stand for.

use super::{
    Enforced,
    findings::enumerate,
    odcs::{LOGICAL_TYPES, boolean, integer, number, quote, text},
    properties::Walk,
    quality::literal,
};
use crate::{
    path::{FieldPath, Step},
    plan::FORMATS,
    rule::{Check, Literal, Rule},
    schema::Kind,
    yaml::{Entry, Node},
};

const ORDERED: &[&str] = &["integer", "number", "date", "timestamp", "time"];
const NUMERIC: &[&str] = &["integer", "number"];

/// Every option, the logical types that have it, and where it is enforced.
pub(super) const OPTIONS: &[(&str, &[&str], Enforced)] = &[
    ("minLength", &["string"], Enforced::PerEvent),
    ("maxLength", &["string"], Enforced::PerEvent),
    ("pattern", &["string"], Enforced::PerEvent),
    ("minimum", ORDERED, Enforced::PerEvent),
    ("maximum", ORDERED, Enforced::PerEvent),
    ("exclusiveMinimum", ORDERED, Enforced::PerEvent),
    ("exclusiveMaximum", ORDERED, Enforced::PerEvent),
    ("multipleOf", NUMERIC, Enforced::PerEvent),
    ("format", &["string", "integer"], Enforced::PerEvent),
    ("format", &["number", "date", "timestamp", "time"], Enforced::Documentation),
    ("timezone", &["timestamp", "time"], Enforced::Documentation),
    ("defaultTimezone", &["timestamp", "time"], Enforced::Documentation),
    ("minItems", &["array"], Enforced::PerEvent),
    ("maxItems", &["array"], Enforced::PerEvent),
    ("uniqueItems", &["array"], Enforced::PerEvent),
    ("required", &["object"], Enforced::PerEvent),
    ("minProperties", &["object"], Enforced::Documentation),
    ("maxProperties", &["object"], Enforced::Documentation),
];

/// The integer formats and their ranges, as far as an Avro integer can leave them.
const INTEGERS: &[(&str, i128, i128)] = &[
    ("i8", i8::MIN as i128, i8::MAX as i128),
    ("i16", i16::MIN as i128, i16::MAX as i128),
    ("i32", i32::MIN as i128, i32::MAX as i128),
    ("i64", i64::MIN as i128, i64::MAX as i128),
    ("i128", i128::MIN, i128::MAX),
    ("u8", 0, u8::MAX as i128),
    ("u16", 0, u16::MAX as i128),
    ("u32", 0, u32::MAX as i128),
    ("u64", 0, u64::MAX as i128),
    ("u128", 0, i128::MAX),
];

/// Pairs of which the first may not be above the second.
const BOUNDS: &[(&str, &str)] = &[
    ("minLength", "maxLength"),
    ("minItems", "maxItems"),
    ("minimum", "maximum"),
    ("exclusiveMinimum", "exclusiveMaximum"),
    ("minProperties", "maxProperties"),
];

impl Walk<'_> {
    /// Reads the `logicalTypeOptions` of a property.
    pub(super) fn options(&mut self, node: &Node, path: &FieldPath) {
        let Some(options) = node.entry("logicalTypeOptions") else { return };
        let entries = options.value.entries().unwrap_or_default();
        let Some(logical) = text(node.get("logicalType")) else {
            if !entries.is_empty() {
                let message = "`logicalTypeOptions` without a `logicalType`".to_owned();
                let hint = format!("add `logicalType`, one of {}", LOGICAL_TYPES.join(", "));
                self.findings.error("missing-key", options.key_position, message, hint);
            }
            return;
        };
        if !LOGICAL_TYPES.contains(&logical) {
            return;
        }
        let known = OPTIONS.iter().filter(|(_, of, _)| of.contains(&logical));
        for entry in entries {
            match known.clone().find(|(name, ..)| *name == entry.key) {
                Some((.., enforced)) => {
                    let format = text(Some(&entry.value)).filter(|_| logical == "string" && entry.key == "format");
                    let enforced = match format {
                        Some(format) if !is_checked(format) => Enforced::Documentation,
                        _ => *enforced,
                    };
                    self.option(entry, path, logical);
                    self.list(path, entry.key.clone(), enforced, entry.key_position);
                }
                None => {
                    let names = known.clone().map(|(name, ..)| *name);
                    let place = format!("the options of logicalType `{logical}`");
                    self.findings.unknown_key(entry.key_position, &entry.key, &place, names);
                }
            }
        }
        for (low, high) in BOUNDS {
            // What is no count is wrong by itself, and told already.
            let is_bound = |key: &str, bound: f64| bound >= 0.0 || key.to_lowercase().ends_with("imum");
            let bound = |key: &str| options.value.get(key).and_then(number).filter(|bound| is_bound(key, *bound));
            if let (Some(least), Some(most)) = (bound(low), bound(high))
                && least > most
            {
                let message = format!("`{low}` is above `{high}`, so no value would do");
                let at = options.value.entry(low).and_then(|entry| entry.key_position);
                self.findings.error("conflict", at, message, "exchange the two");
            }
        }
    }

    fn option(&mut self, entry: &Entry, path: &FieldPath, logical: &str) {
        let value = &entry.value;
        let count = integer(value).and_then(|count| u64::try_from(count).ok());
        let word = || text(Some(value)).map(str::to_owned);
        // Bounds are numbers for numbers, and text for dates and times.
        let bound = || {
            literal(value).filter(|bound| match bound {
                Literal::Number(_) => NUMERIC.contains(&logical),
                Literal::Text(_) => !NUMERIC.contains(&logical),
                Literal::Boolean(_) => false,
            })
        };
        let (check, expected) = match entry.key.as_str() {
            "minLength" => (count.map(Check::MinLength), "a whole number that is not negative"),
            "maxLength" => (count.map(Check::MaxLength), "a whole number that is not negative"),
            "minItems" => (count.map(Check::MinItems), "a whole number that is not negative"),
            "maxItems" => (count.map(Check::MaxItems), "a whole number that is not negative"),
            "pattern" => (word().map(Check::Pattern), "a regular expression as text"),
            "minimum" => (bound().map(Check::Minimum), of_bounds(logical)),
            "maximum" => (bound().map(Check::Maximum), of_bounds(logical)),
            "exclusiveMinimum" => (bound().map(Check::ExclusiveMinimum), of_bounds(logical)),
            "exclusiveMaximum" => (bound().map(Check::ExclusiveMaximum), of_bounds(logical)),
            "multipleOf" => {
                let positive = number(value).is_some_and(|number| number > 0.0);
                (bound().filter(|_| positive).map(Check::MultipleOf), "a number above zero")
            }
            "format" if logical == "string" => match word().filter(|format| !is_checked(format)) {
                Some(format) => {
                    let message = format!("the format {} is kept, and not enforced by Tidegate", quote(&format));
                    let known = enumerate(FORMATS.iter().map(|(name, _)| *name));
                    let hint = format!("enforced are {known}; a `pattern` can say the same");
                    return self.findings.warn("not-enforced", entry.value.position, message, hint);
                }
                None => (word().map(Check::Format), "text"),
            },
            "format" if logical == "integer" => return self.integer_format(entry, path),
            "format" if logical == "number" => return self.word_option(entry, &["f32", "f64"]),
            "uniqueItems" => match boolean(Some(value)) {
                Some(false) => return,
                unique => (unique.map(|_| Check::UniqueItems), "`true` or `false`"),
            },
            "required" => return self.required_fields(entry, path),
            "timezone" => return self.expect(entry, boolean(Some(value)).is_some(), "`true` or `false`"),
            "minProperties" | "maxProperties" => {
                let message = format!("`{}` is kept, and not enforced by Tidegate", entry.key);
                let hint = "an Avro record has the fields it has; bound a map by a rule of your own";
                self.findings.warn("not-enforced", entry.key_position, message, hint);
                return self.expect(entry, count.is_some(), "a whole number that is not negative");
            }
            _ => return self.expect(entry, word().is_some(), "text"),
        };
        match check {
            Some(check) => self.rules.push(Rule { path: path.clone(), check, position: entry.key_position }),
            None => self.expect(entry, false, expected),
        }
    }

    fn expect(&mut self, entry: &Entry, fits: bool, expected: &str) {
        if !fits {
            let message = format!("`{}` takes {expected}", entry.key);
            let hint = format!("write {expected}, or leave `{}` out", entry.key);
            self.findings.error("wrong-type", entry.value.position, message, hint);
        }
    }

    fn word_option(&mut self, entry: &Entry, words: &[&str]) {
        match text(Some(&entry.value)) {
            Some(word) if words.contains(&word) => {}
            Some(word) => {
                let place = format!("`{}`", entry.key);
                self.findings.unknown_value(entry.value.position, word, &place, words.iter().copied());
            }
            None => self.expect(entry, false, "text"),
        }
    }

    fn integer_format(&mut self, entry: &Entry, path: &FieldPath) {
        let word = text(Some(&entry.value)).unwrap_or_default();
        let Some((_, least, most)) = INTEGERS.iter().find(|(name, ..)| *name == word) else {
            let names: Vec<&str> = INTEGERS.iter().map(|(name, ..)| *name).collect();
            return self.word_option(entry, &names);
        };
        // Only where the Avro type is wider; a bound beyond it would be none.
        let resolved = self.schema.and_then(|schema| Some(&schema.get(schema.resolve(path)?.type_id).kind));
        let (lowest, highest) = match resolved {
            Some(Kind::Int) => (i128::from(i32::MIN), i128::from(i32::MAX)),
            Some(Kind::Long) => (i128::from(i64::MIN), i128::from(i64::MAX)),
            _ => (i128::MIN, i128::MAX),
        };
        let number = |number: &i128| Literal::Number(number.to_string());
        let least = (*least > lowest).then(|| Check::Minimum(number(least)));
        let most = (*most < highest).then(|| Check::Maximum(number(most)));
        for check in [least, most].into_iter().flatten() {
            self.rules.push(Rule { path: path.clone(), check, position: entry.key_position });
        }
    }

    fn required_fields(&mut self, entry: &Entry, path: &FieldPath) {
        let Some(items) = entry.value.items() else {
            return self.expect(entry, false, "a list of field names");
        };
        for item in items {
            let Some(name) = text(Some(item)) else {
                self.findings.error("wrong-type", item.position, "not a field name".to_owned(), "write text");
                continue;
            };
            let field = path.join(Step::Field(name.to_owned()));
            if let Some(schema) = self.schema
                && schema.resolve(&field).is_none()
            {
                let hint = super::properties::missing_field(schema, &field);
                let message = format!("the Avro schema has no field `{field}`");
                self.findings.error("unknown-field", item.position, message, hint);
                continue;
            }
            self.rules.push(Rule { path: field, check: Check::Required, position: item.position });
        }
    }
}

/// Whether the plan can check a string's format.
fn is_checked(format: &str) -> bool {
    FORMATS.iter().any(|(name, _)| *name == format)
}

fn of_bounds(logical: &str) -> &'static str {
    match NUMERIC.contains(&logical) {
        true => "a number",
        false => "text as ISO 8601 writes it",
    }
}
