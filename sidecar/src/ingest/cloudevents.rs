//! CloudEvents 1.0 as callers send them: HTTP headers beside the event, or a JSON envelope around it.
//!
//! What is wrong with an envelope is a violation of its event, named as the record header it would have become
//! (`ce_id`); attribute values never show in one.

mod envelope;

pub(super) use envelope::{Data, Envelope, NotJson, each, open, unreadable};

use hyper::HeaderMap;
use std::borrow::Cow;
use tidegate_contracts::violation::{Clause, Violation, Violations};

/// More than anybody uses; what one event costs in headers stays bounded.
const MAX_EXTENSIONS: usize = 32;
/// CloudEvents asks for at most 20 characters, and does not insist.
const MAX_NAME: usize = 64;

/// The attributes that a caller gave an event.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Attributes<'a> {
    /// `id`
    pub id: Option<Cow<'a, str>>,
    /// `source`. A published record has ours in its place.
    pub source: Option<Cow<'a, str>>,
    /// `dataschema`. A published record has ours in its place.
    pub data_schema: Option<Cow<'a, str>>,
    /// `type`
    pub event_type: Option<Cow<'a, str>>,
    /// `time`, RFC 3339
    pub time: Option<Cow<'a, str>>,
    /// `subject` and the extensions, by the name of the record header (`ce_subject`).
    pub others: Vec<(Cow<'static, str>, Cow<'a, str>)>,
}

/// What is wrong with a CloudEvent.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Everything.
    pub violations: Violations,
    /// Its `id`, if nothing is wrong with that.
    pub id: Option<String>,
}

impl From<Violations> for Broken {
    fn from(violations: Violations) -> Self {
        Self { violations, id: None }
    }
}

impl Attributes<'_> {
    /// The `partitionkey` extension.
    pub fn partition_key(&self) -> Option<&str> {
        self.others.iter().find(|(name, _)| name == "ce_partitionkey").map(|(_, value)| value.as_ref())
    }
}

/// Whether a request's headers describe a CloudEvent, in binary mode.
pub(super) fn in_headers(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| name.as_str().starts_with("ce-"))
}

/// Reads the attributes of a CloudEvent in binary mode.
///
/// # Errors
/// With everything that is wrong with them.
pub(super) fn from_headers(headers: &HeaderMap) -> Result<Attributes<'static>, Broken> {
    let mut reader = Reader::default();
    for name in headers.keys() {
        let Some(attribute) = name.as_str().strip_prefix("ce-") else { continue };
        for value in headers.get_all(name) {
            match decode(value.as_bytes()) {
                Some(text) => reader.set(attribute, Cow::Owned(text)),
                None => reader.break_at(attribute, Clause::Encoding, "percent-encoded UTF-8", "other bytes"),
            }
        }
    }
    reader.finish().map(|(attributes, _)| attributes)
}

/// Undoes the HTTP binding's encoding of a header value: quotes, then percent signs.
fn decode(value: &[u8]) -> Option<String> {
    let mut unquoted = Cow::Borrowed(value);
    if let [b'"', inner @ .., b'"'] = value {
        let mut bytes = inner.iter();
        let mut plain = Vec::with_capacity(inner.len());
        while let Some(byte) = bytes.next() {
            plain.push(if *byte == b'\\' { *bytes.next()? } else { *byte });
        }
        unquoted = Cow::Owned(plain);
    }
    let decoded: Cow<'_, [u8]> = percent_encoding::percent_decode(&unquoted).into();
    String::from_utf8(decoded.into_owned()).ok()
}

/// Takes attributes one by one and keeps what is wrong with them.
#[derive(Debug, Default)]
struct Reader<'a> {
    attributes: Attributes<'a>,
    content_type: Option<Cow<'a, str>>,
    /// `specversion` was there.
    versioned: bool,
    violations: Vec<Violation>,
}

