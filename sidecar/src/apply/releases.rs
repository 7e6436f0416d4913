//! What has to happen for a contract's version to be out. Pure: the log, the registry's answers and the time come in.

use crate::product::difference;
use serde::Serialize;
use tidegate_contracts::{
    contract::{Compatibility, Contract, KeyForm},
    release::{Intent, Next, Refusal, ReleaseLog},
    schema::{Schema, SchemaError},
    timestamp::Timestamp,
};

/// What becomes of one contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "action")]
pub enum Release {
    /// Its version is out, and the file says what was released.
    Nothing,
    /// Its version comes next.
    #[serde(rename_all = "camelCase")]
    Next {
        /// The version of this major that it comes after; none for a major's first.
        after: Option<String>,
        /// The other majors there are, when it begins a new one.
        beside: Vec<u64>,
        /// The released entry it builds on.
        builds_on: Option<String>,
    },
    /// Another apply of this product is at work.
    Busy {
        /// Who runs it.
        by: String,
        /// What it releases.
        version: String,
        /// Until when it is left alone.
        #[serde(serialize_with = "rfc3339")]
        lease: Timestamp,
    },
    /// It may not come next.
    Refused(NotDone),
}

/// Something that `apply` will not do, and the way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotDone {
    /// Why: lowercase, no full stop.
    pub reason: String,
    /// The way out.
    pub hint: String,
}

/// What a subject needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SubjectPlan {
    /// The subject.
    pub subject: String,
    /// The schema is to be registered.
    pub register: bool,
    /// The level is to be set, from and to.
    pub level: Option<LevelChange>,
    /// What keeps it from being done.
    pub refused: Option<NotDone>,
}

/// A compatibility level that is to be another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LevelChange {
    /// What the subject has; none means the registry's own.
    pub from: Option<Compatibility>,
    /// What the contract wants.
    pub to: Compatibility,
}

/// A schema that a contract wants under a subject.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// The subject.
    pub subject: String,
    /// The schema.
    pub schema: Schema,
    /// The level.
    pub level: Compatibility,
}

/// What the registry says of a subject.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Subject {
    /// The id of the wanted schema, when it is registered there.
    pub id: Option<u32>,
    /// The subject's own level.
    pub level: Option<Compatibility>,
    /// Why the wanted schema is not compatible with those that are there; empty when it is.
    pub incompatible: Vec<String>,
    /// The id of a schema that was released in it and that the registry does not know, or knows as another one.
    pub unknown: Option<u32>,
}

/// What becomes of a contract, by the log.
pub(super) fn release(contract: &Contract, log: &ReleaseLog, now: Timestamp) -> Release {
    let product = log.product(&contract.product);
    if let Some(released) = product.and_then(|product| product.release(&contract.version)) {
        return match difference(&released.released.release, contract) {
            None => Release::Nothing,
            Some(difference) => Release::Refused(NotDone {
                reason: format!(
                    "{} is released and never changes, and the file differs from it in {difference}",
                    contract.reference()
                ),
                hint: format!("raise `version` in the contract, or take the change back: {}", next_versions(contract)),
            }),
        };
    }
    if let Some(refused) = product
        .and_then(|product| product.current(contract.major()))
        .and_then(|current| frozen(contract, &current.released.release))
    {
        return Release::Refused(refused);
    }
    let builds_on = product.and_then(|product| product.last()).map(|last| last.id.clone());
    // An apply that has not been written yet has no id.
    let intent =
        Intent { product: &contract.product, apply: "", version: &contract.version, builds_on: builds_on.as_deref() };
    match log.may_apply(intent, now) {
        Ok(Next::First) => Release::Next { after: None, beside: Vec::new(), builds_on },
        Ok(Next::Version { after }) => Release::Next { after: Some(after.to_string()), beside: Vec::new(), builds_on },
        Ok(Next::NewMajor { beside }) => Release::Next { after: None, beside, builds_on },
        Err(Refusal::InFlight { by, version, lease }) => Release::Busy { by, version, lease },
        Err(refusal) => {
            let text = refusal.to_string();
            let (reason, hint) = text.split_once("; ").unwrap_or((&text, "see the changes feed"));
            Release::Refused(NotDone { reason: format!("{}: {reason}", contract.reference()), hint: hint.to_owned() })
        }
    }
}

