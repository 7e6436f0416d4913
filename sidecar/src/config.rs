//! `tidegate.yaml`: what one sidecar is told.
//!
//! The types here are the single source: the JSON Schema, the reference in `CONFIG.md`, the check for unknown keys and
//! the environment overrides all come from them. Every default stands in a `Default` below.

mod check;
mod load;
mod mask;
#[cfg(test)]
mod reference;
mod secret;
mod units;

pub use secret::{Revealed, Secret, SecretError};

use crate::{cli::Failure, file};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};
use tidegate_contracts::{contract::Policy, diagnostic::Diagnostic, plan};
use tidegate_topics::{config::KafkaConfig, producer::ProducerLimits};

/// The pattern of a domain's name.
const DOMAIN: &str = "^[a-z][a-z0-9-]{0,62}$";

/// The sidecar's file, `tidegate.yaml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// The version of this file's format.
    pub api_version: ApiVersion,
    /// What this file is.
    pub kind: Kind,
    /// The domain this sidecar speaks for: `[a-z][a-z0-9-]*`, at most 63 characters. All its topics begin with it.
    #[schemars(regex(pattern = DOMAIN), example = &"sales")]
    pub domain: String,
    /// What this process does: `publish` next to a producer, `judge` and `notify` once a domain.
    #[serde(default = "Role::all")]
    pub roles: Vec<Role>,
    /// Folder of `*.odcs.yaml` contracts, relative to this file. It may be absent in a domain that only consumes.
    #[serde(default = "contracts_folder")]
    pub contracts: PathBuf,
    /// Folder of `*.subscription.yaml` files, relative to this file. It may be absent.
    #[serde(default = "subscriptions_folder")]
    pub subscriptions: PathBuf,
    /// Any librdkafka property; `bootstrap.servers` is needed. A secret is given as `{env: NAME}` or `{file: PATH}`.
    #[schemars(example = &serde_json::json!({"bootstrap.servers": "localhost:9092"}))]
    pub kafka: BTreeMap<String, KafkaValue>,
    /// The schema registry. `apply` needs it, `run` does not.
    pub registry: Option<Registry>,
    /// Where the sidecar listens.
    #[serde(default)]
    pub listen: Listen,
    /// Which other domains' feeds are read.
    #[serde(default)]
    pub mesh: Mesh,
    /// Bounds on what callers send and on what waits for Kafka.
    #[serde(default)]
    pub limits: Limits,
    /// Who may call the data and admin listeners.
    #[serde(default)]
    pub security: Security,
    /// How drift is judged.
    #[serde(default)]
    pub drift: Drift,
    /// Logs, traces and metrics.
    #[serde(default)]
    pub telemetry: Telemetry,
}

/// The version of the file's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum ApiVersion {
    /// The only one so far.
    #[serde(rename = "tidegate.dev/v1")]
    V1,
}

/// What the file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Kind {
    /// A sidecar's configuration.
    Sidecar,
}

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Role {
    /// Takes events and publishes them.
    Publish,
    /// Judges drift.
    Judge,
    /// Tells subscribers.
    Notify,
}

/// The value of a librdkafka property.
/// `Debug` does not show texts: nobody knows which of librdkafka's properties will hold a secret next.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum KafkaValue {
    /// A text.
    Text(String),
    /// A whole number.
    Number(i64),
    /// `true` or `false`.
    Boolean(bool),
    /// A secret such as `sasl.password`.
    Secret(Secret),
}

/// The schema registry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Registry {
    /// Its URL, of Confluent's API. For Apicurio with `/apis/ccompat/v7`.
    #[schemars(url, example = &"http://localhost:8081")]
    pub url: String,
    /// How to sign in; absent means without.
    pub auth: Option<RegistryAuth>,
    /// File of PEM certificates to trust for `https` besides the built-in ones, relative to this file.
    pub ca: Option<PathBuf>,
    /// The longest one call may take.
    #[serde(default = "registry_timeout", with = "units::duration")]
    #[schemars(with = "units::DurationText")]
    pub timeout: Duration,
}

/// How to sign in at the registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum RegistryAuth {
    /// HTTP basic authentication; the secret is `user:password`.
    Basic(Secret),
    /// A bearer token.
    Bearer(Secret),
}

