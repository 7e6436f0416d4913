//! What an apply says while it goes on: lines for people, or JSON documents for machines.

use crate::cli::Context;
use serde::Serialize;
use std::io::{IsTerminal as _, Write as _};

/// Where progress goes.
#[derive(Debug)]
pub struct Progress {
    json: bool,
    color: bool,
    silent: bool,
}

/// One step that was done, in the order in which steps are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Step {
    /// The feeds' topics and schemas are there.
    Feeds,
    /// The *applying* entry is in the log, and won.
    Applying,
    /// The schemas are registered, and their subjects' levels set.
    Registry,
    /// The topics are as wanted.
    Topics,
    /// The *released* entry is in the log.
    Released,
    /// The catalog says what the log does.
    Catalog,
}

impl Progress {
    /// Progress on standard output, as the command was called.
    pub fn new(context: &Context) -> Self {
        Self { json: context.json(), color: context.color, silent: false }
    }

    /// No progress at all.
    pub fn silent() -> Self {
        Self { json: false, color: false, silent: true }
    }

    /// A step was done for a product; none for what is about the whole domain.
    pub(super) fn done(&self, step: Step, product: Option<&str>, detail: &str) {
        if self.silent {
        } else if self.json {
            self.document(&serde_json::json!({ "step": step, "product": product, "detail": detail }));
        } else {
            let (green, plain) = if self.color { ("\x1b[32m", "\x1b[0m") } else { ("", "") };
            let about = product.map_or_else(String::new, |product| format!("{product}: "));
            self.line(&format!("  {green}✓{plain} {about}{detail}"));
        }
    }

    /// Something is waited for.
    pub(super) fn waiting(&self, product: &str, why: &str) {
        if self.silent {
        } else if self.json {
            self.document(&serde_json::json!({ "waiting": why, "product": product }));
        } else {
            self.line(&format!("  … {product}: {why}"));
        }
    }

    /// A whole document for machines; nothing for people.
    pub(super) fn document(&self, document: &impl Serialize) {
        if self.json && !self.silent {
            // Machines take steps as they come; a line is written whole.
            self.line(&serde_json::to_string(document).unwrap_or_default());
        }
    }

    fn line(&self, line: &str) {
        let mut out = std::io::stdout().lock();
        // Whoever read it has gone away; the work goes on all the same.
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }
}

/// Whether somebody can be asked.
pub(super) fn is_interactive() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}
