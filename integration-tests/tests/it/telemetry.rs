//! What a sidecar tells: metrics, traces, logs, and what it must never tell.

use axum::{Router, body::Bytes, extract::State};
use opentelemetry_proto::tonic::{collector::trace::v1::ExportTraceServiceRequest, trace::v1::Span};
use prost::Message as _;
use serde_json::{Value, json};
use std::{
    fs::File,
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};
use tidegate_integration_tests::{Mesh, Sidecar, client, eventually, orders};
use tidegate_topics::{
    config::KafkaConfig,
    producer::{Producer, ProducerLimits, Record},
};

const SOON: Duration = Duration::from_secs(60);
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn sales() -> Mesh {
    Mesh::new("sales").contract(orders::CONTRACT, &[orders::SCHEMA])
}

/// The metrics that `METRICS.md` documents, by their Prometheus names.
fn documented() -> Vec<String> {
    let reference = include_str!("../../../sidecar/METRICS.md");
    let rows = reference.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| row.split('`').next().unwrap().to_owned()).collect()
}

async fn post(sidecar: &Sidecar, event: &Value, headers: &[(&str, &str)]) -> u16 {
    let mut request = client().post(sidecar.events_url("orders")).json(event);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    sidecar.send(request).await.status
}

#[tokio::test]
async fn metrics_have_every_documented_name_and_no_other() {
    let sales = sales().config("telemetry: {kafkaStatistics: 100ms}");
    sales.apply();
    let sidecar = sales.run().await;
    let mut event = orders::order(1);
    event["undeclared"] = json!("x");
    assert_eq!(post(&sidecar, &event, &[]).await, 200);
    assert_eq!(post(&sidecar, &orders::broken(2).0, &[]).await, 422);

    // Garbage in a feed, so that there is something to skip.
    let properties = [("bootstrap.servers".to_owned(), sales.kafka().to_owned())].into();
    let limits = ProducerLimits { queue_bytes: 1 << 20, queue_records: 10, delivery_timeout: SOON };
    let producer = Producer::new(&KafkaConfig { properties }, limits).unwrap();
    let topic = format!("{}.tidegate-catalog.v1", sales.domain());
    let garbage = Record { topic: &topic, key: Some(b"k"), value: Some(b"garbage"), headers: &[] };
    let mut admission = producer.admit(1, Producer::cost(&garbage)).unwrap();
    admission.send(garbage);
    admission.outcomes(std::time::Instant::now() + SOON).await;

    let documented = documented();
    assert!(documented.len() > 30, "{documented:?}");
    let metrics = eventually("every documented metric is there", SOON, async || {
        let metrics = sidecar.metrics().await;
        let there = |name: &String| metrics.contains(&format!("# TYPE {name} "));
        documented.iter().all(there).then_some(metrics)
    })
    .await;
    let names = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    for name in names {
        assert!(documented.iter().any(|known| known == name), "{name} is not in METRICS.md");
    }
    let value = |series: &str| {
        let line =
            metrics.lines().find(|line| line.starts_with(series)).unwrap_or_else(|| panic!("{series}\n{metrics}"));
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    let events =
        |outcome: &str| value(&format!(r#"tidegate_events_total{{product="orders",version="1",outcome="{outcome}"}}"#));
    assert_eq!((events("published"), events("quarantined"), events("failed")), (1.0, 1.0, 0.0));
    assert_eq!(value(r#"tidegate_undeclared_fields_total{product="orders",version="1"}"#), 1.0);
    assert_eq!(value(r#"tidegate_requests_total{status="200"}"#), 1.0);
    assert_eq!(value(r#"tidegate_feed_skipped_total{feed="catalog",reason="garbage"}"#), 1.0);
    assert_eq!(value(r#"tidegate_publish_duration_seconds_count{product="orders",version="1"}"#), 2.0);
    assert_eq!(value("tidegate_kafka_brokers_up"), 1.0);
    sidecar.stop().await;
}

#[tokio::test]
async fn a_trace_context_goes_on_unchanged_when_nothing_is_traced() {
    let sales = sales();
    sales.apply();
    let sidecar = sales.run().await;
    let headers = [("traceparent", PARENT), ("tracestate", "rojo=1,congo=2")];
    assert_eq!(post(&sidecar, &orders::order(1), &headers).await, 200);
    assert_eq!(post(&sidecar, &orders::order(2), &[]).await, 200);
    let records = sales.read_product("orders", 1).await;
    let of = |number: u64| records.iter().find(|record| record.json()["sequence"] == number).unwrap();
    assert_eq!(of(1).header("traceparent"), Some(PARENT));
    assert_eq!(of(1).header("tracestate"), Some("rojo=1,congo=2"));
    assert_eq!((of(2).header("traceparent"), of(2).header("tracestate")), (None, None));
    sidecar.stop().await;
}

type Spans = Arc<Mutex<Vec<Span>>>;

/// A collector of traces.
async fn collector() -> (String, Spans) {
    async fn take(State(spans): State<Spans>, body: Bytes) {
        let sent = ExportTraceServiceRequest::decode(body).unwrap();
        let scopes = sent.resource_spans.into_iter().flat_map(|of| of.scope_spans);
        spans.lock().unwrap().extend(scopes.flat_map(|of| of.spans));
    }
    let spans = Spans::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/v1/traces", axum::routing::post(take)).with_state(spans.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, spans)
}

#[tokio::test]
async fn a_trace_goes_from_the_request_into_the_record_and_to_the_collector() {
    let (url, spans) = collector().await;
    let otlp = format!("telemetry: {{logs: {{format: json}}, otlp: {{endpoint: '{url}', metrics: false}}}}");
    let sales = sales().config(&otlp);
    sales.apply();
    let sidecar = sales.run().await;
    assert_eq!(post(&sidecar, &orders::order(1), &[("traceparent", PARENT)]).await, 200);
    // What has not been sent goes out before the end.
    sidecar.stop().await;

    let record = &sales.read_product("orders", 1).await[0];
    let carried = record.header("traceparent").unwrap().to_owned();
    let spans = spans.lock().unwrap();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let named =
        |name: &str| spans.iter().find(|span| span.name.starts_with(name)).unwrap_or_else(|| panic!("{spans:?}"));
    let (request, publish) = (named("POST /v1/products"), named("send "));
    assert_eq!(hex(&request.trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(hex(&request.parent_span_id), "00f067aa0ba902b7");
    assert_eq!(publish.parent_span_id, request.span_id);
    assert_eq!(carried, format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{}-01", hex(&publish.span_id)));
}

#[tokio::test]
async fn no_value_of_an_event_shows_in_logs_or_metrics() {
    let sales = sales().env("RUST_LOG", "trace").config("telemetry: {logs: {format: json}}");
    sales.apply();
    let sidecar = sales.run().await;
    let canary = "canary-3f9d7c";
    let mut good = orders::order(1);
    for field in ["customerId", "note", "coupon"] {
        good[field] = json!(canary);
    }
    good["attributes"] = json!({ canary: canary });
    let headers = [
        ("ce-specversion", "1.0"),
        ("ce-id", canary),
        ("ce-source", "/shop"),
        ("ce-type", canary),
        ("ce-canary", canary),
        ("idempotency-key", canary),
    ];
    assert_eq!(post(&sidecar, &good, &headers).await, 200);
    for number in 0..6 {
        let (mut broken, _) = orders::broken(number);
        for field in ["orderId", "currency", "total", "placedAt", "note"] {
            broken[field] = json!(canary);
        }
        broken[canary] = json!(canary);
        assert_eq!(post(&sidecar, &broken, &[]).await, 422);
    }
    let body = format!("{{\"orderId\": \"{canary}\", {canary}");
    assert_eq!(sidecar.post("orders", "application/json", body).await.status, 400);
    let metrics = sidecar.metrics().await;
    sidecar.sigterm();
    let mut sidecar = sidecar;
    sidecar.ended(SOON).await;
    let log = sidecar.log();
    assert!(log.contains("\"level\":\"TRACE\"") || log.contains("\"level\":\"DEBUG\""), "the log is on: {log}");
    for (what, text) in [("the log", &log), ("the metrics", &metrics)] {
        let line = text.lines().find(|line| line.contains(canary));
        assert_eq!(line, None, "{what}");
    }
    // The values did arrive, so there was something to leak.
    assert_eq!(sales.read_product("orders", 1).await[0].json()["customerId"], canary);
}

#[tokio::test]
async fn a_log_on_a_full_disk_stops_nothing_and_the_loss_is_counted() {
    let sales = sales();
    sales.apply();
    // Every write to it fails for want of space.
    let full = || Stdio::from(File::options().write(true).open("/dev/full").unwrap());
    let mut process = sales.command(&["run"]).stdout(full()).stderr(full()).spawn().unwrap();
    let config = std::fs::read_to_string(sales.folder().join("tidegate.yaml")).unwrap();
    let address = |listener: &str| {
        let rest = config.split_once(&format!("{listener}: \"")).unwrap().1;
        rest.split('"').next().unwrap().to_owned()
    };
    let get = async |path: String| client().get(path).send().await.ok()?.text().await.ok();
    let ready = format!("http://{}/readyz", address("health"));
    eventually("the product is ready", SOON, async || {
        let body: Value = serde_json::from_str(&get(ready.clone()).await?).ok()?;
        (body["products"][0]["ready"] == true).then_some(())
    })
    .await;
    let url = format!("http://{}/v1/products/orders/events", address("data"));
    let answer = client().post(url).json(&orders::order(1)).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let metrics = get(format!("http://{}/metrics", address("health"))).await.unwrap();
    let lost = metrics.lines().find_map(|line| line.strip_prefix("tidegate_log_lost_total ")).unwrap();
    assert!(lost.parse::<u64>().unwrap() > 0, "{lost}");
    process.kill().unwrap();
    process.wait().unwrap();
}
