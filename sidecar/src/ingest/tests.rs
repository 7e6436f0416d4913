//! The whole door in process, against librdkafka's mock cluster: requests in, replies and records out.

mod formats;
mod identities;
mod refusals;
mod violations;

use super::{
    Bounds, Foreigners, Ingest, Options,
    foreign::{Answer, Ask},
    http::Door,
};
use crate::{
    product::{Product, Products, Serving, State},
    telemetry::{
        counters::{Counters, EventOutcome},
        trace::Tracing,
    },
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{HeaderMap, Request};
use serde_json::Value;
use std::{
    collections::HashMap,
    fmt::Write as _,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tidegate_contracts::{
    contract::{Contract, KeyForm, Policy},
    plan::Limits,
    schema::Schema,
};
use tidegate_topics::{
    config::KafkaConfig,
    embedded::EmbeddedBroker,
    name::TopicName,
    producer::{Producer, ProducerLimits},
    tail::{self, Received, Start},
};

const SCHEMA: &str = r#"{"type":"record","name":"Order","namespace":"shop","fields":[
    {"name":"orderId","type":"string"},
    {"name":"amount","type":"long"},
    {"name":"note","type":["null","string"],"default":null}]}"#;
/// An earlier version of the same major.
const OLDER: &str = r#"{"type":"record","name":"Order","namespace":"shop","fields":[
    {"name":"orderId","type":"string"},
    {"name":"amount","type":"long"}]}"#;
/// A later one, which only the registry knows.
const LATER: &str = r#"{"type":"record","name":"Order","namespace":"shop","fields":[
    {"name":"orderId","type":"string"},
    {"name":"amount","type":"long"},
    {"name":"note","type":["null","string"],"default":null},
    {"name":"rush","type":"boolean","default":false}]}"#;

const SCHEMA_ID: u32 = 7;
const OLDER_ID: u32 = 6;
const LATER_ID: u32 = 8;
/// An id of somebody else's subject.
const OTHERS_ID: u32 = 9;
/// An id of which the registry says nothing.
const SILENT_ID: u32 = 10;
/// An id that the registry takes longer to tell than a request waits.
const SLOW_ID: u32 = 11;
/// From here on nobody's, and told slowly.
const STRANGE_ID: u32 = 1_000;
const KEY_ID: u32 = 70;

/// One broker and one producer for all tests of this process; each test has a domain of its own.
struct Kafka {
    broker: EmbeddedBroker,
    producer: Producer,
    config: KafkaConfig,
}

/// A sidecar's door with one product.
struct Gate {
    domain: String,
    door: Arc<Door>,
    products: Arc<Products>,
    counters: Arc<Counters>,
    asked: Arc<AtomicUsize>,
}

struct Reply {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

fn kafka() -> &'static Kafka {
    static KAFKA: OnceLock<Kafka> = OnceLock::new();
    KAFKA.get_or_init(|| {
        let broker = EmbeddedBroker::start().unwrap();
        let mut config = KafkaConfig::default();
        config.properties.insert("bootstrap.servers".into(), broker.bootstrap_servers().into());
        let limits =
            ProducerLimits { queue_bytes: 64 << 20, queue_records: 50_000, delivery_timeout: Duration::from_secs(20) };
        Kafka { producer: Producer::new(&config, limits).unwrap(), broker, config }
    })
}

/// A contract with these custom properties; `CLASSIFIED` among them makes a field confidential.
fn contract(domain: &str, version: &str, custom: &str) -> Contract {
    let classification = if custom.contains("CLASSIFIED") { "confidential" } else { "internal" };
    let custom = custom.replace("CLASSIFIED", "");
    let text = format!(
        r"apiVersion: v3.1.0
kind: DataContract
id: urn:example:orders
name: orders
version: {version}
status: active
domain: {domain}
schema:
- name: orders
  physicalType: topic
  logicalType: object
  authoritativeDefinitions:
  - {{url: orders.avsc, type: implementation}}
  properties:
  - name: orderId
    logicalType: string
    classification: {classification}
    logicalTypeOptions: {{minLength: 3}}
  - name: amount
    logicalType: integer
    logicalTypeOptions: {{minimum: 0}}
customProperties:
{custom}
"
    );
    let parsed = Contract::parse("orders.odcs.yaml", &text, &Policy::default(), &|_| Ok(SCHEMA.to_owned()));
    let problems: Vec<String> = parsed.diagnostics.iter().map(ToString::to_string).collect();
    *parsed.contract.unwrap_or_else(|| panic!("{problems:?}"))
}

