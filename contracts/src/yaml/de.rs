//! Reading types out of a tree, so that an error names the place and the keys that lead there.

use super::{Meaning, Node, Problem, Scalar, Style, Value};
use crate::diagnostic::{Position, nearest};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, Expected, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, VariantAccess, Visitor, value::StrDeserializer,
};
use std::fmt;

/// Reads a type out of a tree. A scalar read as a string gives its source text, whatever it looks like; nothing read as
/// a mapping is an empty one.
///
/// # Errors
/// The first problem, with its place and its path of keys. The message never repeats a value, which may be a secret,
/// except one that is none of several known words.
pub fn from_node<T: DeserializeOwned>(node: &Node) -> Result<T, Problem> {
    T::deserialize(Reader(node)).map_err(|error| {
        let Rising { problem, path, .. } = *error.0;
        Problem { path: join(&path), ..problem }
    })
}

/// A problem on its way up. Boxed, since every step of the reading passes it on.
#[derive(Debug)]
struct Error(Box<Rising>);

#[derive(Debug)]
struct Rising {
    problem: Problem,
    /// Whether its place is known, even if that is "not in the file".
    placed: bool,
    /// Keys and list positions, innermost first.
    path: Vec<String>,
}

impl Error {
    fn new(code: &'static str, message: String) -> Self {
        Self(Box::new(Rising { problem: Problem::new(code, message), placed: false, path: Vec::new() }))
    }

    fn hint(mut self, hint: String) -> Self {
        self.0.problem.hint = Some(hint);
        self
    }

    fn at(mut self, position: Option<Position>) -> Self {
        if !self.0.placed {
            self.0.placed = true;
            self.0.problem.position = position;
        }
        self
    }

    fn below(mut self, step: String) -> Self {
        self.0.path.push(step);
        self
    }
}

fn join(path: &[String]) -> String {
    let mut joined = String::new();
    for step in path.iter().rev() {
        if !joined.is_empty() && !step.starts_with('[') {
            joined.push('.');
        }
        joined.push_str(step);
    }
    joined
}

fn suggest(word: &str, known: &'static [&'static str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("known are {}", known.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")),
    }
}

fn kind(unexpected: &Unexpected<'_>) -> &'static str {
    match unexpected {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "a number",
        Unexpected::Char(_) | Unexpected::Str(_) | Unexpected::Bytes(_) => "text",
        Unexpected::Unit | Unexpected::Option => "nothing",
        Unexpected::Seq => "a list",
        Unexpected::Map => "a mapping",
        _ => "something else",
    }
}

impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new("invalid-value", message.to_string())
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new("wrong-type", format!("expected {expected}, found {}", kind(&unexpected)))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(
            "invalid-value",
            format!(
                "this {} is none that is taken here, expected {expected}",
                kind(&unexpected).trim_start_matches("a ")
            ),
        )
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::new("wrong-type", format!("expected {expected}, found {length} items"))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new("unknown-key", format!("unknown key `{field}`")).hint(suggest(field, expected))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::new("invalid-value", format!("unknown value `{variant}`")).hint(suggest(variant, expected))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new("missing-key", format!("`{field}` is missing"))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new("duplicate-key", format!("`{field}` is given twice")).hint("it may have another name, too".to_owned())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.problem.fmt(f)
    }
}

impl std::error::Error for Error {}

#[derive(Clone, Copy)]
struct Reader<'n>(&'n Node);

impl<'n> Reader<'n> {
    fn wrong_type<T>(self, expected: &dyn Expected) -> Result<T, Error> {
        Err(Error::new("wrong-type", format!("expected {expected}, found {}", self.0.kind())).at(self.0.position))
    }

    /// Runs `read`, and gives its error this node's place if it has none.
    fn placed<T>(self, read: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        read().map_err(|error| error.at(self.0.position))
    }

    fn text(self) -> Option<&'n str> {
        match &self.0.value {
            Value::Scalar(scalar @ Scalar { text, style }) => {
                (*style != Style::Plain || scalar.meaning() != Meaning::Null).then_some(text)
            }
            _ => None,
        }
    }

    fn number<'de, V: Visitor<'de>>(self, text: &str, visitor: V) -> Result<V::Value, Error> {
        match (text.parse::<u64>(), text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(number), _, _) => visitor.visit_u64(number),
            (_, Ok(number), _) => visitor.visit_i64(number),
            (_, _, Ok(number)) => visitor.visit_f64(number),
            _ => Err(Error::custom("not a number")),
        }
    }
}

macro_rules! by_meaning {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.deserialize_any(visitor)
        }
    )*};
}

