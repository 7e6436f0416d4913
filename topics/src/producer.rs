//! The producer: one per process, idempotent, acks=all; requests are admitted whole, and every record ends in one of
//! four outcomes.
//!
//! One librdkafka producer does the sending (two would break the order per key), one thread polls it, and the thread
//! runs nothing of ours but completing slots. When librdkafka calls an error fatal, the thread drains the broken
//! producer, gives each of its records a definite outcome, and puts a new one in its place.
//!
//! Order per key: the sends of an [`Admission`] reach the log in their order. When librdkafka refuses a record for a
//! reason that may pass (its queue, a fatal error), the later sends of that admission are refused too, so none of them
//! overtakes it. A record that is itself too large fails alone.

mod context;
mod health;
mod request;
mod settings;
mod stats;
#[cfg(test)]
mod tests;
mod worker;

use crate::config::KafkaConfig;
use request::{InFlight, Request};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use worker::{Generation, Shared, Worker};

pub use stats::{ClientStats, ProducerStats};

/// What bounds a [`Producer`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerLimits {
    /// Bytes that may wait for their ack: values, keys, headers and 1.25 KiB a record.
    pub queue_bytes: usize,
    /// Records that may wait for their ack.
    pub queue_records: usize,
    /// The longest a record may wait for its ack. librdkafka looks once a second for what has timed out, so its
    /// `message.timeout.ms` is this less a second (less a third, below three seconds).
    pub delivery_timeout: Duration,
}

/// Publishes records. Cheap to clone; all clones share one queue and one connection pool. When the last clone is
/// dropped without [`Producer::close`], what is in flight is given up.
#[derive(Debug, Clone)]
pub struct Producer {
    worker: Arc<Worker>,
}

/// One record to publish. Everything is copied when it is sent.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The key; equal keys go to one partition, in order.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// The headers, in order.
    pub headers: &'a [(&'a str, &'a [u8])],
}

/// How a record ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The broker acked it.
    Published {
        /// The partition.
        partition: i32,
        /// The offset; −1 when the broker acked a retry of what it already had without saying where.
        offset: i64,
    },
    /// It is not in the topic and will not be: safe to send again.
    Failed {
        /// Why, for the caller: lowercase, no full stop.
        reason: String,
    },
    /// It is itself refused, for its size say: it is not in the topic, and sent again it would be refused again.
    Rejected {
        /// Why, for the caller: lowercase, no full stop.
        reason: String,
    },
    /// The broker may have it.
    Unknown {
        /// Why, for the caller: lowercase, no full stop.
        reason: String,
    },
}

/// Why a request was not admitted. Nothing of it was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The queue has no room for all of it now.
    #[error("the queue to kafka is full")]
    Full {
        /// When to try again.
        retry_after: Duration,
    },
    /// It could never fit.
    #[error("the request needs {needed} of the queue's {unit}, which has {limit}")]
    TooLarge {
        /// What it needs.
        needed: usize,
        /// What there is.
        limit: usize,
        /// `bytes` or `records`.
        unit: &'static str,
    },
    /// No broker has been reachable for so long that nothing sent now could be acked in time.
    #[error("no broker is reachable: {reason}")]
    Unreachable {
        /// What librdkafka last said.
        reason: String,
        /// When to try again.
        retry_after: Duration,
    },
    /// The process is draining.
    #[error("the sidecar is shutting down")]
    Closed,
}

/// Why nothing can be published to a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unwritable {
    /// It is not there.
    Missing,
    /// It may not be written to; what is missing, as a sentence.
    Denied(String),
}

/// Why a producer could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ProducerError(pub String);

/// Room in the queue for one request. Send its records in order, then wait for their outcomes.
#[derive(Debug)]
pub struct Admission {
    shared: Arc<Shared>,
    /// All records of a request go to the same librdkafka producer, also when that one has broken meanwhile.
    generation: Arc<Generation>,
    request: Arc<Request>,
    sent: usize,
    /// What of the admitted room no record has taken yet.
    bytes_left: usize,
    /// Why the rest of the request is refused, once a send was refused for a reason that may pass.
    broken: Option<String>,
}

impl Producer {
    /// Makes a producer and its thread; it connects in the background.
    ///
    /// # Errors
    /// When librdkafka refuses a property, named in the message, or one would break what a receipt promises.
    pub fn new(config: &KafkaConfig, limits: ProducerLimits) -> Result<Self, ProducerError> {
        let settings = settings::producer(config, &limits)?;
        Ok(Self { worker: Arc::new(Worker::start(settings, limits)?) })
    }

