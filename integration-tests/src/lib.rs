//! Tidegate against a real broker and a real registry: the harness, the tests and the benches.
//!
//! A test describes a domain, runs the real binary for it, publishes by HTTP, and reads the topics back:
//!
//! ```no_run
//! # async fn example() {
//! use serde_json::json;
//! use tidegate_integration_tests::{Mesh, orders};
//!
//! let sales = Mesh::new("sales").contract(orders::CONTRACT, &[orders::SCHEMA]);
//! sales.apply();
//! let sidecar = sales.run().await;
//! let reply = sidecar.post_json("orders", &orders::order(1)).await;
//! assert_eq!(reply.status, 200);
//! let records = sales.read_product("orders", 1).await;
//! assert_eq!(records[0].json(), orders::order(1));
//! # }
//! ```

mod avro;
mod binary;
mod mesh;
pub mod orders;
mod parts;
mod proxy;
mod python;
mod sidecar;
mod topic;
mod wait;

pub use avro::{avro_to_json, decode};
pub use binary::tidegate;
pub use mesh::{Mesh, Outcome};
pub use parts::{Kind, Parts, parts};
pub use proxy::{Mode, Proxy};
pub use python::Python;
pub use sidecar::{Reply, Sidecar, client};
pub use topic::{Record, read_topic};
pub use wait::{eventually, free_address};
