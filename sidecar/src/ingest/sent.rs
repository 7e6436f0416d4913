//! What was handed to Kafka, until every part of it has its outcome.

use super::{
    batch::{Fate, Item},
    receipt::{Kept, Receipt, Status},
};
use crate::telemetry::{
    counters::{EventOutcome, ProductCounters},
    trace::PublishTrace,
};
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};
use tidegate_contracts::violation::{Clause, Violation, Violations};
use tidegate_topics::producer::Delivery;

type Outcomes = Pin<Box<dyn Future<Output = Vec<Delivery>> + Send>>;

/// A request on its way: a future of its receipts, in the request's order.
///
/// Dropping it loses the receipts and nothing else: what was sent is still counted when its outcome is known.
#[must_use = "what became of the events is in the receipts"]
pub struct Sent {
    /// `None` once the receipts are out.
    state: Option<State>,
}

enum State {
    Settled(Vec<Receipt>),
    Waiting(Waiting),
}

struct Waiting {
    outcomes: Outcomes,
    unsettled: Vec<Unsettled>,
    counters: Arc<ProductCounters>,
    trace: PublishTrace,
    sent: Instant,
}

/// An event without its outcome. It keeps nothing of the request.
pub(super) struct Unsettled {
    id: String,
    fate: Sending,
    violations: Violations,
    undeclared: Vec<String>,
    undeclared_more: u32,
}

enum Sending {
    Product { schema_id: Option<u32> },
    Quarantine,
    Nowhere(Status),
}

impl Sent {
    pub(super) fn waiting(
        outcomes: Outcomes,
        unsettled: Vec<Unsettled>,
        counters: Arc<ProductCounters>,
        trace: PublishTrace,
    ) -> Self {
        let sent = Instant::now();
        Self { state: Some(State::Waiting(Waiting { outcomes, unsettled, counters, trace, sent })) }
    }

    pub(super) fn settled(receipts: Vec<Receipt>) -> Self {
        Self { state: Some(State::Settled(receipts)) }
    }
}

impl Unsettled {
    pub(super) fn new(item: Item<'_>, schemas: &[u32]) -> Self {
        let fate = match item.fate {
            Fate::Publish { schema, .. } => {
                Sending::Product { schema_id: schema.and_then(|at| schemas.get(at).copied()) }
            }
            Fate::Quarantine { .. } => Sending::Quarantine,
            Fate::Reject => Sending::Nowhere(Status::Rejected(Kept::NotWanted)),
            Fate::Fail(reason) => Sending::Nowhere(Status::Failed(reason)),
        };
        Self {
            id: item.id,
            fate,
            violations: item.violations,
            undeclared: item.undeclared,
            undeclared_more: item.undeclared_more,
        }
    }

    /// The receipt of an event that was not sent, for the one reason that stopped them all.
    pub(super) fn unsent(self, reason: &str) -> Receipt {
        self.settle(&mut std::iter::repeat_with(|| Delivery::Failed { reason: reason.to_owned() }))
    }

    /// Whether nothing of it is lost if it is not sent.
    pub(super) fn is_rejected(&self) -> bool {
        matches!(self.fate, Sending::Quarantine | Sending::Nowhere(Status::Rejected(_)))
    }

    fn settle(mut self, outcomes: &mut impl Iterator<Item = Delivery>) -> Receipt {
        // The producer has one outcome for each record; were one missing, nobody could say more than this.
        let mut outcome = || outcomes.next().unwrap_or(Delivery::Unknown { reason: "no outcome".into() });
        let status = match self.fate {
            Sending::Product { schema_id } => match outcome() {
                Delivery::Published { partition, offset } => Status::Published { partition, offset, schema_id },
                Delivery::Failed { reason } => Status::Failed(reason),
                Delivery::Rejected { reason } => {
                    self.violations.listed.push(refused_by_kafka(reason));
                    Status::Rejected(Kept::NotWanted)
                }
                Delivery::Unknown { reason } => Status::Unknown(reason),
            },
            Sending::Quarantine => Status::Rejected(match outcome() {
                Delivery::Published { .. } => Kept::Quarantined,
                Delivery::Failed { reason } | Delivery::Rejected { reason } | Delivery::Unknown { reason } => {
                    Kept::Lost(reason)
                }
            }),
            Sending::Nowhere(status) => status,
        };
        Receipt {
            id: self.id,
            status,
            violations: self.violations,
            undeclared: self.undeclared,
            undeclared_more: self.undeclared_more,
        }
    }
}

impl Waiting {
    fn settle(self, outcomes: Vec<Delivery>) -> Vec<Receipt> {
        self.counters.publish.record(self.sent.elapsed());
        self.trace.acked(outcomes.iter().filter(|outcome| !matches!(outcome, Delivery::Published { .. })).count());
        let mut outcomes = outcomes.into_iter();
        let receipts: Vec<Receipt> = self.unsettled.into_iter().map(|event| event.settle(&mut outcomes)).collect();
        count(&receipts, &self.counters);
        receipts
    }
}

/// What is wrong with an event whose record Kafka will never take.
fn refused_by_kafka(reason: String) -> Violation {
    Violation {
        path: String::new(),
        position: None,
        clause: Clause::Limit,
        expected: "a record that the topic takes".into(),
        found: "a record that kafka refuses".into(),
        hint: Some(reason),
    }
}

/// Counts what became of events.
pub(super) fn count(receipts: &[Receipt], counters: &ProductCounters) {
    let mut sums = [0; EventOutcome::ALL.len()];
    for receipt in receipts {
        let outcome = match &receipt.status {
            Status::Published { .. } if receipt.violations.is_empty() => EventOutcome::Published,
            Status::Published { .. } => EventOutcome::Marked,
            Status::Rejected(Kept::Quarantined) => EventOutcome::Quarantined,
            Status::Rejected(_) => EventOutcome::Rejected,
            Status::Failed(_) => EventOutcome::Failed,
            Status::Unknown(_) => EventOutcome::Unknown,
        };
        sums[outcome as usize] += 1;
        if !receipt.violations.is_empty() {
            counters.violations(&receipt.violations);
        }
    }
    for outcome in EventOutcome::ALL {
        match sums[outcome as usize] {
            0 => {}
            sum => counters.events(outcome, sum),
        }
    }
}

impl Future for Sent {
    type Output = Vec<Receipt>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Vec<Receipt>> {
        let outcomes = match &mut self.state {
            Some(State::Waiting(waiting)) => ready!(waiting.outcomes.as_mut().poll(context)),
            _ => Vec::new(),
        };
        Poll::Ready(match self.state.take() {
            Some(State::Waiting(waiting)) => waiting.settle(outcomes),
            Some(State::Settled(receipts)) => receipts,
            None => Vec::new(),
        })
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        // The client went away. Without a runtime the process is at its end, and nobody reads the counters again.
        if let Some(State::Waiting(mut waiting)) = self.state.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move {
                let outcomes = waiting.outcomes.as_mut().await;
                waiting.settle(outcomes)
            });
        }
    }
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = matches!(self.state, Some(State::Waiting(_)));
        f.debug_struct("Sent").field("waiting", &waiting).finish_non_exhaustive()
    }
}
