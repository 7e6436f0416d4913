//! Reads a rule's literals in its field's own type and unit.

use super::{Bound, CheckPlan, Test, counted, formats};
use crate::{
    plan::{
        Plan,
        node::{Decimal, Node, Op},
        number::{Number, Whole},
        temporal::Temporal,
    },
    rule::{Check, Literal},
    schema,
    violation::Clause,
};

/// A pattern may compile to this much.
const PATTERN_SIZE: usize = 1 << 20;
/// A pattern shows up to here in messages.
const SHOWN: usize = 200;

/// Why a rule does not fit, and the way out.
pub(in crate::plan) type Misfit = (String, Option<String>);

/// What a rule's value means that is none of the field's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plan) enum Literals {
    /// A mistake: the rule was written for this schema.
    OfThisSchema,
    /// Nothing: the rule was written for another version of the schema, and no event of this one can have that value.
    OfAnotherVersion,
}

/// A check for a node that is not a union.
pub(in crate::plan) fn compile(
    plan: &Plan,
    node: &Node,
    check: &Check,
    literals: Literals,
) -> Result<CheckPlan, Misfit> {
    let reader = Reader { plan, op: node.op, clause: check.clause(), literals };
    let (expected, test) = match check {
        Check::Required | Check::NoNulls => ("a value that is not null".to_owned(), Test::NotNull),
        Check::ValidValues(values) => reader.among(values)?,
        Check::ValidPattern(pattern) | Check::Pattern(pattern) => reader.pattern(pattern)?,
        Check::MinLength(limit) => reader.length(Bound::AtLeast, *limit)?,
        Check::MaxLength(limit) => reader.length(Bound::AtMost, *limit)?,
        Check::Minimum(limit) => reader.bound(Bound::AtLeast, limit)?,
        Check::Maximum(limit) => reader.bound(Bound::AtMost, limit)?,
        Check::ExclusiveMinimum(limit) => reader.bound(Bound::Above, limit)?,
        Check::ExclusiveMaximum(limit) => reader.bound(Bound::Below, limit)?,
        Check::MultipleOf(unit) => reader.multiple(unit)?,
        Check::Format(format) => reader.format(format)?,
        Check::MinItems(limit) => {
            reader.items(counted("at least", *limit, "item"), Test::Items(Bound::AtLeast, *limit))?
        }
        Check::MaxItems(limit) => {
            reader.items(counted("at most", *limit, "item"), Test::Items(Bound::AtMost, *limit))?
        }
        Check::UniqueItems => reader.items("no item twice".to_owned(), Test::UniqueItems)?,
    };
    Ok(CheckPlan { clause: reader.clause, expected, test })
}

struct Reader<'a> {
    plan: &'a Plan,
    op: Op,
    clause: Clause,
    literals: Literals,
}

