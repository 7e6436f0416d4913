use super::*;

fn logical(kind: &str, name: &str) -> String {
    format!(r#"{{"type":"{kind}","logicalType":"{name}"}}"#)
}

#[test]
fn fields_come_in_any_order() {
    let schema = r#"{"type":"record","name":"R","fields":[
        {"name":"a","type":"int"},{"name":"b","type":"string"},
        {"name":"c","type":{"type":"record","name":"C","fields":[{"name":"x","type":"int"},{"name":"y","type":"int"}]}},
        {"name":"d","type":"int","default":9},{"name":"e","type":["null","int"],"default":null}]}"#;
    let plan = plan(schema);
    let expected: &[u8] = &[2, 4, b'h', b'i', 4, 6, 18, 2, 10];
    for text in [
        r#"{"a":1,"b":"hi","c":{"x":2,"y":3},"d":9,"e":5}"#,
        r#"{"e":5,"d":9,"c":{"y":3,"x":2},"b":"hi","a":1}"#,
        r#"{"c":{"y":3,"x":2},"a":1,"e":5,"b":"hi"}"#,
        r#" { "b" : "hi" , "a" : 1 , "e" : 5 , "c" : { "x" : 2 , "y" : 3 } } "#,
        r#"{"\u0061":1,"b":"h\u0069","c":{"x":2,"y":3},"e":5}"#,
    ] {
        check(&plan, text, Ok(expected));
    }
}

