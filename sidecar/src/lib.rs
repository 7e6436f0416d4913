//! The Tidegate sidecar: HTTP, the registry client, the command line. The binary is a thin `main` over this library.

pub mod app;
pub mod apply;
pub mod check;
pub mod cli;
pub mod config;
pub mod dev;
mod file;
pub mod health;
pub mod ingest;
pub mod init;
pub mod problem;
pub mod product;
pub mod quarantine;
pub mod registry;
pub mod server;
pub mod telemetry;
