//! What is wrong with a file: where, what, and the way out.

use std::fmt;

/// How much a [`Diagnostic`] matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Worth knowing; nothing has to change.
    Advice,
    /// Works, and will hurt later.
    Warning,
    /// The file cannot be used.
    Error,
}

/// A place in a text file, both counted from one; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

/// One problem of one file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Diagnostic {
    /// How much it matters.
    pub level: Level,
    /// A stable kebab-case identifier such as `unknown-key`.
    pub code: &'static str,
    /// The file as the user named it.
    pub file: String,
    /// Where in the file, when it is about a place.
    pub position: Option<Position>,
    /// What is wrong: lowercase, no full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(Position { line, column }) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        let level = match self.level {
            Level::Advice => "advice",
            Level::Warning => "warning",
            Level::Error => "error",
        };
        write!(f, ": {level}[{}]: {}", self.code, self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}

/// The known word that a misspelt one most likely stands for.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Nobody misspells a word this long, and comparing costs the product of the lengths.
    if word.len() > 64 {
        return None;
    }
    let length = word.chars().count();
    let limit = (length / 3).max(1);
    let distance = |other: &str| match other.eq_ignore_ascii_case(word) {
        true => 0,
        false => strsim::damerau_levenshtein(word, other),
    };
    let near = known.into_iter().filter(|other| other.chars().count().abs_diff(length) <= limit);
    let (distance, nearest) = near.map(|other| (distance(other), other)).min()?;
    (distance <= limit).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_misspelt_word_finds_the_one_that_was_meant() {
        let check = |word, known: &[&'static str], expect| {
            assert_eq!(nearest(word, known.iter().copied()), expect, "{word}");
        };
        check("retension", &["partitions", "retention"], Some("retention"));
        check("Retention", &["partitions", "retention"], Some("retention"));
        check("kye", &["key", "id"], Some("key"));
        check("colour", &["key", "id"], None);
        check("x", &[], None);
        check(&"x".repeat(1000), &["x"], None);
    }
}