impl<'a> Reader<'a> {
    fn set(&mut self, name: &str, value: Cow<'a, str>) {
        if name.is_empty()
            || name.len() > MAX_NAME
            || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        {
            // The name is not repeated: it may be anything.
            return self.violations.push(Violation {
                path: "ce_".into(),
                position: None,
                clause: Clause::Syntax,
                expected: "attribute names of at most 64 letters a to z and digits".into(),
                found: "another name".into(),
                hint: None,
            });
        }
        if !value.chars().all(may_stand) {
            return self.break_at(name, Clause::Syntax, "text without control characters", "string");
        }
        let (taken, may_be_empty) = match name {
            "specversion" => {
                if value != "1.0" {
                    self.break_at(name, Clause::InvalidValues, "\"1.0\"", "string");
                }
                (std::mem::replace(&mut self.versioned, true), true)
            }
            "source" => (self.attributes.source.replace(value.clone()).is_some(), false),
            "dataschema" => (self.attributes.data_schema.replace(value.clone()).is_some(), false),
            "time" => {
                if !is_rfc3339(value.as_bytes()) {
                    self.break_at(name, Clause::Syntax, "a moment as RFC 3339 has it", "string");
                }
                (self.attributes.time.replace(value.clone()).is_some(), true)
            }
            "id" => (self.attributes.id.replace(value.clone()).is_some(), false),
            "type" => (self.attributes.event_type.replace(value.clone()).is_some(), false),
            "datacontenttype" => (self.content_type.replace(value.clone()).is_some(), false),
            // It would shadow the payload's own place.
            "data" => return self.break_at(name, Clause::Syntax, "the event in the body", "an attribute"),
            extension => {
                let header = format!("ce_{extension}");
                let taken = self.attributes.others.iter().any(|(name, _)| *name == header);
                if !taken && self.attributes.others.len() < MAX_EXTENSIONS {
                    self.attributes.others.push((header.into(), value.clone()));
                } else if !taken {
                    self.break_at(name, Clause::Limit, "at most 32 extensions", "more");
                }
                (taken, extension != "subject")
            }
        };
        if taken {
            self.break_at(name, Clause::DuplicateKey, "each attribute once", "a second one");
        }
        if value.is_empty() && !may_be_empty {
            self.break_at(name, Clause::MinLength, "at least one character", "an empty string");
        }
    }

    fn break_at(&mut self, name: &str, clause: Clause, expected: &str, found: &'static str) {
        // What is wrong with very many attributes is not listed attribute by attribute.
        if self.violations.len() < 2 * MAX_EXTENSIONS {
            self.violations.push(Violation {
                path: format!("ce_{name}"),
                position: None,
                clause,
                expected: expected.to_owned(),
                found: found.into(),
                hint: None,
            });
        }
    }

    /// The attributes and the `datacontenttype`, if nothing is wrong with them.
    fn finish(mut self) -> Result<(Attributes<'a>, Option<Cow<'a, str>>), Broken> {
        let required = [
            ("specversion", self.versioned),
            ("id", self.attributes.id.is_some()),
            ("source", self.attributes.source.is_some()),
            ("type", self.attributes.event_type.is_some()),
        ];
        for (name, there) in required {
            let said = self.violations.iter().any(|violation| violation.path.strip_prefix("ce_") == Some(name));
            if !there && !said {
                self.break_at(name, Clause::Missing, "what every CloudEvent has", "nothing");
            }
        }
        match self.violations.is_empty() {
            true => Ok((self.attributes, self.content_type)),
            false => {
                let sound = self.violations.iter().all(|violation| violation.path != "ce_id");
                let id = self.attributes.id.filter(|_| sound).map(Cow::into_owned);
                Err(Broken { violations: Violations { listed: self.violations, more: 0 }, id })
            }
        }
    }
}

/// Characters that a CloudEvents string may hold: no control characters, no noncharacters.
pub(super) fn may_stand(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{fdd0}'..='\u{fdef}') && u32::from(c) & 0xfffe != 0xfffe
}

/// Whether a text is a moment as RFC 3339 writes it. Days are not counted by month: a header is not calculated with.
fn is_rfc3339(text: &[u8]) -> bool {
    let digits = |range: std::ops::Range<usize>| {
        let part = text.get(range)?;
        part.iter().try_fold(0u32, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0')))
    };
    let within = |range, low, high| digits(range).is_some_and(|value| (low..=high).contains(&value));
    let is = |at: usize, choices: &[u8]| text.get(at).is_some_and(|byte| choices.contains(byte));
    let head = digits(0..4).is_some()
        && is(4, b"-")
        && within(5..7, 1, 12)
        && is(7, b"-")
        && within(8..10, 1, 31)
        && is(10, b"Tt ")
        && within(11..13, 0, 23)
        && is(13, b":")
        && within(14..16, 0, 59)
        && is(16, b":")
        && within(17..19, 0, 60);
    if !head {
        return false;
    }
    let mut at = 19;
    if is(at, b".") {
        let fraction = text[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if fraction == 0 {
            return false;
        }
        at += 1 + fraction;
    }
    match text.get(at) {
        Some(b'Z' | b'z') => text.len() == at + 1,
        Some(b'+' | b'-') => {
            text.len() == at + 6 && within(at + 1..at + 3, 0, 23) && is(at + 3, b":") && within(at + 4..at + 6, 0, 59)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
