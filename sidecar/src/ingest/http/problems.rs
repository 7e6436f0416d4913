//! Every problem that a request as a whole can have, each with its way out. The kinds are stable.

use crate::{
    ingest::{
        NoTarget, NotAdmitted, TooMany, body::BodyError, cloudevents::NotJson, framed::BadFrame, media::Media,
        reply::Items,
    },
    problem::Problem,
};
use hyper::{StatusCode, header};
use std::time::Duration;
use tidegate_contracts::{plan::Malformed, violation::Violations};
use tidegate_topics::producer::Refused;

/// How soon a product that is not ready is worth another try: somebody has to run `apply` first.
const NOT_READY_RETRY: Duration = Duration::from_secs(10);

pub(super) fn not_found() -> Problem {
    let detail = "there is nothing here; events go to /v1/products/PRODUCT/events";
    Problem::new(StatusCode::NOT_FOUND, "not-found", "No such resource", detail)
}

pub(super) fn method(allowed: &str) -> Problem {
    let detail = format!("this resource takes {allowed}");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", "Method not allowed", detail).header(header::ALLOW, allowed)
}

pub(super) fn no_target(error: NoTarget) -> Problem {
    let detail = error.to_string();
    match error {
        NoTarget::UnknownProduct { suggestion, .. } => {
            let problem = Problem::new(StatusCode::NOT_FOUND, "unknown-product", "No such product", detail);
            suggestion.iter().fold(problem, |problem, name| problem.member("suggestion", name))
        }
        NoTarget::UnknownVersion { live, .. } => {
            Problem::new(StatusCode::NOT_FOUND, "unknown-version", "No such version", detail).member("versions", &live)
        }
        NoTarget::Ambiguous { live, .. } => {
            Problem::new(StatusCode::BAD_REQUEST, "version-needed", "Version needed", detail).member("versions", &live)
        }
        NoTarget::NotReady { .. } => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", "Product not ready", detail)
                .retry_after(NOT_READY_RETRY)
        }
    }
}

pub(super) fn unknown_parameter(name: &str, allowed: &[&str]) -> Problem {
    let near = allowed.iter().map(|known| (strsim::jaro_winkler(known, name), known));
    let best = near.filter(|(score, _)| *score > 0.8).max_by(|a, b| a.0.total_cmp(&b.0));
    let hint = best.map(|(_, name)| format!("; did you mean `{name}`?")).unwrap_or_default();
    let detail = format!("a query parameter is none of {}{hint}", allowed.join(", "));
    Problem::new(StatusCode::BAD_REQUEST, "unknown-parameter", "Unknown query parameter", detail)
}

pub(super) fn parameter(name: &str, wrong: &str) -> Problem {
    let detail = format!("the query parameter `{name}` {wrong}");
    Problem::new(StatusCode::BAD_REQUEST, "bad-parameter", "Bad query parameter", detail)
}

pub(super) fn query_encoding() -> Problem {
    let detail = "the query is not percent-encoded UTF-8";
    Problem::new(StatusCode::BAD_REQUEST, "bad-parameter", "Bad query parameter", detail)
}

pub(super) fn media_type(given: bool) -> Problem {
    let taken = Media::list();
    let wrong = if given { "this content-type is not taken" } else { "there is no content-type" };
    let detail = format!("{wrong}; send one of {taken}, in UTF-8 where it is text");
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content-type", "Unsupported content type", detail)
        .header(header::ACCEPT, &taken)
        .member("accepted", &Media::ALL.map(Media::name))
}

pub(super) fn content_types() -> Problem {
    let detail = "there are several content-type headers";
    Problem::new(StatusCode::BAD_REQUEST, "content-type", "Several content types", detail)
}

pub(super) fn content_encoding() -> Problem {
    let detail = "the body may be compressed with gzip or zstd, once";
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content-encoding", "Unsupported content encoding", detail)
        .header(header::ACCEPT_ENCODING, "gzip, zstd, identity")
        .member("accepted", &["gzip", "zstd", "identity"])
}

pub(super) fn many_in_binary_mode(media: Media) -> Problem {
    let detail = format!("ce- headers describe one event, and {} has its own way to do that", media.name());
    Problem::new(StatusCode::BAD_REQUEST, "cloudevents-mode", "CloudEvents headers out of place", detail)
}

