//! A contract's clauses, compiled for the type they are about, and held against values.

mod compile;
mod formats;
#[cfg(test)]
mod tests;

pub(super) use compile::{Literals, Misfit, compile};
pub use formats::FORMATS;

use super::{
    Plan,
    node::Node,
    number::Number,
    report::{Place, Report},
    skip::has_twice,
};
use crate::violation::Clause;
use std::{cmp::Ordering, io::Write};

/// One clause on one node.
#[derive(Debug)]
pub(super) struct CheckPlan {
    pub(super) clause: Clause,
    /// What would be right, for messages.
    pub(super) expected: String,
    pub(super) test: Test,
}

/// What must hold. Each is only put on nodes whose values it is about. Lists of whole numbers, decimals and texts are
/// sorted.
#[derive(Debug)]
pub(super) enum Test {
    NotNull,
    Boolean(Vec<bool>),
    Integer(Bound, i64),
    IntegerAmong(Vec<i64>),
    IntegerMultiple(u64),
    /// For float too: both sides are exact there.
    Double(Bound, f64),
    DoubleAmong(Vec<f64>),
    /// A whole multiple of so many `10^-scale`.
    DoubleMultiple {
        unit: u128,
        scale: u32,
    },
    /// Unscaled, as minimal two's complement.
    Decimal(Bound, Vec<u8>),
    DecimalAmong(Vec<Vec<u8>>),
    DecimalMultiple(u128),
    /// Characters of a string.
    Characters(Bound, u64),
    /// Bytes of `bytes`.
    Bytes(Bound, u64),
    TextAmong(Vec<Box<[u8]>>),
    Text(regex::bytes::Regex),
    Format(formats::FormatCheck),
    Items(Bound, u64),
    UniqueItems,
}

/// On which side of its limit a value has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    AtLeast,
    AtMost,
    Above,
    Below,
}

impl Bound {
    /// Whether a value that compares so to the limit is right. What does not compare (NaN) is not.
    fn allows(self, order: Option<Ordering>) -> bool {
        match (self, order) {
            (_, None) => false,
            (Self::AtLeast, Some(order)) => order != Ordering::Less,
            (Self::AtMost, Some(order)) => order != Ordering::Greater,
            (Self::Above, Some(order)) => order == Ordering::Greater,
            (Self::Below, Some(order)) => order == Ordering::Less,
        }
    }
}

impl Plan {
    fn check(
        &self,
        node: &Node,
        report: &mut Report<'_>,
        place: &Place<'_>,
        holds: impl Fn(&Test) -> bool,
        found: impl Fn() -> std::borrow::Cow<'static, str>,
    ) {
        for check in &self.checks[node.checks.start as usize..node.checks.end as usize] {
            if !holds(&check.test) {
                report.add(place, check.clause, || check.expected.clone(), found(), None);
            }
        }
    }

    #[cold]
    pub(super) fn check_null(&self, node: &Node, report: &mut Report<'_>, place: &Place<'_>) {
        self.check(node, report, place, |test| !matches!(test, Test::NotNull), || "null".into());
    }

    pub(super) fn check_boolean(&self, node: &Node, value: bool, report: &mut Report<'_>, place: &Place<'_>) {
        let holds = |test: &Test| match test {
            Test::Boolean(among) => among.contains(&value),
            _ => true,
        };
        self.check(node, report, place, holds, || "boolean".into());
    }

    pub(super) fn check_integer(&self, node: &Node, value: i64, report: &mut Report<'_>, place: &Place<'_>) {
        let holds = |test: &Test| match test {
            Test::Integer(bound, limit) => bound.allows(Some(value.cmp(limit))),
            Test::IntegerAmong(among) => among.binary_search(&value).is_ok(),
            Test::IntegerMultiple(unit) => value.unsigned_abs().is_multiple_of(*unit),
            _ => true,
        };
        self.check(node, report, place, holds, || "number".into());
    }

    pub(super) fn check_double(&self, node: &Node, value: f64, report: &mut Report<'_>, place: &Place<'_>) {
        self.check_floating(node, value, format_args!("{value:e}"), report, place);
    }

    pub(super) fn check_float(&self, node: &Node, value: f32, report: &mut Report<'_>, place: &Place<'_>) {
        self.check_floating(node, f64::from(value), format_args!("{value:e}"), report, place);
    }

