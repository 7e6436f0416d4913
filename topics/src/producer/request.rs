//! The shared ack object of one request: a slot a record, a counter, a waker.

use super::Delivery;
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI32, AtomicI64, AtomicUsize, Ordering},
    },
    time::Instant,
};
use tokio::sync::Notify;

/// No outcome yet.
const PENDING: i64 = i64::MIN;
/// The outcome stands among `Request::failures`.
const FAILED: i64 = i64::MIN + 1;

/// What the outcomes of one request's records are written to, by the polling thread, and read from, by the request.
#[derive(Debug)]
pub(super) struct Request {
    slots: Box<[Slot]>,
    /// Failures are rare and carry text, so they stand apart from the slots.
    failures: Mutex<Vec<(usize, Delivery)>>,
    /// Slots without an outcome, those that were never sent included until [`Request::seal`].
    open: AtomicUsize,
    complete: Notify,
}

/// A published record's place; `offset` is written last and says whether there is an outcome.
#[derive(Debug)]
struct Slot {
    partition: AtomicI32,
    offset: AtomicI64,
}

/// What librdkafka carries with a record and gives back with its outcome.
#[derive(Debug)]
pub(super) struct InFlight {
    request: Arc<Request>,
    index: usize,
    cost: usize,
}

impl Request {
    pub(super) fn new(records: usize) -> Self {
        let slot = || Slot { partition: AtomicI32::new(0), offset: AtomicI64::new(PENDING) };
        Self {
            slots: std::iter::repeat_with(slot).take(records).collect(),
            failures: Mutex::default(),
            // One more than slots: it falls when the request is sealed.
            open: AtomicUsize::new(records + 1),
            complete: Notify::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    fn publish(&self, index: usize, partition: i32, offset: i64) {
        let slot = &self.slots[index];
        slot.partition.store(partition, Ordering::Relaxed);
        // librdkafka says −1001 of an offset it does not know; the sentinels are smaller still.
        slot.offset.store(offset.max(-1), Ordering::Release);
        self.finish(1);
    }

    pub(super) fn fail(&self, index: usize, outcome: Delivery) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).push((index, outcome));
        if let Some(slot) = self.slots.get(index) {
            slot.offset.store(FAILED, Ordering::Release);
            self.finish(1);
        }
    }

    /// A record that was not handed to librdkafka.
    pub(super) fn refuse(&self, index: usize, reason: String) {
        self.fail(index, Delivery::Failed { reason });
    }

    /// Nothing more than `sent` records will be sent.
    pub(super) fn seal(&self, sent: usize) {
        self.finish(self.slots.len().saturating_sub(sent) + 1);
    }

    fn finish(&self, count: usize) {
        if self.open.fetch_sub(count, Ordering::AcqRel) == count {
            self.complete.notify_one();
        }
    }

    pub(super) async fn outcomes(&self, sent: usize, deadline: Instant) -> Vec<Delivery> {
        let late = tokio::time::timeout_at(deadline.into(), self.complete.notified()).await.is_err();
        let mut failures = std::mem::take(&mut *self.failures.lock().unwrap_or_else(PoisonError::into_inner));
        failures.sort_by_key(|(index, _)| *index);
        let mut failures = failures.into_iter().peekable();
        (0..sent)
            .map(|index| {
                if let Some((_, outcome)) = failures.next_if(|(at, _)| *at == index) {
                    return outcome;
                }
                let slot = self.slots.get(index);
                match slot.map_or(PENDING, |slot| slot.offset.load(Ordering::Acquire)) {
                    // A failure that arrived while we were reading counts as late too.
                    PENDING | FAILED => {
                        debug_assert!(late, "a complete request has every outcome");
                        Delivery::Unknown { reason: "no answer from the broker by the request's deadline".into() }
                    }
                    offset => Delivery::Published {
                        partition: slot.map_or(0, |slot| slot.partition.load(Ordering::Relaxed)),
                        offset,
                    },
                }
            })
            .collect()
    }
}

impl InFlight {
    pub(super) fn new(request: &Arc<Request>, index: usize, cost: usize) -> Self {
        Self { request: request.clone(), index, cost }
    }

    /// What its record took of the budget.
    pub(super) fn cost(&self) -> usize {
        self.cost
    }

    /// Writes the record's outcome.
    pub(super) fn finish(self, outcome: Delivery) {
        match outcome {
            Delivery::Published { partition, offset } => self.request.publish(self.index, partition, offset),
            other => self.request.fail(self.index, other),
        }
    }
}
