use super::*;

fn options(key: &[&str], event_id: Option<&str>) -> PlanOptions {
    let path = |text: &str| text.parse().unwrap();
    PlanOptions {
        key: key.iter().map(|text| path(text)).collect(),
        event_id: event_id.map(path),
        ..PlanOptions::default()
    }
}

/// The key's bytes and the event id's text, the same from JSON and from Avro.
#[track_caller]
fn check(plan: &Plan, json: &str, key: Option<&[u8]>, event_id: Option<&str>) {
    let (verdict, body, outcome) = run(plan, json);
    assert_eq!(verdict, Verdict::Sound, "{json}: {:?}", outcome.violations);
    let mut found = Vec::new();
    let has_key = plan.key(&body, &outcome, &mut found);
    assert_eq!(has_key.then_some(found.as_slice()), key, "{json}");
    assert_eq!(plan.event_id(&body, &outcome).as_deref(), event_id, "{json}");
}

#[test]
fn key_and_event_id_are_found_wherever_fields_stand() {
    let schema = r#"{"type":"record","name":"R","fields":[
        {"name":"note","type":["null","string"],"default":null},
        {"name":"meta","type":{"type":"record","name":"M","fields":[
            {"name":"trace","type":"string","default":"none"},{"name":"id","type":"string"},
            {"name":"at","type":{"type":"record","name":"P","fields":[{"name":"x","type":"int","default":3},{"name":"y","type":"int"}]}}]}},
        {"name":"tail","type":{"type":"array","items":"M"},"default":[]},
        {"name":"customer","type":"string"}]}"#;
    let one = plan_with(schema, &[], options(&["customer"], Some("meta.id")));
    let two = plan_with(schema, &[], options(&["meta.at.y", "customer"], Some("customer")));
    for json in [
        r#"{"note":"n","meta":{"trace":"t","id":"e1","at":{"x":1,"y":2}},"tail":[],"customer":"c9"}"#,
        r#"{"customer":"c9","meta":{"at":{"y":2,"x":1},"id":"e1"},"note":"n"}"#,
        r#"{"customer":"c9","meta":{"at":{"y":2},"id":"e1"},"tail":[{"at":{"y":7},"id":"other"}]}"#,
        r#"{"tail":[{"at":{"y":7},"id":"other"}],"meta":{"id":"e1","at":{"y":2}},"customer":"c9"}"#,
    ] {
        check(&one, json, Some(b"c9"), Some("e1"));
        check(&two, json, Some(b"\x04\x04c9"), Some("c9"));
    }
    check(&plan(schema), r#"{"meta":{"at":{"y":2},"id":"e1"},"customer":"c"}"#, None, None);
}

