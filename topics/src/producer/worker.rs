//! The thread that polls librdkafka, what it shares with the senders, and the change from a broken producer to a new
//! one.

use super::{
    ClientStats, ProducerError, ProducerLimits, ProducerStats, Record, Refused, Unwritable, context::Context, denied,
    health::Health, request::InFlight,
};
use crate::{
    config,
    error::{Kind, explain, is_of_record},
};
use rdkafka::{
    ClientConfig,
    message::{Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer as _, PurgeConfig},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, OnceLock, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// How long one poll waits for something to happen, and so how soon a fatal error or the end is noticed.
const POLL: Duration = Duration::from_millis(50);
/// How long a broker may take to show a sign of life while none is connected.
const PROBE: Duration = Duration::from_millis(500);
/// How long a broken producer's requests in flight may still be answered before they count as unknown. A new producer
/// takes about as long for its first ack, so waiting costs nothing.
const DRAIN: Duration = Duration::from_millis(400);
/// A producer that broke before its first ack would only break again (it lacks a right, say): the next one waits.
const REST: Duration = Duration::from_secs(1);
/// When to come back if the queue is full.
const RETRY_FULL: Duration = Duration::from_secs(1);
/// When to come back if no broker is reachable.
const RETRY_UNREACHABLE: Duration = Duration::from_secs(2);
/// Asked for as a sign of life while nothing was sent yet: every cluster has it or knows that it has not.
const PROBE_TOPIC: &str = "__consumer_offsets";

/// The polling thread, and what stops it.
#[derive(Debug)]
pub(super) struct Worker {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the senders, the callbacks and the polling thread share.
#[derive(Debug)]
pub(super) struct Shared {
    settings: ClientConfig,
    limits: ProducerLimits,
    records: AtomicUsize,
    bytes: AtomicUsize,
    pub(super) health: Health,
    /// The producer in force. Written by the polling thread alone.
    current: RwLock<Option<Arc<Generation>>>,
    closed: AtomicBool,
    /// The thread's order to end.
    stop: AtomicBool,
    /// Tells [`Shared::drained`] that nothing is in flight any more.
    idle: Notify,
    /// A record failed because its topic is not there or may not be written to.
    pub(super) topic_missed: Notify,
    /// The topics of which the log says that they may not be written to.
    denied: Mutex<BTreeSet<String>>,
    rebuilds: AtomicU64,
    client: Mutex<Option<ClientStats>>,
    /// A topic that was sent to, to ask for as a sign of life.
    pub(super) topic: OnceLock<String>,
}

/// One librdkafka producer, from its making to its fatal error.
pub(super) struct Generation {
    producer: BaseProducer<Context>,
    /// It takes nothing any more.
    retired: AtomicBool,
}

/// librdkafka did not take a record.
pub(super) struct SendRefused {
    pub(super) reason: String,
    /// Whether the next record may be taken, and would overtake this one.
    pub(super) may_pass: bool,
    /// Whether it would never be taken.
    pub(super) of_record: bool,
}

impl Worker {
    pub(super) fn start(settings: ClientConfig, limits: ProducerLimits) -> Result<Self, ProducerError> {
        let shared = Arc::new(Shared {
            settings,
            limits,
            records: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            health: Health::default(),
            current: RwLock::new(None),
            closed: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            idle: Notify::new(),
            topic_missed: Notify::new(),
            denied: Mutex::default(),
            rebuilds: AtomicU64::new(0),
            client: Mutex::new(None),
            topic: OnceLock::new(),
        });
        let first = Generation::new(&shared)?;
        shared.set_generation(first);
        let for_thread = shared.clone();
        let thread = std::thread::Builder::new()
            .name("tidegate-producer".into())
            .spawn(move || for_thread.run())
            .map_err(|error| ProducerError(format!("cannot start the producer's thread: {error}")))?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Gives up what is in flight and waits for the thread to end. Does nothing the second time.
    pub(super) fn stop(&self) {
        self.shared.closed.store(true, Ordering::Release);
        self.shared.stop.store(true, Ordering::Release);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the producer's thread panicked");
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // The thread ends by itself; joining it here could block whoever drops the last producer.
        self.shared.closed.store(true, Ordering::Release);
        self.shared.stop.store(true, Ordering::Release);
    }
}

impl Shared {
    /// Takes room for a request.
    pub(super) fn take(&self, records: usize, bytes: usize) -> Result<(), Refused> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Refused::Closed);
        }
        let limits = &self.limits;
        if bytes > limits.queue_bytes {
            return Err(Refused::TooLarge { needed: bytes, limit: limits.queue_bytes, unit: "bytes" });
        }
        if records > limits.queue_records {
            return Err(Refused::TooLarge { needed: records, limit: limits.queue_records, unit: "records" });
        }
        if let Some(reason) = self.health.unreachable() {
            return Err(Refused::Unreachable { reason, retry_after: RETRY_UNREACHABLE });
        }
        let full = || Refused::Full { retry_after: RETRY_FULL };
        take(&self.records, records, limits.queue_records).ok_or_else(full)?;
        take(&self.bytes, bytes, limits.queue_bytes).ok_or_else(|| {
            self.release(records, 0);
            full()
        })?;
        // Whoever closes sets `closed` first and counts then, so one of us sees the other.
        if self.closed.load(Ordering::SeqCst) {
            self.release(records, bytes);
            return Err(Refused::Closed);
        }
        Ok(())
    }

    /// Gives room back.
    pub(super) fn release(&self, records: usize, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::SeqCst);
        let before = self.records.fetch_sub(records, Ordering::SeqCst);
        if before == records && records > 0 && self.closed.load(Ordering::SeqCst) {
            self.idle.notify_one();
        }
    }

    /// Closes, waits until nothing is in flight or `grace` is over, and says how many records are left.
    pub(super) async fn drained(&self, grace: Duration) -> usize {
        self.closed.store(true, Ordering::SeqCst);
        let drained = async {
            while self.records.load(Ordering::SeqCst) > 0 {
                self.idle.notified().await;
            }
            // Several may be closing.
            self.idle.notify_one();
        };
        // What is left is counted either way.
        let _ = tokio::time::timeout(grace, drained).await;
        self.records.load(Ordering::SeqCst)
    }

    /// The producer in force; none once the thread has ended.
    pub(super) fn generation(&self) -> Option<Arc<Generation>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_generation(&self, generation: Generation) -> Option<Arc<Generation>> {
        self.current.write().unwrap_or_else(PoisonError::into_inner).replace(Arc::new(generation))
    }

    /// Those of the topics that cannot be written to; nothing when no broker says so of each.
    pub(super) fn unwritable(&self, topics: Vec<String>) -> Option<BTreeMap<String, Unwritable>> {
        let generation = self.generation()?;
        let mut unwritable = BTreeMap::new();
        for topic in topics {
            let metadata = generation.producer.client().fetch_metadata(Some(&topic), PROBE).ok()?;
            let error = metadata.topics().first().and_then(|found| found.error());
            let why = match error.map(|error| explain(error.into()).kind) {
                Some(Kind::NoTopic) => Unwritable::Missing,
                // Whoever may write to it may see it.
                Some(Kind::Denied) => Unwritable::Denied(denied(&topic)),
                // A leader is being chosen, say.
                _ => continue,
            };
            unwritable.insert(topic, why);
        }
        Some(unwritable)
    }

    /// What is to be said of a record whose topic may not be written to; the log says it once of each topic.
    pub(super) fn denied(&self, topic: &str) -> String {
        let why = denied(topic);
        if self.denied.lock().unwrap_or_else(PoisonError::into_inner).insert(topic.to_owned()) {
            tracing::error!(topic, "{why}");
        }
        why
    }

    pub(super) fn set_client_stats(&self, stats: ClientStats) {
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = Some(stats);
    }

    pub(super) fn unreachable(&self) -> Option<String> {
        self.health.unreachable()
    }

    pub(super) fn stats(&self) -> ProducerStats {
        ProducerStats {
            queue_records: self.records.load(Ordering::Relaxed),
            queue_bytes: self.bytes.load(Ordering::Relaxed),
            queue_records_limit: self.limits.queue_records,
            queue_bytes_limit: self.limits.queue_bytes,
            rebuilds: self.rebuilds.load(Ordering::Relaxed),
            unreachable: self.health.unreachable().is_some(),
            client: self.client.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// The thread.
    fn run(self: Arc<Self>) {
        // Broken producers that an admission still holds: it may yet send to them, and is refused.
        let mut retired: Vec<Arc<Generation>> = Vec::new();
        while !self.stop.load(Ordering::Acquire)
            && let Some(current) = self.generation()
        {
            current.producer.poll(POLL);
            if let Some(reason) = current.fatal_error() {
                current.producer.context().gave_up(reason.clone());
                self.health.rebuilding(reason);
                retired.extend(self.replace(&current));
            } else if self.health.is_down() {
                self.probe(&current);
            }
            retired.retain(|generation| generation.is_used());
        }
        retired.extend(self.current.write().unwrap_or_else(PoisonError::into_inner).take());
        // An admission that is held on to would be refused; but librdkafka should be taken down here, not by whoever
        // drops the last admission.
        let deadline = Instant::now() + DRAIN;
        while retired.iter().any(|generation| generation.is_used()) && Instant::now() < deadline {
            std::thread::yield_now();
        }
    }

    /// Drains a broken producer and puts a new one in force; returns the broken one, if that worked.
    fn replace(self: &Arc<Self>, broken: &Arc<Generation>) -> Option<Arc<Generation>> {
        tracing::warn!(in_flight = broken.in_flight(), "librdkafka gave its producer up, making a new one");
        if !broken.producer.context().has_acked() {
            self.drain(broken, REST, |_| true);
        }
        // Made first, so that it connects while the old one drains; nobody sends to it before.
        let new = match Generation::new(self) {
            Ok(new) => new,
            Err(error) => {
                // File descriptors or memory ran out: the next turn tries again, and until then requests are refused.
                tracing::error!(%error, "cannot make a new producer");
                self.drain(broken, REST, |_| true);
                return None;
            }
        };
        self.drain(broken, DRAIN, |broken| broken.in_flight() > 0);
        self.rebuilds.fetch_add(1, Ordering::Relaxed);
        let old = self.set_generation(new);
        self.health.rebuilt();
        old
    }

    /// Goes on polling a broken producer while there is something to wait for, at most this long.
    fn drain(&self, broken: &Generation, longest: Duration, waits: impl Fn(&Generation) -> bool) {
        let deadline = Instant::now() + longest;
        while waits(broken) && Instant::now() < deadline && !self.stop.load(Ordering::Acquire) {
            broken.producer.poll(Duration::from_millis(10));
        }
    }

    /// Asks for a sign of life. While no broker is connected there is nothing else for the thread to do.
    fn probe(&self, current: &Generation) {
        let topic = self.topic.get().map_or(PROBE_TOPIC, String::as_str);
        if current.producer.client().fetch_metadata(Some(topic), PROBE).is_ok() {
            self.health.up();
        }
    }
}

/// Adds to a counter unless it would pass the limit.
fn take(counter: &AtomicUsize, amount: usize, limit: usize) -> Option<()> {
    let fits = |now: usize| now.checked_add(amount).filter(|sum| *sum <= limit);
    counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fits).ok().map(drop)
}

