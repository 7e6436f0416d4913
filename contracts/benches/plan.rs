//! The plan against what one would use without it, on the standard workload.
//!
//! All arms run in one process and take turns on short slices of the events, so that what disturbs one disturbs all and
//! seldom hits within a slice; the median of the rounds counts.
//! `cargo bench -p tidegate-contracts --bench plan`, with `-- NAME` for one arm on its own under a profiler.

use apache_avro::{reader::datum::GenericDatumReader, types::Value, writer::datum::GenericDatumWriter};
use serde::de::IgnoredAny;
use std::{
    cell::RefCell,
    hint::black_box,
    ops::Range,
    time::{Duration, Instant},
};
use tidegate_contracts::{
    plan::{JsonForm, Outcome, Plan, Verdict},
    schema::Schema,
    workload::{self, Generator, Order},
};

/// Events of an arm in all, and of them in one round.
const EVENTS: usize = 1000;
const SLICE: usize = 50;
const ROUNDS: usize = 1000;

struct Arm<'a> {
    name: &'static str,
    run: Box<dyn FnMut(Range<usize>) + 'a>,
    times: Vec<Duration>,
}

fn arm<'a>(name: &'static str, run: impl FnMut(Range<usize>) + 'a) -> Arm<'a> {
    Arm { name, run: Box::new(run), times: Vec::new() }
}

impl Arm<'_> {
    fn median(&self) -> Duration {
        let mut times = self.times.clone();
        times.sort();
        times.get(times.len() / 2).copied().unwrap_or_default()
    }

    fn per_second(&self) -> f64 {
        SLICE as f64 / self.median().as_secs_f64()
    }
}