impl Reader<'_> {
    fn is_strict(&self) -> bool {
        self.literals == Literals::OfThisSchema
    }

    fn wrong_type(&self, about: &str) -> Misfit {
        (format!("`{}` is about {about}, and this is {}", self.clause, self.plan.describe(self.op)), None)
    }

    fn wrong_literal(&self, literal: &Literal, why: &str) -> Misfit {
        let text = match literal {
            Literal::Number(text) | Literal::Text(text) => text.clone(),
            Literal::Boolean(value) => value.to_string(),
        };
        (format!("`{}` has `{text}`, which is not a value of this field: {why}", self.clause), None)
    }

    fn is_text(&self) -> bool {
        matches!(self.op, Op::String | Op::Uuid | Op::Enum(_))
    }

    fn length(&self, bound: Bound, limit: u64) -> Result<(String, Test), Misfit> {
        let words = if bound == Bound::AtLeast { "at least" } else { "at most" };
        match self.op {
            Op::Bytes => Ok((counted(words, limit, "byte"), Test::Bytes(bound, limit))),
            _ if self.is_text() => Ok((counted(words, limit, "character"), Test::Characters(bound, limit))),
            Op::Array(_) => {
                let (message, _) = self.wrong_type("strings and bytes");
                Err((message, Some("use `minItems` and `maxItems`".to_owned())))
            }
            _ => Err(self.wrong_type("strings and bytes")),
        }
    }

    fn items(&self, expected: String, test: Test) -> Result<(String, Test), Misfit> {
        match self.op {
            Op::Array(_) => Ok((expected, test)),
            _ => Err(self.wrong_type("arrays")),
        }
    }

    fn pattern(&self, pattern: &str) -> Result<(String, Test), Misfit> {
        if !self.is_text() {
            return Err(self.wrong_type("strings"));
        }
        let text = with_ascii_classes(pattern);
        let compiled = regex::bytes::RegexBuilder::new(&text).size_limit(PATTERN_SIZE).nest_limit(50).build();
        let compiled = compiled.map_err(|error| {
            let error = error.to_string();
            let reason = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
            let hint = match reason {
                _ if reason.contains("look-around") || reason.contains("backreference") => {
                    "patterns take linear time here, so they have neither; say the rest in another clause"
                }
                _ if reason.contains("limit") => "make it smaller: fewer or smaller repetitions",
                _ => "mend it; a character that is meant as itself takes a `\\` before it",
            };
            (format!("`{}` is not a usable pattern: {reason}", self.clause), Some(hint.to_owned()))
        })?;
        Ok((format!("a match of `{}`", shorten(pattern)), Test::Text(compiled)))
    }

    fn format(&self, format: &str) -> Result<(String, Test), Misfit> {
        if !self.is_text() {
            return Err(self.wrong_type("strings"));
        }
        match formats::find(format) {
            Some((is, expected)) => Ok((expected.to_owned(), Test::Format(is))),
            None => {
                let known = formats::FORMATS.map(|(name, _)| name).join(", ");
                Err((format!("the format `{format}` cannot be checked"), Some(format!("these can: {known}"))))
            }
        }
    }

    fn bound(&self, bound: Bound, literal: &Literal) -> Result<(String, Test), Misfit> {
        let test = match self.op {
            Op::Int | Op::Long | Op::Temporal(_) => Test::Integer(bound, self.integer(literal)?),
            Op::Double | Op::Float => Test::Double(bound, self.floating(literal)?),
            Op::Decimal(of) => Test::Decimal(bound, self.decimal(literal, of)?.to_bytes()),
            _ => return Err(self.wrong_type("numbers, dates and times")),
        };
        let words = match bound {
            Bound::AtLeast => "at least",
            Bound::AtMost => "at most",
            Bound::Above => "above",
            Bound::Below => "below",
        };
        Ok((format!("{words} {}", show(literal)), test))
    }

    fn multiple(&self, literal: &Literal) -> Result<(String, Test), Misfit> {
        let zero = || self.wrong_literal(literal, "it has to be above zero");
        let test = match self.op {
            Op::Int | Op::Long => {
                let unit = self.integer(literal)?;
                Test::IntegerMultiple(u64::try_from(unit).ok().filter(|unit| *unit > 0).ok_or_else(zero)?)
            }
            Op::Decimal(of) => Test::DecimalMultiple(self.unit(self.decimal(literal, of)?, literal)?),
            Op::Double | Op::Float => {
                let number = self.number(literal)?;
                let scale = (0..=400).find(|scale| number.whole(*scale).is_some());
                let scale = scale.ok_or_else(|| self.wrong_literal(literal, "it has too many digits"))?;
                let unit = number.whole(scale).ok_or_else(zero)?;
                Test::DoubleMultiple { unit: self.unit(unit, literal)?, scale }
            }
            _ => return Err(self.wrong_type("numbers")),
        };
        Ok((format!("a multiple of {}", show(literal)), test))
    }

    fn unit(&self, whole: Whole<'_>, literal: &Literal) -> Result<u128, Misfit> {
        let unit = whole.to_i128().filter(|unit| (1..1 << 120).contains(unit));
        unit.map(i128::unsigned_abs)
            .ok_or_else(|| self.wrong_literal(literal, "it has to be above zero and below 2^120"))
    }

    fn among(&self, literals: &[Literal]) -> Result<(String, Test), Misfit> {
        let strict = self.is_strict();
        fn all<T>(
            strict: bool,
            literals: &[Literal],
            read: impl Fn(&Literal) -> Result<T, Misfit>,
        ) -> Result<Vec<T>, Misfit> {
            literals.iter().map(read).filter(|value| strict || value.is_ok()).collect()
        }
        fn sorted<T: Ord>(values: Result<Vec<T>, Misfit>) -> Result<Vec<T>, Misfit> {
            let mut values = values?;
            values.sort_unstable();
            Ok(values)
        }
        let boolean = |literal: &Literal| match literal {
            Literal::Boolean(value) => Ok(*value),
            _ => Err(self.wrong_literal(literal, "it is true or false")),
        };
        let test = match self.op {
            Op::Boolean => Test::Boolean(all(strict, literals, boolean)?),
            Op::Int | Op::Long | Op::Temporal(_) => {
                Test::IntegerAmong(sorted(all(strict, literals, |literal| self.integer(literal)))?)
            }
            Op::Double | Op::Float => Test::DoubleAmong(all(strict, literals, |literal| self.floating(literal))?),
            Op::Decimal(of) => {
                Test::DecimalAmong(sorted(all(strict, literals, |literal| Ok(self.decimal(literal, of)?.to_bytes())))?)
            }
            Op::String | Op::Uuid | Op::UuidFixed | Op::Enum(_) => {
                Test::TextAmong(sorted(all(strict, literals, |literal| self.text(literal)))?)
            }
            _ => return Err(self.wrong_type("scalars other than bytes")),
        };
        let shown: Vec<String> = literals.iter().take(20).map(show).collect();
        let more = if literals.len() > shown.len() { ", …" } else { "" };
        Ok((format!("one of {}{more}", shown.join(", ")), test))
    }

    fn text(&self, literal: &Literal) -> Result<Box<[u8]>, Misfit> {
        let Literal::Text(text) = literal else {
            let (message, _) = self.wrong_literal(literal, "it is no string");
            return Err((message, Some("put it in quotes".to_owned())));
        };
        let uuid = schema::uuid(text.as_bytes());
        match self.op {
            Op::Uuid | Op::UuidFixed if uuid.is_none() => Err(self.wrong_literal(literal, "it is no UUID")),
            Op::UuidFixed => Ok(uuid.unwrap_or_default().into()),
            Op::Enum(at) if self.plan.enums[at as usize].names.find(text.as_bytes()).is_none() => {
                Err(self.wrong_literal(literal, "it is no symbol of the enum"))
            }
            _ => Ok(text.as_bytes().into()),
        }
    }

    fn number<'t>(&self, literal: &'t Literal) -> Result<Number<'t>, Misfit> {
        let number = match literal {
            Literal::Number(text) | Literal::Text(text) => Number::parse(text.as_bytes()),
            Literal::Boolean(_) => None,
        };
        number.ok_or_else(|| self.wrong_literal(literal, "it is no number"))
    }

    fn integer(&self, literal: &Literal) -> Result<i64, Misfit> {
        if let (Op::Temporal(of), Literal::Text(text)) = (self.op, literal) {
            return self.moment(literal, of, text);
        }
        if let (_, Literal::Text(_)) = (self.op, literal) {
            return Err(self.wrong_literal(literal, "it is a string"));
        }
        let fits = |value: &i64| match self.op {
            // What to compare with may be out of reach where it was meant for a wider type.
            Op::Int if self.is_strict() => i32::try_from(*value).is_ok(),
            Op::Temporal(of) if self.is_strict() => of.holds(*value),
            _ => true,
        };
        let value = self.number(literal)?.whole(0).and_then(Whole::to_i64).filter(fits);
        value.ok_or_else(|| self.wrong_literal(literal, &format!("the field is {}", self.plan.describe(self.op))))
    }

    fn moment(&self, literal: &Literal, of: Temporal, text: &str) -> Result<i64, Misfit> {
        match of.parse(text.as_bytes()) {
            Ok(reading) if !reading.cut => Ok(reading.value),
            Ok(_) => Err(self.wrong_literal(literal, "it has more digits than the field's unit")),
            Err(_) => Err(self.wrong_literal(literal, &format!("the field is {}", self.plan.describe(self.op)))),
        }
    }

    /// The nearest value of the field's type, as everywhere with binary fractions.
    fn floating(&self, literal: &Literal) -> Result<f64, Misfit> {
        if let Literal::Text(_) = literal {
            return Err(self.wrong_literal(literal, "it is a string"));
        }
        self.number(literal)?;
        let Literal::Number(text) = literal else { return Err(self.wrong_literal(literal, "it is no number")) };
        let value = match self.op {
            Op::Float => text.parse::<f32>().map(f64::from),
            _ => text.parse::<f64>(),
        };
        let value = value.ok().filter(|value| value.is_finite());
        value.ok_or_else(|| self.wrong_literal(literal, "it is out of range"))
    }

    fn decimal<'t>(&self, literal: &'t Literal, of: Decimal) -> Result<Whole<'t>, Misfit> {
        let whole = self.number(literal)?.whole(of.scale);
        let whole = whole.ok_or_else(|| {
            self.wrong_literal(literal, &format!("it has more than {} digits after the point", of.scale))
        })?;
        if self.is_strict() && whole.digits() > u64::from(of.precision) {
            return Err(self.wrong_literal(literal, &format!("it has more than {} digits", of.precision)));
        }
        Ok(whole)
    }
}

