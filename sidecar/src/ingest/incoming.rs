//! Events as they arrive: nothing is known about them.

use super::{
    cloudevents::{Attributes, Broken},
    quarantine::Original,
};
use std::borrow::Cow;
use tidegate_contracts::plan::JsonForm;

/// Bytes of Confluent's frame: a zero and the schema id.
pub(super) const FRAME: usize = 5;

/// One event.
#[derive(Debug, Clone)]
pub struct Incoming<'a> {
    /// Its bytes, and what they are.
    pub payload: Payload<'a>,
    /// The CloudEvents attributes that came with it.
    pub attributes: Option<Attributes<'a>>,
}

/// The bytes of an event.
#[derive(Debug, Clone)]
pub enum Payload<'a> {
    /// One JSON value, and nothing after it.
    Json(Cow<'a, [u8]>, JsonForm),
    /// An Avro body without framing, of this schema or else of the contract's own.
    Avro(Cow<'a, [u8]>, Option<u32>),
    /// A framed Avro body.
    Framed(Cow<'a, [u8]>),
    /// What should have been an event, and why it is none.
    Unreadable(Cow<'a, [u8]>, Original, Broken),
}

impl Incoming<'_> {
    /// The schema id that came with the event, if one did.
    pub fn schema_id(&self) -> Option<u32> {
        match &self.payload {
            Payload::Avro(_, id) => *id,
            Payload::Framed(event) => framed_id(event),
            Payload::Json(..) | Payload::Unreadable(..) => None,
        }
    }
}

/// The schema id in Confluent's frame, if that is what the bytes begin with.
pub(super) fn framed_id(event: &[u8]) -> Option<u32> {
    match event.first_chunk::<FRAME>() {
        Some(&[0, a, b, c, d]) => Some(u32::from_be_bytes([a, b, c, d])),
        _ => None,
    }
}