fn main() {
    let schema = Schema::parse(workload::SCHEMA).expect("the workload's schema is one");
    let theirs = apache_avro::Schema::parse_str(workload::SCHEMA).expect("to apache-avro too");
    let reader = GenericDatumReader::builder(&theirs).build().expect("the schema refers to nothing outside");
    let writer = GenericDatumWriter::builder(&theirs).build().expect("the schema refers to nothing outside");
    let plan = Plan::compile(&schema, &workload::rules(), workload::options()).expect("the workload's rules fit");
    let mut generator = Generator::new(1);
    let ordered: Vec<String> = (0..EVENTS).map(|_| generator.event(Order::Schema)).collect();
    let shuffled: Vec<String> = (0..EVENTS).map(|_| generator.event(Order::Shuffled)).collect();
    let broken: Vec<String> = (0..EVENTS).map(|_| generator.broken_event()).collect();
    let bodies: Vec<Vec<u8>> = ordered.iter().map(|event| encode(&plan, event)).collect();
    for (event, body) in ordered.iter().zip(&bodies) {
        let [ours, theirs] = [body, &by_apache(&theirs, &writer, event)].map(|body| reader.read_value(&mut &body[..]));
        let same = ours.as_ref().is_ok_and(|ours| theirs.as_ref().is_ok_and(|theirs| alike(ours, theirs)));
        assert!(same, "the arms make the same of an event: {event} {ours:?} {theirs:?}");
    }
    let size = |lengths: usize| lengths / EVENTS;
    println!(
        "{EVENTS} orders, {} bytes of JSON and {} of Avro each, {} rules; median of {ROUNDS} rounds",
        size(ordered.iter().map(String::len).sum()),
        size(bodies.iter().map(Vec::len).sum()),
        workload::rules().len(),
    );

    let buffers = RefCell::new((Vec::new(), Outcome::default()));
    let run = |events: &[String], expected: Verdict| {
        let (body, outcome) = &mut *buffers.borrow_mut();
        for event in events {
            body.clear();
            assert_eq!(plan.encode_json(event.as_bytes(), JsonForm::Plain, body, outcome), expected);
            black_box(&*body);
        }
    };
    let floor = |events: &[String]| {
        for event in events {
            black_box(serde_json::from_str::<IgnoredAny>(event).expect("the workload is JSON"));
        }
    };
    let mut arms = [
        arm("serde_json IgnoredAny (floor), in order", |slice| floor(&ordered[slice])),
        arm("serde_json IgnoredAny (floor), shuffled", |slice| floor(&shuffled[slice])),
        arm("plan, in order", |slice| run(&ordered[slice], Verdict::Sound)),
        arm("plan, shuffled", |slice| run(&shuffled[slice], Verdict::Sound)),
        arm("plan, rejected events", |slice| run(&broken[slice], Verdict::Broken)),
        arm("serde_json to apache-avro", |slice| {
            ordered[slice].iter().for_each(|event| drop(black_box(by_apache(&theirs, &writer, event))));
        }),
        arm("walk", |slice| {
            let mut outcome = Outcome::default();
            bodies[slice].iter().for_each(|body| assert_eq!(plan.check_avro(body, &mut outcome), Verdict::Sound));
        }),
        arm("apache-avro decode", |slice| {
            for body in &bodies[slice] {
                black_box(reader.read_value(&mut &body[..]).expect("sound bodies decode"));
            }
        }),
    ];
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let chosen = |arm: &Arm<'_>| only.as_deref().is_none_or(|only| arm.name.contains(only));
    for round in 0..=ROUNDS {
        for arm in arms.iter_mut().filter(|arm| chosen(arm)) {
            let from = round * SLICE % EVENTS;
            let start = Instant::now();
            (arm.run)(from..from + SLICE);
            // The first round warms up.
            if round > 0 {
                arm.times.push(start.elapsed());
            }
        }
    }
    for arm in arms.iter().filter(|arm| chosen(arm)) {
        println!("{:<42}{:>9.0} k events/s {:>7.0} ns", arm.name, arm.per_second() / 1e3, 1e9 / arm.per_second());
    }
    let find =
        |name: &str| arms.iter().find(|arm| arm.name.starts_with(name)).expect("the names below are those above");
    let ratio = |text: &str, a: &str, b: &str, wanted: f64| {
        let ratio = find(a).per_second() / find(b).per_second();
        let verdict = if ratio >= wanted { "met" } else { "MISSED" };
        println!("{text:<42}{ratio:>9.2} of {wanted} wanted: {verdict}");
    };
    ratio("in order / floor", "plan, in order", "serde_json IgnoredAny (floor), in", 0.50);
    ratio("shuffled / floor", "plan, shuffled", "serde_json IgnoredAny (floor), sh", 0.30);
    ratio("in order / serde_json to apache-avro", "plan, in order", "serde_json to", 8.0);
    ratio("walk / apache-avro decode", "walk", "apache-avro decode", 6.0);
}

fn encode(plan: &Plan, event: &str) -> Vec<u8> {
    let (mut body, mut outcome) = (Vec::new(), Outcome::default());
    let verdict = plan.encode_json(event.as_bytes(), JsonForm::Plain, &mut body, &mut outcome);
    assert_eq!(verdict, Verdict::Sound, "{:?}", outcome.violations);
    body
}

/// Whether two values are the same but for decimals.
fn alike(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Decimal(_), Value::Decimal(_)) => true,
        (Value::Record(ours), Value::Record(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| alike(&ours.1, &theirs.1))
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| alike(ours, theirs))
        }
        (Value::Union(at, ours), Value::Union(other, theirs)) => at == other && alike(ours, theirs),
        _ => ours == theirs,
    }
}

/// How one writes Avro from JSON with the two crates. Its decimals are wrong; its time is what counts here.
fn by_apache(schema: &apache_avro::Schema, writer: &GenericDatumWriter<'_>, event: &str) -> Vec<u8> {
    let json: serde_json::Value = serde_json::from_str(event).expect("the workload is JSON");
    let value = Value::try_from(json).expect("JSON is in their model");
    let value = value.resolve(schema).expect("the workload resolves");
    writer.write_value_to_vec(value).expect("a resolved value encodes")
}
