//! `tidegate check`.

use crate::cli::{Context, Exit};
use std::path::PathBuf;

/// What `check` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Contract and configuration files, or folders of them [default: the sidecar's file and its contracts]
    pub files: Vec<PathBuf>,
}

/// Checks files and shows every problem.
///
/// # Errors
/// When a file cannot be read.
pub async fn run(_args: Args, _context: &Context) -> anyhow::Result<Exit> {
    unimplemented!()
}
