//! The thread of a tail.

use super::{Message, Received, Shared, Start, TailError};
use crate::{
    config, embedded,
    error::{Explained, Kind, explain},
    name::TopicName,
    trouble::Trouble,
};
use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    message::{BorrowedMessage, Header, Headers},
    metadata::MetadataPartition,
    topic_partition_list::TopicPartitionListElem,
    types::RDKafkaErrorCode as Code,
};
use std::{
    collections::{BTreeMap, HashMap},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};
use tidegate_contracts::timestamp::Timestamp;
use tokio::sync::mpsc;

/// How long one poll waits, and so how soon it is noticed that the reader is gone.
const POLL: Duration = Duration::from_millis(100);
/// How long one question to a broker may take.
const REQUEST: Duration = Duration::from_secs(5);
/// How long it is listened for what is wrong with the connections.
const HEAR: Duration = Duration::from_millis(200);
/// How often a tail that follows looks for topics and partitions that were not there.
const LOOK: Duration = Duration::from_secs(5);

/// What to read.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) topics: Vec<TopicName>,
    pub(super) start: Start,
    pub(super) until_end: bool,
    /// How long nothing at all may come.
    pub(super) patience: Duration,
}

pub(super) struct Worker {
    settings: ClientConfig,
    job: Job,
    outbox: mpsc::Sender<Message>,
    shared: Arc<Shared>,
}

/// A topic being read.
struct Topic {
    name: TopicName,
    /// Where to begin in partitions that are not among `places` yet.
    start: Start,
    places: BTreeMap<i32, Place>,
    /// Whether it was said that it cannot be read yet.
    warned: bool,
}

/// Where a partition stands.
struct Place {
    next: i64,
    /// The offset after the last one to read; none for a tail that follows.
    end: Option<i64>,
}

/// Topics by name; the names are what records carry.
type Topics = HashMap<Arc<str>, Topic>;

/// Why a thread ends early.
enum Stop {
    /// The reader is gone.
    Unheard,
    Error(TailError),
}

impl From<TailError> for Stop {
    fn from(error: TailError) -> Self {
        Self::Error(error)
    }
}

impl Worker {
    pub(super) fn new(settings: ClientConfig, job: Job, outbox: mpsc::Sender<Message>, shared: Arc<Shared>) -> Self {
        Self { settings, job, outbox, shared }
    }

    /// The thread.
    pub(super) fn run(self) {
        let result = match self.settings.create_with_context(Trouble::default()) {
            Err(error) => Err(TailError::Config(config::refusal(&error)).into()),
            Ok(consumer) if self.job.until_end => self.read(&consumer),
            Ok(consumer) => self.follow(&consumer),
        };
        let last = match result {
            Ok(next) => Message::End(next),
            Err(Stop::Error(error)) => Message::Error(error),
            Err(Stop::Unheard) => return,
        };
        // Nobody hears it if the reader is gone by now.
        let _ = self.outbox.blocking_send(last);
    }

    fn topics(&self) -> Topics {
        let topic = |name: &TopicName| {
            let topic =
                Topic { name: name.clone(), start: self.job.start.clone(), places: BTreeMap::new(), warned: false };
            (name.as_str().into(), topic)
        };
        self.job.topics.iter().map(topic).collect()
    }

    /// Reads to the end, and says where to go on.
    fn read(&self, consumer: &BaseConsumer<Trouble>) -> Result<BTreeMap<i32, i64>, Stop> {
        let mut topics = self.topics();
        for topic in topics.values_mut() {
            self.locate(consumer, topic)?;
        }
        let left = |topics: &Topics| topics.values().flat_map(|topic| topic.places.values()).map(Place::left).sum();
        self.shared.total.store(left(&topics), Ordering::Relaxed);
        assign(consumer, &topics).map_err(|error| self.error(consumer, &self.job.topics[0], &error))?;
        let mut last = Instant::now();
        while left(&topics) > 0 {
            if self.turn(consumer, &mut topics)? {
                last = Instant::now();
            } else if last.elapsed() > self.job.patience {
                let text = format!("nothing came for {} s", self.job.patience.as_secs());
                let why = Explained { kind: Kind::Unreachable, text };
                return Err(self.explained(consumer, &self.job.topics[0], why).into());
            } else if self.outbox.is_closed() {
                return Err(Stop::Unheard);
            }
        }
        let next = |(partition, place): (i32, Place)| (partition, place.next);
        Ok(topics.into_values().flat_map(|topic| topic.places).map(next).collect())
    }

