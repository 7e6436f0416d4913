//! The records of a domain's own topics, and how they are written and read.
//!
//! A feed record is Confluent-framed Avro of a registered schema and carries the header `tidegate-feed: NAME/VERSION`.
//! We decode by that header with the schemas compiled in here, never by asking the registry.

pub mod catalog;
pub mod changes;
mod codec;

/// The header that names a record's feed and version.
pub const FEED_HEADER: &str = "tidegate-feed";

/// A record of one of a domain's own topics.
pub trait FeedRecord: Sized {
    /// The feed's name as it stands in its topic: `changes`, `catalog`, …
    const FEED: &'static str;
    /// The version of the record's schema that we write.
    const VERSION: u32;

    /// The Avro schema that [`FeedRecord::encode`] writes, without white space: the text to register.
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

/// The ODCS contract and the Avro schema of a feed as files of a domain: what `apply` makes the feed's topic from, and
/// what other tools can read. `None` for a feed that has none.
pub fn contract(domain: &str, feed: &str) -> Option<FeedContract> {
    let (document, schema) = match feed {
        "changes" => (include_str!("../feeds/changes.odcs.yaml"), include_str!("../feeds/changes.avsc")),
        "catalog" => (include_str!("../feeds/catalog.odcs.yaml"), include_str!("../feeds/catalog.avsc")),
        _ => return None,
    };
    Some(FeedContract { document: document.replace("DOMAIN", domain), schema })
}

/// A feed's contract in one domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedContract {
    /// The text of the `*.odcs.yaml`.
    pub document: String,
    /// The text of the `.avsc` it names, `<feed>.avsc`.
    pub schema: &'static str,
}

/// The value of [`FEED_HEADER`] for records of a feed: `changes/1`.
pub fn header<R: FeedRecord>() -> String {
    format!("{}/{}", R::FEED, R::VERSION)
}

/// A record's value: the Confluent frame with the id of the feed's registered schema, and the body.
pub fn frame<R: FeedRecord>(schema_id: u32, record: &R) -> Vec<u8> {
    let mut value = vec![0];
    value.extend_from_slice(&schema_id.to_be_bytes());
    value.extend_from_slice(&record.encode());
    value
}

/// Reads a record of a feed from its header and its framed value. The frame's id is not looked at: the header says
/// which schema it is.
///
/// # Errors
/// When it is of a later version or none of this feed.
pub fn read<R: FeedRecord>(header: Option<&[u8]>, value: &[u8]) -> Result<R, FeedError> {
    let garbage = |reason: &str| FeedError::Garbage(reason.to_owned());
    let header = header.ok_or_else(|| garbage("it has no `tidegate-feed` header"))?;
    let (feed, version) = std::str::from_utf8(header)
        .ok()
        .and_then(|header| header.split_once('/'))
        .and_then(|(feed, version)| Some((feed, version.parse().ok()?)))
        .ok_or_else(|| garbage("its `tidegate-feed` header is not NAME/VERSION"))?;
    if feed != R::FEED {
        return Err(garbage("its `tidegate-feed` header names another feed"));
    }
    match value {
        [0, _, _, _, _, body @ ..] => R::decode(version, body),
        _ => Err(garbage("its value has no schema id")),
    }
}

/// Whether a version is one that [`FeedRecord::decode`] can read.
fn known_version<R: FeedRecord>(version: u32) -> Result<(), FeedError> {
    match version {
        0 => Err(FeedError::Garbage("versions begin at 1".to_owned())),
        found if found > R::VERSION => Err(FeedError::LaterVersion { found, known: R::VERSION }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
