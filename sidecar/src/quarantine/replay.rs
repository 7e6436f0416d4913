//! Another try for what broke its contract, against the contract of now.

use super::{
    Quarantine,
    entry::{Entry, Filter, Position, Read},
    report::Causes,
    unread,
};
use crate::{
    app,
    cli::{Context as CliContext, Failure},
    ingest::{
        self, Attributes, Foreigners, Incoming, Ingest, Payload, Status, Target, Unfit,
        quarantine::{Original, REPLAYED},
    },
    product::{Known, Snapshot, assemble},
    telemetry::{
        counters::Counters,
        trace::{RequestTrace, Tracing},
    },
};
use hyper::HeaderMap;
use serde_json::json;
use std::{
    borrow::Cow,
    collections::HashSet,
    fmt::Write as _,
    sync::Arc,
    time::{Duration, Instant},
};
use tidegate_contracts::{catalog::Catalog, contract::Contract, feed::catalog::CatalogEntry};
use tidegate_topics::{
    feed,
    producer::{Delivery, Producer, ProducerLimits, Record},
    tail::Received,
};

/// Events that are published, and then said to be, together. A replay that dies publishes at most so many twice, with
/// the same ids.
const TOGETHER: usize = 500;
/// The same, in bytes of the producer's queue.
const TOGETHER_BYTES: usize = 4 << 20;
/// For the queue to empty at the end.
const CLOSE: Duration = Duration::from_secs(5);

/// A replay of one product's quarantine.
#[derive(Debug)]
pub(super) struct Replay<'q> {
    quarantine: &'q Quarantine,
    target: Target,
    foreigners: Foreigners,
    ingest: Ingest,
    producer: Producer,
    publish: bool,
    deadline: Duration,
    tally: Tally,
}

/// What became of the events.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Published by an earlier replay.
    before: u64,
    /// They keep the contract.
    sound: u64,
    published: u64,
    /// They still break it.
    broken: u64,
    causes: Causes,
    /// No contract could mend them: an envelope that cannot be opened, bytes of an unknown kind.
    beyond: u64,
    /// Something else than the event is in the way, and what.
    not_now: u64,
    not_now_why: Option<String>,
}

impl<'q> Replay<'q> {
    /// Finds out what the contract of now is and what the catalog says of it.
    pub(super) async fn new(quarantine: &'q Quarantine, publish: bool) -> Result<Self, Failure> {
        let Quarantine { config, kafka, contract, .. } = quarantine;
        let mut catalog = Catalog::new(&config.domain);
        for item in feed::snapshot::<CatalogEntry>(kafka, &config.domain).await.map_err(unread)?.items {
            catalog.take(&item.key, item.record);
        }
        let known = Known::Read(&catalog);
        let snapshot = assemble(std::slice::from_ref(contract), known, config.limits.plan(), &Snapshot::new());
        let target = Target::find(&snapshot, &contract.product, Some(contract.major()))
            .map_err(|error| Failure::refused(error.to_string()))?;
        // Besides what a sidecar may have in its queue, one more event may make up a batch.
        let limits = config.limits.producer();
        let limits = ProducerLimits {
            queue_bytes: limits.queue_bytes + 2 * TOGETHER_BYTES,
            queue_records: limits.queue_records.max(TOGETHER),
            ..limits
        };
        let producer = Producer::new(kafka, limits)
            .map_err(|error| Failure::refused("cannot make a producer").caused_by(error))?;
        let options = ingest::Options {
            max_events: TOGETHER,
            deadline: config.limits.request_timeout,
            sidecar: uuid::Uuid::new_v4().to_string(),
            schema_url: config.registry.as_ref().map(|registry| registry.url.clone()),
            open_classifications: config.drift.open_classifications.clone(),
        };
        let ingest = Ingest::new(producer.clone(), Arc::new(Counters::new()), options);
        Ok(Self {
            quarantine,
            target,
            foreigners: app::foreigners(config),
            ingest,
            producer,
            publish,
            deadline: config.limits.request_timeout,
            tally: Tally::default(),
        })
    }

