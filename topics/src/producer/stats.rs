//! What the producer tells telemetry: our own budget, and a few numbers of librdkafka's statistics.

use serde::Deserialize;
use std::collections::BTreeMap;

/// A look at the producer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProducerStats {
    /// Records admitted and without an outcome.
    pub queue_records: usize,
    /// Their bytes, as [`Producer::cost`](super::Producer::cost) counts them.
    pub queue_bytes: usize,
    /// How many records fit.
    pub queue_records_limit: usize,
    /// How many bytes fit.
    pub queue_bytes_limit: usize,
    /// How often librdkafka called an error fatal and its producer was replaced.
    pub rebuilds: u64,
    /// Whether requests are being refused because no broker is reachable.
    pub unreachable: bool,
    /// librdkafka's own numbers, `statistics.interval.ms` old at most; none before the first interval is over.
    pub client: Option<ClientStats>,
}

/// A few of librdkafka's numbers. Totals count from the last rebuild of its producer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientStats {
    /// Brokers known by address.
    pub brokers: u64,
    /// Those with a working connection.
    pub brokers_up: u64,
    /// Records in librdkafka's queues and in flight.
    pub messages: u64,
    /// Requests sent.
    pub requests: u64,
    /// Bytes sent.
    pub request_bytes: u64,
    /// Requests sent again.
    pub retries: u64,
    /// Requests that got no answer in time.
    pub timeouts: u64,
    /// Connections that broke while in use.
    pub disconnects: u64,
    /// Requests sent and not answered yet.
    pub requests_in_flight: u64,
    /// The slowest broker's median round trip in the last interval, microseconds.
    pub rtt_p50_us: u64,
    /// The slowest broker's 99th percentile of it.
    pub rtt_p99_us: u64,
}

/// The part of librdkafka's statistics that is read.
#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    msg_cnt: u64,
    #[serde(default)]
    brokers: BTreeMap<String, RawBroker>,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct RawBroker {
    nodeid: i64,
    source: String,
    state: String,
    // librdkafka counts in signed numbers, and −1 stands for unknown.
    tx: i64,
    txbytes: i64,
    txretries: i64,
    req_timeouts: i64,
    disconnects: i64,
    waitresp_cnt: i64,
    rtt: RawWindow,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawWindow {
    p50: i64,
    p99: i64,
}

impl ClientStats {
    /// Reads librdkafka's statistics JSON; `None` when it is something else.
    pub(super) fn parse(json: &[u8]) -> Option<Self> {
        let raw: Raw = serde_json::from_slice(json).ok()?;
        let mut stats = Self { messages: raw.msg_cnt, ..Self::default() };
        let positive = |number: i64| u64::try_from(number).unwrap_or(0);
        for broker in raw.brokers.into_values() {
            // The bootstrap address and the broker behind it are two entries; internal ones are no brokers at all.
            if broker.source == "internal" || broker.source == "logical" {
                continue;
            }
            if broker.nodeid >= 0 {
                stats.brokers += 1;
                stats.brokers_up += u64::from(broker.state == "UP");
            }
            stats.requests += positive(broker.tx);
            stats.request_bytes += positive(broker.txbytes);
            stats.retries += positive(broker.txretries);
            stats.timeouts += positive(broker.req_timeouts);
            stats.disconnects += positive(broker.disconnects);
            stats.requests_in_flight += positive(broker.waitresp_cnt);
            stats.rtt_p50_us = stats.rtt_p50_us.max(positive(broker.rtt.p50));
            stats.rtt_p99_us = stats.rtt_p99_us.max(positive(broker.rtt.p99));
        }
        Some(stats)
    }
}
