//! A domain's own topics, typed: written with their frame and header, read with everything that is not theirs counted
//! and left out.

use crate::{
    config::KafkaConfig,
    name::TopicName,
    producer::{Delivery, Producer, Record, Refused},
    tail::{self, Progress, Received, Start, Tail, TailError},
};
use std::{
    collections::BTreeMap,
    marker::PhantomData,
    time::{Duration, Instant},
};
use tidegate_contracts::{
    feed::{self, FEED_HEADER, FeedError, FeedRecord},
    timestamp::Timestamp,
};

/// How long a feed may be silent before a reading of it is given up.
const PATIENCE: Duration = Duration::from_secs(20);

/// A record of a feed, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item<R> {
    /// The domain whose feed it is, and which says it.
    pub domain: String,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// When it was written.
    pub timestamp: Option<Timestamp>,
    /// The key.
    pub key: String,
    /// What it says; none takes back what was said under the key.
    pub record: Option<R>,
}

/// Records that were left out. They stop no reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Skipped {
    /// Somebody else spoke than the topic's domain.
    pub wrong_speaker: u64,
    /// Written by a later Tidegate.
    pub later_version: u64,
    /// Not a record of the feed at all.
    pub garbage: u64,
}

/// A feed, or that of several domains, as it comes.
#[derive(Debug)]
pub struct FeedTail<R> {
    tail: Tail,
    domains: BTreeMap<String, String>,
    skipped: Skipped,
    of: PhantomData<fn() -> R>,
}

/// A whole feed, as it was at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot<R> {
    /// The records, in the order of each partition.
    pub items: Vec<Item<R>>,
    /// What was left out.
    pub skipped: Skipped,
    /// Where to go on, by partition.
    pub next: BTreeMap<i32, i64>,
}

/// Writes a domain's feed.
#[derive(Debug, Clone)]
pub struct FeedWriter<R> {
    producer: Producer,
    domain: String,
    topic: TopicName,
    schema_id: u32,
    patience: Duration,
    of: PhantomData<fn(R)>,
}

/// Why a record is not in its feed, or may not be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeedWriteError {
    /// The record is another domain's.
    #[error("{speaker} cannot speak in {topic}, the feed of another domain")]
    WrongSpeaker {
        /// Who speaks.
        speaker: String,
        /// The feed's topic.
        topic: TopicName,
    },
    /// It was not sent.
    #[error("cannot write to {topic}: {source}")]
    Refused {
        /// The feed's topic.
        topic: TopicName,
        /// Why.
        source: Refused,
    },
    /// It is not there and will not be.
    #[error("cannot write to {topic}: {reason}")]
    Failed {
        /// The feed's topic.
        topic: TopicName,
        /// Why.
        reason: String,
    },
    /// It may be there: reading the feed tells.
    #[error("it is not known whether {topic} has the record: {reason}")]
    Unknown {
        /// The feed's topic.
        topic: TopicName,
        /// Why.
        reason: String,
    },
}

/// The topic of a domain's feed.
///
/// # Errors
/// When the domain cannot stand in a topic's name.
pub fn topic<R: FeedRecord>(domain: &str) -> Result<TopicName, TailError> {
    TopicName::new(feed::topic(domain, R::FEED)).map_err(|error| TailError::Config(error.to_string()))
}

/// Reads a domain's feed from its beginning to its end as it is now.
///
/// # Errors
/// When the topic is not there or cannot be read.
pub async fn snapshot<R: FeedRecord>(config: &KafkaConfig, domain: &str) -> Result<Snapshot<R>, TailError> {
    let topic = topic::<R>(domain)?;
    let mut feed = FeedTail::of(tail::read(config, &topic, Start::Beginning, PATIENCE)?, [domain]);
    let mut items = Vec::new();
    while let Some(item) = feed.next().await {
        items.push(item?);
    }
    Ok(Snapshot { items, skipped: feed.skipped, next: feed.tail.next_offsets().cloned().unwrap_or_default() })
}