/// Where the sidecar listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Listen {
    /// Events come in here. Off loopback it needs tokens or mutual TLS, see `security`.
    #[schemars(extend("format" = "socket-address"))]
    pub data: SocketAddr,
    /// Products, their state and the API's description. Off loopback it needs tokens or mutual TLS, see `security`.
    #[schemars(extend("format" = "socket-address"))]
    pub admin: SocketAddr,
    /// `/livez`, `/readyz`, `/metrics` and nothing else, to anyone.
    #[schemars(extend("format" = "socket-address"))]
    pub health: SocketAddr,
}

/// Which domains' feeds are read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Mesh {
    /// `all`, or a list of domains.
    pub domains: Domains,
}

/// A choice of domains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Domains {
    /// Every domain.
    Every(All),
    /// These.
    List(Vec<String>),
}

/// The word `all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum All {
    /// Every one.
    #[default]
    All,
}

/// Bounds on what callers send and on what waits for Kafka.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of a request's body, after decompression; beyond it the answer is 413.
    #[serde(with = "units::size")]
    #[schemars(with = "units::SizeText")]
    pub request_bytes: usize,
    /// Events in one request; beyond it the answer is 413.
    #[schemars(range(min = 1))]
    pub request_events: usize,
    /// Bytes of one event, as it arrives and as it is encoded; beyond it the event is rejected.
    #[serde(with = "units::size")]
    #[schemars(with = "units::SizeText")]
    pub event_bytes: usize,
    /// Nesting of records, arrays, maps and unions in one event.
    #[schemars(range(min = 1))]
    pub event_depth: u32,
    /// Array items and map entries in one event, together.
    #[schemars(range(min = 1))]
    pub event_items: u64,
    /// Violations listed for one event; the rest is counted. Where those of one request together take more than 8 MiB
    /// and four times its body, each further event lists its first one.
    #[schemars(range(min = 1))]
    pub violations: usize,
    /// Bytes that may wait for the broker's ack: values, keys, headers and 1.25 KiB a record. Beyond it callers are told
    /// to come again.
    #[serde(with = "units::size")]
    #[schemars(with = "units::SizeText")]
    pub queue_bytes: usize,
    /// Records that may wait for the broker's ack.
    #[schemars(range(min = 1))]
    pub queue_events: usize,
    /// From a request's last byte to its answer, and so the longest wait for a broker's ack.
    #[serde(with = "units::duration")]
    #[schemars(with = "units::DurationText")]
    pub request_timeout: Duration,
    /// For a request's head to arrive.
    #[serde(with = "units::duration")]
    #[schemars(with = "units::DurationText")]
    pub header_timeout: Duration,
    /// For a request's body to arrive.
    #[serde(with = "units::duration")]
    #[schemars(with = "units::DurationText")]
    pub body_timeout: Duration,
    /// Open connections of the data listener; more wait to be accepted.
    #[schemars(range(min = 1))]
    pub connections: usize,
    /// From SIGTERM to the end: accepted requests are answered and the queue to Kafka is emptied. Keep it below what the
    /// platform allows (Kubernetes: 30s).
    #[serde(with = "units::duration")]
    #[schemars(with = "units::DurationText")]
    pub shutdown_grace: Duration,
}

/// Who may call the data and admin listeners.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Security {
    /// Bearer tokens, one a line, any of which lets a caller in. Several allow rotation. A file is read again on SIGHUP.
    pub tokens: Option<Secret>,
    /// Bearer tokens of the admin listener, if they are to be others.
    pub admin_tokens: Option<Secret>,
    /// TLS of the data and admin listeners.
    pub tls: Option<Tls>,
    /// Lets anyone who reaches the data and admin listeners call them, even off loopback. Without it, and without tokens
    /// or client certificates, they answer only to localhost and to IP addresses, and to no other `Host`.
    pub allow_anonymous: bool,
}

/// TLS of a listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tls {
    /// PEM file of the certificate chain, relative to this file.
    pub certificate: PathBuf,
    /// The certificate's private key, PEM.
    pub key: Secret,
    /// PEM file of the authorities whose client certificates are let in, relative to this file; given, a caller
    /// without one is refused (mutual TLS).
    pub client_ca: Option<PathBuf>,
}

