//! The records of a domain's own topics, and how they are written and read.
//!
//! A feed record is Confluent-framed Avro of a registered schema and carries the header `tidegate-feed: NAME/VERSION`.
//! We decode by that header with the schemas compiled in here, never by asking the registry.

/// The header that names a record's feed and version.
pub const FEED_HEADER: &str = "tidegate-feed";

/// A record of one of a domain's own topics.
pub trait FeedRecord: Sized {
    /// The feed's name as it stands in its topic: `changes`, `catalog`, …
    const FEED: &'static str;
    /// The version of the record's schema that we write.
    const VERSION: u32;

    /// The Avro schema that [`FeedRecord::encode`] writes.
    fn schema() -> &'static str;
    /// The domain that says so. Readers discard a record whose speaker is not its topic's domain.
    fn speaker(&self) -> &str;
    /// The record's key.
    fn key(&self) -> String;
    /// The Avro body, without framing.
    fn encode(&self) -> Vec<u8>;
    /// Reads an Avro body that was written as this feed's `version`.
    ///
    /// # Errors
    /// When the version is later than we know, or the bytes are none.
    fn decode(version: u32, body: &[u8]) -> Result<Self, FeedError>;
}

/// Why a record of a feed was skipped. It never stops a reader.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// Written by a later Tidegate.
    #[error("feed record of version {found}, and this Tidegate knows up to {known}")]
    LaterVersion {
        /// What the header says.
        found: u32,
        /// What we know.
        known: u32,
    },
    /// Not what its header says.
    #[error("not a record of this feed: {0}")]
    Garbage(String),
}

/// `<domain>.tidegate-<feed>.v1`
pub fn topic(domain: &str, feed: &str) -> String {
    format!("{domain}.tidegate-{feed}.v1")
}
