//! `tidegate run`: the sidecar itself.

mod in_force;
mod watch;

use crate::cli::{Context, Exit};

/// What `run` takes.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Serves until it is told to stop.
///
/// # Errors
/// When a file is wrong or an address is taken.
pub async fn run(_args: Args, _context: &Context) -> anyhow::Result<Exit> {
    unimplemented!()
}
