//! The `tidegate` binary: parse, run, exit code.

use clap::Parser as _;
use std::{process::ExitCode, thread::available_parallelism};
use tidegate::cli::Cli;
use tokio::runtime::Builder;

/// A sidecar shares its machine with the service it stands beside; more threads than this serve nobody. The variable
/// `TOKIO_WORKER_THREADS` says otherwise.
const MOST_THREADS: usize = 8;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut builder = Builder::new_multi_thread();
    if std::env::var_os("TOKIO_WORKER_THREADS").is_none() {
        builder.worker_threads(available_parallelism().map_or(1, usize::from).min(MOST_THREADS));
    }
    let runtime = match builder.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let exit = runtime.block_on(cli.run());
    // What still runs, such as a question to a broker that does not answer, is nothing to wait for.
    runtime.shutdown_background();
    exit
}
