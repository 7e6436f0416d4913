use super::*;

fn parse(text: &str) -> Schema {
    Schema::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A record `r` of the given fields, each written `name: schema[= default]`.
fn record(fields: &str) -> String {
    format!(r#"{{"type":"record","name":"r","fields":[{fields}]}}"#)
}

const SHOP: &str = r#"{
  "type": "record", "name": "Order", "namespace": "sales", "doc": "An order.", "owner": "shop",
  "fields": [
    {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
    {"name": "total", "type": {"type": "record", "name": "Money", "fields": [
      {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
      {"name": "currency", "type": {"type": "enum", "name": "other.Currency", "symbols": ["EUR", "USD"], "default": "EUR"}}
    ]}},
    {"name": "discount", "type": ["null", "Money"], "default": null, "aliases": ["rebate"]},
    {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "Line", "aliases": ["Row"], "fields": [
      {"name": "sku", "type": "string"}, {"name": "parts", "type": ["null", {"type": "array", "items": "Line"}]}
    ]}}},
    {"name": "tags", "type": {"type": "map", "values": "long"}},
    {"name": "paid", "type": [{"type": "record", "name": "Card", "fields": [{"name": "last4", "type": "string"}]},
                              {"type": "record", "name": "Cash", "fields": [{"name": "till", "type": "int"}]}]}
  ]
}"#;

#[test]
fn the_text_keeps_all_but_white_space() {
    let schema = parse(" { \"type\" : \"string\" ,\n \"x-note\" : \"a \\\" b\" , \"z\":1.50 } ");
    assert_eq!(schema.text(), r#"{"type":"string","x-note":"a \" b","z":1.50}"#);
    assert_eq!(parse("\u{feff}\"int\"").text(), "\"int\"");
}

#[test]
fn names_take_the_namespace_they_stand_in() {
    let schema = parse(SHOP);
    assert_eq!(schema.name(), Some("sales.Order"));
    let names: Vec<_> = schema.types().iter().filter(|of| of.kind.is_named()).map(|of| of.kind.branch_name()).collect();
    assert_eq!(names, ["sales.Order", "sales.Money", "other.Currency", "sales.Line", "sales.Card", "sales.Cash"]);
    let Kind::Record(line) = &schema.types().iter().find(|of| of.kind.branch_name() == "sales.Line").unwrap().kind
    else {
        panic!("a record")
    };
    assert_eq!(line.aliases, ["sales.Row"]);
}

#[test]
fn paths_resolve_through_unions() {
    let schema = parse(SHOP);
    #[track_caller]
    fn check(schema: &Schema, path: &str, kind: Option<&str>, nullable: bool) {
        let found = schema.resolve(&path.parse().unwrap());
        assert_eq!(found.map(|found| schema.get(found.type_id).kind.branch_name()), kind, "{path}");
        assert_eq!(found.is_some_and(|found| found.nullable), nullable, "{path}");
    }
    check(&schema, "id", Some("string"), false);
    check(&schema, "total.amount", Some("bytes"), false);
    check(&schema, "discount", Some("sales.Money"), true);
    check(&schema, "discount.amount", Some("bytes"), true);
    check(&schema, "lines[]", Some("sales.Line"), false);
    check(&schema, "lines[].parts[].parts[].sku", Some("string"), true);
    check(&schema, "tags{}", Some("long"), false);
    check(&schema, "paid", Some("union"), false);
    check(&schema, "paid.till", Some("int"), true);
    check(&schema, "paid.tip", None, false);
    check(&schema, "total[]", None, false);
    check(&schema, "id.x", None, false);
    assert_eq!(schema.resolve(&FieldPath::default()).unwrap().type_id, schema.root());
}

#[test]
fn paths_list_each_named_type_once_along_a_path() {
    let schema = parse(SHOP);
    let paths: Vec<_> = schema.paths().iter().map(|(path, _)| path.to_string()).collect();
    let expected = "id total total.amount total.currency discount discount.amount discount.currency lines lines[] \
                    lines[].sku lines[].parts lines[].parts[] tags tags{} paid paid.last4 paid.till";
    assert_eq!(paths, expected.split_whitespace().collect::<Vec<_>>());
    for (path, id) in schema.paths() {
        assert_eq!(schema.resolve(&path).unwrap().type_id, id, "{path}");
    }
}

#[test]
fn enums_without_default_are_named() {
    let schema = parse(&record(
        r#"{"name":"a","type":{"type":"enum","name":"A","symbols":["X"]}},
           {"name":"b","type":["null","A"]}, {"name":"c","type":["int","string","A"]},
           {"name":"d","type":{"type":"enum","name":"D","symbols":["X"],"default":"X"}}"#,
    ));
    let found: Vec<_> = schema.enums_without_default().iter().map(ToString::to_string).collect();
    assert_eq!(found, ["a", "b", "c"]);
}

#[test]
fn one_type_stands_on_its_own() {
    let schema = parse(SHOP);
    #[track_caller]
    fn check(schema: &Schema, path: &str, expected: &str) {
        let text = schema.text_of(schema.resolve(&path.parse().unwrap()).unwrap().type_id);
        assert_eq!(text, expected, "{path}");
        parse(&text);
    }
    check(&schema, "id", r#"{"type":"string","logicalType":"uuid"}"#);
    let currency = r#"{"type":"enum","name":"other.Currency","symbols":["EUR","USD"],"default":"EUR"}"#;
    check(&schema, "total.currency", currency);
    let amount = r#"{"type":"bytes","logicalType":"decimal","precision":12,"scale":2}"#;
    let money = format!(
        r#"{{"type":"record","name":"sales.Money","fields":[{{"name":"amount","type":{amount}}},{{"name":"currency","type":{currency}}}]}}"#
    );
    check(&schema, "total", &money);
    check(&schema, "discount", &money);
    let line = r#"{"type":"record","name":"sales.Line","aliases":["sales.Row"],"fields":[{"name":"sku","type":"string"},{"name":"parts","type":["null",{"type":"array","items":"sales.Line"}]}]}"#;
    check(&schema, "lines", &format!(r#"{{"type":"array","items":{line}}}"#));
    check(&schema, "lines[].parts", &format!(r#"{{"type":"array","items":{line}}}"#));
    // The whole schema comes back as one that encodes alike.
    let whole = parse(&schema.text_of(schema.root()));
    assert_eq!(whole.fingerprint(), schema.fingerprint());
    assert_eq!(whole.types(), schema.types());
}

#[test]
fn a_type_without_namespace_keeps_none_on_its_own() {
    let schema = parse(&record(
        r#"{"name":"a","type":{"type":"record","name":"ns.A","fields":[
             {"name":"x","type":{"type":"fixed","name":"F","namespace":"","size":2}}]}}"#,
    ));
    let text = schema.text_of(schema.resolve(&"a".parse().unwrap()).unwrap().type_id);
    let expected =
        r#"{"name":"ns.A","type":"record","fields":[{"name":"x","type":{"name":"F","type":"fixed","size":2}}]}"#;
    assert_eq!(parse(&text).canonical_form(), expected);
}

#[test]
fn the_canonical_form_is_the_specifications() {
    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(parse(text).canonical_form(), expected);
        let oracle = apache_avro::Schema::parse_str(text).unwrap();
        assert_eq!(oracle.canonical_form(), expected, "apache-avro");
        let oracle: String = oracle.fingerprint::<Sha256>().bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(parse(text).fingerprint(), oracle);
    }
    // apache-avro leaves an object around a primitive that has a logical type, against the [PRIMITIVES] rule.
    assert_eq!(parse(r#"{"type": "int", "logicalType": "date"}"#).canonical_form(), r#""int""#);
    check(r#"{"type": "int", "x-unit": "m"}"#, r#""int""#);
    check(
        r#"{"type":"fixed","size":12,"name":"f","doc":"x","namespace":"a.b"}"#,
        r#"{"name":"a.b.f","type":"fixed","size":12}"#,
    );
    check(
        r#"{"fields":[{"type":["null","r"],"name":"next","default":null,"doc":"d"},
            {"name":"e","type":{"symbols":["A","B"],"name":"e","type":"enum","default":"A"}}],
            "type":"record","name":"r","namespace":"n","aliases":["q"]}"#,
        r#"{"name":"n.r","type":"record","fields":[{"name":"next","type":["null","n.r"]},{"name":"e","type":{"name":"n.e","type":"enum","symbols":["A","B"]}}]}"#,
    );
}

#[test]
fn logical_types_stand_where_they_fit_and_else_are_warned_of() {
    #[track_caller]
    fn check(text: &str, logical: Option<Logical>, warning: &str) {
        let schema = parse(text);
        assert_eq!(schema.get(schema.root()).logical, logical, "{text}");
        let said = schema.warnings().iter().map(|warning| format!("{} ({})", warning.message, warning.hint));
        let said: Vec<_> = said.collect();
        assert!(if warning.is_empty() { said.is_empty() } else { said.join("\n").contains(warning) }, "{said:?}");
    }
    let fixed = |size: u32, rest: &str| format!(r#"{{"type":"fixed","name":"f","size":{size},{rest}}}"#);
    let decimal = |rest: &str| format!(r#"{{"type":"bytes","logicalType":"decimal"{rest}}}"#);
    let on = |kind: &str, logical: &str| format!(r#"{{"type":"{kind}","logicalType":"{logical}"}}"#);
    check(&decimal(r#","precision":4,"scale":2"#), Some(Logical::Decimal { precision: 4, scale: 2 }), "");
    check(&decimal(r#","precision":4"#), Some(Logical::Decimal { precision: 4, scale: 0 }), "");
    check(&decimal(""), None, "precision");
    check(&decimal(r#","precision":0"#), None, "precision");
    check(&decimal(r#","precision":2,"scale":3"#), None, "scale");
    check(&decimal(r#","precision":2,"scale":-1"#), None, "scale");
    let on_fixed = |size, precision| fixed(size, &format!(r#""logicalType":"decimal","precision":{precision}"#));
    check(&on_fixed(4, 9), Some(Logical::Decimal { precision: 9, scale: 0 }), "");
    check(&on_fixed(4, 10), None, "holds 9 digits");
    check(&on_fixed(16, 38), Some(Logical::Decimal { precision: 38, scale: 0 }), "");
    check(&on("string", "uuid"), Some(Logical::Uuid), "");
    check(&fixed(16, r#""logicalType":"uuid""#), Some(Logical::Uuid), "");
    check(&fixed(15, r#""logicalType":"uuid""#), None, "fixed(16)");
    check(&fixed(12, r#""logicalType":"duration""#), Some(Logical::Duration), "");
    check(&on("int", "date"), Some(Logical::Date), "");
    check(&on("long", "date"), None, "belongs on int");
    check(&on("int", "time-millis"), Some(Logical::TimeMillis), "");
    check(&on("long", "time-micros"), Some(Logical::TimeMicros), "");
    check(&on("long", "timestamp-millis"), Some(Logical::TimestampMillis), "");
    check(&on("long", "timestamp-micros"), Some(Logical::TimestampMicros), "");
    check(&on("long", "timestamp-nanos"), Some(Logical::TimestampNanos), "");
    check(&on("long", "local-timestamp-millis"), Some(Logical::LocalTimestampMillis), "");
    check(&on("long", "local-timestamp-micros"), Some(Logical::LocalTimestampMicros), "");
    check(&on("long", "local-timestamp-nanos"), Some(Logical::LocalTimestampNanos), "");
    check(&on("long", "timestamp-millies"), None, "does not know");
    check(r#"{"type":{"type":"int"},"logicalType":"date"}"#, Some(Logical::Date), "");
    check(&record(r#"{"name":"a","type":"long","logicalType":"timestamp-millis"}"#), None, "put it inside");
}

#[test]
fn what_is_no_usable_schema_says_why_and_where() {
    #[track_caller]
    fn check(text: &str, message: &str, position: (u32, u32)) {
        let error = Schema::parse(text).expect_err(text);
        let [found] = &error.findings[..] else { panic!("{text}: {error}") };
        assert!(format!("{} ({})", found.message, found.hint).contains(message), "{text}: {error}");
        assert_eq!((found.position.line, found.position.column), position, "{text}: {error}");
        assert!(!found.hint.is_empty(), "{text}: {error}");
    }
    check("", "not JSON", (1, 1));
    check("{\n  \"type\": \"é\",\n  \"typo\" }", "not JSON", (3, 10));
    check("\"int\" 1", "not JSON", (1, 7));
    check("1", "not a number", (1, 1));
    check("null", "not null", (1, 1));
    check("{}", "needs a `type`", (1, 1));
    check("\"Foo\"", "not defined before", (1, 1));
    check("\"record\"", "an object of its own", (1, 1));
    check(" [\n \"null\",\n  \"strng\"]", "did you mean `string`?", (3, 3));
    check("[]", "at least one branch", (1, 1));
    check(r#"["int", ["null"]]"#, "directly inside a union", (1, 9));
    check(r#"["int", {"type": "int", "logicalType": "date"}]"#, "has `int` twice", (1, 9));
    check(r#"[{"type":"map","values":"int"},{"type":"map","values":"long"}]"#, "has `map` twice", (1, 32));
    check(r#"{"type":"int","type":"int"}"#, "`type` stands twice", (1, 22));
    check(r#"{"type":"array"}"#, "needs `items`", (1, 1));
    check(r#"{"type":"map"}"#, "needs `values`", (1, 1));
    check(r#"{"type":"fixed","name":"f"}"#, "needs a `size`", (1, 1));
    check(r#"{"type":"fixed","name":"f","size":-1}"#, "needs a `size`", (1, 35));
    check(r#"{"type":"fixed","size":1}"#, "needs a `name`", (1, 1));
    check(r#"{"type":"fixed","name":"1f","size":1}"#, "not an Avro name", (1, 24));
    check(r#"{"type":"fixed","name":"f","namespace":"a..b","size":1}"#, "not an Avro name", (1, 24));
    check(r#"{"type":"fixed","name":"long","size":1}"#, "primitive type's name", (1, 24));
    check(r#"{"type":"fixed","name":"f","size":1,"aliases":"g"}"#, "array of strings", (1, 47));
    check(r#"{"type":"enum","name":"e","symbols":[]}"#, "at least one", (1, 37));
    check(r#"{"type":"enum","name":"e","symbols":["A","A"]}"#, "`A` twice", (1, 42));
    check(r#"{"type":"enum","name":"e","symbols":["a-b"]}"#, "not an Avro name", (1, 38));
    check(r#"{"type":"enum","name":"e","symbols":["A"],"default":"B"}"#, "not one of its symbols", (1, 53));
    check(r#"{"type":"record","name":"r"}"#, "needs `fields`", (1, 1));
    check(&record(r#"{"type":"int"}"#), "needs a `name`", (1, 39));
    check(&record(r#"{"name":"a"}"#), "`a` needs a `type`", (1, 39));
    check(&record(r#"{"name":"a","type":"int"},{"name":"a","type":"int"}"#), "field `a` twice", (1, 73));
    check(&record(r#"{"name":"a","type":"r"}"#), "contains itself without a way to end", (1, 1));
    check(&record(r#"{"name":"a","type":["r"]}"#), "contains itself without a way to end", (1, 1));
    let twice = r#"{"name":"a","type":{"type":"fixed","name":"f","size":1}},{"name":"b","type":{"type":"fixed","name":"f","size":1}}"#;
    check(&record(twice), "`f` is defined twice", (1, 138));
    check(&"[".repeat(1_000_000), "not JSON", (1, 1_000_000));
    check(&format!("{}{}", "[".repeat(1000), "]".repeat(1000)), "levels deep", (1, 202));
    let bomb = |n: u32| match n {
        0 => r#""int""#.to_owned(),
        n => format!(
            r#"{{"type":"record","name":"r{n}","fields":[{{"name":"a","type":X}},{{"name":"b","type":"r{}"}}]}}"#,
            n - 1
        ),
    };
    let wide: Vec<String> = (0..201).map(|n| format!(r#"{{"type":"fixed","name":"f{n}","size":1}}"#)).collect();
    check(&format!("[{}]", wide.join(",")), "more than 200 branches", (1, 1));
    let nested = (0..20).rev().fold(bomb(20), |text, n| text.replace('X', &bomb(n))).replace("\"r0\"", "\"int\"");
    assert!(Schema::parse(&nested).unwrap_err().to_string().contains("field paths"));
}

#[test]
fn all_that_is_wrong_with_a_schema_is_told_at_once() {
    let text = r#"{"type": "record", "name": "my-order", "aliases": ["a b"], "fields": [
    {"name": "id", "type": "strnig"},
    {"name": "b-c", "type": "int", "type": "long"},
    {"name": "d", "type": "int", "default": "x"},
    {"name": "e", "type": ["null", "nul", "null", ["int"]], "default": 5},
    {"nme": "f", "type": "int"},
    {"name": "g", "type": {"type": "enum", "name": "E", "symbols": ["A", "A", 7], "default": "B"}},
    {"name": "g", "type": {"type": "array"}},
    {"name": "h", "type": {"type": "fixed", "name": "E"}},
    {"name": "i", "type": {"type": "record", "name": "I", "fields": [{"name": "x"}]}, "default": {}},
    {"name": "j", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9999}}
  ]}"#;
    let found: Vec<String> = Schema::parse(text)
        .unwrap_err()
        .findings
        .iter()
        .map(|found| {
            let SchemaFinding { message, hint, position } = found;
            format!("{}:{} {message} ({hint})", position.line, position.column)
        })
        .collect();
    insta::assert_snapshot!("all that is wrong", found.join("\n"));
    let many: Vec<String> = (0..5000).map(|at| format!(r#"{{"name":"f{at}","type":"nothing"}}"#)).collect();
    assert_eq!(Schema::parse(&record(&many.join(","))).unwrap_err().findings.len(), 101);
}

#[test]
fn defaults_of_every_type_are_checked() {
    #[track_caller]
    fn check(kind: &str, default: &str, expected: Result<&[u8], &str>) {
        let text = record(&format!(r#"{{"name":"a","type":{kind},"default":{default}}}"#));
        match (Schema::parse(&text), expected) {
            (Ok(schema), Ok(bytes)) => {
                let Kind::Record(record) = &schema.get(schema.root()).kind else { panic!("a record") };
                let mut out = Vec::new();
                let field = &record.fields[0];
                encode_default(schema.types(), field.type_id, field.default.as_ref().unwrap(), &mut out).unwrap();
                assert_eq!(out, bytes, "{text}");
            }
            (Err(error), Err(message)) => assert!(error.to_string().contains(message), "{text}: {error}"),
            (found, _) => panic!("{text}: {found:?}"),
        }
    }
    let of = |kind: &str, rest: &str| format!(r#"{{"type":"{kind}",{rest}}}"#);
    check(r#""null""#, "null", Ok(&[]));
    check(r#""null""#, "0", Err("has to be null"));
    check(r#""boolean""#, "true", Ok(&[1]));
    check(r#""boolean""#, "\"true\"", Err("true or false"));
    check(r#""int""#, "-1", Ok(&[1]));
    check(r#""int""#, "1.0", Err("range of int"));
    check(r#""int""#, "2147483648", Err("range of int"));
    check(r#""long""#, "2147483648", Ok(&[0x80, 0x80, 0x80, 0x80, 0x10]));
    check(r#""long""#, "9223372036854775808", Err("range of long"));
    check(r#""float""#, "1.5", Ok(&[0, 0, 0xc0, 0x3f]));
    check(r#""float""#, "1e39", Err("range of float"));
    check(r#""double""#, "1", Ok(&[0, 0, 0, 0, 0, 0, 0xf0, 0x3f]));
    check(r#""double""#, "\"NaN\"", Err("a number"));
    check(r#""bytes""#, r#""\u00ff\u0000""#, Ok(&[4, 0xff, 0]));
    check(r#""bytes""#, r#""\u0100""#, Err("up to U+00FF"));
    check(r#""string""#, r#""é""#, Ok(&[4, 0xc3, 0xa9]));
    check(r#""string""#, "null", Err("a string"));
    check(&of("string", r#""logicalType":"uuid""#), r#""x""#, Err("a UUID"));
    check(&of("fixed", r#""name":"f","size":2"#), r#""ab""#, Ok(b"ab"));
    check(&of("fixed", r#""name":"f","size":2"#), r#""abc""#, Err("2 characters"));
    check(&of("enum", r#""name":"e","symbols":["A","B"]"#), r#""B""#, Ok(&[2]));
    check(&of("enum", r#""name":"e","symbols":["A","B"]"#), r#""C""#, Err("a symbol of `e`"));
    check(&of("array", r#""items":"int""#), "[1,2]", Ok(&[4, 2, 4, 0]));
    check(&of("array", r#""items":"int""#), "[]", Ok(&[0]));
    check(&of("array", r#""items":"int""#), "[null]", Err("range of int"));
    check(&of("map", r#""values":"int""#), r#"{"k":1}"#, Ok(&[2, 2, b'k', 2, 0]));
    check(&of("map", r#""values":"int""#), "[]", Err("an object"));
    check(r#"["null","int"]"#, "null", Ok(&[0]));
    check(r#"["null","int"]"#, "7", Ok(&[2, 14]));
    check(r#"["null","int"]"#, r#""7""#, Err("no branch"));
    check(r#"["int"]"#, "7", Ok(&[0, 14]));
    let decimal = of("bytes", r#""logicalType":"decimal","precision":2"#);
    check(&decimal, r#""\u0063""#, Ok(&[2, 99]));
    check(&decimal, r#""\u0064""#, Err("at most 2 digits"));
    check(&decimal, r#""""#, Err("at most 2 digits"));
    check(&of("int", r#""logicalType":"time-millis""#), "86400000", Err("within one day"));
    let inner =
        of("record", r#""name":"i","fields":[{"name":"x","type":"int"},{"name":"y","type":"int","default":3}]"#);
    check(&inner, r#"{"x":1}"#, Ok(&[2, 6]));
    check(&inner, r#"{"y":1}"#, Err("lacks the field `x`"));
    check(&inner, r#"{"x":"1"}"#, Err("(at `x`)"));
    // apache-avro refuses defaults that name the record they stand in.
    check(r#"["null","r"]"#, "null", Ok(&[0]));
    check(r#"{"type":"array","items":"r"}"#, "[{}]", Err("without end"));
    check(r#"["r","null"]"#, "{}", Err("no branch"));
}

#[test]
fn defaults_that_fill_in_each_other_stay_bounded() {
    let long = "x".repeat(300_000);
    let inner =
        format!(r#"{{"type":"record","name":"i","fields":[{{"name":"s","type":"string","default":"{long}"}}]}}"#);
    let list = |items: usize| format!("[{}]", vec!["{}"; items].join(","));
    let field = |name: &str, items: &str, count: usize| {
        format!(r#"{{"name":"{name}","type":{{"type":"array","items":{items}}},"default":{}}}"#, list(count))
    };
    let refused = |fields: &str, message: &str| {
        let error = Schema::parse(&record(fields)).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    };
    refused(&field("a", &inner, 100), "without end");
    let many: Vec<String> = (0..8).map(|at| field(&format!("f{at}"), r#""i""#, 2)).collect();
    refused(
        &format!("{},{}", field("a", &inner, 2), many.join(",")),
        "the defaults up to here take more than 4096 KiB",
    );
}

/// Each level can be left by two types, so a search that forgets what it tried would take 2^60 steps.
#[test]
fn deep_paths_through_recursive_unions_are_found_or_not_in_no_time() {
    let schema = parse(
        r#"{"type":"record","name":"A","fields":[{"name":"n","type":["null","A",
            {"type":"record","name":"B","fields":[{"name":"n","type":["null","A","B"]},{"name":"y","type":"int"}]}]}]}"#,
    );
    let path = |end: &str| format!("{}{end}", "n.".repeat(60)).parse().unwrap();
    assert!(schema.resolve(&path("y")).unwrap().nullable);
    assert!(schema.resolve(&path("x")).is_none());
}

#[test]
fn attributes_that_are_nearly_avros_are_warned_of_and_foreign_ones_are_not() {
    let schema = parse(
        r#"{"type":"record","name":"r","connect.name":"x","nmaespace":"a","owner":"shop","fields":[
            {"name":"a","type":"int","defualt":1,"unit":"m","title":"A"},
            {"name":"b","type":{"type":"bytes","logicaltype":"decimal","java-class":"x"}}]}"#,
    );
    let said: Vec<_> = schema.warnings().iter().map(|found| format!("{} {}", found.message, found.hint)).collect();
    let said: Vec<_> =
        said.iter().map(|said| said.replace(" is not Avro's and has no effect did you mean", "")).collect();
    assert_eq!(said, ["`nmaespace` `namespace`?", "`defualt` `default`?", "`logicaltype` `logicalType`?"]);
    assert_eq!(schema.warnings()[1].position, Position { line: 2, column: 48 });
}

#[test]
fn a_default_of_a_later_branch_is_warned_of() {
    let schema = parse(&record(r#"{"name":"a","type":["null","int"],"default":7}"#));
    assert!(schema.warnings()[0].message.contains("first branch"));
    assert_eq!(schema.warnings()[0].position, Position { line: 1, column: 83 });
}

#[test]
fn precision_counts_digits_of_twos_complement() {
    for precision in [1u32, 2, 3, 9, 18, 19, 37, 38] {
        let limit = 10i128.pow(precision);
        for (value, fits) in
            [(limit - 1, true), (limit, false), (-limit, false), (1 - limit, true), (0, true), (-1, true)]
        {
            assert_eq!(fits_precision(&value.to_be_bytes(), precision), fits, "{value} in {precision}");
            if let Ok(short) = i64::try_from(value) {
                assert_eq!(fits_precision(&short.to_be_bytes(), precision), fits, "{value} in {precision}");
            }
            let long: Vec<u8> = [if value < 0 { 0xff } else { 0 }; 9].into_iter().chain(value.to_be_bytes()).collect();
            assert_eq!(fits_precision(&long, precision), fits, "{value} in {precision}");
        }
    }
    // 2^(8n) and its neighbours, by their known number of digits.
    for (bytes, digits) in [(16usize, 39u32), (32, 78), (100, 241), (1000, 2409)] {
        let power: Vec<u8> = std::iter::once(1).chain(std::iter::repeat_n(0, bytes)).collect();
        let minus: Vec<u8> = std::iter::once(0xff).chain(std::iter::repeat_n(0, bytes)).collect();
        for number in [power, minus] {
            assert!(fits_precision(&number, digits), "2^{}", 8 * bytes);
            assert!(!fits_precision(&number, digits - 1), "2^{}", 8 * bytes);
        }
    }
    assert!(!fits_precision(&[], 5));
}
