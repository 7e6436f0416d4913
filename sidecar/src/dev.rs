//! `tidegate dev`.

use crate::cli::{Context, Exit};

/// What `dev` takes.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Serves with everything embedded.
///
/// # Errors
/// When a file is wrong.
pub async fn run(_args: Args, _context: &Context) -> anyhow::Result<Exit> {
    unimplemented!()
}
