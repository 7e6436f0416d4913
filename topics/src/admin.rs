//! Reads topics and carries plans out, by Kafka's admin API.
//!
//! Non-obvious: rdkafka's AlterConfigs resets every option of the topic that it does not name, so each change is sent
//! together with all that is set on the topic; and rdkafka drops a topic's error from the answers to DescribeConfigs
//! and AlterConfigs, so no options at all means that they may not be read, and every change is read back.

use crate::{
    config::{self, KafkaConfig},
    embedded,
    error::{Explained, Kind, explain},
    name::TopicName,
    plan::{Action, Actual, ActualOption, ActualTopic},
    trouble::{self, Trouble},
};
use rdkafka::{
    ClientConfig,
    admin::{
        AdminClient, AdminOptions, AlterConfig, ConfigEntry, ConfigSource, NewPartitions, NewTopic,
        OwnedResourceSpecifier, ResourceSpecifier, TopicReplication,
    },
    error::KafkaError,
    metadata::MetadataTopic,
    types::RDKafkaErrorCode as Code,
};
use std::{
    collections::{BTreeMap, HashMap},
    pin::pin,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};
use tokio::time::timeout;

/// How long one request to Kafka may take.
const REQUEST: Duration = Duration::from_secs(10);
/// How long an answer takes at most when all is well; later it is looked whether it is not.
const SOON: Duration = Duration::from_secs(2);
/// How long a change may take to be seen by all.
const SETTLE: Duration = Duration::from_secs(30);
/// How long a change of an option may take to be seen; after that it was refused.
const TAKEN: Duration = Duration::from_secs(5);
/// How often to look whether it is.
const LOOK: Duration = Duration::from_millis(50);

/// Kafka's admin API. Connects when it is first asked.
#[derive(Debug, Clone)]
pub struct Admin {
    client: Arc<AdminClient<Trouble>>,
    settings: ClientConfig,
    /// Whether the broker is the embedded one, which lets admin requests wait for ever. Found out when first needed.
    embedded: Arc<OnceLock<bool>>,
}

/// Why Kafka did not do as it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdminError {
    /// librdkafka refuses the properties.
    #[error("{0}")]
    Config(String),
    /// No broker answers.
    #[error("kafka at {servers} cannot be reached: {reason}")]
    Unreachable {
        /// `bootstrap.servers`.
        servers: String,
        /// What librdkafka says, and what it may be.
        reason: String,
    },
    /// A broker answers and refuses.
    #[error("kafka does not permit to {what}: {reason}; it takes the right {right}")]
    Denied {
        /// What was asked of it.
        what: String,
        /// What it says.
        reason: String,
        /// The ACL that is missing.
        right: String,
    },
    /// Anything else.
    #[error("kafka does not {what}: {reason}")]
    Failed {
        /// What was asked of it.
        what: String,
        /// What it says, and the way out.
        reason: String,
    },
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It was done.
    Done,
    /// Somebody else had done it.
    Already,
}

impl Admin {
    /// Makes a client, and a thread that polls it.
    ///
    /// # Errors
    /// When librdkafka refuses a property.
    pub fn new(config: &KafkaConfig) -> Result<Self, AdminError> {
        let settings = config::client(config);
        let refused = |error: KafkaError| AdminError::Config(config::refusal(&error));
        // Says which property is wrong.
        settings.create_native_config().map_err(refused)?;
        let client = settings.create_with_context(Trouble::default()).map_err(refused)?;
        Ok(Self { client: Arc::new(client), settings, embedded: Arc::default() })
    }