    /// Goes through the topic once.
    pub(super) async fn run(&mut self, filter: &Filter, replayed: &HashSet<Position>) -> Result<(), Failure> {
        let mut reading = self.quarantine.open(filter.start())?;
        let (mut waiting, mut bytes) = (Vec::new(), 0);
        while let Some(record) = reading.next().await.map_err(unread)? {
            let Read::Entry(entry) = Read::of(&record) else { continue };
            if !filter.takes(&entry) {
                continue;
            }
            if replayed.contains(&entry.position) {
                self.tally.before += 1;
                continue;
            }
            bytes += cost(&record);
            waiting.push((entry, record));
            if waiting.len() == TOGETHER || bytes >= TOGETHER_BYTES {
                self.together(&waiting).await?;
                (waiting, bytes) = (Vec::new(), 0);
            }
        }
        self.together(&waiting).await
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    pub(super) async fn close(self) {
        self.producer.close(CLOSE).await;
    }

    /// Checks events, publishes those that keep the contract if that is wanted, and says so in the topic.
    async fn together(&mut self, records: &[(Entry, Received)]) -> Result<(), Failure> {
        let mut pushed = Vec::new();
        let mut events = Vec::new();
        for (entry, record) in records {
            match incoming(entry, record) {
                Some(incoming) => {
                    pushed.push((entry, record));
                    events.push(incoming);
                }
                None => self.tally.beyond += 1,
            }
        }
        let foreign = self.foreigners.find(&self.target, events.iter().filter_map(Incoming::schema_id)).await;
        let context = ingest::Context::default();
        let bytes = records.iter().map(|(entry, _)| entry.bytes).sum();
        let mut batch = self.ingest.batch(&self.target, &foreign, &context, bytes);
        events
            .into_iter()
            .try_for_each(|event| batch.push(event))
            .map_err(|error| Failure::refused(error.to_string()))?;
        let mut sound = Vec::new();
        for (of, verdict) in pushed.into_iter().zip(batch.sift()) {
            match verdict {
                Ok(()) => sound.push(of),
                Err(Unfit::Broken(violations)) => {
                    self.tally.broken += 1;
                    let causes = violations.listed.iter();
                    self.tally.causes.add(causes.map(|violation| (violation.clause.name(), violation.path.as_ref())));
                }
                Err(Unfit::NotNow(why)) => {
                    self.tally.not_now += 1;
                    self.tally.not_now_why.get_or_insert(why);
                }
            }
        }
        self.tally.sound += sound.len() as u64;
        if !self.publish || sound.is_empty() {
            return Ok(());
        }
        let sent = self.ingest.publish(batch, &untraced()).map_err(|not_admitted| {
            let failure = Failure::unreachable(format!("kafka takes no events now: {}", not_admitted.refused));
            failure.hint(AGAIN)
        })?;
        let mut trouble = None;
        let mut published = Vec::new();
        for ((entry, record), receipt) in sound.into_iter().zip(sent.await) {
            match receipt.status {
                Status::Published { .. } => published.push((entry, record)),
                Status::Failed(why) | Status::Unknown(why) => trouble = Some(why),
                Status::Rejected(_) => {}
            }
        }
        self.tally.published += published.len() as u64;
        self.say_replayed(&published).await?;
        match trouble {
            None => Ok(()),
            Some(why) => Err(Failure::unreachable(format!("not all could be published: {why}")).hint(AGAIN)),
        }
    }

    /// Says in the quarantine topic which of its events were published.
    async fn say_replayed(&self, published: &[(&Entry, &Received)]) -> Result<(), Failure> {
        let unsaid = |why: &str| {
            let message =
                format!("events were published, and that could not be written into the quarantine topic: {why}");
            Failure::unreachable(message).hint("the next replay publishes up to 500 of them again, with the same ids")
        };
        let positions: Vec<String> = published.iter().map(|(entry, _)| entry.position.to_string()).collect();
        let headers: Vec<Vec<(&str, &[u8])>> = published
            .iter()
            .zip(&positions)
            .map(|((entry, _), position)| {
                let id = entry.id.as_deref().map(|id| ("ce_id", id.as_bytes()));
                [(REPLAYED, position.as_bytes())].into_iter().chain(id).collect()
            })
            .collect();
        let records = || {
            published.iter().zip(&headers).map(|((_, record), headers)| Record {
                topic: self.quarantine.topic.as_str(),
                key: record.key.as_deref(),
                value: None,
                headers,
            })
        };
        let bytes = records().map(|record| Producer::cost(&record)).sum();
        let mut admission =
            self.producer.admit(published.len(), bytes).map_err(|refused| unsaid(&refused.to_string()))?;
        records().for_each(|record| admission.send(record));
        for delivery in admission.outcomes(Instant::now() + self.deadline).await {
            match delivery {
                Delivery::Published { .. } => {}
                Delivery::Failed { reason } | Delivery::Rejected { reason } | Delivery::Unknown { reason } => {
                    return Err(unsaid(&reason));
                }
            }
        }
        Ok(())
    }
}

/// About what a record takes of the producer's queue.
fn cost(record: &Received) -> usize {
    let headers: usize =
        record.headers.iter().map(|(name, value)| name.len() + value.as_ref().map_or(0, Vec::len)).sum();
    let of = Record { topic: "", key: record.key.as_deref(), value: record.value.as_deref(), headers: &[] };
    Producer::cost(&of) + headers
}

/// The way out when Kafka is in the way.
const AGAIN: &str = "run it again when kafka is back: it goes on where this one ended";

/// A replay is nobody's request.
fn untraced() -> RequestTrace {
    Tracing::off().request("REPLAY", "", &HeaderMap::new())
}

/// The event as it arrived, under the id it was given then.
fn incoming<'a>(entry: &'a Entry, record: &'a Received) -> Option<Incoming<'a>> {
    let value = Cow::Borrowed(record.value.as_deref()?);
    let payload = match entry.original? {
        Original::Json(form) => Payload::Json(value, form),
        Original::Avro(id) => Payload::Avro(value, Some(id)),
        Original::Framed => Payload::Framed(value),
        // What was wrong with the envelope no contract mends.
        Original::Envelope => return None,
    };
    let text = |name: &str| Some(Cow::Borrowed(std::str::from_utf8(record.header(name)?).ok()?));
    let received = || entry.received.map(|received| Cow::Owned(received.to_string()));
    let others = record.headers.iter().filter_map(|(name, value)| {
        let ours =
            matches!(name.as_str(), "ce_id" | "ce_type" | "ce_time" | "ce_specversion" | "ce_source" | "ce_dataschema");
        let value = std::str::from_utf8(value.as_deref()?).ok()?;
        (name.starts_with("ce_") && !ours).then(|| (Cow::Owned(name.clone()), Cow::Borrowed(value)))
    });
    let attributes = Attributes {
        id: text("ce_id"),
        event_type: text("ce_type"),
        // When it came, not when it was replayed.
        time: text("ce_time").or_else(received),
        others: others.collect(),
        // Of the record, these are ours.
        source: None,
        data_schema: None,
    };
    Some(Incoming { payload, attributes: Some(attributes) })
}

impl Tally {
    pub(super) fn print(&self, contract: &Contract, publish: bool, context: &CliContext) {
        context.print(|| self.human(contract, publish), || self.json(contract, publish));
    }

