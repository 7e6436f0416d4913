//! A schema and its rules, compiled once, and run once over every event.
//!
//! [`Plan::encode_json`] turns plain JSON into the Avro body in one pass; [`Plan::check_avro`] walks an Avro body that
//! arrived encoded. Both name every violation of an event, and neither ever keeps or repeats a value.
//!
//! # Plain JSON
//!
//! | Avro | JSON |
//! |---|---|
//! | null, boolean, string | as they are |
//! | int, long | a number that is whole, however it is written (`2.0` and `2e0` are 2), and in range |
//! | float, double | a number, rounded correctly; one that overflows is a violation |
//! | bytes, fixed | a string of base64 with or without padding, or of one character a byte ([`BytesEncoding`]) |
//! | enum | a symbol; the enum's default is for readers |
//! | array, map, record | an array; objects, in which no key stands twice |
//! | union | the value itself, without a wrapper |
//! | decimal | a number or a string, exact: never rounded |
//! | date, time-*, timestamp-*, local-timestamp-* | an ISO 8601 string, or a whole number in the schema's unit |
//! | uuid | 8-4-4-4-12 hexadecimal digits |
//! | duration | an ISO 8601 string such as `P1M2DT3.5S`; what is none is read as the bytes of the fixed |
//!
//! Fields come in any order, under their names: aliases are for readers. A missing one takes the schema's default, and
//! without one it is a violation, also when it may be null. What the schema does not declare is dropped and listed, or a
//! violation, as the contract says. A
//! timestamp has an offset and a local one has none; seconds and their fraction may be left out, and digits beyond the
//! unit are cut and counted. A union takes the first branch that takes the value with nothing left over (no field
//! dropped, no digit cut), else the first that takes it at all; [`ambiguous_unions`] names those where that matters.
//!
//! [`JsonForm::Avro`] is Avro's own JSON: unions tagged, bytes as characters, logical types as what they stand on. The
//! order of the fields and their defaults are as in plain JSON.
//!
//! # Rules
//!
//! A [`Rule`] is about one path. In a recursive schema that is one level: `children[].name` is not
//! `children[].children[].name`. What a rule compares with is read in the field's own type and unit, exactly.

mod ambiguity;
mod base64;
mod binary;
mod compile;
mod describe;
mod json;
mod names;
mod node;
mod number;
mod report;
mod rules;
mod scan;
mod skip;
mod temporal;
#[cfg(test)]
mod tests;

pub use ambiguity::{AmbiguousUnion, ambiguous_unions};
pub use rules::FORMATS;
pub(crate) use temporal::moment;

use crate::{path::FieldPath, rule::Rule, schema::Schema, violation::Violations};
use node::{EnumPlan, Node, NodeId, Op, RecordPlan, UnionPlan};
use std::ops::Range;

/// However a plan is configured, it never goes deeper, so that no stack can overflow.
pub const MAX_DEPTH: u32 = 200;

/// Undeclared fields that are listed by name; the rest is counted.
pub const UNDECLARED_LISTED: usize = 32;

const EVENT_ID_TYPES: &str = "a string, a UUID, an enum, an int or a long, and stands in no union of several types";