/// What may not change within a major: where events go, and what keeps an entity's events together.
fn frozen(contract: &Contract, current: &tidegate_contracts::feed::catalog::Release) -> Option<NotDone> {
    let key: Vec<String> = contract.key.iter().map(ToString::to_string).collect();
    let reason = if current.key_fields != key {
        let show = |fields: &[String]| if fields.is_empty() { "none".to_owned() } else { fields.join(", ") };
        format!("the key of {} is frozen: it is {}, not {}", contract.stem(), show(&current.key_fields), show(&key))
    } else if current.topic != contract.topic {
        format!("{} is in topic {}, and cannot move to {}", contract.stem(), current.topic, contract.topic)
    } else {
        return None;
    };
    Some(NotDone { reason, hint: format!("take it back, or release a new major: {}.0.0", contract.major() + 1) })
}

fn next_versions(contract: &Contract) -> String {
    let version = &contract.version;
    format!("{0}.{1}.{2} or {0}.{3}.0", version.major, version.minor, version.patch + 1, version.minor + 1)
}

/// The schemas a contract wants registered: of the values, and of the keys when those are Avro.
///
/// # Errors
/// When its key schema is none, which a contract that parsed cannot have.
pub(super) fn wanted(contract: &Contract) -> Result<Vec<Wanted>, SchemaError> {
    let value =
        Wanted { subject: contract.subject.clone(), schema: contract.schema.clone(), level: contract.compatibility };
    let key = match &contract.key_form {
        KeyForm::Avro { subject, schema } => {
            let schema = Schema::parse(schema)?;
            Some(Wanted { subject: subject.clone(), schema, level: Compatibility::FullTransitive })
        }
        KeyForm::None | KeyForm::Text => None,
    };
    Ok([Some(value), key].into_iter().flatten().collect())
}

/// The schema that one of a domain's own feeds wants registered.
///
/// # Errors
/// When it is none, which a test sees to.
pub(super) fn wanted_of_feed(domain: &str, feed: &str, schema: &str) -> Result<Wanted, SchemaError> {
    let subject = format!("{}-value", tidegate_contracts::feed::topic(domain, feed));
    Ok(Wanted { subject, schema: Schema::parse(schema)?, level: Compatibility::FullTransitive })
}

/// What a subject needs for a schema to stand in it. `released` is the id under which the catalog knows the schema.
pub(super) fn subject(wanted: &Wanted, found: &Subject, released: Option<u32>) -> SubjectPlan {
    let level = (found.level != Some(wanted.level)).then_some(LevelChange { from: found.level, to: wanted.level });
    let hint = || "this is not the registry it was released with: correct `registry.url`, or restore its data".into();
    let refused = match (found.id, released) {
        (Some(id), Some(released)) if id != released => Some(NotDone {
            reason: format!(
                "the registry knows the schema of `{}` as id {id}, and events carry id {released}",
                wanted.subject
            ),
            hint: hint(),
        }),
        // Under which id it would be registered nobody can tell; and readers of what is out could not read it.
        _ if found.unknown.is_some() => Some(NotDone {
            reason: format!(
                "the registry does not know the schema that events carry the id of: {}, released in `{}`",
                found.unknown.unwrap_or_default(),
                wanted.subject
            ),
            hint: hint(),
        }),
        (None, None) if !found.incompatible.is_empty() => Some(NotDone {
            reason: format!(
                "the schema is not compatible with those in `{}`: {}",
                wanted.subject,
                found.incompatible.join("; ")
            ),
            hint: "make the change compatible (give new fields a default), or release it as a new major".into(),
        }),
        _ => None,
    };
    SubjectPlan { subject: wanted.subject.clone(), register: found.id.is_none(), level, refused }
}

impl SubjectPlan {
    /// Whether there is nothing to do.
    pub fn is_done(&self) -> bool {
        !self.register && self.level.is_none() && self.refused.is_none()
    }
}

impl Release {
    /// The refusal, if it is one.
    pub fn refused(&self) -> Option<&NotDone> {
        match self {
            Self::Refused(refused) => Some(refused),
            _ => None,
        }
    }
}

fn rfc3339<S: serde::Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

#[cfg(test)]
mod tests;
