//! Tidegate's domain model: contracts, schemas, plans, violations, and the records of the feeds.
//!
//! This crate is pure. It does no IO, reads no clock and makes no random numbers: files arrive as text, time and ids
//! are passed in. Everything that touches Kafka is in `tidegate-topics`; everything that touches HTTP is in `tidegate`.

pub mod catalog;
pub mod contract;
pub mod diagnostic;
pub mod feed;
pub mod path;
pub mod plan;
pub mod release;
pub mod rule;
pub mod schema;
pub mod timestamp;
pub mod violation;
pub mod workload;
pub mod yaml;
