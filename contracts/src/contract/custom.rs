//! Tidegate's own custom properties, `tidegate.*`, as a table and as read from a file.

mod value;

use super::{
    BytesEncoding, Cleanup, Compatibility, Deprecation, Enforced, ListedClause, OnViolation, TopicsMode,
    UndeclaredFields,
    findings::{Findings, enumerate},
    odcs::{self, quote, text},
};
use crate::{
    diagnostic::{Position, nearest},
    path::FieldPath,
    yaml::Node,
};
use std::{collections::HashMap, time::Duration};
pub(super) use value::FOREVER;
use value::Reader;

/// What all our custom properties begin with.
pub(super) const PREFIX: &str = "tidegate.";

/// One custom property, as the parser, the JSON Schema and the reference know it.
#[derive(Debug)]
pub struct CustomProperty {
    /// Its whole name.
    pub name: &'static str,
    /// What its value may be.
    pub kind: CustomKind,
    /// What holds when it is left out.
    pub default: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// A value as one would write it, in YAML.
    pub example: &'static str,
    /// Where it takes effect.
    pub enforced: Enforced,
}

/// What the value of a [`CustomProperty`] may be.
#[derive(Debug)]
pub enum CustomKind {
    /// One field path, or a list of them.
    Paths,
    /// A field path.
    Path,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number from one to this.
    Count(u32),
    /// An ISO 8601 duration.
    Duration,
    /// An ISO 8601 duration, or `forever`.
    Retention,
    /// Text.
    Text,
    /// A list of texts.
    Texts,
    /// A mapping with `since`, `sunset`, `successor` and `migration`.
    Deprecation,
}

const COMPATIBILITY: &[&str] =
    &["NONE", "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE"];
pub(super) const DEPRECATION: &[&str] = &["since", "sunset", "successor", "migration"];

