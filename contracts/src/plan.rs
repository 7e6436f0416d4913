//! A schema and its rules, compiled once, and run once over every event.
//!
//! [`Plan::encode_json`] turns plain JSON into the Avro body in one pass; [`Plan::check_avro`] walks an Avro body that
//! arrived encoded. Both name every violation of an event, and neither ever keeps or repeats a value.

use crate::{path::FieldPath, rule::Rule, schema::Schema, violation::Violations};
use std::ops::Range;

/// What a plan does where the mapping leaves a choice.
#[derive(Debug, Clone)]
pub struct PlanOptions {
    /// The fields whose Avro encodings together make the record's key (`tidegate.key`), none of them nullable.
    pub key: Vec<FieldPath>,
    /// The field that holds the event's id (`tidegate.eventId`).
    pub event_id: Option<FieldPath>,
    /// Fields that the schema does not declare: a violation, instead of being dropped and listed.
    pub reject_undeclared: bool,
    /// How JSON strings carry `bytes` and `fixed`.
    pub bytes_encoding: BytesEncoding,
    /// How much of an event is looked at.
    pub limits: Limits,
}

/// How JSON strings carry `bytes` and `fixed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BytesEncoding {
    /// RFC 4648 base64, with or without padding.
    #[default]
    Base64,
    /// One character of U+0000 to U+00FF a byte, as in Avro's own JSON.
    Latin1,
}

/// Bounds that keep hostile input cheap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Nesting of records, arrays, maps and unions.
    pub depth: u32,
    /// Array items and map entries in the whole event.
    pub items: u64,
    /// Bytes of one event, as it arrives and as it is encoded.
    pub bytes: usize,
    /// Violations listed; the rest is counted.
    pub violations: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 64, items: 100_000, bytes: 1 << 20, violations: 64 }
    }
}

/// Which JSON the caller writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum JsonForm {
    /// Plain JSON: no union wrappers (the documented mapping).
    #[default]
    Plain,
    /// Avro's own JSON encoding, with tagged unions.
    Avro,
}

/// What became of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It keeps the contract; the body is complete.
    Sound,
    /// Sound in structure, the body is complete, but it breaks a rule.
    BreaksRules,
    /// It cannot be written as the schema says; there is no body.
    Broken,
}

/// A schema and its rules, compiled.
#[derive(Debug)]
pub struct Plan {}

/// A rule, a key or an event id that does not fit the schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PlanProblem {
    /// The field it is about.
    pub path: FieldPath,
    /// Where the contract says so.
    pub position: Option<crate::diagnostic::Position>,
    /// What is wrong.
    pub message: String,
    /// The way out.
    pub hint: Option<String>,
}

/// What one run over an event leaves behind. Kept and reused between events, so that a good event allocates nothing.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Everything that is wrong.
    pub violations: Violations,
    /// Undeclared fields that were dropped, each once, bounded; names only.
    pub undeclared: Vec<String>,
    /// Undeclared fields beyond the bound.
    pub undeclared_more: u32,
    /// Fields that were missing and took the schema's default.
    pub defaulted: u32,
    /// Temporal values that had more digits than the schema's unit keeps.
    pub truncated: u32,
    /// Where the key's fields stand in the body, in the order of `tidegate.key`.
    pub key: Vec<Range<usize>>,
    /// Where the event id stands in the body.
    pub event_id: Option<Range<usize>>,
}

/// Where one JSON value of a longer text ended, or why it has no end.
pub type Extent = Result<usize, Malformed>;

/// Text that is not JSON. The rest of it cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at byte {offset}")]
pub struct Malformed {
    /// Where, in bytes from the start of the text.
    pub offset: usize,
    /// What is wrong.
    pub reason: &'static str,
}

impl Plan {
    /// Compiles a schema with its rules.
    ///
    /// # Errors
    /// Every rule, key path and event id that does not fit the schema, all at once.
    pub fn compile(_schema: &Schema, _rules: &[Rule], _options: PlanOptions) -> Result<Self, Vec<PlanProblem>> {
        unimplemented!()
    }

    /// Reads one JSON event and appends its Avro body to `out`. Anything but white space after it is malformed.
    /// A [`Verdict::Broken`] event leaves `out` as it was.
    pub fn encode_json(&self, _input: &[u8], _form: JsonForm, _out: &mut Vec<u8>, _outcome: &mut Outcome) -> Verdict {
        unimplemented!()
    }

    /// The same for a value that starts at `at` inside a longer text, such as an item of an array; also tells where the
    /// value ended. An error means that the whole text is not JSON from there on.
    pub fn encode_json_at(
        &self,
        _input: &[u8],
        _at: usize,
        _form: JsonForm,
        _out: &mut Vec<u8>,
        _outcome: &mut Outcome,
    ) -> (Verdict, Extent) {
        unimplemented!()
    }

    /// Walks an Avro body to its end: lengths, union branches, enum ranges, UTF-8, logical types, trailing bytes, rules.
    pub fn check_avro(&self, _body: &[u8], _outcome: &mut Outcome) -> Verdict {
        unimplemented!()
    }

    /// The event id of a body, as text, from where `outcome` says it stands.
    pub fn event_id(&self, _body: &[u8], _outcome: &Outcome) -> Option<String> {
        unimplemented!()
    }

    /// Appends the record key to `key`, without framing, and says whether there is one: the UTF-8 text when the key is one string, else
    /// the fields' Avro encodings in order, which is the body of the key schema.
    pub fn key(&self, _body: &[u8], _outcome: &Outcome, _key: &mut Vec<u8>) -> bool {
        unimplemented!()
    }
}