impl Generation {
    fn new(shared: &Arc<Shared>) -> Result<Self, ProducerError> {
        let context = Context::new(shared.clone());
        let producer =
            shared.settings.create_with_context(context).map_err(|error| ProducerError(config::refusal(&error)))?;
        Ok(Self { producer, retired: AtomicBool::new(false) })
    }

    /// Hands a record to librdkafka, which copies it. Never blocks.
    pub(super) fn send(&self, record: &Record<'_>, in_flight: InFlight) -> Result<(), SendRefused> {
        if self.retired.load(Ordering::SeqCst) {
            return Err(SendRefused { reason: self.producer.context().why_closed(), may_pass: true, of_record: false });
        }
        self.producer.context().sent_to(record.topic);
        let mut message = BaseRecord::<[u8], [u8], _>::with_opaque_to(record.topic, Box::new(in_flight));
        message.key = record.key;
        message.payload = record.value;
        if !record.headers.is_empty() {
            let headers = OwnedHeaders::new_with_capacity(record.headers.len());
            message.headers = Some(
                record
                    .headers
                    .iter()
                    .fold(headers, |headers, (name, value)| headers.insert(Header { key: name, value: Some(*value) })),
            );
        }
        self.producer.send(message).map_err(|(error, _)| {
            let code = error.rdkafka_error_code();
            let explained = code.map(explain);
            SendRefused {
                of_record: code.is_some_and(is_of_record),
                may_pass: explained.as_ref().is_some_and(|explained| explained.may_pass()),
                reason: explained.map_or_else(|| error.to_string(), |explained| explained.text),
            }
        })
    }

    /// Why librdkafka gave this producer up, if it did. It has logged it.
    fn fatal_error(&self) -> Option<String> {
        let (code, reason) = self.producer.client().fatal_error()?;
        Some(format!("{} [{reason}]", explain(code).text))
    }

    fn in_flight(&self) -> i32 {
        self.producer.in_flight_count()
    }

    /// Refuses what is still sent to a retired producer, gives every record in it a definite outcome (what was never
    /// sent failed, what was sent and not acked is unknown), and tells whether anybody holds it yet.
    fn is_used(self: &Arc<Self>) -> bool {
        self.retired.store(true, Ordering::SeqCst);
        // Again and again, since a record that was on its way in may come after a purge.
        while self.in_flight() > 0 {
            self.producer.purge(PurgeConfig::default().queue().inflight());
            self.producer.poll(Duration::from_millis(1));
        }
        Arc::strong_count(self) > 1
    }
}

impl std::fmt::Debug for Generation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Generation").field("in_flight", &self.in_flight()).finish_non_exhaustive()
    }
}
