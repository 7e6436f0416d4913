//! Everything Kafka in Tidegate: topic names and specs, admin, the producer, tails and feeds.
//!
//! This is the only crate that names rdkafka, and none of rdkafka's types stand in its public signatures.

pub mod config;
pub mod embedded;
mod error;
mod log;
pub mod producer;