/// A pattern whose `\d`, `\w` and `\b` are about ASCII, as in ECMA-262, to which ODCS refers: to the engine they are
/// about all scripts, and `\d` would let digits pass that other readers of the contract refuse.
fn with_ascii_classes(pattern: &str) -> String {
    let mut text = String::with_capacity(pattern.len());
    let (mut chars, mut in_class) = (pattern.chars(), 0u32);
    while let Some(c) = chars.next() {
        if c != '\\' {
            match c {
                '[' => in_class += 1,
                ']' => in_class = in_class.saturating_sub(1),
                _ => {}
            }
            text.push(c);
            continue;
        }
        match chars.next() {
            Some('d') => text.push_str("[0-9]"),
            Some('D') => text.push_str("[^0-9]"),
            Some('w') => text.push_str("[0-9A-Za-z_]"),
            Some('W') => text.push_str("[^0-9A-Za-z_]"),
            Some(edge @ ('b' | 'B')) if in_class == 0 => text.extend(["(?-u:\\", &edge.to_string(), ")"]),
            other => text.extend(std::iter::once(c).chain(other)),
        }
    }
    text
}

fn show(literal: &Literal) -> String {
    match literal {
        Literal::Number(text) | Literal::Text(text) => shorten(text),
        Literal::Boolean(value) => value.to_string(),
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
