//! Durations and sizes as people write them: `10s`, `250ms`, `64MiB`.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::{borrow::Cow, time::Duration};

/// The pattern of a duration.
pub(super) const DURATION: &str = "^[0-9]+(ms|s|m|h|d)$";
/// The pattern of a size with a unit.
pub(super) const SIZE: &str = "^[0-9]+(B|KiB|MiB|GiB)?$";

/// A duration in the file: a whole number and one of the units ms, s, m, h, d.
pub(crate) mod duration {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::time::Duration;

    pub(crate) fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::print_duration(*value))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        super::parse_duration(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// A size in the file: a whole number of bytes, or one with a unit of B, KiB, MiB, GiB.
pub(crate) mod size {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(u64),
        Text(String),
    }

    pub(crate) fn serialize<S: Serializer>(value: &usize, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::print_size(*value))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
        match Written::deserialize(deserializer)? {
            Written::Number(bytes) => usize::try_from(bytes).map_err(D::Error::custom),
            Written::Text(text) => super::parse_size(&text).map_err(D::Error::custom),
        }
    }
}

/// What the JSON Schema says of a duration.
pub(crate) struct DurationText;

/// What the JSON Schema says of a size.
pub(crate) struct SizeText;

impl JsonSchema for DurationText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": DURATION })
    }
}

impl JsonSchema for SizeText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer"], "pattern": SIZE, "minimum": 0 })
    }
}

const DURATIONS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const SIZES: [(&str, u64); 4] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// Reads `10s`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    parse(text, &DURATIONS).map(Duration::from_millis).ok_or_else(|| {
        format!("`{text}` is not a duration; write a whole number and a unit of ms, s, m, h or d, such as `10s`")
    })
}

/// Reads `64MiB`.
pub(crate) fn parse_size(text: &str) -> Result<usize, String> {
    let bytes = parse(text, &SIZES).or_else(|| text.parse().ok());
    bytes.and_then(|bytes| usize::try_from(bytes).ok()).ok_or_else(|| {
        format!("`{text}` is not a size; write a whole number and a unit of B, KiB, MiB or GiB, such as `64MiB`")
    })
}

fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// Writes a duration in the largest unit that keeps it whole.
pub(crate) fn print_duration(value: Duration) -> String {
    match u64::try_from(value.as_millis()).unwrap_or(u64::MAX) {
        0 => "0s".to_owned(),
        millis => print(millis, &DURATIONS),
    }
}

/// Writes a size in the largest unit that keeps it whole.
pub(crate) fn print_size(value: usize) -> String {
    print(value as u64, &SIZES)
}

fn print(value: u64, units: &[(&str, u64)]) -> String {
    let whole = units.iter().rev().find(|(_, factor)| value >= *factor && value.is_multiple_of(*factor));
    let (unit, factor) = whole.unwrap_or(&units[0]);
    format!("{}{unit}", value / factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        for (text, millis) in [("0s", 0), ("250ms", 250), ("10s", 10_000), ("2m", 120_000), ("7d", 604_800_000)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "10", "s", "1.5s", "-1s", "10 s", "10S", "99999999999999999999s", "18446744073709551615d"] {
            assert!(parse_duration(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn sizes_are_a_number_and_a_unit() {
        for (text, bytes) in [("0", 0), ("512", 512), ("512B", 512), ("3KiB", 3 << 10), ("64MiB", 64 << 20)] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "MiB", "1MB", "1.5GiB", "-1", "18446744073709551615GiB"] {
            assert!(parse_size(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(millis in any::<u32>(), bytes in any::<u32>()) {
            let (span, bytes) = (Duration::from_millis(millis.into()), bytes as usize);
            prop_assert_eq!(parse_duration(&print_duration(span)), Ok(span));
            prop_assert_eq!(parse_size(&print_size(bytes)), Ok(bytes));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,24}") {
            let _ = (parse_duration(&text), parse_size(&text));
        }
    }
}
