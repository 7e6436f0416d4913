use crate::{
    config,
    telemetry::{
        Sources, Telemetry,
        counters::{Counters, EventOutcome},
    },
};
use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    metrics::v1::{metric::Data, number_data_point},
};
use prost::Message as _;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// What a collector was sent.
#[derive(Clone, Default)]
struct Received {
    traces: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
    metrics: Arc<Mutex<Vec<ExportMetricsServiceRequest>>>,
    keys: Arc<Mutex<Vec<String>>>,
}

async fn collector() -> (String, Received) {
    async fn traces(State(received): State<Received>, headers: HeaderMap, body: Bytes) {
        received.key(&headers);
        received.traces.lock().unwrap().push(ExportTraceServiceRequest::decode(body).unwrap());
    }
    async fn metrics(State(received): State<Received>, headers: HeaderMap, body: Bytes) {
        received.key(&headers);
        received.metrics.lock().unwrap().push(ExportMetricsServiceRequest::decode(body).unwrap());
    }
    let received = Received::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new()
        .route("/v1/traces", post(traces))
        .route("/v1/metrics", post(metrics))
        .with_state(received.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (format!("http://{address}"), received)
}

impl Received {
    fn key(&self, headers: &HeaderMap) {
        self.keys.lock().unwrap().push(headers["api-key"].to_str().unwrap().to_owned());
    }
}

fn telemetry(endpoint: &str) -> Telemetry {
    let otlp = config::Otlp {
        endpoint: endpoint.to_owned(),
        headers: Default::default(),
        traces: true,
        metrics: true,
        sample_ratio: 1.0,
        interval: Duration::from_secs(3600),
    };
    let config = config::Telemetry { otlp: Some(otlp), ..Default::default() };
    let headers = [("api-key".to_owned(), "k1".to_owned())].into();
    Telemetry::install(&config, headers, "sales", 0).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_gets_spans_and_metrics_before_the_process_ends() {
    let (endpoint, received) = collector().await;
    let telemetry = telemetry(&endpoint);
    let counters = Arc::new(Counters::new());
    let orders = counters.product("orders", 1);
    orders.events(EventOutcome::Published, 7);
    orders.publish.record(Duration::from_millis(3));
    telemetry.push(Arc::new(Sources::new(counters, Arc::default())), "sales");
    let request = telemetry.tracing().request("POST", "/v1/products/{product}/events", &Default::default());
    let carried = request.publish("sales.orders.v1", 1).headers.clone().unwrap();
    request.replied(200);
    telemetry.shutdown(Duration::from_secs(30)).await;

    let traces = received.traces.lock().unwrap();
    let spans: Vec<_> = traces
        .iter()
        .flat_map(|sent| &sent.resource_spans)
        .flat_map(|of| &of.scope_spans)
        .flat_map(|of| &of.spans)
        .collect();
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["send sales.orders.v1", "POST /v1/products/{product}/events"]);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(carried.traceparent, format!("00-{}-{}-01", hex(&spans[0].trace_id), hex(&spans[0].span_id)));
    let resource = format!("{:?}", traces[0].resource_spans[0].resource);
    assert!(resource.contains("tidegate.domain") && resource.contains("service.instance.id"), "{resource}");

    let metrics = received.metrics.lock().unwrap();
    assert_eq!(metrics.len(), 1, "the interval is an hour, so only shutdown pushes");
    let metric = |name: &str| {
        let all = &metrics[0].resource_metrics[0].scope_metrics[0].metrics;
        all.iter().find(|metric| metric.name == name).unwrap().data.clone().unwrap()
    };
    let Data::Sum(events) = metric("tidegate.events") else { panic!("a sum") };
    assert!(events.is_monotonic);
    assert_eq!(events.data_points[0].value, Some(number_data_point::Value::AsInt(7)));
    let attributes: Vec<_> = events.data_points[0].attributes.iter().map(|attribute| attribute.key.as_str()).collect();
    assert_eq!(attributes, ["product", "version", "outcome"]);
    let Data::Histogram(publish) = metric("tidegate.publish.duration") else { panic!("a histogram") };
    let point = &publish.data_points[0];
    assert_eq!((point.count, point.sum), (1, Some(0.003)));
    assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
    assert_eq!(received.keys.lock().unwrap().as_slice(), ["k1", "k1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_does_not_hold_up_the_end() {
    // A listener that nobody accepts from: connected, and silent for ever.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let telemetry = telemetry(&format!("http://{}", silent.local_addr().unwrap()));
    telemetry.push(Arc::default(), "sales");
    telemetry.tracing().request("POST", "/", &Default::default()).replied(200);
    let began = std::time::Instant::now();
    telemetry.shutdown(Duration::from_millis(300)).await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}
