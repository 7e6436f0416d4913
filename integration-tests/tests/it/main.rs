//! Tidegate against a real broker and a real registry. One binary, since each one links librdkafka.

mod delivery;
mod feeds;
mod fence;
mod topics;