/// How drift is judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Drift {
    /// The classifications whose values may be kept, as in the quarantine. A field without one is `internal`.
    pub open_classifications: Vec<String>,
}

/// Logs, traces and metrics.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Telemetry {
    /// The log, on standard error.
    pub logs: Logs,
    /// Where traces and metrics go by OTLP over HTTP; absent means nowhere (`/metrics` is always there).
    pub otlp: Option<Otlp>,
    /// How often librdkafka's own statistics are taken; `0s` is never.
    #[serde(with = "units::duration")]
    #[schemars(with = "units::DurationText")]
    pub kafka_statistics: Duration,
}

/// The log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Logs {
    /// For people, or one JSON object a line.
    pub format: LogFormat,
    /// What is logged: a level, or directives such as `info,tidegate::ingest=debug`.
    pub level: String,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// An OTLP collector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Otlp {
    /// Its base URL; `/v1/traces` and `/v1/metrics` are added.
    #[schemars(url, example = &"http://localhost:4318")]
    pub endpoint: String,
    /// Headers to send along, such as an API key.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// Whether traces are sent.
    #[serde(default = "yes")]
    pub traces: bool,
    /// Whether metrics are sent.
    #[serde(default = "yes")]
    pub metrics: bool,
    /// The share of requests traced when the caller has not decided, 0 to 1.
    #[serde(default = "sample_ratio")]
    #[schemars(range(min = 0, max = 1))]
    pub sample_ratio: f64,
    /// How often metrics are sent.
    #[serde(default = "metrics_interval", with = "units::duration")]
    #[schemars(with = "units::DurationText")]
    pub interval: Duration,
}

impl Config {
    /// Reads the file, lays the environment's overrides over it, checks all of it, and makes its paths absolute.
    ///
    /// # Errors
    /// When the file cannot be read, or with all that is wrong in it.
    pub fn load(path: &Path) -> Result<Self, Failure> {
        let file = path.display().to_string();
        let text = file::text(path).map_err(|error| {
            let failure = Failure::refused(format!("the sidecar's file `{file}` cannot be used")).caused_by(error);
            failure.hint("name the sidecar's file with --config or TIDEGATE_CONFIG, or make one with `tidegate init`")
        })?;
        let environment = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        let overrides = environment.filter_map(|(name, value)| Some((name, value.into_string().ok()?)));
        let mut config = Self::parse(&file, &text, overrides).map_err(|found| Self::invalid(&file, &text, found))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = std::path::absolute(folder)
            .map_err(|error| Failure::refused(format!("cannot find the folder of `{file}`")).caused_by(error))?;
        load::anchor(&mut config, &folder);
        Ok(config)
    }

    /// What is wrong with a configuration, to be shown with its text; secrets that stand in it are not.
    pub(crate) fn invalid(file: &str, text: &str, found: Vec<Diagnostic>) -> Failure {
        let text = mask::Masked::of(text).text;
        Failure::files("the configuration is not valid", found, [(file.to_owned(), text)])
    }

    /// Reads a configuration from its text, paths as they stand there. `file` is how the user names it; `overrides`
    /// are environment variables, of which only those named `TIDEGATE__…` count.
    ///
    /// # Errors
    /// All that is wrong in it.
    pub fn parse(
        file: &str,
        text: &str,
        overrides: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Vec<Diagnostic>> {
        load::parse(file, text, overrides).map_err(|found| mask::Masked::of(text).hide_in(found))
    }

    /// The librdkafka properties, secrets read.
    ///
    /// # Errors
    /// When a secret cannot be read; the property is named.
    pub fn kafka(&self) -> Result<KafkaConfig, Failure> {
        let text = |(name, value): (&String, &KafkaValue)| {
            let text = match value {
                KafkaValue::Text(text) => text.clone(),
                KafkaValue::Number(number) => number.to_string(),
                KafkaValue::Boolean(value) => value.to_string(),
                KafkaValue::Secret(secret) => {
                    let failure = |error| Failure::refused(format!("no value for `kafka: {name}`")).caused_by(error);
                    secret.reveal().map_err(failure)?.expose().to_owned()
                }
            };
            Ok((name.clone(), text))
        };
        let properties: Result<_, Failure> = self.kafka.iter().map(text).collect();
        Ok(KafkaConfig { properties: properties? })
    }
}

impl Otlp {
    /// The headers, secrets read.
    ///
    /// # Errors
    /// When a secret cannot be read; the header is named.
    pub fn headers(&self) -> Result<BTreeMap<String, String>, Failure> {
        let reveal = |(name, secret): (&String, &Secret)| {
            let failure =
                |error| Failure::refused(format!("no value for `telemetry.otlp.headers.{name}`")).caused_by(error);
            Ok((name.clone(), secret.reveal().map_err(failure)?.expose().to_owned()))
        };
        self.headers.iter().map(reveal).collect()
    }
}

/// Reads a duration as it stands in the file and on the command line: `10s`.
///
/// # Errors
/// When it is none.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    units::parse_duration(text)
}

