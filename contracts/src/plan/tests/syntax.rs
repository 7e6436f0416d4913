//! What is JSON and what is not, where parsers are known to differ: a verdict for each, wherever the text stands.
//! `tests/oracle/scan.rs` holds the grammar against serde_json on random texts.

use super::*;
use serde::de::IgnoredAny;

/// The verdicts on a value: as an undeclared field, and as a declared one of the type it belongs to.
#[track_caller]
fn check(value: impl AsRef<[u8]>, type_: &str, undeclared: &str, declared: &str) {
    let value = value.as_ref();
    let inside = |name: &str| [b"{\"", name.as_bytes(), b"\":", value, b"}"].concat();
    let of = plan(&field(type_));
    let verdict = |json: Vec<u8>| {
        let (verdict, _, outcome) = run(&of, json);
        // That `a` is missing beside an undeclared `x` is no news.
        let found = clauses(&outcome).into_iter().filter(|found| found != "a missing");
        let found: Vec<_> = found.filter_map(|found| found.rsplit(' ').next().map(str::to_owned)).collect();
        assert_eq!(verdict == Verdict::Broken, !outcome.violations.is_empty());
        if found.is_empty() { "ok".to_owned() } else { found.join(", ") }
    };
    let shown = String::from_utf8_lossy(value);
    let seen = (verdict(inside("x")), verdict(inside("a")));
    // What is no JSON may look like a value of another type besides.
    let is = |seen: &str, expected: &str| {
        seen == expected || expected == "malformed" && seen.split(", ").any(|clause| clause == expected)
    };
    assert!(is(&seen.0, undeclared) && is(&seen.1, declared), "{shown}: {seen:?}");
    // The grammar is serde_json's too.
    let theirs = std::str::from_utf8(value).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
    let ours = !["malformed", "trailing", "encoding"].iter().any(|clause| undeclared.contains(clause));
    assert_eq!(ours, theirs, "{shown}");
}

#[test]
fn numbers() {
    for number in ["0", "-0", "10", "-1", "0.5", "1e2", "1E+2", "1e-2", "-0.0e0", "123.456e7", "1e22"] {
        check(number, "\"double\"", "ok", "ok");
    }
    for number in [
        "01",
        "-01",
        "+1",
        "1.",
        ".5",
        "-",
        "-.5",
        "1e",
        "1e+",
        "1.e2",
        "0x1",
        "1_0",
        "--1",
        "1-",
        "Infinity",
        "-Infinity",
        "NaN",
        "1a",
        "１",
    ] {
        check(number, "\"double\"", "malformed", "malformed");
    }
    check("1e400", "\"double\"", "ok", "range");
    check("1e-400", "\"double\"", "ok", "ok");
    check("-0", "\"long\"", "ok", "ok");
    check("9223372036854775807", "\"long\"", "ok", "ok");
    check("9223372036854775808", "\"long\"", "ok", "range");
    check("100000000000000000000", "\"long\"", "ok", "range");
    check("1e2", "\"long\"", "ok", "ok");
    check("12.5", "\"long\"", "ok", "range");
}

#[test]
fn strings() {
    for string in [
        r#""""#,
        r#""\"\\\/\b\f\n\r\t""#,
        r#""\u0000""#,
        r#""\uD834\udd1e""#,
        r#""\u00E9é""#,
        "\"\u{7f}\"",
        "\"\u{2028}\"",
        "\"\u{10ffff}\"",
        "\"\u{feff}\"",
        "\"/*no comment*/\"",
    ] {
        check(string, "\"string\"", "ok", "ok");
    }
    for string in [
        "\"\t\"",
        "\"\n\"",
        "\"\0\"",
        r#""\x41""#,
        r#""\a""#,
        r#""\u12""#,
        r#""\u12g4""#,
        r#""\U0041""#,
        "'a'",
        "a",
        r#""a"#,
        r#""\"#,
        r#""\""#,
    ] {
        check(string, "\"string\"", "malformed", "malformed");
    }
}

#[test]
fn surrogates_stand_in_pairs() {
    for string in
        [r#""\ud800""#, r#""\udc00""#, r#""\udc00\ud800""#, r#""\ud800\ud800""#, r#""\ud800a""#, r#""\ud800\n""#]
    {
        let of = plan(&field("\"string\""));
        let (verdict, _, outcome) = run(&of, format!(r#"{{"a":{string}}}"#));
        assert_eq!((verdict, clauses(&outcome)), (Verdict::Broken, vec!["a encoding".to_owned()]), "{string}");
    }
}

#[test]
fn bytes_are_utf_8() {
    for bytes in [
        &b"\"\xff\""[..],
        b"\"\xc0\xaf\"",
        b"\"\xe0\x80\xaf\"",
        b"\"\xed\xa0\x80\"",
        b"\"\xf4\x90\x80\x80\"",
        b"\"\xe2\x82\"",
        b"\"\x80\"",
        b"\"\xc3\"",
        b"\"\xc0\x80\"",
        b"\"abcdefgh\xff\"    ",
    ] {
        check(bytes, "\"string\"", "encoding", "encoding");
    }
}

#[test]
fn structure() {
    let list = r#"{"type":"array","items":"int"}"#;
    for array in ["[]", "[ ]", "[1]", "[1 , 2]", "[\n1\t,\r2]"] {
        check(array, list, "ok", "ok");
    }
    for array in [
        "[",
        "]",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1,,2]",
        "[1]]",
        "[1}",
        "[1:2]",
        "[//\n1]",
        "[1]/**/",
        "[\u{b}1]",
        "[\u{a0}1]",
    ] {
        check(array, list, "malformed", "malformed");
    }
    let map = r#"{"type":"map","values":"int"}"#;
    for object in ["{}", "{ }", r#"{"":1}"#, r#"{"k" : 1 , "l":2}"#] {
        check(object, map, "ok", "ok");
    }
    for object in [
        "{",
        r#"{"k"}"#,
        r#"{"k":}"#,
        r#"{"k":1,}"#,
        r#"{,"k":1}"#,
        r#"{k:1}"#,
        "{'k':1}",
        "{1:1}",
        r#"{"k" 1}"#,
        r#"{"k":1 "l":2}"#,
        r#"{"k":1]"#,
        r#"{"k"::1}"#,
        r#"{"k":1"#,
        r#"{"k":1,"#,
    ] {
        check(object, map, "malformed", "malformed");
    }
    for word in ["nul", "True", "FALSE", "nulll", "tru", "undefined", ""] {
        check(word, "\"boolean\"", "malformed", "malformed");
    }
}

#[test]
fn a_key_stands_there_once() {
    let map = plan(r#"{"type":"map","values":"int"}"#);
    let record = plan(&field("\"int\""));
    for (of, json) in [
        (&map, r#"{"k":1,"k":1}"#),
        (&map, r#"{"k":1,"\u006b":2}"#),
        (&record, r#"{"a":1,"a":1}"#),
        (&record, r#"{"a":1,"\u0061":1}"#),
    ] {
        let (verdict, _, outcome) = run(of, json);
        assert_eq!(verdict, Verdict::Broken, "{json}");
        assert!(
            clauses(&outcome).iter().any(|clause| clause.ends_with("duplicate-key")),
            "{json} {:?}",
            clauses(&outcome)
        );
    }
}
