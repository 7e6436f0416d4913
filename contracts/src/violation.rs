//! What broke in an event: where, which clause, what would be right. Never the value itself.

use std::{borrow::Cow, fmt};

/// The clause an event broke. The names are stable: replies, quarantine headers and metrics carry them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub enum Clause {
    // Structure: the event cannot be written as this schema.
    /// The text is not JSON, or the bytes end too soon.
    #[serde(rename = "malformed")]
    Malformed,
    /// A field without default is not there.
    #[serde(rename = "missing")]
    Missing,
    /// A value of another type.
    #[serde(rename = "type")]
    Type,
    /// A number outside its type's range, or with a fraction where the type has none.
    #[serde(rename = "range")]
    Range,
    /// A decimal that does not fit its precision and scale exactly.
    #[serde(rename = "precision")]
    Precision,
    /// A text that does not read as its logical type (date, time, uuid, base64, …).
    #[serde(rename = "syntax")]
    Syntax,
    /// Not a symbol of the enum.
    #[serde(rename = "symbol")]
    Symbol,
    /// No branch of the union takes it.
    #[serde(rename = "union")]
    Union,
    /// Not as many bytes as the fixed type has.
    #[serde(rename = "size")]
    Size,
    /// The same key twice in one object.
    #[serde(rename = "duplicate-key")]
    DuplicateKey,
    /// A field that the schema does not declare, where the contract rejects such.
    #[serde(rename = "undeclared")]
    Undeclared,
    /// Bytes that are not UTF-8, or a lone surrogate.
    #[serde(rename = "encoding")]
    Encoding,
    /// Bytes left over after the value.
    #[serde(rename = "trailing")]
    Trailing,
    /// Deeper, longer or with more items than the limits allow.
    #[serde(rename = "limit")]
    Limit,
    /// A schema id that is not one of this product's major version.
    #[serde(rename = "schema-id")]
    SchemaId,
    // Rules: sound in structure, and yet not what the contract promises.
    /// ODCS `required`.
    #[serde(rename = "required")]
    Required,
    /// ODCS quality `nullValues`.
    #[serde(rename = "nullValues")]
    NullValues,
    /// ODCS quality `invalidValues`.
    #[serde(rename = "invalidValues")]
    InvalidValues,
    /// ODCS `minLength`.
    #[serde(rename = "minLength")]
    MinLength,
    /// ODCS `maxLength`.
    #[serde(rename = "maxLength")]
    MaxLength,
    /// ODCS `pattern`.
    #[serde(rename = "pattern")]
    Pattern,
    /// ODCS `minimum`.
    #[serde(rename = "minimum")]
    Minimum,
    /// ODCS `maximum`.
    #[serde(rename = "maximum")]
    Maximum,
    /// ODCS `exclusiveMinimum`.
    #[serde(rename = "exclusiveMinimum")]
    ExclusiveMinimum,
    /// ODCS `exclusiveMaximum`.
    #[serde(rename = "exclusiveMaximum")]
    ExclusiveMaximum,
    /// ODCS `multipleOf`.
    #[serde(rename = "multipleOf")]
    MultipleOf,
    /// ODCS `format`.
    #[serde(rename = "format")]
    Format,
    /// ODCS `minItems`.
    #[serde(rename = "minItems")]
    MinItems,
    /// ODCS `maxItems`.
    #[serde(rename = "maxItems")]
    MaxItems,
    /// ODCS `uniqueItems`.
    #[serde(rename = "uniqueItems")]
    UniqueItems,
}

impl Clause {
    /// Every clause, in the order of their values.
    pub const ALL: [Self; 30] = [
        Self::Malformed,
        Self::Missing,
        Self::Type,
        Self::Range,
        Self::Precision,
        Self::Syntax,
        Self::Symbol,
        Self::Union,
        Self::Size,
        Self::DuplicateKey,
        Self::Undeclared,
        Self::Encoding,
        Self::Trailing,
        Self::Limit,
        Self::SchemaId,
        Self::Required,
        Self::NullValues,
        Self::InvalidValues,
        Self::MinLength,
        Self::MaxLength,
        Self::Pattern,
        Self::Minimum,
        Self::Maximum,
        Self::ExclusiveMinimum,
        Self::ExclusiveMaximum,
        Self::MultipleOf,
        Self::Format,
        Self::MinItems,
        Self::MaxItems,
        Self::UniqueItems,
    ];

