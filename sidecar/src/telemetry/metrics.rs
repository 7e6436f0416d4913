//! The one place that names every metric.
//!
//! [`Metric`] is the list; [`Metric::definition`] says what each is, and [`Sources`](super::Sources)
//! reads it. Both are exhaustive, so a metric that is named is documented and exported, and nothing else is.
//! `METRICS.md` is written from the same list.

/// Every metric there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each one's help text is its documentation")]
pub enum Metric {
    Events,
    Violations,
    UndeclaredFields,
    DefaultedFields,
    TruncatedValues,
    PublishDuration,
    RequestDuration,
    Requests,
    ProductReady,
    QueueRecords,
    QueueRecordsLimit,
    QueueBytes,
    QueueBytesLimit,
    FeedSkipped,
    Reloads,
    KafkaReachable,
    KafkaRebuilds,
    KafkaBrokers,
    KafkaBrokersUp,
    KafkaMessages,
    KafkaRequests,
    KafkaRequestBytes,
    KafkaRequestsInFlight,
    KafkaRetries,
    KafkaTimeouts,
    KafkaDisconnects,
    KafkaRttMedian,
    KafkaRttP99,
    LogLinesLost,
    SpansLost,
    BuildInfo,
    ProcessMemory,
    ProcessCpu,
    ProcessFds,
    ProcessMaxFds,
    ProcessStart,
}

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// The name in OpenTelemetry. Prometheus' name follows from it, the unit and the kind.
    pub name: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// The unit, as UCUM writes it.
    pub unit: &'static str,
    /// The labels' names.
    pub labels: &'static [&'static str],
    /// What it tells.
    pub help: &'static str,
}

/// How a metric behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows while the process lives.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts in buckets.
    Histogram,
}

const PRODUCT: &[&str] = &["product", "version"];

impl Metric {
    /// Every metric, in the order of the reference.
    pub const ALL: [Self; 36] = [
        Self::Events,
        Self::Violations,
        Self::UndeclaredFields,
        Self::DefaultedFields,
        Self::TruncatedValues,
        Self::PublishDuration,
        Self::RequestDuration,
        Self::Requests,
        Self::ProductReady,
        Self::QueueRecords,
        Self::QueueRecordsLimit,
        Self::QueueBytes,
        Self::QueueBytesLimit,
        Self::FeedSkipped,
        Self::Reloads,
        Self::KafkaReachable,
        Self::KafkaRebuilds,
        Self::KafkaBrokers,
        Self::KafkaBrokersUp,
        Self::KafkaMessages,
        Self::KafkaRequests,
        Self::KafkaRequestBytes,
        Self::KafkaRequestsInFlight,
        Self::KafkaRetries,
        Self::KafkaTimeouts,
        Self::KafkaDisconnects,
        Self::KafkaRttMedian,
        Self::KafkaRttP99,
        Self::LogLinesLost,
        Self::SpansLost,
        Self::BuildInfo,
        Self::ProcessMemory,
        Self::ProcessCpu,
        Self::ProcessFds,
        Self::ProcessMaxFds,
        Self::ProcessStart,
    ];

