//! What a caller gets for each event.

use tidegate_contracts::violation::Violations;

/// What became of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The event's id, whatever became of it.
    pub id: String,
    /// What became of it.
    pub status: Status,
    /// What it broke; also when it was published all the same (`onViolation: mark`).
    pub violations: Violations,
    /// Fields that the schema does not declare and that were dropped, bounded.
    pub undeclared: Vec<String>,
    /// How many more of them there were.
    pub undeclared_more: u32,
}

/// How an event ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// The broker acked it.
    Published {
        /// The partition.
        partition: i32,
        /// The offset.
        offset: i64,
        /// The schema it was written with; none for a tombstone.
        schema_id: Option<u32>,
    },
    /// It broke the contract, or is a record that Kafka takes never.
    Rejected(Kept),
    /// It is not in the topic and will not be: safe to send again.
    Failed(String),
    /// The broker may have it.
    Unknown(String),
}

/// Whether the bytes of a rejected event are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// The broker acked them into the quarantine topic.
    Quarantined,
    /// The contract wants none kept, or there is nothing wrong but with the record.
    NotWanted,
    /// They should be, and no broker said that they are.
    Lost(String),
}
