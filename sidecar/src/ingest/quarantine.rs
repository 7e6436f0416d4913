//! What is written of an event that broke its contract: its bytes as they arrived, and why, in headers.

use serde::Serialize;
use std::borrow::Cow;
use tidegate_contracts::{
    plan::JsonForm,
    violation::{Clause, Violations},
};

/// The header with the listed violations, a JSON array. Marked events carry it too.
pub const VIOLATIONS: &str = "tidegate-violations";
/// The header that counts the violations beyond those listed; absent when all are.
pub const VIOLATIONS_MORE: &str = "tidegate-violations-more";
/// The header with the moment of arrival, RFC 3339.
pub const RECEIVED: &str = "tidegate-received";
/// The header with the contract that was broken, `domain.product@x.y.z`.
pub const CONTRACT: &str = "tidegate-contract";
/// The header with the sidecar that received it.
pub const SIDECAR: &str = "tidegate-sidecar";
/// The header of a record that says which other record of the topic, `PARTITION:OFFSET`, was published by a replay. Such a
/// record has no value.
pub const REPLAYED: &str = "tidegate-replayed";

/// What the original bytes of an event are. Its text is the quarantine record's `content-type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Original {
    /// One JSON value.
    Json(JsonForm),
    /// A CloudEvents envelope that could not be opened.
    Envelope,
    /// A bare Avro body of this schema.
    Avro(u32),
    /// A framed Avro body.
    Framed,
}

impl Original {
    /// As the `content-type` header has it.
    pub fn content_type(self) -> Cow<'static, str> {
        match self {
            Self::Json(JsonForm::Plain) => "application/json".into(),
            Self::Json(JsonForm::Avro) => "application/json; encoding=avro-json".into(),
            Self::Envelope => "application/cloudevents+json".into(),
            Self::Avro(schema_id) => format!("application/avro; schemaId={schema_id}").into(),
            Self::Framed => "application/vnd.confluent.avro".into(),
        }
    }

    /// Reads that header back, for a replay.
    pub fn parse(content_type: &str) -> Option<Self> {
        match content_type {
            "application/json" => Some(Self::Json(JsonForm::Plain)),
            "application/json; encoding=avro-json" => Some(Self::Json(JsonForm::Avro)),
            "application/cloudevents+json" => Some(Self::Envelope),
            "application/vnd.confluent.avro" => Some(Self::Framed),
            _ => content_type.strip_prefix("application/avro; schemaId=")?.parse().ok().map(Self::Avro),
        }
    }
}

/// A violation without the position in the event: those stay between us and the caller.
#[derive(Serialize)]
struct Lasting<'a> {
    path: &'a str,
    clause: Clause,
    expected: &'a str,
    found: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

/// Violations as the headers of a record.
#[derive(Debug)]
pub(super) struct Headers {
    listed: Vec<u8>,
    more: Option<String>,
}

impl Headers {
    pub(super) fn of(violations: &Violations) -> Self {
        let more = (violations.more > 0).then(|| violations.more.to_string());
        Self { listed: json(violations), more }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let more = self.more.iter().map(|count| (VIOLATIONS_MORE, count.as_bytes()));
        std::iter::once((VIOLATIONS, &self.listed[..])).chain(more)
    }
}

fn json(violations: &Violations) -> Vec<u8> {
    let lasting = violations.listed.iter().map(|violation| Lasting {
        path: &violation.path,
        clause: violation.clause,
        expected: &violation.expected,
        found: &violation.found,
        hint: violation.hint.as_deref(),
    });
    // Texts and numbers into memory: there is nothing that could fail.
    serde_json::to_vec(&lasting.collect::<Vec<_>>()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_contracts::violation::Violation;

    #[test]
    fn an_original_is_named_so_that_a_replay_can_read_it() {
        for original in [
            Original::Json(JsonForm::Plain),
            Original::Json(JsonForm::Avro),
            Original::Envelope,
            Original::Avro(7),
            Original::Framed,
        ] {
            assert_eq!(Original::parse(&original.content_type()), Some(original));
        }
        for other in ["", "text/plain", "application/avro", "application/avro; schemaId=x"] {
            assert_eq!(Original::parse(other), None, "{other:?}");
        }
    }

    #[test]
    fn positions_do_not_last() {
        let violation = Violation {
            path: "lines[].sku".into(),
            position: Some("lines[3].sku".into()),
            clause: Clause::MinLength,
            expected: "at least 3 characters".into(),
            found: "string".into(),
            hint: None,
        };
        let shown = |more| -> Vec<String> {
            let headers = Headers::of(&Violations { listed: vec![violation.clone()], more });
            headers.iter().map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value))).collect()
        };
        assert_eq!(shown(3)[1..], ["tidegate-violations-more: 3"]);
        insta::assert_snapshot!(
            shown(0).join("\n"),
            @r#"tidegate-violations: [{"path":"lines[].sku","clause":"minLength","expected":"at least 3 characters","found":"string"}]"#
        );
    }
}
