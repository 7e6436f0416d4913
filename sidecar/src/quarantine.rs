//! `tidegate quarantine`.

use crate::cli::{Context, Exit};

/// What `quarantine` takes.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Lists, shows or replays what broke its contract.
///
/// # Errors
/// When Kafka cannot be reached.
pub async fn run(_args: Args, _context: &Context) -> anyhow::Result<Exit> {
    unimplemented!()
}
