//! Everything Kafka in Tidegate: topic names and specs, admin, the producer, tails and feeds.
//!
//! This is the only crate that names rdkafka, and none of rdkafka's types stand in its public signatures.

pub mod admin;
pub mod config;
pub mod embedded;
mod error;
pub mod feed;
mod log;
pub mod name;
pub mod plan;
pub mod producer;
pub mod spec;
pub mod tail;
mod trouble;
