//! Reads every metric from where it is kept.

use super::{
    counters::{Counters, EventOutcome, HistogramSnapshot, ProductCounters},
    logs,
    metrics::Metric,
    process, trace,
};
use crate::product::{Products, State};
use std::sync::{Arc, PoisonError, RwLock};
use tidegate_contracts::violation::Clause;
use tidegate_topics::producer::{ClientStats, Producer, ProducerStats};

/// What the metrics of one sidecar are read from.
#[derive(Debug, Default)]
pub struct Sources {
    counters: Arc<Counters>,
    products: Arc<Products>,
    /// Put in place once it is made.
    producer: RwLock<Option<Producer>>,
}

/// One time series of a metric, as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The labels' values, in the order of the definition's labels.
    pub labels: Vec<String>,
    /// The value.
    pub value: Value,
}

/// The value of a series.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A whole number.
    Whole(u64),
    /// Any number.
    Real(f64),
    /// A histogram of seconds.
    Histogram(HistogramSnapshot),
}

/// What several metrics share, read once a scrape, so that they fit each other.
pub(super) struct Reading<'a> {
    counters: &'a Counters,
    products: Vec<(String, u64, Arc<ProductCounters>)>,
    ready: Vec<(String, u64, bool)>,
    producer: Option<ProducerStats>,
    process: process::Process,
}

impl Sources {
    /// Metrics of these counters and products.
    pub fn new(counters: Arc<Counters>, products: Arc<Products>) -> Self {
        Self { counters, products, producer: RwLock::default() }
    }

    /// Adds the producer's queue and librdkafka's statistics.
    pub fn set_producer(&self, producer: Producer) {
        *self.producer.write().unwrap_or_else(PoisonError::into_inner) = Some(producer);
    }

    /// Reads everything that several metrics share.
    pub(super) fn read(&self) -> Reading<'_> {
        let snapshot = self.products.get();
        let mut ready: Vec<_> = snapshot
            .values()
            .flatten()
            .map(|product| {
                (product.contract.product.clone(), product.contract.major(), matches!(product.state, State::Ready(_)))
            })
            .collect();
        ready.sort();
        let producer = self.producer.read().unwrap_or_else(PoisonError::into_inner);
        Reading {
            counters: &self.counters,
            products: self.counters.products(),
            ready,
            producer: producer.as_ref().map(Producer::stats),
            process: process::Process::now(),
        }
    }
}

