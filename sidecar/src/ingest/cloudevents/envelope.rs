//! The JSON format: an envelope with the event inside, and arrays of such.

use super::{Attributes, Broken, Reader};
use crate::ingest::media::Media;
use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode::Indifferent, GeneralPurpose, GeneralPurposeConfig},
};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt};
use tidegate_contracts::violation::{Clause, Violations};

/// A CloudEvent taken out of its envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Envelope<'a> {
    /// What stood around the event.
    pub attributes: Attributes<'a>,
    /// The event.
    pub data: Data<'a>,
}

/// The event of an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Data<'a> {
    /// JSON text.
    Json(Cow<'a, [u8]>),
    /// An Avro body.
    Avro(Vec<u8>),
    /// A framed Avro body.
    Framed(Vec<u8>),
}

/// The text is not JSON, from here on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not JSON at line {line}, column {column}")]
pub(crate) struct NotJson {
    /// The line, from 1.
    pub line: usize,
    /// The column in bytes, from 1.
    pub column: usize,
}

impl From<serde_json::Error> for NotJson {
    fn from(error: serde_json::Error) -> Self {
        // Its text is left out: it may repeat what was found.
        Self { line: error.line(), column: error.column() }
    }
}

const BASE64: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_padding_mode(Indifferent));

/// Opens one envelope.
///
/// # Errors
/// The outer one when the text is not JSON, the inner one with everything that is wrong with the envelope.
pub(crate) fn open(text: &[u8]) -> Result<Result<Envelope<'_>, Broken>, NotJson> {
    let parts: Parts<'_> = serde_json::from_slice(text)?;
    Ok(parts.judge())
}

/// What is wrong with an item of [`each`] that cannot be opened: by its grammar alone it is JSON.
pub(crate) fn unreadable() -> Broken {
    let mut reader = Reader::default();
    let expected = "texts without lone surrogates, and numbers that a double can hold";
    reader.break_at("", Clause::Encoding, expected, "others");
    Violations { listed: reader.violations, more: 0 }.into()
}

/// Calls `take` with each item of a JSON array, until it says no.
///
/// # Errors
/// When the text is not a JSON array. Items before that place have been taken.
pub(crate) fn each<'a>(text: &'a [u8], take: &mut dyn FnMut(&'a [u8]) -> bool) -> Result<(), NotJson> {
    let mut stopped = false;
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let items = Items { take, stopped: &mut stopped };
    let result = items.deserialize(&mut deserializer).and_then(|()| deserializer.end());
    match result {
        Err(_) if stopped => Ok(()),
        result => result.map_err(NotJson::from),
    }
}

/// Attributes that are strings; the others may be whole numbers and booleans too.
const STRINGS: [&str; 8] = ["specversion", "id", "source", "type", "datacontenttype", "dataschema", "subject", "time"];

struct Items<'f, 'a> {
    take: &'f mut dyn FnMut(&'a [u8]) -> bool,
    stopped: &'f mut bool,
}

impl<'a> DeserializeSeed<'a> for Items<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'a> Visitor<'a> for Items<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element::<&'a RawValue>()? {
            if !(self.take)(item.get().as_bytes()) {
                *self.stopped = true;
                return Err(A::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}

/// An envelope as it was written.
#[derive(Default)]
struct Parts<'a> {
    is_object: bool,
    reader: Reader<'a>,
    data: Option<&'a RawValue>,
    data_base64: Option<Cow<'a, str>>,
}

