//! Tidegate against a real broker and a real registry. One binary, since each one links librdkafka.

mod apply;
mod delivery;
mod feeds;
mod fence;
mod reload;
mod topics;
