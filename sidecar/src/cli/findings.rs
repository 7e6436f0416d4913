//! What is wrong in files, shown with the lines it is about.

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, Severity, SourceCode};
use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};
use tidegate_contracts::diagnostic::{Diagnostic, Level, Position, shown};

/// The longest line that is shown whole, in characters.
const MAX_LINE: usize = 200;

/// What was found in files, and the files' texts, so that the lines can be shown.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// What was found.
    pub diagnostics: Vec<Diagnostic>,
    /// The text of each file, by its name in the diagnostics.
    pub texts: BTreeMap<String, String>,
}

impl Findings {
    /// All of it for people: each with its line of the file and the way out.
    pub fn human(&self, color: bool) -> String {
        let theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(100).with_links(false).without_cause_chain();
        let mut text = String::new();
        let mut sources: BTreeMap<&str, String> = BTreeMap::new();
        for found in &self.diagnostics {
            let original = self.texts.get(&found.file);
            let line = found.position.zip(original).and_then(|(at, text)| line(text, at));
            // miette would count columns from where the line is cut.
            if let Some((line, column)) = line.filter(|(line, _)| line.chars().nth(MAX_LINE).is_some()) {
                let (excerpt, column) = excerpt(line, column);
                let _ = writeln!(text, "{found}\n  │ {}\n  │ {:column$}^", shown(&excerpt), "");
                continue;
            }
            let source = found.position.zip(original).and_then(|(position, original)| {
                let source = sources.entry(&found.file).or_insert_with(|| readable(original));
                Some((NamedSource::new(shown(&found.file), source.clone()), span(source, position)?))
            });
            let mut rendered = String::new();
            let shown = Shown { found, source };
            let _ = match shown.source.is_some() && handler.render_report(&mut rendered, &shown).is_ok() {
                true => writeln!(text, "{}", rendered.trim_end()),
                false => writeln!(text, "{found}"),
            };
        }
        text
    }

    /// Whether anything of it makes a file unusable.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|found| found.level == Level::Error)
    }
}

/// A text as it may be shown, long lines cut.
fn readable(text: &str) -> String {
    let mut readable = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (content, end) = line.strip_suffix('\n').map_or((line, ""), |content| (content, "\n"));
        let content = content.strip_suffix('\r').unwrap_or(content);
        match content.char_indices().nth(MAX_LINE) {
            Some((at, _)) => readable.extend([&*shown(&content[..at]), "…", end]),
            None => readable.extend([&*shown(content), end]),
        }
    }
    readable
}

/// The line of a position, and the column in it from zero.
fn line(text: &str, Position { line, column }: Position) -> Option<(&str, usize)> {
    Some((text.lines().nth(line.checked_sub(1)? as usize)?, column.checked_sub(1)? as usize))
}

/// What stands around a column of a line, and the column in that.
fn excerpt(line: &str, column: usize) -> (String, usize) {
    let from = column.saturating_sub(MAX_LINE / 2);
    let mut excerpt: String = line.chars().skip(from).take(MAX_LINE).collect();
    if line.chars().nth(from + MAX_LINE).is_some() {
        excerpt.push('…');
    }
    match from {
        0 => (excerpt, column),
        _ => (format!("…{excerpt}"), column - from + 1),
    }
}

/// The bytes of the word at a position.
fn span(text: &str, Position { line, column }: Position) -> Option<std::ops::Range<usize>> {
    let (line, column) = (line.checked_sub(1)? as usize, column.checked_sub(1)? as usize);
    let content = text.split_inclusive('\n').nth(line)?;
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let word = content.char_indices().nth(column).map_or(content.len(), |(at, _)| at);
    let rest = content[word..].trim_end();
    let length = rest.find([':', ' ', ',', '}', ']']).filter(|length| *length > 0).unwrap_or(rest.len());
    Some(start + word..start + word + length)
}

/// A diagnostic in miette's terms.
#[derive(Debug)]
struct Shown<'f> {
    found: &'f Diagnostic,
    source: Option<(NamedSource<String>, std::ops::Range<usize>)>,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.found.message))
    }
}

impl std::error::Error for Shown<'_> {}

impl miette::Diagnostic for Shown<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.found.code))
    }

    fn severity(&self) -> Option<Severity> {
        Some(match self.found.level {
            Level::Advice => Severity::Advice,
            Level::Warning => Severity::Warning,
            Level::Error => Severity::Error,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.found.hint.as_ref().map(|hint| Box::new(shown(hint)) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|(source, _)| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let (_, span) = self.source.as_ref()?;
        Some(Box::new(std::iter::once(LabeledSpan::underline(span.clone()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_shows_its_line_and_the_way_out() {
        let text = "apiVersion: tidegate.dev/v1\ndomian: sales\n".to_owned();
        let found = |position| Diagnostic {
            level: Level::Error,
            code: "unknown-key",
            file: "tidegate.yaml".into(),
            position,
            message: "unknown key `domian`".into(),
            hint: Some("did you mean `domain`?".into()),
        };
        let diagnostics = vec![found(Some(Position { line: 2, column: 1 })), found(None)];
        let findings = Findings { diagnostics, texts: [("tidegate.yaml".to_owned(), text)].into() };
        insta::assert_snapshot!(findings.human(false));
    }

    #[test]
    fn a_place_outside_the_text_is_no_trouble() {
        let text = "a: é\n";
        let cases = [((1, 1), Some(0..1)), ((1, 4), Some(3..5)), ((1, 99), Some(6..6)), ((9, 1), None), ((0, 0), None)];
        for ((line, column), expected) in cases {
            assert_eq!(span(text, Position { line, column }), expected, "{line}:{column}");
        }
    }

    #[test]
    fn a_text_gives_a_terminal_no_orders_and_is_not_long() {
        let check = |text: &str, (line, column), expected: &str| {
            let message = "\u{1b}[31munknown\u{202e} key".to_owned();
            let position = Some(Position { line, column });
            let (file, hint) = ("a\u{1b}.yaml".to_owned(), Some("\u{7}".to_owned()));
            let found = Diagnostic { level: Level::Error, code: "c", file: file.clone(), position, message, hint };
            let findings = Findings { diagnostics: vec![found], texts: [(file, text.to_owned())].into() };
            let shown = findings.human(false);
            assert!(!shown.contains(['\u{1b}', '\u{7}', '\u{202e}', '\u{9b}', '\r']), "{shown:?}");
            assert!(shown.contains(expected) && shown.chars().count() < 1_500, "{shown}");
        };
        check("name: \u{1b}[31mplain\u{9b}\r\nkey: 1\r\n", (1, 7), "name: \u{fffd}[31mplain\u{fffd}");
        let long = "x".repeat(50_000);
        check(&format!("{long}\na: 1\n{long}"), (2, 1), "a: 1");
        check(&format!("{long}\u{1b}here{long}"), (1, 50_002), "\u{fffd}here");
        check(&format!("{{\"here{long}"), (1, 3), "here");
        check(&long, (1, 60_000), "…");
    }
}
