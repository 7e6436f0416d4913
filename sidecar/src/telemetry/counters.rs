//! The counters of the data path: plain relaxed atomics, summed up when somebody asks.
//!
//! Relaxed is enough: every counter stands for itself, and a scrape that misses the last microsecond misses nothing.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tidegate_contracts::violation::{Clause, Violations};

/// What became of one event. Every event counts once, under one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventOutcome {
    /// The broker acked it.
    Published,
    /// The broker acked it, and it carries a `tidegate-violations` header.
    Marked,
    /// It broke the contract and is kept nowhere.
    Rejected,
    /// It broke the contract and the broker acked it into the quarantine topic.
    Quarantined,
    /// It kept the contract, is not in the topic and will not be.
    Failed,
    /// The broker may have it.
    Unknown,
}

impl EventOutcome {
    /// All of them, in the order of their values.
    pub const ALL: [Self; 6] =
        [Self::Published, Self::Marked, Self::Rejected, Self::Quarantined, Self::Failed, Self::Unknown];

    /// The label's value.
    pub fn name(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Marked => "marked",
            Self::Rejected => "rejected",
            Self::Quarantined => "quarantined",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

/// Why a record of a feed was skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SkipReason {
    /// Written by a later Tidegate.
    LaterVersion,
    /// Not what its header says.
    Garbage,
    /// Its speaker is not its topic's domain.
    ForeignSpeaker,
}

impl SkipReason {
    /// The label's value.
    pub fn name(self) -> &'static str {
        match self {
            Self::LaterVersion => "later_version",
            Self::Garbage => "garbage",
            Self::ForeignSpeaker => "foreign_speaker",
        }
    }
}

/// The major versions of a product, each with its counters.
type Majors = Vec<(u64, Arc<ProductCounters>)>;

/// The counters of one sidecar. One per domain that a process serves, never global.
#[derive(Debug, Default)]
pub struct Counters {
    products: RwLock<HashMap<String, Majors>>,
    /// Replies by their HTTP status; a client that went away before its reply counts as 499.
    requests: Mutex<BTreeMap<u16, u64>>,
    skipped: Mutex<BTreeMap<(&'static str, SkipReason), u64>>,
    reloads: [AtomicU64; 2],
}

/// The counters of one major version of a product. A request looks them up once.
#[derive(Debug)]
pub struct ProductCounters {
    events: [AtomicU64; EventOutcome::ALL.len()],
    violations: [AtomicU64; Clause::ALL.len()],
    violations_unlisted: AtomicU64,
    undeclared: AtomicU64,
    defaulted: AtomicU64,
    truncated: AtomicU64,
    /// From handing a request's records to librdkafka to the last of their acks.
    pub publish: Histogram,
    /// From a request's first byte to its reply.
    pub request: Histogram,
}

/// A histogram over fixed buckets of seconds.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; Histogram::BOUNDS_MICROS.len() + 1],
    sum_micros: AtomicU64,
}

/// A histogram as it stood at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistogramSnapshot {
    /// How many fell into each bucket, not cumulated; the last is everything above the highest bound.
    pub buckets: Vec<u64>,
    /// The sum of all, in microseconds.
    pub sum_micros: u64,
}

impl Counters {
    /// Counters at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// The counters of a product's major version, made when first asked for. Ask only for products of the contract
    /// files: the name becomes a label.
    pub fn product(&self, product: &str, major: u64) -> Arc<ProductCounters> {
        let find = |versions: &Vec<(u64, Arc<ProductCounters>)>| {
            versions.iter().find(|(version, _)| *version == major).map(|(_, counters)| Arc::clone(counters))
        };
        let known = self.products.read().unwrap_or_else(PoisonError::into_inner).get(product).and_then(find);
        known.unwrap_or_else(|| {
            let mut products = self.products.write().unwrap_or_else(PoisonError::into_inner);
            let versions = products.entry(product.to_owned()).or_default();
            find(versions).unwrap_or_else(|| {
                let counters = Arc::new(ProductCounters::default());
                versions.push((major, Arc::clone(&counters)));
                counters
            })
        })
    }

    /// Counts a reply by its HTTP status, or 499 for a client that went away before it.
    pub fn replied(&self, status: u16) {
        *self.requests.lock().unwrap_or_else(PoisonError::into_inner).entry(status).or_default() += 1;
    }

    /// Counts a record of a feed that a reader skipped.
    pub fn skipped(&self, feed: &'static str, reason: SkipReason) {
        *self.skipped.lock().unwrap_or_else(PoisonError::into_inner).entry((feed, reason)).or_default() += 1;
    }

    /// Counts a reload of the files: taken up, or refused with the running ones left in force.
    pub fn reloaded(&self, taken_up: bool) {
        self.reloads[usize::from(taken_up)].fetch_add(1, Relaxed);
    }

    /// Every product's counters, sorted by product and version.
    pub fn products(&self) -> Vec<(String, u64, Arc<ProductCounters>)> {
        let products = self.products.read().unwrap_or_else(PoisonError::into_inner);
        let flat = products.iter().flat_map(|(product, versions)| {
            versions.iter().map(|(major, counters)| (product.clone(), *major, Arc::clone(counters)))
        });
        let mut all: Vec<_> = flat.collect();
        all.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
        all
    }