/// What a plan does where the mapping leaves a choice.
#[derive(Debug, Clone, Default)]
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
    /// Nesting of records, arrays and maps, at most [`MAX_DEPTH`]. Unions add none of their own.
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
///
/// ```
/// use tidegate_contracts::plan::{JsonForm, Limits, Outcome, Plan, PlanOptions, Verdict};
/// use tidegate_contracts::rule::{Check, Literal, Rule};
/// use tidegate_contracts::schema::Schema;
///
/// let schema = Schema::parse(r#"{"type": "record", "name": "Reading", "fields": [
///     {"name": "sensor", "type": "string"},
///     {"name": "celsius", "type": "double"},
///     {"name": "note", "type": ["null", "string"], "default": null}
/// ]}"#).unwrap();
/// let cold = Check::Minimum(Literal::Number("-273.15".to_owned()));
/// let rules = [Rule { path: "celsius".parse().unwrap(), check: cold, position: None }];
/// let options = PlanOptions { key: vec!["sensor".parse().unwrap()], ..PlanOptions::default() };
/// let plan = Plan::compile(&schema, &rules, options).unwrap();
///
/// let (mut body, mut outcome) = (Vec::new(), Outcome::default());
/// let verdict = plan.encode_json(br#"{"celsius": 21.5, "sensor": "attic"}"#, JsonForm::Plain, &mut body, &mut outcome);
/// assert_eq!(verdict, Verdict::Sound);
/// assert_eq!(outcome.defaulted, 1);
/// let mut key = Vec::new();
/// assert!(plan.key(&body, &outcome, &mut key));
/// assert_eq!(key, b"attic");
///
/// let mut body = Vec::new();
/// let verdict = plan.encode_json(br#"{"sensor": 7, "celsius": -300}"#, JsonForm::Plain, &mut body, &mut outcome);
/// assert_eq!(verdict, Verdict::Broken);
/// let broken: Vec<_> = outcome.violations.listed.iter().map(|found| (&*found.path, found.clause.name())).collect();
/// assert_eq!(broken, [("sensor", "type"), ("celsius", "minimum")]);
/// ```
#[derive(Debug)]
pub struct Plan {
    nodes: Vec<Node>,
    records: Vec<RecordPlan>,
    enums: Vec<EnumPlan>,
    unions: Vec<UnionPlan>,
    checks: Vec<rules::CheckPlan>,
    /// The encoded defaults of all fields.
    defaults: Vec<u8>,
    root: NodeId,
    limits: Limits,
    bytes_encoding: BytesEncoding,
    reject_undeclared: bool,
    /// The nodes of the key's fields.
    key: Vec<NodeId>,
    event_id: Option<NodeId>,
}

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
    /// The event id, as text, of a JSON event that is broken elsewhere. Nothing of its body is kept to read it from.
    pub broken_id: Option<String>,
    scratch: Scratch,
}

/// Buffers of a running pass.
#[derive(Debug, Default)]
struct Scratch {
    /// Where the fields of the records that are open stand in the body.
    slots: Vec<(u32, u32)>,
    /// Where items and map keys stand in the body, to compare them.
    spans: Vec<(u32, u32)>,
    /// Where the captures stand in the body: the key's fields, then the event id.
    captures: Vec<(u32, u32)>,
    /// A record in the schema's order.
    stitch: Vec<u8>,
    /// A string without its escapes.
    text: Vec<u8>,
    skip: skip::SkipBuffers,
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
    pub fn compile(schema: &Schema, rules: &[Rule], options: PlanOptions) -> Result<Self, Vec<PlanProblem>> {
        compile::compile(schema, rules, options, rules::Literals::OfThisSchema)
    }

    /// Compiles another version of the schema that the rules were written for. A value in a rule that this version
    /// cannot express (a symbol that its enum does not have yet) is no mistake: its events cannot have it.
    ///
    /// # Errors
    /// As [`Plan::compile`], for what is left: a rule about another kind of type.
    pub fn compile_version(schema: &Schema, rules: &[Rule], options: PlanOptions) -> Result<Self, Vec<PlanProblem>> {
        compile::compile(schema, rules, options, rules::Literals::OfAnotherVersion)
    }

    /// Reads one JSON event and appends its Avro body to `out`. Anything but white space after it is malformed.
    /// A [`Verdict::Broken`] event leaves `out` as it was.
    pub fn encode_json(&self, input: &[u8], form: JsonForm, out: &mut Vec<u8>, outcome: &mut Outcome) -> Verdict {
        self.encode(input, form, out, outcome)
    }

