//! YAML as a tree that knows where everything stands.
//!
//! Every file of ours is read into a [`Node`] first: each key and value with its line and column, each scalar with its
//! source text, so that `12.50` and `'12'` stay what they are and every problem can name its place. What YAML has beyond
//! JSON's model and beyond anchors is refused in plain words: tags, merge keys, several documents, keys that are not
//! text, numbers that JSON could not write. Depth, size and alias expansion are bounded.

mod de;
mod parse;

pub use de::from_node;
pub use parse::{MAX_BYTES, MAX_DEPTH, MAX_NODES, parse, parse_lenient};

use crate::diagnostic::Position;
use std::fmt;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Where it starts; `None` when it did not come from the file (see [`Node::set`]).
    pub position: Option<Position>,
}

/// What a [`Node`] is.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A scalar.
    Scalar(Scalar),
    /// A sequence.
    Sequence(Vec<Node>),
    /// A mapping, in the order of the file, each key once.
    Mapping(Vec<Entry>),
}

/// A scalar as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar {
    /// Its text, escapes and folds resolved.
    pub text: String,
    /// How it was written.
    pub style: Style,
}

/// How a scalar was written, which decides what it may mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Without quotes: null, a boolean, a number or a text, by its looks.
    Plain,
    /// In quotes, or as a block: always a text.
    Quoted,
    /// From outside the file, where there are no quotes: whatever the reader asks for.
    Untyped,
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands; `None` when it did not come from the file.
    pub key_position: Option<Position>,
    /// The value.
    pub value: Node,
}

/// What a scalar means, by YAML's core schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning<'a> {
    /// Nothing at all, `~` or `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number in its source text, which is also a JSON number.
    Number(&'a str),
    /// Everything else.
    Text(&'a str),
}

/// What is wrong with a text or a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// A stable kebab-case identifier such as `unknown-key`.
    pub code: &'static str,
    /// Where, unless the value did not come from the file.
    pub position: Option<Position>,
    /// The keys that lead there, dotted; empty at the top and for problems of the text itself.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// The way out.
    pub hint: Option<String>,
}

impl Node {
    /// A node that did not come from a file.
    pub fn untyped(text: impl Into<String>) -> Self {
        Self { value: Value::Scalar(Scalar { text: text.into(), style: Style::Untyped }), position: None }
    }

    /// The entries, when this is a mapping.
    pub fn entries(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    /// The items, when this is a sequence.
    pub fn items(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// The scalar, when this is one.
    pub fn scalar(&self) -> Option<&Scalar> {
        match &self.value {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// What the scalar means, when this is one.
    pub fn meaning(&self) -> Option<Meaning<'_>> {
        self.scalar().map(Scalar::meaning)
    }

    /// The value under a key, when this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The entry of a key, when this is a mapping that has it.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries()?.iter().find(|entry| entry.key == key)
    }

    /// Whether this is null, or nothing was written.
    pub fn is_null(&self) -> bool {
        self.meaning() == Some(Meaning::Null)
    }

    /// Puts a text from outside the file (an environment variable) at a path of keys, over what stands there. Missing
    /// mappings on the way are made. A text that starts with `[` or `{` is read as YAML.
    ///
    /// # Errors
    /// When a key on the way holds something else than a mapping, or the text is not the YAML it starts as.
    pub fn set(&mut self, path: &[&str], text: &str) -> Result<(), Problem> {
        let mut value = Self::untyped(text);
        if text.starts_with(['[', '{']) {
            value = parse(text).map_err(|problems| {
                let first = problems.into_iter().next().map_or_else(String::new, |problem| problem.message);
                Problem::new("invalid-yaml", format!("not a YAML list or mapping: {first}")).under(path)
            })?;
            value.forget_positions();
        }
        let mut node = self;
        for (depth, key) in path.iter().enumerate() {
            if node.is_null() {
                node.value = Value::Mapping(Vec::new());
            }
            let Value::Mapping(entries) = &mut node.value else {
                let problem = Problem::new("wrong-type", "not a mapping, so nothing can be set below it");
                return Err(Problem { position: node.position, ..problem }.under(&path[..depth]));
            };
            let at = entries.iter().position(|entry| entry.key == *key).unwrap_or_else(|| {
                entries.push(Entry { key: (*key).to_owned(), key_position: None, value: Self::untyped("") });
                entries.len() - 1
            });
            node = &mut entries[at].value;
        }
        *node = value;
        Ok(())
    }

    /// The same as JSON. Numbers become JSON numbers, as exact as those are.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Sequence(items) => items.iter().map(Self::to_json).collect(),
            Value::Mapping(entries) => serde_json::Value::Object(
                entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect(),
            ),
            Value::Scalar(scalar) => match scalar.meaning() {
                Meaning::Null => serde_json::Value::Null,
                Meaning::Boolean(value) => value.into(),
                // Beyond what a JSON number of ours holds (1e999) the text itself is the least lossy.
                Meaning::Number(text) => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
                Meaning::Text(text) => text.into(),
            },
        }
    }

