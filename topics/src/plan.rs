//! From what is wanted and what is there to what `apply` would do. Pure.

use crate::{
    name::TopicName,
    spec::{Want, WantedTopic},
};
use serde::Serialize;
use std::{collections::BTreeMap, fmt};

/// What is there, by topic; a topic that is absent does not exist.
pub type Actual = BTreeMap<TopicName, ActualTopic>;

/// A topic as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActualTopic {
    /// Its partitions.
    pub partitions: u32,
    /// The fewest replicas a partition has.
    pub replication: u16,
    /// Its options, with the broker's defaults; `None` when they cannot be asked for, as of the embedded broker.
    pub options: Option<BTreeMap<String, ActualOption>>,
}

/// An option of a topic as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActualOption {
    /// Its value; `None` when Kafka hides it.
    pub value: Option<String>,
    /// Whether it was set on the topic, rather than inherited.
    pub is_set: bool,
}

/// What a plan may do beyond what is harmless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allow {
    /// Add partitions to a keyed topic: from then on keys go to other partitions, and their order across that moment is
    /// lost.
    pub repartition_keyed: bool,
}

/// What `apply` would do, and what it would not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TopicPlan {
    /// Steps, in order; each can be repeated without harm.
    pub actions: Vec<Action>,
    /// What differs and stays as it is.
    pub notes: Vec<Note>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Action {
    /// Make a topic.
    Create {
        /// The topic.
        topic: TopicName,
        /// Its partitions; none said means the broker's default.
        partitions: Option<u32>,
        /// Its replicas; none said means the broker's default.
        replication: Option<u16>,
        /// Its options.
        options: BTreeMap<String, String>,
    },
    /// Set options, and keep all others.
    SetOptions {
        /// The topic.
        topic: TopicName,
        /// The options that change.
        changes: Vec<OptionChange>,
    },
    /// Add partitions.
    AddPartitions {
        /// The topic.
        topic: TopicName,
        /// How many there are.
        before: u32,
        /// How many there will be.
        after: u32,
    },
}

/// An option's change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OptionChange {
    /// Its name.
    pub name: String,
    /// What it is; `None` when it has no value.
    pub before: Option<String>,
    /// What it will be.
    pub after: String,
}

/// A difference that stays, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// The topic.
    pub topic: TopicName,
    /// Whether the product cannot be served so.
    pub blocking: bool,
    /// What differs, why it stays, and the way out: lowercase, no full stop.
    pub text: String,
}

const UNAVAILABLE: &str = "and all others: their options are unavailable, since this broker cannot be asked for them";

/// Compares. Only what is wanted is compared: options that nobody asked for are nobody's business.
pub fn plan(wanted: &[WantedTopic], actual: &Actual, allow: Allow) -> TopicPlan {
    let mut plan = TopicPlan::default();
    for topic in wanted {
        match actual.get(&topic.name) {
            Some(found) => plan.compare(topic, found, allow),
            None if topic.managed => plan.actions.push(topic.creation()),
            None => plan.note(topic, true, "does not exist, and is configured elsewhere (tidegate.topics: external)"),
        }
    }
    plan
}

/// A domain's topics that nobody wants any more. They are never deleted.
pub fn strays(domain: &str, wanted: &[WantedTopic], existing: &[TopicName]) -> Vec<Note> {
    let stray = |name: &&TopicName| name.is_of(domain) && wanted.iter().all(|topic| topic.name != **name);
    let note = |name: &TopicName| Note {
        topic: name.clone(),
        blocking: false,
        text: "is in no contract file here, and stays (tidegate never deletes a topic)".into(),
    };
    existing.iter().filter(stray).map(note).collect()
}

impl WantedTopic {
    fn creation(&self) -> Action {
        let value = |want: &Want| match want {
            Want::Exactly(value) | Want::Initially(value) => value.clone(),
            Want::AtLeast(number) => number.to_string(),
        };
        Action::Create {
            topic: self.name.clone(),
            partitions: self.partitions,
            replication: self.replication,
            options: self.options.iter().map(|(name, want)| ((*name).to_owned(), value(want))).collect(),
        }
    }
}

impl Want {
    /// What the option should become, if it is not as wanted.
    fn change(&self, found: Option<&str>) -> Option<String> {
        match self {
            Self::Exactly(value) => (found != Some(value)).then(|| value.clone()),
            Self::AtLeast(least) => {
                let number: Option<i64> = found.and_then(|found| found.parse().ok());
                number.is_none_or(|number| number < *least).then(|| least.to_string())
            }
            Self::Initially(_) => None,
        }
    }
}

