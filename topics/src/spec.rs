//! What a domain's topics should be like, from its contracts.

use crate::name::{BadTopicName, TopicName};
use std::{collections::BTreeMap, time::Duration};
use tidegate_contracts::{
    contract::{Cleanup, Contract, KeyForm, OnViolation, TopicsMode},
    feed,
};

/// What of a topic is wanted. What is not said is left as it is, or to the broker when the topic is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedTopic {
    /// Its name.
    pub name: TopicName,
    /// What it is for.
    pub purpose: Purpose,
    /// Whether `apply` makes and alters it; else it is compared only.
    pub managed: bool,
    /// Whether its records' keys have an order to lose when partitions are added.
    pub keyed: bool,
    /// Partitions; none said means the broker's default.
    pub partitions: Option<u32>,
    /// Replicas of each; none said means the broker's default.
    pub replication: Option<u16>,
    /// Its options.
    pub options: BTreeMap<&'static str, Want>,
}

/// What a topic is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// The events of a product's major version: `orders.v1`.
    Product(String),
    /// What broke its contract.
    Quarantine(String),
    /// One of the domain's own.
    Feed(&'static str),
}

/// How an option is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Want {
    /// This value, nothing else.
    Exactly(String),
    /// A number of at least this.
    AtLeast(i64),
    /// This when the topic is made; what somebody changes later is theirs.
    Initially(String),
}

/// Why there is no wanted state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// Kafka would not take a name.
    #[error("contract {contract}: {source}")]
    Name {
        /// The contract, `sales.orders@1.2.0`.
        contract: String,
        /// What is wrong with it.
        source: BadTopicName,
    },
    /// Two contracts say that their events are in one topic.
    #[error("contracts {first} and {second} both have the topic {topic}; give one of them another physicalName")]
    Shared {
        /// The one.
        first: String,
        /// The other.
        second: String,
        /// The topic.
        topic: String,
    },
    /// A contract is of another domain.
    #[error("contract {contract} is not of the domain {domain}, whose topics these are")]
    Foreign {
        /// The contract.
        contract: String,
        /// The domain.
        domain: String,
    },
    /// The domain's own topics cannot be named.
    #[error("domain {domain}: {source}")]
    Domain {
        /// The domain.
        domain: String,
        /// What is wrong.
        source: BadTopicName,
    },
}

/// A domain's topics, as they should be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The topics: feeds first, then each contract's product topic and quarantine.
    pub topics: Vec<WantedTopic>,
    /// Pairs of them that Kafka's metrics mix up, as sentences.
    pub warnings: Vec<String>,
}

/// How long a quarantine keeps what broke a contract.
const QUARANTINE: Duration = Duration::from_secs(7 * 24 * 3600);
/// What of a record is not the event itself: key, headers, violations, Kafka's own framing.
const AROUND_THE_EVENT: u64 = 256 << 10;
/// Kafka's own default of `max.message.bytes`.
const DEFAULT_MAX_MESSAGE: u64 = 1_048_588;

/// The topics of a domain: those of its contracts and its own. `max_event_bytes` is the largest event that the sidecar
/// takes.
///
/// # Errors
/// Everything that is wrong, at once.
pub fn wanted(domain: &str, contracts: &[&Contract], max_event_bytes: usize) -> Result<Wanted, Vec<SpecError>> {
    let mut errors = Vec::new();
    let mut topics = Vec::new();
    for feed in ["changes", "catalog"] {
        match TopicName::new(feed::topic(domain, feed)) {
            Ok(name) => topics.push(WantedTopic::feed(name, feed)),
            Err(source) => errors.push(SpecError::Domain { domain: domain.to_owned(), source }),
        }
    }
    let mut owners: BTreeMap<&str, &Contract> = BTreeMap::new();
    for contract in contracts.iter().copied() {
        if contract.domain != domain {
            errors.push(SpecError::Foreign { contract: contract.reference(), domain: domain.to_owned() });
            continue;
        }
        if let Some(first) = owners.insert(&contract.topic, contract) {
            errors.push(SpecError::Shared {
                first: first.reference(),
                second: contract.reference(),
                topic: contract.topic.clone(),
            });
            continue;
        }
        match WantedTopic::of_contract(contract, max_event_bytes as u64) {
            Ok(both) => topics.extend(both),
            Err(source) => errors.push(SpecError::Name { contract: contract.reference(), source }),
        }
    }
    let collide = |(at, one): (usize, &WantedTopic)| {
        let other = topics[..at].iter().find(|other| other.name.collides_with(&one.name))?;
        Some(format!("kafka's metrics mix up {} and {}: they take . and _ for the same", other.name, one.name))
    };
    let warnings = topics.iter().enumerate().filter_map(collide).collect();
    if errors.is_empty() { Ok(Wanted { topics, warnings }) } else { Err(errors) }
}

