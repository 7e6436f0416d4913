//! Where violations go, and how they come to know their path.

use super::{Outcome, node::FieldPlan};
use crate::violation::{Clause, Violation};
use std::{borrow::Cow, fmt::Write};

/// Where in the event the pass is: a list that runs back through the callers' frames, so that keeping it costs
/// nothing and only a violation has to walk it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'p> {
    up: Option<&'p Place<'p>>,
    step: PlaceStep<'p>,
}

#[derive(Debug, Clone, Copy)]
enum PlaceStep<'p> {
    Root,
    Field(&'p FieldPlan),
    Item(u32),
    Value,
}

impl<'p> Place<'p> {
    pub(super) const ROOT: Place<'static> = Place { up: None, step: PlaceStep::Root };

    #[inline]
    pub(super) fn field(&'p self, field: &'p FieldPlan) -> Self {
        Self { up: Some(self), step: PlaceStep::Field(field) }
    }

    #[inline]
    pub(super) fn item(&'p self, index: u32) -> Self {
        Self { up: Some(self), step: PlaceStep::Item(index) }
    }

    #[inline]
    pub(super) fn value(&'p self) -> Self {
        Self { up: Some(self), step: PlaceStep::Value }
    }

    /// The path, and with array positions if there are any.
    pub(super) fn paths(&self) -> (String, Option<String>) {
        let mut steps = Vec::new();
        let mut at = Some(self);
        while let Some(place) = at {
            steps.push(place.step);
            at = place.up;
        }
        let (mut path, mut position, mut has_items) = (String::new(), String::new(), false);
        for step in steps.into_iter().rev() {
            match step {
                PlaceStep::Root => {}
                PlaceStep::Field(field) => {
                    for text in [&mut path, &mut position] {
                        join(text, &field.name);
                    }
                }
                PlaceStep::Item(index) => {
                    has_items = true;
                    path.push_str("[]");
                    let _ = write!(position, "[{index}]");
                }
                PlaceStep::Value => {
                    path.push_str("{}");
                    position.push_str("{}");
                }
            }
        }
        (path, has_items.then_some(position))
    }
}

/// A path with one more name.
pub(super) fn join(path: &mut String, name: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(name);
}

/// What a pass has found so far.
#[derive(Debug)]
pub(super) struct Report<'a> {
    pub(super) outcome: &'a mut Outcome,
    limit: usize,
    /// A violation of structure was found, listed or not.
    pub(super) broken: bool,
    /// A violation of a rule was found, listed or not.
    pub(super) rules_broken: bool,
}

impl<'a> Report<'a> {
    pub(super) fn new(outcome: &'a mut Outcome, limit: usize) -> Self {
        Self { outcome, limit, broken: false, rules_broken: false }
    }

    #[cold]
    pub(super) fn add(
        &mut self,
        place: &Place<'_>,
        clause: Clause,
        expected: impl FnOnce() -> String,
        found: impl Into<Cow<'static, str>>,
        hint: Option<&str>,
    ) {
        self.add_with(clause, |_| {
            let (path, position) = place.paths();
            let (expected, found, hint) = (expected(), found.into(), hint.map(str::to_owned));
            Violation { path, position, clause, expected, found, hint }
        });
    }

    pub(super) fn add_with(&mut self, clause: Clause, make: impl FnOnce(Clause) -> Violation) {
        *(if clause.is_rule() { &mut self.rules_broken } else { &mut self.broken }) = true;
        let violations = &mut self.outcome.violations;
        match violations.listed.len() < self.limit {
            true => violations.listed.push(make(clause)),
            false => violations.more = violations.more.saturating_add(1),
        }
    }
}
