//! Walks an Avro body to its end without making values of it.

use super::{
    Outcome, Plan, Verdict,
    node::{Decimal, Node, NodeId, Op, RecordPlan},
    report::{Place, Report},
};
use crate::{
    schema,
    violation::{Clause, Violation},
};

/// The walk cannot go on: the bytes after this place cannot be told apart any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stop;

type Step<T = ()> = Result<T, Stop>;

struct Walker<'a, 'r> {
    plan: &'a Plan,
    body: &'a [u8],
    at: usize,
    /// Where `body` begins in the whole body.
    base: usize,
    report: &'a mut Report<'r>,
    depth: u32,
    items: u64,
}

impl Plan {
    pub(super) fn walk(&self, body: &[u8], outcome: &mut Outcome) -> Verdict {
        outcome.begin(self);
        if body.len() > self.limits.bytes {
            self.too_large(outcome);
            return Verdict::Broken;
        }
        let mut report = Report::new(outcome, self.limits.violations);
        let report = &mut report;
        let mut walker = Walker { plan: self, body, at: 0, base: 0, report, depth: 0, items: self.limits.items };
        let step = walker.value(self.root, &Place::ROOT);
        if step.is_ok() && walker.at < body.len() {
            walker.malformed(Clause::Trailing, &Place::ROOT, "bytes after the value");
        }
        if walker.report.broken {
            return Verdict::Broken;
        }
        let rules_broken = walker.report.rules_broken;
        outcome.keep_captures(self);
        if rules_broken { Verdict::BreaksRules } else { Verdict::Sound }
    }

    /// Walks a default that an event takes at `base` of its body: for the rules, and for the captures in it.
    pub(super) fn walk_default(
        &self,
        node: NodeId,
        default: &[u8],
        base: usize,
        report: &mut Report<'_>,
        place: &Place<'_>,
    ) {
        let mut walker = Walker { plan: self, body: default, at: 0, base, report, depth: 0, items: u64::MAX };
        let walked = walker.value(node, place);
        debug_assert!(walked.is_ok() && walker.at == default.len(), "defaults are checked when they are encoded");
    }
}

