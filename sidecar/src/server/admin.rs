//! The admin listener: what is served, and the API's description.

use super::health::{self, ProductState};
use crate::{problem::Problem, product::Products};
use axum::{
    Json, Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Serialize;
use std::sync::Arc;

/// The data listener's API and this one's, as OpenAPI 3.1.
pub const OPENAPI: &str = include_str!("openapi.json");

#[derive(Serialize)]
struct Shown {
    products: Vec<ProductState>,
    /// Why the contract files of now are not in force, if they are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<String>,
}

/// What the admin listener answers. Further resources are merged into it.
pub fn router(products: Arc<Products>) -> Router {
    Router::new()
        .route("/v1/products", get(all))
        .route("/v1/products/{product}", get(one))
        .route("/openapi.json", get(|| async { ([(header::CONTENT_TYPE, "application/json")], OPENAPI) }))
        .fallback(|| async { missing("here are /v1/products and /openapi.json") })
        .with_state(products)
}

async fn all(State(products): State<Arc<Products>>) -> Response {
    Json(Shown { products: health::states(&products), held: products.held() }).into_response()
}

async fn one(State(products): State<Arc<Products>>, Path(name): Path<String>) -> Response {
    let states = health::states(&products).into_iter().filter(|state| state.is_of(&name));
    match states.collect::<Vec<_>>() {
        none if none.is_empty() => missing("this sidecar serves no such product"),
        states => Json(Shown { products: states, held: products.held() }).into_response(),
    }
}

fn missing(detail: &str) -> Response {
    Problem::new(StatusCode::NOT_FOUND, "not-found", "No such resource", detail).into_response().into_response()
}

#[cfg(test)]
mod tests;
