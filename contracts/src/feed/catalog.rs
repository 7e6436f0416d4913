//! The catalog: each release, whole, and the state of each major version; a fold of the changes log.

use super::{FeedError, FeedRecord, changes::Deprecation, codec::Codec, known_version};
use crate::{
    contract::{Contract, KeyForm as ContractKeyForm},
    timestamp::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

static V1: LazyLock<Codec> = LazyLock::new(|| Codec::new(include_str!("../../feeds/catalog.avsc")));

/// One entry of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogEntry {
    /// The speaker, which owns the product.
    pub domain: String,
    /// The product, without its domain.
    pub product: String,
    /// When the change it stems from was said.
    pub at: Timestamp,
    /// The id of the last entry of the changes log that it stems from.
    pub change: String,
    /// A release, or the state of a major version.
    pub what: Entry,
}

/// What a catalog entry holds. The order is the order of the schema's union.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entry {
    /// A release, which never changes.
    Release(Release),
    /// The state of a major version.
    Major(Major),
}

/// One released version of a product, complete and immutable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// The contract's version.
    pub version: String,
    /// The topic that carries this major's events.
    pub topic: String,
    /// The schema of the record values.
    pub value: RegisteredSchema,
    /// How record keys are written.
    pub key_form: KeyForm,
    /// Paths of the event's fields that make the key, in order.
    pub key_fields: Vec<String>,
    /// The schema of the record keys, when they are Avro.
    pub key: Option<RegisteredSchema>,
    /// The whole ODCS contract as JSON, every default resolved.
    pub document: String,
    /// SHA-256 of the document in lower-case hex.
    pub document_hash: String,
}

/// An Avro schema and what the registry made of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredSchema {
    /// The subject it is registered under.
    pub subject: String,
    /// The id the registry gave it.
    pub id: u32,
    /// SHA-256 of the Parsing Canonical Form in lower-case hex.
    pub fingerprint: String,
    /// The schema's JSON as registered.
    pub text: String,
}

/// How record keys are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum KeyForm {
    /// No key, unless the caller gives one.
    None,
    /// The UTF-8 text of one string field.
    Text,
    /// Framed Avro of the key schema.
    Avro,
}

/// The state of a major version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Major {
    /// The major version.
    pub major: u32,
    /// The topic that carries its events.
    pub topic: String,
    /// The last version released in it.
    pub current: String,
    /// Where in its life it stands.
    pub lifecycle: Lifecycle,
    /// When and for what it is given up, when that was said.
    pub deprecation: Option<Deprecation>,
    /// What takes the place of a retired version.
    pub successor: Option<String>,
}

/// Where in its life a major version stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Lifecycle {
    /// In use.
    Active,
    /// In use, and to be given up.
    Deprecated,
    /// Nothing is published to it any more.
    Retired,
}

/// Why a release could not be described.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    /// The key is Avro, and its schema was not registered.
    #[error("the key of {0} is Avro, and no id of its schema was given; register it first")]
    NoKeyId(String),
    /// The key schema is none.
    #[error("the key schema of {contract}: {source}")]
    KeySchema {
        /// The contract's reference.
        contract: String,
        /// What is wrong with it.
        source: crate::schema::SchemaError,
    },
}

impl Release {
    /// What a contract becomes when it is released with schemas of these ids.
    ///
    /// # Errors
    /// When the key is Avro and has no id, or its schema is none.
    pub fn of(contract: &Contract, value_id: u32, key_id: Option<u32>) -> Result<Self, ReleaseError> {
        let (key_form, key) = match &contract.key_form {
            ContractKeyForm::None => (KeyForm::None, None),
            ContractKeyForm::Text => (KeyForm::Text, None),
            ContractKeyForm::Avro { subject, schema } => {
                let schema = crate::schema::Schema::parse(schema)
                    .map_err(|source| ReleaseError::KeySchema { contract: contract.reference(), source })?;
                let id = key_id.ok_or_else(|| ReleaseError::NoKeyId(contract.reference()))?;
                (KeyForm::Avro, Some(RegisteredSchema::of(&schema, subject, id)))
            }
        };
        let document = document_text(contract);
        Ok(Self {
            version: contract.version.to_string(),
            topic: contract.topic.clone(),
            value: RegisteredSchema::of(&contract.schema, &contract.subject, value_id),
            key_form,
            key_fields: contract.key.iter().map(ToString::to_string).collect(),
            key,
            document_hash: sha256(&document),
            document,
        })
    }
}

impl RegisteredSchema {
    fn of(schema: &crate::schema::Schema, subject: &str, id: u32) -> Self {
        let (subject, fingerprint, text) = (subject.to_owned(), schema.fingerprint(), schema.text().to_owned());
        Self { subject, id, fingerprint, text }
    }
}

/// The text of a contract's resolved document as the feeds carry it: compact JSON with sorted keys, so that the order
/// in the file changes nothing.
pub fn document_text(contract: &Contract) -> String {
    sorted(&contract.document).to_string()
}

/// SHA-256 of the [`document_text`] in lower-case hex.
pub fn document_hash(contract: &Contract) -> String {
    sha256(&document_text(contract))
}

/// serde_json sorts keys only as long as no crate of the build asks for its `preserve_order`.
fn sorted(value: &serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(members) => {
            let by_key: std::collections::BTreeMap<_, _> = members.iter().collect();
            by_key.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect()
        }
        serde_json::Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

fn sha256(text: &str) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl FeedRecord for CatalogEntry {
    const FEED: &'static str = "catalog";
    const VERSION: u32 = 1;

    fn schema() -> &'static str {
        V1.text()
    }

    fn speaker(&self) -> &str {
        &self.domain
    }

    fn key(&self) -> String {
        match &self.what {
            Entry::Release(release) => format!("{}@{}", self.product, release.version),
            Entry::Major(major) => format!("{}.v{}", self.product, major.major),
        }
    }

    fn encode(&self) -> Vec<u8> {
        V1.encode(self)
    }

    fn decode(version: u32, body: &[u8]) -> Result<Self, FeedError> {
        known_version::<Self>(version)?;
        V1.decode(body)
    }
}

#[cfg(test)]
pub(crate) mod tests;
