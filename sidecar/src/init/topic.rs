//! A contract for a topic that is there already: its schema from the registry, its set-up from the broker. Hardly
//! anything is guessed, and `apply` will compare the topic and never alter it.

use super::{
    Made, Place,
    files::{self, ContractFile},
    guess::{Change, Guess, Sure},
    key::Keys,
    layout::layout,
};
use crate::{
    cli::{Exit, Failure},
    config::Config,
    registry::{Registry, RegistryError, Version},
};
use tidegate_contracts::{contract::Compatibility, schema::Schema};
use tidegate_topics::{
    admin::{Admin, AdminError},
    name::TopicName,
    plan::ActualTopic,
};

/// What is asked about a topic.
pub(super) struct Asked<'a> {
    pub(super) topic: &'a str,
    /// The subject of its values, where it is not the usual one.
    pub(super) subject: Option<&'a str>,
    pub(super) keys: Keys,
}

/// What is there.
struct There {
    topic: ActualTopic,
    subject: String,
    schema: Version,
    level: Option<Compatibility>,
    has_key_schema: bool,
}

/// The product's name and major version from a topic's name: `sales.orders.v2` is the second of `orders`.
pub(super) fn product_of(topic: &str) -> (String, u64) {
    let (name, major) = match topic.rsplit_once(".v") {
        Some((name, major)) => match major.parse() {
            Ok(major) => (name, major),
            Err(_) => (topic, 1),
        },
        None => (topic, 1),
    };
    let last = name.rsplit('.').next().unwrap_or(name);
    (super::guess::words(last).join("-"), major)
}

/// Reads the topic and the registry, and writes what they say as a contract.
pub(super) async fn make(asked: Asked<'_>, place: &Place, config: &Config) -> Result<Made, Failure> {
    let there = There::read(&asked, config).await?;
    let schema = Schema::parse(&there.schema.schema).map_err(|error| {
        Failure::refused(format!("the registry's schema of `{}` cannot be used", there.subject)).caused_by(error)
    })?;
    let (_, major) = product_of(asked.topic);
    let version = format!("{major}.0.0");
    let mut guesses = Vec::new();
    let custom = there.custom(&asked, &mut guesses);
    if asked.keys.key.is_none() {
        let why = match there.has_key_schema {
            true => "the registry has a schema of the topic's keys; name the fields that make it up",
            false => "a schema does not say which field the records' keys are; name it to have the sidecar set them",
        };
        guesses.push(said("key", "none", Sure::Little, why));
    }
    let origin = format!(
        "Made by `tidegate init` from the topic {}, and version {} of `{}` in the registry.",
        asked.topic, there.schema.version, there.subject
    );
    let contract = ContractFile {
        origin: &origin,
        domain: &place.domain,
        product: &place.product,
        version: &version,
        schema_file: &place.schema_name(),
        properties: files::properties(&schema),
        keys: &asked.keys,
        custom,
        physical_name: Some(asked.topic),
    };
    let made = Made { schema: layout(schema.text()), contract: contract.text(), guesses, left_out: Vec::new() };
    super::usable(place, &made.contract, &made.schema)?;
    Ok(made)
}

