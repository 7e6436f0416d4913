//! How a command ends, and how it says why.

use super::{Context, Findings, complain};
use std::fmt::Write as _;
use tidegate_contracts::diagnostic::{Diagnostic, Level, shown};

/// The process's exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Success = 0,
    /// Something is invalid, or was refused.
    Refused = 1,
    /// The command was called wrongly (clap ends with this one too).
    Usage = 2,
    /// There are changes, and `--exit-code` asked to be told so.
    Changes = 3,
    /// A server could not be reached.
    Unreachable = 4,
}

/// An error that knows its exit code and its way out. Add what led to it with anyhow's `context`.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// How the process ends.
    pub exit: Exit,
    /// What is wrong: lowercase, no full stop.
    pub message: String,
    /// The way out.
    pub hint: Option<String>,
    /// What is wrong in files, each shown with its line.
    pub findings: Findings,
    /// What caused it.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Failure {
    /// Something is invalid, or was refused.
    pub fn refused(message: impl Into<String>) -> Self {
        let (message, findings) = (message.into(), Findings::default());
        Self { exit: Exit::Refused, message, hint: None, findings, source: None }
    }

    /// The command was called wrongly.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, ..Self::refused(message) }
    }

    /// A server could not be reached.
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self { exit: Exit::Unreachable, ..Self::refused(message) }
    }

    /// Something is wrong in files; their texts come by name.
    pub fn files(
        message: impl Into<String>,
        diagnostics: Vec<Diagnostic>,
        texts: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let findings = Findings { diagnostics, texts: texts.into_iter().collect() };
        Self { findings, ..Self::refused(message) }
    }

    /// All of it in one line, for logs and states.
    pub fn on_one_line(&self) -> String {
        let mut text = self.message.clone();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let _ = write!(text, ": {error}");
            cause = error.source();
        }
        let errors = self.findings.diagnostics.iter().filter(|found| found.level == Level::Error);
        for (at, found) in errors.enumerate() {
            let _ = write!(text, "{} {found}", if at == 0 { ":" } else { ";" });
        }
        text
    }

    /// With a way out.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// With its cause.
    #[must_use]
    pub fn caused_by(self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..self }
    }
}

impl Context {
    /// Shows an error on standard error and says how the process ends.
    pub(super) fn report(&self, error: &anyhow::Error) -> Exit {
        let failure = error.chain().find_map(|cause| cause.downcast_ref::<Failure>());
        let hint = failure.and_then(|failure| failure.hint.as_deref());
        let exit = failure.map_or(Exit::Refused, |failure| failure.exit);
        if self.json() {
            complain(&format!("{}\n", machine(error, failure, exit)));
        } else {
            let findings = failure.map_or_else(String::new, |failure| failure.findings.human(self.color));
            complain(&format!("{findings}{}", human(error, hint, self.color)));
        }
        exit
    }
}

fn machine(error: &anyhow::Error, failure: Option<&Failure>, exit: Exit) -> serde_json::Value {
    let causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
    serde_json::json!({
        "error": error.to_string(),
        "causes": causes,
        "hint": failure.and_then(|failure| failure.hint.as_deref()),
        "diagnostics": failure.map_or(&[][..], |failure| &failure.findings.diagnostics),
        "exitCode": exit as u8,
    })
}

fn human(error: &anyhow::Error, hint: Option<&str>, color: bool) -> String {
    let (red, cyan, plain) = if color { ("\x1b[1;31m", "\x1b[36m", "\x1b[0m") } else { ("", "", "") };
    let mut text = format!("{red}error{plain}: {}\n", shown(&error.to_string()));
    for cause in error.chain().skip(1) {
        let _ = writeln!(text, "  because {}", shown(&cause.to_string()));
    }
    if let Some(hint) = hint {
        let _ = writeln!(text, "{cyan}way out{plain}: {}", shown(hint));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn an_error_says_what_why_and_the_way_out() {
        let failure = Failure::unreachable("cannot read the topics of `localhost:9092`")
            .caused_by(std::io::Error::other("no broker can be reached"))
            .hint("is kafka running?");
        let error = Err::<(), _>(failure).context("nothing was applied").unwrap_err();
        let failure = error.chain().find_map(|cause| cause.downcast_ref::<Failure>()).unwrap();
        assert_eq!(
            human(&error, failure.hint.as_deref(), false),
            "error: nothing was applied\n  because cannot read the topics of `localhost:9092`\n  \
             because no broker can be reached\nway out: is kafka running?\n"
        );
        assert_eq!(
            machine(&error, Some(failure), failure.exit).to_string(),
            r#"{"causes":["cannot read the topics of `localhost:9092`","no broker can be reached"],"diagnostics":[],"error":"nothing was applied","exitCode":4,"hint":"is kafka running?"}"#
        );
    }

    #[test]
    fn an_error_gives_a_terminal_no_orders() {
        let bad = "\u{1b}[2Jbad\u{7}\u{202e}";
        let error = anyhow::Error::from(Failure::refused(bad).caused_by(bad)).context(bad);
        let shown = human(&error, Some(bad), false);
        assert!(!shown.contains(['\u{1b}', '\u{7}', '\u{202e}']) && shown.matches("bad").count() == 4, "{shown:?}");
    }
}
