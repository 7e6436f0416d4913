//! Decoding by apache-avro: an implementation that shares nothing with the plan under test.

use apache_avro::{
    Schema,
    reader::datum::GenericDatumReader,
    schema::{NamesRef, ResolvedSchema},
    types::Value,
};
use serde_json::{Map, Number, json};

/// Decodes an Avro body to the value of [`avro_to_json`].
///
/// # Panics
/// When the body is not exactly one value of the schema.
pub fn decode(schema: &str, mut body: &[u8]) -> serde_json::Value {
    let schema = Schema::parse_str(schema).expect("a registered schema parses");
    let reader = GenericDatumReader::builder(&schema).build().expect("a registered schema can be read by");
    let value = reader.read_value(&mut body).expect("a published body decodes");
    assert!(body.is_empty(), "{} bytes are left over after the value", body.len());
    avro_to_json(&value, &schema)
}

/// Plain JSON as a caller could have sent it, in one form: decimals as text with all digits of their scale, dates and
/// times as integers in the schema's unit, bytes as text of U+0000 to U+00FF, durations as three numbers.
///
/// # Panics
/// When value and schema are not of one kind.
pub fn avro_to_json(value: &Value, schema: &Schema) -> serde_json::Value {
    let resolved = ResolvedSchema::new(schema).expect("a parsed schema resolves");
    convert(value, schema, resolved.get_names())
}

fn convert(value: &Value, schema: &Schema, names: &NamesRef<'_>) -> serde_json::Value {
    match (value, schema) {
        (_, Schema::Ref { name }) => convert(value, names[name], names),
        (Value::Null, _) => json!(null),
        (Value::Boolean(value), _) => json!(value),
        (Value::Int(value) | Value::Date(value) | Value::TimeMillis(value), _) => json!(value),
        (
            Value::Long(value)
            | Value::TimeMicros(value)
            | Value::TimestampMillis(value)
            | Value::TimestampMicros(value)
            | Value::TimestampNanos(value)
            | Value::LocalTimestampMillis(value)
            | Value::LocalTimestampMicros(value)
            | Value::LocalTimestampNanos(value),
            _,
        ) => json!(value),
        (Value::Float(value), _) => json!(value),
        (Value::Double(value), _) => Number::from_f64(*value).map_or_else(|| json!(value.to_string()), Into::into),
        (Value::Bytes(bytes) | Value::Fixed(_, bytes), _) => {
            json!(bytes.iter().copied().map(char::from).collect::<String>())
        }
        (Value::String(value) | Value::Enum(_, value), _) => json!(value),
        (Value::Uuid(value), _) => json!(value.to_string()),
        (Value::Decimal(value), Schema::Decimal(decimal)) => {
            let bytes = Vec::<u8>::try_from(value.clone()).expect("a decoded decimal has bytes");
            json!(decimal_text(&bytes, decimal.scale))
        }
        (Value::Duration(value), _) => {
            json!([u32::from(value.months()), u32::from(value.days()), u32::from(value.millis())])
        }
        (Value::Union(branch, value), Schema::Union(union)) => {
            convert(value, &union.variants()[*branch as usize], names)
        }
        (Value::Array(items), Schema::Array(array)) => {
            items.iter().map(|item| convert(item, &array.items, names)).collect()
        }
        (Value::Map(entries), Schema::Map(map)) => serde_json::Value::Object(
            entries.iter().map(|(key, value)| (key.clone(), convert(value, &map.types, names))).collect(),
        ),
        (Value::Record(fields), Schema::Record(record)) => {
            let pairs = fields.iter().zip(&record.fields);
            let object: Map<_, _> =
                pairs.map(|((name, value), field)| (name.clone(), convert(value, &field.schema, names))).collect();
            serde_json::Value::Object(object)
        }
        (value, schema) => panic!("{value:?} is not of {schema:?}"),
    }
}

/// Two's complement of up to 16 bytes, big-endian, as a decimal number.
fn decimal_text(bytes: &[u8], scale: usize) -> String {
    assert!(bytes.len() <= 16, "no test has decimals beyond 38 digits");
    let negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    let unscaled = bytes.iter().fold(if negative { -1 } else { 0 }, |sum: i128, &byte| sum << 8 | i128::from(byte));
    let sign = if unscaled < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    match digits.split_at(digits.len() - scale) {
        (whole, "") => format!("{sign}{whole}"),
        (whole, fraction) => format!("{sign}{whole}.{fraction}"),
    }
}

#[cfg(test)]
mod tests {
    use super::decimal_text;

    #[test]
    fn decimals_are_written_with_all_digits_of_their_scale() {
        for (bytes, scale, text) in [
            (&[0x32, 0xca][..], 2, "130.02"),
            (&[0x05], 2, "0.05"),
            (&[0xff], 2, "-0.01"),
            (&[0x00], 0, "0"),
            (&[0xff, 0x38], 1, "-20.0"),
        ] {
            assert_eq!(decimal_text(bytes, scale), text);
        }
    }
}