impl There {
    async fn read(asked: &Asked<'_>, config: &Config) -> Result<Self, Failure> {
        let failed = |error: AdminError| {
            let exit = if error.is_unreachable() { Exit::Unreachable } else { Exit::Refused };
            Failure { exit, ..Failure::refused(error.to_string()) }
        };
        let name = TopicName::new(asked.topic).map_err(|error| Failure::usage(error.to_string()))?;
        let admin = Admin::new(&config.kafka()?).map_err(failed)?;
        let mut actual = admin.read([&name]).await.map_err(failed)?;
        let topic = actual.remove(&name).ok_or_else(|| {
            let failure = Failure::refused(format!("there is no topic {name}"));
            failure.hint("if there should be one, this may be another cluster, or one that we may not describe")
        })?;

        let registry = config.registry.as_ref().ok_or_else(|| {
            let failure = Failure::refused("this configuration has no schema registry to read the topic's schema from");
            failure.hint("add `registry: {url: …}`")
        })?;
        let registry = Registry::new(registry).map_err(RegistryError::into_failure)?;
        let subject = asked.subject.map_or_else(|| format!("{name}-value"), str::to_owned);
        let schema = registry.latest(&subject).await.map_err(RegistryError::into_failure)?.ok_or_else(|| {
            let failure = Failure::refused(format!("the registry has no subject `{subject}`"));
            failure.hint("name the one with the schema of the topic's values: `--subject NAME`")
        })?;
        let level = registry.level(&subject).await.map_err(RegistryError::into_failure)?;
        let key = registry.latest(&format!("{name}-key")).await.map_err(RegistryError::into_failure)?;
        Ok(Self { topic, subject, schema, level, has_key_schema: key.is_some() })
    }

    /// What the contract says of the topic, each with where it is from.
    fn custom(&self, asked: &Asked<'_>, guesses: &mut Vec<Guess>) -> Vec<(&'static str, String)> {
        let mut custom = vec![("tidegate.topics", "external".to_owned())];
        guesses.push(said(
            "topics",
            "external",
            Sure::Very,
            "it is there already: `apply` compares and never alters it",
        ));
        let mut read = |name: &'static str, value: String, why: &str| {
            let what = name.strip_prefix("tidegate.").unwrap_or(name);
            guesses.push(said(what, &value, Sure::Very, why));
            custom.push((name, value));
        };
        if self.subject != format!("{}-value", asked.topic) {
            read("tidegate.subject", serde_json::Value::from(self.subject.as_str()).to_string(), "as asked for");
        }
        if let Some(level) = self.level {
            let level = serde_json::to_value(level).ok().and_then(|level| level.as_str().map(str::to_owned));
            if let Some(level) = level {
                read("tidegate.compatibility", level, "the subject's level in the registry");
            }
        }
        read("tidegate.partitions", self.topic.partitions.to_string(), "the topic's");
        read("tidegate.replication", self.topic.replication.to_string(), "the topic's");
        let option = |name: &str| self.topic.options.as_ref()?.get(name)?.value.as_deref();
        match option("cleanup.policy") {
            Some("compact") => read("tidegate.cleanup", "compact".to_owned(), "the topic's"),
            Some("delete") => read("tidegate.cleanup", "delete".to_owned(), "the topic's"),
            _ => {}
        }
        if let Some(retention) = option("retention.ms").and_then(|millis| millis.parse().ok()).map(iso_8601) {
            read("tidegate.retention", retention, "the topic's");
        }
        custom
    }
}

fn said(path: &str, guess: &str, sure: Sure, why: &str) -> Guess {
    Guess { path: path.into(), guess: guess.into(), sure, why: why.into(), change: Change::Contract }
}

/// A number of milliseconds as ISO 8601 has durations: whole days where it is some.
fn iso_8601(millis: u64) -> String {
    const DAY: u64 = 86_400_000;
    match (millis % DAY, millis % 1000) {
        (0, _) if millis > 0 => format!("P{}D", millis / DAY),
        (_, 0) => format!("PT{}S", millis / 1000),
        (_, rest) => format!("PT{}.{rest:03}S", millis / 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topics_name_tells_product_and_major() {
        let check = |topic: &str, product: &str, major| {
            assert_eq!(product_of(topic), (product.to_owned(), major), "{topic}");
        };
        check("sales.orders.v2", "orders", 2);
        check("orders", "orders", 1);
        check("legacy_Orders", "legacy-orders", 1);
        check("sales.orders.vip", "vip", 1);
        check("sales.v2", "sales", 2);
    }

    #[test]
    fn milliseconds_are_written_as_durations() {
        let check = |millis, expected: &str| assert_eq!(iso_8601(millis), expected);
        check(604_800_000, "P7D");
        check(3_600_000, "PT3600S");
        check(1_500, "PT1.500S");
        check(0, "PT0S");
    }
}
