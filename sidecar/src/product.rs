//! The products this sidecar serves, as one snapshot that readers take and reloads replace.

mod assemble;
mod load;
#[cfg(test)]
pub(crate) mod sample;

pub use assemble::{Known, assemble, difference, losses, withhold};
pub use load::{Contracts, load, read};

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
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

/// The snapshot in force, and why a newer one is not.
#[derive(Debug, Default)]
pub struct Products {
    snapshot: RwLock<Arc<Snapshot>>,
    held: RwLock<Option<String>>,
}

impl Products {
    /// The snapshot of now.
    pub fn get(&self) -> Arc<Snapshot> {
        self.snapshot.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts another snapshot in force.
    pub fn set(&self, snapshot: Snapshot) {
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
    }

    /// Why the files of now are not in force, if they are not.
    pub fn held(&self) -> Option<String> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says why the files of now are not in force, or that they are.
    pub fn hold(&self, reason: Option<String>) {
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = reason;
    }
}