/// The JSON Schema of `tidegate.yaml`, as it lies beside the sources.
pub fn schema() -> serde_json::Value {
    serde_json::from_str(include_str!("../config.schema.json")).expect("a test holds it against the types")
}

/// The schema that the types make. Every start would pay for making it, in time and in memory.
#[cfg(test)]
fn schema_of_the_types() -> serde_json::Value {
    let mut schema = schemars::schema_for!(Config);
    schema.insert("title".to_owned(), "tidegate.yaml".into());
    schema.to_value()
}

impl fmt::Debug for KafkaValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("\"…\""),
            Self::Number(number) => number.fmt(f),
            Self::Boolean(value) => value.fmt(f),
            Self::Secret(secret) => secret.fmt(f),
        }
    }
}

impl Role {
    /// Every role.
    pub fn all() -> Vec<Self> {
        vec![Self::Publish, Self::Judge, Self::Notify]
    }
}

impl Limits {
    /// What bounds a plan.
    pub fn plan(&self) -> plan::Limits {
        plan::Limits {
            depth: self.event_depth,
            items: self.event_items,
            bytes: self.event_bytes,
            violations: self.violations,
        }
    }

    /// What bounds the producer.
    pub fn producer(&self) -> ProducerLimits {
        ProducerLimits {
            queue_bytes: self.queue_bytes,
            queue_records: self.queue_events,
            delivery_timeout: self.request_timeout,
        }
    }
}

impl Drift {
    /// What decides a contract's defaults.
    pub fn policy(&self) -> Policy {
        Policy { open_classifications: self.open_classifications.clone() }
    }
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            data: SocketAddr::from(([127, 0, 0, 1], 7070)),
            admin: SocketAddr::from(([127, 0, 0, 1], 7071)),
            health: SocketAddr::from(([0, 0, 0, 0], 7072)),
        }
    }
}

impl Default for Domains {
    fn default() -> Self {
        Self::Every(All::All)
    }
}

impl Default for Limits {
    fn default() -> Self {
        let plan = plan::Limits::default();
        Self {
            request_bytes: 16 << 20,
            request_events: 10_000,
            event_bytes: plan.bytes,
            event_depth: plan.depth,
            event_items: plan.items,
            violations: plan.violations,
            queue_bytes: 64 << 20,
            queue_events: 100_000,
            request_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            connections: 4096,
            shutdown_grace: Duration::from_secs(25),
        }
    }
}

impl Default for Drift {
    fn default() -> Self {
        Self { open_classifications: Policy::default().open_classifications }
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { logs: Logs::default(), otlp: None, kafka_statistics: Duration::from_secs(5) }
    }
}

impl Default for Logs {
    fn default() -> Self {
        Self { format: LogFormat::default(), level: "info".to_owned() }
    }
}

fn contracts_folder() -> PathBuf {
    "contracts/".into()
}

fn subscriptions_folder() -> PathBuf {
    "subscriptions/".into()
}

fn registry_timeout() -> Duration {
    Duration::from_secs(10)
}

fn yes() -> bool {
    true
}

fn sample_ratio() -> f64 {
    0.01
}

fn metrics_interval() -> Duration {
    Duration::from_secs(30)
}
