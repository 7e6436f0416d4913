//! The files that `init` writes, as text for people to go on with.

use super::key::Keys;
use std::fmt::Write as _;
use tidegate_contracts::schema::{Field, Kind, Logical, Schema, TypeId};

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

/// The fields of the schema's root, as the contract lists them.
pub(super) fn properties(schema: &Schema) -> Vec<Property> {
    let Kind::Record(record) = &schema.get(schema.root()).kind else { return Vec::new() };
    let property = |field: &Field| Property {
        name: field.name.clone(),
        logical_type: logical_type(schema, field.type_id),
        required: !may_be_null(schema, field.type_id),
    };
    record.fields.iter().map(property).collect()
}

fn may_be_null(schema: &Schema, id: TypeId) -> bool {
    match &schema.get(id).kind {
        Kind::Null => true,
        Kind::Union(branches) => branches.iter().any(|branch| may_be_null(schema, *branch)),
        _ => false,
    }
}

/// ODCS's word for a type; none for null and for unions of several.
fn logical_type(schema: &Schema, id: TypeId) -> Option<&'static str> {
    let of = schema.get(id);
    Some(match (&of.kind, of.logical) {
        (_, Some(Logical::Decimal { .. })) => "number",
        (_, Some(Logical::Uuid | Logical::Duration)) => "string",
        (_, Some(Logical::Date)) => "date",
        (_, Some(Logical::TimeMillis | Logical::TimeMicros)) => "time",
        (_, Some(_)) => "timestamp",
        (Kind::Boolean, None) => "boolean",
        (Kind::Int | Kind::Long, None) => "integer",
        (Kind::Float | Kind::Double, None) => "number",
        (Kind::String | Kind::Enum(_) | Kind::Bytes | Kind::Fixed(_), None) => "string",
        (Kind::Array(_), None) => "array",
        (Kind::Map(_) | Kind::Record(_), None) => "object",
        (Kind::Union(branches), None) => {
            let mut others = branches.iter().filter(|branch| schema.get(**branch).kind != Kind::Null);
            match (others.next(), others.next()) {
                (Some(only), None) => logical_type(schema, *only)?,
                _ => return None,
            }
        }
        (Kind::Null, None) => return None,
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
