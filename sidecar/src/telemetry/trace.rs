//! W3C trace context: in over HTTP, out in record headers, and a span for what happens between.
//!
//! The rules, which `telemetry.rs` documents for users: a record's `traceparent` names the span of its own publish when
//! that span is recorded. Otherwise the caller's `traceparent` and `tracestate` go on unchanged, as a hop that takes no
//! part in the trace has to do. Without either, the record has none.
//!
//! Spans are made here, through OpenTelemetry's own API, and only for requests: a request that nobody traces costs
//! one look for a header.

use axum::http::{HeaderMap, HeaderValue};
use opentelemetry::{
    Context, KeyValue,
    trace::{
        Span as _, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceId, TraceState,
        Tracer as _,
    },
};
use opentelemetry_sdk::trace::SdkTracer;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The name of the header, over HTTP and in records.
pub const TRACEPARENT: &str = "traceparent";
/// The name of the header that goes with it.
pub const TRACESTATE: &str = "tracestate";

/// The longest `tracestate` that goes on; the specification asks for 512 at least.
const TRACESTATE_LIMIT: usize = 4096;

/// `sampled` and `random-trace-id`; what else may stand in the flags is not ours to hand on in a version 00.
const KNOWN_FLAGS: u8 = 0b11;

static SPANS_LOST: AtomicU64 = AtomicU64::new(0);

/// Spans that the collector did not take, in this process.
pub fn spans_lost() -> u64 {
    SPANS_LOST.load(Relaxed)
}

pub(super) fn count_lost_spans(count: u64) {
    SPANS_LOST.fetch_add(count, Relaxed);
}

/// Makes spans, or does not. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Tracing {
    tracer: Option<SdkTracer>,
}

/// A trace context as it goes from hop to hop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceHeaders {
    /// The `traceparent`.
    pub traceparent: String,
    /// The `tracestate`, if there is one.
    pub tracestate: Option<String>,
}

/// The trace of one request. Dropping it ends its span, as OpenTelemetry's spans do.
#[derive(Debug, Default)]
pub struct RequestTrace {
    tracer: Option<SdkTracer>,
    incoming: Option<TraceHeaders>,
    span: Option<Context>,
}

/// The trace of one request's publish: a child of the request's span. Dropping it ends its span.
#[derive(Debug, Default)]
pub struct PublishTrace {
    /// What the records carry.
    pub headers: Option<TraceHeaders>,
    span: Option<Context>,
}

impl Tracing {
    /// Makes no spans; incoming trace contexts still go on.
    pub fn off() -> Self {
        Self::default()
    }

    pub(super) fn on(tracer: SdkTracer) -> Self {
        Self { tracer: Some(tracer) }
    }

    /// Begins a request. The span is named `METHOD ROUTE`, so the route must be the template, not the path.
    pub fn request(&self, method: &'static str, route: &'static str, headers: &HeaderMap) -> RequestTrace {
        let incoming = TraceHeaders::from_http(headers);
        let span = self.tracer.as_ref().and_then(|tracer| {
            let parent = incoming.as_ref().and_then(TraceHeaders::span_context);
            let parent = parent.map_or_else(Context::new, |parent| Context::new().with_remote_span_context(parent));
            let builder = tracer
                .span_builder(format!("{method} {route}"))
                .with_kind(SpanKind::Server)
                .with_attributes([KeyValue::new("http.request.method", method), KeyValue::new("http.route", route)]);
            let span = tracer.build_with_context(builder, &parent);
            span.is_recording().then(|| parent.with_span(span))
        });
        RequestTrace { tracer: self.tracer.clone(), incoming, span }
    }
}

impl RequestTrace {
    /// A span for the log: what is logged inside it carries the trace's id. Disabled when there is no trace.
    pub fn log_span(&self) -> tracing::Span {
        if let Some(context) = &self.span {
            let span = context.span();
            let (trace, span) = (span.span_context().trace_id(), span.span_context().span_id());
            tracing::error_span!("request", trace_id = %trace, span_id = %span)
        } else if let Some(headers) = &self.incoming {
            tracing::error_span!("request", trace_id = headers.trace_id())
        } else {
            tracing::Span::none()
        }
    }

    /// Names the product, once it is known to be one.
    pub fn product(&self, domain: &str, product: &str, version: u64) {
        if let Some(context) = &self.span {
            context.span().set_attributes([
                KeyValue::new("tidegate.domain", domain.to_owned()),
                KeyValue::new("tidegate.product", product.to_owned()),
                KeyValue::new("tidegate.version", version as i64),
            ]);
        }
    }

