use super::*;

/// Avro's own JSON: unions tagged, bytes as characters, logical types as what they stand on.
#[track_caller]
fn check_avro(plan: &Plan, json: &str, expected: Result<&[u8], Clause>) {
    let (verdict, body, outcome) = run_form(plan, json, JsonForm::Avro);
    let found: Vec<_> = outcome.violations.listed.iter().map(|found| found.clause).collect();
    match expected {
        Ok(bytes) => {
            assert_eq!((verdict, body.as_slice()), (Verdict::Sound, bytes), "{json}: {:?}", outcome.violations)
        }
        Err(clause) => assert_eq!((verdict, found), (Verdict::Broken, vec![clause]), "{json}"),
    }
}

#[test]
fn unions_are_tagged() {
    let optional = plan(r#"["null","string"]"#);
    check_avro(&optional, "null", Ok(&[0]));
    check_avro(&optional, r#"{"string":"a"}"#, Ok(&[2, 2, b'a']));
    check_avro(&optional, r#" { "str\u0069ng" : "a" } "#, Ok(&[2, 2, b'a']));
    for wrong in [r#""a""#, "{}", r#"{"int":1}"#, r#"{"string":"a","x":1}"#, r#"{"null":null,"x":[{"y":1}]}"#, "[]"] {
        check_avro(&optional, wrong, Err(Clause::Union));
    }
    check_avro(&optional, r#"{"string":1}"#, Err(Clause::Type));
    check_avro(&optional, r#"{"string":"a""#, Err(Clause::Malformed));
    check_avro(&optional, r#"{"string" "a"}"#, Err(Clause::Malformed));
    let named = plan(
        r#"[{"type":"record","name":"n.A","fields":[{"name":"next","type":["null","n.A"]}]},
            {"type":"array","items":["int","long"]},{"type":"map","values":"int"},"int"]"#,
    );
    check_avro(&named, r#"{"n.A":{"next":{"n.A":{"next":null}}}}"#, Ok(&[0, 2, 0]));
    check_avro(&named, r#"{"array":[{"long":1},{"int":1}]}"#, Ok(&[2, 4, 2, 2, 0, 2, 0]));
    check_avro(&named, r#"{"map":{"k":1}}"#, Ok(&[4, 2, 2, b'k', 2, 0]));
    check_avro(&named, r#"{"int":1}"#, Ok(&[6, 2]));
    check_avro(&named, "null", Err(Clause::Union));
    check_avro(&named, r#"{"A":{"next":null}}"#, Err(Clause::Union));
}

#[test]
fn bytes_are_characters_and_logical_types_what_they_stand_on() {
    let logical = |kind: &str, name: &str| plan(&format!(r#"{{"type":{kind},"logicalType":"{name}"}}"#));
    check_avro(&plan("\"bytes\""), "\"\u{ff}a\"", Ok(&[4, 0xff, b'a']));
    check_avro(&plan("\"bytes\""), "\"\u{100}\"", Err(Clause::Syntax));
    let decimal = plan(r#"{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}"#);
    check_avro(&decimal, r#""\u0004\u00d2""#, Ok(&[4, 4, 0xd2]));
    check_avro(&decimal, r#""\u0027\u0010""#, Err(Clause::Precision));
    check_avro(&decimal, "12.34", Err(Clause::Type));
    check_avro(&logical("\"long\"", "timestamp-millis"), "1", Ok(&[2]));
    check_avro(&logical("\"long\"", "timestamp-millis"), "\"1970-01-01T00:00:00Z\"", Err(Clause::Type));
    check_avro(&logical("\"string\"", "uuid"), "\"x\"", Err(Clause::Syntax));
    let fixed = r#""fixed","name":"F","size":"#;
    check_avro(&logical(&format!("{fixed}16"), "uuid"), r#""0123456789abcdef""#, Ok(b"0123456789abcdef"));
    check_avro(&logical(&format!("{fixed}16"), "uuid"), r#""0123""#, Err(Clause::Size));
    check_avro(&logical(&format!("{fixed}12"), "duration"), r#""0123456789ab""#, Ok(b"0123456789ab"));
}

#[test]
fn the_rest_is_as_in_plain_json() {
    let of = plan(
        r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":["null","int"],"default":null}]}"#,
    );
    check_avro(&of, r#"{"b":{"int":1},"a":2.0}"#, Ok(&[4, 2, 2]));
    check_avro(&of, r#"{"a":1}"#, Ok(&[2, 0]));
    check_avro(&of, r#"{"a":1,"a":1}"#, Err(Clause::DuplicateKey));
    assert_eq!(run_form(&of, r#"{"a":1,"x":1}"#, JsonForm::Avro).2.undeclared, ["x"]);
}