    /// Follows until the reader is gone.
    fn follow(&self, consumer: &BaseConsumer<Trouble>) -> Result<BTreeMap<i32, i64>, Stop> {
        let mut topics = self.topics();
        let mut looked: Option<Instant> = None;
        while !self.outbox.is_closed() {
            if looked.is_none_or(|looked| looked.elapsed() > LOOK) {
                let mut found = 0;
                for topic in topics.values_mut() {
                    match self.look(consumer, topic)? {
                        Some(new) => found += new,
                        // Asking for the others would only take as long again.
                        None => break,
                    }
                }
                if found > 0 {
                    assign(consumer, &topics).map_err(|error| self.error(consumer, &self.job.topics[0], &error))?;
                }
                looked = Some(Instant::now());
            }
            self.turn(consumer, &mut topics)?;
        }
        Err(Stop::Unheard)
    }

    /// Looks for partitions that are not read yet, and tells how many there are; none when no broker answers.
    fn look(&self, consumer: &BaseConsumer<Trouble>, topic: &mut Topic) -> Result<Option<usize>, Stop> {
        let trouble = match self.locate(consumer, topic) {
            Ok(found) => {
                topic.places.values_mut().for_each(|place| place.end = None);
                // What appears from now on is new, and read whole.
                topic.start = Start::Beginning;
                topic.warned = false;
                return Ok(Some(found));
            }
            Err(error) => error,
        };
        if matches!(trouble, TailError::NoTopic(_)) {
            topic.start = Start::Beginning;
        }
        // One that may not be read is no reason to leave the others.
        if matches!(trouble, TailError::Denied { .. }) && self.job.topics.len() == 1 {
            return Err(trouble.into());
        }
        if !std::mem::replace(&mut topic.warned, true) {
            tracing::warn!(topic = %topic.name, error = %trouble, "cannot follow the topic yet");
        }
        Ok((!trouble.is_unreachable()).then_some(0))
    }

