//! What is wrong with a file: where, what, and the way out.

use std::{borrow::Cow, fmt};

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
        f.write_str(&shown(&self.file))?;
        if let Some(Position { line, column }) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        let level = match self.level {
            Level::Advice => "advice",
            Level::Warning => "warning",
            Level::Error => "error",
        };
        write!(f, ": {level}[{}]: {}", self.code, shown(&self.message))?;
        if let Some(hint) = &self.hint {
            write!(f, " ({})", shown(hint))?;
        }
        Ok(())
    }
}

/// A text that somebody else wrote, as it may be shown to people: a terminal takes no orders from it, and it reads in
/// the order in which it is written. Lines and tabs stay, and so does the number of characters.
pub fn shown(text: &str) -> Cow<'_, str> {
    let harmful = |c: char| match c {
        '\n' | '\t' => false,
        // Marks and overrides of direction, separators of lines, invisible operators, tags.
        '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => true,
        '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' => true,
        _ => c.is_control(),
    };
    match text.contains(harmful) {
        true => text.chars().map(|c| if harmful(c) { '\u{fffd}' } else { c }).collect(),
        false => Cow::Borrowed(text),
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
    use super::{Diagnostic, Level, nearest, shown};

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

    #[test]
    fn what_somebody_wrote_gives_a_terminal_no_orders() {
        let check = |text: &str, expected: &str| assert_eq!(shown(text), expected, "{text:?}");
        check("a\tb\nc é 漢 👩‍💻", "a\tb\nc é 漢 👩‍💻");
        check("\u{1b}[2Jbad\u{7}\r", "\u{fffd}[2Jbad\u{fffd}\u{fffd}");
        check("\u{9b}31m\u{7f}\u{0}", "\u{fffd}31m\u{fffd}\u{fffd}");
        check("\u{202e}txt\u{2066}\u{200f}\u{feff}", "\u{fffd}txt\u{fffd}\u{fffd}\u{fffd}");
        let bad = || "\u{1b}[31m\u{202e}".to_owned();
        let (code, position) = ("unknown-key", None);
        let found = Diagnostic { level: Level::Error, code, file: bad(), position, message: bad(), hint: Some(bad()) };
        assert!(!found.to_string().contains(['\u{1b}', '\u{202e}']), "{found:?}");
    }
}
