//! librdkafka's properties for the producer: the team's own, less those that would break what a receipt promises.

use super::{ProducerError, ProducerLimits};
use crate::config::{self, KafkaConfig};
use rdkafka::ClientConfig;
use std::time::Duration;

/// Properties that carry a promise, under all of librdkafka's names for them: what may stand there, and why.
const PROMISES: &[(&[&str], &[&str], &str)] = &[
    (&["enable.idempotence"], &["true"], "retries must neither duplicate nor reorder events"),
    (&["acks", "request.required.acks"], &["all", "-1"], "a receipt means that every in-sync replica has the event"),
    (&["partitioner"], &["murmur2_random"], "keys must go where java clients put them"),
    (&["transactional.id"], &[], "the data path uses no transactions"),
    (&["enable.gapless.guarantee"], &["false"], "one failed event must not stop all others"),
    (&["queuing.strategy"], &["fifo"], "events of one key must keep their order"),
    (&["retries", "message.send.max.retries"], &[], "the delivery timeout bounds the retries"),
    (&["message.timeout.ms", "delivery.timeout.ms"], &[], "`limits` sets the delivery timeout"),
    (&["queue.buffering.max.messages"], &[], "`limits` bounds the queue"),
    (&["queue.buffering.max.kbytes"], &[], "`limits` bounds the queue"),
    (&["allow.auto.create.topics"], &["false"], "`tidegate apply` creates topics, nothing else does"),
    (&["delivery.report.only.error"], &["false"], "every event needs its receipt"),
];

/// What the team may set otherwise.
const DEFAULTS: &[(&str, &str)] = &[
    ("compression.type", "lz4"),
    ("linger.ms", "1"),
    // A broker that returns is found at once: connections are tried at least twice a second.
    ("reconnect.backoff.ms", "50"),
    ("reconnect.backoff.max.ms", "500"),
    ("retry.backoff.ms", "50"),
    ("retry.backoff.max.ms", "500"),
    // A SYN that is lost is sent again after 1 s and then not before 3 s: better to begin anew.
    ("socket.connection.setup.timeout.ms", "2000"),
    ("socket.keepalive.enable", "true"),
    // A topic that is not there is reported after this, not after 30 s; brokers tell each other of new ones in less.
    ("topic.metadata.propagation.max.ms", "1000"),
    ("statistics.interval.ms", "5000"),
    // How large a record may be is the topic's to say (max.message.bytes). One that is too large goes in a batch of its
    // own, so it fails alone.
    ("message.max.bytes", "67108864"),
];

/// The properties of the producer.
pub(super) fn producer(config: &KafkaConfig, limits: &ProducerLimits) -> Result<ClientConfig, ProducerError> {
    for (names, allowed, why) in PROMISES {
        for name in *names {
            if let Some(value) = config.properties.get(*name).filter(|value| !allowed.contains(&value.as_str())) {
                let instead = if allowed.is_empty() { "remove it".into() } else { format!("it is {}", allowed[0]) };
                return Err(ProducerError(format!("kafka property {name} must not be {value:?}: {why}; {instead}")));
            }
        }
    }
    for name in ["linger.ms", "queue.buffering.max.ms"] {
        let linger = config.properties.get(name);
        if linger.is_some_and(|linger| linger.parse::<f64>().is_ok_and(|linger| linger > 1.0)) {
            return Err(ProducerError(format!(
                "kafka property {name} must not be more than 1: single events must not wait for others"
            )));
        }
    }
    let mut settings = ClientConfig::new();
    for (name, value) in DEFAULTS {
        settings.set(*name, *value);
    }
    let timeout = message_timeout(limits.delivery_timeout);
    // A frozen or cut-off broker is given up well before the records are.
    let socket_timeout = (limits.delivery_timeout / 2).clamp(Duration::from_secs(1), Duration::from_secs(5));
    settings.set("socket.timeout.ms", socket_timeout.as_millis().to_string());
    config::apply(config, &mut settings);
    settings
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("partitioner", "murmur2_random")
        .set("allow.auto.create.topics", "false")
        .set("message.timeout.ms", timeout.as_millis().to_string())
        // librdkafka counts only values, and frees a record after we did: so that it never refuses what we admitted,
        // it gets twice our own bounds.
        .set("queue.buffering.max.messages", limits.queue_records.saturating_mul(2).clamp(1, 1 << 30).to_string())
        .set("queue.buffering.max.kbytes", (limits.queue_bytes / 512).clamp(1, 2_097_151).to_string());
    // Says which property is wrong, before a thread is started.
    settings.create_native_config().map_err(|error| ProducerError(config::refusal(&error)))?;
    Ok(settings)
}

/// librdkafka looks once a second for records that have timed out, so it is told to begin earlier.
fn message_timeout(delivery_timeout: Duration) -> Duration {
    let second = Duration::from_secs(1);
    let slack = if delivery_timeout >= 3 * second { second } else { delivery_timeout / 3 };
    (delivery_timeout - slack).max(Duration::from_millis(10))
}
