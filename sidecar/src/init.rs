//! `tidegate init`.

use crate::cli::{Context, Exit};

/// What `init` takes.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Makes a working folder from samples or a topic.
///
/// # Errors
/// When nothing can be learned from them, or a file is in the way.
pub async fn run(_args: Args, _context: &Context) -> anyhow::Result<Exit> {
    unimplemented!()
}
