//! What a team says about its Kafka: librdkafka properties, passed on.

use rdkafka::{ClientConfig, error::KafkaError};
use std::collections::BTreeMap;

/// librdkafka properties as the `kafka` section of `tidegate.yaml` has them, secrets already resolved.
/// `Debug` shows the keys and hides the values of everything that may be a secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct KafkaConfig {
    /// The properties.
    pub properties: BTreeMap<String, String>,
}

impl std::fmt::Debug for KafkaConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.properties.keys()).finish()
    }
}

/// Names that librdkafka knows under two; the first is the one we use. A map of properties has no order, so a default
/// and its alias set by the team must not both be passed on.
const ALIASES: &[(&str, &str)] = &[
    ("bootstrap.servers", "metadata.broker.list"),
    ("acks", "request.required.acks"),
    ("linger.ms", "queue.buffering.max.ms"),
    ("compression.type", "compression.codec"),
    ("max.in.flight", "max.in.flight.requests.per.connection"),
    ("fetch.message.max.bytes", "max.partition.fetch.bytes"),
    ("enable.auto.commit", "auto.commit.enable"),
];

/// Settings for a client that neither produces nor consumes by itself: the team's, over ours.
pub(crate) fn client(config: &KafkaConfig) -> ClientConfig {
    let mut settings = ClientConfig::new();
    settings
        .set("socket.connection.setup.timeout.ms", "5000")
        .set("reconnect.backoff.max.ms", "500")
        .set("allow.auto.create.topics", "false");
    apply(config, &mut settings);
    settings
}

/// Puts the team's properties over the settings.
pub(crate) fn apply(config: &KafkaConfig, settings: &mut ClientConfig) {
    for (name, value) in &config.properties {
        let canonical =
            ALIASES.iter().find(|(_, alias)| alias == name).map_or(name.as_str(), |(canonical, _)| canonical);
        settings.set(canonical, value);
    }
}

/// librdkafka's refusal of a property, without the value of one that may be a secret.
pub(crate) fn refusal(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(_, _, name, _) if is_secret(name) => {
            format!("kafka property {name} has a value that librdkafka refuses")
        }
        KafkaError::ClientConfig(_, description, name, _) => format!("kafka property {name}: {description}"),
        other => format!("kafka properties: {other}"),
    }
}

fn is_secret(name: &str) -> bool {
    ["password", "secret", "pem", "key", "username", "config", "assertion"].iter().any(|part| name.contains(part))
}
