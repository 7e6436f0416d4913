//! The walk accepts exactly what apache-avro decodes, but for what is listed at [`stricter`].

use crate::generate::{Entropy, sample, schema};
use apache_avro::{reader::datum::GenericDatumReader, types::Value};
use proptest::{prelude::*, test_runner::TestRunner};
use std::io::{self, Read};
use tidegate_contracts::{
    plan::{JsonForm, Limits, Outcome, Plan, PlanOptions, Verdict},
    schema::{Kind, Logical, Schema, TypeId},
};

/// So that a hostile count costs the oracle little; the walk has its own limits.
const ORACLE_BYTES: usize = 1 << 22;

#[test]
fn the_walk_accepts_what_apache_avro_decodes() {
    let bytes = prop::collection::vec(any::<u8>(), 0..300);
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..5u8), 0..4);
    run((bytes, changes), |(bytes, changes)| {
        let mut entropy = Entropy(&bytes);
        let text = schema(&mut entropy);
        let ours = Schema::parse(&text).unwrap();
        let plan = Plan::compile(&ours, &[], crate::roomy()).unwrap();
        let (mut body, mut outcome) = (Vec::new(), Outcome::default());
        let sample = sample(&ours, &mut entropy);
        let verdict = plan.encode_json(sample.tagged.as_bytes(), JsonForm::Avro, &mut body, &mut outcome);
        prop_assert_eq!(verdict, Verdict::Sound, "{} of {}: {:?}", sample.tagged, text, outcome.violations);
        for (at, byte, how) in changes {
            let at = at.index(body.len() + 1);
            match how {
                0 => body.truncate(at),
                1 => body.insert(at, byte),
                2 if at < body.len() => drop(body.remove(at)),
                _ if at < body.len() => body[at] = byte,
                _ => body.push(byte),
            }
        }
        agree(&text, &ours, &body)
    });
}

#[test]
fn the_walk_agrees_on_random_bytes() {
    let bytes = prop::collection::vec(any::<u8>(), 0..200);
    let body = prop::collection::vec(prop_oneof![0..6u8, any::<u8>()], 0..60);
    run((bytes, body), |(bytes, body)| {
        let text = schema(&mut Entropy(&bytes));
        agree(&text, &Schema::parse(&text).unwrap(), &body)
    });
}

/// With room for their recursion: unoptimized, sixty levels of it overflow a test's stack.
fn run<S: Strategy + Send + 'static>(strategy: S, test: fn(S::Value) -> Result<(), TestCaseError>) {
    let run =
        move || TestRunner::new(crate::cases(1500)).run(&strategy, test).unwrap_or_else(|error| panic!("{error}"));
    std::thread::Builder::new().stack_size(64 << 20).spawn(run).unwrap().join().unwrap();
}

fn agree(text: &str, ours: &Schema, body: &[u8]) -> Result<(), TestCaseError> {
    apache_avro::util::max_allocation_bytes(ORACLE_BYTES);
    // They read a UUID's text in more forms than the specification has; as plain text we can judge it ourselves.
    let theirs = text.replace(r#"{"logicalType":"uuid","type":"string"}"#, r#""string""#);
    let theirs = apache_avro::Schema::parse_str(&theirs).unwrap();
    let limits = Limits { depth: 200, ..crate::roomy().limits };
    let plan = Plan::compile(ours, &[], PlanOptions { limits, ..PlanOptions::default() }).unwrap();
    let mut outcome = Outcome::default();
    let verdict = plan.check_avro(body, &mut outcome);
    let mut reader = Tracking { rest: body, ran_out: false };
    let decoded = GenericDatumReader::builder(&theirs).build().unwrap().read_value(&mut reader);
    let found: Vec<_> = outcome.violations.listed.iter().map(|found| &*found.found).collect();
    let accepted = match &decoded {
        Ok(value) => !reader.ran_out && reader.rest.is_empty() && !stricter(ours, ours.root(), value),
        Err(_) => false,
    };
    // They do not compare a block's length in bytes with what it holds; who skips blocks by it would be misled.
    if found.contains(&"a block of wrong length") {
        return Ok(());
    }
    // Limits are about cost, and each has its own.
    if found.contains(&"more items") || decoded.as_ref().is_err_and(|error| error.to_string().contains("allocate")) {
        return Ok(());
    }
    prop_assert_eq!(
        verdict == Verdict::Sound,
        accepted,
        "{:?} of {}: {:?} and {:?}",
        body,
        text,
        outcome.violations,
        decoded
    );
    Ok(())
}

/// Whether we refuse a value that apache-avro decodes, and why:
/// - they fill in null where the bytes end before a boolean, a string or a union (seen by [`Tracking`]);
/// - they leave bytes after the value to whoever asks (seen by the rest);
/// - they take a decimal of no bytes as zero (Java's reader fails on it) and of any number of digits;
/// - they take times of day beyond the day;
/// - they take a UUID without hyphens, in braces or as a URN.
fn stricter(schema: &Schema, id: TypeId, value: &Value) -> bool {
    let of = schema.get(id);
    match (&of.kind, of.logical, value) {
        (_, Some(Logical::Decimal { precision, .. }), Value::Decimal(decimal)) => {
            // Of the zero that they make of no bytes they cannot give the bytes again.
            let Ok(bytes) = Vec::<u8>::try_from(decimal.clone()) else { return true };
            let limit = 10u128.pow(precision);
            // Precisions are at most 38 here, so what is not an i128 is too long.
            let fill = bytes.first().map_or(0, |first| if *first < 0x80 { 0 } else { 0xff });
            let kept: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == fill).collect();
            let mut wide = [fill; 17];
            match 17usize.checked_sub(kept.len()) {
                Some(at) if at > 0 => wide[at..].copy_from_slice(&kept),
                _ => return true,
            }
            let number = i128::from_be_bytes(wide[1..].try_into().unwrap());
            bytes.is_empty() || (number < 0) != (fill == 0xff) || number.unsigned_abs() >= limit
        }
        (_, _, Value::TimeMillis(value)) => !(0..86_400_000).contains(value),
        (_, _, Value::TimeMicros(value)) => !(0..86_400_000_000).contains(value),
        (Kind::String, Some(Logical::Uuid), Value::String(text)) => {
            let shaped = text.bytes().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            });
            text.len() != 36 || !shaped
        }
        (Kind::Array(items), _, Value::Array(values)) => values.iter().any(|value| stricter(schema, *items, value)),
        (Kind::Map(of), _, Value::Map(entries)) => entries.values().any(|value| stricter(schema, *of, value)),
        (Kind::Union(branches), _, Value::Union(at, value)) => stricter(schema, branches[*at as usize], value),
        (Kind::Record(record), _, Value::Record(fields)) => {
            record.fields.iter().zip(fields).any(|(field, (_, value))| stricter(schema, field.type_id, value))
        }
        _ => false,
    }
}

/// Remembers whether a reader asked for more than there was.
struct Tracking<'a> {
    rest: &'a [u8],
    ran_out: bool,
}

impl Read for Tracking<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.rest.read(buffer)?;
        self.ran_out |= count < buffer.len();
        Ok(count)
    }
}
