//! What the compatibility levels compare, and what is said when a comparison fails.
//!
//! The comparison itself is apache-avro's. It takes what reads only some values (`Partial`) for readable; the levels
//! do not, and neither do we.

use apache_avro::{
    Schema,
    error::CompatibilityError,
    schema_compatibility::{Compatibility as Reads, SchemaCompatibility},
};
use tidegate_contracts::contract::Compatibility;

/// An earlier version to compare with.
pub(super) struct Earlier<'a> {
    pub(super) version: u32,
    pub(super) schema: &'a Schema,
}

/// Everything that forbids a new schema at a level; `earlier` are the versions in force, oldest first.
pub(super) fn forbids(level: Compatibility, new: &Schema, earlier: &[Earlier<'_>]) -> Vec<String> {
    let (backward, forward, transitive) = match level {
        Compatibility::None => return Vec::new(),
        Compatibility::Backward => (true, false, false),
        Compatibility::BackwardTransitive => (true, false, true),
        Compatibility::Forward => (false, true, false),
        Compatibility::ForwardTransitive => (false, true, true),
        Compatibility::Full => (true, true, false),
        Compatibility::FullTransitive => (true, true, true),
    };
    let compared = if transitive { earlier } else { &earlier[earlier.len().saturating_sub(1)..] };
    let mut messages = Vec::new();
    // The newest first, as that is most often the one somebody changed.
    for Earlier { version, schema } in compared.iter().rev() {
        let pairs = [(backward, *schema, new, "new", "old"), (forward, new, *schema, "old", "new")];
        for (wanted, writer, reader, reading, writing) in pairs {
            if let Some(message) = wanted.then(|| cannot_read(writer, reader, reading, writing)).flatten() {
                messages.push(message);
                messages.push(format!("{{oldSchemaVersion: {version}}}"));
            }
        }
    }
    if !messages.is_empty() {
        let level = serde_json::to_value(level).unwrap_or_default();
        messages.push(format!("{{compatibility: '{}'}}", level.as_str().unwrap_or_default()));
    }
    messages
}

fn cannot_read(writer: &Schema, reader: &Schema, reading: &str, writing: &str) -> Option<String> {
    let (kind, path, what) = match SchemaCompatibility::can_read(writer, reader) {
        Ok(Reads::Full) => return None,
        Ok(Reads::Partial) => (
            "MISSING_UNION_BRANCH",
            String::new(),
            format!("some values of the {writing} schema, an enum's symbol or a union's branch, are unknown"),
        ),
        Err(error) => explain(&error, String::new(), writing),
    };
    let path = if path.is_empty() { "/".to_owned() } else { path };
    Some(format!(
        "{{errorType:'{kind}', description:'The {reading} schema cannot read the {writing} one at path '{path}': {what}', \
         additionalInfo:'{path}'}}"
    ))
}

fn explain(error: &CompatibilityError, path: String, writing: &str) -> (&'static str, String, String) {
    match error {
        CompatibilityError::FieldTypeMismatch(field, inner) => explain(inner, format!("{path}/{field}"), writing),
        CompatibilityError::MissingDefaultValue(field) => (
            "READER_FIELD_MISSING_DEFAULT_VALUE",
            format!("{path}/{field}"),
            format!("the field has no default and is missing in the {writing} schema"),
        ),
        CompatibilityError::MissingSymbols => {
            ("MISSING_ENUM_SYMBOLS", path, "none of the enum's symbols is known".to_owned())
        }
        CompatibilityError::MissingUnionElements | CompatibilityError::SchemaMismatchAllUnionElements => {
            ("MISSING_UNION_BRANCH", path, "no branch of the union fits".to_owned())
        }
        CompatibilityError::FixedMismatch => ("FIXED_SIZE_MISMATCH", path, "the sizes differ".to_owned()),
        CompatibilityError::NameMismatch { writer_name, reader_name } => {
            ("NAME_MISMATCH", path, format!("{reader_name} is not {writer_name}"))
        }
        CompatibilityError::DecimalMismatch { .. } => {
            ("TYPE_MISMATCH", path, "precision or scale of the decimals differ".to_owned())
        }
        CompatibilityError::WrongType { .. }
        | CompatibilityError::TypeExpected { .. }
        | CompatibilityError::Inconclusive(_) => ("TYPE_MISMATCH", path, "the types do not fit".to_owned()),
    }
}
