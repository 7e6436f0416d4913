//! The files that `init` writes, as text for people to go on with.

use super::{
    avro::{Avro, Field},
    key::Keys,
};
use std::fmt::Write as _;

/// What a contract file says.
pub(super) struct ContractFile<'a> {
    /// One line on where this comes from.
    pub(super) origin: &'a str,
    pub(super) domain: &'a str,
    pub(super) product: &'a str,
    pub(super) version: &'a str,
    /// The name of the `.avsc`, beside the contract.
    pub(super) schema_file: &'a str,
    /// The schema's root, whose fields are listed.
    pub(super) properties: Vec<Property>,
    pub(super) keys: &'a Keys,
    /// Other custom properties: name and value, written as YAML.
    pub(super) custom: Vec<(&'static str, String)>,
    /// The topic, where it is not the usual one.
    pub(super) physical_name: Option<&'a str>,
}

/// A field as the contract lists it.
pub(super) struct Property {
    pub(super) name: String,
    pub(super) logical_type: Option<&'static str>,
    pub(super) required: bool,
}

impl ContractFile<'_> {
    /// The file's text.
    pub(super) fn text(&self) -> String {
        let Self { origin, domain, product, version, schema_file, .. } = self;
        let (product_word, domain_word) = (word(product), word(domain));
        let mut text = format!(
            "# {origin}\n\
             # The structure is in {schema_file}; here is what it means and promises. Look at every guess, and describe \
             the fields.\n\
             apiVersion: v3.1.0\n\
             kind: DataContract\n\
             id: {domain}.{product}\n\
             name: {product_word}\n\
             version: {version}\n\
             status: active\n\
             domain: {domain_word}\n\
             schema:\n  \
             - name: {}\n",
            super::guess::type_name(product)
        );
        if let Some(topic) = self.physical_name {
            let _ = writeln!(text, "    physicalName: {}", word(topic));
        }
        let _ = write!(
            text,
            "    physicalType: topic\n    \
             logicalType: object\n    \
             authoritativeDefinitions:\n      \
             - {{url: {}, type: implementation}}\n",
            word(schema_file)
        );
        if !self.properties.is_empty() {
            text += "    properties:\n";
        }
        for property in &self.properties {
            let _ = writeln!(text, "      - name: {}", word(&property.name));
            if let Some(logical) = property.logical_type {
                let _ = writeln!(text, "        logicalType: {logical}");
            }
            if property.required {
                text += "        required: true\n";
            }
            if self.primary_key() == Some(&property.name) {
                text += "        primaryKey: true\n        primaryKeyPosition: 1\n";
            }
        }
        let mut custom = Vec::new();
        if let (Some(key), None) = (&self.keys.key, self.primary_key()) {
            custom.push(("tidegate.key", format!("[{}]", quoted(key))));
        }
        if let Some(event_id) = &self.keys.event_id {
            custom.push(("tidegate.eventId", quoted(event_id)));
        }
        custom.extend(self.custom.iter().cloned());
        if !custom.is_empty() {
            text += "customProperties:\n";
        }
        for (name, value) in custom {
            let _ = writeln!(text, "  - property: {name}\n    value: {value}");
        }
        text
    }

    /// The key, when it is one of the listed fields: then it is the primary key, for other tools too.
    fn primary_key(&self) -> Option<&String> {
        let key = self.keys.key.as_ref()?;
        self.properties.iter().any(|property| property.name == *key).then_some(key)
    }
}

/// The fields of a record, as the contract lists them.
pub(super) fn properties(schema: &Avro) -> Vec<Property> {
    let Avro::Record { fields, .. } = schema else { return Vec::new() };
    let property = |field: &Field| Property {
        name: field.name.clone(),
        logical_type: logical_type(&field.of),
        required: !field.default_null,
    };
    fields.iter().map(property).collect()
}

/// ODCS's word for a type; none for unions of several.
fn logical_type(of: &Avro) -> Option<&'static str> {
    Some(match of {
        Avro::Plain("boolean") => "boolean",
        Avro::Plain("int" | "long") => "integer",
        Avro::Plain("double") | Avro::Decimal { .. } => "number",
        Avro::Plain("string") | Avro::Logical(_, "uuid") | Avro::Enum { .. } => "string",
        Avro::Logical(_, "date") => "date",
        Avro::Logical(_, logical) if logical.contains("timestamp") => "timestamp",
        Avro::Logical(_, logical) if logical.starts_with("time-") => "time",
        Avro::Array(_) => "array",
        Avro::Map(_) | Avro::Record { .. } => "object",
        Avro::Union(branches) => match &branches[..] {
            [Avro::Plain("null"), other] => logical_type(other)?,
            _ => return None,
        },
        Avro::Plain(_) | Avro::Logical(..) => return None,
    })
}

/// The sidecar's file.
pub(super) fn sidecar(domain: &str, kafka: &str, registry: &str) -> String {
    format!(
        "apiVersion: tidegate.dev/v1\n\
         kind: Sidecar\n\
         domain: {}\n\
         contracts: contracts/\n\
         kafka:\n  \
         bootstrap.servers: {}\n\
         registry:\n  \
         url: {}\n",
        word(domain),
        quoted(kafka),
        quoted(registry)
    )
}

/// A text as YAML takes it plainly, in quotes where it would be something else.
fn word(text: &str) -> String {
    const OTHERWISE: &[&str] = &["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
        && !OTHERWISE.contains(&text.to_ascii_lowercase().as_str());
    if plain { text.to_owned() } else { quoted(text) }
}

/// JSON's strings are YAML's double-quoted ones.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
