//! `tidegate dev`.

mod found;
mod mesh;
mod traffic;
mod tries;

pub use found::{Listeners, Running};

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
