//! `tidegate plan` and `tidegate apply`.

mod releases;

use crate::cli::{Context, Exit};

/// What `plan` takes.
#[derive(Debug, clap::Args)]
pub struct PlanArgs {
    /// End with 3 when there are changes
    #[arg(long)]
    pub exit_code: bool,
}

/// What `apply` takes.
#[derive(Debug, clap::Args)]
pub struct ApplyArgs {
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
}

/// Shows what `apply` would do.
///
/// # Errors
/// When a file is wrong or a server cannot be reached.
pub async fn run_plan(_args: PlanArgs, _context: &Context) -> anyhow::Result<Exit> {
    unimplemented!()
}

/// Makes topics, schemas and catalog as the contracts say.
///
/// # Errors
/// As [`run_plan`], and when something is refused.
pub async fn run_apply(_args: ApplyArgs, _context: &Context) -> anyhow::Result<Exit> {
    unimplemented!()
}