impl TopicPlan {
    /// Whether there is nothing to do. Notes do not count: they stay.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    fn note(&mut self, topic: &WantedTopic, blocking: bool, text: impl Into<String>) {
        self.notes.push(Note { topic: topic.name.clone(), blocking, text: text.into() });
    }

    fn compare(&mut self, topic: &WantedTopic, found: &ActualTopic, allow: Allow) {
        self.compare_options(topic, found);
        self.compare_partitions(topic, found, allow);
        if let Some(wanted) = topic.replication.filter(|wanted| *wanted != found.replication) {
            let has = found.replication;
            self.note(
                topic,
                false,
                format!("has {has} replicas instead of {wanted}: moving replicas is for kafka-reassign-partitions"),
            );
        }
    }

    fn compare_options(&mut self, topic: &WantedTopic, found: &ActualTopic) {
        let Some(options) = &found.options else {
            // Of such a broker all are alike; once is enough.
            if self.notes.iter().all(|note| note.text != UNAVAILABLE) {
                self.note(topic, false, UNAVAILABLE);
            }
            return;
        };
        let change = |(name, want): (&&str, &Want)| {
            let before = options.get(*name).and_then(|option| option.value.clone());
            let after = want.change(before.as_deref())?;
            Some(OptionChange { name: (*name).to_owned(), before, after })
        };
        let changes: Vec<_> = topic.options.iter().filter_map(change).collect();
        if changes.is_empty() {
            return;
        }
        if topic.managed {
            self.actions.push(Action::SetOptions { topic: topic.name.clone(), changes });
            return;
        }
        for change in changes {
            let OptionChange { name, before, after } = change;
            let text = format!("has {name} {} instead of {after}", before.as_deref().unwrap_or("without a value"));
            self.note(topic, false, format!("{text}, but it is configured elsewhere (tidegate.topics: external)"));
        }
    }

    fn compare_partitions(&mut self, topic: &WantedTopic, found: &ActualTopic, allow: Allow) {
        let (before, Some(after)) = (found.partitions, topic.partitions) else { return };
        if before > after {
            let text = format!("has {before} partitions instead of {after}: kafka cannot take any away");
            return self.note(topic, false, format!("{text}; write {before} into the contract"));
        }
        if before == after {
            return;
        }
        if !topic.managed {
            let text = format!("has {before} partitions instead of {after}, but it is configured elsewhere");
            return self.note(topic, false, format!("{text} (tidegate.topics: external)"));
        }
        if topic.keyed && !allow.repartition_keyed {
            let text = format!("has {before} partitions instead of {after}: more would send keys elsewhere");
            return self.note(
                topic,
                false,
                format!("{text} and break their order; release a new major, or allow it with --repartition-keyed"),
            );
        }
        self.actions.push(Action::AddPartitions { topic: topic.name.clone(), before, after });
    }
}

impl Action {
    /// The topic it is about.
    pub fn topic(&self) -> &TopicName {
        match self {
            Self::Create { topic, .. } | Self::SetOptions { topic, .. } | Self::AddPartitions { topic, .. } => topic,
        }
    }
}

impl fmt::Display for TopicPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.actions.iter().try_for_each(|action| writeln!(f, "{action}"))?;
        self.notes.iter().try_for_each(|note| writeln!(f, "{note}"))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create { topic, partitions, replication, options } => {
                write!(f, "+ topic {topic}")?;
                let or_default =
                    |number: Option<u32>| number.map_or("the broker's".into(), |number| number.to_string());
                write!(f, "\n    partitions: {}", or_default(*partitions))?;
                write!(f, "\n    replication: {}", or_default(replication.map(u32::from)))?;
                options.iter().try_for_each(|(name, value)| write!(f, "\n    {name}: {value}"))
            }
            Self::SetOptions { topic, changes } => {
                write!(f, "~ topic {topic}")?;
                changes.iter().try_for_each(|change| write!(f, "\n    {change}"))
            }
            Self::AddPartitions { topic, before, after } => {
                write!(f, "~ topic {topic}\n    partitions: {before} → {after}")
            }
        }
    }
}

impl fmt::Display for OptionChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} → {}", self.name, self.before.as_deref().unwrap_or("nothing"), self.after)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.blocking { '!' } else { '=' };
        write!(f, "{sign} topic {} {}", self.topic, self.text)
    }
}

#[cfg(test)]
mod tests;
