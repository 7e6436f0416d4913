//! From unchecked events to checked ones. Only what a [`Batch`] has checked can be published.

use super::{
    Options,
    cloudevents::{Attributes, Broken, may_stand},
    foreign::{Foreign, Found},
    incoming::{FRAME, Incoming, Payload, framed_id},
    quarantine::{self, Original},
    select::Target,
};
use crate::product::Serving;
use std::{borrow::Cow, ops::Range};
use tidegate_contracts::{
    contract::{Contract, KeyForm, OnViolation},
    plan::{Extent, JsonForm, Outcome, Plan, Verdict},
    violation::{Clause, Violation, Violations},
};
use uuid::Uuid;

/// What the listed violations of one request may take, and how much more for each byte of its body.
const LISTED_PER_REQUEST: (usize, usize) = (8 << 20, 4);

/// Room for what the events of one request broke. Beyond it each further event lists its first violation and counts the
/// rest: a few bytes that break everything must not cost very many times as much.
#[derive(Debug)]
pub(super) struct Room(usize);

/// What a request says about all of its events.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// The caller's `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// Whether the request may carry several events, so that the idempotency key needs an index.
    pub many: bool,
}

/// More events than a request may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a request may have {limit} events")]
pub struct TooMany {
    /// What it may have.
    pub limit: usize,
}

/// Why an event would not be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// It breaks the contract.
    Broken(Violations),
    /// Something else than the event is in the way.
    NotNow(String),
}

/// The checked events of one request, in its order.
#[derive(Debug)]
pub struct Batch<'a> {
    target: &'a Target,
    foreign: &'a Foreign,
    context: &'a Context,
    options: &'a Options,
    items: Vec<Item<'a>>,
    bytes: Vec<u8>,
    keys: Vec<u8>,
    schemas: Vec<(u32, String)>,
    outcome: Outcome,
    room: Room,
    next_uuid: Option<u128>,
    tally: Tally,
}

/// What was noticed of the events on the way, besides their violations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) undeclared: u64,
    pub(super) defaulted: u64,
    pub(super) truncated: u64,
}

#[derive(Debug)]
pub(super) struct Item<'a> {
    pub(super) id: String,
    pub(super) attributes: Option<Box<Attributes<'a>>>,
    pub(super) fate: Fate<'a>,
    pub(super) key: Option<Range<usize>>,
    pub(super) violations: Violations,
    pub(super) undeclared: Vec<String>,
    pub(super) undeclared_more: u32,
}

/// What is to become of an event.
#[derive(Debug)]
pub(super) enum Fate<'a> {
    /// Into the product's topic.
    Publish {
        value: Value<'a>,
        /// Into [`Batch::schemas`].
        schema: Option<usize>,
        /// The headers of an event that is published although it breaks rules.
        marked: Option<quarantine::Headers>,
    },
    /// Into the quarantine topic.
    Quarantine { original: Cow<'a, [u8]>, content_type: Cow<'static, str>, violations: quarantine::Headers },
    /// Nowhere.
    Reject,
    /// Nowhere, since something else than the event is in the way.
    Fail(String),
}

#[derive(Debug)]
pub(super) enum Value<'a> {
    /// In [`Batch::bytes`], frame and all.
    Encoded(Range<usize>),
    /// As it arrived, frame and all.
    Original(Cow<'a, [u8]>),
    Tombstone,
}

/// What checking one event found, before it is known what is to become of it.
struct Checked<'a> {
    /// What the plan said, which is in [`Batch::outcome`]; or why no plan could look at it.
    verdict: Result<(&'a Plan, Verdict), Broken>,
    original: Cow<'a, [u8]>,
    kind: Original,
    /// Where the frame and the body stand in [`Batch::bytes`], unless the original has them.
    encoded: Option<Range<usize>>,
    schema_id: u32,
}

impl<'a> Batch<'a> {
    pub(super) fn new(
        target: &'a Target,
        foreign: &'a Foreign,
        context: &'a Context,
        options: &'a Options,
        expected_bytes: usize,
    ) -> Self {
        Self {
            target,
            foreign,
            context,
            options,
            items: Vec::new(),
            bytes: Vec::with_capacity(expected_bytes),
            keys: Vec::new(),
            schemas: Vec::new(),
            outcome: Outcome::default(),
            room: Room::of(expected_bytes),
            next_uuid: None,
            tally: Tally::default(),
        }
    }