    /// What it is, for messages: `a list`, `text`, `null`, …
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
            Value::Scalar(scalar) => match scalar.meaning() {
                Meaning::Null => "nothing",
                Meaning::Boolean(_) => "a boolean",
                Meaning::Number(_) => "a number",
                Meaning::Text(_) => "text",
            },
        }
    }

    fn forget_positions(&mut self) {
        self.position = None;
        match &mut self.value {
            Value::Scalar(_) => {}
            Value::Sequence(items) => items.iter_mut().for_each(Self::forget_positions),
            Value::Mapping(entries) => {
                for entry in entries {
                    entry.key_position = None;
                    entry.value.forget_positions();
                }
            }
        }
    }

    /// Nodes and bytes of the tree, as [`Budget`] counts them.
    fn weight(&self) -> (usize, usize) {
        let sum = |a: (usize, usize), b: (usize, usize)| (a.0 + b.0, a.1 + b.1);
        match &self.value {
            Value::Scalar(scalar) => (1, scalar.text.len()),
            Value::Sequence(items) => items.iter().map(Self::weight).fold((1, 0), sum),
            Value::Mapping(entries) => {
                entries.iter().map(|entry| sum(entry.value.weight(), (0, entry.key.len()))).fold((1, 0), sum)
            }
        }
    }

    fn depth(&self) -> usize {
        match &self.value {
            Value::Scalar(_) => 0,
            Value::Sequence(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            Value::Mapping(entries) => 1 + entries.iter().map(|entry| entry.value.depth()).max().unwrap_or(0),
        }
    }
}

impl Scalar {
    /// What it means.
    pub fn meaning(&self) -> Meaning<'_> {
        let text = self.text.as_str();
        match (self.style, text) {
            (Style::Quoted, _) => Meaning::Text(text),
            (_, "" | "~" | "null" | "Null" | "NULL") => Meaning::Null,
            (_, "true" | "True" | "TRUE") => Meaning::Boolean(true),
            (_, "false" | "False" | "FALSE") => Meaning::Boolean(false),
            _ if is_json_number(text) => Meaning::Number(text),
            _ => Meaning::Text(text),
        }
    }
}

impl Problem {
    /// A problem without a place.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, position: None, path: String::new(), message: message.into(), hint: None }
    }

    fn under(mut self, path: &[&str]) -> Self {
        self.path = path.join(".");
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        if let Some(Position { line, column }) = self.position {
            write!(f, " at line {line}, column {column}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

/// Whether a text is a number by JSON's grammar.
fn is_json_number(text: &str) -> bool {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let whole = digits(unsigned);
    if whole == 0 || (whole > 1 && unsigned.starts_with('0')) {
        return false;
    }
    let mut rest = &unsigned[whole..];
    if let Some(fraction) = rest.strip_prefix('.') {
        let count = digits(fraction);
        if count == 0 {
            return false;
        }
        rest = &fraction[count..];
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let count = digits(exponent);
        return count > 0 && count == exponent.len();
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests;