    /// The stable name, as replies, headers and metrics carry it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Missing => "missing",
            Self::Type => "type",
            Self::Range => "range",
            Self::Precision => "precision",
            Self::Syntax => "syntax",
            Self::Symbol => "symbol",
            Self::Union => "union",
            Self::Size => "size",
            Self::DuplicateKey => "duplicate-key",
            Self::Undeclared => "undeclared",
            Self::Encoding => "encoding",
            Self::Trailing => "trailing",
            Self::Limit => "limit",
            Self::SchemaId => "schema-id",
            Self::Required => "required",
            Self::NullValues => "nullValues",
            Self::InvalidValues => "invalidValues",
            Self::MinLength => "minLength",
            Self::MaxLength => "maxLength",
            Self::Pattern => "pattern",
            Self::Minimum => "minimum",
            Self::Maximum => "maximum",
            Self::ExclusiveMinimum => "exclusiveMinimum",
            Self::ExclusiveMaximum => "exclusiveMaximum",
            Self::MultipleOf => "multipleOf",
            Self::Format => "format",
            Self::MinItems => "minItems",
            Self::MaxItems => "maxItems",
            Self::UniqueItems => "uniqueItems",
        }
    }

    /// Whether an event that breaks it can still be written as the schema says (see `onViolation: mark`).
    pub fn is_rule(self) -> bool {
        self >= Clause::Required
    }

    /// The stable name, as replies, headers and metrics carry it.
    pub fn as_str(self) -> &'static str {
        match self {
            Clause::Malformed => "malformed",
            Clause::Missing => "missing",
            Clause::Type => "type",
            Clause::Range => "range",
            Clause::Precision => "precision",
            Clause::Syntax => "syntax",
            Clause::Symbol => "symbol",
            Clause::Union => "union",
            Clause::Size => "size",
            Clause::DuplicateKey => "duplicate-key",
            Clause::Undeclared => "undeclared",
            Clause::Encoding => "encoding",
            Clause::Trailing => "trailing",
            Clause::Limit => "limit",
            Clause::SchemaId => "schema-id",
            Clause::Required => "required",
            Clause::NullValues => "nullValues",
            Clause::InvalidValues => "invalidValues",
            Clause::MinLength => "minLength",
            Clause::MaxLength => "maxLength",
            Clause::Pattern => "pattern",
            Clause::Minimum => "minimum",
            Clause::Maximum => "maximum",
            Clause::ExclusiveMinimum => "exclusiveMinimum",
            Clause::ExclusiveMaximum => "exclusiveMaximum",
            Clause::MultipleOf => "multipleOf",
            Clause::Format => "format",
            Clause::MinItems => "minItems",
            Clause::MaxItems => "maxItems",
            Clause::UniqueItems => "uniqueItems",
        }
    }
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One event breaking one clause.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Violation {
    /// The field, without array positions and map keys; empty for the event itself. Fit for logs and alerts.
    pub path: String,
    /// The field with array positions, where that says more than `path`. Only for the reply to the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
    /// The clause.
    pub clause: Clause,
    /// What would be right, from the contract.
    pub expected: String,
    /// The type that was found (`string`, `null`, …), never a value.
    pub found: Cow<'static, str>,
    /// The likely way out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// All violations of one event, bounded: beyond the limit they are only counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Violations {
    /// The first ones, in the order of the event.
    pub listed: Vec<Violation>,
    /// How many more there are.
    pub more: u32,
}

impl Violations {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty() && self.more == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clause_is_named_as_it_is_written() {
        for (at, clause) in Clause::ALL.into_iter().enumerate() {
            assert_eq!(serde_json::to_value(clause).unwrap(), clause.name());
            assert_eq!(clause as usize, at);
        }
    }
}
