//! The log: lines on standard error, written by a thread of their own.
//!
//! A log must never stop what it tells about. Lines go through a bounded queue to one thread; when the queue is full
//! (a stalled pipe) or the write fails (a full disk, a closed pipe), the line is lost and counted.

use crate::config::LogFormat;
use std::{
    io::{self, IsTerminal as _, Write},
    sync::{
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::Duration,
};
use tracing_subscriber::{
    EnvFilter, Layer, filter::ParseError, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

/// Lines that may wait to be written.
const QUEUE: usize = 4096;

static LINES_LOST: AtomicU64 = AtomicU64::new(0);

/// Log lines that could not be written, in this process.
pub fn lines_lost() -> u64 {
    LINES_LOST.load(Relaxed)
}

/// Where log lines go. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Lines(SyncSender<Job>);

#[derive(Debug)]
enum Job {
    Line(Vec<u8>),
    Flush(SyncSender<()>),
}

/// Why the log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The directives are none.
    #[error(
        "{source_name}: `{directives}` is no log level: {error}; write a level such as `info`, or directives such as `info,tidegate::ingest=debug`"
    )]
    Level {
        /// Where they were written.
        source_name: &'static str,
        /// The directives.
        directives: String,
        /// What is wrong with them.
        error: ParseError,
    },
    /// The thread could not be started.
    #[error("the log's thread could not be started: {0}")]
    Thread(io::Error),
}

/// Sends the log of this process to standard error from here on. The level is, in this order, that of `-v`, of
/// `RUST_LOG`, of the file. A process that has a log already keeps it.
pub(super) fn install(format: LogFormat, level: &str, verbose: u8) -> Result<Lines, LogError> {
    let environment = std::env::var("RUST_LOG").ok().filter(|directives| !directives.trim().is_empty());
    let (source_name, directives) = match (verbose, environment) {
        (0, Some(directives)) => ("RUST_LOG", directives),
        (0, None) => ("telemetry.logs.level", level.to_owned()),
        (1, _) => ("-v", "info,tidegate=debug,tidegate_topics=debug".to_owned()),
        _ => ("-vv", "debug,tidegate=trace,tidegate_topics=trace".to_owned()),
    };
    let filter = EnvFilter::try_new(&directives).map_err(|error| LogError::Level { source_name, directives, error })?;
    let lines = Lines::start(io::stderr()).map_err(LogError::Thread)?;
    let layer = layer(format, io::stderr().is_terminal(), lines.clone()).with_filter(filter);
    // An error means that there is a log already, as in a test or when `dev` serves several domains.
    let _ = tracing_subscriber::registry().with(layer).try_init();
    Ok(lines)
}

fn layer<S>(format: LogFormat, color: bool, lines: Lines) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    let layer = tracing_subscriber::fmt::layer().log_internal_errors(false).with_writer(move || lines.clone());
    match format {
        LogFormat::Text => layer.with_ansi(color).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed(),
    }
}

impl Lines {
    /// Starts the thread that writes.
    fn start(out: impl Write + Send + 'static) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(QUEUE);
        thread::Builder::new().name("tidegate-log".to_owned()).spawn(move || write_all(out, &receiver))?;
        Ok(Self(sender))
    }

    /// Waits until everything logged so far is written, but not for longer than this.
    pub(super) fn flush(&self, within: Duration) {
        let (done, written) = sync_channel(1);
        if self.0.try_send(Job::Flush(done)).is_ok() {
            // Too late or not at all: either way there is nobody left to tell.
            let _ = written.recv_timeout(within);
        }
    }
}

fn write_all(mut out: impl Write, jobs: &Receiver<Job>) {
    for job in jobs {
        match job {
            Job::Line(line) => {
                if out.write_all(&line).and_then(|()| out.flush()).is_err() {
                    LINES_LOST.fetch_add(1, Relaxed);
                }
            }
            Job::Flush(done) => {
                // Nobody waits any more: fine.
                let _ = done.try_send(());
            }
        }
    }
}

/// The formatter hands over one whole line a call.
impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self.0.try_send(Job::Line(line.to_vec())) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                LINES_LOST.fetch_add(1, Relaxed);
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
