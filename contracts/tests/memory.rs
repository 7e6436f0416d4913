//! What a pass allocates: nothing for a good event, and never more than ten times the input.

use tidegate_contracts::{
    plan::{JsonForm, Limits, Outcome, Plan, PlanOptions, Verdict},
    schema::Schema,
    workload::{self, Generator, Order},
};

fn plan(schema: &str, options: PlanOptions) -> Plan {
    Plan::compile(&Schema::parse(schema).unwrap(), &[], options).unwrap()
}

#[test]
fn a_good_event_allocates_nothing() {
    let schema = Schema::parse(workload::SCHEMA).unwrap();
    let plan = Plan::compile(&schema, &workload::rules(), workload::options()).unwrap();
    let mut generator = Generator::new(7);
    let mut events: Vec<String> = (0..200).map(|_| generator.event(Order::Schema)).collect();
    events.extend((0..200).map(|_| generator.event(Order::Shuffled)));
    // Escapes, and defaults that are filled in.
    events.push(events[0].replace("\"status\"", "\"st\\u0061tus\"").replace("\"WEB\"", "\"W\\u0045B\""));
    events.push(events[1].replace("\"giftWrapped\"", "\"g\\u0069ftWrapped\""));
    let (mut body, mut key, mut outcome) = (Vec::new(), Vec::new(), Outcome::default());
    let mut pass = |events: &[String]| {
        for event in events {
            body.clear();
            key.clear();
            assert_eq!(plan.encode_json(event.as_bytes(), JsonForm::Plain, &mut body, &mut outcome), Verdict::Sound);
            assert!(plan.key(&body, &outcome, &mut key));
            assert_eq!(plan.check_avro(&body, &mut outcome), Verdict::Sound);
        }
    };
    pass(&events);
    let spent = allocation_counter::measure(|| pass(&events));
    assert_eq!(spent.count_total, 0, "{spent:?}");
}

#[test]
fn no_input_costs_more_than_ten_times_its_size() {
    let limits = Limits { bytes: 64 << 20, items: 10_000_000, ..Limits::default() };
    let options = || PlanOptions { limits, ..PlanOptions::default() };
    let record = |kind: &str| format!(r#"{{"type":"record","name":"R","fields":[{{"name":"a","type":{kind}}}]}}"#);
    let field = |kind: &str| plan(&record(kind), options());
    let size = 2_000_000;
    let distinct = |entry: &dyn Fn(usize) -> String| (0..size / 10).map(entry).collect::<Vec<_>>().join(",");
    let any = field("\"int\"");
    let strings = field(r#"{"type":"array","items":"string"}"#);
    let map = field(r#"{"type":"map","values":"int"}"#);
    let union = field(r#"["null",{"type":"map","values":"int"},{"type":"array","items":["int","double","string"]}]"#);
    let list = plan(r#"{"type":"record","name":"L","fields":[{"name":"n","type":["null","L"]}]}"#, options());
    let reject = plan(&record("\"int\""), PlanOptions { reject_undeclared: true, ..options() });
    let cases: Vec<(&str, &Plan, String)> = vec![
        ("open arrays", &any, "[".repeat(size)),
        ("open arrays in an undeclared field", &any, format!(r#"{{"x":{}"#, "[".repeat(size))),
        ("open objects", &any, r#"{"":"#.repeat(size / 4)),
        ("a deep list", &list, r#"{"n":"#.repeat(size / 5)),
        ("empty keys", &any, format!("{{{}}}", r#""":1,"#.repeat(size / 5))),
        ("many undeclared fields", &any, format!("{{{}}}", distinct(&|at| format!("\"{at}\":1")))),
        ("many rejected fields", &reject, format!("{{{}}}", distinct(&|at| format!("\"{at}\":1")))),
        ("many keys in an undeclared field", &any, format!(r#"{{"x":{{{}}}}}"#, distinct(&|at| format!("\"{at}\":1")))),
        ("one long undeclared name", &any, format!(r#"{{"{}":1}}"#, "n".repeat(size))),
        ("many entries", &map, format!(r#"{{"a":{{{}}}}}"#, distinct(&|at| format!("\"{at}\":1")))),
        ("many violations", &strings, format!(r#"{{"a":[{}1]}}"#, "1,".repeat(size / 2))),
        ("many strings", &strings, format!(r#"{{"a":[{}""]}}"#, "\"\",".repeat(size / 3))),
        ("one escaped string", &strings, format!(r#"{{"a":["{}"]}}"#, "\\n".repeat(size / 2))),
        ("many unions", &union, format!(r#"{{"a":[{}1]}}"#, "1.5,".repeat(size / 4))),
        ("spaces", &any, " ".repeat(size)),
        ("digits", &any, format!(r#"{{"a":{}}}"#, "7".repeat(size))),
    ];
    for (name, plan, text) in &cases {
        let (mut verdict, input) = (None, text.len() as u64);
        let spent = allocation_counter::measure(|| {
            verdict =
                Some(plan.encode_json(text.as_bytes(), JsonForm::Plain, &mut Vec::new(), &mut Outcome::default()));
        });
        assert!(spent.bytes_max < 10 * input, "{name}: {} bytes of {input}, {verdict:?}", spent.bytes_max);
    }
}

#[test]
fn a_few_bytes_of_avro_cost_little_whatever_they_say() {
    let unique = |schema: &str| {
        let path = tidegate_contracts::path::FieldPath::default();
        let rule = tidegate_contracts::rule::Rule {
            path,
            check: tidegate_contracts::rule::Check::UniqueItems,
            position: None,
        };
        Plan::compile(&Schema::parse(schema).unwrap(), &[rule], PlanOptions::default()).unwrap()
    };
    let nulls = r#"{"type":"array","items":"null"}"#;
    // Within the limit of items, and far beyond it.
    for body in [&[0xc0, 0x9a, 0x0c, 0][..], &[0x80, 0x80, 0x80, 0x80, 0x04, 0]] {
        for plan in [plan(nulls, PlanOptions::default()), unique(nulls)] {
            let mut outcome = Outcome::default();
            let spent = allocation_counter::measure(|| {
                plan.check_avro(body, &mut outcome);
            });
            // A violation's own text is all there is.
            assert!(spent.bytes_max < 1024, "{body:?}: {spent:?}, {:?}", outcome.violations);
        }
    }
}
