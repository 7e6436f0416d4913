//! Reading what a registry answers. Everything here takes any status with any body.

use super::ErrorKind;
use serde::Deserialize;
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

/// The JSON of an answer with status 200.
pub(super) struct Body(Value);

/// An answer that is either what was asked for, or says that it is not there.
#[derive(Debug)]
pub(super) enum Checked {
    Here(Value),
    Absent(String),
}

#[derive(Deserialize)]
struct Problem {
    error_code: i64,
    #[serde(default)]
    message: String,
}

/// Tells answers by their status, and 404s that speak of a subject, version, schema or level from those that speak of a
/// path that nobody serves.
pub(super) fn check(status: u16, body: &[u8]) -> Result<Checked, ErrorKind> {
    let problem = serde_json::from_slice::<Problem>(body).ok();
    let said = || match &problem {
        Some(problem) if !problem.message.is_empty() => shorten(&problem.message),
        _ => shorten(&String::from_utf8_lossy(body)),
    };
    match status {
        200..=299 => match serde_json::from_slice(body) {
            Ok(value) => Ok(Checked::Here(value)),
            Err(_) => Err(ErrorKind::Nonsense(format!("it answered {status} with what is not JSON"))),
        },
        100..=399 => Err(ErrorKind::Nonsense(format!("it answered {status}, which is not its to answer"))),
        401 | 403 | 407 => Err(ErrorKind::Credentials(status)),
        404 => match &problem {
            Some(Problem { error_code: 40_400..=40_499, .. }) => Ok(Checked::Absent(said())),
            _ => Err(ErrorKind::NotFound(format!("it knows no such path: {}", said()))),
        },
        409 => Err(ErrorKind::Incompatible(said())),
        408 | 425 | 429 | 500.. => Err(ErrorKind::Server { status, message: said() }),
        _ => Err(ErrorKind::Invalid(said())),
    }
}

impl Checked {
    /// What was asked for; that it is not there is an error.
    pub(super) fn read<T>(self, read: impl FnOnce(Body) -> Option<T>) -> Result<T, ErrorKind> {
        match self {
            Self::Here(value) => {
                read(Body(value)).ok_or_else(|| ErrorKind::Nonsense("it answered JSON of another shape".to_owned()))
            }
            Self::Absent(message) => Err(ErrorKind::NotFound(message)),
        }
    }

    /// What was asked for, or `None` when it is not there.
    pub(super) fn or_absent<T>(self, read: impl FnOnce(Body) -> Option<T>) -> Result<Option<T>, ErrorKind> {
        match self {
            Self::Absent(_) => Ok(None),
            here => here.read(read).map(Some),
        }
    }
}

impl Body {
    pub(super) fn id(self) -> Option<u32> {
        number(&self.0, "id")
    }

    pub(super) fn found(self) -> Option<Found> {
        Some(Found { id: number(&self.0, "id")?, version: number(&self.0, "version")? })
    }

    pub(super) fn version(self) -> Option<Version> {
        let Found { id, version } = Body(self.0.clone()).found()?;
        Some(Version { id, version, schema: self.schema()? })
    }

    pub(super) fn schema(self) -> Option<String> {
        // Another type than Avro is stated; Avro's may be left out.
        match self.0.get("schemaType") {
            None | Some(Value::Null) => {}
            Some(stated) if stated == "AVRO" => {}
            Some(_) => return None,
        }
        self.0.get("schema")?.as_str().map(str::to_owned)
    }

    /// Confluent reads `compatibilityLevel` and echoes `compatibility`.
    pub(super) fn level(self) -> Option<Compatibility> {
        let level = self.0.get("compatibilityLevel").or_else(|| self.0.get("compatibility"))?;
        Compatibility::deserialize(level).ok()
    }

    /// Confluent lists `messages`, Apicurio gives one `reason`.
    pub(super) fn check(self) -> Option<CompatibilityCheck> {
        let compatible = self.0.get("is_compatible")?.as_bool()?;
        let text = |value: &Value| value.as_str().map(shorten);
        let messages = match (self.0.get("messages"), self.0.get("reason")) {
            (Some(Value::Array(messages)), _) => messages.iter().filter_map(text).collect(),
            (_, Some(reason)) => text(reason).into_iter().collect(),
            _ => Vec::new(),
        };
        Some(CompatibilityCheck { compatible, messages })
    }

    pub(super) fn uses(self) -> Option<Vec<(String, u32)>> {
        let uses = self.0.as_array()?.iter();
        uses.map(|of| Some((of.get("subject")?.as_str()?.to_owned(), number(of, "version")?))).collect()
    }
}

fn number(of: &Value, name: &str) -> Option<u32> {
    of.get(name)?.as_u64()?.try_into().ok()
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
