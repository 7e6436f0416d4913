//! What the sidecar tells about itself: metrics, traces and logs.
//!
//! The data path touches only plain atomics ([`counters`]). One table names every metric; what scrapes
//! and pushes read is made from it, so that nothing can be exported that is not documented in `METRICS.md`.

pub mod counters;