/// All of them.
pub const CUSTOM_PROPERTIES: &[CustomProperty] = &[
    CustomProperty {
        name: "tidegate.key",
        kind: CustomKind::Paths,
        default: "the properties with `primaryKey: true`, by `primaryKeyPosition`; without any, records have no key",
        doc: "The fields whose values make the record key, so that events of one entity keep their order. None of them \
              may be null. Frozen for a major version: another key would put an entity's events on another partition.",
        example: "[customerId]",
        enforced: Enforced::PerEvent,
    },
    CustomProperty {
        name: "tidegate.eventId",
        kind: CustomKind::Path,
        default: "the caller's CloudEvents id, else its `Idempotency-Key`, else a UUIDv7",
        doc: "The field that holds the event's own id, which becomes `ce_id`.",
        example: "eventId",
        enforced: Enforced::PerEvent,
    },
    CustomProperty {
        name: "tidegate.compatibility",
        kind: CustomKind::Word(COMPATIBILITY),
        default: "FULL_TRANSITIVE",
        doc: "What the registry demands of another schema version within the major version.",
        example: "BACKWARD_TRANSITIVE",
        enforced: Enforced::Apply,
    },
    CustomProperty {
        name: "tidegate.undeclaredFields",
        kind: CustomKind::Word(&["drop", "reject"]),
        default: "drop",
        doc: "Whether a field that the schema does not declare is dropped (and listed in the receipt), or a violation.",
        example: "reject",
        enforced: Enforced::PerEvent,
    },
    CustomProperty {
        name: "tidegate.onViolation",
        kind: CustomKind::Word(&["reject", "quarantine", "mark"]),
        default: "quarantine; but reject when a field's classification is not an open one",
        doc: "What happens to an event that breaks the contract: refused and kept nowhere; refused and kept in the \
              quarantine topic; or, if only rules are broken, published with a `tidegate-violations` header, so that a \
              team can watch before it enforces.",
        example: "mark",
        enforced: Enforced::PerEvent,
    },
    CustomProperty {
        name: "tidegate.topics",
        kind: CustomKind::Word(&["managed", "external"]),
        default: "managed",
        doc: "Whether `apply` creates and configures the topic, or only compares one that somebody else configures.",
        example: "external",
        enforced: Enforced::Apply,
    },
    CustomProperty {
        name: "tidegate.subject",
        kind: CustomKind::Text,
        default: "`<topic>-value`",
        doc: "The registry subject of the events.",
        example: "com.example.Order",
        enforced: Enforced::Apply,
    },
    CustomProperty {
        name: "tidegate.partitions",
        kind: CustomKind::Count(100_000),
        default: "the broker's",
        doc: "Partitions of the topic.",
        example: "12",
        enforced: Enforced::Apply,
    },
    CustomProperty {
        name: "tidegate.replication",
        kind: CustomKind::Count(32_767),
        default: "the broker's",
        doc: "Replicas of each partition.",
        example: "3",
        enforced: Enforced::Apply,
    },
    CustomProperty {
        name: "tidegate.retention",
        kind: CustomKind::Retention,
        default: "the broker's",
        doc: "How long the topic keeps an event.",
        example: "P30D",
        enforced: Enforced::Apply,
    },
    CustomProperty {
        name: "tidegate.cleanup",
        kind: CustomKind::Word(&["delete", "compact"]),
        default: "delete",
        doc: "Whether the topic forgets by age, or keeps the last event of each key.",
        example: "compact",
        enforced: Enforced::Apply,
    },
    CustomProperty {
        name: "tidegate.allowedPurposes",
        kind: CustomKind::Texts,
        default: "any purpose",
        doc: "What the product may be used for; a subscription names its purpose.",
        example: "[fraud-detection, reporting]",
        enforced: Enforced::Release,
    },
    CustomProperty {
        name: "tidegate.noticePeriod",
        kind: CustomKind::Duration,
        default: "none",
        doc: "Least time between the announcement of a breaking change and its effect.",
        example: "P30D",
        enforced: Enforced::Release,
    },
    CustomProperty {
        name: "tidegate.deprecation",
        kind: CustomKind::Deprecation,
        default: "none",
        doc: "When this version became deprecated (`since`), when it ends (`sunset`), both dates; what takes its place \
              (`successor`), and where the way over is described (`migration`).",
        example: "{since: 2026-01-31, sunset: 2026-12-31, successor: orders@2}",
        enforced: Enforced::Release,
    },
    CustomProperty {
        name: "tidegate.bytesEncoding",
        kind: CustomKind::Word(&["base64", "latin1"]),
        default: "base64",
        doc: "How JSON strings carry `bytes` and `fixed`: RFC 4648 base64, or one character of U+0000 to U+00FF a byte.",
        example: "latin1",
        enforced: Enforced::PerEvent,
    },
];

/// A field that the file names, and where it does.
pub(super) type Placed = (FieldPath, Option<Position>);

/// What a file says, as far as it makes sense.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) key: Option<Vec<Placed>>,
    pub(super) event_id: Option<Placed>,
    pub(super) compatibility: Option<Compatibility>,
    pub(super) undeclared_fields: Option<UndeclaredFields>,
    pub(super) on_violation: Option<OnViolation>,
    pub(super) topics: Option<TopicsMode>,
    pub(super) subject: Option<String>,
    pub(super) partitions: Option<u32>,
    pub(super) replication: Option<u16>,
    pub(super) retention: Option<Duration>,
    pub(super) cleanup: Option<Cleanup>,
    pub(super) allowed_purposes: Option<Vec<String>>,
    pub(super) notice_period: Option<Duration>,
    pub(super) deprecation: Option<Deprecation>,
    pub(super) bytes_encoding: Option<BytesEncoding>,
    positions: HashMap<&'static str, Option<Position>>,
}

impl Settings {
    /// Where a property is set.
    pub(super) fn position(&self, name: &str) -> Option<Position> {
        self.positions.get(name).copied().flatten()
    }
}