    /// The same for a value that starts at `at` inside a longer text, such as an item of an array; also tells where the
    /// value ended. An error means that the whole text is not JSON from there on.
    pub fn encode_json_at(
        &self,
        input: &[u8],
        at: usize,
        form: JsonForm,
        out: &mut Vec<u8>,
        outcome: &mut Outcome,
    ) -> (Verdict, Extent) {
        self.encode_at(input, at, form, out, outcome)
    }

    /// Walks an Avro body to its end: lengths, union branches, enum ranges, UTF-8, logical types, trailing bytes, rules.
    pub fn check_avro(&self, body: &[u8], outcome: &mut Outcome) -> Verdict {
        self.walk(body, outcome)
    }

    /// The event id of a body, as text, from where `outcome` says it stands. Nothing when the contract names none, or
    /// it is null.
    pub fn event_id(&self, body: &[u8], outcome: &Outcome) -> Option<String> {
        self.read_text(self.event_id?, body.get(outcome.event_id.clone()?)?)
    }

    /// Appends the record key to `key`, without framing, and says whether there is one: the UTF-8 text when the key is
    /// one string, else the fields' Avro encodings in order, which is the body of the key schema.
    pub fn key(&self, body: &[u8], outcome: &Outcome, key: &mut Vec<u8>) -> bool {
        if self.key.is_empty() || outcome.key.len() != self.key.len() {
            return false;
        }
        let fields = || outcome.key.iter().filter_map(|range| body.get(range.clone()));
        match self.key.as_slice() {
            [field] if matches!(self.node(*field).op, Op::String | Op::Uuid) => {
                key.extend(fields().filter_map(binary::sized).flatten());
            }
            _ => key.extend(fields().flatten()),
        }
        true
    }

    fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }

    /// A scalar's encoding as text.
    fn read_text(&self, id: NodeId, bytes: &[u8]) -> Option<String> {
        let number = || binary::long(bytes).map(|(number, _)| number);
        match self.node(id).op {
            Op::String | Op::Uuid => Some(std::str::from_utf8(binary::sized(bytes)?).ok()?.to_owned()),
            Op::Int | Op::Long | Op::Temporal(_) => Some(number()?.to_string()),
            Op::Enum(at) => self.enums[at as usize].symbols.get(usize::try_from(number()?).ok()?).cloned(),
            Op::UuidFixed => {
                let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| hex.get(part).unwrap_or_default());
                Some(parts.join("-"))
            }
            Op::Optional { item, null, .. } => match binary::long(bytes)? {
                (branch, _) if branch == i64::from(null) => None,
                (_, rest) => self.read_text(item, rest),
            },
            Op::Union(at) => {
                let (branch, rest) = binary::long(bytes)?;
                let branch = self.unions[at as usize].branches.get(usize::try_from(branch).ok()?)?;
                self.read_text(branch.node, rest)
            }
            _ => None,
        }
    }
}

impl Outcome {
    /// Forgets the last event; keeps the buffers.
    fn begin(&mut self, plan: &Plan) {
        self.violations.listed.clear();
        self.violations.more = 0;
        self.undeclared.clear();
        self.undeclared_more = 0;
        self.defaulted = 0;
        self.truncated = 0;
        self.key.clear();
        self.event_id = None;
        self.broken_id = None;
        let scratch = &mut self.scratch;
        scratch.slots.clear();
        scratch.spans.clear();
        scratch.skip.keys.clear();
        scratch.captures.clear();
        scratch.captures.resize(plan.key.len() + usize::from(plan.event_id.is_some()), json::NOWHERE);
    }

    /// Tells where the key and the event id stand, now that the body is complete. The captures are those of the key's
    /// fields, then the event id's if the plan has one.
    fn keep_captures(&mut self, plan: &Plan) {
        let (key, event_id) = self.scratch.captures.split_at(plan.key.len());
        let taken =
            |capture: &(u32, u32)| (*capture != json::NOWHERE).then_some(capture.0 as usize..capture.1 as usize);
        self.key.extend(key.iter().filter_map(taken));
        self.event_id = event_id.first().and_then(taken);
    }
}
