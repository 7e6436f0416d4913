//! The records that a batch becomes: topic, key, value and headers.

use super::{
    batch::{Batch, Fate, Item},
    cloudevents::Attributes,
    quarantine,
};
use crate::telemetry::trace::TraceHeaders;
use tidegate_contracts::contract::Contract;
use tidegate_topics::producer::Record;

/// What all records of one request share.
#[derive(Debug)]
pub(super) struct Common<'a> {
    /// `ce_source`, the same for all replicas.
    source: String,
    /// `ce_type` where the caller gives none.
    event_type: &'a str,
    /// The moment of arrival, RFC 3339.
    received: String,
    /// The quarantine topic and the contract's reference, if something goes there.
    quarantine: Option<(String, String)>,
    sidecar: &'a str,
    contract: &'a Contract,
    trace: Option<&'a TraceHeaders>,
}

impl<'a> Common<'a> {
    pub(super) fn new(batch: &Batch<'a>, received: String, sidecar: &'a str, trace: Option<&'a TraceHeaders>) -> Self {
        let contract = batch.contract();
        let quarantines = batch.items().iter().any(|item| matches!(item.fate, Fate::Quarantine { .. }));
        Self {
            source: format!("/{}/{}", contract.domain, contract.product),
            event_type: contract.schema.name().unwrap_or(&contract.product),
            received,
            quarantine: quarantines.then(|| (contract.quarantine_topic(), contract.reference())),
            sidecar,
            contract,
            trace,
        }
    }

    /// The record of an item, if it becomes one. `headers` is where its headers are built: empty before, and the caller's
    /// to clear afterwards.
    pub(super) fn record<'r, 'h>(
        &'r self,
        batch: &'r Batch<'_>,
        item: &'r Item<'_>,
        headers: &'h mut Vec<(&'r str, &'r [u8])>,
    ) -> Option<Record<'h>>
    where
        'r: 'h,
    {
        let attributes = item.attributes.as_deref();
        let (topic, value) = match &item.fate {
            Fate::Publish { value, schema, marked } => {
                headers.push(("ce_specversion", b"1.0"));
                headers.push(("ce_id", item.id.as_bytes()));
                headers.push(("ce_source", self.source.as_bytes()));
                let event_type = attributes.and_then(|attributes| attributes.event_type.as_deref());
                headers.push(("ce_type", event_type.unwrap_or(self.event_type).as_bytes()));
                let time = attributes.and_then(|attributes| attributes.time.as_deref());
                headers.push(("ce_time", time.unwrap_or(&self.received).as_bytes()));
                if let Some(schema) = schema {
                    if let Some(url) = batch.schema_url(*schema) {
                        headers.push(("ce_dataschema", url.as_bytes()));
                    }
                    headers.push(("content-type", b"application/avro"));
                }
                others(attributes, headers);
                headers.extend(marked.iter().flat_map(quarantine::Headers::iter));
                (self.contract.topic.as_str(), batch.value(value))
            }
            Fate::Quarantine { original, content_type, violations } => {
                let (topic, reference) = self.quarantine.as_ref()?;
                headers.extend(violations.iter());
                headers.push((quarantine::RECEIVED, self.received.as_bytes()));
                headers.push((quarantine::CONTRACT, reference.as_bytes()));
                headers.push((quarantine::SIDECAR, self.sidecar.as_bytes()));
                headers.push(("content-type", content_type.as_bytes()));
                // What the caller gave, and nothing of ours but the id: a replay keeps it.
                headers.push(("ce_id", item.id.as_bytes()));
                if let Some(attributes) = attributes {
                    headers.push(("ce_specversion", b"1.0"));
                    let Attributes { source, event_type, time, data_schema, .. } = attributes;
                    let given = [
                        ("ce_source", source),
                        ("ce_type", event_type),
                        ("ce_time", time),
                        ("ce_dataschema", data_schema),
                    ];
                    headers
                        .extend(given.into_iter().filter_map(|(name, text)| Some((name, text.as_deref()?.as_bytes()))));
                }
                others(attributes, headers);
                (topic.as_str(), Some(original.as_ref()))
            }
            Fate::Reject | Fate::Fail(_) => return None,
        };
        for (name, value) in self.trace.into_iter().flat_map(TraceHeaders::iter) {
            headers.push((name, value));
        }
        Some(Record { topic, key: batch.key(item), value, headers })
    }
}

fn others<'r>(attributes: Option<&'r Attributes<'_>>, headers: &mut Vec<(&'r str, &'r [u8])>) {
    let others = attributes.into_iter().flat_map(|attributes| &attributes.others);
    headers.extend(others.map(|(name, value)| (name.as_ref(), value.as_bytes())));
}
