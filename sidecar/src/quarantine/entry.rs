//! The records of a quarantine topic, as far as they can be trusted: not at all.

use crate::ingest::quarantine::{CONTRACT, Original, RECEIVED, REPLAYED, SIDECAR, VIOLATIONS, VIOLATIONS_MORE};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, str::FromStr};
use tidegate_contracts::{diagnostic::shown, path::FieldPath, timestamp::Timestamp};
use tidegate_topics::tail::{Received, Start};

/// A place in the topic, `PARTITION:OFFSET`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Position {
    pub(super) partition: i32,
    pub(super) offset: i64,
}

/// What a record of the topic is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Read {
    /// An event that broke its contract.
    Entry(Entry),
    /// Word that the event at another place was published.
    Replayed(Position),
    /// Nothing of ours.
    Foreign,
}

/// An event that broke its contract: what is known of it without looking into it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) position: Position,
    pub(super) received: Option<Timestamp>,
    /// `sales.orders@1.2.0`
    pub(super) contract: String,
    pub(super) id: Option<String>,
    /// What the bytes are.
    pub(super) original: Option<Original>,
    pub(super) content_type: String,
    /// Who received it.
    pub(super) sidecar: String,
    pub(super) bytes: usize,
    pub(super) causes: Vec<Cause>,
    /// Violations beyond those in `causes`.
    pub(super) more: u64,
}

/// One violation, as the record's header has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cause {
    pub(super) path: String,
    /// A text, since a later version may know more clauses.
    pub(super) clause: String,
    #[serde(default)]
    pub(super) expected: String,
    #[serde(default)]
    pub(super) found: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) hint: Option<String>,
}

/// Which events are meant.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    pub(super) clause: Option<String>,
    pub(super) path: Option<FieldPath>,
    pub(super) since: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
}

impl Read {
    pub(super) fn of(record: &Received) -> Self {
        let text = |name: &str| record.header(name).map(plain);
        if let Some(position) = text(REPLAYED) {
            return position.parse().map_or(Self::Foreign, Self::Replayed);
        }
        let (Some(violations), Some(value)) = (record.header(VIOLATIONS), &record.value) else { return Self::Foreign };
        let causes: Vec<Cause> = serde_json::from_slice(violations).unwrap_or_default();
        let content_type = text("content-type").unwrap_or_default();
        Self::Entry(Entry {
            position: Position { partition: record.partition, offset: record.offset },
            received: text(RECEIVED).and_then(|text| text.parse().ok()).or(record.timestamp),
            contract: text(CONTRACT).unwrap_or_default(),
            id: text("ce_id"),
            original: Original::parse(&content_type),
            content_type,
            sidecar: text(SIDECAR).unwrap_or_default(),
            bytes: value.len(),
            causes: causes.into_iter().map(Cause::plain).collect(),
            more: text(VIOLATIONS_MORE).and_then(|text| text.parse().ok()).unwrap_or(0),
        })
    }
}

impl Cause {
    fn plain(self) -> Self {
        let plain = |text: String| plain(text.as_bytes());
        Self {
            path: plain(self.path),
            clause: plain(self.clause),
            expected: plain(self.expected),
            found: plain(self.found),
            hint: self.hint.map(plain),
        }
    }
}

impl Filter {
    pub(super) fn takes(&self, entry: &Entry) -> bool {
        let since = self.since.is_none_or(|since| entry.received.is_some_and(|received| received >= since));
        let until = self.until.is_none_or(|until| entry.received.is_some_and(|received| received < until));
        let matches = |cause: &Cause| {
            self.clause.as_ref().is_none_or(|clause| *clause == cause.clause)
                && self.path.as_ref().is_none_or(|path| at_or_below(path, &cause.path))
        };
        let broken = (self.clause.is_none() && self.path.is_none()) || entry.causes.iter().any(matches);
        since && until && broken
    }

    /// Where such events begin. The broker's time of a record is never before the event was received.
    pub(super) fn start(&self) -> Start {
        self.since.map_or(Start::Beginning, Start::Time)
    }
}

fn at_or_below(path: &FieldPath, found: &str) -> bool {
    found.parse().is_ok_and(|found| path.contains(&found))
}

/// The earliest of these places in each partition.
pub(super) fn first_of_each_partition(positions: &[Position]) -> BTreeMap<i32, i64> {
    let mut first: BTreeMap<i32, i64> = BTreeMap::new();
    for Position { partition, offset } in positions {
        first.entry(*partition).and_modify(|first| *first = (*first).min(*offset)).or_insert(*offset);
    }
    first
}

/// Text that does no harm to a terminal, whoever wrote it.
fn plain(bytes: &[u8]) -> String {
    shown(&String::from_utf8_lossy(bytes)).replace(['\n', '\t'], "\u{fffd}")
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.partition, self.offset)
    }
}

impl FromStr for Position {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let position = || {
            let (partition, offset) = text.split_once(':')?;
            let position = Self { partition: partition.parse().ok()?, offset: offset.parse().ok()? };
            (position.partition >= 0 && position.offset >= 0).then_some(position)
        };
        position().ok_or_else(|| format!("`{text}` is not a place such as 0:42, a partition and an offset"))
    }
}

#[cfg(test)]
pub(in crate::quarantine) mod tests;
