//! JSON to Avro in one pass: the scanner's tokens go straight into the body, and what is wrong into the report.
//!
//! Fields are encoded as they arrive. Where that was not the schema's order, the record's end puts the pieces right.

mod containers;
mod scalars;
mod unions;

use super::{
    JsonForm, Malformed, Outcome, Plan, Verdict,
    node::{Node, NodeId, Op, Shape},
    report::{Place, Report},
    scan::{Bad, Raw, Scanner},
};
use crate::violation::{Clause, Violation};
use std::borrow::Cow;

/// Why a pass, or a part of it, ends here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// The text is not JSON; the scanner knows why.
    Malformed,
    /// A limit that is about the whole event; it is reported.
    Limit,
    /// The branch that is being tried does not take the value.
    NotThisBranch,
}

type Step<T = ()> = Result<T, Stop>;

impl From<Bad> for Stop {
    fn from(_: Bad) -> Self {
        Self::Malformed
    }
}

/// Placeholder for a capture or a field that is not there.
pub(super) const NOWHERE: (u32, u32) = (u32::MAX, 0);

struct Encoder<'a> {
    plan: &'a Plan,
    scan: Scanner<'a>,
    out: &'a mut Vec<u8>,
    /// Where the body begins in `out`. Every position that is kept counts from here.
    base: usize,
    report: Report<'a>,
    avro_form: bool,
    depth: u32,
    /// Items and entries that may still come.
    items: u64,
    /// How many unions around this value are trying their branches.
    trying: u32,
    /// Bytes that may still be read again for another branch.
    retry: usize,
    /// Undeclared fields and digits left behind so far: what decides between branches.
    left_over: u32,
}

impl Plan {
    pub(super) fn encode(&self, input: &[u8], form: JsonForm, out: &mut Vec<u8>, outcome: &mut Outcome) -> Verdict {
        outcome.begin(self);
        if input.len() > self.limits.bytes {
            self.too_large(outcome);
            return Verdict::Broken;
        }
        let mut encoder = Encoder::new(self, input, 0, form, out, outcome);
        let step = encoder.event().and_then(|()| encoder.end());
        encoder.finish(step)
    }

    pub(super) fn encode_at(
        &self,
        input: &[u8],
        at: usize,
        form: JsonForm,
        out: &mut Vec<u8>,
        outcome: &mut Outcome,
    ) -> (Verdict, Result<usize, Malformed>) {
        outcome.begin(self);
        // A value beyond the limit is not looked at further than that and the byte after, which may end a number.
        let window = input.len().min(at.saturating_add(self.limits.bytes).saturating_add(1));
        let mut encoder = Encoder::new(self, &input[..window], at.min(window), form, out, outcome);
        let step = encoder.event();
        let (end, fault) = (encoder.scan.at, encoder.scan.fault);
        let too_long = end.saturating_sub(at) > self.limits.bytes;
        let cut_off = too_long || (step == Err(Stop::Malformed) && window < input.len());
        if !cut_off && step != Err(Stop::Limit) {
            let extent = match fault {
                Some(fault) if step.is_err() => Err(Malformed { offset: fault.offset, reason: fault.reason }),
                _ => Ok(end),
            };
            return (encoder.finish(step), extent);
        }
        // The pass did not reach the value's end; find it, or why there is none.
        let verdict = encoder.finish(Err(Stop::Limit));
        let mut scanner = Scanner::new(input, at);
        scanner.white_space();
        match (scanner.skip(0, &mut outcome.scratch.skip), scanner.fault) {
            (Ok(_), _) | (_, None) => {
                if cut_off {
                    outcome.begin(self);
                    self.too_large(outcome);
                }
                (verdict, Ok(scanner.at))
            }
            (Err(Bad), Some(fault)) => {
                outcome.begin(self);
                malformed(fault, &mut Report::new(outcome, self.limits.violations));
                (verdict, Err(Malformed { offset: fault.offset, reason: fault.reason }))
            }
        }
    }

    #[cold]
    pub(super) fn too_large(&self, outcome: &mut Outcome) {
        let expected = || format!("at most {} bytes an event", self.limits.bytes);
        let mut report = Report::new(outcome, self.limits.violations);
        report.add(&Place::ROOT, Clause::Limit, expected, "a larger one", None);
    }
}

#[cold]
fn malformed(fault: super::scan::Fault, report: &mut Report<'_>) {
    report.add_with(fault.clause, |clause| Violation {
        path: String::new(),
        position: None,
        clause,
        expected: "one JSON value in UTF-8".to_owned(),
        found: Cow::Borrowed(fault.reason),
        hint: Some(format!("at byte {}", fault.offset)),
    });
}