impl Reading<'_> {
    /// A metric's series. None when there is nothing to tell, as before librdkafka's first statistics.
    pub(super) fn series(&self, metric: Metric) -> Vec<Series> {
        match metric {
            Metric::Events => self.products_by(EventOutcome::ALL, |counts, outcome| {
                Some((outcome.name(), counts.events_so_far(outcome)))
            }),
            Metric::Violations => {
                // A clause that nobody broke yet is left out: thirty series a product would mostly be zeros.
                let clauses = Clause::ALL.map(Some).into_iter().chain([None]);
                self.products_by(clauses, |counts, clause| {
                    let (name, count) = match clause {
                        Some(clause) => (clause.name(), counts.violations_so_far(clause)),
                        None => ("unlisted", counts.unlisted_so_far()),
                    };
                    (count > 0).then_some((name, count))
                })
            }
            Metric::UndeclaredFields => self.products(|counts| Value::Whole(counts.undeclared_so_far())),
            Metric::DefaultedFields => self.products(|counts| Value::Whole(counts.defaulted_so_far())),
            Metric::TruncatedValues => self.products(|counts| Value::Whole(counts.truncated_so_far())),
            Metric::PublishDuration => self.products(|counts| Value::Histogram(counts.publish.snapshot())),
            Metric::RequestDuration => self.products(|counts| Value::Histogram(counts.request.snapshot())),
            Metric::Requests => {
                let requests = self.counters.requests().into_iter();
                requests.map(|(status, count)| Series::new([status.to_string()], Value::Whole(count))).collect()
            }
            Metric::ProductReady => {
                let ready = self.ready.iter();
                ready
                    .map(|(product, major, ready)| {
                        Series::new([product.clone(), major.to_string()], Value::Whole((*ready).into()))
                    })
                    .collect()
            }
            Metric::QueueRecords => self.producer(|stats| stats.queue_records as u64),
            Metric::QueueRecordsLimit => self.producer(|stats| stats.queue_records_limit as u64),
            Metric::QueueBytes => self.producer(|stats| stats.queue_bytes as u64),
            Metric::QueueBytesLimit => self.producer(|stats| stats.queue_bytes_limit as u64),
            Metric::FeedSkipped => {
                let skips = self.counters.skips().into_iter();
                skips
                    .map(|((feed, reason), count)| {
                        Series::new([feed.to_owned(), reason.name().to_owned()], Value::Whole(count))
                    })
                    .collect()
            }
            Metric::Reloads => {
                let [refused, taken_up] = self.counters.reloads();
                [("refused", refused), ("taken_up", taken_up)]
                    .map(|(result, count)| Series::new([result.to_owned()], Value::Whole(count)))
                    .into()
            }
            Metric::KafkaReachable => self.producer(|stats| u64::from(!stats.unreachable)),
            Metric::KafkaRebuilds => self.producer(|stats| stats.rebuilds),
            Metric::KafkaBrokers => self.client(|stats| Value::Whole(stats.brokers)),
            Metric::KafkaBrokersUp => self.client(|stats| Value::Whole(stats.brokers_up)),
            Metric::KafkaMessages => self.client(|stats| Value::Whole(stats.messages)),
            Metric::KafkaRequests => self.client(|stats| Value::Whole(stats.requests)),
            Metric::KafkaRequestBytes => self.client(|stats| Value::Whole(stats.request_bytes)),
            Metric::KafkaRequestsInFlight => self.client(|stats| Value::Whole(stats.requests_in_flight)),
            Metric::KafkaRetries => self.client(|stats| Value::Whole(stats.retries)),
            Metric::KafkaTimeouts => self.client(|stats| Value::Whole(stats.timeouts)),
            Metric::KafkaDisconnects => self.client(|stats| Value::Whole(stats.disconnects)),
            Metric::KafkaRttMedian => self.client(|stats| Value::micros(stats.rtt_p50_us)),
            Metric::KafkaRttP99 => self.client(|stats| Value::micros(stats.rtt_p99_us)),
            Metric::LogLinesLost => one(Some(Value::Whole(logs::lines_lost()))),
            Metric::SpansLost => one(Some(Value::Whole(trace::spans_lost()))),
            Metric::BuildInfo => vec![Series::new([env!("CARGO_PKG_VERSION").to_owned()], Value::Whole(1))],
            Metric::ProcessMemory => one(self.process.resident_bytes.map(Value::Whole)),
            Metric::ProcessCpu => one(self.process.cpu_seconds.map(Value::Real)),
            Metric::ProcessFds => one(self.process.open_fds.map(Value::Whole)),
            Metric::ProcessMaxFds => one(self.process.max_fds.map(Value::Whole)),
            Metric::ProcessStart => one(self.process.started.map(Value::Real)),
        }
    }

    /// One series a product.
    fn products(&self, value: impl Fn(&ProductCounters) -> Value) -> Vec<Series> {
        let products = self.products.iter();
        products
            .map(|(product, major, counts)| Series::new([product.clone(), major.to_string()], value(counts)))
            .collect()
    }

    /// One series a product and value of a third label.
    fn products_by<T: Copy>(
        &self,
        thirds: impl IntoIterator<Item = T> + Clone,
        value: impl Fn(&ProductCounters, T) -> Option<(&'static str, u64)>,
    ) -> Vec<Series> {
        let mut all = Vec::new();
        for (product, major, counts) in &self.products {
            for third in thirds.clone() {
                if let Some((name, count)) = value(counts, third) {
                    all.push(Series::new([product.clone(), major.to_string(), name.to_owned()], Value::Whole(count)));
                }
            }
        }
        all
    }

    fn producer(&self, value: impl Fn(&ProducerStats) -> u64) -> Vec<Series> {
        one(self.producer.as_ref().map(|stats| Value::Whole(value(stats))))
    }

    fn client(&self, value: impl Fn(&ClientStats) -> Value) -> Vec<Series> {
        one(self.producer.as_ref().and_then(|stats| stats.client.as_ref()).map(value))
    }
}

impl Series {
    fn new(labels: impl Into<Vec<String>>, value: Value) -> Self {
        Self { labels: labels.into(), value }
    }
}

impl Value {
    fn micros(micros: u64) -> Self {
        Self::Real(micros as f64 / 1e6)
    }
}

/// The only series of a metric without labels, if there is one.
fn one(value: Option<Value>) -> Vec<Series> {
    value.into_iter().map(|value| Series::new([], value)).collect()
}
