//! What our tables say, for people (`CONTRACT.md`) and for editors (`contract.schema.json`). Tests keep both files the
//! same as what is made here.

use super::{
    Enforced,
    custom::{CUSTOM_PROPERTIES, CustomKind, DEPRECATION, FOREVER, PREFIX},
    options::OPTIONS,
    types::AGREEMENT,
};
use crate::plan::FORMATS;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Field paths, as a regular expression of JSON Schema.
const PATH: &str = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$";
/// ISO 8601 durations without years and months.
const DURATION: &str = r"^P(?=[0-9T])([0-9]+W)?([0-9]+D)?(T(?=[0-9])([0-9]+H)?([0-9]+M)?([0-9]+([.,][0-9]{1,9})?S)?)?$";
const DATE: &str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$";

/// The JSON Schema of our custom properties: for a whole contract, besides ODCS's own schema.
pub fn custom_properties_schema() -> Value {
    let named = |name: &str| json!({"properties": {"property": {"const": name}}, "required": ["property"]});
    let values = CUSTOM_PROPERTIES.iter().map(|property| {
        let mut value = value_schema(&property.kind);
        value["description"] = format!("{} Default: {}.", property.doc, property.default).into();
        json!({"if": named(property.name), "then": {"properties": {"value": value}}})
    });
    let names: Vec<&str> = CUSTOM_PROPERTIES.iter().map(|property| property.name).collect();
    let ours = format!("^{}", PREFIX.replace('.', "\\."));
    let known = json!({
        "if": {"properties": {"property": {"type": "string", "pattern": ours}}, "required": ["property"]},
        "then": {"properties": {"property": {"enum": names}}},
    });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Tidegate's custom properties in an ODCS 3.1 contract",
        "type": "object",
        "properties": {
            "customProperties": {
                "type": "array",
                "items": {"type": "object", "allOf": std::iter::once(known).chain(values).collect::<Vec<_>>()},
            },
        },
    })
}

fn value_schema(kind: &CustomKind) -> Value {
    let text = json!({"type": "string", "minLength": 1});
    match kind {
        CustomKind::Path => json!({"type": "string", "pattern": PATH}),
        CustomKind::Paths => {
            let path = value_schema(&CustomKind::Path);
            json!({"anyOf": [path, {"type": "array", "items": path, "minItems": 1, "uniqueItems": true}]})
        }
        CustomKind::Word(words) => json!({"enum": words}),
        CustomKind::Count(most) => json!({"type": "integer", "minimum": 1, "maximum": most}),
        CustomKind::Duration => json!({"type": "string", "pattern": DURATION}),
        CustomKind::Retention => json!({"anyOf": [{"const": FOREVER}, {"type": "string", "pattern": DURATION}]}),
        CustomKind::Text => text,
        CustomKind::Texts => json!({"type": "array", "items": text}),
        CustomKind::Deprecation => {
            let of = |key: &str| {
                if matches!(key, "since" | "sunset") {
                    json!({"type": "string", "pattern": DATE})
                } else {
                    text.clone()
                }
            };
            let properties: serde_json::Map<String, Value> =
                DEPRECATION.iter().map(|key| ((*key).to_owned(), of(key))).collect();
            json!({
                "type": "object",
                "properties": properties,
                "additionalProperties": false,
                "anyOf": [{"required": ["since"]}, {"required": ["sunset"]}],
            })
        }
    }
}