impl<'a> Encoder<'a> {
    fn new(
        plan: &'a Plan,
        input: &'a [u8],
        at: usize,
        form: JsonForm,
        out: &'a mut Vec<u8>,
        outcome: &'a mut Outcome,
    ) -> Self {
        Self {
            plan,
            scan: Scanner::new(input, at),
            base: out.len(),
            out,
            report: Report::new(outcome, plan.limits.violations),
            avro_form: form == JsonForm::Avro,
            depth: 0,
            items: plan.limits.items,
            trying: 0,
            retry: 8 * (input.len() - at) + 4096,
            left_over: 0,
        }
    }

    fn event(&mut self) -> Step {
        self.scan.white_space();
        self.value(self.plan.root, &Place::ROOT)
    }

    /// Nothing but white space may follow.
    fn end(&mut self) -> Step {
        self.scan.white_space();
        if self.scan.at < self.scan.input.len() {
            self.scan.fail("something follows the value");
            if let Some(fault) = &mut self.scan.fault {
                fault.clause = Clause::Trailing;
            }
            return Err(Stop::Malformed);
        }
        Ok(())
    }

    fn finish(mut self, step: Step) -> Verdict {
        if let (Err(Stop::Malformed), Some(fault)) = (step, self.scan.fault) {
            malformed(fault, &mut self.report);
        }
        if step.is_err() || self.report.broken {
            if step.is_ok() {
                self.report.outcome.broken_id = self.broken_id();
            }
            self.out.truncate(self.base);
            return Verdict::Broken;
        }
        self.report.outcome.keep_captures(self.plan);
        if self.report.rules_broken { Verdict::BreaksRules } else { Verdict::Sound }
    }

    /// The event id of an event that is otherwise broken: what is encoded stands where it was encoded.
    #[cold]
    fn broken_id(&self) -> Option<String> {
        let (start, end) = *self.report.outcome.scratch.captures.get(self.plan.key.len())?;
        self.plan.read_text(self.plan.event_id?, self.out[self.base..].get(start as usize..end as usize)?)
    }

    /// The value at hand, as the node wants it.
    fn value(&mut self, id: NodeId, place: &Place<'_>) -> Step {
        let plan = self.plan;
        let node = plan.node(id);
        match node.op {
            Op::String => self.string(node, place),
            Op::Optional { item, null, .. } if !self.avro_form => self.optional(node, item, null, place),
            Op::Optional { union, .. } => self.tagged(&plan.unions[union as usize], node, place),
            Op::Int => self.integer(node, true, place),
            Op::Long => self.integer(node, false, place),
            Op::Temporal(of) => self.temporal(node, of, place),
            Op::Decimal(of) => self.decimal(node, of, place),
            Op::Enum(at) => self.symbol(node, at, place),
            Op::Record(at) => self.record(&plan.records[at as usize], node, place),
            Op::Array(item) => self.array(node, item, place),
            Op::Map(value) => self.map(node, value, place),
            Op::Boolean => self.boolean(node, place),
            Op::Double => self.double(node, place),
            Op::Float => self.float(node, place),
            Op::Union(at) if !self.avro_form => self.union(&plan.unions[at as usize], node, place),
            Op::Union(at) => self.tagged(&plan.unions[at as usize], node, place),
            Op::Null => match self.scan.peek() {
                b'n' => Ok(self.scan.word("null")?),
                _ => self.mismatch(node, place),
            },
            Op::Uuid | Op::UuidFixed | Op::Bytes | Op::Fixed(_) | Op::Duration => self.bytes_like(node, place),
        }
    }

    /// A violation of structure; when a branch is tried, the end of the attempt.
    #[cold]
    fn violate(
        &mut self,
        place: &Place<'_>,
        clause: Clause,
        expected: impl FnOnce() -> String,
        found: impl Into<Cow<'static, str>>,
        hint: Option<&str>,
    ) -> Step {
        if self.trying > 0 {
            return Err(Stop::NotThisBranch);
        }
        self.report.add(place, clause, expected, found, hint);
        Ok(())
    }

    /// A limit of the whole event is reached.
    #[cold]
    fn limit<T>(&mut self, place: &Place<'_>, expected: impl FnOnce() -> String, found: &'static str) -> Step<T> {
        self.report.add(place, Clause::Limit, expected, found, None);
        Err(Stop::Limit)
    }

    /// The value at hand is of another type.
    #[cold]
    fn mismatch(&mut self, node: &Node, place: &Place<'_>) -> Step {
        let Some(shape) = Shape::of(self.scan.peek()) else {
            return Err(self.scan.fail("expected a JSON value").into());
        };
        let plan = self.plan;
        let hint = match (shape, node.op) {
            (Shape::Null, _) => Some("the contract does not allow null here"),
            (Shape::Number | Shape::Boolean, op) if op.takes(Shape::String) => Some("put it in quotes"),
            (Shape::String, op) if op.takes(Shape::Number) || op == Op::Boolean => Some("send it without quotes"),
            _ => None,
        };
        self.violate(place, Clause::Type, || plan.describe(node.op), shape.word(), hint)?;
        self.skip(place)
    }