#[test]
fn a_missing_field_takes_its_default_and_else_is_a_violation_also_when_nullable() {
    check(&plan(&field(r#"["null","int"]"#)), "{}", Err(Clause::Missing));
    check(&plan(&field(r#""int""#)), "{}", Err(Clause::Missing));
    for (kind, default, expected) in [
        ("null", "null", &[][..]),
        ("boolean", "true", &[1]),
        ("int", "-1", &[1]),
        ("long", "1", &[2]),
        ("float", "1.5", &[0, 0, 0xc0, 0x3f]),
        ("double", "1", &[0, 0, 0, 0, 0, 0, 0xf0, 0x3f]),
        ("bytes", r#""\u00ff""#, &[2, 0xff]),
        ("string", r#""é""#, &[4, 0xc3, 0xa9]),
        (r#"{"type":"fixed","name":"F","size":2}"#, r#""\u00ff\u0000""#, &[0xff, 0]),
        (r#"{"type":"enum","name":"E","symbols":["A","B"],"default":"A"}"#, r#""B""#, &[2]),
        (r#"{"type":"array","items":"int"}"#, "[1,2]", &[4, 2, 4, 0]),
        (r#"{"type":"map","values":"int"}"#, r#"{"k":1}"#, &[2, 2, b'k', 2, 0]),
        (r#"["null","int"]"#, "null", &[0]),
        (r#"["null","int"]"#, "7", &[2, 14]),
        (r#"{"type":"int","logicalType":"date"}"#, "1", &[2]),
        (r#"{"type":"bytes","logicalType":"decimal","precision":4}"#, r#""\u0001""#, &[2, 1]),
        (r#"{"type":"record","name":"I","fields":[{"name":"x","type":"int","default":3}]}"#, "{}", &[6]),
    ] {
        let kind = if kind.starts_with(['{', '[']) { kind.to_owned() } else { format!("\"{kind}\"") };
        let field = format!(r#"{{"name":"a","type":{kind},"default":{default}}}"#);
        let plan = plan(&format!(r#"{{"type":"record","name":"R","fields":[{field}]}}"#));
        check(&plan, "{}", Ok(expected));
        assert_eq!(run(&plan, "{}").2.defaulted, 1, "{field}");
    }
}

#[test]
fn aliases_are_for_readers_and_no_names_of_fields_in_events() {
    let of = plan(
        r#"{"type":"record","name":"R","aliases":["Q"],"fields":[
            {"name":"a","aliases":["b"],"type":"int"},
            {"name":"e","type":{"type":"enum","name":"E","aliases":["D"],"symbols":["X"]},"default":"X"}]}"#,
    );
    check(&of, r#"{"a":1}"#, Ok(&[2, 0]));
    let (verdict, _, outcome) = run(&of, r#"{"b":1}"#);
    assert_eq!((verdict, clauses(&outcome)), (Verdict::Broken, vec!["a missing".to_owned()]));
    assert_eq!(outcome.undeclared, ["b"]);
}

#[test]
fn an_undeclared_field_is_dropped_and_listed_or_rejected() {
    let json = r#"{"x":{"deep":[1,{"y":null}]},"a":1,"y":2,"x2":3}"#;
    let (verdict, body, outcome) = run(&plan(&field(r#""int""#)), json);
    assert_eq!((verdict, body), (Verdict::Sound, vec![2]));
    assert_eq!(outcome.undeclared, ["x", "y", "x2"]);
    let options = PlanOptions { reject_undeclared: true, ..PlanOptions::default() };
    let (verdict, _, outcome) = run(&plan_with(&field(r#""int""#), &[], options), r#"{"a":1,"aa":2}"#);
    assert_eq!((verdict, clauses(&outcome)), (Verdict::Broken, vec!["aa undeclared".to_owned()]));
    assert_eq!(outcome.violations.listed[0].hint.as_deref(), Some("did you mean `a`?"));
}

#[test]
fn a_duplicate_key_is_a_violation() {
    let of = plan(&field(r#""int""#));
    check(&of, r#"{"a":1,"a":1}"#, Err(Clause::DuplicateKey));
    check(&of, r#"{"a":1,"\u0061":1}"#, Err(Clause::DuplicateKey));
    check(&of, r#"{"x":1,"a":1,"x":2}"#, Err(Clause::DuplicateKey));
    check(&of, r#"{"x":1,"a":1,"\u0078":2}"#, Err(Clause::DuplicateKey));
    check(&of, r#"{"a":1,"x":[{"y":1,"y":2}]}"#, Err(Clause::DuplicateKey));
    let map = plan(r#"{"type":"map","values":"int"}"#);
    check(&map, r#"{"k":1,"l":2,"k":3}"#, Err(Clause::DuplicateKey));
    let many: Vec<String> = (0..50).map(|n| format!(r#""k{n}":{n}"#)).collect();
    assert_eq!(run(&map, format!("{{{}}}", many.join(","))).0, Verdict::Sound);
    check(&map, format!(r#"{{{},"k7":0}}"#, many.join(",")), Err(Clause::DuplicateKey));
}

#[test]
fn anything_after_the_value_and_invalid_utf8_are_malformed() {
    let of = plan(r#""string""#);
    check(&of, "\"a\" \n\t\r ", Ok(b"\x02a"));
    check(&of, "\"a\" \"b\"", Err(Clause::Trailing));
    check(&of, "\"a\",", Err(Clause::Trailing));
    check(&of, "\"a\"\0", Err(Clause::Trailing));
    // `syntax` has the other ways not to be UTF-8.
    check(&of, b"\"\xff\"", Err(Clause::Encoding));
    let (_, extent) = of.encode_json_at(b"[\"\xff\"]", 1, JsonForm::Plain, &mut Vec::new(), &mut Outcome::default());
    assert_eq!(extent, Err(Malformed { offset: 2, reason: "invalid UTF-8" }));
}

#[test]
fn whole_numbers_are_range_checked_and_may_be_written_with_a_point() {
    for (kind, numbers) in [
        ("int", [("2147483647", "2147483648"), ("-2147483648", "-2147483649")]),
        ("long", [("9223372036854775807", "9223372036854775808"), ("-9223372036854775808", "-9223372036854775809")]),
    ] {
        let of = plan(&format!("\"{kind}\""));
        for text in ["2", "2.0", "2e0", "2.000e0", "0.2e1", "200e-2", "0.0002E+4"] {
            check(&of, text, Ok(&[4]));
        }
        for text in ["0", "-0", "0.0", "-0e5", "0e999999"] {
            check(&of, text, Ok(&[0]));
        }
        for text in ["2.5", "1e-1", "0.0000001", "12.5", "1e-999999999999"] {
            check(&of, text, Err(Clause::Range));
        }
        for (inside, outside) in numbers {
            assert_eq!(run(&of, inside).0, Verdict::Sound, "{inside}");
            check(&of, outside, Err(Clause::Range));
            check(&of, format!("{outside}e0"), Err(Clause::Range));
        }
        check(&of, "1e400", Err(Clause::Range));
        check(&of, "99999999999999999999999999999999999999999999", Err(Clause::Range));
        for text in ["\"2\"", "true", "null", "[]", "{}"] {
            check(&of, text, Err(Clause::Type));
        }
        for text in ["01", "-", "+1", ".5", "1.", "1e", "1e+", "0x1", "NaN", "Infinity", "-Infinity", "--1", "00"] {
            check(&of, text, Err(if matches!(text, "0x1") { Clause::Trailing } else { Clause::Malformed }));
        }
    }
}

#[test]
fn floats_round_correctly_and_overflow_is_a_violation() {
    let float = plan("\"float\"");
    let double = plan("\"double\"");
    for text in
        ["0", "-0.0", "1.5", "0.1", "16777217", "3.4028235e38", "1e-45", "1e-46", "1.00000017881393432617187499"]
    {
        check(&float, text, Ok(&text.parse::<f32>().unwrap().to_le_bytes()));
    }
    for text in [
        "0",
        "-0.0",
        "21.5",
        "0.1",
        "1e22",
        "1e23",
        "9007199254740993",
        "1.7976931348623157e308",
        "5e-324",
        "1e-400",
        "123456789.123456789e-30",
    ] {
        check(&double, text, Ok(&text.parse::<f64>().unwrap().to_le_bytes()));
    }
    check(&float, "3.5e38", Err(Clause::Range));
    check(&float, "1e39", Err(Clause::Range));
    check(&double, "1e309", Err(Clause::Range));
    check(&double, "-1e999999999999", Err(Clause::Range));
    check(&double, "\"1.5\"", Err(Clause::Type));
    check(&double, "\"NaN\"", Err(Clause::Type));
    check(&double, "NaN", Err(Clause::Malformed));
}

#[test]
fn decimals_are_exact_from_string_or_number() {
    let of = |fixed: &str| format!(r#"{{"type":{fixed},"logicalType":"decimal","precision":5,"scale":2}}"#);
    let bytes = plan(&of("\"bytes\""));
    let fixed = plan(&of(r#""fixed","name":"F","size":4"#));
    for (text, long, four) in [
        ("129.90", &[4, 0x32, 0xbe][..], [0, 0, 0x32, 0xbe]),
        ("129.9", &[4, 0x32, 0xbe], [0, 0, 0x32, 0xbe]),
        ("129.90000", &[4, 0x32, 0xbe], [0, 0, 0x32, 0xbe]),
        ("1.299e2", &[4, 0x32, 0xbe], [0, 0, 0x32, 0xbe]),
        ("-0.01", &[2, 0xff], [0xff; 4]),
        ("1.27", &[2, 0x7f], [0, 0, 0, 0x7f]),
        ("1.28", &[4, 0, 0x80], [0, 0, 0, 0x80]),
        ("-1.28", &[2, 0x80], [0xff, 0xff, 0xff, 0x80]),
        ("0", &[2, 0], [0; 4]),
        ("-0.00", &[2, 0], [0; 4]),
        ("999.99", &[6, 1, 0x86, 0x9f], [0, 1, 0x86, 0x9f]),
    ] {
        for text in [text.to_owned(), format!("\"{text}\"")] {
            check(&bytes, &text, Ok(long));
            check(&fixed, &text, Ok(&four));
        }
    }
    for text in [
        "129.905",
        "1000",
        "999.999",
        "1e3",
        "-1000.00",
        "1e-3",
        "100000000000000000000000000000000000000000",
        "1e99999",
    ] {
        check(&bytes, text, Err(Clause::Precision));
        check(&bytes, format!("\"{text}\""), Err(Clause::Precision));
    }
    check(&bytes, "\"007.50\"", Ok(&[4, 2, 0xee]));
    for text in ["\"\"", "\"1,5\"", "\" 1\"", "\"abc\"", "\"1.5 EUR\"", "\"0x1\""] {
        check(&bytes, text, Err(Clause::Syntax));
    }
    check(&bytes, "true", Err(Clause::Type));
    check(&bytes, "01.5", Err(Clause::Malformed));
    let wide = plan(r#"{"type":"bytes","logicalType":"decimal","precision":60,"scale":20}"#);
    let (verdict, body, _) = run(&wide, "\"-1234567890123456789012345678901234567890.12345678901234567891\"");
    assert_eq!(verdict, Verdict::Sound);
    let expected = "ec550afb1b43e19de8c0785bc873c84b6373300e6931c0f52d";
    let hex: String = body[1..].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((usize::from(body[0]), hex.as_str()), (2 * 25, expected));
}

#[test]
fn temporal_values_are_iso_8601_or_integers_in_the_schemas_unit() {
    let date = plan(&logical("int", "date"));
    check(&date, "\"1970-01-02\"", Ok(&[2]));
    check(&date, "1", Ok(&[2]));
    check(&date, "\"1970-02-30\"", Err(Clause::Syntax));
    check(&date, "1.5", Err(Clause::Range));
    check(&date, "3000000000", Err(Clause::Range));
    let time = plan(&logical("int", "time-millis"));
    check(&time, "\"00:00:00.001\"", Ok(&[2]));
    check(&time, "86400000", Err(Clause::Range));
    check(&time, "-1", Err(Clause::Range));
    check(&plan(&logical("long", "time-micros")), "\"00:00:00.000001\"", Ok(&[2]));
    let timestamp = plan(&logical("long", "timestamp-millis"));
    check(&timestamp, "\"1970-01-01T00:00:00.001Z\"", Ok(&[2]));
    check(&timestamp, "\"1970-01-01T01:00:00.001+01:00\"", Ok(&[2]));
    check(&timestamp, "\"1970-01-01\\u005400:00:00.001Z\"", Ok(&[2]));
    check(&timestamp, "1", Ok(&[2]));
    check(&timestamp, "-1", Ok(&[1]));
    check(&timestamp, "\"1970-01-01T00:00:00\"", Err(Clause::Syntax));
    check(&timestamp, "\"yesterday\"", Err(Clause::Syntax));
    check(&timestamp, "false", Err(Clause::Type));
    check(&plan(&logical("long", "timestamp-micros")), "\"1970-01-01T00:00:00.000001Z\"", Ok(&[2]));
    let nanos = plan(&logical("long", "timestamp-nanos"));
    check(&nanos, "\"1970-01-01T00:00:00.000000001Z\"", Ok(&[2]));
    check(&nanos, "\"3000-01-01T00:00:00Z\"", Err(Clause::Range));
    for unit in ["millis", "micros", "nanos"] {
        let local = plan(&logical("long", &format!("local-timestamp-{unit}")));
        check(&local, "\"1970-01-01T00:00:00\"", Ok(&[0]));
        check(&local, "\"1970-01-01T00:00:00Z\"", Err(Clause::Syntax));
    }
    let (_, body, outcome) = run(&timestamp, "\"1970-01-01T00:00:00.0019Z\"");
    assert_eq!((body, outcome.truncated), (vec![2], 1), "digits beyond the unit are cut, and counted");
}

#[test]
fn uuids_are_validated() {
    let text = "2f6ac2a6-4b4b-4A5E-8a2e-0d4f4f6b7c11";
    let string = plan(&logical("string", "uuid"));
    let (_, body, _) = run(&string, format!("\"{text}\""));
    assert_eq!(&body[1..], text.as_bytes());
    let fixed = plan(r#"{"type":"fixed","name":"F","size":16,"logicalType":"uuid"}"#);
    let (_, body, _) = run(&fixed, format!("\"{text}\""));
    assert_eq!(body[..4], [0x2f, 0x6a, 0xc2, 0xa6]);
    for wrong in [
        "",
        "2f6ac2a64b4b4a5e8a2e0d4f4f6b7c11",
        "2f6ac2a6-4b4b-4a5e-8a2e-0d4f4f6b7c1g",
        "{2f6ac2a6-4b4b-4a5e-8a2e-0d4f4f6b7c1}",
    ] {
        check(&string, format!("\"{wrong}\""), Err(Clause::Syntax));
        check(&fixed, format!("\"{wrong}\""), Err(Clause::Syntax));
    }
}

#[test]
fn enums_take_symbols_and_no_default() {
    let of = plan(r#"{"type":"enum","name":"E","symbols":["A","B"],"default":"A"}"#);
    check(&of, "\"B\"", Ok(&[2]));
    check(&of, "\"\\u0042\"", Ok(&[2]));
    check(&of, "\"C\"", Err(Clause::Symbol));
    check(&of, "\"a\"", Err(Clause::Symbol));
    check(&of, "0", Err(Clause::Type));
}

#[test]
fn bytes_and_fixed_are_base64_or_latin1_as_the_contract_says() {
    let latin1 = || PlanOptions { bytes_encoding: BytesEncoding::Latin1, ..PlanOptions::default() };
    let fixed = r#"{"type":"fixed","name":"F","size":3}"#;
    check(&plan("\"bytes\""), "\"Zm9v\"", Ok(b"\x06foo"));
    check(&plan("\"bytes\""), "\"+\\/+\\/\"", Ok(&[6, 0xfb, 0xff, 0xbf]));
    check(&plan("\"bytes\""), "\"Zm8=\"", Ok(b"\x04fo"));
    check(&plan("\"bytes\""), "\"Zm8\"", Ok(b"\x04fo"));
    check(&plan("\"bytes\""), "\"\"", Ok(&[0]));
    check(&plan("\"bytes\""), "\"Zm9\"", Err(Clause::Syntax));
    check(&plan("\"bytes\""), "\"€\"", Err(Clause::Syntax));
    check(&plan(fixed), "\"Zm9v\"", Ok(b"foo"));
    check(&plan(fixed), "\"Zm8=\"", Err(Clause::Size));
    check(&plan_with("\"bytes\"", &[], latin1()), "\"a\u{e9}\\u0000\"", Ok(&[6, b'a', 0xe9, 0]));
    check(&plan_with("\"bytes\"", &[], latin1()), "\"\u{100}\"", Err(Clause::Syntax));
    check(&plan_with(fixed, &[], latin1()), "\"foo\"", Ok(b"foo"));
    check(&plan_with(fixed, &[], latin1()), "\"fo\"", Err(Clause::Size));
    let duration = plan(r#"{"type":"fixed","name":"F","size":12,"logicalType":"duration"}"#);
    check(&duration, "\"P1M2DT0.003S\"", Ok(&[1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0]));
    check(&duration, "\"AQAAAAIAAAADAAAA\"", Ok(&[1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0]));
    check(&duration, "\"AQAA\"", Err(Clause::Size));
    check(&duration, "\"PX\"", Err(Clause::Size));
}

#[test]
fn unions_take_the_first_branch_with_nothing_left_over_else_the_first_at_all() {
    let optional = plan(r#"["null","string"]"#);
    check(&optional, "null", Ok(&[0]));
    check(&optional, "\"a\"", Ok(&[2, 2, b'a']));
    check(&optional, "1", Err(Clause::Type));
    let back = plan(r#"["string","null"]"#);
    check(&back, "null", Ok(&[2]));
    check(&back, "\"a\"", Ok(&[0, 2, b'a']));
    let numbers = plan(r#"["int","long","double","string"]"#);
    check(&numbers, "1", Ok(&[0, 2]));
    check(&numbers, "2147483648", Ok(&[2, 0x80, 0x80, 0x80, 0x80, 0x10]));
    assert_eq!(run(&numbers, "1.5").1[0], 4);
    check(&numbers, "\"1\"", Ok(&[6, 2, b'1']));
    check(&numbers, "true", Err(Clause::Union));
    check(&numbers, "1e999", Err(Clause::Union));
    let records = plan(
        r#"[{"type":"record","name":"A","fields":[{"name":"a","type":"int"}]},
            {"type":"record","name":"B","fields":[{"name":"a","type":"int"},{"name":"b","type":"int"}]},
            {"type":"record","name":"C","fields":[{"name":"c","type":"int","default":7}]}]"#,
    );
    check(&records, r#"{"a":1}"#, Ok(&[0, 2]));
    check(&records, r#"{"a":1,"b":2}"#, Ok(&[2, 2, 4]));
    check(&records, r#"{"a":1,"x":2}"#, Ok(&[0, 2]));
    assert_eq!(run(&records, r#"{"a":1,"x":2}"#).2.undeclared, ["x"]);
    check(&records, r#"{}"#, Ok(&[4, 14]));
    let (_, body, outcome) = run(&records, r#"{"x":{"y":[1]},"z":1}"#);
    assert_eq!((body, outcome.undeclared, outcome.defaulted), (vec![4, 14], vec!["x".into(), "z".into()], 1));
    let cut = plan(&format!(r#"[{},"string"]"#, logical("long", "timestamp-millis")));
    check(&cut, "\"1970-01-01T00:00:00.001Z\"", Ok(&[0, 2]));
    assert_eq!(run(&cut, "\"1970-01-01T00:00:00.0011Z\"").1[0], 2, "cut digits would be left over");
    assert_eq!(run(&cut, "\"now\"").1[0], 2);
}

#[test]
fn strings_are_unescaped() {
    let of = plan("\"string\"");
    check(&of, r#""\"\\\/\b\f\n\r\t""#, Ok(b"\x10\"\\/\x08\x0c\n\r\t"));
    check(&of, r#""\u00e9\ud83d\ude00""#, Ok("\x0c\u{e9}\u{1f600}".as_bytes()));
    check(&of, "\"\u{e9}\u{1f600}\"", Ok("\x0c\u{e9}\u{1f600}".as_bytes()));
    for text in [
        r#""\ud800""#,
        r#""\udc00""#,
        r#""\ud800\u0041""#,
        r#""\ud800\ud800\udc00""#,
        r#""\ude00\ud83d""#,
        r#""\ud800x""#,
    ] {
        check(&of, text, Err(Clause::Encoding));
    }
    for text in [r#""\x""#, r#""\u12""#, r#""\u123g""#, "\"\n\"", "\"\0\"", "\"a", "\"", r#""\"#, r#""\u"#, "'a'"] {
        check(&of, text, Err(Clause::Malformed));
    }
    for length in 0..70 {
        for odd in ["", "\"", "\\", "\u{e9}", "\t"] {
            let text = format!("{}{odd}{}", "x".repeat(length), "y".repeat(70 - length));
            let json = serde_json::to_string(&text).unwrap();
            let mut expected = Vec::new();
            crate::schema::put_long(text.len() as i64, &mut expected);
            expected.extend(text.bytes());
            check(&of, &json, Ok(&expected));
            check(&of, format!("{json}          "), Ok(&expected));
        }
    }
}