    /// Replies by status.
    pub fn requests(&self) -> BTreeMap<u16, u64> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Skipped records by feed and reason.
    pub fn skips(&self) -> BTreeMap<(&'static str, SkipReason), u64> {
        self.skipped.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reloads: refused, taken up.
    pub fn reloads(&self) -> [u64; 2] {
        self.reloads.each_ref().map(|count| count.load(Relaxed))
    }
}

impl Default for ProductCounters {
    fn default() -> Self {
        Self {
            events: Default::default(),
            violations: std::array::from_fn(|_| AtomicU64::new(0)),
            violations_unlisted: AtomicU64::new(0),
            undeclared: AtomicU64::new(0),
            defaulted: AtomicU64::new(0),
            truncated: AtomicU64::new(0),
            publish: Histogram::default(),
            request: Histogram::default(),
        }
    }
}

impl ProductCounters {
    /// Counts events. Sum a request up first, and count once per outcome.
    pub fn events(&self, outcome: EventOutcome, count: u64) {
        self.events[outcome as usize].fetch_add(count, Relaxed);
    }

    /// Counts the violations of one event.
    pub fn violations(&self, violations: &Violations) {
        for violation in &violations.listed {
            self.violations[violation.clause as usize].fetch_add(1, Relaxed);
        }
        if violations.more > 0 {
            self.violations_unlisted.fetch_add(violations.more.into(), Relaxed);
        }
    }

    /// Counts undeclared fields that were dropped.
    pub fn undeclared(&self, count: u64) {
        self.undeclared.fetch_add(count, Relaxed);
    }

    /// Counts missing fields that took the schema's default.
    pub fn defaulted(&self, count: u64) {
        self.defaulted.fetch_add(count, Relaxed);
    }

    /// Counts temporal values that lost digits beyond their unit.
    pub fn truncated(&self, count: u64) {
        self.truncated.fetch_add(count, Relaxed);
    }

    /// How many events ended so.
    pub fn events_so_far(&self, outcome: EventOutcome) -> u64 {
        self.events[outcome as usize].load(Relaxed)
    }

    /// How many violations of a clause there were.
    pub fn violations_so_far(&self, clause: Clause) -> u64 {
        self.violations[clause as usize].load(Relaxed)
    }

    /// How many violations were beyond their event's limit, so that their clause is not known.
    pub fn unlisted_so_far(&self) -> u64 {
        self.violations_unlisted.load(Relaxed)
    }

    /// How many undeclared fields were dropped.
    pub fn undeclared_so_far(&self) -> u64 {
        self.undeclared.load(Relaxed)
    }

    /// How many missing fields took their default.
    pub fn defaulted_so_far(&self) -> u64 {
        self.defaulted.load(Relaxed)
    }

    /// How many temporal values lost digits.
    pub fn truncated_so_far(&self) -> u64 {
        self.truncated.load(Relaxed)
    }
}

impl Histogram {
    /// The upper bounds of the buckets, inclusive: from what a local broker takes to the longest deadline in sight.
    pub const BOUNDS_MICROS: [u64; 15] = [
        250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
        5_000_000, 10_000_000,
    ];

    /// Counts one duration.
    pub fn record(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = Self::BOUNDS_MICROS.partition_point(|bound| *bound < micros);
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.sum_micros.fetch_add(micros, Relaxed);
    }

    /// How it stands.
    pub fn snapshot(&self) -> HistogramSnapshot {
        HistogramSnapshot {
            buckets: self.buckets.iter().map(|count| count.load(Relaxed)).collect(),
            sum_micros: self.sum_micros.load(Relaxed),
        }
    }
}

impl HistogramSnapshot {
    /// How many there are in all.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_has_one_set_of_counters_a_major() {
        let counters = Counters::new();
        counters.product("orders", 1).events(EventOutcome::Published, 2);
        counters.product("orders", 2).events(EventOutcome::Published, 3);
        counters.product("orders", 1).events(EventOutcome::Published, 4);
        let all: Vec<_> = counters
            .products()
            .into_iter()
            .map(|(product, major, counts)| (product, major, counts.events_so_far(EventOutcome::Published)))
            .collect();
        assert_eq!(all, [("orders".to_owned(), 1, 6), ("orders".to_owned(), 2, 3)]);
    }

    #[test]
    fn a_duration_falls_into_the_first_bucket_that_holds_it() {
        fn check(micros: u64, bucket: usize) {
            let histogram = Histogram::default();
            histogram.record(Duration::from_micros(micros));
            let snapshot = histogram.snapshot();
            assert_eq!(snapshot.buckets.iter().position(|count| *count == 1), Some(bucket), "{micros}");
            assert_eq!((snapshot.count(), snapshot.sum_micros), (1, micros));
        }
        check(0, 0);
        check(250, 0);
        check(251, 1);
        check(1_000, 2);
        check(10_000_000, 14);
        check(10_000_001, 15);
    }

    #[test]
    fn outcomes_and_clauses_stand_at_their_own_index() {
        for (at, outcome) in EventOutcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, at);
        }
        for (at, clause) in Clause::ALL.into_iter().enumerate() {
            assert_eq!(clause as usize, at);
        }
    }
}