    /// Passes over a value that nobody wants.
    fn skip(&mut self, place: &Place<'_>) -> Step {
        let depth = self.plan.limits.depth - self.depth;
        let skipped = self.scan.skip(depth, &mut self.report.outcome.scratch.skip)?;
        if skipped.too_deep {
            self.too_deep(place)?;
        }
        if skipped.lone_surrogate {
            self.lone_surrogate(place)?;
        }
        if skipped.duplicate_key {
            self.duplicate_key(place)?;
        }
        Ok(())
    }

    #[cold]
    fn too_deep(&mut self, place: &Place<'_>) -> Step {
        let depth = self.plan.limits.depth;
        self.violate(place, Clause::Limit, || format!("at most {depth} levels of nesting"), "more levels", None)
    }

    #[cold]
    fn lone_surrogate(&mut self, place: &Place<'_>) -> Step {
        let hint = Some("the producer cut a string in the middle of a character");
        self.violate(place, Clause::Encoding, || "Unicode text".to_owned(), "string with a lone surrogate", hint)
    }

    #[cold]
    fn duplicate_key(&mut self, place: &Place<'_>) -> Step {
        self.violate(place, Clause::DuplicateKey, || "each key once".to_owned(), "the same key twice", None)
    }

    /// Begins a container; says whether it may be entered. If not, it was passed over.
    #[inline]
    fn enter(&mut self, place: &Place<'_>) -> Step<bool> {
        if self.depth >= self.plan.limits.depth {
            // Passing over it reports the depth.
            self.skip(place)?;
            return Ok(false);
        }
        self.depth += 1;
        self.scan.at += 1;
        self.scan.white_space();
        Ok(true)
    }

    /// One more item or entry.
    #[inline]
    fn count_item(&mut self, place: &Place<'_>) -> Step {
        let limits = &self.plan.limits;
        match self.items.checked_sub(1) {
            Some(left) => self.items = left,
            None => return self.limit(place, || format!("at most {} items an event", limits.items), "more items"),
        }
        self.check_size(place)
    }

    /// Defaults can make a body grow without input.
    #[inline]
    fn check_size(&mut self, place: &Place<'_>) -> Step {
        let limits = &self.plan.limits;
        if self.out.len() - self.base > limits.bytes {
            return self.limit(place, || format!("at most {} bytes an event", limits.bytes), "a larger one");
        }
        Ok(())
    }

    /// The string at hand with its escapes resolved. Nothing, when it has no UTF-8 and that was reported. Give it back
    /// by [`Encoder::recycle`].
    #[inline]
    fn text(&mut self, place: &Place<'_>) -> Step<Option<Cow<'a, [u8]>>> {
        let raw = self.scan.string()?;
        if raw.escaped {
            return self.unescaped(raw, place);
        }
        Ok(Some(Cow::Borrowed(raw.bytes)))
    }

    #[cold]
    fn unescaped(&mut self, raw: Raw<'a>, place: &Place<'_>) -> Step<Option<Cow<'a, [u8]>>> {
        if raw.lone_surrogate {
            self.lone_surrogate(place)?;
            return Ok(None);
        }
        let mut text = std::mem::take(&mut self.report.outcome.scratch.text);
        text.clear();
        raw.unescape(&mut text);
        Ok(Some(Cow::Owned(text)))
    }

    /// Keeps the buffer of an unescaped text for the next one.
    #[inline]
    fn recycle(&mut self, text: Cow<'a, [u8]>) {
        if let Cow::Owned(buffer) = text {
            self.report.outcome.scratch.text = buffer;
        }
    }

    #[inline]
    fn put_long(&mut self, value: i64) {
        let zigzag = ((value << 1) ^ (value >> 63)) as u64;
        match zigzag {
            0..0x80 => self.out.push(zigzag as u8),
            _ => crate::schema::put_long(value, self.out),
        }
    }

    #[inline]
    fn put_bytes(&mut self, bytes: &[u8]) {
        self.put_long(bytes.len() as i64);
        self.out.extend_from_slice(bytes);
    }

    /// The same for a string without escapes that the scanner has just passed. Most are short: those are copied as a
    /// block of fixed size, of which the rest is cut off again. That spares the call that a copy of any size takes.
    #[inline]
    fn put_raw(&mut self, bytes: &[u8]) {
        const BLOCK: usize = 32;
        let start = self.scan.at - 1 - bytes.len();
        match self.scan.input[start..].first_chunk::<BLOCK>() {
            Some(chunk) if bytes.len() <= BLOCK => {
                let end = self.out.len() + 1 + bytes.len();
                self.out.push((bytes.len() << 1) as u8);
                self.out.extend_from_slice(chunk);
                self.out.truncate(end);
            }
            _ => self.put_bytes(bytes),
        }
    }
}