impl WantedTopic {
    /// The contract's product topic, and its quarantine unless broken events are only rejected.
    fn of_contract(contract: &Contract, max_event_bytes: u64) -> Result<Vec<Self>, BadTopicName> {
        let mut options = BTreeMap::new();
        let cleanup = match contract.cleanup {
            Cleanup::Delete => "delete",
            Cleanup::Compact => "compact",
        };
        options.insert("cleanup.policy", Want::Exactly(cleanup.into()));
        if let Some(retention) = contract.retention {
            options.insert("retention.ms", Want::Exactly(milliseconds(retention)));
        }
        if let Some(minimum) = contract.replication.and_then(min_insync) {
            options.insert("min.insync.replicas", Want::Initially(minimum.to_string()));
        }
        let needed = max_event_bytes.saturating_add(AROUND_THE_EVENT);
        let max_message = |options: &mut BTreeMap<&'static str, Want>| {
            if needed > DEFAULT_MAX_MESSAGE {
                options.insert("max.message.bytes", Want::AtLeast(i64::try_from(needed).unwrap_or(i64::MAX)));
            }
        };
        max_message(&mut options);
        let product = Self {
            name: TopicName::new(&contract.topic)?,
            purpose: Purpose::Product(contract.stem()),
            managed: contract.topics == TopicsMode::Managed,
            keyed: contract.key_form != KeyForm::None,
            partitions: contract.partitions,
            replication: contract.replication,
            options,
        };
        if contract.on_violation == OnViolation::Reject {
            return Ok(vec![product]);
        }
        let mut options = BTreeMap::from([
            ("cleanup.policy", Want::Exactly("delete".into())),
            ("retention.ms", Want::Initially(milliseconds(QUARANTINE))),
        ]);
        max_message(&mut options);
        let quarantine = Self {
            name: TopicName::new(contract.quarantine_topic())?,
            purpose: Purpose::Quarantine(contract.stem()),
            managed: true,
            keyed: true,
            partitions: Some(1),
            replication: contract.replication,
            options,
        };
        Ok(vec![product, quarantine])
    }

    fn feed(name: TopicName, feed: &'static str) -> Self {
        let exactly = |value: &str| Want::Exactly(value.to_owned());
        let options = match feed {
            // The log is the truth: nothing of it may ever go.
            "changes" => BTreeMap::from([
                ("cleanup.policy", exactly("delete")),
                ("retention.ms", exactly("-1")),
                ("retention.bytes", exactly("-1")),
            ]),
            _ => BTreeMap::from([("cleanup.policy", exactly("compact"))]),
        };
        Self {
            name,
            purpose: Purpose::Feed(feed),
            managed: true,
            keyed: true,
            partitions: Some(1),
            replication: None,
            options,
        }
    }
}

/// In how many replicas an event must be before it counts as acked: so many that one broker may be away, and two where
/// there are enough. A single replica says nothing.
fn min_insync(replication: u16) -> Option<u16> {
    (replication > 1).then(|| (replication - 1).min(2))
}

/// As Kafka writes a duration; for ever is −1.
fn milliseconds(duration: Duration) -> String {
    i64::try_from(duration.as_millis()).map_or_else(|_| "-1".into(), |milliseconds| milliseconds.to_string())
}

#[cfg(test)]
mod tests;
