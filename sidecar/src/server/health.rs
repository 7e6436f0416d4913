//! The health listener: `/livez`, `/readyz`, `/metrics` and nothing else, to anyone.

use crate::{
    problem::Problem,
    product::{Products, State},
};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    header::{self, HeaderValue},
};
use serde::Serialize;
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering::Relaxed},
    },
};

/// Where the process is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// The local files are not loaded yet.
    Starting,
    /// It serves; whether Kafka can be reached is another matter, that restarting or avoiding this pod would not mend.
    Ready,
    /// It answers what it has accepted, and ends.
    Draining,
}

/// What the health listener tells. Cheap to clone.
#[derive(Clone)]
pub struct Health(Arc<Inner>);

struct Inner {
    phase: AtomicU8,
    products: Arc<Products>,
    metrics: Box<dyn Fn() -> String + Send + Sync>,
}

/// One product, as `/readyz` and the admin listener show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProductState {
    product: String,
    version: String,
    topic: String,
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema_id: Option<u32>,
}

#[derive(Serialize)]
struct Readiness {
    status: Phase,
    products: Vec<ProductState>,
    /// Why the contract files of now are not in force, if they are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<String>,
}

impl ProductState {
    pub(super) fn is_of(&self, product: &str) -> bool {
        self.product == product
    }
}

impl Health {
    /// Starts as [`Phase::Starting`]. `metrics` makes the text of `/metrics`.
    pub fn new(products: Arc<Products>, metrics: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner { phase: AtomicU8::new(Phase::Starting as u8), products, metrics: Box::new(metrics) }))
    }

    /// Moves on.
    pub fn set(&self, phase: Phase) {
        self.0.phase.store(phase as u8, Relaxed);
    }

    /// Where the process is.
    pub fn phase(&self) -> Phase {
        match self.0.phase.load(Relaxed) {
            0 => Phase::Starting,
            1 => Phase::Ready,
            _ => Phase::Draining,
        }
    }

    /// Answers a request.
    pub fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", "Method not allowed", "only GET here");
            return problem.header(header::ALLOW, "GET, HEAD").into_response();
        }
        match request.uri().path() {
            "/livez" => reply(StatusCode::OK, "text/plain; charset=utf-8", "ok\n".to_owned()),
            "/readyz" => {
                let phase = self.phase();
                let ready =
                    Readiness { status: phase, products: states(&self.0.products), held: self.0.products.held() };
                let status = if phase == Phase::Ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
                // Texts and numbers into memory: there is nothing that could fail.
                reply(status, "application/json", serde_json::to_string(&ready).unwrap_or_default())
            }
            "/metrics" => reply(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", (self.0.metrics)()),
            _ => {
                let detail = "here are /livez, /readyz and /metrics";
                Problem::new(StatusCode::NOT_FOUND, "not-found", "No such resource", detail).into_response()
            }
        }
    }
}

/// Every product, by name and version.
pub(super) fn states(products: &Products) -> Vec<ProductState> {
    let snapshot = products.get();
    let mut all: Vec<_> = snapshot.values().flatten().collect();
    all.sort_by(|a, b| (&a.contract.product, &a.contract.version).cmp(&(&b.contract.product, &b.contract.version)));
    let state = |product: &&Arc<crate::product::Product>| {
        let (reason, schema_id) = match &product.state {
            State::Ready(serving) => (None, Some(serving.schema_id)),
            State::NotReady(reason) => (Some(reason.clone()), None),
        };
        ProductState {
            product: product.contract.product.clone(),
            version: product.contract.version.to_string(),
            topic: product.contract.topic.clone(),
            ready: reason.is_none(),
            reason,
            schema_id,
        }
    };
    all.iter().map(state).collect()
}

fn reply(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Health").field(&self.phase()).finish()
    }
}