    /// Reads topics as they are.
    ///
    /// # Errors
    /// When Kafka cannot be reached or may not be asked.
    pub async fn read(&self, topics: impl IntoIterator<Item = &TopicName>) -> Result<Actual, AdminError> {
        let topics: Vec<TopicName> = topics.into_iter().cloned().collect();
        let mut actual = Actual::new();
        let mut found: HashMap<String, Shape> = self.shapes(topics.clone()).await?;
        let present: Vec<TopicName> = topics.into_iter().filter(|name| found.contains_key(name.as_str())).collect();
        let mut options = self.options(&present).await?;
        for name in present {
            let Some(shape) = found.remove(name.as_str()) else { continue };
            let options = options.as_mut().map(|options| options.remove(name.as_str()).unwrap_or_default());
            actual.insert(name, ActualTopic { partitions: shape.partitions, replication: shape.replication, options });
        }
        Ok(actual)
    }

    /// All topics that may be seen, in order of their names.
    ///
    /// # Errors
    /// When Kafka cannot be reached.
    pub async fn list(&self) -> Result<Vec<TopicName>, AdminError> {
        let client = self.client.clone();
        let listed = blocking(move || {
            let metadata = client.inner().fetch_metadata(None, REQUEST)?;
            let name = |topic: &MetadataTopic| TopicName::new(topic.name()).ok();
            Ok(metadata.topics().iter().filter_map(name).collect())
        });
        let mut names: Vec<TopicName> = match listed.await {
            Ok(names) => names,
            Err(error) => return Err(self.failed("list topics".into(), "DESCRIBE", None, &error).await),
        };
        names.sort();
        Ok(names)
    }

    /// Carries out one step, and waits until it is seen. Doing it again does no harm.
    ///
    /// # Errors
    /// When Kafka cannot be reached or refuses it, or what is there is not what the step leads to.
    pub async fn apply(&self, action: &Action) -> Result<Applied, AdminError> {
        if self.is_embedded().await {
            return Err(AdminError::Failed {
                what: format!("change the topic {}", action.topic()),
                reason: "this is tidegate's embedded broker, which has no admin API".into(),
            });
        }
        match action {
            Action::Create { topic, partitions, replication, options } => {
                let applied = self.create(topic, *partitions, *replication, options).await?;
                let settled =
                    |shape: &Shape| shape.has_leaders && partitions.is_none_or(|count| shape.partitions >= count);
                self.settled(topic, "get leaders for all its partitions", settled).await?;
                if applied == Applied::Already {
                    self.expect_options(topic, options.iter().map(|(name, value)| (name.as_str(), value.as_str())))
                        .await?;
                }
                Ok(applied)
            }
            Action::SetOptions { topic, changes } => {
                let changes: BTreeMap<&str, &str> =
                    changes.iter().map(|change| (change.name.as_str(), change.after.as_str())).collect();
                self.set_options(topic, &changes).await
            }
            Action::AddPartitions { topic, after, .. } => {
                let applied = self.add_partitions(topic, *after).await?;
                let settled = |shape: &Shape| shape.has_leaders && shape.partitions >= *after;
                self.settled(topic, "get leaders for all its partitions", settled).await?;
                Ok(applied)
            }
        }
    }

    async fn create(
        &self,
        topic: &TopicName,
        partitions: Option<u32>,
        replication: Option<u16>,
        options: &BTreeMap<String, String>,
    ) -> Result<Applied, AdminError> {
        let what = || format!("create the topic {topic}");
        // Both −1 mean the broker's default.
        let count = partitions.map_or(Ok(-1), i32::try_from).map_err(|_| AdminError::Failed {
            what: what(),
            reason: "kafka does not take this number of partitions".into(),
        })?;
        let mut new = NewTopic::new(topic.as_str(), count, TopicReplication::Fixed(replication.map_or(-1, i32::from)));
        for (name, value) in options {
            new = new.set(name, value);
        }
        let result = self.client.create_topics([&new], &requests()).await;
        match one(result.map(|results| results.into_iter().map(|result| result.map(drop).map_err(|(_, code)| code)))) {
            Ok(()) => Ok(Applied::Done),
            Err(Refusal::Code(Code::TopicAlreadyExists)) => Ok(Applied::Already),
            Err(refusal) => Err(self.refused(what(), "CREATE", Some(topic), refusal).await),
        }
    }

