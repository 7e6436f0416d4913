//! A schema registry in memory, for `dev`: Confluent's API over HTTP, so that serializers, kcat and our own client work
//! against it. It has Avro schemas only, and forgets everything when it is dropped.

mod http;
mod levels;
mod problem;
mod store;

use std::sync::{Arc, Mutex, PoisonError};
use store::Store;

/// The registry. Clones share their schemas.
#[derive(Debug, Clone, Default)]
pub struct EmbeddedRegistry {
    // Held for the length of one request, which does no IO; never over an await.
    store: Arc<Mutex<Store>>,
}

impl EmbeddedRegistry {
    /// An empty registry with Confluent's default level, `BACKWARD`.
    pub fn new() -> Self {
        Self::default()
    }

    /// The API, to be served at the root of a listener.
    pub fn router(&self) -> axum::Router {
        http::router(self.clone())
    }

    fn with<T>(&self, work: impl FnOnce(&mut Store) -> T) -> T {
        // A request that panicked left whole records behind: every change is one insertion.
        work(&mut self.store.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
