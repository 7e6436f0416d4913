use super::*;
use crate::rule::{Check, Literal};

const ORDER: &str = r#"{"type":"record","name":"Order","fields":[
    {"name":"id","type":"string"},
    {"name":"state","type":{"type":"enum","name":"State","symbols":["OPEN","PAID"]}},
    {"name":"total","type":{"type":"bytes","logicalType":"decimal","precision":6,"scale":2}},
    {"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
    {"name":"note","type":["null","string"]},
    {"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[
        {"name":"sku","type":"string"},{"name":"quantity","type":"int"}]}}},
    {"name":"tags","type":{"type":"map","values":"int"}},
    {"name":"owner","type":["null",{"type":"record","name":"Owner","fields":[{"name":"email","type":"string"}]}],"default":null}]}"#;

fn rule(path: &str, check: Check) -> Rule {
    Rule { path: path.parse().unwrap(), check, position: None }
}

fn order(options: PlanOptions) -> Plan {
    let rules = [
        rule("id", Check::MinLength(3)),
        rule("note", Check::Required),
        rule("lines", Check::MinItems(1)),
        rule("lines[].quantity", Check::Minimum(Literal::Number("1".to_owned()))),
        rule("owner.email", Check::Format("email".to_owned())),
    ];
    plan_with(ORDER, &rules, options)
}

/// Everything is wrong here at once. Whatever begins with `SECRET` is a value or a map's key, and nothing may repeat it.
const WRONG: &str = r#"{"id":"S","state":"SECRET1","total":"SECRET2","at":"SECRET3","note":null,
    "lines":[{"sku":7,"quantity":0},{"quantity":2.5,"sku":"a","SECRET_NOT":{"deep":["SECRET4"]}},"SECRET5",{"sku":"b"}],
    "tags":{"SECRET6":"SECRET7","SECRET8":1,"SECRET8":2},"owner":{"email":"SECRET9"},"id":"SECRET"}"#;

#[test]
fn a_failing_event_names_all_its_violations() {
    let (verdict, _, outcome) = run(&order(PlanOptions::default()), WRONG);
    assert_eq!(verdict, Verdict::Broken);
    insta::assert_json_snapshot!(outcome.violations.listed);
    let told = serde_json::to_string(&outcome.violations.listed).unwrap();
    assert!(!told.contains("SECRET"), "{told}");
    assert_eq!(outcome.undeclared, ["lines[].SECRET_NOT"], "an undeclared field's name is no value");
}

#[test]
fn rejected_names_are_bounded_and_keys_of_maps_never_show() {
    let of = order(PlanOptions { reject_undeclared: true, ..PlanOptions::default() });
    let name = "n".repeat(1000);
    let (_, _, outcome) = run(&of, WRONG.replace("SECRET_NOT", &name));
    let found = outcome.violations.listed.iter().find(|found| found.clause == Clause::Undeclared).unwrap();
    assert_eq!(found.path, format!("lines[].{}…", "n".repeat(64)));
    assert_eq!(found.position.as_deref(), Some(&*format!("lines[1].{}…", "n".repeat(64))));
}

#[test]
fn a_rule_alone_leaves_the_body_complete() {
    let json = r#"{"id":"x","state":"OPEN","total":1,"at":0,"note":null,"lines":[],"tags":{}}"#;
    let (verdict, body, outcome) = run(&order(PlanOptions::default()), json);
    assert_eq!(verdict, Verdict::BreaksRules);
    assert_eq!(clauses(&outcome), ["id minLength", "lines minItems", "note required"]);
    assert_eq!(body, [2, b'x', 0, 2, 100, 0, 0, 0, 0, 0]);
}

#[test]
fn violations_are_bounded_and_the_rest_is_counted() {
    let of = plan_with(
        &field(r#"{"type":"array","items":"string"}"#),
        &[rule("a[]", Check::MinLength(2))],
        PlanOptions { limits: Limits { violations: 5, ..Limits::default() }, ..PlanOptions::default() },
    );
    let many = |item: &str, last: &str| format!(r#"{{"a":[{}{last}]}}"#, format!("{item},").repeat(99));
    let (verdict, _, outcome) = run(&of, many("\"a\"", "\"b\""));
    assert_eq!((verdict, outcome.violations.listed.len(), outcome.violations.more), (Verdict::BreaksRules, 5, 95));
    // The one that breaks the structure is not listed, and decides.
    let (verdict, _, outcome) = run(&of, many("\"a\"", "7"));
    assert_eq!((verdict, outcome.violations.listed.len(), outcome.violations.more), (Verdict::Broken, 5, 95));
    assert!(outcome.violations.listed.iter().all(|found| found.clause == Clause::MinLength));
    let none = PlanOptions { limits: Limits { violations: 0, ..Limits::default() }, ..PlanOptions::default() };
    let (verdict, _, outcome) = run(&plan_with(&field("\"int\""), &[], none), "{}");
    assert_eq!((verdict, outcome.violations.listed.len(), outcome.violations.more), (Verdict::Broken, 0, 1));
    assert!(!outcome.violations.is_empty());
}

#[test]
fn malformed_text_ends_the_pass_and_keeps_what_was_found_before() {
    let of = order(PlanOptions::default());
    let (_, _, outcome) = run(&of, r#"{"id":7,"state":"LOST","total":x"#);
    assert_eq!(clauses(&outcome), [" malformed", "id type", "state symbol"]);
    let last = outcome.violations.listed.last().unwrap();
    assert_eq!((&*last.found, last.hint.as_deref()), ("expected a JSON value", Some("at byte 31")));
}

#[test]
fn an_outcome_forgets_the_event_before() {
    let of = order(PlanOptions::default());
    let (mut out, mut outcome) = (Vec::new(), Outcome::default());
    of.encode_json(WRONG.as_bytes(), JsonForm::Plain, &mut out, &mut outcome);
    let json =
        r#"{"id":"abc","state":"OPEN","total":1,"at":0,"note":"n","lines":[{"sku":"s","quantity":1}],"tags":{"k":1}}"#;
    assert_eq!(of.encode_json(json.as_bytes(), JsonForm::Plain, &mut out, &mut outcome), Verdict::Sound);
    assert!(outcome.violations.is_empty() && outcome.undeclared.is_empty() && outcome.truncated == 0);
    assert_eq!(outcome.defaulted, 1);
}
