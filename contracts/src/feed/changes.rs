//! The changes log: what a domain says about its products' versions, for ever.

use super::{FeedError, FeedRecord, catalog::Release, codec::Codec, known_version};
use crate::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

static V1: LazyLock<Codec> = LazyLock::new(|| Codec::new(include_str!("../../feeds/changes.avsc")));

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Identifies this entry: a UUIDv7 in its text form.
    pub id: String,
    /// The speaker, which owns the product.
    pub domain: String,
    /// The product, without its domain.
    pub product: String,
    /// When it was said, by the speaker's clock.
    pub at: Timestamp,
    /// Who said it.
    pub by: Actor,
    /// What is said.
    pub what: What,
}

/// A person or a machine, and the program they used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// A user and host, or a CI job.
    pub name: String,
    /// The program and its version: `tidegate/0.1.0`.
    pub program: String,
}

/// What an entry says. The order is the order of the schema's union.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// A version is announced before it is released.
    Proposed(Proposed),
    /// A proposal is taken back.
    Withdrawn(Withdrawn),
    /// An apply wants to release a version.
    Applying(Applying),
    /// A version is released.
    Released(Released),
    /// A person goes ahead although Tidegate refused.
    Overridden(Overridden),
    /// A major version is to be given up, or is not any more.
    Deprecated(Deprecated),
    /// A major version is given up.
    Retired(Retired),
}

/// A version is announced before it is released, so that consumers can answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Proposed {
    /// The version that is meant to be released.
    pub version: String,
    /// The id of the released entry it was compared with.
    pub builds_on: Option<String>,
    /// From when it may be released even if not everybody it breaks has agreed.
    pub effective: Timestamp,
    /// The value schema's JSON.
    pub schema: String,
    /// The whole ODCS contract as JSON, every default resolved.
    pub document: String,
    /// SHA-256 of the document; the release that carries this out has the same.
    pub document_hash: String,
    /// What changes against the release it builds on.
    pub differences: Vec<Difference>,
    /// Subscriptions it was found to break, each as `domain/name`.
    pub breaks: Vec<String>,
    /// Why, in the producer's words.
    pub note: Option<String>,
}

/// A proposal is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawn {
    /// The id of the proposed entry.
    pub proposal: String,
    /// Why, in the producer's words.
    pub reason: Option<String>,
}

/// An apply wants to release a version. Said again by the same apply it extends the lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Applying {
    /// Identifies the apply: a UUIDv7, kept when it is resumed.
    pub apply: String,
    /// The version it is about to release.
    pub version: String,
    /// The id of the released entry it builds on; `None` for a product's first version.
    pub builds_on: Option<String>,
    /// The id of the proposed entry it carries out.
    pub proposal: Option<String>,
    /// SHA-256 of the contract's document.
    pub document_hash: String,
    /// Until when others leave it alone.
    pub lease: Timestamp,
}

/// A version is released: its schemas are registered and its topic is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Released {
    /// The apply that did it.
    pub apply: String,
    /// The id of the released entry before it.
    pub builds_on: Option<String>,
    /// The id of the proposed entry it carries out.
    pub proposal: Option<String>,
    /// What is released.
    pub release: Release,
    /// What changed against the last release of the same major, or of the product when the major is new.
    pub differences: Vec<Difference>,
    /// The worst the differences mean for consumers.
    pub severity: Severity,
}

/// A person goes ahead although Tidegate refused. Stands before the entry of what was then done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Overridden {
    /// What was refused.
    pub action: Action,
    /// The version to release, or the major to retire.
    pub version: String,
    /// The id of the proposed entry it is about.
    pub proposal: Option<String>,
    /// Why, in the words of whoever did it.
    pub reason: String,
    /// The subscriptions it goes against, each as `domain/name`.
    pub subscriptions: Vec<String>,
    /// Consumer groups it goes against that no subscription names.
    pub consumer_groups: Vec<String>,
    /// Whether the right to ask for consumer groups was missing.
    pub readers_unknown: bool,
}

/// A major version is to be given up, or is not any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deprecated {
    /// The major version.
    pub major: u32,
    /// When and for what; `None` takes an earlier deprecation back.
    pub deprecation: Option<Deprecation>,
}

/// A major version is given up: nothing is published to it any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retired {
    /// The major version.
    pub major: u32,
    /// What takes its place.
    pub successor: Option<String>,
    /// Why, in the producer's words.
    pub reason: Option<String>,
}

/// One difference between two contracts, in structure or meaning; never a value of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// A stable kebab-case identifier such as `field-removed`.
    pub kind: String,
    /// The field; empty when it is about the product as a whole.
    pub path: String,
    /// What it means for those who read the product.
    pub consumers: Severity,
    /// What it means for those who publish it.
    pub producers: Severity,
    /// The least step of the version that it asks for.
    pub step: Step,
    /// The contract's clause before, as JSON.
    pub before: Option<String>,
    /// The contract's clause after, as JSON.
    pub after: Option<String>,
}

/// What a difference means for somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Severity {
    /// Only words changed.
    Editorial,
    /// Nobody has to act.
    Safe,
    /// Somebody may be surprised.
    Risky,
    /// Somebody must act first.
    Breaking,
}

/// A step of a semantic version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs, reason = "the names are semver's own")]
pub enum Step {
    Patch,
    Minor,
    Major,
}

/// What was refused and then done all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Action {
    /// Releasing a version that breaks subscribers.
    Release,
    /// Retiring a major that is still read.
    Retire,
}

/// When and for what a major version is given up, as the log and the catalog have it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Deprecation {
    /// The ISO 8601 date from which it counts as deprecated.
    pub since: Option<String>,
    /// The ISO 8601 date on which it ends.
    pub sunset: Option<String>,
    /// What takes its place.
    pub successor: Option<String>,
    /// Where the way over is described.
    pub migration: Option<String>,
}

impl FeedRecord for Change {
    const FEED: &'static str = "changes";
    const VERSION: u32 = 1;

    fn schema() -> &'static str {
        V1.text()
    }

    fn speaker(&self) -> &str {
        &self.domain
    }

    fn key(&self) -> String {
        self.product.clone()
    }

    fn encode(&self) -> Vec<u8> {
        V1.encode(self)
    }

    fn decode(version: u32, body: &[u8]) -> Result<Self, FeedError> {
        known_version::<Self>(version)?;
        V1.decode(body)
    }
}

impl From<crate::contract::Deprecation> for Deprecation {
    fn from(of: crate::contract::Deprecation) -> Self {
        let crate::contract::Deprecation { since, sunset, successor, migration } = of;
        Self { since, sunset, successor, migration }
    }
}

#[cfg(test)]
pub(crate) mod tests;
