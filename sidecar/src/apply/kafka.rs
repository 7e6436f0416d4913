//! Kafka's part of a plan and of an apply: topics and feeds.

use crate::{cli::Failure, config::Config};
use std::{
    collections::BTreeMap,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tidegate_contracts::{
    catalog::Catalog,
    contract::Contract,
    feed::{FeedRecord, catalog::CatalogEntry, changes::Change},
    release::ReleaseLog,
};
use tidegate_topics::{
    admin::{Admin, AdminError, Applied},
    config::KafkaConfig,
    feed::{self, FeedWriteError, FeedWriter, Item, ReadBackError, Skipped},
    plan::{self, Action, Allow, TopicPlan},
    producer::{Producer, ProducerLimits},
    spec::{self, Purpose, WantedTopic},
    tail::TailError,
};

/// How long one record of a feed may wait for its ack.
const ACK: Duration = Duration::from_secs(20);
/// How long closing waits for what is in flight, which is nothing unless something went wrong.
const CLOSE: Duration = Duration::from_secs(5);

/// Makes and alters topics in place of Kafka's admin API, for a broker that has none.
pub type Maker = Box<dyn Fn(&Action) -> Made + Send + Sync>;
/// What a [`Maker`] returns.
pub type Made = Pin<Box<dyn Future<Output = Result<Applied, Failure>> + Send>>;

/// A domain's topics, and its feeds.
pub(super) struct Kafka {
    domain: String,
    config: KafkaConfig,
    wanted: Vec<WantedTopic>,
    admin: Admin,
    maker: Option<Maker>,
    /// Made when something is written.
    producer: Mutex<Option<Producer>>,
    /// The ids of the feeds' schemas, by topic.
    feed_ids: Mutex<BTreeMap<String, u32>>,
}

impl Kafka {
    /// Connects to nothing yet.
    pub(super) fn new(config: &Config, contracts: &[Arc<Contract>]) -> Result<Self, Failure> {
        let kafka = config.kafka()?;
        let contracts: Vec<&Contract> = contracts.iter().map(Arc::as_ref).collect();
        let wanted = spec::wanted(&config.domain, &contracts, config.limits.event_bytes).map_err(|errors| {
            Failure::refused(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        })?;
        for warning in &wanted.warnings {
            tracing::warn!("{warning}");
        }
        let admin = Admin::new(&kafka).map_err(|error| Failure::refused(error.to_string()))?;
        Ok(Self {
            domain: config.domain.clone(),
            config: kafka,
            wanted: wanted.topics,
            admin,
            maker: None,
            producer: Mutex::default(),
            feed_ids: Mutex::default(),
        })
    }

    /// Has topics made by somebody else.
    pub(super) fn made_by(&mut self, maker: Maker) {
        self.maker = Some(maker);
    }

    /// What would be done to all topics.
    pub(super) async fn plan(&self, allow: Allow) -> Result<TopicPlan, Failure> {
        let actual =
            self.admin.read(self.wanted.iter().map(|topic| &topic.name)).await.map_err(|error| self.failure(error))?;
        let mut plan = plan::plan(&self.wanted, &actual, allow);
        let existing = self.admin.list().await.map_err(|error| self.failure(error))?;
        plan.notes.extend(plan::strays(&self.domain, &self.wanted, &existing));
        Ok(plan)
    }

    /// Makes and alters the feeds' topics. Returns what was done.
    pub(super) async fn settle_feeds(&self, allow: Allow) -> Result<Vec<String>, Failure> {
        self.settle(allow, |purpose| matches!(purpose, Purpose::Feed(_))).await
    }

    /// Makes and alters a product's topics. Returns what was done.
    pub(super) async fn settle_product(&self, contract: &Contract, allow: Allow) -> Result<Vec<String>, Failure> {
        let stem = contract.stem();
        let of = |purpose: &Purpose| match purpose {
            Purpose::Product(product) | Purpose::Quarantine(product) => *product == stem,
            Purpose::Feed(_) => false,
        };
        self.settle(allow, of).await
    }

    async fn settle(&self, allow: Allow, of: impl Fn(&Purpose) -> bool) -> Result<Vec<String>, Failure> {
        let wanted: Vec<WantedTopic> = self.wanted.iter().filter(|topic| of(&topic.purpose)).cloned().collect();
        let actual =
            self.admin.read(wanted.iter().map(|topic| &topic.name)).await.map_err(|error| self.failure(error))?;
        let plan = plan::plan(&wanted, &actual, allow);
        if let Some(note) = plan.notes.iter().find(|note| note.blocking) {
            return Err(Failure::refused(format!("topic {} {}", note.topic, note.text)));
        }
        let mut done = Vec::new();
        for action in &plan.actions {
            let applied = match &self.maker {
                Some(make) => make(action).await?,
                None => self.admin.apply(action).await.map_err(|error| self.failure(error))?,
            };
            if applied == Applied::Done {
                done.push(told(action));
            }
        }
        Ok(done)
    }

    /// The changes log, to its end.
    pub(super) async fn log(&self) -> Result<ReleaseLog, Failure> {
        Ok(self.fold(self.read::<Change>().await?))
    }

    fn fold(&self, items: Vec<Item<Change>>) -> ReleaseLog {
        let mut log = ReleaseLog::new(&self.domain);
        for item in items {
            if let Some(change) = item.record {
                log.take(item.offset, change);
            }
        }
        log
    }

    /// The catalog, to its end.
    pub(super) async fn catalog(&self) -> Result<Catalog, Failure> {
        let mut catalog = Catalog::new(&self.domain);
        for item in self.read::<CatalogEntry>().await? {
            catalog.take(&item.key, item.record);
        }
        Ok(catalog)
    }

    async fn read<R: FeedRecord>(&self) -> Result<Vec<Item<R>>, Failure> {
        match feed::snapshot::<R>(&self.config, &self.domain).await {
            Ok(snapshot) => {
                warn_of(R::FEED, snapshot.skipped);
                Ok(snapshot.items)
            }
            // Before the first apply.
            Err(TailError::NoTopic(_)) => Ok(Vec::new()),
            Err(error) => Err(self.unread(error)),
        }
    }

    /// Says which ids the feeds' schemas have, by topic; needed before anything is written.
    pub(super) fn speak_with(&self, feed_ids: BTreeMap<String, u32>) {
        *self.feed_ids.lock().unwrap_or_else(PoisonError::into_inner) = feed_ids;
    }

    /// Writes an entry to the changes log and reads the log back.
    pub(super) async fn say(&self, change: &Change) -> Result<ReleaseLog, Failure> {
        match self.writer()?.write_and_read_back(&self.config, change).await {
            Ok((_, snapshot)) => Ok(self.fold(snapshot.items)),
            Err(ReadBackError::Write(error)) => Err(self.unwritten::<Change>(error).await),
            Err(ReadBackError::Read(error)) => Err(self.unread(error)),
            Err(lost @ ReadBackError::Lost { .. }) => Err(Failure::refused(lost.to_string())),
        }
    }

    /// Writes an entry of the catalog and waits for the ack.
    pub(super) async fn list(&self, entry: &CatalogEntry) -> Result<(), Failure> {
        match self.writer()?.write(entry).await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.unwritten::<CatalogEntry>(error).await),
        }
    }

    fn writer<R: FeedRecord>(&self) -> Result<FeedWriter<R>, Failure> {
        let topic = tidegate_contracts::feed::topic(&self.domain, R::FEED);
        let id = self.feed_ids.lock().unwrap_or_else(PoisonError::into_inner).get(&topic).copied();
        let id = id.ok_or_else(|| Failure::refused(format!("the schema of {topic} is not registered")))?;
        FeedWriter::new(self.producer()?, &self.domain, id, ACK).map_err(|error| self.unread(error))
    }

    fn producer(&self) -> Result<Producer, Failure> {
        let mut producer = self.producer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(producer) = &*producer {
            return Ok(producer.clone());
        }
        let limits = ProducerLimits { queue_bytes: 16 << 20, queue_records: 1_000, delivery_timeout: ACK };
        let made = Producer::new(&self.config, limits)
            .map_err(|error| Failure::refused("cannot make a producer").caused_by(error))?;
        Ok(producer.insert(made).clone())
    }

    fn failure(&self, error: AdminError) -> Failure {
        match error {
            AdminError::Unreachable { .. } => away(error.to_string()),
            AdminError::Denied { .. } => self.denied(error.to_string()),
            AdminError::Config(_) | AdminError::Failed { .. } => Failure::refused(error.to_string()),
        }
    }

    fn unread(&self, error: TailError) -> Failure {
        match error {
            TailError::Unreachable { .. } => away(error.to_string()),
            TailError::Denied { .. } => self.denied(error.to_string()),
            TailError::Config(_) | TailError::NoTopic(_) | TailError::Failed { .. } => {
                Failure::refused(error.to_string())
            }
        }
    }

    async fn unwritten<R: FeedRecord>(&self, error: FeedWriteError) -> Failure {
        let hint = "run `tidegate apply` again: it reads what is there and goes on from it";
        let looked = match self.producer() {
            Ok(producer) => {
                let topic = tidegate_contracts::feed::topic(&self.domain, R::FEED);
                producer.unwritable(vec![topic]).await
            }
            Err(_) => None,
        };
        // A broker that answers has refused it.
        match looked {
            Some(_) => Failure::refused(error.to_string()).hint(format!("{}; then {hint}", self.rights())),
            None => Failure::unreachable(error.to_string()).hint(hint),
        }
    }

    fn denied(&self, message: String) -> Failure {
        Failure::refused(message).hint(self.rights())
    }

    fn rights(&self) -> String {
        format!(
            "have what is missing granted to the user that `kafka` signs in as; ACLs on the prefix `{}.` cover all \
             topics of the domain, and an apply needs CREATE, DESCRIBE, DESCRIBE_CONFIGS, ALTER, ALTER_CONFIGS, READ \
             and WRITE",
            self.domain
        )
    }

    /// Ends the producer, if there is one.
    pub(super) async fn close(&self) {
        let producer = self.producer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(producer) = producer {
            producer.close(CLOSE).await;
        }
    }
}

impl fmt::Debug for Kafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kafka").field("domain", &self.domain).field("config", &self.config).finish_non_exhaustive()
    }
}

/// A step that was done, in few words.
fn told(action: &Action) -> String {
    match action {
        Action::Create { topic, .. } => format!("topic {topic} is made"),
        Action::SetOptions { topic, changes } => {
            let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
            format!("topic {topic} has {}", changes.join(", "))
        }
        Action::AddPartitions { topic, after, .. } => format!("topic {topic} has {after} partitions"),
    }
}

fn away(message: String) -> Failure {
    Failure::unreachable(message)
        .hint("is it running, and are `bootstrap.servers` and the credentials under `kafka` right?")
}

fn warn_of(feed: &str, skipped: Skipped) {
    let Skipped { wrong_speaker, later_version, garbage } = skipped;
    if skipped != Skipped::default() {
        tracing::warn!(feed, wrong_speaker, later_version, garbage, "records of a feed were left out");
    }
}
