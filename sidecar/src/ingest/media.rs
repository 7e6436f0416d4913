//! The content types that events come in.

/// A content type we take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    /// `application/json`: an object is one event, an array a batch.
    Json,
    /// `application/x-ndjson`: a line is an event.
    Ndjson,
    /// `application/cloudevents+json`: one CloudEvent with its data inside.
    CloudEvent,
    /// `application/cloudevents-batch+json`: an array of them.
    CloudEventBatch,
    /// `application/avro`: one Avro body, without framing.
    Avro,
    /// `application/vnd.confluent.avro`: one framed event.
    Framed,
    /// `application/vnd.tidegate.avro-batch`: lengths and framed events.
    FramedBatch,
}

impl Media {
    /// All of them, in the order in which we name them to callers.
    pub(super) const ALL: [Self; 7] = [
        Self::Json,
        Self::Ndjson,
        Self::CloudEvent,
        Self::CloudEventBatch,
        Self::Avro,
        Self::Framed,
        Self::FramedBatch,
    ];

    /// As it stands in `content-type`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::CloudEvent => "application/cloudevents+json",
            Self::CloudEventBatch => "application/cloudevents-batch+json",
            Self::Avro => "application/avro",
            Self::Framed => "application/vnd.confluent.avro",
            Self::FramedBatch => "application/vnd.tidegate.avro-batch",
        }
    }

    /// Whether events come in it with CloudEvents' attributes around them.
    pub(super) fn is_envelope(self) -> bool {
        matches!(self, Self::CloudEvent | Self::CloudEventBatch)
    }

    /// Reads a `content-type`. `None` for one we do not take, and for any charset but UTF-8.
    pub(super) fn parse(value: &str) -> Option<Self> {
        let (essence, parameters) = value.split_once(';').unwrap_or((value, ""));
        let foreign_charset = parameters.split(';').any(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            name.trim().eq_ignore_ascii_case("charset") && !value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        });
        let found = Self::ALL.into_iter().find(|media| essence.trim().eq_ignore_ascii_case(media.name()))?;
        (!foreign_charset).then_some(found)
    }

    /// All of them in one line, for `accept` and for people.
    pub(super) fn list() -> String {
        Self::ALL.map(Self::name).join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_type_is_known_by_its_essence_and_its_charset() {
        fn check(value: &str, expected: Option<Media>) {
            assert_eq!(Media::parse(value), expected, "{value:?}");
        }
        for media in Media::ALL {
            check(media.name(), Some(media));
        }
        check("Application/JSON", Some(Media::Json));
        check("application/json;charset=utf-8", Some(Media::Json));
        check("application/json ; Charset=\"UTF-8\"; q=1", Some(Media::Json));
        check("application/json; charset=latin1", None);
        check("application/json; charset=", None);
        check("text/plain", None);
        check("application/jsonx", None);
        check("", None);
        check(";", None);
    }
}
