//! Records, arrays and maps.

use super::{Encoder, NOWHERE, Step};
use crate::{
    plan::{
        UNDECLARED_LISTED,
        node::{Node, NodeId, RecordPlan},
        report::{Place, join},
        skip::has_twice,
    },
    violation::{Clause, Violation},
};

/// A field name that the schema does not know is shown up to here.
const SHOWN_NAME: usize = 64;

impl<'a> Encoder<'a> {
    pub(super) fn record(&mut self, record: &'a RecordPlan, node: &'a Node, place: &Place<'_>) -> Step {
        if self.scan.peek() != b'{' {
            return self.mismatch(node, place);
        }
        if !self.enter(place)? {
            return Ok(());
        }
        let body = self.out.len();
        let frame = self.open_slots(record.fields.len());
        // How many fields there were, as long as they came in the schema's order; which one is likely to be next.
        let (mut count, mut ordered, mut next, mut undeclared) = (0, true, 0, false);
        let mut more = !self.scan.take(b'}');
        while more {
            match self.key(record, next)? {
                Some(at) => {
                    let field = &record.fields[at];
                    let place = place.field(field);
                    self.scan.colon()?;
                    // As long as the fields come in order, the next one cannot have been there.
                    if (ordered && at == count) || self.slots()[frame + at] == NOWHERE {
                        let start = self.out.len();
                        self.value(field.node, &place)?;
                        self.slots()[frame + at] = ((start - self.base) as u32, (self.out.len() - self.base) as u32);
                        ordered &= at == count;
                        count += 1;
                    } else {
                        self.duplicate_key(&place)?;
                        self.skip(&place)?;
                    }
                    next = at + 1;
                }
                None => {
                    if !undeclared {
                        self.report.outcome.scratch.skip.keys.open();
                    }
                    undeclared = true;
                    self.undeclared(record, place)?;
                }
            }
            more = self.next_entry()?;
        }
        if undeclared && self.report.outcome.scratch.skip.keys.close() {
            self.duplicate_key(place)?;
        }
        if count < record.fields.len() {
            self.fill_in(record, frame, &mut ordered, &mut count, place)?;
        }
        if !ordered && !self.report.broken {
            self.stitch(record, frame, body);
        }
        for (field, capture) in &record.captures {
            let (start, end) = self.slots()[frame + *field as usize];
            self.report.outcome.scratch.captures[*capture as usize] = (start, end);
        }
        self.slots().truncate(frame);
        self.depth -= 1;
        Ok(())
    }

    fn slots(&mut self) -> &mut Vec<(u32, u32)> {
        &mut self.report.outcome.scratch.slots
    }

    /// Room for where each field of a record will stand.
    fn open_slots(&mut self, count: usize) -> usize {
        let slots = self.slots();
        let frame = slots.len();
        slots.resize(frame + count, NOWHERE);
        frame
    }

    /// Reads a key and finds its field; one that is not declared leaves the scanner where it stands.
    #[inline]
    fn key(&mut self, record: &RecordPlan, next: usize) -> Step<Option<usize>> {
        if self.scan.peek() != b'"' {
            return Err(self.scan.fail("expected a key in quotes").into());
        }
        let text = &self.scan.input[self.scan.at + 1..];
        if let Some(length) = record.names.follows(next, text) {
            self.scan.at += 1 + length;
            return Ok(Some(next));
        }
        self.key_by_name(record)
    }

    fn key_by_name(&mut self, record: &RecordPlan) -> Step<Option<usize>> {
        let start = self.scan.at;
        let raw = self.scan.string()?;
        let found = match raw.escaped {
            false => record.names.find(raw.bytes),
            true if raw.lone_surrogate => None,
            true => {
                let text = &mut self.report.outcome.scratch.text;
                text.clear();
                raw.unescape(text);
                record.names.find(text)
            }
        };
        if found.is_none() {
            self.scan.at = start;
        }
        Ok(found)
    }

    /// After an entry: whether there is another one.
    #[inline]
    fn next_entry(&mut self) -> Step<bool> {
        self.scan.white_space();
        match self.scan.peek() {
            b',' => {
                self.scan.at += 1;
                self.scan.white_space();
                Ok(true)
            }
            b'}' => {
                self.scan.at += 1;
                Ok(false)
            }
            _ => Err(self.scan.fail("expected `,` or `}`").into()),
        }
    }

