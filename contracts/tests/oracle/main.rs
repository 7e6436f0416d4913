//! Property tests: the plan and the schema against apache-avro, the scanner against serde_json.
//!
//! Everything random is read from a list of bytes, so that a failing case shrinks by itself: fewer and smaller bytes
//! make a simpler schema and a simpler value.

mod encode;
mod generate;
mod scan;
mod walk;

use proptest::test_runner::Config;
use tidegate_contracts::plan::{Limits, PlanOptions};

/// So many cases, or as many as `PROPTEST_CASES` says.
fn cases(usual: u32) -> Config {
    let wanted = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    Config { cases: wanted.unwrap_or(usual), max_shrink_iters: 20_000, failure_persistence: None, ..Config::default() }
}

/// Recursion makes a sample in thousands larger than an event may be.
fn roomy() -> PlanOptions {
    PlanOptions { limits: Limits { bytes: 64 << 20, ..Limits::default() }, ..PlanOptions::default() }
}
