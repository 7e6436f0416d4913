use crate::{
    plan::{JsonForm, Outcome, Plan, PlanOptions, PlanProblem, Verdict},
    rule::{Check, Literal, Rule},
    schema::Schema,
    violation::Clause,
};

fn number(text: &str) -> Literal {
    Literal::Number(text.to_owned())
}

fn text(text: &str) -> Literal {
    Literal::Text(text.to_owned())
}

fn compile(kind: &str, checks: Vec<Check>) -> Result<Plan, Vec<PlanProblem>> {
    let schema = format!(r#"{{"type":"record","name":"R","fields":[{{"name":"a","type":{kind}}}]}}"#);
    let rule = |check| Rule { path: "a".parse().unwrap(), check, position: None };
    let rules: Vec<Rule> = checks.into_iter().map(rule).collect();
    Plan::compile(&Schema::parse(&schema).unwrap(), &rules, PlanOptions::default())
}

/// The rule passes the right values and is broken by the wrong ones, as JSON and as Avro.
#[track_caller]
fn check(kind: &str, check: Check, right: &[&str], wrong: &[&str]) {
    let clause = check.clause();
    let plan = compile(kind, vec![check]).unwrap_or_else(|problems| panic!("{kind}: {problems:?}"));
    let (mut outcome, mut again) = (Outcome::default(), Outcome::default());
    for (value, expected) in right.iter().map(|value| (value, true)).chain(wrong.iter().map(|value| (value, false))) {
        let mut body = Vec::new();
        let verdict =
            plan.encode_json(format!(r#"{{"a":{value}}}"#).as_bytes(), JsonForm::Plain, &mut body, &mut outcome);
        let wanted = if expected { Verdict::Sound } else { Verdict::BreaksRules };
        assert_eq!(verdict, wanted, "{kind} {value}: {:?}", outcome.violations);
        assert_eq!(plan.check_avro(&body, &mut again), wanted, "{kind} {value} as Avro: {:?}", again.violations);
        assert_eq!(outcome.violations, again.violations, "{kind} {value}");
        if !expected {
            assert_eq!(outcome.violations.listed[0].clause, clause, "{kind} {value}");
            assert_eq!(outcome.violations.listed[0].path, "a");
        }
    }
}

/// The rule does not fit the field.
#[track_caller]
fn misfit(kind: &str, check: Check, message: &str) {
    let problems = compile(kind, vec![check]).expect_err(kind);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].message.contains(message), "{}", problems[0].message);
}

const DECIMAL: &str = r#"{"type":"bytes","logicalType":"decimal","precision":12,"scale":2}"#;
const WIDE: &str = r#"{"type":"bytes","logicalType":"decimal","precision":60,"scale":2}"#;
const DATE: &str = r#"{"type":"int","logicalType":"date"}"#;
const MOMENT: &str = r#"{"type":"long","logicalType":"timestamp-millis"}"#;
const UUID: &str = r#"{"type":"string","logicalType":"uuid"}"#;
const STATE: &str = r#"{"type":"enum","name":"E","symbols":["OPEN","PAID"]}"#;
const LIST: &str = r#"{"type":"array","items":["null","int"]}"#;

#[test]
fn null_is_refused_only_where_that_is_said() {
    check(r#"["null","int"]"#, Check::Required, &["1"], &["null"]);
    check(r#"["int","null"]"#, Check::NoNulls, &["1"], &["null"]);
    check(r#"["null","int","string"]"#, Check::Required, &["1", "\"x\""], &["null"]);
    check(r#""int""#, Check::Required, &["1"], &[]);
    check(r#"["null","int"]"#, Check::Minimum(number("5")), &["5", "null"], &["4"]);
    check(r#"["null","string"]"#, Check::MinLength(2), &["\"ab\"", "null"], &["\"a\""]);
}

#[test]
fn bounds_hold_in_the_fields_own_type_and_unit() {
    for (kind, outside) in [("\"int\"", "2147483648"), ("\"long\"", "9223372036854775808")] {
        check(kind, Check::Minimum(number("-5")), &["-5", "0", "2e0"], &["-6"]);
        check(kind, Check::Maximum(number("5e0")), &["-6", "5.0"], &["6"]);
        check(kind, Check::ExclusiveMinimum(number("0")), &["1"], &["0", "-1"]);
        check(kind, Check::ExclusiveMaximum(number("0")), &["-1"], &["0", "1"]);
        misfit(kind, Check::Minimum(number("2.5")), "not a value of this field");
        misfit(kind, Check::Maximum(number(outside)), "not a value of this field");
        misfit(kind, Check::Maximum(text("5")), "it is a string");
        misfit(kind, Check::Maximum(number("five")), "no number");
    }
    // A comparison through floating point would let this pass.
    check("\"long\"", Check::Maximum(number("9007199254740992")), &["9007199254740992"], &["9007199254740993"]);
    check("\"double\"", Check::Minimum(number("0.1")), &["0.1", "1"], &["0.09999999999999999"]);
    check("\"float\"", Check::Minimum(number("0.1")), &["0.1", "1"], &["0.09999999"]);
    misfit("\"float\"", Check::Minimum(number("1e39")), "out of range");
    check(
        DECIMAL,
        Check::Minimum(number("0.01")),
        &["0.01", "\"5\"", "9999999999.99"],
        &["0", "-0.01", "-9999999999.99"],
    );
    check(DECIMAL, Check::ExclusiveMaximum(text("12.50")), &["12.49", "-3"], &["12.50", "12.51"]);
    check(
        WIDE,
        Check::Minimum(number("-1e50")),
        &["-1e50", "0", "1e57"],
        &["-100000000000000000000000000000000000000000000000000.01", "-1e51"],
    );
    misfit(DECIMAL, Check::Minimum(number("0.001")), "more than 2 digits after the point");
    misfit(DECIMAL, Check::Minimum(number("1e10")), "more than 12 digits");
    check(DATE, Check::Minimum(text("2024-01-01")), &["\"2024-01-01\"", "20000"], &["\"2023-12-31\"", "0"]);
    check(DATE, Check::Minimum(number("10")), &["10"], &["9"]);
    check(
        MOMENT,
        Check::Maximum(text("2024-01-01T00:00:00+01:00")),
        &["\"2023-12-31T23:00:00Z\""],
        &["\"2023-12-31T23:00:00.001Z\""],
    );
    misfit(MOMENT, Check::Maximum(text("2024-01-01T00:00:00.0001Z")), "more digits than the field's unit");
    misfit(MOMENT, Check::Maximum(text("2024-01-01")), "not a value of this field");
    misfit("\"string\"", Check::Minimum(number("1")), "numbers, dates and times");
    misfit("\"boolean\"", Check::Minimum(number("1")), "numbers, dates and times");
}

#[test]
fn multiples_are_exact() {
    check("\"int\"", Check::MultipleOf(number("5")), &["0", "-10", "15"], &["1", "-11"]);
    check("\"long\"", Check::MultipleOf(number("3")), &["9"], &["-9223372036854775808"]);
    check(DECIMAL, Check::MultipleOf(number("0.05")), &["0", "0.15", "-1.05"], &["0.01", "-0.06"]);
    check(WIDE, Check::MultipleOf(number("7")), &["7e50", "-7e50", "0"], &["1e50", "-1e50"]);
    // 0.07 % 0.01 is not zero in binary; the numbers people mean are decimal.
    check("\"double\"", Check::MultipleOf(number("0.01")), &["0.07", "1e20", "-0.29", "0"], &["0.071", "1e-10"]);
    check("\"float\"", Check::MultipleOf(number("0.1")), &["0.3", "16777216"], &["0.35"]);
    misfit("\"int\"", Check::MultipleOf(number("0")), "above zero");
    misfit(DECIMAL, Check::MultipleOf(number("-1")), "above zero");
    misfit("\"string\"", Check::MultipleOf(number("1")), "about numbers");
}

#[test]
fn lengths_count_characters() {
    check("\"string\"", Check::MinLength(2), &["\"ab\"", "\"éé\"", "\"😀😀\""], &["\"é\"", "\"\"", "\"😀\""]);
    check("\"string\"", Check::MaxLength(2), &["\"\"", "\"éé\"", "\"😀😀\""], &["\"abc\"", "\"ééé\""]);
    check("\"bytes\"", Check::MaxLength(2), &["\"\"", "\"AAA=\""], &["\"AAAA\""]);
    check(STATE, Check::MaxLength(4), &["\"OPEN\""], &[]);
    misfit("\"int\"", Check::MinLength(1), "about strings and bytes");
    misfit(LIST, Check::MinLength(1), "about strings and bytes");
}

#[test]
fn classes_of_patterns_are_of_ascii_as_in_ecma_262() {
    let pattern = |text: &str| Check::Pattern(text.to_owned());
    check("\"string\"", pattern(r"^\d+$"), &["\"12\""], &["\"١٢\"", "\"1a\""]);
    check("\"string\"", pattern(r"^\w+$"), &["\"a_1Z\""], &["\"é\"", "\"a-b\""]);
    check("\"string\"", pattern(r"^\D\W$"), &["\"é?\"", "\"١é\""], &["\"1?\"", "\"aa\""]);
    check("\"string\"", pattern(r"^[\d.,-]+[^\w]$"), &["\"1.5-é\""], &["\"١.\"", "\"1.a\""]);
    check("\"string\"", pattern(r"^[\w-]+$"), &["\"a-1\""], &["\"a.\"", "\"é\""]);
    check("\"string\"", pattern(r"a\b"), &["\"a\"", "\"aé\"", "\"a b\""], &["\"ab\""]);
    check("\"string\"", pattern(r"^a\Bb$"), &["\"ab\""], &["\"a\""]);
    check("\"string\"", pattern(r"^\\d\/\u00e9[[:alpha:]]$"), &["\"\\\\d/éa\""], &["\"5/éa\""]);
    check("\"string\"", pattern(r"^.$"), &["\"é\"", "\"😀\""], &["\"ab\""]);
}

#[test]
fn patterns_find_a_match_anywhere_unless_anchored() {
    let pattern = |text: &str| Check::Pattern(text.to_owned());
    check("\"string\"", pattern("b+"), &["\"abc\""], &["\"ac\""]);
    check("\"string\"", pattern("^b+$"), &["\"bb\""], &["\"abc\"", "\"b\\n\""]);
    check("\"string\"", pattern(r"^\p{Lu}"), &["\"Éa\""], &["\"éa\""]);
    check("\"string\"", Check::ValidPattern("^x".to_owned()), &["\"x\""], &["\"y\""]);
    check(
        UUID,
        pattern("^0"),
        &["\"00000000-0000-0000-0000-000000000000\""],
        &["\"10000000-0000-0000-0000-000000000000\""],
    );
    misfit("\"string\"", pattern("("), "not a usable pattern");
    misfit("\"string\"", pattern(r"(a)\1"), "not a usable pattern");
    misfit("\"string\"", pattern("(((a{100}){100}){100}){100}"), "not a usable pattern");
    misfit("\"string\"", pattern(&"(".repeat(100_000)), "not a usable pattern");
    misfit("\"int\"", pattern("1"), "about strings");
}

#[test]
fn formats_are_checked_or_refused() {
    let format = |text: &str| Check::Format(text.to_owned());
    check("\"string\"", format("email"), &["\"a@b.c\""], &["\"a\""]);
    misfit("\"string\"", format("password"), "cannot be checked");
    misfit("\"int\"", format("email"), "about strings");
}

#[test]
fn valid_values_are_read_in_the_fields_type() {
    let among = |values: &[Literal]| Check::ValidValues(values.to_vec());
    check("\"string\"", among(&[text("a"), text("é")]), &["\"a\"", "\"\\u00e9\""], &["\"b\"", "\"A\""]);
    check("\"int\"", among(&[number("1"), number("2.0")]), &["1", "2"], &["3"]);
    check("\"double\"", among(&[number("0.1")]), &["0.1"], &["0.2"]);
    check("\"boolean\"", among(&[Literal::Boolean(true)]), &["true"], &["false"]);
    check(DECIMAL, among(&[number("1.5"), text("2")]), &["1.50", "2.00"], &["1.51"]);
    check(DATE, among(&[text("1970-01-02")]), &["1"], &["2"]);
    check(STATE, among(&[text("OPEN")]), &["\"OPEN\""], &["\"PAID\""]);
    misfit(STATE, among(&[text("SENT")]), "no symbol");
    misfit("\"string\"", among(&[number("1")]), "no string");
    misfit(UUID, among(&[text("1")]), "no UUID");
    misfit("\"bytes\"", among(&[text("1")]), "scalars");
}

#[test]
fn arrays_are_counted_and_compared() {
    check(LIST, Check::MinItems(1), &["[1]", "[null]"], &["[]"]);
    check(LIST, Check::MaxItems(1), &["[]", "[1]"], &["[1,2]"]);
    check(LIST, Check::UniqueItems, &["[]", "[1,2,null]"], &["[1,1]", "[null,1,null]"]);
    let many: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    let many = many.join(",");
    check(LIST, Check::UniqueItems, &[&format!("[{many}]")], &[&format!("[{many},7]")]);
    check(LIST, Check::MaxItems(100), &[&format!("[{many}]")], &[&format!("[{many},7]")]);
    // What is broken is no item to compare.
    let plan = compile(r#"{"type":"array","items":"int"}"#, vec![Check::UniqueItems]).unwrap();
    let clauses = |json: &[u8]| {
        let mut outcome = Outcome::default();
        plan.encode_json(json, JsonForm::Plain, &mut Vec::new(), &mut outcome);
        outcome.violations.listed.iter().map(|found| found.clause).collect::<Vec<_>>()
    };
    assert_eq!(clauses(br#"{"a":["x","x",1,2]}"#), [Clause::Type, Clause::Type]);
    assert_eq!(clauses(br#"{"a":["x",1,1]}"#), [Clause::Type, Clause::UniqueItems]);
    misfit("\"string\"", Check::UniqueItems, "about arrays");
    misfit(r#"{"type":"map","values":"int"}"#, Check::MinItems(1), "about arrays");
}

#[test]
fn a_union_keeps_a_rule_in_the_branches_that_it_fits() {
    check(r#"["null","string","int"]"#, Check::MinLength(2), &["null", "\"ab\"", "1"], &["\"a\""]);
    misfit(r#"["null","boolean","int"]"#, Check::MinLength(2), "about strings");
}

#[test]
fn a_rule_is_about_its_path_only() {
    let schema = r#"{"type":"record","name":"R","fields":[
        {"name":"from","type":{"type":"record","name":"P","fields":[{"name":"x","type":"int"},{"name":"next","type":["null","P"],"default":null}]}},
        {"name":"to","type":"P"},{"name":"via","type":{"type":"array","items":"P"}},{"name":"by","type":{"type":"map","values":["null","P"]}}]}"#;
    let rule = |path: &str, least: &str| Rule {
        path: path.parse().unwrap(),
        check: Check::Minimum(number(least)),
        position: None,
    };
    let rules = [rule("to.x", "10"), rule("via[].x", "20"), rule("by{}.next.x", "30")];
    let plan = Plan::compile(&Schema::parse(schema).unwrap(), &rules, PlanOptions::default()).unwrap();
    let json =
        r#"{"from":{"x":1},"to":{"x":1,"next":{"x":1}},"via":[{"x":20},{"x":1}],"by":{"k":{"x":1,"next":{"x":1}}}}"#;
    let mut outcome = Outcome::default();
    let verdict = plan.encode_json(json.as_bytes(), JsonForm::Plain, &mut Vec::new(), &mut outcome);
    assert_eq!(verdict, Verdict::BreaksRules);
    let found: Vec<_> =
        outcome.violations.listed.iter().map(|found| (found.path.as_str(), found.position.as_deref())).collect();
    assert_eq!(found, [("to.x", None), ("via[].x", Some("via[1].x")), ("by{}.next.x", None)]);
    assert!(outcome.violations.listed.iter().all(|found| found.clause == Clause::Minimum));
}

#[test]
fn rules_hold_for_defaults_too() {
    let schema = r#"{"type":"record","name":"R","fields":[
        {"name":"note","type":["null","string"],"default":null},
        {"name":"size","type":{"type":"record","name":"S","fields":[{"name":"w","type":"int"}]},"default":{"w":1}}]}"#;
    let rule = |path: &str, check| Rule { path: path.parse().unwrap(), check, position: None };
    let rules = [rule("note", Check::Required), rule("size.w", Check::Minimum(number("5")))];
    let plan = Plan::compile(&Schema::parse(schema).unwrap(), &rules, PlanOptions::default()).unwrap();
    let (mut body, mut outcome) = (Vec::new(), Outcome::default());
    assert_eq!(plan.encode_json(b"{}", JsonForm::Plain, &mut body, &mut outcome), Verdict::BreaksRules);
    let found: Vec<_> = outcome.violations.listed.iter().map(|found| (&*found.path, found.clause)).collect();
    assert_eq!(found, [("note", Clause::Required), ("size.w", Clause::Minimum)]);
    assert_eq!(body, [0, 2]);
}

#[test]
fn all_that_does_not_fit_is_told_at_once() {
    let schema = Schema::parse(
        r#"{"type":"record","name":"R","fields":[{"name":"id","type":"string"},{"name":"note","type":["null","string"]},
            {"name":"amount","type":"double"},{"name":"tags","type":{"type":"array","items":"string"}},
            {"name":"part","type":{"type":"record","name":"P","fields":[{"name":"m","type":{"type":"map","values":"int"}}]}}]}"#,
    )
    .unwrap();
    let rule = |path: &str, check: Check| Rule { path: path.parse().unwrap(), check, position: None };
    let rules = [
        rule("amuont", Check::Required),
        rule("amount", Check::MinLength(1)),
        rule("id", Check::Pattern("[".to_owned())),
        rule("id", Check::MaxLength(9)),
    ];
    let key = ["note", "tags[]", "part", "ib"].map(|path| path.parse().unwrap()).to_vec();
    let options = PlanOptions { key, event_id: Some("amount".parse().unwrap()), ..PlanOptions::default() };
    let problems = Plan::compile(&schema, &rules, options).unwrap_err();
    let said: Vec<String> = problems
        .iter()
        .map(|problem| {
            format!("{}: {} | {}", problem.path, problem.message, problem.hint.as_deref().unwrap_or_default())
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn a_value_that_another_version_of_the_schema_cannot_express_is_no_mistake() {
    #[track_caller]
    fn check(kind: &str, check: Check, right: &[&str], wrong: &[&str]) {
        compile(kind, vec![check.clone()]).expect_err("for its own schema it is one");
        let schema = format!(r#"{{"type":"record","name":"R","fields":[{{"name":"a","type":{kind}}}]}}"#);
        let rule = Rule { path: "a".parse().unwrap(), check, position: None };
        let schema = Schema::parse(&schema).unwrap();
        let plan = Plan::compile_version(&schema, &[rule], PlanOptions::default()).unwrap();
        for (values, wanted) in [(right, Verdict::Sound), (wrong, Verdict::BreaksRules)] {
            for value in values {
                let event = format!(r#"{{"a":{value}}}"#);
                let (mut body, mut outcome) = (Vec::new(), Outcome::default());
                assert_eq!(
                    plan.encode_json(event.as_bytes(), JsonForm::Plain, &mut body, &mut outcome),
                    wanted,
                    "{event}"
                );
            }
        }
    }
    let later = Check::ValidValues(vec![text("PAID"), text("RETURNED")]);
    check(STATE, later, &[r#""PAID""#], &[r#""OPEN""#]);
    check(STATE, Check::ValidValues(vec![text("RETURNED")]), &[], &[r#""PAID""#]);
    check(r#""int""#, Check::Maximum(number("3000000000")), &["2147483647"], &[]);
    check(r#""int""#, Check::Minimum(number("3000000000")), &[], &["2147483647"]);
    check(r#""int""#, Check::ValidValues(vec![number("7"), number("3000000000")]), &["7"], &["8"]);
    check(DECIMAL, Check::Maximum(number("12345678901234.00")), &["1"], &[]);
}