    /// What it is.
    pub fn definition(self) -> Definition {
        use Kind::{Counter, Gauge, Histogram};
        let (name, kind, unit, labels, help): (_, _, _, &'static [&'static str], _) = match self {
            Self::Events => (
                "tidegate.events",
                Counter,
                "{event}",
                &["product", "version", "outcome"],
                "Events by what became of them; each counts once. `marked` ones are published with a \
                 `tidegate-violations` header; `unknown` ones may be in the topic",
            ),
            Self::Violations => (
                "tidegate.violations",
                Counter,
                "{violation}",
                &["product", "version", "clause"],
                "Violations by clause; one event may break several. `unlisted` are those beyond `limits.violations`. Paths \
                 are no label, since an undeclared field's name is the caller's: ask `tidegate quarantine list`",
            ),
            Self::UndeclaredFields => (
                "tidegate.undeclared_fields",
                Counter,
                "{field}",
                PRODUCT,
                "Fields that the schema does not declare and that were dropped",
            ),
            Self::DefaultedFields => (
                "tidegate.defaulted_fields",
                Counter,
                "{field}",
                PRODUCT,
                "Missing fields that took the schema's default",
            ),
            Self::TruncatedValues => (
                "tidegate.truncated_values",
                Counter,
                "{value}",
                PRODUCT,
                "Dates and times that lost digits beyond the schema's unit",
            ),
            Self::PublishDuration => (
                "tidegate.publish.duration",
                Histogram,
                "s",
                PRODUCT,
                "From handing a request's records to the Kafka client to the last of their acks",
            ),
            Self::RequestDuration => (
                "tidegate.request.duration",
                Histogram,
                "s",
                PRODUCT,
                "From a request's head to its reply, for products that exist",
            ),
            Self::Requests => (
                "tidegate.requests",
                Counter,
                "{request}",
                &["status"],
                "Requests to the data listener by HTTP status; 499 for a client that went away before its reply",
            ),
            Self::ProductReady => {
                ("tidegate.product.ready", Gauge, "", PRODUCT, "1 when the product can be served, else 0")
            }
            Self::QueueRecords => {
                ("tidegate.queue.records", Gauge, "{record}", &[], "Records that wait for the broker's ack")
            }
            Self::QueueRecordsLimit => {
                ("tidegate.queue.records.limit", Gauge, "{record}", &[], "How many records may wait")
            }
            Self::QueueBytes => (
                "tidegate.queue.size",
                Gauge,
                "By",
                &[],
                "Bytes that wait for the broker's ack: values, keys, headers and 1.25 KiB a record",
            ),
            Self::QueueBytesLimit => ("tidegate.queue.size.limit", Gauge, "By", &[], "How many bytes may wait"),
            Self::FeedSkipped => (
                "tidegate.feed.skipped",
                Counter,
                "{record}",
                &["feed", "reason"],
                "Records of feeds that a reader skipped: of a later version, garbage, or by a speaker who is not the \
                 topic's domain",
            ),
            Self::Reloads => (
                "tidegate.reloads",
                Counter,
                "{reload}",
                &["result"],
                "Reloads of the files: `taken_up`, or `refused` with the running ones left in force",
            ),
            Self::KafkaReachable => {
                ("tidegate.kafka.reachable", Gauge, "", &[], "0 while requests are refused because no broker answers")
            }
            Self::KafkaRebuilds => (
                "tidegate.kafka.rebuilds",
                Counter,
                "{rebuild}",
                &[],
                "How often the Kafka client failed for good and was replaced",
            ),
            Self::KafkaBrokers => ("tidegate.kafka.brokers", Gauge, "{broker}", &[], "Brokers known by address"),
            Self::KafkaBrokersUp => {
                ("tidegate.kafka.brokers.up", Gauge, "{broker}", &[], "Brokers with a working connection")
            }
            Self::KafkaMessages => (
                "tidegate.kafka.messages",
                Gauge,
                "{message}",
                &[],
                "Records in the Kafka client's queues and in flight",
            ),
            Self::KafkaRequests => (
                "tidegate.kafka.requests",
                Counter,
                "{request}",
                &[],
                "Requests sent; from zero again when the client is replaced",
            ),
            Self::KafkaRequestBytes => (
                "tidegate.kafka.requests.size",
                Counter,
                "By",
                &[],
                "Bytes of requests sent; from zero again when the client is replaced",
            ),
            Self::KafkaRequestsInFlight => {
                ("tidegate.kafka.requests.in_flight", Gauge, "{request}", &[], "Requests sent and not answered yet")
            }
            Self::KafkaRetries => (
                "tidegate.kafka.retries",
                Counter,
                "{request}",
                &[],
                "Requests sent again; from zero again when the client is replaced",
            ),
            Self::KafkaTimeouts => (
                "tidegate.kafka.timeouts",
                Counter,
                "{request}",
                &[],
                "Requests without an answer in time; from zero again when the client is replaced",
            ),
            Self::KafkaDisconnects => (
                "tidegate.kafka.disconnects",
                Counter,
                "{disconnect}",
                &[],
                "Connections that broke while in use; from zero again when the client is replaced",
            ),
            Self::KafkaRttMedian => (
                "tidegate.kafka.rtt.median",
                Gauge,
                "s",
                &[],
                "The slowest broker's median round trip in the last statistics interval",
            ),
            Self::KafkaRttP99 => (
                "tidegate.kafka.rtt.p99",
                Gauge,
                "s",
                &[],
                "The slowest broker's 99th percentile of round trips in the last statistics interval",
            ),
            Self::LogLinesLost => (
                "tidegate.log.lost",
                Counter,
                "{line}",
                &[],
                "Log lines that could not be written (full disk, closed pipe)",
            ),
            Self::SpansLost => ("tidegate.trace.lost", Counter, "{span}", &[], "Spans that the collector did not take"),
            Self::BuildInfo => {
                ("tidegate.build.info", Gauge, "", &["version"], "Always 1; the label tells the version")
            }
            Self::ProcessMemory => ("process.resident_memory", Gauge, "By", &[], "Resident memory (Linux only)"),
            Self::ProcessCpu => ("process.cpu", Counter, "s", &[], "CPU time, user and system (Linux only)"),
            Self::ProcessFds => ("process.open_fds", Gauge, "", &[], "Open file descriptors (Linux only)"),
            Self::ProcessMaxFds => {
                ("process.max_fds", Gauge, "", &[], "How many file descriptors may be open (Linux only)")
            }
            Self::ProcessStart => ("process.start_time", Gauge, "s", &[], "When the process began, Unix time"),
        };
        Definition { name, kind, unit, labels, help }
    }
}

impl Definition {
    /// The name in Prometheus, by OpenTelemetry's own rules: dots become underscores, then unit and `_total`.
    pub fn prometheus(&self) -> String {
        let mut name = self.name.replace('.', "_");
        match self.unit {
            "s" => name += "_seconds",
            "By" => name += "_bytes",
            // Units in braces are words for people, and have no place in the name.
            _ => {}
        }
        if self.kind == Kind::Counter {
            name += "_total";
        }
        name
    }
}

impl Kind {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}
