//! An Avro schema to be written, laid out for people.

use serde_json::Value;

/// A type.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Avro {
    /// A primitive type, by its name.
    Plain(&'static str),
    /// A primitive type with a logical type on top.
    Logical(&'static str, &'static str),
    /// A decimal on bytes.
    Decimal { precision: usize, scale: usize },
    /// An enum; its default is for readers.
    Enum { name: String, symbols: Vec<String>, default: String },
    /// An array of items.
    Array(Box<Avro>),
    /// A map of values.
    Map(Box<Avro>),
    /// A union of branches.
    Union(Vec<Avro>),
    /// A record.
    Record { name: String, namespace: Option<String>, fields: Vec<Field> },
}

/// A field of a record.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    /// The name.
    pub(super) name: String,
    /// Its type.
    pub(super) of: Avro,
    /// Whether it is null when it is missing.
    pub(super) default_null: bool,
}

/// Whether Avro takes a text as the name of a field, a symbol or a type.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl Avro {
    /// The schema's text.
    pub(super) fn pretty(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, 0);
        text.push('\n');
        text
    }

    /// What it is, for people: `timestamp-millis`, `array of record`, `null or long`.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Plain(name) | Self::Logical(_, name) => (*name).to_owned(),
            Self::Decimal { precision, scale } => format!("decimal({precision},{scale})"),
            Self::Enum { symbols, .. } => format!("enum of {} symbols", symbols.len()),
            Self::Array(items) => format!("array of {}", items.words()),
            Self::Map(values) => format!("map of {}", values.words()),
            Self::Union(branches) => branches.iter().map(Self::words).collect::<Vec<_>>().join(" or "),
            Self::Record { .. } => "record".to_owned(),
        }
    }

    fn write(&self, out: &mut String, indent: usize) {
        match self {
            Self::Plain(name) => *out += &quoted(name),
            Self::Logical(base, logical) => {
                *out += &format!("{{\"type\": {}, \"logicalType\": {}}}", quoted(base), quoted(logical));
            }
            Self::Decimal { precision, scale } => {
                *out += &format!(
                    "{{\"type\": \"bytes\", \"logicalType\": \"decimal\", \"precision\": {precision}, \
                     \"scale\": {scale}}}"
                );
            }
            Self::Enum { name, symbols, default } => {
                let symbols: Vec<String> = symbols.iter().map(|symbol| quoted(symbol)).collect();
                *out += &format!(
                    "{{\"type\": \"enum\", \"name\": {}, \"symbols\": [{}], \"default\": {}}}",
                    quoted(name),
                    symbols.join(", "),
                    quoted(default)
                );
            }
            Self::Array(items) => {
                *out += "{\"type\": \"array\", \"items\": ";
                items.write(out, indent);
                out.push('}');
            }
            Self::Map(values) => {
                *out += "{\"type\": \"map\", \"values\": ";
                values.write(out, indent);
                out.push('}');
            }
            Self::Union(branches) => {
                out.push('[');
                for (at, branch) in branches.iter().enumerate() {
                    if at > 0 {
                        *out += ", ";
                    }
                    branch.write(out, indent);
                }
                out.push(']');
            }
            Self::Record { name, namespace, fields } => {
                let inner = "  ".repeat(indent + 1);
                *out += &format!("{{\n{inner}\"type\": \"record\",\n{inner}\"name\": {},\n", quoted(name));
                if let Some(namespace) = namespace {
                    *out += &format!("{inner}\"namespace\": {},\n", quoted(namespace));
                }
                *out += &format!("{inner}\"fields\": [");
                for (at, field) in fields.iter().enumerate() {
                    *out += if at > 0 { ",\n" } else { "\n" };
                    *out += &format!("{inner}  {{\"name\": {}, \"type\": ", quoted(&field.name));
                    field.of.write(out, indent + 2);
                    *out += if field.default_null { ", \"default\": null}" } else { "}" };
                }
                *out += &format!("\n{inner}]\n{}}}", "  ".repeat(indent));
            }
        }
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