/// Follows the feeds of some domains, each from this place. Starts a thread.
///
/// # Errors
/// When a domain cannot stand in a topic's name, or librdkafka refuses a property.
pub fn follow<R: FeedRecord>(config: &KafkaConfig, domains: &[&str], start: Start) -> Result<FeedTail<R>, TailError> {
    let topics: Vec<TopicName> = domains.iter().map(|domain| topic::<R>(domain)).collect::<Result<_, _>>()?;
    Ok(FeedTail::of(tail::follow(config, &topics, start)?, domains.iter().copied()))
}

impl<R: FeedRecord> FeedTail<R> {
    fn of<'a>(tail: Tail, domains: impl IntoIterator<Item = &'a str>) -> Self {
        let domains = domains.into_iter().map(|domain| (feed::topic(domain, R::FEED), domain.to_owned())).collect();
        Self { tail, domains, skipped: Skipped::default(), of: PhantomData }
    }

    /// The next record that is one; none at the end, if there is one.
    ///
    /// # Errors
    /// When the reading cannot go on.
    pub async fn next(&mut self) -> Option<Result<Item<R>, TailError>> {
        loop {
            if let Some(item) = self.step().await?.transpose() {
                return Some(item);
            }
        }
    }

    /// The next record, or `None` in its place when it was left out, so that [`FeedTail::skipped`] can be told at once
    /// and not only with the next record that is one.
    ///
    /// # Errors
    /// When the reading cannot go on.
    pub async fn step(&mut self) -> Option<Result<Option<Item<R>>, TailError>> {
        let received = match self.tail.next().await? {
            Ok(received) => received,
            Err(error) => return Some(Err(error)),
        };
        let Some(domain) = self.domains.get(&*received.topic) else { return Some(Ok(None)) };
        match decode(domain, &received) {
            Ok(item) => Some(Ok(Some(item))),
            Err(why) => {
                self.skipped.count(&why);
                let (topic, partition, offset) = (&received.topic, received.partition, received.offset);
                tracing::debug!(%topic, partition, offset, %why, "a record of a feed was left out");
                Some(Ok(None))
            }
        }
    }

    /// What was left out so far.
    pub fn skipped(&self) -> Skipped {
        self.skipped
    }

    /// How far a reading has come.
    pub fn progress(&self) -> Progress {
        self.tail.progress()
    }
}

/// Why a record was left out.
#[derive(Debug, thiserror::Error)]
enum Why {
    #[error("another domain speaks")]
    WrongSpeaker,
    #[error(transparent)]
    Feed(#[from] FeedError),
}

impl Skipped {
    fn count(&mut self, why: &Why) {
        let count = match why {
            Why::WrongSpeaker => &mut self.wrong_speaker,
            Why::Feed(FeedError::LaterVersion { .. }) => &mut self.later_version,
            Why::Feed(FeedError::Garbage(_)) => &mut self.garbage,
        };
        *count += 1;
    }
}

fn decode<R: FeedRecord>(domain: &str, received: &Received) -> Result<Item<R>, Why> {
    let garbage = |reason: &str| FeedError::Garbage(reason.to_owned());
    let key = received.key.as_deref().and_then(|key| std::str::from_utf8(key).ok());
    let key = key.ok_or_else(|| garbage("its key is not text"))?.to_owned();
    let record: Option<R> =
        received.value.as_deref().map(|value| feed::read(received.header(FEED_HEADER), value)).transpose()?;
    if record.as_ref().is_some_and(|record| record.speaker() != domain) {
        return Err(Why::WrongSpeaker);
    }
    let (partition, offset) = (received.partition, received.offset);
    Ok(Item { domain: domain.to_owned(), partition, offset, timestamp: received.timestamp, key, record })
}

impl<R: FeedRecord> FeedWriter<R> {
    /// A writer of a domain's feed, whose schema is registered under this id. A record is waited for as long as
    /// `patience`.
    ///
    /// # Errors
    /// When the domain cannot stand in a topic's name.
    pub fn new(producer: Producer, domain: &str, schema_id: u32, patience: Duration) -> Result<Self, TailError> {
        let topic = topic::<R>(domain)?;
        Ok(Self { producer, domain: domain.to_owned(), topic, schema_id, patience, of: PhantomData })
    }

