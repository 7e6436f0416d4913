//! Tidegate against a real broker and a real registry. One binary, since each one links librdkafka.

mod apply;
mod crash;
mod delivery;
mod dev;
mod feeds;
mod fence;
mod foreign;
mod ingest_bad_input;
mod ingest_clients;
mod ingest_outage;
mod ingest_quarantine;
mod ingest_ready;
mod ingest_security;
mod init;
mod journey;
mod order;
mod packaging;
mod parts;
mod quarantine;
mod registry;
mod registry_client;
mod reload;
mod shutdown;
mod telemetry;
mod topics;
