//! From the bytes of a request to the events in them.

use super::{problems, query::Query};
use crate::{
    ingest::{
        Attributes, Batch, Broken, Incoming, Payload,
        batch::Room,
        cloudevents::{self, Data, Envelope},
        framed,
        media::Media,
        quarantine::Original,
    },
    problem::Problem,
};
use std::borrow::Cow;
use tidegate_contracts::plan::{JsonForm, Malformed};

/// What CloudEvents headers said, or what is wrong with them.
pub(super) type FromHeaders = Result<Attributes<'static>, Broken>;

/// Whether a JSON text is an array, as far as its first character tells.
pub(super) fn is_array(text: &[u8]) -> bool {
    text.get(skip_space(text, 0)) == Some(&b'[')
}

/// One JSON value and nothing after it.
pub(super) fn push_value<'a>(
    batch: &mut Batch<'a>,
    text: &'a [u8],
    form: JsonForm,
    attributes: Option<FromHeaders>,
) -> Result<(), Problem> {
    let attributes = match attributes.transpose() {
        Ok(attributes) => attributes,
        Err(broken) => {
            let payload = Payload::Unreadable(Cow::Borrowed(text), Original::Json(form), broken);
            return batch.push(Incoming { payload, attributes: None }).map_err(problems::too_many);
        }
    };
    let start = skip_space(text, 0);
    let extent = batch.push_json_at(text, start, form, attributes).map_err(problems::too_many)?;
    end(text, extent.map_err(problems::malformed)?)
}

/// A JSON array, whose items are events. It is one whole: nothing is published of one that is malformed anywhere.
pub(super) fn push_array<'a>(batch: &mut Batch<'a>, text: &'a [u8], form: JsonForm) -> Result<(), Problem> {
    let mut at = skip_space(text, skip_space(text, 0) + 1);
    if text.get(at) == Some(&b']') {
        return end(text, at + 1);
    }
    loop {
        let extent = batch.push_json_at(text, at, form, None).map_err(problems::too_many)?;
        at = skip_space(text, extent.map_err(problems::malformed)?);
        match text.get(at) {
            Some(b',') => at = skip_space(text, at + 1),
            Some(b']') => return end(text, at + 1),
            _ => {
                return Err(problems::malformed(Malformed {
                    offset: at,
                    reason: "neither a comma nor the array's end",
                }));
            }
        }
    }
}

/// A JSON value a line; lines of white space do not count. A line that is no JSON is an event that broke its contract.
pub(super) fn push_lines<'a>(batch: &mut Batch<'a>, text: &'a [u8], form: JsonForm) -> Result<(), Problem> {
    let mut start = 0;
    let ends = memchr::memchr_iter(b'\n', text).chain(std::iter::once(text.len()));
    for end in ends {
        let line = text.get(start..end).unwrap_or_default();
        start = end + 1;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if skip_space(line, 0) < line.len() {
            let payload = Payload::Json(Cow::Borrowed(line), form);
            batch.push(Incoming { payload, attributes: None }).map_err(problems::too_many)?;
        }
    }
    Ok(())
}

/// Takes apart what is not plain JSON.
pub(super) fn take_apart<'a>(
    media: Media,
    body: &'a [u8],
    attributes: Option<FromHeaders>,
    query: &Query,
    max_events: usize,
) -> Result<Vec<Incoming<'a>>, Problem> {
    let too_many = || problems::too_many(crate::ingest::TooMany { limit: max_events });
    let one = |payload, kind| match attributes.transpose() {
        Ok(attributes) => vec![Incoming { payload, attributes }],
        Err(broken) => {
            vec![Incoming { payload: Payload::Unreadable(Cow::Borrowed(body), kind, broken), attributes: None }]
        }
    };
    match media {
        Media::Json | Media::Ndjson => Ok(Vec::new()),
        Media::Avro => {
            // Which schema an unreadable one is of can only be what the caller said.
            let kind = Original::Avro(query.schema_id.unwrap_or(0));
            Ok(one(Payload::Avro(Cow::Borrowed(body), query.schema_id), kind))
        }
        Media::Framed => Ok(one(Payload::Framed(Cow::Borrowed(body)), Original::Framed)),
        Media::FramedBatch => {
            let mut events = Vec::new();
            for event in framed::events(body) {
                let event = event.map_err(|error| problems::bad_frame(&error))?;
                if events.len() == max_events {
                    return Err(too_many());
                }
                events.push(Incoming { payload: Payload::Framed(Cow::Borrowed(event)), attributes: None });
            }
            Ok(events)
        }
        Media::CloudEvent => Ok(vec![opened(body, cloudevents::open(body).map_err(problems::not_json)?, query)]),
        Media::CloudEventBatch => {
            if !is_array(body) {
                return Err(problems::not_an_array());
            }
            let mut events = Vec::new();
            let (mut full, mut room) = (false, Room::of(body.len()));
            let mut take = |item: &'a [u8]| {
                full = events.len() == max_events;
                if !full {
                    let envelope = cloudevents::open(item).unwrap_or_else(|_| Err(cloudevents::unreadable()));
                    // Here already: very many broken ones must not cost very many times their bytes.
                    let envelope =
                        envelope.map_err(|Broken { violations, id }| Broken { violations: room.bound(violations), id });
                    events.push(opened(item, envelope, query));
                }
                !full
            };
            cloudevents::each(body, &mut take).map_err(problems::not_json)?;
            if full { Err(too_many()) } else { Ok(events) }
        }
    }
}

fn opened<'a>(text: &'a [u8], envelope: Result<Envelope<'a>, Broken>, query: &Query) -> Incoming<'a> {
    match envelope {
        Ok(Envelope { attributes, data }) => {
            let payload = match data {
                Data::Json(text) => Payload::Json(text, query.form),
                Data::Avro(body) => Payload::Avro(Cow::Owned(body), query.schema_id),
                Data::Framed(event) => Payload::Framed(Cow::Owned(event)),
            };
            Incoming { payload, attributes: Some(attributes) }
        }
        Err(broken) => {
            let payload = Payload::Unreadable(Cow::Borrowed(text), Original::Envelope, broken);
            Incoming { payload, attributes: None }
        }
    }
}

/// Makes sure that nothing but white space follows.
fn end(text: &[u8], at: usize) -> Result<(), Problem> {
    let at = skip_space(text, at);
    match at < text.len() {
        true => Err(problems::malformed(Malformed { offset: at, reason: "something after the value" })),
        false => Ok(()),
    }
}

fn skip_space(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count()
}