    async fn add_partitions(&self, topic: &TopicName, after: u32) -> Result<Applied, AdminError> {
        let count = usize::try_from(after).unwrap_or(usize::MAX);
        let result = self.client.create_partitions([&NewPartitions::new(topic.as_str(), count)], &requests()).await;
        match one(result.map(|results| results.into_iter().map(|result| result.map(drop).map_err(|(_, code)| code)))) {
            Ok(()) => Ok(Applied::Done),
            // Either it has as many by now, or more, or Kafka does not take the number: what is there tells.
            Err(Refusal::Code(Code::InvalidPartitions))
                if self.shape(topic).await?.is_some_and(|shape| shape.partitions >= after) =>
            {
                Ok(Applied::Already)
            }
            Err(refusal) => {
                Err(self.refused(format!("add partitions to {topic}"), "ALTER", Some(topic), refusal).await)
            }
        }
    }

    async fn set_options(&self, topic: &TopicName, changes: &BTreeMap<&str, &str>) -> Result<Applied, AdminError> {
        let what = || format!("set options of the topic {topic}");
        let found = self.options_of(topic).await?;
        if changes.iter().all(|(name, value)| value_of(&found, name) == Some(value)) {
            return Ok(Applied::Already);
        }
        // What is set and not resent would fall back to the broker's default.
        let mut alter = AlterConfig::new(ResourceSpecifier::Topic(topic.as_str()));
        for (name, option) in found.iter().filter(|(_, option)| option.is_set) {
            let Some(value) = &option.value else {
                let reason = format!("kafka hides the value of {name}, which would be reset; set the others by hand");
                return Err(AdminError::Failed { what: what(), reason });
            };
            alter = alter.set(name, value);
        }
        for (name, value) in changes {
            alter = alter.set(name, value);
        }
        if let Err(error) = self.client.alter_configs([&alter], &requests()).await {
            return Err(self.failed(what(), "ALTER_CONFIGS", Some(topic), &error).await);
        }
        self.expect_options(topic, changes.iter().map(|(name, value)| (*name, *value))).await?;
        Ok(Applied::Done)
    }

