//! Where a value stands inside an event: `total.amount`, `lines[].sku`, `tags{}`.
//!
//! A path names a place of the *schema*, so array positions and map keys never show in it.

use std::{fmt, str::FromStr};

/// One step of a [`FieldPath`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Into a record's field of this name.
    Field(String),
    /// Into the items of an array, written `[]`.
    Items,
    /// Into the values of a map, written `{}`.
    Values,
}

/// A path of field names through an event's schema. The empty path is the event itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct FieldPath(Vec<Step>);

/// Why a text is not a [`FieldPath`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a field path; write one like `total.amount`, `lines[].sku` or `tags{{}}`, of at most {MAX_STEPS} steps")]
pub struct InvalidPath;

/// A path of more steps is refused: no event goes deeper.
const MAX_STEPS: usize = crate::plan::MAX_DEPTH as usize;

impl FieldPath {
    /// A path of the given steps.
    pub fn new(steps: Vec<Step>) -> Self {
        Self(steps)
    }

    /// The steps from the event inwards.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// This path with one more step.
    #[must_use]
    pub fn join(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// Whether `other` is this path or lies below it.
    pub fn contains(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }

    /// Whether this is the event itself.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Field(name) if at == 0 => f.write_str(name)?,
                Step::Field(name) => write!(f, ".{name}")?,
                Step::Items => f.write_str("[]")?,
                Step::Values => f.write_str("{}")?,
            }
        }
        Ok(())
    }
}

impl FromStr for FieldPath {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut steps = Vec::new();
        for part in text.split('.') {
            let name_end = part.find(['[', '{']).unwrap_or(part.len());
            let (name, mut rest) = part.split_at(name_end);
            let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            match is_name {
                true => steps.push(Step::Field(name.to_owned())),
                false if name.is_empty() && steps.is_empty() && !rest.is_empty() => {}
                false => return Err(InvalidPath),
            }
            while !rest.is_empty() {
                let step = match rest.get(..2) {
                    Some("[]") => Step::Items,
                    Some("{}") => Step::Values,
                    _ => return Err(InvalidPath),
                };
                steps.push(step);
                rest = &rest[2..];
            }
        }
        match steps.len() {
            0..=MAX_STEPS => Ok(Self(steps)),
            _ => Err(InvalidPath),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_print_as_they_are_written() {
        for text in ["id", "total.amount", "lines[].sku", "tags{}", "a{}[].b[][]", "[].x"] {
            assert_eq!(text.parse::<FieldPath>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in ["", ".", "a.", ".a", "a..b", "a[", "a[0]", "a{", "a b", "1a", "a[]b", "a.[]"] {
            assert!(text.parse::<FieldPath>().is_err(), "{text:?}");
        }
        let deep = |steps: usize| vec!["a"; steps].join(".");
        assert!(deep(200).parse::<FieldPath>().is_ok() && deep(201).parse::<FieldPath>().is_err());
    }
}
