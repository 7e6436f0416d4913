//! Input that was made to hurt. Memory is measured in `tests/memory.rs`.

use super::*;

fn limited(schema: &str, limits: Limits) -> Plan {
    plan_with(schema, &[], PlanOptions { limits, ..PlanOptions::default() })
}

fn large() -> Limits {
    Limits { bytes: 64 << 20, ..Limits::default() }
}

const LIST: &str = r#"{"type":"record","name":"L","fields":[{"name":"n","type":["null","L"],"default":null}]}"#;
const TREE: &str =
    r#"{"type":"record","name":"T","fields":[{"name":"t","type":{"type":"array","items":"T"},"default":[]}]}"#;

#[test]
fn a_depth_of_a_million_is_refused_without_overflow() {
    let depth = 1_000_000;
    let of = limited(&field("\"int\""), large());
    let (tree, list) = (limited(TREE, large()), limited(LIST, large()));
    for (open, close) in [("[", "]"), (r#"{"x":"#, "}"), (r#"[{"a":"#, "}]"), (r#"{"t":["#, "]}"), (r#"{"n":"#, "}")] {
        let closed = format!("{}1{}", open.repeat(depth), close.repeat(depth));
        // Wherever it stands: as the event, as a field of the wrong type, as an undeclared field, as what is declared.
        let cases = [
            (&of, closed.clone()),
            (&of, format!(r#"{{"a":{closed}}}"#)),
            (&of, format!(r#"{{"a":1,"x":{closed}}}"#)),
            (&tree, closed.clone()),
            (&list, closed),
        ];
        for (plan, json) in cases {
            let (verdict, _, outcome) = run(plan, &json);
            assert_eq!(verdict, Verdict::Broken);
            assert!(clauses(&outcome).iter().any(|clause| clause.ends_with("limit")), "{:?}", clauses(&outcome));
        }
        let (verdict, _, outcome) = run(&of, open.repeat(depth));
        assert_eq!(verdict, Verdict::Broken);
        assert!(clauses(&outcome).contains(&" malformed".to_owned()), "{:?}", clauses(&outcome));
    }
}

#[test]
fn depth_is_counted_alike_in_json_and_avro() {
    for (schema, step, end) in [(LIST, r#"{"n":"#, "null"), (TREE, r#"{"t":["#, "")] {
        let close = if schema == LIST { "}" } else { "]}" };
        let levels = if schema == LIST { 1 } else { 2 };
        let of = limited(schema, Limits { depth: 20, ..Limits::default() });
        let json = |count: usize| format!("{}{end}{}", step.repeat(count), close.repeat(count));
        assert_eq!(run(&of, json(20 / levels)).0, Verdict::Sound);
        let (verdict, _, outcome) = run(&of, json(20 / levels + 1));
        assert_eq!((verdict, outcome.violations.listed[0].clause), (Verdict::Broken, Clause::Limit));
        let wide = limited(schema, Limits { depth: 1000, ..Limits::default() });
        let (_, body, _) = run(&wide, json(20 / levels + 1));
        let mut outcome = Outcome::default();
        assert_eq!(of.check_avro(&body, &mut outcome), Verdict::Broken);
        assert_eq!(outcome.violations.listed[0].clause, Clause::Limit);
        // Whatever is configured, the stack is safe.
        assert_eq!(run(&wide, json(200 / levels)).0, Verdict::Sound);
        assert_eq!(run(&wide, json(200 / levels + 1)).0, Verdict::Broken);
        assert_eq!(wide.check_avro(&[2; 1_000_000], &mut outcome), Verdict::Broken);
    }
}

#[test]
fn undeclared_values_are_held_to_the_depth_too() {
    let of = limited(&field("\"int\""), Limits { depth: 3, ..Limits::default() });
    assert_eq!(run(&of, r#"{"a":1,"x":[[1]]}"#).0, Verdict::Sound);
    let (verdict, _, outcome) = run(&of, r#"{"a":1,"x":[[[1]]],"y":[[{}]]}"#);
    assert_eq!((verdict, clauses(&outcome)), (Verdict::Broken, vec![" limit".to_owned(), " limit".to_owned()]));
}

#[test]
fn five_bytes_cannot_ask_for_half_a_gigabyte() {
    let nulls = plan(r#"{"type":"array","items":"null"}"#);
    let mut outcome = Outcome::default();
    // 2^29 nulls, and as many as a long can count, positive and negative.
    for count in [1 << 29, i64::MAX, i64::MIN, i64::MIN + 1, -(1 << 40)] {
        let mut body = Vec::new();
        crate::schema::put_long(count, &mut body);
        body.push(0);
        body.push(0);
        assert_eq!(nulls.check_avro(&body, &mut outcome), Verdict::Broken, "{count}");
        assert_eq!(outcome.violations.listed[0].clause, Clause::Limit, "{count}");
    }
    // Many small blocks sum up.
    let blocks: Vec<u8> = [0xfe, 0x3f].repeat(25).into_iter().chain([0]).collect();
    assert_eq!(nulls.check_avro(&blocks, &mut outcome), Verdict::Broken);
    let of = |schema: &str, body: &[u8]| {
        let mut outcome = Outcome::default();
        (plan(schema).check_avro(body, &mut outcome), outcome.violations.listed[0].clause)
    };
    let huge = [0xfe, 0xff, 0xff, 0xff, 0x7f];
    assert_eq!(of("\"string\"", &huge), (Verdict::Broken, Clause::Malformed));
    assert_eq!(of("\"bytes\"", &huge), (Verdict::Broken, Clause::Malformed));
    assert_eq!(of(r#"{"type":"map","values":"null"}"#, &[&huge[..], &[0]].concat()), (Verdict::Broken, Clause::Limit));
    assert_eq!(of(r#"{"type":"fixed","name":"F","size":2147483647}"#, &[1]), (Verdict::Broken, Clause::Malformed));
}

#[test]
fn blocks_may_be_negative_and_must_be_as_long_as_they_say() {
    let of = plan(r#"{"type":"array","items":"int"}"#);
    let mut outcome = Outcome::default();
    assert_eq!(of.check_avro(&[3, 4, 2, 4, 2, 6, 0], &mut outcome), Verdict::Sound, "[1, 2] with length, then [3]");
    for body in [&[3, 6, 2, 4, 0][..], &[3, 2, 2, 4, 0], &[3, 1, 2, 4, 0], &[3, 40, 2, 4, 0]] {
        assert_eq!(of.check_avro(body, &mut outcome), Verdict::Broken, "{body:?}");
        assert_eq!(outcome.violations.listed[0].clause, Clause::Malformed);
    }
}

#[test]
fn bodies_are_walked_to_their_end_and_no_further() {
    #[track_caller]
    fn check(schema: &str, body: &[u8], expected: &[Clause]) {
        let mut outcome = Outcome::default();
        let verdict = plan(schema).check_avro(body, &mut outcome);
        let found: Vec<_> = outcome.violations.listed.iter().map(|found| found.clause).collect();
        assert_eq!(found, expected, "{schema} {body:?}");
        assert_eq!(verdict == Verdict::Sound, expected.is_empty());
    }
    check("\"int\"", &[2, 0], &[Clause::Trailing]);
    check("\"int\"", &[], &[Clause::Malformed]);
    check("\"int\"", &[0x80], &[Clause::Malformed]);
    check("\"int\"", &[0x80, 0x80, 0x80, 0x80, 0x10], &[Clause::Range]);
    check("\"long\"", &[0x80; 11], &[Clause::Malformed]);
    check("\"long\"", &[0x80, 0x80, 0], &[]);
    check("\"boolean\"", &[2], &[Clause::Type]);
    check("\"boolean\"", &[], &[Clause::Malformed]);
    check("\"string\"", &[4, b'a'], &[Clause::Malformed]);
    check("\"string\"", &[1], &[Clause::Malformed]);
    check("\"string\"", &[2, 0xff], &[Clause::Encoding]);
    check("\"double\"", &[0; 7], &[Clause::Malformed]);
    check("\"float\"", &[0, 0, 0xc0, 0x7f], &[]);
    check(r#"["null","int"]"#, &[4], &[Clause::Union]);
    check(r#"["null","int"]"#, &[1], &[Clause::Union]);
    check(r#"["null"]"#, &[0], &[]);
    check(r#"{"type":"enum","name":"E","symbols":["A"]}"#, &[2], &[Clause::Symbol]);
    check(r#"{"type":"enum","name":"E","symbols":["A"]}"#, &[1], &[Clause::Symbol]);
    check(r#"{"type":"map","values":"int"}"#, &[2, 2, 0xff, 2, 0], &[Clause::Encoding]);
    check(r#"{"type":"int","logicalType":"time-millis"}"#, &[1], &[Clause::Range]);
    check(r#"{"type":"string","logicalType":"uuid"}"#, &[2, b'x'], &[Clause::Syntax]);
    let decimal = r#"{"type":"bytes","logicalType":"decimal","precision":2}"#;
    check(decimal, &[2, 99], &[]);
    check(decimal, &[8, 0, 0, 0, 99], &[]);
    check(decimal, &[2, 100], &[Clause::Precision]);
    check(decimal, &[0], &[Clause::Precision]);
    // What can be told apart is all reported.
    let many = r#"{"type":"record","name":"R","fields":[{"name":"a","type":"boolean"},{"name":"b","type":"string"},
        {"name":"c","type":{"type":"enum","name":"E","symbols":["A"]}},{"name":"d","type":"int"}]}"#;
    check(many, &[7, 2, 0xff, 9, 0x80], &[Clause::Type, Clause::Encoding, Clause::Symbol, Clause::Malformed]);
}

#[test]
fn limits_of_items_and_bytes_hold_for_the_whole_event() {
    let lists = field(r#"{"type":"map","values":{"type":"array","items":"int"}}"#);
    let of = limited(&lists, Limits { items: 6, ..Limits::default() });
    assert_eq!(run(&of, r#"{"a":{"k":[1,2],"l":[3,4]}}"#).0, Verdict::Sound);
    let (verdict, _, outcome) = run(&of, r#"{"a":{"k":[1,2],"l":[3,4,5]}}"#);
    assert_eq!((verdict, clauses(&outcome)), (Verdict::Broken, vec!["a{} limit".to_owned()]));
    let of = limited(&lists, Limits { bytes: 20, ..Limits::default() });
    assert_eq!(run(&of, r#"{"a":{"k":[1,2]}}"#).0, Verdict::Sound);
    let (verdict, _, outcome) = run(&of, r#"{"a":{"k":[1,2,3,4]}}"#);
    assert_eq!((verdict, clauses(&outcome)), (Verdict::Broken, vec![" limit".to_owned()]));
    assert_eq!(of.check_avro(&[0; 21], &mut Outcome::default()), Verdict::Broken);
}

#[test]
fn defaults_cannot_make_a_small_event_a_large_body() {
    let default = "x".repeat(1000);
    let item =
        format!(r#"{{"type":"record","name":"I","fields":[{{"name":"s","type":"string","default":"{default}"}}]}}"#);
    let of = plan(&field(&format!(r#"{{"type":"array","items":{item}}}"#)));
    let (verdict, _, outcome) = run(&of, format!(r#"{{"a":[{}{{}}]}}"#, "{},".repeat(20_000)));
    assert_eq!((verdict, outcome.violations.listed[0].clause), (Verdict::Broken, Clause::Limit));
}

#[test]
fn nested_ambiguous_unions_cost_no_more_than_a_budget() {
    // Each level has two branches that both take the value at first sight, so trying doubles at each level.
    let schema = r#"{"type":"record","name":"A","fields":[{"name":"n","type":["null","A",
        {"type":"record","name":"B","fields":[{"name":"n","type":["null","A","B"]},{"name":"x","type":["null","int"],"default":null}]}]}]}"#;
    let of = plan(schema);
    let nested = |depth: usize, end: &str| format!("{}{end}{}", r#"{"n":"#.repeat(depth), "}".repeat(depth));
    assert_eq!(run(&of, nested(8, "null")).0, Verdict::Sound);
    let (verdict, _, outcome) = run(&of, nested(60, "7"));
    assert_eq!(verdict, Verdict::Broken);
    assert_eq!(outcome.violations.listed.last().unwrap().clause, Clause::Limit);
}

#[test]
fn a_rule_deep_in_recursive_unions_compiles_once_a_level() {
    let schema = r#"{"type":"record","name":"A","fields":[{"name":"n","type":["null","A",
        {"type":"record","name":"B","fields":[{"name":"n","type":["null","A","B"]},{"name":"y","type":["null","int"]}]}]}]}"#;
    let rule = Rule {
        path: format!("{}y", "n.".repeat(60)).parse().unwrap(),
        check: crate::rule::Check::Required,
        position: None,
    };
    assert!(plan_with(schema, &[rule], PlanOptions::default()).nodes.len() < 1000);
}

#[test]
fn unions_of_many_alike_branches_are_judged_in_bounded_space() {
    let branch = |at: usize| format!(r#"{{"type":"record","name":"R{at}","fields":[]}}"#);
    let union = (0..200).map(branch).collect::<Vec<_>>().join(",");
    let schema = Schema::parse(&format!("[{union}]")).unwrap();
    assert_eq!(ambiguous_unions(&schema, BytesEncoding::Base64).len(), 500);
}

#[test]
fn an_item_of_a_longer_text_ends_where_it_ends() {
    #[track_caller]
    fn check(plan: &Plan, text: &str, at: usize, verdict: Verdict, extent: Result<usize, usize>) -> Outcome {
        let mut outcome = Outcome::default();
        let found = plan.encode_json_at(text.as_bytes(), at, JsonForm::Plain, &mut Vec::new(), &mut outcome);
        assert_eq!((found.0, found.1.map_err(|error| error.offset)), (verdict, extent), "{text}");
        outcome
    }
    let of = limited(&field("\"int\""), Limits { bytes: 60, items: 3, ..Limits::default() });
    check(&of, r#"[{"a":1},{"a":2}]"#, 1, Verdict::Sound, Ok(8));
    check(&of, r#"[{"a":1}, {"a":2} ]"#, 9, Verdict::Sound, Ok(17));
    check(&of, r#"[{"a":1.5},{"a":2}]"#, 1, Verdict::Broken, Ok(10));
    check(&of, r#"[7,{"a":2}]"#, 1, Verdict::Broken, Ok(2));
    check(&of, r#"[{"a":1},{"a":]"#, 9, Verdict::Broken, Err(14));
    check(&of, r#"[{"a":1"#, 1, Verdict::Broken, Err(7));
    check(&of, "", 0, Verdict::Broken, Err(0));
    check(&of, "[", 5, Verdict::Broken, Err(1));
    // Too long, too many items, too deep: lost, but the next one is not.
    let long = format!(r#"[{{"a":1,"x":"{}"}},{{"a":2}}]"#, "é".repeat(100));
    let end = long.find("},{").unwrap() + 1;
    let outcome = check(&of, &long, 1, Verdict::Broken, Ok(end));
    assert_eq!(clauses(&outcome), [" limit"]);
    check(&of, &long, end + 1, Verdict::Sound, Ok(long.len() - 1));
    let unfinished = &long[..end - 1];
    check(&of, unfinished, 1, Verdict::Broken, Err(unfinished.len()));
    let number = limited("\"long\"", Limits { bytes: 4, ..Limits::default() });
    check(&number, "[1234,1]", 1, Verdict::Sound, Ok(5));
    let outcome = check(&number, "[12345,1]", 1, Verdict::Broken, Ok(6));
    assert_eq!(clauses(&outcome), [" limit"]);
    check(&number, "[123456789,1]", 1, Verdict::Broken, Ok(10));
    let items = limited(&field(r#"{"type":"array","items":"int"}"#), Limits { items: 3, ..Limits::default() });
    let outcome = check(&items, r#"[{"a":[1,2,3,4,5]} ,"#, 1, Verdict::Broken, Ok(18));
    assert_eq!(clauses(&outcome), ["a limit"]);
    let deep = format!("[{}{},1]", "[".repeat(100_000), "]".repeat(100_000));
    check(&items, &deep, 1, Verdict::Broken, Ok(200_001));
}

#[test]
fn a_text_cut_anywhere_is_an_error_and_never_a_panic() {
    let schema = r#"{"type":"record","name":"R","fields":[
        {"name":"a","type":["null","string"]},{"name":"b","type":{"type":"array","items":"double"}},
        {"name":"c","type":{"type":"map","values":["int","string"]}},
        {"name":"d","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
        {"name":"e","type":"boolean"}]}"#;
    let of = plan(schema);
    let json = r#"{"x":[{"y":"\u00e9"}],"a":"\ud83d\ude00é","b":[1.5,-2e3],"c":{"k":1,"l":"m"},"d":12.34,"e":true}"#;
    let (verdict, body, _) = run(&of, json);
    assert_eq!(verdict, Verdict::Sound);
    for end in 0..json.len() {
        let (verdict, _, outcome) = run(&of, &json.as_bytes()[..end]);
        assert_eq!(verdict, Verdict::Broken, "{end}");
        assert!(!outcome.violations.is_empty(), "{end}");
    }
    for end in 0..body.len() {
        assert_eq!(of.check_avro(&body[..end], &mut Outcome::default()), Verdict::Broken, "{end}");
    }
}

#[test]
fn long_numbers_are_read_in_linear_time() {
    let decimal = |precision: u32| format!(r#"{{"type":"bytes","logicalType":"decimal","precision":{precision}}}"#);
    let digits = "7".repeat(900_000);
    for schema in ["\"int\"", "\"double\"", "\"float\"", &decimal(4096), &decimal(12)] {
        for json in [digits.clone(), format!("{digits}.5"), format!("0.{digits}"), format!("1e{digits}")] {
            let (verdict, _, _) = run(&limited(schema, large()), &json);
            // A fraction is a double, however long; everything else here is too large or not whole.
            let fraction = json.starts_with("0.") && (schema.contains("double") || schema.contains("float"));
            assert_eq!(verdict == Verdict::Sound, fraction, "{schema}");
        }
    }
    let of = plan(&decimal(4096));
    assert_eq!(run(&of, "9".repeat(4096)).0, Verdict::Sound);
    assert_eq!(run(&of, "9".repeat(4097)).0, Verdict::Broken);
}
