//! The clauses of a contract that every single event must keep, beyond the Avro structure.
//!
//! `contract` reads them from ODCS `required`, `logicalTypeOptions` and `quality`; `plan` compiles them into the pass
//! over the event. A clause about many events (percentages, row counts, service levels) is not a [`Rule`].

use crate::{diagnostic::Position, path::FieldPath, violation::Clause};

/// One clause bound to one field.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The field it is about.
    pub path: FieldPath,
    /// What must hold.
    pub check: Check,
    /// Where the contract file says so, for the messages of a rule that does not fit its field.
    pub position: Option<Position>,
}

/// What must hold for a value. Checks other than [`Check::Required`] pass on null.
#[derive(Debug, Clone, PartialEq)]
pub enum Check {
    /// ODCS `required`: the value is not null.
    Required,
    /// ODCS quality `nullValues mustBe 0`: the value is not null.
    NoNulls,
    /// ODCS quality `invalidValues mustBe 0` with `validValues`: the value is one of these.
    ValidValues(Vec<Literal>),
    /// ODCS quality `invalidValues mustBe 0` with `pattern`.
    ValidPattern(String),
    /// At least so many characters.
    MinLength(u64),
    /// At most so many characters.
    MaxLength(u64),
    /// The value contains a match of this regular expression (anchor it to match the whole value).
    Pattern(String),
    /// Not below.
    Minimum(Literal),
    /// Not above.
    Maximum(Literal),
    /// Above.
    ExclusiveMinimum(Literal),
    /// Below.
    ExclusiveMaximum(Literal),
    /// A whole multiple of this number.
    MultipleOf(Literal),
    /// ODCS `format` of a string: `email`, `uri`, `uuid`, `hostname`, `ipv4`, `ipv6`, …
    Format(String),
    /// At least so many items.
    MinItems(u64),
    /// At most so many items.
    MaxItems(u64),
    /// No item twice.
    UniqueItems,
}

/// A scalar as the contract file writes it, exact to the letter; the plan reads it in the field's own type and unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Literal {
    /// A number, in its source text (`12.50` stays `12.50`).
    Number(String),
    /// A string: also how dates, times and decimals may be written.
    Text(String),
    /// `true` or `false`.
    Boolean(bool),
}

impl Check {
    /// The clause a check stands for.
    pub fn clause(&self) -> Clause {
        match self {
            Self::Required => Clause::Required,
            Self::NoNulls => Clause::NullValues,
            Self::ValidValues(_) | Self::ValidPattern(_) => Clause::InvalidValues,
            Self::MinLength(_) => Clause::MinLength,
            Self::MaxLength(_) => Clause::MaxLength,
            Self::Pattern(_) => Clause::Pattern,
            Self::Minimum(_) => Clause::Minimum,
            Self::Maximum(_) => Clause::Maximum,
            Self::ExclusiveMinimum(_) => Clause::ExclusiveMinimum,
            Self::ExclusiveMaximum(_) => Clause::ExclusiveMaximum,
            Self::MultipleOf(_) => Clause::MultipleOf,
            Self::Format(_) => Clause::Format,
            Self::MinItems(_) => Clause::MinItems,
            Self::MaxItems(_) => Clause::MaxItems,
            Self::UniqueItems => Clause::UniqueItems,
        }
    }
}
