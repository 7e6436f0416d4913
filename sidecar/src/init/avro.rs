//! An Avro schema to be written, laid out for people.

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
    /// The schema's text, laid out.
    pub(super) fn text(&self) -> String {
        let mut json = String::new();
        self.write(&mut json);
        super::layout::layout(&json)
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

    fn write(&self, out: &mut String) {
        match self {
            Self::Plain(name) => *out += &format!("\"{name}\""),
            Self::Logical(base, logical) => *out += &format!(r#"{{"type":"{base}","logicalType":"{logical}"}}"#),
            Self::Decimal { precision, scale } => {
                *out +=
                    &format!(r#"{{"type":"bytes","logicalType":"decimal","precision":{precision},"scale":{scale}}}"#);
            }
            // Names and symbols are Avro names, so nothing in them needs escaping.
            Self::Enum { name, symbols, default } => {
                let symbols = symbols.join(r#"",""#);
                *out += &format!(r#"{{"type":"enum","name":"{name}","symbols":["{symbols}"],"default":"{default}"}}"#);
            }
            Self::Array(items) => {
                *out += r#"{"type":"array","items":"#;
                items.write(out);
                out.push('}');
            }
            Self::Map(values) => {
                *out += r#"{"type":"map","values":"#;
                values.write(out);
                out.push('}');
            }
            Self::Union(branches) => {
                out.push('[');
                for (at, branch) in branches.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    branch.write(out);
                }
                out.push(']');
            }
            Self::Record { name, namespace, fields } => {
                *out += &format!(r#"{{"type":"record","name":"{name}","#);
                if let Some(namespace) = namespace {
                    *out += &format!(r#""namespace":"{namespace}","#);
                }
                *out += r#""fields":["#;
                for (at, field) in fields.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    *out += &format!(r#"{{"name":"{}","type":"#, field.name);
                    field.of.write(out);
                    *out += if field.default_null { r#","default":null}"# } else { "}" };
                }
                *out += "]}";
            }
        }
    }
}
