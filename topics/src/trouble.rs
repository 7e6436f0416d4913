//! What librdkafka says of its connections, for people who look for why there is none.

use crate::error::explain;
use rdkafka::{
    ClientConfig, ClientContext,
    config::RDKafkaLogLevel,
    consumer::ConsumerContext,
    error::KafkaError,
    producer::{BaseProducer, DeliveryResult, NoCustomPartitioner, Producer, ProducerContext},
    types::RDKafkaErrorCode,
};
use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The context of a client: passes librdkafka's log on and keeps the last trouble of a connection.
#[derive(Debug, Default)]
pub(crate) struct Trouble(Mutex<Option<String>>);

impl Trouble {
    /// The last trouble, once.
    pub(crate) fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl ClientContext for Trouble {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        crate::log::forward(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // That all are down says less than why; and the end of a partition is no trouble.
        let says = |code: &RDKafkaErrorCode| {
            !matches!(code, RDKafkaErrorCode::AllBrokersDown | RDKafkaErrorCode::PartitionEOF)
        };
        let code = error.rdkafka_error_code().filter(says);
        if let Some(code) = code {
            let text = format!("{} [{reason}]", explain(code).text);
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
        }
    }
}

impl ConsumerContext for Trouble {}

impl ProducerContext<NoCustomPartitioner> for Trouble {
    type DeliveryOpaque = ();
    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

/// Tries to connect, and tells what goes wrong. An admin client hears of no errors of its connections, a producer does.
/// Blocks for some seconds at most.
pub(crate) fn find(settings: &ClientConfig) -> Option<String> {
    let producer: BaseProducer<Trouble> = settings.create_with_context(Trouble::default()).ok()?;
    let deadline = Instant::now() + Duration::from_secs(3);
    loop {
        producer.poll(Duration::from_millis(50));
        let found = producer.context().take();
        if found.is_some() || Instant::now() > deadline {
            return found;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_wrong_with_a_connection_is_trouble() {
        let check = |code: RDKafkaErrorCode, expected: Option<&str>| {
            let trouble = Trouble::default();
            trouble.error(KafkaError::Global(code), "why");
            let heard = trouble.take();
            assert_eq!(heard.is_some(), expected.is_some(), "{heard:?}");
            assert!(heard.unwrap_or_default().contains(expected.unwrap_or_default()));
        };
        check(RDKafkaErrorCode::PartitionEOF, None);
        check(RDKafkaErrorCode::AllBrokersDown, None);
        check(RDKafkaErrorCode::Resolve, Some("does not resolve (check bootstrap.servers) [why]"));
    }
}
