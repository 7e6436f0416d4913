//! What librdkafka calls back, all of it on the polling thread.

use super::{Delivery, request::InFlight, stats::ClientStats, worker::Shared};
use crate::error::{Kind, explain, is_of_record};
use rdkafka::{
    ClientContext, Message,
    bindings::{rd_kafka_message_status, rd_kafka_msg_status_t},
    config::RDKafkaLogLevel,
    error::KafkaError,
    message::BorrowedMessage,
    producer::{DeliveryResult, NoCustomPartitioner, ProducerContext},
    types::RDKafkaErrorCode,
};
use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

/// One librdkafka producer's callbacks.
#[derive(Debug)]
pub(super) struct Context {
    shared: Arc<Shared>,
    acked: AtomicBool,
    /// The fatal error after which everything left in it is purged.
    fatal: OnceLock<String>,
}

impl Context {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, acked: AtomicBool::new(false), fatal: OnceLock::new() }
    }

    /// Whether a broker ever acked something of this producer.
    pub(super) fn has_acked(&self) -> bool {
        self.acked.load(Ordering::Relaxed)
    }

    /// Remembers why librdkafka gave the producer up: its records say no more than that they were purged.
    pub(super) fn gave_up(&self, reason: String) {
        self.fatal.get_or_init(|| reason);
    }

    /// Why the producer takes nothing any more.
    pub(super) fn why_closed(&self) -> String {
        self.fatal.get().cloned().unwrap_or_else(|| explain(RDKafkaErrorCode::PurgeQueue).text)
    }

    /// The outcome of a record that was not acked.
    fn failure(&self, error: &KafkaError, message: &BorrowedMessage<'_>) -> Delivery {
        let code = error.rdkafka_error_code();
        let explained = code.map(explain);
        if explained.as_ref().is_some_and(|explained| matches!(explained.kind, Kind::NoTopic | Kind::Denied)) {
            self.shared.topic_missed.notify_one();
        }
        let reason = match (code, explained) {
            (Some(RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight), _) => self.why_closed(),
            (Some(RDKafkaErrorCode::TopicAuthorizationFailed), _) => self.shared.denied(message.topic()),
            (_, Some(explained)) => explained.text,
            (_, None) => error.to_string(),
        };
        match status(message) {
            rd_kafka_msg_status_t::RD_KAFKA_MSG_STATUS_PERSISTED => {
                Delivery::Published { partition: message.partition(), offset: message.offset() }
            }
            rd_kafka_msg_status_t::RD_KAFKA_MSG_STATUS_NOT_PERSISTED if code.is_some_and(is_of_record) => {
                Delivery::Rejected { reason }
            }
            rd_kafka_msg_status_t::RD_KAFKA_MSG_STATUS_NOT_PERSISTED => Delivery::Failed { reason },
            rd_kafka_msg_status_t::RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED => Delivery::Unknown { reason },
        }
    }

    /// Remembers the first topic, to ask for as a sign of life when no broker is connected.
    pub(super) fn sent_to(&self, topic: &str) {
        if self.shared.topic.get().is_none() {
            self.shared.topic.get_or_init(|| topic.to_owned());
        }
    }
}

impl ProducerContext<NoCustomPartitioner> for Context {
    type DeliveryOpaque = Box<InFlight>;

    fn delivery(&self, result: &DeliveryResult<'_>, in_flight: Box<InFlight>) {
        let outcome = match result {
            Ok(message) => {
                self.acked.store(true, Ordering::Relaxed);
                Delivery::Published { partition: message.partition(), offset: message.offset() }
            }
            Err((error, message)) => self.failure(error, message),
        };
        // In this order, so that whoever has the outcomes finds the room given back.
        self.shared.release(1, in_flight.cost());
        in_flight.finish(outcome);
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        crate::log::forward(level, facility, message);
    }

    fn stats_raw(&self, json: &[u8]) {
        if let Some(stats) = ClientStats::parse(json) {
            self.shared.set_client_stats(stats);
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let Some(code) = error.rdkafka_error_code() else { return };
        let explained = explain(code);
        let text = format!("{} [{reason}]", explained.text);
        match (code, explained.kind) {
            (RDKafkaErrorCode::AllBrokersDown, _) => self.shared.health.down(reason),
            // A fatal error shows here under its cause's code, before librdkafka purges what is queued; the thread asks
            // for it by itself.
            (RDKafkaErrorCode::ClusterAuthorizationFailed, _) => self.gave_up(text),
            (_, Kind::Unreachable | Kind::Denied) => self.shared.health.trouble(text),
            _ => {}
        }
    }
}

/// Whether the broker has a record: the one question that rdkafka offers no safe way to ask.
#[allow(unsafe_code, reason = "rdkafka has no safe way to ask for rd_kafka_message_status")]
fn status(message: &BorrowedMessage<'_>) -> rd_kafka_msg_status_t {
    // SAFETY: the pointer is that of the message we borrow, which lives until the delivery callback returns, and
    // librdkafka only reads a field of it.
    unsafe { rd_kafka_message_status(message.ptr()) }
}
