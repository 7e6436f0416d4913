//! The producer: one per process, idempotent, acks=all; requests are admitted whole, and every record ends in one of
//! three outcomes.

use crate::config::KafkaConfig;
use std::time::{Duration, Instant};

/// What bounds a [`Producer`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerLimits {
    /// Bytes that may wait for their ack: values, keys, headers and 1 KiB a record.
    pub queue_bytes: usize,
    /// Records that may wait for their ack.
    pub queue_records: usize,
    /// The longest a record may wait for its ack (librdkafka's `message.timeout.ms`).
    pub delivery_timeout: Duration,
}

/// Publishes records. Cheap to clone; all clones share one queue and one connection pool.
#[derive(Debug, Clone)]
pub struct Producer {}

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
        /// The offset.
        offset: i64,
    },
    /// It is not in the topic and will not be: safe to send again.
    Failed {
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
    #[error("the request needs {needed} bytes of the queue, which has {limit}")]
    TooLarge {
        /// What it needs.
        needed: usize,
        /// What there is.
        limit: usize,
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

/// Why a producer could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ProducerError(pub String);

/// Room in the queue for one request. Send its records in order, then wait for their outcomes.
#[derive(Debug)]
pub struct Admission {}

impl Producer {
    /// Makes a producer; it connects in the background.
    ///
    /// # Errors
    /// When librdkafka refuses a property, named in the message.
    pub fn new(_config: &KafkaConfig, _limits: ProducerLimits) -> Result<Self, ProducerError> {
        unimplemented!()
    }

    /// What one record takes of the queue's budget.
    pub fn cost(_record: &Record<'_>) -> usize {
        unimplemented!()
    }

    /// Takes room for a whole request of `records` records that together cost `bytes`, or refuses it whole.
    ///
    /// # Errors
    /// When there is no room, there could never be, no broker is reachable, or the producer is closed.
    pub fn admit(&self, _records: usize, _bytes: usize) -> Result<Admission, Refused> {
        unimplemented!()
    }

    /// Stops admitting, waits until everything in flight has its outcome or `grace` is over, and returns how many
    /// records are still without one.
    pub async fn close(&self, _grace: Duration) -> usize {
        unimplemented!()
    }
}

impl Admission {
    /// Hands a record to librdkafka. Never blocks. Its outcome has the position of this call.
    pub fn send(&mut self, _record: Record<'_>) {
        unimplemented!()
    }

    /// Waits for every outcome, in the order of the sends. What has none at the deadline is [`Delivery::Unknown`].
    /// Dropping the future loses the outcomes, not the records.
    pub async fn outcomes(self, _deadline: Instant) -> Vec<Delivery> {
        unimplemented!()
    }
}
