use super::*;

fn guess(lines: &[String]) -> Guessed {
    let mut shape = Shape::default();
    for line in lines {
        shape.take(line.as_bytes()).unwrap_or_else(|why| panic!("{line}: {why}"));
    }
    schema(&shape, "Orders", "sales", &BTreeSet::new())
}

/// A field of this name with these values, and again until there are forty of them: what it becomes.
#[track_caller]
fn check(name: &str, values: &[&str], expected: &str) {
    let lines: Vec<String> =
        values.iter().cycle().take(40.max(values.len())).map(|value| format!("{{{name:?}: {value}}}")).collect();
    let Avro::Record { fields, .. } = guess(&lines).schema else { panic!("a record") };
    assert_eq!(fields[0].of.words(), expected, "{name} of {values:?}");
}

#[test]
fn numbers() {
    check("n", &["1", "-2"], "int");
    check("n", &["1", "40000"], "long");
    check("n", &["9223372036854775807"], "long");
    check("n", &["1", "1.5"], "double");
    check("n", &["2.0"], "double");
    check("n", &["9223372036854775808"], "double");
    check("placedAt", &["1767225600000"], "timestamp-millis");
    check("placed_at", &["1767225600000000"], "timestamp-micros");
    check("placedAt", &["1767225600"], "long");
    check("size", &["1767225600000"], "long");
    check("placedAt", &["1767225600000", "5"], "long");
}

#[test]
fn texts() {
    check("s", &["\"a b\"", "\"c\""], "string");
    check("s", &["\"01890a5d-ac96-774b-bcce-b302099a8057\""], "uuid");
    check("s", &["\"2026-01-01\""], "date");
    check("s", &["\"2026-01-01T10:00:00Z\"", "\"2026-01-01T10:00:00.5+01:00\""], "timestamp-millis");
    check("s", &["\"2026-01-01T10:00:00.123456Z\""], "timestamp-micros");
    check("s", &["\"2026-01-01T10:00:00.123456789Z\""], "timestamp-nanos");
    check("s", &["\"2026-01-01T10:00:00\""], "local-timestamp-millis");
    check("s", &["\"2026-01-01T10:00:00\"", "\"2026-01-01T10:00:00Z\""], "string");
    check("s", &["\"10:00:00\""], "time-millis");
    check("s", &["\"10:00:00.123456\""], "time-micros");
    check("s", &["\"12.50\"", "\"1.00\""], "decimal(12,2)");
    check("s", &["\"12.50\"", "\"1.0\""], "string");
    check("price", &["\"12.50\"", "\"1.0\"", "\"-123456789012.5\""], "decimal(17,2)");
    check("version", &["\"1.2\""], "string");
    check("s", &["\"007.5\""], "string");
    check("s", &["\"12\""], "string");
}

#[test]
fn few_identifiers_are_an_enum() {
    check("status", &["\"OPEN\"", "\"PAID\""], "enum of 3 symbols");
    check("s", &["\"OPEN\"", "\"PAID\"", "\"OTHER\""], "enum of 3 symbols");
    check("s", &["\"open\"", "\"paid\""], "enum of 3 symbols");
    check("state", &["\"Open\"", "\"Paid\""], "enum of 3 symbols");
    // Perhaps people, places, open lists, constants, or not names at all.
    check("s", &["\"Alice\"", "\"Bob\""], "string");
    check("customer", &["\"alice\"", "\"bob\""], "string");
    check("currency", &["\"EUR\"", "\"USD\""], "string");
    check("status", &["\"OPEN\""], "string");
    check("status", &["\"in-work\"", "\"done\""], "string");
    let many: Vec<String> = (0..20).map(|number| format!("\"S{number}\"")).collect();
    check("status", &many.iter().map(String::as_str).collect::<Vec<_>>(), "string");
}

#[test]
fn what_may_be_absent_is_null_by_default() {
    let lines = [r#"{"a": 1, "b": null, "c": 1}"#, r#"{"a": 1, "b": 2}"#].map(str::to_owned);
    let Avro::Record { fields, .. } = guess(&lines).schema else { panic!("a record") };
    let found: Vec<_> = fields.iter().map(|field| (field.of.words(), field.default_null)).collect();
    let optional = ("null or long".to_owned(), true);
    assert_eq!(found, [("long".to_owned(), false), optional.clone(), optional]);
}

#[test]
fn mixed_and_nested() {
    check("x", &["true", "false"], "boolean");
    check("x", &["null"], "null or string");
    check("x", &["1", "\"a\"", "true", "null"], "null or boolean or long or string");
    check("x", &["\"2026-01-01\"", "1.5"], "double or string");
    check("x", &["[]"], "array of string");
    check("x", &["[1, null]", "[]"], "array of null or int");
    check("x", &["[[1], [2]]"], "array of array of int");
    check("x", &["[{\"y\": 1}]"], "array of record");
    check("x", &["{}"], "map of string");
    check("x", &["{\"y\": 1}"], "record");
    check("x", &["{\"y-z\": 1}", "{\"b\": null}"], "map of null or int");
    let sparse: Vec<String> = (0..40).map(|number| format!("{{\"k{number}\": {number}}}")).collect();
    check("x", &sparse.iter().map(String::as_str).collect::<Vec<_>>(), "map of int");
}

#[test]
fn names_that_avro_does_not_take_are_told() {
    let guessed = guess(&[r#"{"order-id": 1, "ok": {"1st": 2}, "größe": 3}"#.to_owned()]);
    assert_eq!(guessed.unnameable, ["order-id", "größe"]);
}

#[test]
fn words_of_names() {
    let check = |name: &str, expected: &[&str]| assert_eq!(words(name), expected, "{name}");
    check("placedAt", &["placed", "at"]);
    check("placed_at", &["placed", "at"]);
    check("order-items", &["order", "items"]);
    check("orderID", &["order", "id"]);
    check("URL", &["url"]);
    check("line2Total", &["line2", "total"]);
    check("__", &[]);
    assert_eq!(type_name("order-items"), "OrderItems");
    assert_eq!(type_name("__"), "T");
    assert_eq!(type_name("2nd"), "T2nd");
}

#[test]
fn a_schema_is_laid_out_for_people() {
    let line = r#"{"orderId": "A-1", "status": "OPEN", "total": {"amount": "12.50", "currency": "EUR"},
        "lines": [{"sku": "x", "status": "OPEN"}], "attributes": {"a-b": 1}, "note": null}"#;
    let paid = line.replace("OPEN", "PAID");
    let lines: Vec<String> = [line, &paid].iter().cycle().take(40).map(|line| line.replace('\n', " ")).collect();
    insta::assert_snapshot!(guess(&lines).schema.text());
}
