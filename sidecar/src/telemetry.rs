//! What the sidecar tells about itself: metrics, traces and logs.
//!
//! **Metrics.** The data path touches only plain atomics ([`counters`]). One list ([`metrics`]) names every metric, and
//! `METRICS.md` is written from it. [`Sources`] reads them for `/metrics`, and, when a collector is configured, for
//! OTLP. No label's value comes from an event.
//!
//! **Traces.** See [`trace`]. Without a collector no span is ever made, and the caller's trace context goes into the
//! record headers unchanged.
//!
//! **Logs.** Lines on standard error, as text or as one JSON object a line; what is logged while a traced request is
//! worked on carries its `trace_id`. A log that cannot be written loses lines, and counts them.

pub mod counters;
pub mod logs;
pub mod metrics;
mod otlp;
mod process;
pub mod prometheus;
mod sources;
pub mod trace;

pub use otlp::OtlpError;
pub use sources::{Series, Sources, Value};

use crate::config;
use logs::{Lines, LogError};
use opentelemetry_sdk::trace::SdkTracerProvider;
use otlp::Collector;
use std::{sync::Arc, time::Duration};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use trace::Tracing;

/// The log is written out even when all other grace is used up.
const LOG_GRACE: Duration = Duration::from_millis(100);

/// The telemetry of one process, running.
#[derive(Debug)]
pub struct Telemetry {
    lines: Lines,
    provider: Option<SdkTracerProvider>,
    tracing: Tracing,
    metrics: Option<(Collector, Duration)>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// Why telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The collector.
    #[error(transparent)]
    Otlp(#[from] OtlpError),
}

impl Telemetry {
    /// Sets up the log of this process (a process that has one keeps it) and, with a collector, its traces. `headers`
    /// are the collector's, secrets read; `verbose` is how often `-v` was given. Needs a tokio runtime.
    ///
    /// # Errors
    /// When a log level or the collector's address is none.
    pub fn install(
        config: &config::Telemetry,
        headers: std::collections::BTreeMap<String, String>,
        domain: &str,
        verbose: u8,
    ) -> Result<Self, TelemetryError> {
        let lines = logs::install(config.logs.format, &config.logs.level, verbose)?;
        let collector = config.otlp.as_ref().map(|otlp| Collector { endpoint: otlp.endpoint.clone(), headers });
        let (mut provider, mut tracing, mut metrics) = (None, Tracing::off(), None);
        if let (Some(otlp), Some(collector)) = (&config.otlp, collector) {
            if otlp.traces {
                let (made, tracer) = otlp::tracer(&collector, otlp::resource(domain), otlp.sample_ratio)?;
                provider = Some(made);
                tracing = Tracing::on(tracer);
            }
            if otlp.metrics {
                metrics = Some((collector, otlp.interval));
            }
        }
        Ok(Self { lines, provider, tracing, metrics, tasks: TaskTracker::new(), stop: CancellationToken::new() })
    }

    /// What makes spans of requests.
    pub fn tracing(&self) -> Tracing {
        self.tracing.clone()
    }

    /// Pushes a sidecar's metrics to the collector, if there is one, until [`Telemetry::shutdown`].
    pub fn push(&self, sources: Arc<Sources>, domain: &str) {
        let Some((collector, interval)) = self.metrics.clone() else { return };
        let pushing = otlp::push_metrics(collector, otlp::resource(domain), sources, interval, self.stop.clone());
        self.tasks.spawn(async move {
            if let Err(error) = pushing.await {
                tracing::error!(%error, "metrics are not pushed");
            }
        });
    }

    /// Sends what is waiting and writes the log out, within `grace`. What is not out by then is lost.
    pub async fn shutdown(self, grace: Duration) {
        let deadline = tokio::time::Instant::now() + grace;
        self.stop.cancel();
        self.tasks.close();
        let provider = self.provider;
        // It waits on a thread of its own, so not on the runtime's.
        let spans = tokio::task::spawn_blocking(move || provider.map(|it| it.shutdown_with_timeout(grace)));
        let (_late, spans) = tokio::join!(tokio::time::timeout_at(deadline, self.tasks.wait()), spans);
        if let Ok(Some(Err(error))) = spans {
            tracing::warn!(%error, "the last spans were not taken");
        }
        let lines = self.lines;
        let left = deadline.saturating_duration_since(tokio::time::Instant::now()).max(LOG_GRACE);
        let flushed = tokio::task::spawn_blocking(move || lines.flush(left));
        // A panic there has been reported by then.
        let _ = flushed.await;
    }
}

#[cfg(test)]
mod tests;