    /// Finds the places of partitions that have none yet, and tells how many those were.
    fn locate(&self, consumer: &BaseConsumer<Trouble>, topic: &mut Topic) -> Result<usize, TailError> {
        let name = topic.name.clone();
        let failed = |error: KafkaError| self.error(consumer, &name, &error);
        let metadata = consumer.fetch_metadata(Some(name.as_str()), REQUEST).map_err(failed)?;
        let found = metadata.topics().iter().find(|found| found.name() == name.as_str());
        let found = found.ok_or_else(|| TailError::NoTopic(name.clone()))?;
        if let Some(error) = found.error() {
            return Err(failed(KafkaError::MetadataFetch(error.into())));
        }
        let new: Vec<i32> = found
            .partitions()
            .iter()
            .map(MetadataPartition::id)
            .filter(|partition| !topic.places.contains_key(partition))
            .collect();
        let is_embedded = || {
            let id = consumer.client().fetch_cluster_id(REQUEST);
            id.is_some_and(|id| id.starts_with(embedded::CLUSTER_ID))
        };
        let mut at_time = BTreeMap::new();
        if let (Start::Time(time), false) = (&topic.start, new.is_empty()) {
            let mut asked = TopicPartitionList::new();
            for partition in &new {
                asked.add_partition_offset(name.as_str(), *partition, Offset::Offset(time.0)).map_err(failed)?;
            }
            let answer = consumer.offsets_for_times(asked, REQUEST).map_err(failed)?;
            // A partition that has nothing as late as that has no offset here.
            let offset = |offset| if let Offset::Offset(offset) = offset { Some(offset) } else { None };
            let place = |element: &TopicPartitionListElem<'_>| {
                offset(element.offset()).map(|offset| (element.partition(), offset))
            };
            at_time.extend(answer.elements().iter().filter_map(place));
        }
        for partition in &new {
            let (low, high) = consumer.fetch_watermarks(name.as_str(), *partition, REQUEST).map_err(failed)?;
            let next = match &topic.start {
                Start::Beginning => low,
                Start::End => high,
                // The embedded broker tells no offset of any time.
                Start::Time(_) if is_embedded() => low,
                Start::Time(_) => at_time.get(partition).copied().unwrap_or(high),
                // What was to come next may be gone, or the topic was made anew and is not as long.
                Start::Offsets(offsets) => {
                    offsets.get(partition).copied().filter(|next| (low..=high).contains(next)).unwrap_or(low)
                }
            };
            topic.places.insert(*partition, Place { next, end: Some(high) });
        }
        Ok(new.len())
    }

    /// Takes what comes next, and tells whether something did.
    fn turn(&self, consumer: &BaseConsumer<Trouble>, topics: &mut Topics) -> Result<bool, Stop> {
        let error = match consumer.poll(POLL) {
            None => return Ok(false),
            Some(Ok(message)) => return self.pass_on(&message, topics).map(|()| true),
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                // It does not say of which topic; only one is ever read to its end.
                for place in topics.values_mut().filter_map(|topic| topic.places.get_mut(&partition)) {
                    self.pass(place, place.end.unwrap_or(place.next));
                }
                return Ok(true);
            }
            Some(Err(error)) => error,
        };
        let name = &self.job.topics[0];
        match error.rdkafka_error_code() {
            // We are no group, so what is wrong with it is nothing to us.
            Some(Code::GroupAuthorizationFailed | Code::CoordinatorNotAvailable | Code::WaitingForCoordinator) => (),
            Some(code @ Code::TopicAuthorizationFailed) if self.job.topics.len() == 1 => {
                return Err(self.explained(consumer, name, explain(code)).into());
            }
            Some(code) if self.job.until_end && explain(code).kind == Kind::NoTopic => {
                return Err(TailError::NoTopic(name.clone()).into());
            }
            _ => tracing::debug!(topic = %name, %error, "reading goes on after an error"),
        }
        Ok(false)
    }

    fn pass_on(&self, message: &BorrowedMessage<'_>, topics: &mut Topics) -> Result<(), Stop> {
        let name: Option<Arc<str>> = topics.get_key_value(message.topic()).map(|(name, _)| name.clone());
        let place = topics.get_mut(message.topic()).and_then(|topic| topic.places.get_mut(&message.partition()));
        let (Some(name), Some(place)) = (name, place) else { return Ok(()) };
        let offset = message.offset();
        // A new assignment may bring some again.
        if offset < place.next {
            return Ok(());
        }
        let is_wanted = place.end.is_none_or(|end| offset < end);
        self.pass(place, offset + 1);
        if is_wanted {
            self.outbox.blocking_send(Message::Record(Received::of(name, message))).map_err(|_| Stop::Unheard)?;
        }
        Ok(())
    }

    /// Moves a place on; not beyond its end, which is where another reading would go on.
    fn pass(&self, place: &mut Place, next: i64) {
        let next = place.end.map_or(next, |end| next.min(end)).max(place.next);
        self.shared.done.fetch_add(u64::try_from(next - place.next).unwrap_or(0), Ordering::Relaxed);
        place.next = next;
    }

    fn error(&self, consumer: &BaseConsumer<Trouble>, topic: &TopicName, error: &KafkaError) -> TailError {
        match error.rdkafka_error_code() {
            Some(code) => self.explained(consumer, topic, explain(code)),
            None => TailError::Failed { topic: topic.to_string(), reason: error.to_string() },
        }
    }

    fn explained(&self, consumer: &BaseConsumer<Trouble>, topic: &TopicName, mut why: Explained) -> TailError {
        if why.kind == Kind::Unreachable {
            // What is wrong with the connections waits to be heard, behind other events.
            let deadline = Instant::now() + HEAR;
            why.text = loop {
                let _ = consumer.poll(Duration::from_millis(1));
                match consumer.context().take() {
                    Some(text) => break text,
                    None if Instant::now() > deadline => break why.text,
                    None => {}
                }
            };
        }
        TailError::explained(&self.settings, topic, why)
    }
}

impl Place {
    fn left(&self) -> u64 {
        self.end.map_or(0, |end| u64::try_from(end - self.next).unwrap_or(0))
    }
}

impl Received {
    fn of(topic: Arc<str>, message: &BorrowedMessage<'_>) -> Self {
        Self {
            topic,
            partition: message.partition(),
            offset: message.offset(),
            timestamp: message.timestamp().to_millis().map(Timestamp),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: headers(message),
        }
    }
}

/// A record's headers. rdkafka panics at a name that is not UTF-8, which anybody may write: such a record has none.
fn headers(message: &BorrowedMessage<'_>) -> Vec<(String, Option<Vec<u8>>)> {
    let Some(headers) = message.headers() else { return Vec::new() };
    let header = |header: Header<'_, &[u8]>| (header.key.to_owned(), header.value.map(<[u8]>::to_vec));
    catch_unwind(AssertUnwindSafe(|| headers.iter().map(header).collect())).unwrap_or_default()
}

fn assign(consumer: &BaseConsumer<Trouble>, topics: &Topics) -> Result<(), KafkaError> {
    let mut list = TopicPartitionList::new();
    for (name, topic) in topics {
        for (partition, place) in topic.places.iter().filter(|(_, place)| place.end.is_none_or(|_| place.left() > 0)) {
            list.add_partition_offset(name, *partition, Offset::Offset(place.next))?;
        }
    }
    consumer.assign(&list)
}