    /// Checks an event and keeps it.
    ///
    /// # Errors
    /// When the request already has as many as it may.
    pub fn push(&mut self, incoming: Incoming<'a>) -> Result<(), TooMany> {
        self.make_room()?;
        let attributes = incoming.attributes;
        match incoming.payload {
            Payload::Json(text, form) => {
                let start = self.begin_frame();
                let plan: &'a Plan = &self.serving().plan;
                let verdict = plan.encode_json(&text, form, &mut self.bytes, &mut self.outcome);
                self.settle_json(start, verdict, text, form, attributes);
            }
            Payload::Avro(body, id) => {
                let schema_id = id.unwrap_or(self.serving().schema_id);
                self.push_avro(body, 0, schema_id, Original::Avro(schema_id), attributes);
            }
            Payload::Framed(event) => match framed_id(&event) {
                Some(schema_id) => self.push_avro(event, FRAME, schema_id, Original::Framed, attributes),
                None => {
                    let violation = unframed(event.len());
                    self.push_unreadable(event, Original::Framed, one(violation).into(), attributes);
                }
            },
            Payload::Unreadable(bytes, kind, broken) => self.push_unreadable(bytes, kind, broken, attributes),
        }
        Ok(())
    }

    /// Checks the JSON value that starts at `at` of a longer text and keeps it; tells where it ended.
    ///
    /// # Errors
    /// When the request already has as many events as it may; the inner one when the text is not JSON from there on,
    /// and then nothing was kept.
    pub fn push_json_at(
        &mut self,
        text: &'a [u8],
        at: usize,
        form: JsonForm,
        attributes: Option<Attributes<'a>>,
    ) -> Result<Extent, TooMany> {
        self.make_room()?;
        let start = self.begin_frame();
        let plan: &'a Plan = &self.serving().plan;
        let (verdict, extent) = plan.encode_json_at(text, at, form, &mut self.bytes, &mut self.outcome);
        match extent {
            Ok(end) => {
                let value = Cow::Borrowed(text.get(at..end).unwrap_or_default());
                self.settle_json(start, verdict, value, form, attributes);
            }
            Err(_) => self.bytes.truncate(start),
        }
        Ok(extent)
    }

    /// Keeps the tombstone of a key, which stands as the record will have it, frame and all.
    ///
    /// # Errors
    /// When the request already has as many events as it may.
    pub fn push_tombstone(&mut self, key: &[u8], attributes: Option<Attributes<'a>>) -> Result<(), TooMany> {
        self.make_room()?;
        let start = self.keys.len();
        self.keys.extend_from_slice(key);
        let id = self.id(None, attributes.as_ref());
        self.items.push(Item {
            id,
            attributes: attributes.map(Box::new),
            fate: Fate::Publish { value: Value::Tombstone, schema: None, marked: None },
            key: Some(start..self.keys.len()),
            violations: Violations::default(),
            undeclared: Vec::new(),
            undeclared_more: 0,
        });
        Ok(())
    }

    /// Takes out every event that would not be published, and says of each event, in order, what stands against it.
    pub fn sift(&mut self) -> Vec<Result<(), Unfit>> {
        let mut verdicts = Vec::with_capacity(self.items.len());
        self.items.retain_mut(|item| {
            verdicts.push(match &mut item.fate {
                Fate::Publish { .. } => Ok(()),
                Fate::Quarantine { .. } | Fate::Reject => Err(Unfit::Broken(std::mem::take(&mut item.violations))),
                Fate::Fail(reason) => Err(Unfit::NotNow(std::mem::take(reason))),
            });
            matches!(item.fate, Fate::Publish { .. })
        });
        verdicts
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(super) fn items(&self) -> &[Item<'a>] {
        &self.items
    }

    pub(super) fn into_items(self) -> (Vec<Item<'a>>, Vec<u32>, Tally) {
        (self.items, self.schemas.into_iter().map(|(id, _)| id).collect(), self.tally)
    }

    pub(super) fn contract(&self) -> &'a Contract {
        &self.target.product().contract
    }

    pub(super) fn key(&self, item: &Item<'_>) -> Option<&[u8]> {
        item.key.clone().map(|range| &self.keys[range])
    }

