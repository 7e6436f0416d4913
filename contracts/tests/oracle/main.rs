//! Property tests: the plan and the schema against apache-avro, the scanner against serde_json.
//!
//! Everything random is read from a list of bytes, so that a failing case shrinks by itself: fewer and smaller bytes
//! make a simpler schema and a simpler value.

mod encode;
mod generate;
mod scan;
mod walk;
