//! What stands behind the question mark. An unknown parameter is an error: a mistyped `version` must not be the default.

use super::problems;
use crate::{ingest::media::Media, problem::Problem};
use std::str::FromStr;
use tidegate_contracts::plan::JsonForm;

/// The parameters of a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    /// `version`: the major version.
    pub(super) version: Option<u64>,
    /// `encoding=avro-json`: which JSON it is.
    pub(super) form: JsonForm,
    /// `schemaId`: of a bare Avro body.
    pub(super) schema_id: Option<u32>,
    /// `key`: of a tombstone.
    pub(super) key: Option<String>,
}

const FOR_EVENTS: [&str; 3] = ["version", "encoding", "schemaId"];
const FOR_TOMBSTONES: [&str; 2] = ["version", "key"];

impl Query {
    pub(super) fn parse(text: &str, publishing: bool) -> Result<Self, Problem> {
        let allowed: &[&str] = if publishing { &FOR_EVENTS } else { &FOR_TOMBSTONES };
        // What is decoded below is made UTF-8 where it is not, and a key would then be another one.
        if percent_encoding::percent_decode_str(text).decode_utf8().is_err() {
            return Err(problems::query_encoding());
        }
        let mut query = Self::default();
        let mut seen = Vec::new();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            let Some(name) = allowed.iter().find(|allowed| **allowed == name) else {
                return Err(problems::unknown_parameter(&name, allowed));
            };
            if seen.contains(name) {
                return Err(problems::parameter(name, "stands there twice"));
            }
            seen.push(name);
            match *name {
                "version" => query.version = Some(number(name, &value)?),
                "schemaId" => query.schema_id = Some(number(name, &value)?),
                "encoding" if value == "avro-json" => query.form = JsonForm::Avro,
                "encoding" => return Err(problems::parameter(name, "can only be avro-json")),
                _ => query.key = Some(value.into_owned()),
            }
        }
        Ok(query)
    }

    /// Refuses what says nothing about this kind of body: ignored, it would be believed to count.
    pub(super) fn fits(&self, media: Media) -> Result<(), Problem> {
        let json = matches!(media, Media::Json | Media::Ndjson) || media.is_envelope();
        if self.form != JsonForm::default() && !json {
            return Err(problems::parameter("encoding", &format!("is of JSON, and not of {}", media.name())));
        }
        let bare_avro = media == Media::Avro || media.is_envelope();
        if self.schema_id.is_some() && !bare_avro {
            let wrong = format!("is of {}, and not of {}", Media::Avro.name(), media.name());
            return Err(problems::parameter("schemaId", &wrong));
        }
        Ok(())
    }
}

fn number<T: FromStr>(name: &str, value: &str) -> Result<T, Problem> {
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    value.parse().ok().filter(|_| digits).ok_or_else(|| problems::parameter(name, "has to be a whole number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_or_refused() {
        fn check(text: &str, publishing: bool, expected: Result<Query, &str>) {
            let found = Query::parse(text, publishing).map_err(|problem| problem.kind());
            assert_eq!(found, expected, "{text:?}");
        }
        let with = |version, schema_id, key: Option<&str>| Query {
            version,
            schema_id,
            key: key.map(str::to_owned),
            form: JsonForm::Plain,
        };
        check("", true, Ok(Query::default()));
        check("version=2", true, Ok(with(Some(2), None, None)));
        check("version=2&schemaId=41", true, Ok(with(Some(2), Some(41), None)));
        check("encoding=avro-json", true, Ok(Query { form: JsonForm::Avro, ..Query::default() }));
        check("key=a%20b%2Fc+d&version=1", false, Ok(with(Some(1), None, Some("a b/c d"))));
        check("key=", false, Ok(with(None, None, Some(""))));
        check("key=%C3%A4+%25ff", false, Ok(with(None, None, Some("ä %ff"))));
        check("key=%ff", false, Err("bad-parameter"));
        check("key=%C3&version=1", false, Err("bad-parameter"));
        check("version=", true, Err("bad-parameter"));
        check("version=+1", true, Err("bad-parameter"));
        check("version=v1", true, Err("bad-parameter"));
        check("version=99999999999999999999", true, Err("bad-parameter"));
        check("version=1&version=1", true, Err("bad-parameter"));
        check("encoding=xml", true, Err("bad-parameter"));
        check("schemaId=4294967296", true, Err("bad-parameter"));
        check("key=a", true, Err("unknown-parameter"));
        check("schemaId=1", false, Err("unknown-parameter"));
        check("verison=1", true, Err("unknown-parameter"));
    }
}
