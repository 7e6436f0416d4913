//! Unions: which branch takes the value.

use super::{Encoder, NOWHERE, Step, Stop};
use crate::{
    plan::{
        node::{Node, NodeId, Shape, UnionPlan},
        report::Place,
    },
    violation::Clause,
};

/// Everything that trying a branch may change.
struct Mark {
    at: usize,
    out: usize,
    depth: u32,
    items: u64,
    left_over: u32,
    listed: usize,
    more: u32,
    broken: bool,
    rules_broken: bool,
    undeclared: usize,
    undeclared_more: u32,
    defaulted: u32,
    truncated: u32,
    slots: usize,
    spans: usize,
    keys: crate::plan::skip::KeysMark,
}

impl<'a> Encoder<'a> {
    #[inline]
    pub(super) fn optional(&mut self, node: &'a Node, item: NodeId, null: u8, place: &Place<'_>) -> Step {
        if self.scan.peek() == b'n' {
            self.scan.word("null")?;
            self.out.push(null << 1);
            if !node.checks.is_empty() {
                self.plan.check_null(node, &mut self.report, place);
            }
            return Ok(());
        }
        self.out.push((1 - null) << 1);
        self.value(item, place)
    }

    pub(super) fn union(&mut self, union: &'a UnionPlan, node: &'a Node, place: &Place<'_>) -> Step {
        let Some(shape) = Shape::of(self.scan.peek()) else {
            return Err(self.scan.fail("expected a JSON value").into());
        };
        match union.by_shape[shape as usize].as_slice() {
            [] => {
                let plan = self.plan;
                self.violate(place, Clause::Union, || plan.describe(node.op), shape.word(), None)?;
                self.skip(place)
            }
            [branch] => self.branch(union, *branch, node, shape, place),
            branches => self.try_branches(union, branches, node, shape, place),
        }
    }

    fn branch(&mut self, union: &'a UnionPlan, branch: u32, node: &'a Node, shape: Shape, place: &Place<'_>) -> Step {
        self.put_long(i64::from(branch));
        if shape == Shape::Null && !node.checks.is_empty() {
            self.plan.check_null(node, &mut self.report, place);
        }
        self.value(union.branches[branch as usize].node, place)
    }

    /// Takes the first branch that takes the value with nothing left over, else the first that takes it at all.
    fn try_branches(
        &mut self,
        union: &'a UnionPlan,
        branches: &[u32],
        node: &'a Node,
        shape: Shape,
        place: &Place<'_>,
    ) -> Step {
        let mark = self.mark();
        let mut partly = None;
        for &branch in branches {
            self.trying += 1;
            let step = self.branch(union, branch, node, shape, place);
            self.trying -= 1;
            match step {
                Ok(()) if self.left_over == mark.left_over => return Ok(()),
                Ok(()) => partly = partly.or(Some(branch)),
                Err(Stop::NotThisBranch) => {}
                Err(stop) => return Err(stop),
            }
            // Unions in unions could make this exponential.
            match self.retry.checked_sub(self.scan.at - mark.at + 1) {
                Some(left) => self.retry = left,
                None => return self.limit(place, || "fewer unions that have to be tried".to_owned(), "too many"),
            }
            self.roll_back(&mark);
        }
        if let Some(branch) = partly {
            return self.branch(union, branch, node, shape, place);
        }
        let plan = self.plan;
        self.violate(place, Clause::Union, || plan.describe(node.op), shape.word(), None)?;
        self.skip(place)
    }

    /// Avro's own JSON: null as it is, everything else as an object whose one key names the branch.
    pub(super) fn tagged(&mut self, union: &'a UnionPlan, node: &'a Node, place: &Place<'_>) -> Step {
        let (plan, start) = (self.plan, self.scan.at);
        match self.scan.peek() {
            b'n' => {
                if let [branch, ..] = union.by_shape[Shape::Null as usize].as_slice() {
                    return self.branch(union, *branch, node, Shape::Null, place);
                }
            }
            b'{' => {
                self.scan.at += 1;
                self.scan.white_space();
                let tag = if self.scan.peek() == b'"' { self.text(place)? } else { None };
                let branch =
                    tag.as_ref().and_then(|tag| union.branches.iter().position(|of| of.tag.as_bytes() == &**tag));
                if let Some(tag) = tag {
                    self.recycle(tag);
                }
                if let Some(branch) = branch {
                    self.scan.colon()?;
                    self.put_long(branch as i64);
                    self.value(union.branches[branch].node, place)?;
                    self.scan.white_space();
                    match self.scan.peek() {
                        b'}' => {
                            self.scan.at += 1;
                            return Ok(());
                        }
                        b',' => {}
                        _ => return Err(self.scan.fail("expected `}`").into()),
                    }
                }
                self.scan.at = start;
            }
            _ => {}
        }
        let Some(shape) = Shape::of(self.scan.peek()) else {
            return Err(self.scan.fail("expected a JSON value").into());
        };
        let hint = (shape == Shape::Object).then_some("write `{\"branch\": value}` with one of these names");
        self.violate(place, Clause::Union, || plan.describe_tags(union), shape.word(), hint)?;
        self.skip(place)
    }

    fn mark(&self) -> Mark {
        let outcome = &self.report.outcome;
        Mark {
            at: self.scan.at,
            out: self.out.len(),
            depth: self.depth,
            items: self.items,
            left_over: self.left_over,
            listed: outcome.violations.listed.len(),
            more: outcome.violations.more,
            broken: self.report.broken,
            rules_broken: self.report.rules_broken,
            undeclared: outcome.undeclared.len(),
            undeclared_more: outcome.undeclared_more,
            defaulted: outcome.defaulted,
            truncated: outcome.truncated,
            slots: outcome.scratch.slots.len(),
            spans: outcome.scratch.spans.len(),
            keys: outcome.scratch.skip.keys.mark(),
        }
    }

    fn roll_back(&mut self, mark: &Mark) {
        self.scan.at = mark.at;
        self.out.truncate(mark.out);
        self.depth = mark.depth;
        self.items = mark.items;
        self.left_over = mark.left_over;
        self.report.broken = mark.broken;
        self.report.rules_broken = mark.rules_broken;
        let outcome = &mut *self.report.outcome;
        outcome.violations.listed.truncate(mark.listed);
        outcome.violations.more = mark.more;
        outcome.undeclared.truncate(mark.undeclared);
        outcome.undeclared_more = mark.undeclared_more;
        outcome.defaulted = mark.defaulted;
        outcome.truncated = mark.truncated;
        outcome.scratch.slots.truncate(mark.slots);
        outcome.scratch.spans.truncate(mark.spans);
        outcome.scratch.skip.keys.reset(mark.keys);
        let from = (mark.out - self.base) as u32;
        for capture in outcome.scratch.captures.iter_mut().filter(|capture| capture.0 >= from) {
            *capture = NOWHERE;
        }
    }
}