#[test]
fn the_event_id_of_a_broken_event_is_read_where_it_can_be() {
    let schema = r#"{"type":"record","name":"R","fields":[
        {"name":"meta","type":{"type":"record","name":"M","fields":[
            {"name":"at","type":"long"},{"name":"id","type":["null","ID"]}]}},
        {"name":"customer","type":"string"}]}"#;
    let check = |of: &str, json: &str, expected: Option<&str>| {
        let plan = plan_with(&schema.replace("\"ID\"", of), &[], options(&["customer"], Some("meta.id")));
        let (verdict, body, outcome) = run(&plan, json);
        assert_eq!((verdict, body.len()), (Verdict::Broken, 0), "{json}");
        assert_eq!(outcome.broken_id.as_deref(), expected, "{of} {json}");
    };
    let text = r#""string""#;
    check(text, r#"{"meta":{"at":1,"id":"e1"}}"#, Some("e1"));
    check(text, r#"{"meta":{"at":"x","id":"e1"},"customer":7}"#, Some("e1"));
    check(text, r#"{"customer":7,"meta":{"id":"\u00e41","at":"x"}}"#, Some("ä1"));
    check(text, r#"{"customer":"c","meta":{"id":"e1"}}"#, Some("e1"));
    check(text, r#"{"customer":"c","meta":{"at":null,"id":7}}"#, None);
    check(text, r#"{"customer":"c","meta":{"at":null,"id":null}}"#, None);
    check(text, r#"{"customer":"c","meta":{"at":1}}"#, None);
    check(text, r#"{"customer":"c","meta":"e1"}"#, None);
    check(text, r#"{"meta":{"at":1,"id":"e1"},"customer":"#, None);
    check(r#""long""#, r#"{"customer":7,"meta":{"id":41,"at":"x"}}"#, Some("41"));
    check(r#""long""#, r#"{"customer":7,"meta":{"id":4.5,"at":"x"}}"#, None);
    let symbols = r#"{"type":"enum","name":"E","symbols":["A","B"]}"#;
    check(symbols, r#"{"customer":7,"meta":{"id":"B","at":1}}"#, Some("B"));
    check(symbols, r#"{"customer":7,"meta":{"id":"C","at":1}}"#, None);
    // What was found out of one event does not stay for the next.
    let plan = plan_with(&schema.replace("\"ID\"", text), &[], options(&["customer"], Some("meta.id")));
    let (mut out, mut outcome) = (Vec::new(), Outcome::default());
    for (json, expected) in [(r#"{"meta":{"id":"e1"}}"#, Some("e1")), ("{}", None)] {
        plan.encode_json(json.as_bytes(), JsonForm::Plain, &mut out, &mut outcome);
        assert_eq!(outcome.broken_id.as_deref(), expected);
    }
}

#[test]
fn captures_hold_for_every_order_of_the_fields() {
    let names = ["a", "b", "c", "d"];
    let fields = names.map(|name| format!(r#"{{"name":"{name}","type":"string"}}"#)).join(",");
    let schema = format!(r#"{{"type":"record","name":"R","fields":[{fields}]}}"#);
    let plan = plan_with(&schema, &[], options(&["d", "b"], Some("c")));
    let mut orders = vec![vec![]];
    for name in names {
        orders = orders
            .iter()
            .flat_map(|order: &Vec<&str>| {
                (0..=order.len())
                    .map(move |at| order[..at].iter().chain([&name]).chain(&order[at..]).copied().collect())
            })
            .collect();
    }
    assert_eq!(orders.len(), 24);
    for order in orders {
        let fields: Vec<_> = order.iter().map(|name| format!(r#""{name}":"{}""#, name.repeat(3))).collect();
        check(&plan, &format!("{{{}}}", fields.join(",")), Some(b"\x06ddd\x06bbb"), Some("ccc"));
    }
}

#[test]
fn event_ids_of_every_type_are_text() {
    let uuid = "2f6ac2a6-4b4b-4a5e-8a2e-0d4f4f6b7c11";
    for (kind, json, expected) in [
        ("\"string\"", "\"a\\u0062\"", Some("ab")),
        ("\"int\"", "-5", Some("-5")),
        ("\"long\"", "9223372036854775807", Some("9223372036854775807")),
        (r#"["null","string"]"#, "null", None),
        (r#"["null","string"]"#, "\"x\"", Some("x")),
        (r#"["long","null"]"#, "-9223372036854775808", Some("-9223372036854775808")),
        (r#"{"type":"enum","name":"E","symbols":["A","B"]}"#, "\"B\"", Some("B")),
        (r#"{"type":"string","logicalType":"uuid"}"#, &format!("\"{uuid}\""), Some(uuid)),
        (r#"{"type":"fixed","name":"F","size":16,"logicalType":"uuid"}"#, &format!("\"{uuid}\""), Some(uuid)),
    ] {
        let plan = plan_with(&field(kind), &[], options(&[], Some("a")));
        check(&plan, &format!(r#"{{"a":{json}}}"#), None, expected);
    }
    let nested = field(
        r#"["null",{"type":"record","name":"M","fields":[{"name":"n","type":"int","default":1},{"name":"id","type":"string"}]}]"#,
    );
    let nested = plan_with(&nested, &[], options(&[], Some("a.id")));
    check(&nested, r#"{"a":{"id":"x","n":2}}"#, None, Some("x"));
    check(&nested, r#"{"a":null}"#, None, None);
}

#[test]
fn a_key_of_one_string_is_its_text_and_others_are_avro() {
    let uuid = "2f6ac2a6-4b4b-4a5e-8a2e-0d4f4f6b7c11";
    for (kind, json, expected) in [
        ("\"string\"", "\"é\"", "é".as_bytes()),
        (r#"{"type":"string","logicalType":"uuid"}"#, &format!("\"{uuid}\""), uuid.as_bytes()),
        ("\"int\"", "-5", &[9]),
        ("\"bytes\"", "\"AAA=\"", &[4, 0, 0]),
        (
            r#"{"type":"record","name":"K","fields":[{"name":"x","type":"int"},{"name":"y","type":"string"}]}"#,
            r#"{"y":"s","x":1}"#,
            &[2, 2, b's'],
        ),
    ] {
        let plan = plan_with(&field(kind), &[], options(&["a"], None));
        check(&plan, &format!(r#"{{"a":{json}}}"#), Some(expected), None);
    }
}

#[test]
fn an_attempt_that_fails_leaves_no_capture() {
    let inner = |name: &str, rest: &str| {
        format!(r#"{{"type":"record","name":"{name}","fields":[{{"name":"id","type":"string"}}{rest}]}}"#)
    };
    let schema = field(&format!(r#"["null",{}]"#, inner("A", r#",{"name":"v","type":["int","string"]}"#)));
    let plan = plan_with(&schema, &[], options(&[], Some("a.id")));
    check(&plan, r#"{"a":{"v":"x","id":"i"}}"#, None, Some("i"));
    let (verdict, _, outcome) = run(&plan, r#"{"a":{"id":"i","v":true}}"#);
    assert_eq!((verdict, outcome.event_id), (Verdict::Broken, None));
}

#[test]
fn captures_are_found_in_defaults() {
    let schema = r#"{"type":"record","name":"R","fields":[
        {"name":"meta","type":{"type":"record","name":"M","fields":[{"name":"n","type":"int"},{"name":"id","type":"string"}]},
         "default":{"n":1,"id":"none"}},
        {"name":"kind","type":"string","default":"order"},{"name":"x","type":"int"}]}"#;
    let plan = plan_with(schema, &[], options(&["kind"], Some("meta.id")));
    check(&plan, r#"{"x":1}"#, Some(b"order"), Some("none"));
    check(&plan, r#"{"x":1,"kind":"k"}"#, Some(b"k"), Some("none"));
    check(&plan, r#"{"x":1,"meta":{"id":"i","n":2}}"#, Some(b"order"), Some("i"));
}