    /// A field that the schema does not have: dropped, or a violation.
    #[cold]
    fn undeclared(&mut self, record: &RecordPlan, place: &Place<'_>) -> Step {
        let raw = self.scan.string()?;
        self.scan.colon()?;
        if raw.lone_surrogate {
            self.lone_surrogate(place)?;
            return self.skip(place);
        }
        let outcome = &mut *self.report.outcome;
        let name = outcome.scratch.skip.keys.push(|text| raw.unescape(text));
        let name = String::from_utf8_lossy(name);
        let shown = match name.char_indices().nth(SHOWN_NAME) {
            Some((end, _)) => format!("{}…", &name[..end]),
            None => name.into_owned(),
        };
        if self.plan.reject_undeclared {
            if self.trying > 0 {
                return Err(super::Stop::NotThisBranch);
            }
            self.report.add_with(Clause::Undeclared, |clause| undeclared_violation(record, place, &shown, clause));
        } else {
            self.left_over += 1;
            let (mut path, _) = place.paths();
            join(&mut path, &shown);
            if !outcome.undeclared.contains(&path) {
                match outcome.undeclared.len() < UNDECLARED_LISTED {
                    true => outcome.undeclared.push(path),
                    false => outcome.undeclared_more = outcome.undeclared_more.saturating_add(1),
                }
            }
        }
        self.skip(place)
    }

    /// Takes the defaults of missing fields.
    fn fill_in(
        &mut self,
        record: &'a RecordPlan,
        frame: usize,
        ordered: &mut bool,
        count: &mut usize,
        place: &Place<'_>,
    ) -> Step {
        let plan = self.plan;
        for (at, field) in record.fields.iter().enumerate() {
            if self.slots()[frame + at] != NOWHERE {
                continue;
            }
            let Some(default) = &field.default else {
                let nullable = matches!(plan.node(field.node).op, crate::plan::node::Op::Optional { .. });
                let hint = nullable.then_some("send null, or give the field a default in the schema");
                let expected = || plan.describe(plan.node(field.node).op);
                self.violate(&place.field(field), Clause::Missing, expected, "nothing", hint)?;
                continue;
            };
            let start = self.out.len();
            let default = &plan.defaults[default.start as usize..default.end as usize];
            self.out.extend_from_slice(default);
            if field.watched {
                plan.walk_default(field.node, default, start - self.base, &mut self.report, &place.field(field));
            }
            self.slots()[frame + at] = ((start - self.base) as u32, (self.out.len() - self.base) as u32);
            *ordered &= at == *count;
            *count += 1;
            self.report.outcome.defaulted += 1;
        }
        self.check_size(place)
    }

    /// Puts the encoded fields into the schema's order.
    fn stitch(&mut self, record: &RecordPlan, frame: usize, body: usize) {
        let scratch = &mut self.report.outcome.scratch;
        let slots = &mut scratch.slots[frame..];
        scratch.stitch.clear();
        let mut at = 0;
        while at < slots.len() {
            // Neighbours that already stand side by side move together.
            let (start, mut end) = slots[at];
            let first = at;
            at += 1;
            while at < slots.len() && slots[at].0 == end {
                end = slots[at].1;
                at += 1;
            }
            let new_start = (body - self.base + scratch.stitch.len()) as u32;
            scratch.stitch.extend_from_slice(&self.out[self.base + start as usize..self.base + end as usize]);
            if new_start == start {
                continue;
            }
            let moved = new_start.wrapping_sub(start);
            for slot in &mut slots[first..at] {
                *slot = (slot.0.wrapping_add(moved), slot.1.wrapping_add(moved));
            }
            let inner = record.inner_captures.iter().filter(|(field, _)| (first..at).contains(&(*field as usize)));
            for (_, capture) in inner {
                let capture = &mut scratch.captures[*capture as usize];
                if *capture != NOWHERE {
                    *capture = (capture.0.wrapping_add(moved), capture.1.wrapping_add(moved));
                }
            }
        }
        self.out[body..].copy_from_slice(&scratch.stitch);
    }