    /// What one record takes of the queue's budget.
    pub fn cost(record: &Record<'_>) -> usize {
        /// What librdkafka and we keep beside the bytes themselves, the receipt to come included: measured 1.65 KB for a
        /// record whose value, key and headers take 0.47 KB.
        const OVERHEAD: usize = 1280;
        let headers: usize = record.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        OVERHEAD + record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len) + headers
    }

    /// Takes room for a whole request of `records` records that together cost `bytes`, or refuses it whole.
    ///
    /// # Errors
    /// When there is no room, there could never be, no broker is reachable, or the producer is closed.
    pub fn admit(&self, records: usize, bytes: usize) -> Result<Admission, Refused> {
        let shared = self.worker.shared();
        shared.take(records, bytes)?;
        let Some(generation) = shared.generation() else {
            shared.release(records, bytes);
            return Err(Refused::Closed);
        };
        Ok(Admission {
            generation,
            request: Arc::new(Request::new(records)),
            shared: shared.clone(),
            sent: 0,
            bytes_left: bytes,
            broken: None,
        })
    }

    /// What the producer holds and what librdkafka last said of itself. Cheap.
    pub fn stats(&self) -> ProducerStats {
        self.worker.shared().stats()
    }

    /// Why no broker can be reached now, if so. While it is so, [`Producer::admit`] refuses.
    pub fn unreachable(&self) -> Option<String> {
        self.worker.shared().unreachable()
    }

    /// Those of the topics that cannot be written to, as far as asking tells; nothing when no broker says so of each. Asks
    /// one after the other.
    pub async fn unwritable(&self, topics: Vec<String>) -> Option<BTreeMap<String, Unwritable>> {
        let worker = self.worker.clone();
        tokio::task::spawn_blocking(move || worker.shared().unwritable(topics)).await.ok()?
    }

    /// Waits until a record fails because its topic is not there or may not be written to. For one listener.
    pub async fn topic_missed(&self) {
        self.worker.shared().topic_missed.notified().await;
    }

    /// Stops admitting, waits until everything in flight has its outcome or `grace` is over, and returns how many
    /// records had none by then; they are given up, as failed if they were never sent and else as unknown.
    pub async fn close(&self, grace: Duration) -> usize {
        let left = self.worker.shared().drained(grace).await;
        let worker = self.worker.clone();
        // Joining waits for librdkafka's own threads to end.
        if tokio::task::spawn_blocking(move || worker.stop()).await.is_err() {
            tracing::error!("the producer's thread panicked");
        }
        left
    }
}

/// What a user is told who may not write to a topic.
fn denied(topic: &str) -> String {
    format!("kafka does not permit to write to the topic {topic}: grant this user the right WRITE on it")
}

impl Admission {
    /// Hands a record to librdkafka. Never blocks. Its outcome has the position of this call.
    pub fn send(&mut self, record: Record<'_>) {
        let index = self.sent;
        self.sent += 1;
        let cost = Producer::cost(&record);
        if index >= self.request.len() || cost > self.bytes_left {
            // A caller that admits less than it sends would undo the bound on memory.
            self.request.refuse(index, "the request was admitted for fewer records or bytes".into());
            self.shared.release(usize::from(index < self.request.len()), 0);
            return;
        }
        self.bytes_left -= cost;
        if let Some(reason) = &self.broken {
            self.request.refuse(index, reason.clone());
            self.shared.release(1, cost);
            return;
        }
        let in_flight = InFlight::new(&self.request, index, cost);
        if let Err(refusal) = self.generation.send(&record, in_flight) {
            match refusal.of_record {
                true => self.request.fail(index, Delivery::Rejected { reason: refusal.reason }),
                false => self.request.refuse(index, refusal.reason),
            }
            self.shared.release(1, cost);
            if refusal.may_pass {
                self.broken = Some("not sent, since an earlier record of the request could not be".into());
            }
        }
    }

    /// Waits for every outcome, in the order of the sends. What has none at the deadline is [`Delivery::Unknown`].
    /// Dropping the future loses the outcomes, not the records.
    pub async fn outcomes(self, deadline: Instant) -> Vec<Delivery> {
        let request = self.request.clone();
        let sent = self.sent;
        // Gives back what was admitted and not sent.
        drop(self);
        request.outcomes(sent, deadline).await
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.request.seal(self.sent);
        let unsent = self.request.len().saturating_sub(self.sent);
        self.shared.release(unsent, self.bytes_left);
    }
}
