//! What librdkafka calls back, all of it on the polling thread.

use super::{Delivery, request::InFlight, stats::ClientStats, worker::Shared};
use crate::error::{Kind, explain};
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
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// One librdkafka producer's callbacks.
#[derive(Debug)]
pub(super) struct Context {
    shared: Arc<Shared>,
    acked: AtomicBool,
}

impl Context {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, acked: AtomicBool::new(false) }
    }

    /// Whether a broker ever acked something of this producer.
    pub(super) fn has_acked(&self) -> bool {
        self.acked.load(Ordering::Relaxed)
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
            Err((error, message)) => {
                if error.rdkafka_error_code().is_some_and(|code| explain(code).kind == Kind::NoTopic) {
                    self.shared.topic_missed.notify_one();
                }
                failure(error, message)
            }
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
        // A fatal error shows here under its cause's code; the thread asks for it by itself.
        let Some(code) = error.rdkafka_error_code() else { return };
        let explained = explain(code);
        if code == RDKafkaErrorCode::AllBrokersDown {
            self.shared.health.down(reason);
        } else if matches!(explained.kind, Kind::Unreachable | Kind::Denied) {
            self.shared.health.trouble(format!("{} [{reason}]", explained.text));
        }
    }
}

/// The outcome of a record that was not acked.
fn failure(error: &KafkaError, message: &BorrowedMessage<'_>) -> Delivery {
    let reason = error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| explain(code).text);
    match status(message) {
        rd_kafka_msg_status_t::RD_KAFKA_MSG_STATUS_PERSISTED => {
            Delivery::Published { partition: message.partition(), offset: message.offset() }
        }
        rd_kafka_msg_status_t::RD_KAFKA_MSG_STATUS_NOT_PERSISTED => Delivery::Failed { reason },
        rd_kafka_msg_status_t::RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED => Delivery::Unknown { reason },
    }
}

/// Whether the broker has a record: the one question that rdkafka offers no safe way to ask.
#[allow(unsafe_code, reason = "rdkafka has no safe way to ask for rd_kafka_message_status")]
fn status(message: &BorrowedMessage<'_>) -> rd_kafka_msg_status_t {
    // SAFETY: the pointer is that of the message we borrow, which lives until the delivery callback returns, and
    // librdkafka only reads a field of it.
    unsafe { rd_kafka_message_status(message.ptr()) }
}