    pub(super) fn array(&mut self, node: &'a Node, item: NodeId, place: &Place<'_>) -> Step {
        if self.scan.peek() != b'[' {
            return self.mismatch(node, place);
        }
        if !self.enter(place)? {
            return Ok(());
        }
        let head = self.out.len();
        // The count's place; most counts take one byte.
        self.out.push(0);
        let checked = !node.checks.is_empty();
        let spans = self.report.outcome.scratch.spans.len();
        let mut count = 0u32;
        let mut more = !self.scan.take(b']');
        while more {
            self.count_item(place)?;
            let start = self.out.len() - self.base;
            // An item that is broken is not comparable to others.
            let broken = checked && std::mem::take(&mut self.report.broken);
            self.value(item, &place.item(count))?;
            if checked && !self.report.broken {
                let end = self.out.len() - self.base;
                self.report.outcome.scratch.spans.push((start as u32, end as u32));
            }
            self.report.broken |= broken;
            count += 1;
            self.scan.white_space();
            more = match self.scan.peek() {
                b',' => true,
                b']' => false,
                _ => return Err(self.scan.fail("expected `,` or `]`").into()),
            };
            self.scan.at += 1;
            if more {
                self.scan.white_space();
            }
        }
        if checked {
            let body = &self.out[self.base..];
            self.plan.check_items(node, spans, count, body, &mut self.report, place);
            self.report.outcome.scratch.spans.truncate(spans);
        }
        self.put_count(head, count);
        self.depth -= 1;
        Ok(())
    }

    pub(super) fn map(&mut self, node: &'a Node, value: NodeId, place: &Place<'_>) -> Step {
        if self.scan.peek() != b'{' {
            return self.mismatch(node, place);
        }
        if !self.enter(place)? {
            return Ok(());
        }
        let head = self.out.len();
        self.out.push(0);
        let keys = self.report.outcome.scratch.spans.len();
        let mut count = 0u32;
        let place = place.value();
        let mut more = !self.scan.take(b'}');
        while more {
            self.count_item(&place)?;
            if self.scan.peek() != b'"' {
                return Err(self.scan.fail("expected a key in quotes").into());
            }
            if let Some(key) = self.text(&place)? {
                self.put_bytes(&key);
                let end = self.out.len() - self.base;
                self.report.outcome.scratch.spans.push(((end - key.len()) as u32, end as u32));
                self.recycle(key);
            }
            self.scan.colon()?;
            self.value(value, &place)?;
            count += 1;
            more = self.next_entry()?;
        }
        let spans = &mut self.report.outcome.scratch.spans;
        let twice = has_twice(&mut spans[keys..], &self.out[self.base..]);
        spans.truncate(keys);
        if twice {
            self.duplicate_key(&place)?;
        }
        self.put_count(head, count);
        self.depth -= 1;
        Ok(())
    }

    /// Writes the count of a block into its place, and the end of the blocks.
    fn put_count(&mut self, head: usize, count: u32) {
        match count {
            0 => return,
            1..64 => self.out[head] = (count << 1) as u8,
            _ => {
                let end = self.out.len();
                self.put_long(i64::from(count));
                let length = self.out.len() - end;
                // The count now stands at the end; turn it to the front, over the byte kept for it.
                self.out[head + 1..].rotate_right(length);
                self.out.remove(head);
            }
        }
        self.out.push(0);
    }
}

fn undeclared_violation(record: &RecordPlan, place: &Place<'_>, name: &str, clause: Clause) -> Violation {
    let (mut path, mut position) = place.paths();
    join(&mut path, name);
    if let Some(position) = &mut position {
        join(position, name);
    }
    let close = record.fields.iter().map(|field| (strsim::damerau_levenshtein(&field.name, name), &field.name)).min();
    let hint = match close {
        Some((1 | 2, close)) => Some(format!("did you mean `{close}`?")),
        _ => None,
    };
    let expected = match record.name.as_str() {
        "" => "only declared fields".to_owned(),
        name => format!("only fields of `{name}`"),
    };
    Violation { path, position, clause, expected, found: "an undeclared field".into(), hint }
}
