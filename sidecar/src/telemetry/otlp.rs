//! Traces and metrics to an OpenTelemetry collector, by OTLP over HTTP with protobuf.
//!
//! Traces go through OpenTelemetry's own batch processor and exporter. Metrics do not go through its meters: those sum
//! up what they are told one by one, and cannot take histograms that exist already as buckets of atomics, so the data
//! path would have to count everything twice. What is pushed here is the same reading that `/metrics` renders.

use super::{
    counters::Histogram,
    metrics::{Definition, Kind, Metric},
    sources::{Sources, Value},
    trace,
};
use opentelemetry::{KeyValue, trace::TracerProvider as _};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::{InstrumentationScope, KeyValue as ProtoKeyValue},
    metrics::v1::{
        AggregationTemporality, Gauge, Histogram as ProtoHistogram, HistogramDataPoint, Metric as ProtoMetric,
        NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric::Data, number_data_point,
    },
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider, SpanData},
};
use prost::Message as _;
use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// The longest one export may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where a collector is, secrets read.
#[derive(Clone)]
pub(super) struct Collector {
    /// The base URL, without the signal's path.
    pub(super) endpoint: String,
    /// Headers to send along.
    pub(super) headers: BTreeMap<String, String>,
}

/// The headers' names only: their values may be keys.
impl std::fmt::Debug for Collector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Collector").field("endpoint", &self.endpoint).field("headers", &self.headers.keys()).finish()
    }
}

/// Why the exporters could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("telemetry.otlp: {0}")]
pub struct OtlpError(String);

/// Who these traces and metrics are of.
pub(super) fn resource(domain: &str) -> Resource {
    // `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` are read by the builder; what is set here goes before them, so
    // the name is set only where the environment has none.
    let mut resource = Resource::builder().with_attributes([
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", uuid::Uuid::new_v4().to_string()),
        KeyValue::new("tidegate.domain", domain.to_owned()),
    ]);
    if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
        resource = resource.with_service_name("tidegate");
    }
    resource.build()
}

/// Spans to the collector, in batches, from a thread of the SDK's own.
pub(super) fn tracer(
    collector: &Collector,
    resource: Resource,
    sample_ratio: f64,
) -> Result<(SdkTracerProvider, SdkTracer), OtlpError> {
    let client = Client { http: http_client()?, runtime: Handle::current() };
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_endpoint(format!("{}/v1/traces", collector.endpoint.trim_end_matches('/')))
        .with_headers(collector.headers.clone().into_iter().collect())
        .with_timeout(TIMEOUT)
        .build()
        .map_err(|error| OtlpError(error.to_string()))?;
    let provider = SdkTracerProvider::builder()
        .with_resource(resource)
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(sample_ratio))))
        .with_span_processor(BatchSpanProcessor::builder(CountingExporter(exporter)).build())
        .build();
    let tracer = provider.tracer("tidegate");
    Ok((provider, tracer))
}

/// Counts the spans that did not arrive.
#[derive(Debug)]
struct CountingExporter(SpanExporter);

impl opentelemetry_sdk::trace::SpanExporter for CountingExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len() as u64;
        let result = self.0.export(batch).await;
        if result.is_err() {
            trace::count_lost_spans(spans);
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}

/// The exporter runs on a thread that knows no tokio, so its requests run on ours.
#[derive(Debug)]
struct Client {
    http: reqwest::Client,
    runtime: Handle,
}

impl HttpClient for Client {
    // As `async_trait` writes it.
    fn send_bytes<'a, 'b>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        let http = self.http.clone();
        let task = self.runtime.spawn(async move {
            let answer = http.execute(request.try_into()?).await.map_err(reqwest::Error::without_url)?;
            let (status, headers) = (answer.status(), answer.headers().clone());
            let mut response = Response::new(answer.bytes().await.map_err(reqwest::Error::without_url)?);
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            Ok(response)
        });
        Box::pin(async move { task.await? })
    }
}

