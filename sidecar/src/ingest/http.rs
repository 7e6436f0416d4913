//! The HTTP door: one request to a batch, its receipts to one reply.

mod events;
mod problems;
mod query;
mod tombstone;

use super::{
    Context, Foreign, Foreigners, Incoming, Ingest, NotAdmitted, Sent, Target,
    body::{self, Bounds, Encoding},
    cloudevents,
    media::Media,
    reply::{self, Reply},
};
use crate::{
    problem::Problem,
    product::Products,
    telemetry::{
        counters::Counters,
        trace::{RequestTrace, Tracing},
    },
};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::Body,
    header::{self, HeaderValue},
};
use query::Query;
use std::{error::Error, sync::Arc, time::Instant};

/// Where events go, as OpenAPI has it.
const ROUTE: &str = "/v1/products/{product}/events";

/// Takes events over HTTP.
#[derive(Debug)]
pub struct Door {
    ingest: Ingest,
    products: Arc<Products>,
    counters: Arc<Counters>,
    foreigners: Foreigners,
    tracing: Tracing,
    bounds: Bounds,
}

impl Door {
    /// Makes a door; it starts nothing.
    pub fn new(
        ingest: Ingest,
        products: Arc<Products>,
        counters: Arc<Counters>,
        foreigners: Foreigners,
        tracing: Tracing,
        bounds: Bounds,
    ) -> Self {
        Self { ingest, products, counters, foreigners, tracing, bounds }
    }

    /// Forgets what was found out about foreign schema ids, which was judged by the contracts in force until now.
    pub fn forget(&self) {
        self.foreigners.forget();
    }

    /// Answers a request. Dropping the future before it is ready is a client that went away: what was sent to Kafka by
    /// then goes on and is counted.
    pub async fn answer<B>(&self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        self.try_answer(request).await.unwrap_or_else(Problem::into_response)
    }