/// The reference of contract files, as Markdown.
pub fn reference() -> String {
    let mut text = String::from(INTRODUCTION);
    text.push_str("\n## Custom properties\n\n");
    text.push_str("Under the contract's own `customProperties`, each as `{property: NAME, value: VALUE}`.\n\n");
    text.push_str("| property | what it does | takes | default | such as | enforced |\n|---|---|---|---|---|---|\n");
    for property in CUSTOM_PROPERTIES {
        let takes = match &property.kind {
            CustomKind::Path => "a field path".to_owned(),
            CustomKind::Paths => "a field path or a list of them".to_owned(),
            CustomKind::Word(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
            CustomKind::Count(most) => format!("a whole number, 1 to {most}"),
            CustomKind::Duration => "an ISO 8601 duration".to_owned(),
            CustomKind::Retention => format!("an ISO 8601 duration, or `{FOREVER}`"),
            CustomKind::Text => "text".to_owned(),
            CustomKind::Texts => "a list of texts".to_owned(),
            CustomKind::Deprecation => "a mapping".to_owned(),
        };
        let (name, doc, example) = (property.name, property.doc, property.example);
        let _ = writeln!(
            text,
            "| `{name}` | {doc} | {takes} | {} | `{example}` | {} |",
            property.default, property.enforced
        );
    }
    text.push_str("\n## Types\n\n");
    text.push_str("What a property says of its type has to agree with the Avro schema. A field that may be null is told by its other type.\n\n");
    text.push_str("| `logicalType` | agrees with Avro's |\n|---|---|\n");
    for (logical, avro) in AGREEMENT {
        let _ = writeln!(text, "| `{logical}` | {avro} |");
    }
    text.push_str(PHYSICAL_TYPES);
    text.push_str("\n## Clauses\n\n| clause | of | enforced |\n|---|---|---|\n");
    for (clause, of, enforced) in CLAUSES {
        let _ = writeln!(text, "| {clause} | {of} | {enforced} |");
    }
    for (option, of, enforced) in OPTIONS {
        let of: Vec<String> = of.iter().map(|of| format!("`{of}`")).collect();
        let _ = writeln!(text, "| `logicalTypeOptions.{option}` | {} | {enforced} |", of.join(", "));
    }
    text.push_str("\nA string's `format` is enforced when it is one of these:");
    for (at, (format, expected)) in FORMATS.iter().enumerate() {
        let _ = write!(text, "{} `{format}` ({expected})", if at > 0 { "," } else { "" });
    }
    text.push_str(". Any other is kept as documentation, and `check` says so.\n");
    text.push_str(PATTERNS);
    text
}

const INTRODUCTION: &str = "\
# Contract files

Made from the tables in `src/contract/` by a test; edit those. A contract is a file `*.odcs.yaml` in the Open Data Contract
Standard 3.1, so that other tools read it, too (`datacontract lint` checks the forms that are theirs alone). `tidegate
check` says everything that is wrong with it in one go, and with `-v` where each of its clauses is enforced. An editor finds
the JSON Schema of the custom properties in `contracts/contract.schema.json`.

- Needed: `apiVersion: v3.1.0`, `kind: DataContract`, `id`, `name` (the product), `domain`, `version` (MAJOR.MINOR.PATCH),
  `status`, and `schema` with one object. Names are lower-case letters, digits and hyphens, a letter first, at most 63;
  those that begin with `tidegate-` are Tidegate's.
- The structure is an Avro schema in a file of its own, a record, named by the schema object's `authoritativeDefinitions`:
  `{type: implementation, url: orders.avsc}`, relative to the contract. `properties` add to it what Avro cannot say.
- The topic is `<domain>.<product>.v<major>`, or the schema object's `physicalName` for one that exists already.
- A property is about the Avro field of its `name`, or of its `physicalName` if it has one. Fields are named by paths:
  `total.amount`, `lines[].sku`, `tags{}`.
- YAML is read as JSON's model: no tags, no merge keys, one document a file, each key once. Text that looks like a number
  or a boolean needs quotes.
";

const PHYSICAL_TYPES: &str = "
`physicalType`, where it is given, is Avro's word for the type (`string`, `long`, `record`, …), its logical type
(`timestamp-millis`, `decimal`, `decimal(12,2)`, …), or the name of the record, enum or fixed, with or without its namespace.
A map's values have no property of their own in ODCS.
";

const PATTERNS: &str = "
A `pattern` matches anywhere in the text unless it is anchored with `^` and `$`; `\\d`, `\\w` and `\\b` are about ASCII, as in
ECMA-262. No pattern takes more than linear time, so there is no look-around and no back-reference.
";

/// Clauses besides the options, and where each is enforced.
const CLAUSES: &[(&str, &str, Enforced)] = &[
    ("the Avro schema", "the event", Enforced::PerEvent),
    ("`required`", "any field; in `items`, the items", Enforced::PerEvent),
    ("`primaryKey`", "fields; they are the key, unless `tidegate.key` is set", Enforced::PerEvent),
    ("`classification`", "any field; decides the default of `tidegate.onViolation`", Enforced::PerEvent),
    ("`unique`", "any field", Enforced::Drift),
    ("quality `nullValues` with `mustBe: 0`", "any field", Enforced::PerEvent),
    (
        "quality `invalidValues` with `mustBe: 0`, and the argument `validValues` or `pattern`",
        "any field; null is not held against it",
        Enforced::PerEvent,
    ),
    ("every other quality clause with a `metric`", "fields, or the schema object", Enforced::Drift),
    ("quality of type `text`, `sql`, `custom`", "fields, or the schema object", Enforced::Documentation),
    (
        "`slaProperties` latency, freshness, frequency, timeOfAvailability, completeness, throughput",
        "the field in `element`, or the product",
        Enforced::Drift,
    ),
    ("every other service level", "the product", Enforced::Documentation),
    ("everything else that ODCS has", "", Enforced::Documentation),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::{env, fs};

    /// A file in the repository is what is made here; `UPDATE_FILES=1` makes it so.
    fn check_file(name: &str, made: &str) {
        let path = format!("{}/{name}", env!("CARGO_MANIFEST_DIR"));
        if env::var_os("UPDATE_FILES").is_some() {
            fs::write(&path, made).unwrap();
        }
        let there = fs::read_to_string(&path).unwrap_or_default();
        assert!(there == made, "{path} is not what its tables say; run the tests with UPDATE_FILES=1");
    }

    #[test]
    fn the_reference_says_what_the_tables_say() {
        check_file("CONTRACT.md", &reference());
    }

    #[test]
    fn the_json_schema_says_what_the_table_says() {
        check_file("contract.schema.json", &format!("{:#}\n", custom_properties_schema()));
    }

    #[test]
    fn the_table_of_types_is_what_the_check_does() {
        use crate::{contract::types::logical_agrees, schema::Schema};
        let of = |text: &str| match text {
            "decimal" => r#"{"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}"#.to_owned(),
            "decimal0" => r#"{"type": "bytes", "logicalType": "decimal", "precision": 4}"#.to_owned(),
            "enum" => r#"{"type": "enum", "name": "E", "symbols": ["A"]}"#.to_owned(),
            "fixed" => r#"{"type": "fixed", "name": "F", "size": 4}"#.to_owned(),
            "duration" => {
                r#"{"type": {"type": "fixed", "name": "F", "size": 12}, "logicalType": "duration"}"#.to_owned()
            }
            "record" => r#"{"type": "record", "name": "R", "fields": []}"#.to_owned(),
            "map" => r#"{"type": "map", "values": "int"}"#.to_owned(),
            "array" => r#"{"type": "array", "items": "int"}"#.to_owned(),
            "uuid" => r#"{"type": "string", "logicalType": "uuid"}"#.to_owned(),
            "date" => r#"{"type": "int", "logicalType": "date"}"#.to_owned(),
            "time-millis" => r#"{"type": "int", "logicalType": "time-millis"}"#.to_owned(),
            time if time.starts_with("time") => format!(r#"{{"type": "long", "logicalType": "{time}"}}"#),
            other => format!("\"{other}\""),
        };
        let types = [
            "string",
            "enum",
            "bytes",
            "fixed",
            "uuid",
            "int",
            "long",
            "decimal",
            "decimal0",
            "float",
            "double",
            "boolean",
            "date",
            "time-millis",
            "time-micros",
            "timestamp-millis",
            "record",
            "map",
            "array",
        ];
        for name in types {
            let schema = Schema::parse(&of(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
            for (logical, avro) in AGREEMENT {
                let written = match name {
                    "decimal0" => avro.contains("`decimal`"),
                    "decimal" => avro.contains("`decimal`") && !avro.contains("of scale 0"),
                    name => avro.contains(&format!("`{name}`")),
                };
                assert_eq!(logical_agrees(&schema, schema.root(), logical), written, "{logical} and {name}");
            }
        }
    }
}