/// Pushes metrics every `interval`, and once more when it is cancelled.
pub(super) async fn push_metrics(
    collector: Collector,
    resource: Resource,
    sources: Arc<Sources>,
    interval: Duration,
    cancelled: CancellationToken,
) -> Result<(), OtlpError> {
    let http = http_client()?;
    let url = format!("{}/v1/metrics", collector.endpoint.trim_end_matches('/'));
    let started = nanos(SystemTime::now());
    let mut every = tokio::time::interval(interval);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    every.reset();
    let mut working = true;
    loop {
        let last = tokio::select! {
            _ = every.tick() => false,
            () = cancelled.cancelled() => true,
        };
        let body = export(&sources, &resource, started, nanos(SystemTime::now())).encode_to_vec();
        let mut request = http.post(&url).header("content-type", "application/x-protobuf").body(body);
        for (name, value) in &collector.headers {
            request = request.header(name, value);
        }
        // What is not taken is in the next push: these are totals.
        let result = request.send().await.and_then(reqwest::Response::error_for_status);
        match (result, working) {
            (Ok(_), true) => {}
            (Ok(_), false) => {
                working = true;
                tracing::info!("the collector takes metrics again");
            }
            (Err(error), true) => {
                working = false;
                let error = error.without_url();
                tracing::warn!(%error, "the collector does not take metrics; trying on, and nothing but the wait is lost");
            }
            (Err(error), false) => {
                let error = error.without_url();
                tracing::debug!(%error, "the collector still does not take metrics");
            }
        }
        if last {
            return Ok(());
        }
    }
}

fn http_client() -> Result<reqwest::Client, OtlpError> {
    // An error means that one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none()).build();
    client.map_err(|error| OtlpError(error.to_string()))
}

/// One reading as OTLP writes it.
pub(super) fn export(sources: &Sources, resource: &Resource, started: u64, now: u64) -> ExportMetricsServiceRequest {
    let reading = sources.read();
    let metrics = Metric::ALL.into_iter().filter_map(|metric| {
        let definition = metric.definition();
        let points: Vec<_> = reading
            .series(metric)
            .into_iter()
            .map(|series| (attributes(definition.labels, &series.labels), series.value))
            .collect();
        (!points.is_empty()).then(|| ProtoMetric {
            name: definition.name.to_owned(),
            description: definition.help.to_owned(),
            unit: definition.unit.to_owned(),
            metadata: Vec::new(),
            data: Some(data(&definition, points, started, now)),
        })
    });
    let scope = InstrumentationScope {
        name: "tidegate".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..Default::default()
    };
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(resource.into()),
            scope_metrics: vec![ScopeMetrics {
                scope: Some(scope),
                metrics: metrics.collect(),
                schema_url: String::new(),
            }],
            schema_url: String::new(),
        }],
    }
}

fn data(definition: &Definition, points: Vec<(Vec<ProtoKeyValue>, Value)>, started: u64, now: u64) -> Data {
    let cumulative = AggregationTemporality::Cumulative.into();
    let mut numbers = Vec::new();
    let mut histograms = Vec::new();
    for (attributes, value) in points {
        let number = match value {
            Value::Whole(number) => number_data_point::Value::AsInt(i64::try_from(number).unwrap_or(i64::MAX)),
            Value::Real(number) => number_data_point::Value::AsDouble(number),
            Value::Histogram(snapshot) => {
                histograms.push(HistogramDataPoint {
                    attributes,
                    start_time_unix_nano: started,
                    time_unix_nano: now,
                    count: snapshot.count(),
                    sum: Some(snapshot.sum_micros as f64 / 1e6),
                    explicit_bounds: Histogram::BOUNDS_MICROS.map(|micros| micros as f64 / 1e6).into(),
                    bucket_counts: snapshot.buckets,
                    ..Default::default()
                });
                continue;
            }
        };
        numbers.push(NumberDataPoint {
            attributes,
            start_time_unix_nano: started,
            time_unix_nano: now,
            value: Some(number),
            ..Default::default()
        });
    }
    match definition.kind {
        Kind::Counter => {
            Data::Sum(Sum { data_points: numbers, aggregation_temporality: cumulative, is_monotonic: true })
        }
        Kind::Gauge => Data::Gauge(Gauge { data_points: numbers }),
        Kind::Histogram => {
            Data::Histogram(ProtoHistogram { data_points: histograms, aggregation_temporality: cumulative })
        }
    }
}

fn attributes(names: &[&'static str], values: &[String]) -> Vec<ProtoKeyValue> {
    let pairs = names.iter().zip(values);
    pairs.map(|(name, value)| ProtoKeyValue::from(&KeyValue::new(*name, value.clone()))).collect()
}

fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
