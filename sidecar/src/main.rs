//! The `tidegate` binary: parse, run, exit code.

use clap::Parser as _;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    tidegate::cli::Cli::parse().run().await
}