const KEYED: &str = "- {property: tidegate.key, value: [orderId]}";

impl Gate {
    /// The usual product, with more custom properties than its key.
    fn keyed(custom: &str) -> Self {
        Self::new(&format!("{KEYED}\n{custom}"), Options::of_tests())
    }

    fn new(custom: &str, options: Options) -> Self {
        let domain = format!("d{}", uuid::Uuid::new_v4().simple());
        let contract = contract(&domain, "1.2.0", custom);
        for topic in [contract.topic.clone(), contract.quarantine_topic()] {
            kafka().broker.create_topic(&topic, 1).unwrap();
        }
        Self::of(domain, vec![contract], options, kafka().producer.clone())
    }

    fn of(domain: String, contracts: Vec<Contract>, options: Options, producer: Producer) -> Self {
        let counters = Arc::new(Counters::new());
        let products = Arc::new(Products::default());
        let of_product = contracts.into_iter().map(|contract| Arc::new(serve(contract))).collect();
        products.set(HashMap::from([("orders".to_owned(), of_product)]));
        let asked = Arc::new(AtomicUsize::new(0));
        let foreigners = Foreigners::new(Some(registry(asked.clone())), Limits::default());
        let ingest = Ingest::new(producer, counters.clone(), options);
        let bounds = Bounds { bytes: 1 << 20, time: Duration::from_secs(5) };
        let door = Arc::new(Door::new(ingest, products.clone(), counters.clone(), foreigners, Tracing::off(), bounds));
        Self { domain, door, products, counters, asked }
    }

    /// Posts a body.
    async fn post(&self, content_type: &str, body: impl Into<Bytes>) -> Reply {
        self.send("POST", "", &[("content-type", content_type)], body).await
    }

    async fn send(&self, method: &str, query: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Reply {
        self.send_to(method, &format!("/v1/products/orders/events{query}"), headers, body).await
    }

    async fn send_to(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Reply {
        Reply::of(self.door.answer(request(method, path, headers, body)).await).await
    }

    /// The product's records, as text.
    async fn published(&self) -> String {
        self.dump("orders.v1").await
    }

    async fn quarantined(&self) -> String {
        self.dump("tidegate-quarantine.orders.v1").await
    }

    async fn records(&self, topic: &str) -> Vec<Received> {
        let topic = TopicName::new(format!("{}.{topic}", self.domain)).unwrap();
        let mut tail = tail::read(&kafka().config, &topic, Start::Beginning, Duration::from_secs(20)).unwrap();
        let mut records = Vec::new();
        while let Some(record) = tail.next().await {
            records.push(record.unwrap());
        }
        records
    }

    async fn dump(&self, topic: &str) -> String {
        let mut text = String::new();
        for record in self.records(topic).await {
            let show = |bytes: &Option<Vec<u8>>| match bytes {
                Some(bytes) => bytes.escape_ascii().to_string(),
                None => "none".to_owned(),
            };
            writeln!(text, "key {} value {}", show(&record.key), show(&record.value)).unwrap();
            for (name, value) in &record.headers {
                let value = match name.as_str() {
                    "ce_time" | "tidegate-received" if is_now(value) => "NOW".to_owned(),
                    "tidegate-violations" => broken(&serde_json::from_slice(value.as_deref().unwrap()).unwrap()),
                    _ => show(value).replace(&self.domain, "DOMAIN"),
                };
                writeln!(text, "  {name}: {value}").unwrap();
            }
        }
        text
    }

    fn counted(&self, outcome: EventOutcome) -> u64 {
        self.counters.product("orders", 1).events_so_far(outcome)
    }
}

impl Options {
    fn of_tests() -> Self {
        Self {
            max_events: 100,
            deadline: Duration::from_secs(20),
            sidecar: "sidecar-1".into(),
            schema_url: Some("http://registry".into()),
            open_classifications: vec!["public".into(), "internal".into()],
        }
    }
}

impl Reply {
    async fn of(response: hyper::Response<Full<Bytes>>) -> Self {
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{error} in {body:?}"));
        Self { status: head.status.as_u16(), headers: head.headers, body }
    }

    /// The items, each in a few words: id, status, and what was broken.
    fn items(&self) -> Vec<String> {
        let items = self.body["items"].as_array().unwrap_or_else(|| panic!("no items in {}", self.body));
        let item = |item: &Value| {
            let quarantined = item["quarantined"].as_bool().map(|kept| if kept { " kept" } else { " lost" });
            let id = item["id"].as_str().unwrap();
            let id = if uuid::Uuid::parse_str(id).is_ok_and(|id| id.get_version_num() == 7) { "UUID" } else { id };
            let violations = broken(&item["violations"]);
            let space = if violations.is_empty() { "" } else { " " };
            let status = item["status"].as_str().unwrap();
            format!("{id} {status}{space}{violations}{}", quarantined.unwrap_or_default())
        };
        items.iter().map(item).collect()
    }

    /// What a program would tell a problem by, after a look at what every problem has.
    fn problem(&self) -> &str {
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.body["status"], self.status);
        assert!(self.body["title"].is_string() && self.body["detail"].is_string(), "{}", self.body);
        self.body["type"].as_str().unwrap().strip_prefix("urn:tidegate:problem:").unwrap()
    }
}

fn request(method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::new(body.into())).unwrap()
}

