//! What broke in an event: where, which clause, what would be right. Never the value itself.

use std::{borrow::Cow, fmt};

/// The clause an event broke. The names are stable: replies, quarantine headers and metrics carry them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
#[non_exhaustive]
pub enum Clause {
    // Structure: the event cannot be written as this schema.
    /// The text is not JSON, or the bytes end too soon.
    Malformed,
    /// A field without default is not there.
    Missing,
    /// A value of another type.
    Type,
    /// A number outside its type's range, or with a fraction where the type has none.
    Range,
    /// A decimal that does not fit its precision and scale exactly.
    Precision,
    /// A text that does not read as its logical type (date, time, uuid, base64, …).
    Syntax,
    /// Not a symbol of the enum.
    Symbol,
    /// No branch of the union takes it.
    Union,
    /// Not as many bytes as the fixed type has.
    Size,
    /// The same key twice in one object.
    DuplicateKey,
    /// A field that the schema does not declare, where the contract rejects such.
    Undeclared,
    /// Bytes that are not UTF-8, or a lone surrogate.
    Encoding,
    /// Bytes left over after the value.
    Trailing,
    /// Deeper, longer or with more items than the limits allow.
    Limit,
    /// A schema id that is not one of this product's major version.
    SchemaId,
    // Rules: sound in structure, and yet not what the contract promises.
    /// ODCS `required`.
    Required,
    /// ODCS quality `nullValues`.
    NullValues,
    /// ODCS quality `invalidValues`.
    InvalidValues,
    /// ODCS `minLength`.
    MinLength,
    /// ODCS `maxLength`.
    MaxLength,
    /// ODCS `pattern`.
    Pattern,
    /// ODCS `minimum`.
    Minimum,
    /// ODCS `maximum`.
    Maximum,
    /// ODCS `exclusiveMinimum`.
    ExclusiveMinimum,
    /// ODCS `exclusiveMaximum`.
    ExclusiveMaximum,
    /// ODCS `multipleOf`.
    MultipleOf,
    /// ODCS `format`.
    Format,
    /// ODCS `minItems`.
    MinItems,
    /// ODCS `maxItems`.
    MaxItems,
    /// ODCS `uniqueItems`.
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
}

impl From<Clause> for &'static str {
    fn from(clause: Clause) -> Self {
        clause.name()
    }
}

impl TryFrom<String> for Clause {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Self::ALL.into_iter().find(|clause| clause.name() == name).ok_or_else(|| format!("`{name}` is no clause"))
    }
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
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
    fn a_clause_is_written_and_read_by_its_name() {
        for (at, clause) in Clause::ALL.into_iter().enumerate() {
            assert_eq!(serde_json::to_value(clause).unwrap(), clause.name());
            assert_eq!(serde_json::from_value::<Clause>(clause.name().into()).unwrap(), clause);
            assert_eq!(clause as usize, at);
        }
        assert!(serde_json::from_str::<Clause>("\"mood\"").unwrap_err().to_string().contains("no clause"));
    }
}
