//! What was found in a file so far.

use crate::{
    diagnostic::{Diagnostic, Level, Position, nearest},
    yaml,
};

/// More than anybody reads; a file with this many problems is not a contract.
const MAX: usize = 500;

/// The problems of one file and of what it names, bounded.
#[derive(Debug)]
pub(super) struct Findings {
    file: String,
    list: Vec<Diagnostic>,
    more: usize,
}

impl Findings {
    pub(super) fn new(file: &str) -> Self {
        Self { file: file.to_owned(), list: Vec::new(), more: 0 }
    }

    pub(super) fn error(&mut self, code: &'static str, at: Option<Position>, message: String, hint: impl Into<String>) {
        self.add(Level::Error, code, at, message, Some(hint.into()));
    }

    pub(super) fn warn(&mut self, code: &'static str, at: Option<Position>, message: String, hint: impl Into<String>) {
        self.add(Level::Warning, code, at, message, Some(hint.into()));
    }

    pub(super) fn advise(
        &mut self,
        code: &'static str,
        at: Option<Position>,
        message: String,
        hint: impl Into<String>,
    ) {
        self.add(Level::Advice, code, at, message, Some(hint.into()));
    }

    /// A problem that names its own way out, or has none.
    pub(super) fn add(
        &mut self,
        level: Level,
        code: &'static str,
        position: Option<Position>,
        message: String,
        hint: Option<String>,
    ) {
        self.push(Diagnostic { level, code, file: self.file.clone(), position, message, hint });
    }

    /// A problem that may be of another file.
    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        match self.is_full() {
            true => self.more += 1,
            false => self.list.push(diagnostic),
        }
    }

    pub(super) fn yaml(&mut self, problem: yaml::Problem) {
        self.add(Level::Error, problem.code, problem.position, problem.message, problem.hint);
    }

    /// Whether more of it would only be counted, so that finding the way out is not worth the time.
    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= MAX
    }

    /// A key that is none of the known ones.
    pub(super) fn unknown_key<'a>(
        &mut self,
        at: Option<Position>,
        key: &str,
        place: &str,
        known: impl Iterator<Item = &'a str> + Clone,
    ) {
        self.unknown("unknown-key", at, key, format!("unknown key `{}` in {place}", shorten(key)), known);
    }

    /// A value that is none of the known ones.
    pub(super) fn unknown_value<'a>(
        &mut self,
        at: Option<Position>,
        value: &str,
        place: &str,
        known: impl Iterator<Item = &'a str> + Clone,
    ) {
        self.unknown("unknown-value", at, value, format!("unknown value `{}` of {place}", shorten(value)), known);
    }

    fn unknown<'a>(
        &mut self,
        code: &'static str,
        at: Option<Position>,
        word: &str,
        message: String,
        known: impl Iterator<Item = &'a str> + Clone,
    ) {
        let hint = if self.is_full() { String::new() } else { suggestion(word, known) };
        self.error(code, at, message, hint);
    }

    /// All of it, the file's own problems first and in its order.
    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        let own = self.file.clone();
        self.list.sort_by_cached_key(|found| (found.file != own, found.file.clone(), found.position));
        if self.more > 0 {
            let message = format!("{} more problems", self.more);
            let hint = Some("repair the first ones and check again".to_owned());
            self.list.push(Diagnostic { level: Level::Error, code: "more", file: own, position: None, message, hint });
        }
        self.list
    }
}

/// The way out for a word that is none of the known ones.
pub(super) fn suggestion<'a>(word: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    match nearest(word, known.clone()) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("known are {}", enumerate(known)),
    }
}

/// Words for a message, not more than one reads.
pub(super) fn enumerate<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let mut words: Vec<String> = words.map(|word| format!("`{word}`")).collect();
    if words.len() > 30 {
        words.truncate(30);
        words.push("…".to_owned());
    }
    words.join(", ")
}

/// A word from the file as far as it fits into a message.
pub(super) fn shorten(word: &str) -> String {
    match word.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &word[..end]),
        None => word.to_owned(),
    }
}