pub(super) fn idempotency_key() -> Problem {
    let detail = "idempotency-key is 1 to 255 visible ASCII characters, and stands there once";
    Problem::new(StatusCode::BAD_REQUEST, "idempotency-key", "Bad idempotency key", detail)
}

pub(super) fn body(error: BodyError) -> Problem {
    let detail = error.to_string();
    match error {
        BodyError::TooLarge { limit } => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Body too large", detail).member("limit", &limit)
        }
        // The rest of the body may still be on its way: this connection is of no more use.
        BodyError::TooSlow(_) => Problem::new(StatusCode::REQUEST_TIMEOUT, "too-slow", "Body too slow", detail)
            .header(header::CONNECTION, "close"),
        BodyError::Incomplete(_) => Problem::new(StatusCode::BAD_REQUEST, "incomplete", "Incomplete body", detail),
        BodyError::Corrupt(_) => Problem::new(StatusCode::BAD_REQUEST, "corrupt", "Corrupt compressed body", detail),
    }
}

pub(super) fn malformed(error: Malformed) -> Problem {
    let detail = format!("the body is not JSON: {error}; nothing was published");
    Problem::new(StatusCode::BAD_REQUEST, "malformed", "Malformed JSON", detail).member("offset", &error.offset)
}

pub(super) fn not_json(error: NotJson) -> Problem {
    let detail = format!("the body is {error}; nothing was published");
    Problem::new(StatusCode::BAD_REQUEST, "malformed", "Malformed JSON", detail)
        .member("line", &error.line)
        .member("column", &error.column)
}

pub(super) fn not_an_array() -> Problem {
    let detail = "a batch of CloudEvents is a JSON array; one alone is application/cloudevents+json";
    Problem::new(StatusCode::BAD_REQUEST, "malformed", "Malformed JSON", detail)
}

pub(super) fn bad_frame(error: &BadFrame) -> Problem {
    let detail = format!("{error}; nothing was published");
    Problem::new(StatusCode::BAD_REQUEST, "malformed", "Malformed batch", detail)
}

pub(super) fn too_many(error: TooMany) -> Problem {
    let detail = format!("{error}; nothing was published");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-many-events", "Too many events", detail)
        .member("limit", &error.limit)
}

pub(super) fn not_compacted(reference: &str) -> Problem {
    let detail = format!("{reference} is not compacted by a key, so that there is nothing a tombstone could take away");
    Problem::new(StatusCode::CONFLICT, "not-compacted", "Product not compacted", detail)
}

pub(super) fn no_key() -> Problem {
    let detail = "say which key with ?key=";
    Problem::new(StatusCode::BAD_REQUEST, "key-needed", "Key needed", detail)
}

pub(super) fn bad_attributes(violations: &Violations) -> Problem {
    let detail = "the ce- headers are not those of a CloudEvent";
    Problem::new(StatusCode::BAD_REQUEST, "bad-attributes", "Bad CloudEvents headers", detail)
        .member("violations", &violations.listed)
}

pub(super) fn bad_key(violations: &Violations) -> Problem {
    let detail = "the key is not JSON that fits the contract's key";
    Problem::new(StatusCode::BAD_REQUEST, "bad-key", "Bad key", detail).member("violations", &violations.listed)
}

pub(super) fn not_admitted(error: &NotAdmitted, topic: &str) -> Problem {
    let detail = format!("{}; nothing was published", error.refused);
    let problem = match &error.refused {
        Refused::Full { retry_after } => {
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "queue-full", "Queue full", detail).retry_after(*retry_after)
        }
        Refused::TooLarge { .. } => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "larger-than-queue", "Request larger than the queue", detail)
        }
        Refused::Unreachable { retry_after, .. } => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "kafka-unreachable", "Kafka unreachable", detail)
                .retry_after(*retry_after)
        }
        Refused::Closed => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "shutting-down", "Shutting down", detail)
            .retry_after(Duration::from_secs(1)),
    };
    problem.member("items", &Items { receipts: &error.receipts, topic })
}