impl<'a> Parts<'a> {
    fn judge(mut self) -> Result<Envelope<'a>, Broken> {
        if !self.is_object {
            self.reader.break_at("", Clause::Type, "a CloudEvent, a JSON object", "another value");
            return Err(Violations { listed: self.reader.violations, more: 0 }.into());
        }
        let media = match self.reader.content_type.as_deref() {
            None => Some(Media::Json),
            Some(name) if is_json(name) => Some(Media::Json),
            Some(name) => Media::parse(name).filter(|media| matches!(media, Media::Avro | Media::Framed)),
        };
        let expected = "application/json, application/avro or application/vnd.confluent.avro";
        if media.is_none() {
            self.reader.break_at("datacontenttype", Clause::InvalidValues, expected, "another content type");
        }
        let data = match (media, self.data, self.data_base64.take()) {
            (_, Some(_), Some(_)) => {
                self.reader.break_at("data", Clause::DuplicateKey, "data or data_base64", "both");
                None
            }
            (_, None, None) => {
                self.reader.break_at("data", Clause::Missing, "the event", "nothing");
                None
            }
            (Some(Media::Json), Some(data), None) => Some(Data::Json(Cow::Borrowed(data.get().as_bytes()))),
            (_, Some(_), None) => {
                self.reader.break_at("data", Clause::Type, "Avro in data_base64", "JSON in data");
                None
            }
            (media, None, Some(text)) => match BASE64.decode(text.as_bytes()) {
                Ok(bytes) => match media {
                    Some(Media::Avro) => Some(Data::Avro(bytes)),
                    Some(Media::Framed) => Some(Data::Framed(bytes)),
                    _ => Some(Data::Json(Cow::Owned(bytes))),
                },
                Err(_) => {
                    self.reader.break_at("data_base64", Clause::Syntax, "base64", "string");
                    None
                }
            },
        };
        let (attributes, _) = self.reader.finish()?;
        match data {
            Some(data) => Ok(Envelope { attributes, data }),
            // Whatever left it empty has broken something, so that `finish` has said so.
            None => Err(Broken::default()),
        }
    }
}

/// `application/json` and whatever ends in `+json`: the envelope's `data` is then JSON itself.
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    Media::parse(content_type) == Some(Media::Json) || essence.ends_with("/json") || essence.ends_with("+json")
}

impl<'de> Deserialize<'de> for Parts<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PartsVisitor)
    }
}

struct PartsVisitor;

impl<'de> Visitor<'de> for PartsVisitor {
    type Value = Parts<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parts<'de>, A::Error> {
        let mut parts = Parts { is_object: true, ..Parts::default() };
        while let Some(Text(name)) = map.next_key()? {
            match name.as_ref() {
                "data" => {
                    let data = map.next_value()?;
                    if parts.data.replace(data).is_some() {
                        parts.reader.break_at("data", Clause::DuplicateKey, "the event once", "a second one");
                    }
                }
                "data_base64" => match map.next_value()? {
                    Scalar::Text(text) => {
                        if parts.data_base64.replace(text).is_some() {
                            parts.reader.break_at(
                                "data_base64",
                                Clause::DuplicateKey,
                                "the event once",
                                "a second one",
                            );
                        }
                    }
                    Scalar::Null => {}
                    Scalar::Plain(_, found) | Scalar::Other(found) => {
                        parts.reader.break_at("data_base64", Clause::Type, "a string", found);
                    }
                },
                attribute => match map.next_value()? {
                    Scalar::Text(value) => parts.reader.set(attribute, value),
                    Scalar::Plain(_, found) if STRINGS.contains(&attribute) => {
                        parts.reader.break_at(attribute, Clause::Type, "a string", found);
                    }
                    Scalar::Plain(value, _) => parts.reader.set(attribute, value),
                    // An attribute that is null is not there.
                    Scalar::Null => {}
                    Scalar::Other(found) => {
                        let known = attribute.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
                        let name = if known && attribute.len() <= super::MAX_NAME { attribute } else { "" };
                        parts.reader.break_at(name, Clause::Type, "a string, a whole number or a boolean", found);
                    }
                },
            }
        }
        Ok(parts)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Parts<'de>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Parts::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Parts<'de>, E> {
        Ok(Parts::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Parts<'de>, E> {
        Ok(Parts::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Parts<'de>, E> {
        Ok(Parts::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Parts<'de>, E> {
        Ok(Parts::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<Parts<'de>, E> {
        Ok(Parts::default())
    }

    fn visit_unit<E>(self) -> Result<Parts<'de>, E> {
        Ok(Parts::default())
    }
}

/// A string, borrowed where it holds no escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Scalar::deserialize(deserializer)? {
            Scalar::Text(text) => Ok(Self(text)),
            _ => Err(D::Error::custom("not a string")),
        }
    }
}

/// The value of an attribute.
enum Scalar<'a> {
    Text(Cow<'a, str>),
    /// A whole number or a boolean as its text, and what it was.
    Plain(Cow<'a, str>, &'static str),
    Null,
    Other(&'static str),
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Plain(Cow::Borrowed(if value { "true" } else { "false" }), "boolean"))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Plain(Cow::Owned(value.to_string()), "number"))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Plain(Cow::Owned(value.to_string()), "number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Other("a number with a fraction"))
    }

    fn visit_unit<E>(self) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Scalar<'de>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other("array"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other("object"))
    }
}