    /// Writes a record and waits until the broker has it; returns its partition and offset.
    ///
    /// # Errors
    /// When it is not there or may not be.
    pub async fn write(&self, record: &R) -> Result<(i32, i64), FeedWriteError> {
        if record.speaker() != self.domain {
            let speaker = record.speaker().to_owned();
            return Err(FeedWriteError::WrongSpeaker { speaker, topic: self.topic.clone() });
        }
        self.send(&record.key(), Some(&feed::frame(self.schema_id, record))).await
    }

    /// Takes back what was said under a key, in a feed that keeps the last word of each.
    ///
    /// # Errors
    /// When that is not there or may not be.
    pub async fn take_back(&self, key: &str) -> Result<(i32, i64), FeedWriteError> {
        self.send(key, None).await
    }

    /// Writes a record and reads the feed back, the record and everything before it included: the log decides, not the
    /// order of acks. When it is not known whether the record was written, the feed tells that too.
    ///
    /// # Errors
    /// When it is not there, or the feed cannot be read.
    pub async fn write_and_read_back(
        &self,
        config: &KafkaConfig,
        record: &R,
    ) -> Result<(Option<(i32, i64)>, Snapshot<R>), ReadBackError> {
        let place = match self.write(record).await {
            Ok(place) => Some(place),
            Err(FeedWriteError::Unknown { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let snapshot = snapshot(config, &self.domain).await?;
        // What the broker acked is in the log: a reading that ends before it asked somebody who does not know it yet.
        let misses = place.filter(|(partition, offset)| snapshot.next.get(partition).is_none_or(|next| next <= offset));
        if let Some((_, offset)) = misses {
            return Err(ReadBackError::Lost { topic: self.topic.clone(), offset });
        }
        Ok((place, snapshot))
    }

    async fn send(&self, key: &str, value: Option<&[u8]>) -> Result<(i32, i64), FeedWriteError> {
        let topic = || self.topic.clone();
        let header = feed::header::<R>();
        let record = Record {
            topic: self.topic.as_str(),
            key: Some(key.as_bytes()),
            value,
            headers: &[(FEED_HEADER, header.as_bytes())],
        };
        let admission = self.producer.admit(1, Producer::cost(&record));
        let mut admission = admission.map_err(|source| FeedWriteError::Refused { topic: topic(), source })?;
        admission.send(record);
        let outcome = admission.outcomes(Instant::now() + self.patience).await.pop();
        match outcome {
            Some(Delivery::Published { partition, offset }) => Ok((partition, offset)),
            Some(Delivery::Failed { reason } | Delivery::Rejected { reason }) => {
                Err(FeedWriteError::Failed { topic: topic(), reason })
            }
            Some(Delivery::Unknown { reason }) => Err(FeedWriteError::Unknown { topic: topic(), reason }),
            None => Err(FeedWriteError::Unknown { topic: topic(), reason: "it has no outcome".into() }),
        }
    }
}

/// Why a record was not written and read back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadBackError {
    /// It was not written.
    #[error(transparent)]
    Write(#[from] FeedWriteError),
    /// The feed cannot be read.
    #[error(transparent)]
    Read(#[from] TailError),
    /// It was acked, and the feed ends before it.
    #[error("{topic} does not show the record that was written at offset {offset}; run it again")]
    Lost {
        /// The feed's topic.
        topic: TopicName,
        /// The record's offset.
        offset: i64,
    },
}
