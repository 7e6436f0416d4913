//! An ODCS 3.1 file and its Avro schema, checked and with every default resolved.

mod custom;
mod duration;
mod findings;
mod identity;
mod key;
mod odcs;
mod options;
mod properties;
mod quality;
mod read;
mod reference;
mod structure;
mod types;

pub use custom::{CUSTOM_PROPERTIES, CustomKind, CustomProperty};
pub use duration::{InvalidDuration, parse_duration, print_duration};
pub use reference::{custom_properties_schema, reference};

use crate::{
    diagnostic::{Diagnostic, Level, Position},
    path::FieldPath,
    plan::{BytesEncoding, Limits, Plan, PlanOptions, PlanProblem},
    rule::Rule,
    schema::Schema,
};
use std::{collections::BTreeMap, fmt, time::Duration};

/// A data product's contract, checked: what it says holds together, and every default stands in it.
#[derive(Debug, Clone)]
pub struct Contract {
    /// The ODCS `id`.
    pub id: String,
    /// The owning domain, `[a-z][a-z0-9-]*`.
    pub domain: String,
    /// The product, `[a-z][a-z0-9-]*`, unique within the domain.
    pub product: String,
    /// The contract's version.
    pub version: semver::Version,
    /// The lifecycle status.
    pub status: Status,
    /// Who answers for it, from `team`.
    pub owner: Option<String>,
    /// The product's topic: `<domain>.<product>.v<major>`, or the `physicalName`.
    pub topic: String,
    /// The registry subject of the values (`tidegate.subject`, default `<topic>-value`).
    pub subject: String,
    /// The structure.
    pub schema: Schema,
    /// The key's fields (`tidegate.key`, default the primary key); empty means no key.
    pub key: Vec<FieldPath>,
    /// How the record key is written.
    pub key_form: KeyForm,
    /// Where the event carries its own id (`tidegate.eventId`).
    pub event_id: Option<FieldPath>,
    /// The registry's compatibility level for the subject (`tidegate.compatibility`).
    pub compatibility: Compatibility,
    /// What happens to fields that the schema does not declare (`tidegate.undeclaredFields`).
    pub undeclared_fields: UndeclaredFields,
    /// What happens to an event that breaks the contract (`tidegate.onViolation`).
    pub on_violation: OnViolation,
    /// Who configures the topic (`tidegate.topics`).
    pub topics: TopicsMode,
    /// Partitions of the topic (`tidegate.partitions`, default the broker's).
    pub partitions: Option<u32>,
    /// Replicas of each partition (`tidegate.replication`, default the broker's).
    pub replication: Option<u16>,
    /// How long the topic keeps events (`tidegate.retention`, default the broker's); [`Duration::MAX`] is for ever.
    pub retention: Option<Duration>,
    /// Whether the topic forgets by age or by key (`tidegate.cleanup`).
    pub cleanup: Cleanup,
    /// What the product may be used for (`tidegate.allowedPurposes`); `None` means anything.
    pub allowed_purposes: Option<Vec<String>>,
    /// Least time between the announcement of a breaking change and its effect (`tidegate.noticePeriod`).
    pub notice_period: Option<Duration>,
    /// When and for what it is given up (`tidegate.deprecation`).
    pub deprecation: Option<Deprecation>,
    /// How JSON strings carry bytes (`tidegate.bytesEncoding`).
    pub bytes_encoding: BytesEncoding,
    /// What every event must keep beyond its structure.
    pub rules: Vec<Rule>,
    /// What the contract says of many events together: kept for drift, not enforced per event.
    pub aggregate_clauses: Vec<AggregateClause>,
    /// Every clause of the file and where it is enforced, in the order of the file.
    pub clauses: Vec<ListedClause>,
    /// The classification of each field that states one.
    pub classifications: BTreeMap<FieldPath, String>,
    /// The whole ODCS document as JSON, every Tidegate default resolved.
    pub document: serde_json::Value,
}

/// The ODCS lifecycle status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names are ODCS's own")]
pub enum Status {
    Proposed,
    Draft,
    Active,
    Deprecated,
    Retired,
}

/// How the record key is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyForm {
    /// No field is the key: records have none, unless the caller gives one.
    None,
    /// One string field: its UTF-8 text.
    Text,
    /// Anything else: Confluent-framed Avro of this schema, whose body is the key fields' encodings in order.
    Avro {
        /// The registry subject, `<topic>-key`.
        subject: String,
        /// The schema's JSON: the field's own type, or a record of the fields when there are several.
        schema: String,
    },
}

/// The registry's compatibility level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs, reason = "the names are the registry's own")]
pub enum Compatibility {
    None,
    Backward,
    BackwardTransitive,
    Forward,
    ForwardTransitive,
    Full,
    FullTransitive,
}

/// What happens to fields that the schema does not declare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UndeclaredFields {
    /// Dropped, observed, and listed in the receipt.
    Drop,
    /// A violation.
    Reject,
}

/// What happens to an event that breaks the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnViolation {
    /// Refused, and kept nowhere.
    Reject,
    /// Refused, and its bytes go to the quarantine topic.
    Quarantine,
    /// Published with a `tidegate-violations` header if only rules are broken; else as [`OnViolation::Quarantine`], or
    /// as [`OnViolation::Reject`] when a field is not openly classified.
    Mark,
}

