//! What an apply says while it goes on: lines for people, or JSON documents for machines.

use crate::cli::Context;
use serde::Serialize;
use std::io::IsTerminal as _;

/// Where progress goes.
#[derive(Debug)]
pub struct Progress(Option<Context>);

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
        Self(Some(context.clone()))
    }

    /// No progress at all.
    pub fn silent() -> Self {
        Self(None)
    }

    /// A step was done for a product; none for what is about the whole domain.
    pub(super) fn done(&self, step: Step, product: Option<&str>, detail: &str) {
        let Some(context) = &self.0 else { return };
        let (green, plain) = if context.color { ("\x1b[32m", "\x1b[0m") } else { ("", "") };
        let about = product.map_or_else(String::new, |product| format!("{product}: "));
        context.print(
            || format!("  {green}✓{plain} {about}{detail}\n"),
            || serde_json::json!({ "step": step, "product": product, "detail": detail }),
        );
    }

    /// Something is waited for.
    pub(super) fn waiting(&self, product: &str, why: &str) {
        let Some(context) = &self.0 else { return };
        context
            .print(|| format!("  … {product}: {why}\n"), || serde_json::json!({ "waiting": why, "product": product }));
    }
}

/// Whether somebody can be asked.
pub(super) fn is_interactive() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}