/// Reads the properties of a contract, and lists them.
pub(super) fn read(root: &Node, findings: &mut Findings, clauses: &mut Vec<ListedClause>) -> Settings {
    let mut settings = Settings::default();
    for item in odcs::list(root, "customProperties") {
        let (Some(name), Some(value)) = (text(item.get("property")), item.get("value")) else { continue };
        let at = item.get("property").and_then(|name| name.position);
        let list = |clause: &str, enforced| ListedClause {
            path: FieldPath::default(),
            clause: clause.to_owned(),
            enforced,
            position: at,
        };
        if !name.starts_with(PREFIX) {
            clauses.push(list(name, Enforced::Documentation));
            resembles_ours(name, at, findings);
            continue;
        }
        let Some(property) = CUSTOM_PROPERTIES.iter().find(|property| property.name == name) else {
            // What all have in common would make everything look alike.
            let known = CUSTOM_PROPERTIES.iter().filter_map(|property| property.name.strip_prefix(PREFIX));
            let hint = match nearest(&name[PREFIX.len()..], known.clone()) {
                Some(nearest) => format!("did you mean `{PREFIX}{nearest}`?"),
                None => format!("known are, after `{PREFIX}`, {}", enumerate(known)),
            };
            findings.error("unknown-key", at, format!("unknown custom property {}", quote(name)), hint);
            continue;
        };
        if settings.positions.insert(property.name, at).is_some() {
            let message = format!("`{name}` is set a second time");
            findings.error("duplicate-key", at, message, "keep one of the two");
            continue;
        }
        clauses.push(list(name, property.enforced));
        settings.set(property, value, findings);
    }
    settings
}

/// A property of somebody else, or ours with a slip of the pen?
fn resembles_ours(name: &str, at: Option<Position>, findings: &mut Findings) {
    let known = CUSTOM_PROPERTIES.iter().map(|property| property.name);
    if let Some(nearest) = nearest(name, known)
        && name.split('.').next().is_some_and(|prefix| strsim::damerau_levenshtein(prefix, "tidegate") <= 2)
    {
        let message = format!("{} is not ours and has no effect here", quote(name));
        findings.warn("unknown-key", at, message, format!("did you mean `{nearest}`?"));
    }
}

impl Settings {
    fn set(&mut self, property: &'static CustomProperty, value: &Node, findings: &mut Findings) {
        let mut reader = Reader { property, findings };
        match property.name {
            "tidegate.key" => self.key = reader.paths(value),
            "tidegate.eventId" => self.event_id = reader.path(value),
            "tidegate.compatibility" => self.compatibility = reader.word(value),
            "tidegate.undeclaredFields" => self.undeclared_fields = reader.word(value),
            "tidegate.onViolation" => self.on_violation = reader.word(value),
            "tidegate.topics" => self.topics = reader.word(value),
            "tidegate.subject" => self.subject = reader.text(value),
            "tidegate.partitions" => self.partitions = reader.count(value),
            "tidegate.replication" => {
                self.replication = reader.count(value).and_then(|count| u16::try_from(count).ok());
            }
            "tidegate.retention" => self.retention = reader.retention(value),
            "tidegate.cleanup" => self.cleanup = reader.word(value),
            "tidegate.allowedPurposes" => self.allowed_purposes = reader.texts(value),
            "tidegate.noticePeriod" => self.notice_period = reader.duration(value),
            "tidegate.deprecation" => self.deprecation = reader.deprecation(value),
            "tidegate.bytesEncoding" => self.bytes_encoding = reader.word(value),
            name => unreachable!("`{name}` is in the table, and a test reads each of its entries"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_property_of_the_table_is_read_and_takes_its_example_and_its_words() {
        for property in CUSTOM_PROPERTIES {
            let mut values = vec![property.example];
            if let CustomKind::Word(words) = property.kind {
                values.extend(words);
            }
            for value in values {
                let node = crate::yaml::parse(value).unwrap();
                let mut findings = Findings::new("x");
                let mut settings = Settings::default();
                let before = format!("{settings:?}");
                settings.set(property, &node, &mut findings);
                assert_eq!(findings.finish(), [], "{} {value}", property.name);
                assert_ne!(format!("{settings:?}"), before, "{} {value}", property.name);
            }
        }
    }
}