    /// Begins the publish of so many records to a topic, and says what their headers carry.
    pub fn publish(&self, topic: &str, records: usize) -> PublishTrace {
        let (Some(tracer), Some(parent)) = (&self.tracer, &self.span) else {
            return PublishTrace { headers: self.incoming.clone(), span: None };
        };
        let builder = tracer.span_builder(format!("send {topic}")).with_kind(SpanKind::Producer).with_attributes([
            KeyValue::new("messaging.system", "kafka"),
            KeyValue::new("messaging.operation.type", "send"),
            KeyValue::new("messaging.operation.name", "send"),
            KeyValue::new("messaging.destination.name", topic.to_owned()),
            KeyValue::new("messaging.batch.message_count", records as i64),
        ]);
        let span = tracer.build_with_context(builder, parent);
        let headers = TraceHeaders::of(span.span_context());
        PublishTrace { headers: Some(headers), span: Some(parent.with_span(span)) }
    }

    /// Ends the request with its HTTP status.
    pub fn replied(self, status: u16) {
        if let Some(context) = &self.span {
            let span = context.span();
            span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
            if status >= 500 {
                span.set_status(Status::error(""));
            }
        }
    }
}

impl PublishTrace {
    /// Ends the publish: how many records have no receipt.
    pub fn acked(self, without_receipt: usize) {
        if let Some(context) = &self.span
            && without_receipt > 0
        {
            let span = context.span();
            span.set_attribute(KeyValue::new("tidegate.records.without_receipt", without_receipt as i64));
            span.set_status(Status::error("not every record was acked"));
        }
    }
}

impl TraceHeaders {
    /// The trace context of a request; `None` when it has none, or one that is malformed and so has to be ignored.
    pub fn from_http(headers: &HeaderMap) -> Option<Self> {
        let mut parents = headers.get_all(TRACEPARENT).iter();
        let traceparent = parents.next()?.to_str().ok()?;
        // Two of them contradict each other, so neither can be believed.
        if parents.next().is_some() || !is_traceparent(traceparent) {
            return None;
        }
        let states: Option<Vec<&str>> =
            headers.get_all(TRACESTATE).iter().map(|state: &HeaderValue| state.to_str().ok()).collect();
        let tracestate = states.map(|states| states.join(",")).filter(|state| {
            !state.trim().is_empty() && state.len() <= TRACESTATE_LIMIT && state.parse::<TraceState>().is_ok()
        });
        Some(Self { traceparent: traceparent.to_owned(), tracestate })
    }

    /// The record headers, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        let state = self.tracestate.iter().map(|state| (TRACESTATE, state.as_bytes()));
        std::iter::once((TRACEPARENT, self.traceparent.as_bytes())).chain(state)
    }

    /// The trace's id, 32 hex digits.
    pub fn trace_id(&self) -> &str {
        // Both ways to make one check that it has them.
        &self.traceparent[3..35]
    }

    fn of(context: &SpanContext) -> Self {
        let state = context.trace_state().header();
        Self {
            traceparent: format!(
                "00-{}-{}-{:02x}",
                context.trace_id(),
                context.span_id(),
                context.trace_flags().to_u8() & KNOWN_FLAGS
            ),
            tracestate: (!state.is_empty()).then_some(state),
        }
    }

    fn span_context(&self) -> Option<SpanContext> {
        let trace = TraceId::from_hex(self.trace_id()).ok()?;
        let span = SpanId::from_hex(&self.traceparent[36..52]).ok()?;
        let flags = u8::from_str_radix(&self.traceparent[53..55], 16).ok()?;
        let state = self.tracestate.as_deref().and_then(|state| state.parse().ok()).unwrap_or_default();
        Some(SpanContext::new(trace, span, TraceFlags::new(flags & KNOWN_FLAGS), true, state))
    }
}

/// Whether a text is a `traceparent`: `VERSION-TRACE-PARENT-FLAGS`, and for versions after 00 maybe more behind it.
fn is_traceparent(text: &str) -> bool {
    /// A later version may be longer; nobody needs one that long.
    const LONGEST: usize = 256;
    let hex = |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let zero = |part: &str| part.bytes().all(|byte| byte == b'0');
    if !text.is_ascii() || text.len() < 55 || text.len() > LONGEST {
        return false;
    }
    let (known, more) = text.split_at(55);
    let parts: Vec<&str> = known.split('-').collect();
    let [version, trace, parent, flags] = parts[..] else { return false };
    [version.len(), trace.len(), parent.len(), flags.len()] == [2, 32, 16, 2]
        && [version, trace, parent, flags].into_iter().all(hex)
        && version != "ff"
        && !zero(trace)
        && !zero(parent)
        && (more.is_empty() || (version != "00" && more.starts_with('-')))
}

#[cfg(test)]
mod tests;