    fn json(&self, contract: &Contract, publish: bool) -> serde_json::Value {
        json!({
            "product": contract.stem(), "contract": contract.reference(), "dryRun": !publish,
            "replayedBefore": self.before, "sound": self.sound, "published": self.published,
            "broken": self.broken, "causes": self.causes.json(), "beyondRepair": self.beyond,
            "notNow": self.not_now, "notNowReason": self.not_now_why,
        })
    }

    fn human(&self, contract: &Contract, publish: bool) -> String {
        let reference = contract.reference();
        let mut out = String::new();
        let mut say = |count: u64, what: &str| {
            if count > 0 {
                let _ = writeln!(out, "{count:>10}  {what}");
            }
        };
        let sound = if publish { "published" } else { "keep the contract now, and would be published" };
        say(if publish { self.published } else { self.sound }, sound);
        say(self.broken, &format!("still break {reference}"));
        say(
            self.beyond,
            "that no contract could mend: their envelope cannot be opened, or it is not known what they are",
        );
        say(self.not_now, &format!("not now: {}", self.not_now_why.as_deref().unwrap_or_default()));
        say(self.before, "published by an earlier replay");
        if out.is_empty() {
            return format!("{}: nothing to replay\n", contract.stem());
        }
        self.causes.human(&mut out);
        if !publish && self.sound > 0 {
            out.push_str("\nnothing was written; add --publish to publish them\n");
        }
        format!("{}:\n{out}", contract.stem())
    }
}

#[cfg(test)]
mod tests;