impl<'a> Walker<'a, '_> {
    fn value(&mut self, id: NodeId, place: &Place<'_>) -> Step {
        let plan = self.plan;
        let node = plan.node(id);
        match node.op {
            Op::Null => Ok(()),
            Op::Boolean => self.boolean(node, place),
            Op::Int => {
                let value = self.long(place)?;
                self.integer(node, value, i32::try_from(value).is_ok(), place)
            }
            Op::Long => {
                let value = self.long(place)?;
                self.integer(node, value, true, place)
            }
            Op::Temporal(of) => {
                let value = self.long(place)?;
                self.integer(node, value, of.holds(value), place)
            }
            Op::Float => {
                let value = f32::from_le_bytes(self.chunk(place)?);
                if !node.checks.is_empty() {
                    plan.check_float(node, value, self.report, place);
                }
                Ok(())
            }
            Op::Double => {
                let value = f64::from_le_bytes(self.chunk(place)?);
                if !node.checks.is_empty() {
                    plan.check_double(node, value, self.report, place);
                }
                Ok(())
            }
            Op::String | Op::Uuid => self.text(node, place),
            Op::Bytes => {
                let bytes = self.sized(place)?;
                self.opaque(node, bytes, place)
            }
            Op::Fixed(size) => {
                let bytes = self.take(size as usize, place)?;
                self.opaque(node, bytes, place)
            }
            Op::UuidFixed => {
                let bytes = self.take(16, place)?;
                self.opaque(node, bytes, place)
            }
            Op::Duration => self.take(12, place).map(drop),
            Op::Decimal(of) => self.decimal(node, of, place),
            Op::Enum(at) => self.symbol(node, at, place),
            Op::Optional { item, null, .. } => match self.branch(2, place)? {
                branch if branch == usize::from(null) => {
                    if !node.checks.is_empty() {
                        plan.check_null(node, self.report, place);
                    }
                    Ok(())
                }
                _ => self.value(item, place),
            },
            Op::Union(at) => {
                let union = &plan.unions[at as usize];
                let branch = self.branch(union.branches.len(), place)?;
                let branch = union.branches[branch].node;
                if plan.node(branch).op == Op::Null && !node.checks.is_empty() {
                    plan.check_null(node, self.report, place);
                }
                self.value(branch, place)
            }
            Op::Record(at) => self.record(&plan.records[at as usize], place),
            Op::Array(item) => self.array(node, item, place),
            Op::Map(value) => self.map(value, place),
        }
    }

    fn record(&mut self, record: &'a RecordPlan, place: &Place<'_>) -> Step {
        self.enter(place)?;
        if record.captures.is_empty() {
            for field in &record.fields {
                self.value(field.node, &place.field(field))?;
            }
        } else {
            for (at, field) in (0u32..).zip(&record.fields) {
                let start = self.at;
                self.value(field.node, &place.field(field))?;
                if field.watched {
                    for (_, capture) in record.captures.iter().filter(|(of, _)| *of == at) {
                        let range = ((self.base + start) as u32, (self.base + self.at) as u32);
                        self.report.outcome.scratch.captures[*capture as usize] = range;
                    }
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn array(&mut self, node: &'a Node, item: NodeId, place: &Place<'_>) -> Step {
        self.enter(place)?;
        let checked = !node.checks.is_empty();
        let spans = self.report.outcome.scratch.spans.len();
        let mut index = 0u32;
        while let Some(block) = self.block(place)? {
            for _ in 0..block.count {
                let start = self.at as u32;
                self.value(item, &place.item(index))?;
                // Of more items than there are bytes two must be empty, and so alike.
                if checked && index as usize <= self.body.len() + 1 {
                    self.report.outcome.scratch.spans.push((start, self.at as u32));
                }
                index += 1;
            }
            self.end_block(&block, place)?;
        }
        if checked {
            self.plan.check_items(node, spans, index, self.body, self.report, place);
            self.report.outcome.scratch.spans.truncate(spans);
        }
        self.depth -= 1;
        Ok(())
    }

    fn map(&mut self, value: NodeId, place: &Place<'_>) -> Step {
        self.enter(place)?;
        let place = place.value();
        while let Some(block) = self.block(&place)? {
            for _ in 0..block.count {
                let key = self.sized(&place)?;
                self.utf8(key, &place);
                self.value(value, &place)?;
            }
            self.end_block(&block, &place)?;
        }
        self.depth -= 1;
        Ok(())
    }

    /// The beginning of a block of items, or the end of them all.
    #[inline]
    fn block(&mut self, place: &Place<'_>) -> Step<Option<Block>> {
        let count = self.long(place)?;
        if count == 0 {
            return Ok(None);
        }
        let mut end = None;
        if count < 0 {
            let length = self.long(place)?;
            let fits = usize::try_from(length).ok().filter(|length| *length <= self.body.len() - self.at);
            let Some(length) = fits else {
                return Err(self.malformed(Clause::Malformed, place, "a block of wrong length"));
            };
            end = Some(self.at + length);
        }
        let count = count.unsigned_abs();
        match self.items.checked_sub(count) {
            Some(left) => self.items = left,
            None => {
                let limit = self.plan.limits.items;
                let expected = || format!("at most {limit} items an event");
                self.report.add(place, Clause::Limit, expected, "more items", None);
                return Err(Stop);
            }
        }
        Ok(Some(Block { count, end }))
    }

    fn end_block(&mut self, block: &Block, place: &Place<'_>) -> Step {
        match block.end {
            Some(end) if end != self.at => Err(self.malformed(Clause::Malformed, place, "a block of wrong length")),
            _ => Ok(()),
        }
    }

    #[inline]
    fn enter(&mut self, place: &Place<'_>) -> Step {
        let limit = self.plan.limits.depth;
        if self.depth >= limit {
            let expected = || format!("at most {limit} levels of nesting");
            self.report.add(place, Clause::Limit, expected, "more levels", None);
            return Err(Stop);
        }
        self.depth += 1;
        Ok(())
    }

    fn boolean(&mut self, node: &'a Node, place: &Place<'_>) -> Step {
        match self.take(1, place)? {
            [value @ 0..=1] => {
                if !node.checks.is_empty() {
                    self.plan.check_boolean(node, *value == 1, self.report, place);
                }
            }
            _ => self.violate(place, Clause::Type, node, "byte other than 0 and 1"),
        }
        Ok(())
    }

    #[inline]
    fn integer(&mut self, node: &'a Node, value: i64, in_range: bool, place: &Place<'_>) -> Step {
        if !in_range {
            self.violate(place, Clause::Range, node, "number out of range");
        } else if !node.checks.is_empty() {
            self.plan.check_integer(node, value, self.report, place);
        }
        Ok(())
    }

    #[inline]
    fn text(&mut self, node: &'a Node, place: &Place<'_>) -> Step {
        let text = self.sized(place)?;
        if !self.utf8(text, place) {
            return Ok(());
        }
        if matches!(node.op, Op::Uuid) && schema::uuid(text).is_none() {
            self.violate(place, Clause::Syntax, node, "string of another form");
        } else if !node.checks.is_empty() {
            self.plan.check_text(node, text, self.report, place);
        }
        Ok(())
    }

    fn opaque(&mut self, node: &'a Node, bytes: &[u8], place: &Place<'_>) -> Step {
        if !node.checks.is_empty() {
            self.plan.check_bytes(node, bytes, self.report, place);
        }
        Ok(())
    }

    fn decimal(&mut self, node: &'a Node, of: Decimal, place: &Place<'_>) -> Step {
        let bytes = match of.fixed {
            Some(size) => self.take(size as usize, place)?,
            None => self.sized(place)?,
        };
        if !schema::fits_precision(bytes, of.precision) {
            let found = if bytes.is_empty() { "no bytes at all" } else { "number of more digits" };
            self.violate(place, Clause::Precision, node, found);
        } else if !node.checks.is_empty() {
            self.plan.check_decimal(node, bytes, self.report, place);
        }
        Ok(())
    }

    fn symbol(&mut self, node: &'a Node, at: u32, place: &Place<'_>) -> Step {
        let index = self.long(place)?;
        let symbols = &self.plan.enums[at as usize].symbols;
        match usize::try_from(index).ok().and_then(|index| symbols.get(index)) {
            Some(symbol) => {
                if !node.checks.is_empty() {
                    self.plan.check_text(node, symbol.as_bytes(), self.report, place);
                }
            }
            None => self.violate(place, Clause::Symbol, node, "number of no symbol"),
        }
        Ok(())
    }

    #[inline]
    fn branch(&mut self, count: usize, place: &Place<'_>) -> Step<usize> {
        let branch = self.long(place)?;
        match usize::try_from(branch).ok().filter(|branch| *branch < count) {
            Some(branch) => Ok(branch),
            None => {
                let expected = || format!("a branch from 0 to {}", count - 1);
                self.report.add(place, Clause::Union, expected, "number of no branch", None);
                Err(Stop)
            }
        }
    }

    #[inline]
    fn utf8(&mut self, text: &[u8], place: &Place<'_>) -> bool {
        let is_text = is_ascii(text) || std::str::from_utf8(text).is_ok();
        if !is_text {
            self.report.add(place, Clause::Encoding, || "UTF-8".to_owned(), "other bytes", None);
        }
        is_text
    }

    #[cold]
    fn violate(&mut self, place: &Place<'_>, clause: Clause, node: &Node, found: &'static str) {
        let plan = self.plan;
        self.report.add(place, clause, || plan.describe(node.op), found, None);
    }

    /// The walk ends here, and why.
    #[cold]
    fn malformed(&mut self, clause: Clause, place: &Place<'_>, found: &'static str) -> Stop {
        let at = self.at;
        self.report.add_with(clause, |clause| {
            let (path, position) = place.paths();
            let (expected, hint) = ("the Avro body of one event".to_owned(), Some(format!("at byte {at}")));
            Violation { path, position, clause, expected, found: found.into(), hint }
        });
        Stop
    }

    #[inline]
    fn long(&mut self, place: &Place<'_>) -> Step<i64> {
        if let Some(byte @ 0..0x80) = self.body.get(self.at) {
            self.at += 1;
            return Ok(i64::from(byte >> 1) ^ -i64::from(byte & 1));
        }
        self.long_slowly(place)
    }

    fn long_slowly(&mut self, place: &Place<'_>) -> Step<i64> {
        // Up to eight bytes at once: seven bits of each, then pairs of seven, fourteen and twenty-eight.
        if let Some(chunk) = self.body.get(self.at..).and_then(<[u8]>::first_chunk) {
            const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
            let word = u64::from_le_bytes(*chunk);
            let last = !word & HIGH;
            if last != 0 {
                // All bits up to the last byte's highest, which is the lowest one set.
                let word = word & (last ^ (last - 1)) & !HIGH;
                let word = (word & 0x007f_007f_007f_007f) | (word & 0x7f00_7f00_7f00_7f00) >> 1;
                let word = (word & 0x0000_3fff_0000_3fff) | (word & 0x3fff_0000_3fff_0000) >> 2;
                let zigzag = (word & 0x0fff_ffff) | (word & 0x0fff_ffff_0000_0000) >> 4;
                self.at += last.trailing_zeros() as usize / 8 + 1;
                return Ok((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64));
            }
        }
        let mut zigzag = 0u64;
        for at in 0..10 {
            let Some(byte) = self.body.get(self.at + at) else {
                return Err(self.malformed(Clause::Malformed, place, "bytes that end too soon"));
            };
            zigzag |= u64::from(byte & 0x7f) << (7 * at);
            if *byte < 0x80 {
                self.at += at + 1;
                return Ok((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64));
            }
        }
        Err(self.malformed(Clause::Malformed, place, "number of more than ten bytes"))
    }

    #[inline]
    fn take(&mut self, length: usize, place: &Place<'_>) -> Step<&'a [u8]> {
        match self.body.get(self.at..self.at.saturating_add(length)) {
            Some(bytes) => {
                self.at += length;
                Ok(bytes)
            }
            None => Err(self.malformed(Clause::Malformed, place, "bytes that end too soon")),
        }
    }

    #[inline]
    fn chunk<const N: usize>(&mut self, place: &Place<'_>) -> Step<[u8; N]> {
        match self.body.get(self.at..).and_then(<[u8]>::first_chunk) {
            Some(chunk) => {
                self.at += N;
                Ok(*chunk)
            }
            None => Err(self.malformed(Clause::Malformed, place, "bytes that end too soon")),
        }
    }

    /// A length, and so many bytes.
    #[inline]
    fn sized(&mut self, place: &Place<'_>) -> Step<&'a [u8]> {
        let length = self.long(place)?;
        match usize::try_from(length) {
            Ok(length) => self.take(length, place),
            Err(_) => Err(self.malformed(Clause::Malformed, place, "negative length")),
        }
    }
}

/// Whether a text is ASCII, by words that may overlap: texts are short, and their rest is what takes time.
#[inline]
fn is_ascii(text: &[u8]) -> bool {
    let high = if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        let mut high = u64::from_le_bytes(*first) | u64::from_le_bytes(*last);
        for word in text.as_chunks::<8>().0.iter().skip(1) {
            high |= u64::from_le_bytes(*word);
        }
        high
    } else if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        u64::from(u32::from_le_bytes(*first) | u32::from_le_bytes(*last))
    } else {
        text.iter().fold(0, |high, byte| high | u64::from(*byte))
    };
    high & u64::from_le_bytes([0x80; 8]) == 0
}

struct Block {
    count: u64,
    /// Where it ends, if it says so.
    end: Option<usize>,
}

/// A number at the beginning of an encoding that was checked, and the rest.
pub(super) fn long(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let length = bytes.iter().take(10).position(|byte| *byte < 0x80)? + 1;
    let (bytes, rest) = bytes.split_at(length);
    let zigzag = bytes.iter().rev().fold(0u64, |sum, byte| sum << 7 | u64::from(byte & 0x7f));
    Some(((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64), rest))
}

/// The bytes after a length, in an encoding that was checked.
pub(super) fn sized(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = long(bytes)?;
    rest.get(..usize::try_from(length).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{plan::PlanOptions, schema::Schema};

    #[test]
    fn numbers_of_every_length_are_read_wherever_they_stand() {
        let schema = Schema::parse(r#"{"type":"fixed","name":"F","size":0}"#).unwrap();
        let plan = Plan::compile(&schema, &[], PlanOptions::default()).unwrap();
        for bits in 0..64 {
            for value in [1i64 << bits, (1i64 << bits).wrapping_sub(1), (1i64 << bits).wrapping_neg(), i64::MIN >> bits]
            {
                let mut number = Vec::new();
                schema::put_long(value, &mut number);
                for tail in [&[][..], &[0; 3], &[0x80; 12], &[0xff; 12]] {
                    let body = [&number, tail].concat();
                    let mut outcome = Outcome::default();
                    let report = &mut Report::new(&mut outcome, 1);
                    let mut walker = Walker { plan: &plan, body: &body, at: 0, base: 0, report, depth: 0, items: 0 };
                    assert_eq!((walker.long(&Place::ROOT), walker.at), (Ok(value), number.len()), "{value} {tail:?}");
                    assert_eq!(long(&body), Some((value, tail)));
                }
            }
        }
    }

    #[test]
    fn ascii_is_told_at_every_length_and_place() {
        for length in 0..40 {
            let mut text = vec![b'a'; length];
            assert!(is_ascii(&text));
            for at in 0..length {
                text[at] = 0xc3;
                assert!(!is_ascii(&text), "{at} of {length}");
                text[at] = b'a';
            }
        }
    }
}
