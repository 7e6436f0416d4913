//! Reading what a registry answers. Everything here takes any status with any body.

use super::ErrorKind;
use schema_registry_converter::schema_registry_common::RawRegisteredSchema;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;
use tidegate_contracts::contract::Compatibility;

/// Where a schema stands under a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The schema's id.
    pub id: u32,
    /// The version of the subject.
    pub version: u32,
}

/// A version of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The schema's id.
    pub id: u32,
    /// The number of the version.
    pub version: u32,
    /// The schema's text as the registry keeps it.
    pub schema: String,
}

/// Whether a subject's level allows a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompatibilityCheck {
    /// Whether it does.
    pub compatible: bool,
    /// Why not, in the registry's words.
    pub messages: Vec<String>,
}

/// Nothing stands in the way where nothing is there.
impl Default for CompatibilityCheck {
    fn default() -> Self {
        Self { compatible: true, messages: Vec::new() }
    }
}

#[derive(Deserialize)]
struct Problem {
    error_code: i64,
    #[serde(default)]
    message: String,
}

/// Tells answers from refusals by their status, and 404s that speak of a subject, version, schema or level from those
/// that speak of a path that nobody serves.
pub(super) fn check_status(status: u16, body: &[u8]) -> Result<(), ErrorKind> {
    let problem = serde_json::from_slice::<Problem>(body).ok();
    let said = || match &problem {
        Some(problem) if !problem.message.is_empty() => shorten(&problem.message),
        _ => shorten(&String::from_utf8_lossy(body)),
    };
    match status {
        200..=299 => match serde_json::from_slice::<IgnoredAny>(body) {
            Ok(_) => Ok(()),
            Err(_) => Err(ErrorKind::Nonsense(format!("it answered {status} with what is not JSON"))),
        },
        100..=399 => Err(ErrorKind::Nonsense(format!("it answered {status}, which is not its to answer"))),
        401 | 403 | 407 => Err(ErrorKind::Credentials(status)),
        404 => match &problem {
            Some(Problem { error_code: 40_400..=40_499, .. }) => Err(ErrorKind::NotFound(said())),
            _ => Err(ErrorKind::NoSuchPath(said())),
        },
        409 => Err(ErrorKind::Incompatible(said())),
        408 | 425 | 429 | 500.. => Err(ErrorKind::Server { status, message: said() }),
        _ => Err(ErrorKind::Invalid(said())),
    }
}

/// JSON that is not what was asked for.
pub(super) fn of_another_shape() -> ErrorKind {
    ErrorKind::Nonsense("it answered JSON of another shape".to_owned())
}

pub(super) fn found(answer: RawRegisteredSchema) -> Option<Found> {
    Some(Found { id: answer.id?, version: answer.version? })
}

pub(super) fn version(answer: RawRegisteredSchema) -> Option<Version> {
    let (id, version) = (answer.id?, answer.version?);
    Some(Version { id, version, schema: schema(answer)? })
}

/// The text of an Avro schema. Another type is stated; Avro's may be left out.
pub(super) fn schema(answer: RawRegisteredSchema) -> Option<String> {
    answer.schema.filter(|_| answer.schema_type.is_none_or(|stated| stated == "AVRO"))
}

/// Confluent reads `compatibilityLevel` and echoes `compatibility`.
pub(super) fn level(answer: Value) -> Option<Compatibility> {
    let level = answer.get("compatibilityLevel").or_else(|| answer.get("compatibility"))?;
    Compatibility::deserialize(level).ok()
}

/// Confluent lists `messages`, Apicurio gives one `reason`.
pub(super) fn check(answer: Value) -> Option<CompatibilityCheck> {
    let compatible = answer.get("is_compatible")?.as_bool()?;
    let text = |value: &Value| value.as_str().map(shorten);
    let messages = match (answer.get("messages"), answer.get("reason")) {
        (Some(Value::Array(messages)), _) => messages.iter().filter_map(text).collect(),
        (_, Some(reason)) => text(reason).into_iter().collect(),
        _ => Vec::new(),
    };
    Some(CompatibilityCheck { compatible, messages })
}

pub(super) fn uses(answer: Value) -> Option<Vec<(String, u32)>> {
    let number = |of: &Value| of.get("version")?.as_u64()?.try_into().ok();
    answer.as_array()?.iter().map(|of| Some((of.get("subject")?.as_str()?.to_owned(), number(of)?))).collect()
}

/// One line of at most 500 characters: registries answer with whole pages and stack traces too.
fn shorten(text: &str) -> String {
    let mut line = String::new();
    for (at, c) in text.trim().chars().enumerate() {
        if at == 500 {
            line.push('…');
            break;
        }
        line.push(if c.is_control() { ' ' } else { c });
    }
    line
}

#[cfg(test)]
mod tests;
