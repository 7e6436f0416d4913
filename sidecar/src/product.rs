//! The products this sidecar serves, as one snapshot that readers take and reloads replace.

use std::{
    collections::HashMap,
    sync::{Arc, RwLock},
};
use tidegate_contracts::{contract::Contract, plan::Plan};

/// One major version of a product in this sidecar's own contract files.
#[derive(Debug)]
pub struct Product {
    /// The contract in force.
    pub contract: Arc<Contract>,
    /// Whether it can be served, and with what.
    pub state: State,
}

/// Whether a product can be served.
#[derive(Debug)]
pub enum State {
    /// It can.
    Ready(Serving),
    /// It cannot; the reason names the way out ("run `tidegate apply`").
    NotReady(String),
}

/// What serving a product takes, from the catalog.
#[derive(Debug)]
pub struct Serving {
    /// The id of the contract's value schema.
    pub schema_id: u32,
    /// The id of the key schema, when the key is Avro.
    pub key_schema_id: Option<u32>,
    /// The compiled contract.
    pub plan: Arc<Plan>,
    /// Plans of this major's other schema versions, by id, for pre-encoded events.
    pub writers: HashMap<u32, Arc<Plan>>,
}

/// All products, by name, then by major version.
pub type Snapshot = HashMap<String, Vec<Arc<Product>>>;

/// The snapshot in force.
#[derive(Debug, Default)]
pub struct Products(RwLock<Arc<Snapshot>>);

impl Products {
    /// The snapshot of now.
    pub fn get(&self) -> Arc<Snapshot> {
        self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Puts another snapshot in force.
    pub fn set(&self, snapshot: Snapshot) {
        *self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new(snapshot);
    }
}