    pub(super) fn value<'b>(&'b self, value: &'b Value<'a>) -> Option<&'b [u8]> {
        match value {
            Value::Encoded(range) => Some(&self.bytes[range.clone()]),
            Value::Original(bytes) => Some(bytes),
            Value::Tombstone => None,
        }
    }

    /// `ce_dataschema` of an event.
    pub(super) fn schema_url(&self, schema: usize) -> Option<&str> {
        self.schemas.get(schema).map(|(_, url)| url.as_str()).filter(|url| !url.is_empty())
    }

    fn serving(&self) -> &'a Serving {
        self.target.serving()
    }

    fn make_room(&mut self) -> Result<(), TooMany> {
        let limit = self.options.max_events;
        if self.items.len() >= limit {
            return Err(TooMany { limit });
        }
        Ok(())
    }

    /// Writes the frame of the contract's own schema; the body comes after it.
    fn begin_frame(&mut self) -> usize {
        let start = self.bytes.len();
        frame(&mut self.bytes, self.target.serving().schema_id);
        start
    }

    fn settle_json(
        &mut self,
        start: usize,
        verdict: Verdict,
        original: Cow<'a, [u8]>,
        form: JsonForm,
        attributes: Option<Attributes<'a>>,
    ) {
        let serving = self.serving();
        let checked = Checked {
            verdict: Ok((&serving.plan, verdict)),
            original,
            kind: Original::Json(form),
            encoded: Some(start..self.bytes.len()),
            schema_id: serving.schema_id,
        };
        self.settle(checked, attributes);
    }

    fn push_avro(
        &mut self,
        event: Cow<'a, [u8]>,
        body_at: usize,
        schema_id: u32,
        kind: Original,
        attributes: Option<Attributes<'a>>,
    ) {
        let plan: &'a Plan = match self.foreign.find(self.serving(), schema_id) {
            Found::Writer(plan) => plan,
            Found::NotOurs => {
                let violation = Violation {
                    path: String::new(),
                    position: None,
                    clause: Clause::SchemaId,
                    expected: format!("a schema id of {}", self.contract().subject),
                    found: "another schema id".into(),
                    hint: Some("encode with a schema version that `tidegate apply` has registered".into()),
                };
                return self.push_unreadable(event, kind, one(violation).into(), attributes);
            }
            Found::Unavailable => {
                let id = self.id(None, attributes.as_ref());
                return self.items.push(Item {
                    id,
                    attributes: None,
                    fate: Fate::Fail(format!("the registry, which alone knows schema id {schema_id}, did not answer")),
                    key: None,
                    violations: Violations::default(),
                    undeclared: Vec::new(),
                    undeclared_more: 0,
                });
            }
        };
        let verdict = plan.check_avro(&event[body_at..], &mut self.outcome);
        // What arrived framed goes out as it is; a bare body needs its frame.
        let encoded = (body_at == 0 && verdict != Verdict::Broken).then(|| {
            let start = self.bytes.len();
            frame(&mut self.bytes, schema_id);
            self.bytes.extend_from_slice(&event);
            start..self.bytes.len()
        });
        self.settle(Checked { verdict: Ok((plan, verdict)), original: event, kind, encoded, schema_id }, attributes);
    }

    fn push_unreadable(
        &mut self,
        original: Cow<'a, [u8]>,
        kind: Original,
        broken: Broken,
        attributes: Option<Attributes<'a>>,
    ) {
        let schema_id = self.serving().schema_id;
        self.settle(Checked { verdict: Err(broken), original, kind, encoded: None, schema_id }, attributes);
    }

    /// Decides what is to become of an event, and keeps it.
    fn settle(&mut self, checked: Checked<'a>, attributes: Option<Attributes<'a>>) {
        let Checked { verdict, original, kind, encoded, schema_id } = checked;
        let (mut undeclared, mut undeclared_more) = (Vec::new(), 0);
        let (id, mut key);
        let (verdict, violations) = match verdict {
            Ok((plan, verdict)) => {
                undeclared = std::mem::take(&mut self.outcome.undeclared);
                undeclared_more = self.outcome.undeclared_more;
                self.tally.undeclared += undeclared.len() as u64 + u64::from(undeclared_more);
                self.tally.defaulted += u64::from(self.outcome.defaulted);
                self.tally.truncated += u64::from(self.outcome.truncated);
                if verdict == Verdict::Broken {
                    key = None;
                    id = self.outcome.broken_id.take().filter(|id| !id.is_empty() && id.chars().all(may_stand));
                } else {
                    (id, key) = self.identify(plan, &original, encoded.as_ref());
                }
                (verdict, std::mem::take(&mut self.outcome.violations))
            }
            Err(broken) => {
                (id, key) = (broken.id, None);
                (Verdict::Broken, broken.violations)
            }
        };
        let violations = self.room.bound(violations);
        if key.is_none()
            && self.contract().key_form == KeyForm::None
            && let Some(text) = attributes.as_ref().and_then(Attributes::partition_key)
        {
            let start = self.keys.len();
            self.keys.extend_from_slice(text.as_bytes());
            key = Some(start..self.keys.len());
        }

        let marked = verdict == Verdict::BreaksRules && self.contract().on_violation == OnViolation::Mark;
        let fate = if verdict == Verdict::Sound || marked {
            Fate::Publish {
                value: encoded.map_or(Value::Original(original), Value::Encoded),
                schema: Some(self.schema(schema_id)),
                marked: marked.then(|| quarantine::Headers::of(&violations)),
            }
        } else {
            if let Some(range) = encoded {
                self.bytes.truncate(range.start);
            }
            let keep = match self.contract().on_violation {
                OnViolation::Reject => false,
                OnViolation::Quarantine => true,
                OnViolation::Mark => self.is_open(),
            };
            match keep {
                true => {
                    let violations = quarantine::Headers::of(&violations);
                    Fate::Quarantine { original, content_type: kind.content_type(), violations }
                }
                false => Fate::Reject,
            }
        };
        let id = self.id(id, attributes.as_ref());
        self.items.push(Item {
            id,
            attributes: attributes.map(Box::new),
            fate,
            key,
            violations,
            undeclared,
            undeclared_more,
        });
    }

    /// The event's own id and its key, from a complete body.
    fn identify(
        &mut self,
        plan: &Plan,
        original: &[u8],
        encoded: Option<&Range<usize>>,
    ) -> (Option<String>, Option<Range<usize>>) {
        let body = match encoded {
            Some(range) => &self.bytes[range.start + FRAME..range.end],
            None => original.get(FRAME..).unwrap_or_default(),
        };
        let start = self.keys.len();
        let product = self.target.product();
        if let (KeyForm::Avro { .. }, Some(id)) = (&product.contract.key_form, self.target.serving().key_schema_id) {
            frame(&mut self.keys, id);
        }
        let key = plan.key(body, &self.outcome, &mut self.keys);
        if !key {
            self.keys.truncate(start);
        }
        (plan.event_id(body, &self.outcome), key.then_some(start..self.keys.len()))
    }

    /// Whether all of the contract's fields are openly classified.
    fn is_open(&self) -> bool {
        self.contract().classifications.values().all(|class| self.options.open_classifications.contains(class))
    }

    /// The id of the next event.
    fn id(&mut self, own: Option<String>, attributes: Option<&Attributes<'_>>) -> String {
        own.or_else(|| attributes.and_then(|attributes| attributes.id.as_deref()).map(str::to_owned))
            .or_else(|| {
                let key = self.context.idempotency_key.as_deref()?;
                Some(if self.context.many { format!("{key}/{}", self.items.len()) } else { key.to_owned() })
            })
            .unwrap_or_else(|| self.uuid())
    }

    /// A UUIDv7. Within a request they count up from a random one, as RFC 9562 allows: a syscall a request, not an event.
    fn uuid(&mut self) -> String {
        let bits = self.next_uuid.unwrap_or_else(|| Uuid::now_v7().as_u128());
        // Only the random half counts; the variant's two bits stay.
        const COUNTED: u128 = (1 << 62) - 1;
        self.next_uuid = Some((bits & !COUNTED) | (bits.wrapping_add(1) & COUNTED));
        Uuid::from_u128(bits).to_string()
    }

    /// Where a schema id stands in [`Batch::schemas`].
    fn schema(&mut self, id: u32) -> usize {
        if let Some(at) = self.schemas.iter().position(|(known, _)| *known == id) {
            return at;
        }
        let url = self.options.schema_url.as_deref().map(|url| format!("{url}/schemas/ids/{id}")).unwrap_or_default();
        self.schemas.push((id, url));
        self.schemas.len() - 1
    }
}

