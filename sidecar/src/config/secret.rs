//! Secrets stand in the environment or in a file, never in the configuration itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{fmt, path::PathBuf};

/// Where a secret is: `{env: NAME}` or `{file: PATH}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Secret {
    /// The name of an environment variable that holds it.
    Env(String),
    /// A file that holds it; one line break at its end is left out.
    File(PathBuf),
}

/// A secret that was read. `Debug` and `Display` do not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Revealed(String);

/// Why a secret could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is not set.
    #[error("the environment variable `{0}`, which should hold the secret, is not set")]
    NoVariable(String),
    /// The variable holds bytes that are not UTF-8.
    #[error("the environment variable `{0}`, which should hold the secret, is not UTF-8")]
    NotText(String),
    /// The file cannot be read.
    #[error("cannot read the secret from `{}`", .0.display())]
    File(PathBuf, #[source] std::io::Error),
    /// There is nothing in it.
    #[error("the secret from {0} is empty")]
    Empty(String),
}

impl Secret {
    /// Reads it, anew with each call, so that a rotated file is seen.
    ///
    /// # Errors
    /// When it is not there, not readable or empty.
    pub fn reveal(&self) -> Result<Revealed, SecretError> {
        let text = match self {
            Self::Env(name) => std::env::var(name).map_err(|error| match error {
                std::env::VarError::NotPresent => SecretError::NoVariable(name.clone()),
                std::env::VarError::NotUnicode(_) => SecretError::NotText(name.clone()),
            })?,
            Self::File(path) => {
                std::fs::read_to_string(path).map_err(|source| SecretError::File(path.clone(), source))?
            }
        };
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.is_empty() {
            return Err(SecretError::Empty(self.to_string()));
        }
        Ok(Revealed(text.to_owned()))
    }
}

impl Revealed {
    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "the environment variable `{name}`"),
            Self::File(path) => write!(f, "the file `{}`", path.display()),
        }
    }
}

impl fmt::Debug for Revealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_without_its_line_break() {
        let folder = tempfile::tempdir().unwrap();
        for (content, expected) in [("s3cret", "s3cret"), ("s3cret\n", "s3cret"), ("a\r\n", "a"), ("a\nb\n", "a\nb")] {
            let path = folder.path().join("secret");
            std::fs::write(&path, content).unwrap();
            assert_eq!(Secret::File(path).reveal().unwrap().expose(), expected, "{content:?}");
        }
    }

    #[test]
    fn what_is_missing_or_empty_says_so_and_never_shows_a_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("empty");
        std::fs::write(&path, "\n").unwrap();
        assert!(matches!(Secret::File(path).reveal(), Err(SecretError::Empty(_))));
        assert!(matches!(Secret::File(folder.path().join("none")).reveal(), Err(SecretError::File(..))));
        assert!(matches!(Secret::Env("TIDEGATE_TEST_NOT_SET".into()).reveal(), Err(SecretError::NoVariable(_))));
        assert_eq!(format!("{:?}", Revealed("s3cret".into())), "***");
    }
}