/// Who configures the product's topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TopicsMode {
    /// `apply` does.
    Managed,
    /// Somebody else does; `plan` compares and `apply` never alters.
    External,
}

/// How a topic forgets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cleanup {
    /// By age.
    Delete,
    /// By key: the last record of each stays.
    Compact,
}

/// When and for what a version is given up.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Deprecation {
    /// The date it became deprecated, ISO 8601.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// The date it ends, ISO 8601.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sunset: Option<String>,
    /// What takes its place, `product@version` or a product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<String>,
    /// Where the way over is described.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migration: Option<String>,
}

/// A clause about many events: a percentage, a row count, duplicates, a service level.
#[derive(Debug, Clone, PartialEq)]
pub struct AggregateClause {
    /// The field, or the event itself.
    pub path: FieldPath,
    /// What is measured: an ODCS metric (`nullValues`, `rowCount`, …) or an SLA property (`latency`, …).
    pub metric: String,
    /// The clause as the document has it.
    pub clause: serde_json::Value,
    /// Where in the file.
    pub position: Option<Position>,
}

/// A clause of a contract, and where it is enforced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedClause {
    /// The field it is about, or the event itself.
    pub path: FieldPath,
    /// Its name: `required`, `maxLength`, `quality nullValues mustBe 0`, `tidegate.retention`, `servers`, …
    pub clause: String,
    /// Where it is enforced.
    pub enforced: Enforced,
    /// Where it stands in the file.
    pub position: Option<Position>,
}

/// Where a clause is enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Enforced {
    /// On every event, before it is published.
    PerEvent,
    /// By `apply`, on topics and registry.
    Apply,
    /// By what judges many events together; that part of Tidegate is still to come.
    Drift,
    /// By releases and subscriptions; that part of Tidegate is still to come.
    Release,
    /// Nowhere: kept in the catalog for people and other tools.
    Documentation,
}

/// What reading a contract file gave.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The contract, when nothing of [`Level::Error`] was found.
    pub contract: Option<Box<Contract>>,
    /// All that was found, in file order.
    pub diagnostics: Vec<Diagnostic>,
}

/// What decides a contract's defaults from outside its file.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Classifications whose values may be shown and kept (`drift.openClassifications`).
    pub open_classifications: Vec<String>,
}

impl Default for Policy {
    fn default() -> Self {
        Self { open_classifications: vec!["public".into(), "internal".into()] }
    }
}

impl Contract {
    /// Reads a contract file. `file` is how the user names it; `read` gives the text of the `.avsc` it names, which is
    /// relative to the file, or says why not.
    pub fn parse(file: &str, text: &str, policy: &Policy, read: &dyn Fn(&str) -> Result<String, String>) -> Parsed {
        read::contract(file, text, policy, read)
    }

    /// The major version.
    pub fn major(&self) -> u64 {
        self.version.major
    }

    /// `orders.v1`
    pub fn stem(&self) -> String {
        format!("{}.v{}", self.product, self.version.major)
    }

    /// `sales.orders@1.2.0`
    pub fn reference(&self) -> String {
        format!("{}.{}@{}", self.domain, self.product, self.version)
    }

    /// `<domain>.tidegate-quarantine.<product>.v<major>`
    pub fn quarantine_topic(&self) -> String {
        format!("{}.tidegate-quarantine.{}", self.domain, self.stem())
    }

    /// Compiles the plan for this contract's own schema.
    ///
    /// # Errors
    /// As [`Plan::compile`]; a contract that parsed without errors compiles.
    pub fn plan(&self, limits: Limits) -> Result<Plan, Vec<PlanProblem>> {
        Plan::compile(&self.schema, &self.rules, self.plan_options(limits))
    }

    /// Compiles the plan for another schema version of this major, as pre-encoded events may carry it. Rules about
    /// fields that version does not have are left out, and so are a rule's values that it cannot express.
    ///
    /// # Errors
    /// As [`Plan::compile_version`].
    pub fn plan_for(&self, schema: &Schema, limits: Limits) -> Result<Plan, Vec<PlanProblem>> {
        let rules: Vec<Rule> = self.rules.iter().filter(|rule| schema.resolve(&rule.path).is_some()).cloned().collect();
        Plan::compile_version(schema, &rules, self.plan_options(limits))
    }

    fn plan_options(&self, limits: Limits) -> PlanOptions {
        PlanOptions {
            key: self.key.clone(),
            event_id: self.event_id.clone(),
            reject_undeclared: self.undeclared_fields == UndeclaredFields::Reject,
            bytes_encoding: self.bytes_encoding,
            limits,
        }
    }
}

impl Enforced {
    /// All of them, in the order to list them.
    pub const ALL: [Self; 5] = [Self::PerEvent, Self::Apply, Self::Drift, Self::Release, Self::Documentation];
}

impl fmt::Display for Enforced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PerEvent => "per event",
            Self::Apply => "apply",
            Self::Drift => "drift (not yet enforced)",
            Self::Release => "releases and subscriptions (not yet enforced)",
            Self::Documentation => "kept as documentation",
        })
    }
}

impl Parsed {
    /// Whether anything found makes the file unusable.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|found| found.level == Level::Error)
    }
}

#[cfg(test)]
mod tests;
