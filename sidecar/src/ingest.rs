//! From events to receipts.
//!
//! [`Ingest`] knows no HTTP: a door finds the [`Target`] that its caller means, pushes what arrived into a [`Batch`], which
//! checks it, and gets receipts for what [`Ingest::publish`] sent. HTTP is the first door ([`http`]).

mod batch;
mod body;
mod cloudevents;
mod foreign;
mod framed;
pub mod http;
mod incoming;
mod media;
pub mod quarantine;
mod receipt;
mod record;
mod reply;
mod select;
mod sent;

pub use batch::{Batch, Context, TooMany, Unfit};
pub use body::Bounds;
pub use cloudevents::{Attributes, Broken};
pub use foreign::{Answer, Ask, Foreign, Foreigners};
pub use incoming::{Incoming, Payload};
pub use receipt::{Kept, Receipt, Status};
pub use select::{NoTarget, Target};
pub use sent::Sent;

use crate::telemetry::{
    counters::{Counters, ProductCounters},
    trace::RequestTrace,
};
use sent::Unsettled;
use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};
use tidegate_contracts::timestamp::Timestamp;
use tidegate_topics::producer::{Producer, Record, Refused};

/// What an [`Ingest`] is told.
#[derive(Debug, Clone)]
pub struct Options {
    /// Events that a request may have.
    pub max_events: usize,
    /// The longest a published request waits for its outcomes.
    pub deadline: Duration,
    /// Who we are, in quarantine records: the same for the life of the process.
    pub sidecar: String,
    /// Where schemas can be read by their id (`ce_dataschema`): the registry's URL.
    pub schema_url: Option<String>,
    /// The classifications whose values may be kept (`drift.openClassifications`).
    pub open_classifications: Vec<String>,
}

/// Checks and publishes events.
#[derive(Debug)]
pub struct Ingest {
    producer: Producer,
    counters: Arc<Counters>,
    options: Options,
}

/// A request of which nothing was sent, and what that means for each of its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAdmitted {
    /// Why.
    pub refused: Refused,
    /// One for each event, in order.
    pub receipts: Vec<Receipt>,
}

impl Ingest {
    /// Makes one; it starts nothing.
    pub fn new(producer: Producer, counters: Arc<Counters>, options: Options) -> Self {
        let schema_url = options.schema_url.as_deref().and_then(without_secrets);
        Self { producer, counters, options: Options { schema_url, ..options } }
    }

    /// An empty batch for a product. `expected_bytes` is about what its events take encoded.
    pub fn batch<'a>(
        &'a self,
        target: &'a Target,
        foreign: &'a Foreign,
        context: &'a Context,
        expected_bytes: usize,
    ) -> Batch<'a> {
        Batch::new(target, foreign, context, &self.options, expected_bytes)
    }

    /// Hands a batch to Kafka, whole or not at all, and returns at once; the receipts come when the broker has acked.
    ///
    /// # Errors
    /// When the producer takes none of it. A batch of which every event is rejected has its receipts all the same, which
    /// then say that nothing was kept.
    pub fn publish(&self, batch: Batch<'_>, trace: &RequestTrace) -> Result<Sent, Box<NotAdmitted>> {
        let contract = batch.contract();
        let counters = self.counters.product(&contract.product, contract.major());
        let received = Timestamp::from(SystemTime::now()).to_string();
        let trace = trace.publish(&contract.topic, batch.len());
        let common = record::Common::new(&batch, received, &self.options.sidecar, trace.headers.as_ref());
        let records = |with: &mut dyn FnMut(Record<'_>)| {
            let mut headers = Vec::with_capacity(16);
            for item in batch.items() {
                if let Some(record) = common.record(&batch, item, &mut headers) {
                    with(record);
                }
                headers.clear();
            }
        };
        let (mut count, mut bytes) = (0, 0);
        records(&mut |record| {
            count += 1;
            bytes += Producer::cost(&record);
        });
        let admission = match count {
            0 => Ok(None),
            _ => self.producer.admit(count, bytes).map(|mut admission| {
                records(&mut |record| admission.send(record));
                Some(admission)
            }),
        };

        let (items, schemas, tally) = batch.into_items();
        let unsettled: Vec<Unsettled> = items.into_iter().map(|item| Unsettled::new(item, &schemas)).collect();
        notice(tally, &counters);
        let unsent = |unsettled: Vec<Unsettled>, reason: &str| {
            let receipts: Vec<Receipt> = unsettled.into_iter().map(|event| event.unsent(reason)).collect();
            sent::count(&receipts, &counters);
            receipts
        };
        match admission {
            Ok(Some(admission)) => {
                let outcomes = Box::pin(admission.outcomes(Instant::now() + self.options.deadline));
                Ok(Sent::waiting(outcomes, unsettled, counters, trace))
            }
            Ok(None) => Ok(Sent::settled(unsent(unsettled, "nothing was to be sent"))),
            Err(refused) => {
                let rejected = unsettled.iter().all(Unsettled::is_rejected);
                let receipts = unsent(unsettled, &refused.to_string());
                match rejected {
                    true => Ok(Sent::settled(receipts)),
                    false => Err(Box::new(NotAdmitted { refused, receipts })),
                }
            }
        }
    }
}

/// The content types that events come in.
#[cfg(test)]
pub(crate) fn content_types() -> Vec<&'static str> {
    media::Media::ALL.map(media::Media::name).to_vec()
}

/// A reply's body.
#[cfg(test)]
pub(crate) fn reply_json(receipts: &[Receipt], topic: &str) -> Vec<u8> {
    reply::Reply::new(receipts, topic).into_json()
}

/// A URL that every consumer may read: without who signs in there, and without a slash at its end.
fn without_secrets(url: &str) -> Option<String> {
    let url: hyper::Uri = url.parse().ok()?;
    let authority = url.authority()?.as_str();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    Some(format!("{}://{host}{}", url.scheme_str()?, url.path().trim_end_matches('/')))
}

fn notice(tally: batch::Tally, counters: &ProductCounters) {
    if tally.undeclared > 0 {
        counters.undeclared(tally.undeclared);
    }
    if tally.defaulted > 0 {
        counters.defaulted(tally.defaulted);
    }
    if tally.truncated > 0 {
        counters.truncated(tally.truncated);
    }
}

#[cfg(test)]
mod tests;
