//! The schema's JSON as an ordered tree in which every value knows where it stands.
//!
//! `serde_json::Value` forgets positions, the order of keys and repeated keys, and all three matter here.

use super::read::Problem;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::{collections::HashSet, fmt};

/// Deeper nesting is refused before it can exhaust the stack. A record in a record costs three levels.
const MAX_DEPTH: usize = 200;

/// One JSON value of the schema's text.
pub(super) struct Node<'a> {
    /// Where it begins, in bytes.
    pub(super) at: usize,
    /// Its text.
    pub(super) text: &'a str,
    pub(super) value: Value<'a>,
}

pub(super) enum Value<'a> {
    String(String),
    Array(Vec<Node<'a>>),
    Object(Vec<(String, Node<'a>)>),
    /// `null`, `true`, `false` or a number: whoever needs it reads the text.
    Other,
}

impl<'a> Node<'a> {
    /// Reads a whole text, which [`minify`] made.
    pub(super) fn parse(text: &'a str) -> Result<Self, Problem> {
        let raw: &RawValue = serde_json::from_str(text).map_err(|error| {
            let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
            let at = lines.map(str::len).sum::<usize>() + error.column().saturating_sub(1);
            not_json(at, &error)
        })?;
        Self::descend(text, raw.get(), 0)
    }

    fn descend(whole: &'a str, text: &'a str, depth: usize) -> Result<Self, Problem> {
        let at = text.as_ptr() as usize - whole.as_ptr() as usize;
        let refuse = |error: serde_json::Error| not_json(at, &error);
        if depth > MAX_DEPTH {
            let message = format!("nested more than {MAX_DEPTH} levels deep");
            return Err(Problem { at, message, hint: "define inner types first and refer to them by name".to_owned() });
        }
        let below = |raw: &'a RawValue| Self::descend(whole, raw.get(), depth + 1);
        let value = match text.as_bytes().first() {
            Some(b'"') => Value::String(serde_json::from_str(text).map_err(refuse)?),
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(text).map_err(refuse)?;
                Value::Array(items.into_iter().map(below).collect::<Result<_, _>>()?)
            }
            Some(b'{') => {
                let Entries(entries) = serde_json::from_str(text).map_err(refuse)?;
                let entries = entries.into_iter().map(|(key, raw)| Ok((key, below(raw)?)));
                Value::Object(entries.collect::<Result<_, _>>()?)
            }
            _ => Value::Other,
        };
        Ok(Self { at, text, value })
    }

    /// The value of a key, when this is an object that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Node<'a>> {
        match &self.value {
            Value::Object(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The text of a string.
    pub(super) fn string(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// What kind of JSON value this is, for messages.
    pub(super) fn what(&self) -> &'static str {
        match &self.value {
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
            Value::Other => match self.text {
                "null" => "null",
                "true" | "false" => "a boolean",
                _ => "a number",
            },
        }
    }

    pub(super) fn problem(&self, message: impl Into<String>, hint: impl Into<String>) -> Problem {
        Problem { at: self.at, message: message.into(), hint: hint.into() }
    }

    /// Tells of each key that an object here or below has twice, with the later value.
    pub(super) fn repeated_keys(&self, tell: &mut impl FnMut(&Node<'a>, &str)) {
        match &self.value {
            Value::Array(items) => items.iter().for_each(|item| item.repeated_keys(tell)),
            Value::Object(entries) => {
                let mut seen = HashSet::new();
                for (key, value) in entries {
                    if !seen.insert(key.as_str()) {
                        tell(value, key);
                    }
                    value.repeated_keys(tell);
                }
            }
            Value::String(_) | Value::Other => {}
        }
    }
}

/// An object's entries in order, repeated keys included.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// The text without white space between its tokens; nothing else changes.
pub(super) fn minify(text: &str) -> String {
    significant(text).map(|(_, c)| c).collect()
}

/// Where a byte of the minified text stands in the text as it was given.
pub(super) fn original_offset(text: &str, minified: usize) -> usize {
    let mut length = 0;
    for (at, c) in significant(text) {
        if length >= minified {
            return at;
        }
        length += c.len_utf8();
    }
    text.len()
}

fn significant(text: &str) -> impl Iterator<Item = (usize, char)> + '_ {
    let (mut in_string, mut escaped) = (false, false);
    text.char_indices().filter(move |&(_, c)| {
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            return true;
        }
        in_string = c == '"';
        !matches!(c, ' ' | '\t' | '\n' | '\r')
    })
}

/// serde_json's message without its own position, which is relative to a part of the text.
fn not_json(at: usize, error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    let reason = text.rfind(" at line ").map_or(text.as_str(), |end| &text[..end]);
    let hint = "look for a comma, a quote or a bracket too many or too few; JSON has no comments".to_owned();
    Problem { at, message: format!("not JSON: {reason}"), hint }
}