impl Room {
    /// Of a request with so large a body.
    pub(super) fn of(body: usize) -> Self {
        let (least, per_byte) = LISTED_PER_REQUEST;
        Self(least.saturating_add(per_byte.saturating_mul(body)))
    }

    /// Of the next event: all that are listed, or the first one and how many more there are.
    pub(super) fn bound(&mut self, mut violations: Violations) -> Violations {
        let needed: usize = violations.listed.iter().map(size).sum();
        let more = violations.listed.len().saturating_sub(1);
        if more > 0 && needed > self.0 {
            violations.listed.truncate(1);
            violations.listed.shrink_to_fit();
            violations.more = violations.more.saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
        }
        self.0 = self.0.saturating_sub(needed);
        violations
    }
}

/// About what a violation takes in a reply.
fn size(violation: &Violation) -> usize {
    const NAMES: usize = 64;
    let Violation { path, position, expected, found, hint, .. } = violation;
    let optional = [position, hint].map(|text| text.as_ref().map_or(0, String::len));
    NAMES + path.len() + expected.len() + found.len() + optional.iter().sum::<usize>()
}

/// Writes Confluent's frame; the body comes after it.
fn frame(bytes: &mut Vec<u8>, schema_id: u32) {
    bytes.push(0);
    bytes.extend_from_slice(&schema_id.to_be_bytes());
}

fn one(violation: Violation) -> Violations {
    Violations { listed: vec![violation], more: 0 }
}

fn unframed(length: usize) -> Violation {
    Violation {
        path: String::new(),
        position: None,
        clause: Clause::Malformed,
        expected: "a zero byte, a schema id of four bytes, and an avro body".into(),
        found: if length < FRAME { "fewer than five bytes".into() } else { "another first byte".into() },
        hint: Some("a bare avro body is sent as application/avro".into()),
    }
}