fn serve(contract: Contract) -> Product {
    let older = contract.plan_for(&Schema::parse(OLDER).unwrap(), Limits::default()).unwrap();
    let serving = Serving {
        schema_id: SCHEMA_ID,
        key_schema_id: matches!(contract.key_form, KeyForm::Avro { .. }).then_some(KEY_ID),
        plan: Arc::new(contract.plan(Limits::default()).unwrap()),
        writers: HashMap::from([(OLDER_ID, Arc::new(older))]),
    };
    Product { contract: Arc::new(contract), state: State::Ready(serving) }
}

/// A registry that knows one schema more than the catalog.
fn registry(asked: Arc<AtomicUsize>) -> Ask {
    Box::new(move |_, id| -> Answer {
        asked.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            match id {
                LATER_ID => Ok(Some(LATER.to_owned())),
                SILENT_ID => std::future::pending().await,
                // How slow this registry is; nothing waits for a condition here.
                SLOW_ID => {
                    tokio::time::sleep(Duration::from_millis(300)).await;
                    Ok(Some(LATER.to_owned()))
                }
                STRANGE_ID.. => {
                    tokio::time::sleep(Duration::from_millis(40)).await;
                    Ok(None)
                }
                _ => Ok(None),
            }
        })
    })
}

/// Avro of [`SCHEMA`], without a note.
fn avro(id: &str, amount: i64) -> Vec<u8> {
    let zigzag = u8::try_from(amount * 2).unwrap();
    [&[u8::try_from(id.len() * 2).unwrap()], id.as_bytes(), &[zigzag, 0]].concat()
}

fn framed(schema_id: u32, body: &[u8]) -> Vec<u8> {
    [&[0], &schema_id.to_be_bytes()[..], body].concat()
}

/// Violations in a few words. Their texts are the plan's.
fn broken(violations: &Value) -> String {
    let text = |found: &Value, name: &str| found[name].as_str().unwrap().to_owned();
    let violations = violations.as_array().into_iter().flatten().map(|found| {
        assert!(!text(found, "expected").is_empty() && !text(found, "found").is_empty(), "{found}");
        format!("{}:{}", text(found, "path"), text(found, "clause"))
    });
    violations.collect::<Vec<_>>().join(" ")
}

fn is_now(value: &Option<Vec<u8>>) -> bool {
    let text = value.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
    text.len() >= 20 && text.starts_with("20") && text.ends_with('Z') && !text.starts_with("2001")
}