    /// `text` is the shortest decimal that reads as the value: that is the number its sender meant.
    fn check_floating(
        &self,
        node: &Node,
        value: f64,
        text: std::fmt::Arguments<'_>,
        report: &mut Report<'_>,
        place: &Place<'_>,
    ) {
        let holds = |test: &Test| match test {
            Test::Double(bound, limit) => bound.allows(value.partial_cmp(limit)),
            Test::DoubleAmong(among) => among.contains(&value),
            Test::DoubleMultiple { unit, scale } => {
                let mut buffer = [0; 32];
                let mut rest = &mut buffer[..];
                let written = rest.write_fmt(text).map(|()| 32 - rest.len());
                let number = written.ok().and_then(|length| Number::parse(&buffer[..length]));
                let whole = number.and_then(|number| number.whole(*scale));
                whole.is_some_and(|whole| whole.is_multiple_of(*unit))
            }
            _ => true,
        };
        self.check(node, report, place, holds, || "number".into());
    }

    pub(super) fn check_decimal(&self, node: &Node, bytes: &[u8], report: &mut Report<'_>, place: &Place<'_>) {
        let bytes = super::number::minimal(bytes);
        let holds = |test: &Test| match test {
            Test::Decimal(bound, limit) => bound.allows(Some(compare(bytes, limit))),
            Test::DecimalAmong(among) => among.binary_search_by(|of| of.as_slice().cmp(bytes)).is_ok(),
            Test::DecimalMultiple(unit) => is_multiple(bytes, *unit),
            _ => true,
        };
        self.check(node, report, place, holds, || "number".into());
    }

    pub(super) fn check_text(&self, node: &Node, text: &[u8], report: &mut Report<'_>, place: &Place<'_>) {
        let holds = |test: &Test| match test {
            Test::Characters(bound, limit) => bound.allows(Some(count(text, *limit).cmp(limit))),
            Test::TextAmong(among) => among.binary_search_by(|of| (**of).cmp(text)).is_ok(),
            Test::Text(pattern) => pattern.is_match(text),
            Test::Format(is) => std::str::from_utf8(text).is_ok_and(is),
            _ => true,
        };
        self.check(node, report, place, holds, || counted("string of", characters(text), "character").into());
    }

    pub(super) fn check_bytes(&self, node: &Node, bytes: &[u8], report: &mut Report<'_>, place: &Place<'_>) {
        let holds = |test: &Test| match test {
            Test::Bytes(bound, limit) => bound.allows(Some((bytes.len() as u64).cmp(limit))),
            Test::TextAmong(among) => among.binary_search_by(|of| (**of).cmp(bytes)).is_ok(),
            _ => true,
        };
        self.check(node, report, place, holds, || counted("string of", bytes.len() as u64, "byte").into());
    }

    /// Checks an array of so many items, which stand at the ranges of the report's buffer from `from` on.
    pub(super) fn check_items(
        &self,
        node: &Node,
        from: usize,
        count: u32,
        body: &[u8],
        report: &mut Report<'_>,
        place: &Place<'_>,
    ) {
        let mut spans = std::mem::take(&mut report.outcome.scratch.spans);
        for check in &self.checks[node.checks.start as usize..node.checks.end as usize] {
            let holds = match &check.test {
                Test::Items(bound, limit) => bound.allows(Some(u64::from(count).cmp(limit))),
                Test::UniqueItems => !has_twice(&mut spans[from..], body),
                _ => true,
            };
            if !holds {
                report.add(
                    place,
                    check.clause,
                    || check.expected.clone(),
                    counted("array of", count.into(), "item"),
                    None,
                );
            }
        }
        report.outcome.scratch.spans = spans;
    }
}

fn counted(what: &str, count: u64, unit: &str) -> String {
    format!("{what} {count} {unit}{}", if count == 1 { "" } else { "s" })
}

fn characters(text: &[u8]) -> u64 {
    text.iter().filter(|byte| !(0x80..0xc0).contains(*byte)).count() as u64
}

/// The characters of a text, or its bytes where these already tell how it compares to the limit.
fn count(text: &[u8], limit: u64) -> u64 {
    let bytes = text.len() as u64;
    if bytes < limit || bytes / 4 > limit { bytes } else { characters(text) }
}

/// Compares two minimal two's complement numbers.
fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let negative = |bytes: &[u8]| bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    match (negative(a), negative(b)) {
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
        (true, true) => b.len().cmp(&a.len()).then_with(|| a.cmp(b)),
    }
}

/// Whether a two's complement number is a whole multiple; `unit` has at most 120 bits.
fn is_multiple(bytes: &[u8], unit: u128) -> bool {
    let Some((&first, rest)) = bytes.split_first() else { return true };
    // The first byte counts negatively when its highest bit is set: add a multiple of the unit to stay above zero.
    let first = i128::from(first as i8).rem_euclid(unit as i128) as u128;
    rest.iter().fold(first % unit, |remainder, byte| (remainder << 8 | u128::from(*byte)) % unit) == 0
}
