//! Reads topics from a place of the reader's choosing: to the end as it is now, or on and on. No groups: nothing is
//! committed, and no other reader is in the way.

mod worker;

use crate::{
    config::{self, KafkaConfig},
    error::{Explained, Kind},
    name::TopicName,
};
use rdkafka::ClientConfig;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tidegate_contracts::timestamp::Timestamp;
use tokio::sync::mpsc;

/// How many records wait for a slow reader.
const AHEAD: usize = 256;

/// A record, as it stands in its topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// When it was made, or appended, as the topic is set up.
    pub timestamp: Option<Timestamp>,
    /// The key.
    pub key: Option<Vec<u8>>,
    /// The value; none is a tombstone.
    pub value: Option<Vec<u8>>,
    /// The headers, in order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// Where to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// At the oldest record there is.
    Beginning,
    /// After the newest there is now.
    End,
    /// At the oldest of this time or later; a broker that cannot tell which that is, as the embedded one, begins with
    /// the oldest there is.
    Time(Timestamp),
    /// At these offsets, by partition; at the beginning of partitions that are not named.
    Offsets(BTreeMap<i32, i64>),
}

/// How far a reading has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Offsets that were passed.
    pub done: u64,
    /// Offsets there are to pass. None before the topic's ends are known, and not for a tail that follows.
    pub total: u64,
}

/// Records as they come. Dropping it ends its thread, within the time of one poll.
#[derive(Debug)]
pub struct Tail {
    inbox: mpsc::Receiver<Message>,
    shared: Arc<Shared>,
    next: Option<BTreeMap<i32, i64>>,
    /// The last message was an error.
    is_over: bool,
    topic: TopicName,
}

/// Why a topic cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TailError {
    /// librdkafka refuses the properties, or has no room for another client.
    #[error("{0}")]
    Config(String),
    /// There is no such topic.
    #[error("the topic {0} does not exist: run `tidegate apply`")]
    NoTopic(TopicName),
    /// It may not be read.
    #[error("kafka does not permit to read {topic}: {reason}; it takes the rights READ and DESCRIBE on the topic")]
    Denied {
        /// The topic.
        topic: String,
        /// What Kafka says.
        reason: String,
    },
    /// No broker answers, or none did for too long.
    #[error("kafka at {servers} cannot be reached: {reason}")]
    Unreachable {
        /// `bootstrap.servers`.
        servers: String,
        /// What librdkafka says, and what it may be.
        reason: String,
    },
    /// Anything else.
    #[error("cannot read {topic}: {reason}")]
    Failed {
        /// The topic.
        topic: String,
        /// What Kafka says.
        reason: String,
    },
}

/// From the thread to the reader.
enum Message {
    Record(Received),
    /// Everything that was there is read; the offsets to go on at.
    End(BTreeMap<i32, i64>),
    Error(TailError),
}

#[derive(Debug, Default)]
struct Shared {
    done: AtomicU64,
    total: AtomicU64,
}

/// Reads a topic to its end as it is when the reading begins. Starts a thread. When nothing at all comes for as long as
/// `patience`, it gives up.
///
/// # Errors
/// When librdkafka refuses a property or the system has no thread.
pub fn read(config: &KafkaConfig, topic: &TopicName, start: Start, patience: Duration) -> Result<Tail, TailError> {
    Tail::spawn(config, worker::Job { topics: vec![topic.clone()], start, until_end: true, patience })
}

/// Follows topics. Starts a thread. A topic that does not exist is waited for and read from its beginning, so are
/// partitions that are added; a broker that is away is waited for.
///
/// # Errors
/// When librdkafka refuses a property or the system has no thread.
pub fn follow(config: &KafkaConfig, topics: &[TopicName], start: Start) -> Result<Tail, TailError> {
    Tail::spawn(config, worker::Job { topics: topics.to_vec(), start, until_end: false, patience: Duration::MAX })
}

impl Tail {
    fn spawn(config: &KafkaConfig, job: worker::Job) -> Result<Self, TailError> {
        let Some(topic) = job.topics.first().cloned() else {
            return Err(TailError::Config("there is no topic to read".into()));
        };
        let settings = settings(config);
        settings.create_native_config().map_err(|error| TailError::Config(config::refusal(&error)))?;
        let (outbox, inbox) = mpsc::channel(AHEAD);
        let shared = Arc::new(Shared::default());
        let worker = worker::Worker::new(settings, job, outbox, shared.clone());
        std::thread::Builder::new()
            .name("tidegate-tail".into())
            .spawn(move || worker.run())
            .map_err(|error| TailError::Config(format!("cannot start a thread to read with: {error}")))?;
        Ok(Self { inbox, shared, next: None, is_over: false, topic })
    }

    /// The next record; none at the end, which a tail that follows does not have. After an error there is nothing more.
    ///
    /// # Errors
    /// When it cannot go on.
    pub async fn next(&mut self) -> Option<Result<Received, TailError>> {
        if self.is_over {
            return None;
        }
        match self.inbox.recv().await {
            Some(Message::Record(record)) => return Some(Ok(record)),
            Some(Message::End(next)) => self.next = Some(next),
            Some(Message::Error(error)) => {
                self.is_over = true;
                return Some(Err(error));
            }
            None => {
                self.is_over = true;
                let reason = "the thread that reads it stopped".into();
                return Some(Err(TailError::Failed { topic: self.topic.to_string(), reason }));
            }
        }
        self.is_over = true;
        None
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        let get = |number: &AtomicU64| number.load(Ordering::Relaxed);
        Progress { done: get(&self.shared.done), total: get(&self.shared.total) }
    }

    /// Where to go on once the end was reached, by partition: the [`Start::Offsets`] of a tail that follows.
    pub fn next_offsets(&self) -> Option<&BTreeMap<i32, i64>> {
        self.next.as_ref()
    }
}

impl Received {
    /// The value of a header; the last one, if it is there more than once.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().rev().find(|(found, _)| found == name).and_then(|(_, value)| value.as_deref())
    }
}

impl TailError {
    /// Whether a server could not be reached, rather than refused.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    fn explained(settings: &ClientConfig, topic: &TopicName, why: Explained) -> Self {
        let (topic_name, reason) = (topic.to_string(), why.text);
        match why.kind {
            Kind::Unreachable => {
                let servers = settings.get("bootstrap.servers").unwrap_or("(bootstrap.servers is not set)").to_owned();
                Self::Unreachable { servers, reason }
            }
            Kind::Denied => Self::Denied { topic: topic_name, reason },
            Kind::NoTopic => Self::NoTopic(topic.clone()),
            Kind::Passing | Kind::Lasting => Self::Failed { topic: topic_name, reason },
        }
    }
}

fn settings(config: &KafkaConfig) -> ClientConfig {
    let mut settings = config::client(config);
    settings
        // librdkafka wants a name for what it calls a group, also when partitions are assigned by hand. It asks for the
        // group's coordinator and needs no answer.
        .set("group.id", "tidegate-tail")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("enable.partition.eof", "true")
        // What was to come next may be gone by now: go on at the oldest there is.
        .set("auto.offset.reset", "earliest");
    // Many tails may be open: what each keeps ahead is bounded.
    for (name, value) in [("queued.max.messages.kbytes", "4096"), ("queued.min.messages", "1000")] {
        if settings.get(name).is_none() {
            settings.set(name, value);
        }
    }
    settings
}

#[cfg(test)]
mod tests;
