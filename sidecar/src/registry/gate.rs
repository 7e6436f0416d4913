//! What every call to the registry goes through: it signs in, bounds the answer, and tells an answer from a refusal.

use super::{ErrorKind, answer, error};
use crate::config::Revealed;
use async_trait::async_trait;
use axum::http::{Extensions, Response as HttpResponse};
use reqwest::{Method, Request, RequestBuilder, Response, header};
use reqwest_middleware::{Error as MiddlewareError, Middleware, Next};
use schema_registry_converter::error::SRCError;
use std::error::Error as _;

/// Larger answers are nonsense: a schema is at most 1 MiB.
const MAX_ANSWER: usize = 8 << 20;

pub(super) const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";
const ACCEPTED: &str = "application/vnd.schemaregistry.v1+json, application/json;q=0.9";

/// How to sign in, with the secret read.
#[derive(Debug, Clone)]
pub(super) enum Auth {
    /// `user:password`
    Basic(Revealed),
    Bearer(Revealed),
}

/// The one way to the registry. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    http: reqwest::Client,
    auth: Option<Auth>,
}

impl Gate {
    pub(super) fn new(http: reqwest::Client, auth: Option<Auth>) -> Self {
        Self { http, auth }
    }

    pub(super) fn signs_in(&self) -> bool {
        self.auth.is_some()
    }

    /// A request that may [`Gate::pass`].
    pub(super) fn request(&self, method: Method, url: &str) -> RequestBuilder {
        self.http.request(method, url)
    }

    /// Sends a request, and returns the JSON of an answer that is what was asked for.
    pub(super) async fn pass(&self, mut request: Request) -> Result<Vec<u8>, ErrorKind> {
        request.headers_mut().insert(header::ACCEPT, header::HeaderValue::from_static(ACCEPTED));
        let request = RequestBuilder::from_parts(self.http.clone(), request);
        let request = match &self.auth {
            Some(Auth::Basic(secret)) => {
                let (user, password) = secret.expose().split_once(':').unwrap_or((secret.expose(), ""));
                request.basic_auth(user, Some(password))
            }
            Some(Auth::Bearer(secret)) => request.bearer_auth(secret.expose()),
            None => request,
        };
        let mut response = request.send().await.map_err(|error| ErrorKind::of(&error))?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| ErrorKind::of(&error))? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(ErrorKind::Nonsense(format!("its answer is longer than {} MiB", MAX_ANSWER >> 20)));
            }
            body.extend_from_slice(&chunk);
        }
        answer::check_status(response.status().as_u16(), &body)?;
        Ok(body)
    }
}

/// For schema_registry_converter's calls.
#[async_trait]
impl Middleware for Gate {
    async fn handle(&self, request: Request, _: &mut Extensions, _: Next<'_>) -> Result<Response, MiddlewareError> {
        let body = self.pass(request).await.map_err(MiddlewareError::middleware)?;
        Ok(HttpResponse::new(body).into())
    }
}

/// What went wrong with one of schema_registry_converter's calls.
pub(super) fn kind_of(error: &SRCError) -> ErrorKind {
    match error.source().and_then(|cause| cause.downcast_ref::<MiddlewareError>()) {
        Some(MiddlewareError::Middleware(cause)) => match cause.downcast_ref::<ErrorKind>() {
            Some(kind) => kind.clone(),
            None => ErrorKind::Unreachable(cause.to_string()),
        },
        // A request that could not be built.
        Some(MiddlewareError::Reqwest(cause)) => ErrorKind::Invalid(error::causes(cause)),
        // It was let pass and is JSON, but not what it takes for a schema.
        None => answer::of_another_shape(),
    }
}
