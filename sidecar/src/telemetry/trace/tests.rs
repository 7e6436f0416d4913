use super::*;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{Sampler, SdkTracerProvider, SpanData, SpanExporter},
};
use std::sync::{Arc, Mutex};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const UNSAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

#[derive(Debug, Clone, Default)]
struct Spans(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Spans {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().extend(batch);
        Ok(())
    }
}

fn http(headers: &[(&'static str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, value.parse().unwrap());
    }
    map
}

/// Runs one request and returns what its records carry and the spans that were recorded, the first to end first.
fn run(sampler: Sampler, headers: &[(&'static str, &str)]) -> (Option<TraceHeaders>, Vec<SpanData>) {
    let spans = Spans::default();
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(spans.clone())
        .with_sampler(Sampler::ParentBased(Box::new(sampler)))
        .build();
    let tracing = Tracing::on(provider.tracer("test"));
    let request = tracing.request("POST", "/v1/products/{product}/events", &http(headers));
    request.product("sales", "orders", 1);
    let publish = request.publish("sales.orders.v1", 2);
    let carried = publish.headers.clone();
    publish.acked(1);
    request.replied(207);
    let spans = spans.0.lock().unwrap().clone();
    (carried, spans)
}

#[test]
fn a_traceparent_is_read_as_the_specification_says() {
    fn check(text: &str, expected: bool) {
        assert_eq!(is_traceparent(text), expected, "{text:?}");
        assert_eq!(TraceHeaders::from_http(&http(&[(TRACEPARENT, text)])).is_some(), expected, "{text:?}");
    }
    check(PARENT, true);
    check(UNSAMPLED, true);
    // A later version may have more.
    check("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true);
    check("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes", true);
    check("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what", false);
    check("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", false);
    check("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false);
    check("00-00000000000000000000000000000000-00f067aa0ba902b7-01", false);
    check("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false);
    check("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false);
    check("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1", false);
    check("00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01", false);
    check("00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01", false);
    check(&format!("cc{}-{}", &PARENT[2..], "x".repeat(300)), false);
    check("", false);
}

#[test]
fn contradicting_traceparents_are_ignored() {
    assert_eq!(TraceHeaders::from_http(&http(&[(TRACEPARENT, PARENT), (TRACEPARENT, UNSAMPLED)])), None);
}

#[test]
fn a_tracestate_goes_with_its_traceparent_or_not_at_all() {
    fn check(states: &[&str], expected: Option<&str>) {
        let mut headers = vec![(TRACEPARENT, PARENT)];
        headers.extend(states.iter().map(|state| (TRACESTATE, *state)));
        let found = TraceHeaders::from_http(&http(&headers)).unwrap();
        assert_eq!((found.traceparent.as_str(), found.tracestate.as_deref()), (PARENT, expected), "{states:?}");
    }
    check(&[], None);
    check(&[""], None);
    check(&["rojo=00f067aa0ba902b7"], Some("rojo=00f067aa0ba902b7"));
    check(&["rojo=1", "congo=2"], Some("rojo=1,congo=2"));
    check(&["no state"], None);
    check(&[&format!("a={}", "x".repeat(TRACESTATE_LIMIT))], None);
    assert_eq!(TraceHeaders::from_http(&http(&[(TRACESTATE, "rojo=1")])), None);
}

#[test]
fn without_tracing_the_callers_context_goes_on_unchanged() {
    let request = Tracing::off().request("POST", "/", &http(&[(TRACEPARENT, PARENT), (TRACESTATE, "rojo=1")]));
    let carried = request.publish("t", 1).headers.unwrap();
    let expected: [(&str, &[u8]); 2] = [(TRACEPARENT, PARENT.as_bytes()), (TRACESTATE, b"rojo=1")];
    assert_eq!(carried.iter().collect::<Vec<_>>(), expected);
    assert_eq!(Tracing::off().request("POST", "/", &HeaderMap::new()).publish("t", 1).headers, None);
}

#[test]
fn a_recorded_publish_is_the_parent_of_what_comes_after() {
    let (carried, spans) = run(Sampler::AlwaysOff, &[(TRACEPARENT, PARENT), (TRACESTATE, "rojo=1")]);
    let carried = carried.unwrap();
    let [publish, request] = &spans[..] else { panic!("two spans, not {}", spans.len()) };
    assert_eq!(request.name, "POST /v1/products/{product}/events");
    assert_eq!(request.parent_span_id.to_string(), "00f067aa0ba902b7");
    assert_eq!(request.span_context.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(publish.name, "send sales.orders.v1");
    assert_eq!(publish.parent_span_id, request.span_context.span_id());
    assert!(matches!(publish.status, Status::Error { .. }));
    let span = publish.span_context.span_id();
    assert_eq!(carried.traceparent, format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{span}-01"));
    assert_eq!(carried.tracestate.as_deref(), Some("rojo=1"));
}

#[test]
fn a_trace_begins_here_when_the_caller_has_none_and_the_sampler_says_so() {
    let (carried, spans) = run(Sampler::AlwaysOn, &[]);
    assert_eq!(spans.len(), 2);
    assert_eq!(carried.unwrap().trace_id(), spans[0].span_context.trace_id().to_string());
    let (carried, spans) = run(Sampler::AlwaysOff, &[]);
    assert_eq!((carried, spans.len()), (None, 0));
}

#[test]
fn what_the_caller_does_not_sample_is_not_recorded_and_goes_on_unchanged() {
    let (carried, spans) = run(Sampler::AlwaysOn, &[(TRACEPARENT, UNSAMPLED)]);
    assert_eq!((carried.unwrap().traceparent.as_str(), spans.len()), (UNSAMPLED, 0));
}