    /// Waits until a topic's options are these.
    async fn expect_options<'a>(
        &self,
        topic: &TopicName,
        expected: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    ) -> Result<(), AdminError> {
        let deadline = Instant::now() + TAKEN;
        loop {
            let found = self.options_of(topic).await?;
            let Some((name, value)) = expected.clone().find(|(name, value)| value_of(&found, name) != Some(value))
            else {
                return Ok(());
            };
            if Instant::now() > deadline {
                let is = value_of(&found, name).unwrap_or("nothing").to_owned();
                return Err(AdminError::Failed {
                    what: format!("set {name} of the topic {topic} to {value}"),
                    reason: format!(
                        "it is {is}; does kafka take this value, and have we the right ALTER_CONFIGS on the topic? \
                         the broker's log says"
                    ),
                });
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until a topic is as it should be for all who use it.
    async fn settled(&self, topic: &TopicName, what: &str, is: impl Fn(&Shape) -> bool) -> Result<(), AdminError> {
        let deadline = Instant::now() + SETTLE;
        while !self.shape(topic).await?.is_some_and(|shape| is(&shape)) {
            if Instant::now() > deadline {
                return Err(AdminError::Failed {
                    what: format!("{what} ({topic})"),
                    reason: format!("it has not within {} s; are all brokers well?", SETTLE.as_secs()),
                });
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    async fn shape(&self, topic: &TopicName) -> Result<Option<Shape>, AdminError> {
        Ok(self.shapes(vec![topic.clone()]).await?.remove(topic.as_str()))
    }

    /// Partitions and replicas of those topics that exist. Asked one by one: the list of all leaves out in silence what
    /// we may not see.
    async fn shapes(&self, topics: Vec<TopicName>) -> Result<HashMap<String, Shape>, AdminError> {
        let mut shapes = HashMap::new();
        for topic in topics {
            let (client, name) = (self.client.clone(), topic.clone());
            let shape = blocking(move || {
                let metadata = client.inner().fetch_metadata(Some(name.as_str()), REQUEST)?;
                metadata.topics().iter().find(|found| found.name() == name.as_str()).map(Shape::read).transpose()
            });
            match self.impatiently(shape).await? {
                Ok(Some(shape)) => drop(shapes.insert(topic.as_str().to_owned(), shape)),
                Ok(None) => (),
                Err(error) if code(&error).is_some_and(|code| explain(code).kind == Kind::NoTopic) => (),
                Err(error) => {
                    return Err(self.failed(format!("describe {topic}"), "DESCRIBE", Some(&topic), &error).await);
                }
            }
        }
        Ok(shapes)
    }

    /// Waits for an answer, and looks what is wrong when none comes soon: librdkafka tries again and again where a
    /// connection was refused, and would say so at the very end only.
    async fn impatiently<R>(
        &self,
        answer: impl Future<Output = Result<R, KafkaError>>,
    ) -> Result<Result<R, KafkaError>, AdminError> {
        let mut answer = pin!(answer);
        if let Ok(answer) = timeout(SOON, &mut answer).await {
            return Ok(answer);
        }
        let trouble = self.trouble().await;
        match (timeout(SOON, &mut answer).await, trouble) {
            (Ok(answer), _) => Ok(answer),
            (Err(_), Some(reason)) => Err(self.unreachable(reason)),
            (Err(_), None) => Ok(answer.await),
        }
    }

    /// What is wrong with the connections, if anything is.
    async fn trouble(&self) -> Option<String> {
        let settings = self.settings.clone();
        tokio::task::spawn_blocking(move || trouble::find(&settings)).await.unwrap_or_default()
    }

    fn unreachable(&self, reason: String) -> AdminError {
        let servers = self.settings.get("bootstrap.servers").unwrap_or("(bootstrap.servers is not set)").to_owned();
        AdminError::Unreachable { servers, reason }
    }

    async fn is_embedded(&self) -> bool {
        if let Some(embedded) = self.embedded.get() {
            return *embedded;
        }
        let client = self.client.clone();
        let id = blocking(move || Ok(client.inner().fetch_cluster_id(REQUEST))).await;
        // Who cannot be reached is found out again.
        let Ok(Some(id)) = id else { return false };
        *self.embedded.get_or_init(|| id.starts_with(embedded::CLUSTER_ID))
    }

    async fn options_of(&self, topic: &TopicName) -> Result<BTreeMap<String, ActualOption>, AdminError> {
        let all = self.options(std::slice::from_ref(topic)).await?;
        Ok(all.and_then(|mut all| all.remove(topic.as_str())).unwrap_or_default())
    }

    /// Options of topics that exist; `None` when the broker is the embedded one.
    async fn options(
        &self,
        topics: &[TopicName],
    ) -> Result<Option<HashMap<String, BTreeMap<String, ActualOption>>>, AdminError> {
        let mut all = HashMap::new();
        let specifiers: Vec<_> = topics.iter().map(|topic| ResourceSpecifier::Topic(topic.as_str())).collect();
        if specifiers.is_empty() {
            return Ok(Some(all));
        }
        if self.is_embedded().await {
            return Ok(None);
        }
        let results = match self.client.describe_configs(&specifiers, &requests()).await {
            Ok(results) => results,
            Err(error) => {
                return Err(self.failed("describe options of topics".into(), "DESCRIBE_CONFIGS", None, &error).await);
            }
        };
        let option = |entry: ConfigEntry| {
            let is_set = entry.source == ConfigSource::DynamicTopic;
            (entry.name, ActualOption { value: entry.value, is_set })
        };
        for resource in results.into_iter().flatten() {
            if let OwnedResourceSpecifier::Topic(topic) = resource.specifier {
                all.insert(topic, resource.entries.into_iter().map(option).collect::<BTreeMap<_, _>>());
            }
        }
        for topic in topics {
            // No entries: rdkafka has dropped the error.
            if all.get(topic.as_str()).is_none_or(BTreeMap::is_empty) {
                return Err(AdminError::Denied {
                    what: format!("read the options of {topic}"),
                    reason: "it shows none".into(),
                    right: format!("DESCRIBE_CONFIGS on the topic {topic}"),
                });
            }
        }
        Ok(Some(all))
    }

    async fn refused(&self, what: String, right: &str, topic: Option<&TopicName>, refusal: Refusal) -> AdminError {
        match refusal {
            Refusal::Error(error) => self.failed(what, right, topic, &error).await,
            Refusal::Code(code) => self.explained(what, right, topic, explain(code)).await,
        }
    }

    async fn failed(&self, what: String, right: &str, topic: Option<&TopicName>, error: &KafkaError) -> AdminError {
        match code(error) {
            Some(code) => self.explained(what, right, topic, explain(code)).await,
            None => AdminError::Failed { what, reason: error.to_string() },
        }
    }

    async fn explained(&self, what: String, right: &str, topic: Option<&TopicName>, why: Explained) -> AdminError {
        let on = topic.map_or_else(|| "the cluster".into(), |topic| format!("the topic {topic}"));
        match why.kind {
            Kind::Unreachable => self.unreachable(self.trouble().await.unwrap_or(why.text)),
            Kind::Denied => AdminError::Denied { what, reason: why.text, right: format!("{right} on {on}") },
            Kind::NoTopic | Kind::Passing | Kind::Lasting => AdminError::Failed { what, reason: why.text },
        }
    }
}

impl AdminError {
    /// Whether a server could not be reached, rather than refused.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

/// What a topic's metadata says.
struct Shape {
    partitions: u32,
    replication: u16,
    has_leaders: bool,
}

impl Shape {
    fn read(topic: &MetadataTopic) -> Result<Self, KafkaError> {
        // A topic that is being made has no leaders yet.
        let error = topic.error().filter(|error| Code::from(*error) != Code::LeaderNotAvailable);
        if let Some(error) = error {
            return Err(KafkaError::MetadataFetch(error.into()));
        }
        let partitions = topic.partitions();
        let replicas = partitions.iter().map(|partition| partition.replicas().len()).min().unwrap_or(0);
        Ok(Self {
            partitions: u32::try_from(partitions.len()).unwrap_or(u32::MAX),
            replication: u16::try_from(replicas).unwrap_or(u16::MAX),
            has_leaders: !partitions.is_empty() && partitions.iter().all(|partition| partition.leader() >= 0),
        })
    }
}

/// Why an admin request for one thing failed.
enum Refusal {
    Error(KafkaError),
    Code(Code),
}

/// The one result of a request about one thing.
fn one(results: Result<impl Iterator<Item = Result<(), Code>>, KafkaError>) -> Result<(), Refusal> {
    results.map_err(Refusal::Error)?.next().unwrap_or(Err(Code::Unknown)).map_err(Refusal::Code)
}

fn value_of<'a>(options: &'a BTreeMap<String, ActualOption>, name: &str) -> Option<&'a str> {
    options.get(name).and_then(|option| option.value.as_deref())
}

fn requests() -> AdminOptions {
    // The operation timeout is for the brokers' side of it, such as all of them knowing of a new topic.
    AdminOptions::new().request_timeout(Some(REQUEST)).operation_timeout(Some(REQUEST))
}

/// The code of an error, for admin requests too, whose codes rdkafka does not give away.
fn code(error: &KafkaError) -> Option<Code> {
    match error {
        KafkaError::AdminOp(code) => Some(*code),
        other => other.rdkafka_error_code(),
    }
}

/// librdkafka's metadata calls block.
async fn blocking<R: Send + 'static>(
    call: impl FnOnce() -> Result<R, KafkaError> + Send + 'static,
) -> Result<R, KafkaError> {
    tokio::task::spawn_blocking(call).await.unwrap_or(Err(KafkaError::Canceled))
}

#[cfg(test)]
mod tests;
