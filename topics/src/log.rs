//! librdkafka's log lines, in our log.

use rdkafka::config::RDKafkaLogLevel as Level;

/// librdkafka calls every broken connection an error; for us it is one when data is lost or a person is needed, and we
/// say that ourselves.
pub(crate) fn forward(level: Level, facility: &str, message: &str) {
    // The configuration has one section for producers and consumers alike, so each finds what is the other's.
    let of_the_other = facility == "CONFWARN" && message.contains("property and will be ignored by this");
    match level {
        _ if of_the_other => tracing::debug!(target: "librdkafka", facility, "{message}"),
        Level::Emerg | Level::Alert | Level::Critical | Level::Error | Level::Warning => {
            tracing::warn!(target: "librdkafka", facility, "{message}");
        }
        Level::Notice | Level::Info => tracing::info!(target: "librdkafka", facility, "{message}"),
        Level::Debug => tracing::debug!(target: "librdkafka", facility, "{message}"),
    }
}