macro_rules! by_text {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.text() {
                Some(text) => self.placed(|| visitor.visit_str(text)),
                None => self.wrong_type(&visitor),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.placed(|| match &self.0.value {
            Value::Sequence(items) => visitor.visit_seq(Items { items, at: 0 }),
            Value::Mapping(_) => self.deserialize_map(visitor),
            Value::Scalar(scalar) => match scalar.meaning() {
                Meaning::Null => visitor.visit_unit(),
                Meaning::Boolean(value) => visitor.visit_bool(value),
                Meaning::Number(text) => self.number(text, visitor),
                Meaning::Text(text) => visitor.visit_str(text),
            },
        })
    }

    by_meaning! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32
        deserialize_f64 deserialize_unit deserialize_seq
    }
    by_text! { deserialize_char deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf deserialize_identifier }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0.is_null() {
            true => visitor.visit_none(),
            false => self.placed(|| visitor.visit_some(self)),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        self.placed(|| visitor.visit_newtype_struct(self))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.0.value {
            Value::Mapping(entries) => self.placed(|| visitor.visit_map(Entries { entries, at: 0 })),
            // All keys below it were commented out.
            _ if self.0.is_null() => self.placed(|| visitor.visit_map(Entries { entries: &[], at: 0 })),
            _ => self.wrong_type(&visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &self.0.value {
            Value::Mapping(entries) if entries.len() == 1 => self.placed(|| visitor.visit_enum(Tagged(self.0))),
            Value::Scalar(_) if self.text().is_some() => self.placed(|| visitor.visit_enum(Tagged(self.0))),
            Value::Mapping(entries) => {
                let message = format!("expected one key that says which, found {}", entries.len());
                Err(Error::new("wrong-type", message).at(self.0.position))
            }
            _ => self.wrong_type(&visitor),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }
}

struct Items<'n> {
    items: &'n [Node],
    at: usize,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(item) = self.items.get(self.at) else { return Ok(None) };
        self.at += 1;
        let value = seed.deserialize(Reader(item));
        value.map(Some).map_err(|error| error.at(item.position).below(format!("[{}]", self.at - 1)))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len() - self.at)
    }
}

struct Entries<'n> {
    entries: &'n [super::Entry],
    at: usize,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some(entry) = self.entries.get(self.at) else { return Ok(None) };
        let key: StrDeserializer<'_, Error> = entry.key.as_str().into_deserializer();
        seed.deserialize(key).map(Some).map_err(|error| error.at(entry.key_position).below(entry.key.clone()))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let Some(entry) = self.entries.get(self.at) else { return Err(Error::custom("a value without a key")) };
        self.at += 1;
        let value = seed.deserialize(Reader(&entry.value));
        value.map_err(|error| error.at(entry.value.position).below(entry.key.clone()))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len() - self.at)
    }
}

/// An enum: its variant's name, or a mapping of that to what the variant holds.
struct Tagged<'n>(&'n Node);

impl<'de, 'n> EnumAccess<'de> for Tagged<'n> {
    type Error = Error;
    type Variant = Content<'n>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Content<'n>), Error> {
        let entry = self.0.entries().and_then(<[_]>::first);
        let (name, position) = match entry {
            Some(entry) => (entry.key.as_str(), entry.key_position),
            None => (Reader(self.0).text().unwrap_or_default(), self.0.position),
        };
        let name: StrDeserializer<'_, Error> = name.into_deserializer();
        let variant = seed.deserialize(name).map_err(|error| error.at(position))?;
        Ok((variant, Content { node: self.0, entry }))
    }
}

struct Content<'n> {
    node: &'n Node,
    entry: Option<&'n super::Entry>,
}

impl<'n> Content<'n> {
    fn read<T>(self, read: impl FnOnce(Reader<'n>) -> Result<T, Error>) -> Result<T, Error> {
        match self.entry {
            Some(entry) => read(Reader(&entry.value)).map_err(|error| error.below(entry.key.clone())),
            None => {
                let name = Reader(self.node).text().unwrap_or_default();
                Err(Error::new("wrong-type", format!("`{name}` needs something below it")).at(self.node.position))
            }
        }
    }
}

impl<'de> VariantAccess<'de> for Content<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        match self.entry {
            Some(entry) if !entry.value.is_null() => {
                Err(Error::new("wrong-type", format!("`{}` takes nothing below it", entry.key)).at(entry.key_position))
            }
            _ => Ok(()),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        self.read(|reader| seed.deserialize(reader))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.read(|reader| reader.deserialize_any(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        self.read(|reader| reader.deserialize_map(visitor))
    }
}