    async fn try_answer<B>(&self, request: Request<B>) -> Result<Response<Full<Bytes>>, Problem>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let began = Instant::now();
        let (head, body) = request.into_parts();
        let name = head.uri.path().strip_prefix("/v1/products/").and_then(|rest| rest.strip_suffix("/events"));
        let name = name.filter(|name| !name.contains('/')).ok_or_else(problems::not_found)?;
        let publishing = match head.method {
            Method::POST => true,
            Method::DELETE => false,
            _ => return Err(problems::method("POST, DELETE")),
        };
        let query = Query::parse(head.uri.query().unwrap_or_default(), publishing)?;
        let target = Target::find(&self.products.get(), name, query.version).map_err(problems::no_target)?;
        let contract = &target.product().contract;
        let trace = self.tracing.request(if publishing { "POST" } else { "DELETE" }, ROUTE, &head.headers);
        trace.product(&contract.domain, &contract.product, contract.major());
        let answered = if publishing {
            self.publish(&target, &head.headers, &query, body, &trace).await
        } else {
            self.delete(&target, &head.headers, &query, &trace).await
        };
        let response = answered.unwrap_or_else(Problem::into_response);
        trace.replied(response.status().as_u16());
        self.counters.product(&contract.product, contract.major()).request.record(began.elapsed());
        Ok(response)
    }

    async fn publish<B>(
        &self,
        target: &Target,
        headers: &HeaderMap,
        query: &Query,
        body: B,
        trace: &RequestTrace,
    ) -> Result<Response<Full<Bytes>>, Problem>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let media = media(headers)?;
        query.fits(media)?;
        // Beside an envelope, the headers may only repeat what it says.
        let binary_mode = cloudevents::in_headers(headers) && !media.is_envelope();
        if binary_mode && !matches!(media, Media::Json | Media::Avro | Media::Framed) {
            return Err(problems::many_in_binary_mode(media));
        }
        let encoding = encoding(headers)?;
        let idempotency_key = idempotency_key(headers)?;
        let attributes = binary_mode.then(|| cloudevents::from_headers(headers));
        let body = body::read(body, encoding, self.bounds).await.map_err(problems::body)?;
        let array = media == Media::Json && !binary_mode && events::is_array(&body);
        let many = array || matches!(media, Media::Ndjson | Media::CloudEventBatch | Media::FramedBatch);
        let context = Context { idempotency_key, many };

        // Plain JSON goes straight into the batch; the rest is taken apart first, since its schema ids may have to be
        // asked for.
        let (taken_apart, foreign) = match media {
            Media::Json | Media::Ndjson => (Vec::new(), Foreign::default()),
            _ => {
                let max_events = self.ingest.options.max_events;
                let events = events::take_apart(media, &body, attributes.clone(), query, max_events)?;
                let ids = events.iter().filter_map(Incoming::schema_id);
                let foreign = self.foreigners.find(target, ids).await;
                (events, foreign)
            }
        };
        let mut batch = self.ingest.batch(target, &foreign, &context, body.len());
        match media {
            Media::Json if array => events::push_array(&mut batch, &body, query.form)?,
            Media::Json => events::push_value(&mut batch, &body, query.form, attributes)?,
            Media::Ndjson => events::push_lines(&mut batch, &body, query.form)?,
            _ => taken_apart.into_iter().try_for_each(|event| batch.push(event)).map_err(problems::too_many)?,
        }
        let sent = self.ingest.publish(batch, trace);
        // The request's bytes are not needed for its outcomes.
        drop(body);
        self.reply(target, sent).await
    }

    async fn delete(
        &self,
        target: &Target,
        headers: &HeaderMap,
        query: &Query,
        trace: &RequestTrace,
    ) -> Result<Response<Full<Bytes>>, Problem> {
        let contract = &target.product().contract;
        let key = tombstone::key(contract, target.serving().key_schema_id, query.key.as_deref())?;
        let context = Context { idempotency_key: idempotency_key(headers)?, many: false };
        let attributes = cloudevents::in_headers(headers).then(|| cloudevents::from_headers(headers)).transpose();
        let attributes = attributes.map_err(|broken| problems::bad_attributes(&broken.violations))?;
        let none = Foreign::default();
        let mut batch = self.ingest.batch(target, &none, &context, 0);
        batch.push_tombstone(&key, attributes).map_err(problems::too_many)?;
        let sent = self.ingest.publish(batch, trace);
        self.reply(target, sent).await
    }

    async fn reply(
        &self,
        target: &Target,
        sent: Result<Sent, Box<NotAdmitted>>,
    ) -> Result<Response<Full<Bytes>>, Problem> {
        let topic = &target.product().contract.topic;
        let receipts = sent.map_err(|not_admitted| problems::not_admitted(&not_admitted, topic))?.await;
        let status = reply::status(&receipts);
        let mut response = Response::new(Full::from(Reply::new(&receipts, topic).into_json()));
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        Ok(response)
    }
}

fn media(headers: &HeaderMap) -> Result<Media, Problem> {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let value = values.next();
    if values.next().is_some() {
        return Err(problems::content_types());
    }
    if value.is_none() && cloudevents::in_headers(headers) {
        // An event without datacontenttype is JSON, and SDKs then send none in binary mode.
        return Ok(Media::Json);
    }
    let text = value.map(|value| value.to_str().unwrap_or("?"));
    text.and_then(Media::parse).ok_or_else(|| problems::media_type(text.is_some()))
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Problem> {
    let mut values = headers.get_all(header::CONTENT_ENCODING).iter();
    let (first, second) = (values.next(), values.next());
    let first = first.map_or("", |value| value.to_str().unwrap_or("?"));
    Encoding::parse(first).filter(|_| second.is_none()).ok_or_else(problems::content_encoding)
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    const LONGEST: usize = 255;
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(first) = values.next() else { return Ok(None) };
    let text = first.to_str().ok().filter(|_| values.next().is_none());
    // The header's draft has it as a quoted string; most callers leave the quotes out.
    let key = text.map(|text| text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text));
    let key =
        key.filter(|key| !key.is_empty() && key.len() <= LONGEST && key.bytes().all(|byte| byte.is_ascii_graphic()));
    key.map(|key| Some(key.to_owned())).ok_or_else(problems::idempotency_key)
}
