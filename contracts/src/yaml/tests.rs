use super::*;
use proptest::prelude::*;
use serde::Deserialize;
use std::collections::BTreeMap;

fn at(line: u32, column: u32) -> Option<Position> {
    Some(Position { line, column })
}

#[test]
fn keys_and_values_know_where_they_stand() {
    let node = parse("a: 12.50\nb:\n  - x\n  - {c: 'ü', d: \"2\"}\nempty:\n").unwrap();
    assert_eq!(node.position, at(1, 1));
    let entries = node.entries().unwrap();
    let positions: Vec<_> = entries.iter().map(|entry| (entry.key_position, entry.value.position)).collect();
    assert_eq!(positions[0], (at(1, 1), at(1, 4)));
    assert_eq!(positions[1], (at(2, 1), at(3, 3)));
    assert_eq!(positions[2].0, at(5, 1));
    let flow = &node.get("b").unwrap().items().unwrap()[1];
    assert_eq!(flow.position, at(4, 5));
    let last = flow.entry("d").unwrap();
    assert_eq!((last.key_position, last.value.position), (at(4, 14), at(4, 17)));
}

#[test]
fn columns_count_characters_and_a_byte_order_mark_is_none() {
    let node = parse("\u{feff}ä: {ö: 1}\r\nb: 2\r\n").unwrap();
    assert_eq!(node.entries().unwrap()[1].key_position, at(2, 1));
    assert_eq!(node.get("ä").unwrap().get("ö").unwrap().position, at(1, 8));
}

#[test]
fn scalars_keep_their_source_text_and_mean_what_yaml_says() {
    let check = |text: &str, expect: Meaning<'_>| {
        let node = parse(&format!("a: {text}")).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
        assert_eq!(node.get("a").unwrap().meaning(), Some(expect), "{text}");
    };
    check("", Meaning::Null);
    check("~", Meaning::Null);
    check("null", Meaning::Null);
    check("true", Meaning::Boolean(true));
    check("False", Meaning::Boolean(false));
    check("12.50", Meaning::Number("12.50"));
    check("-0", Meaning::Number("-0"));
    check("1e-3", Meaning::Number("1e-3"));
    check("123456789012345678901234567890", Meaning::Number("123456789012345678901234567890"));
    check("'12'", Meaning::Text("12"));
    check("\"tr\\u0075e\"", Meaning::Text("true"));
    check("yes", Meaning::Text("yes"));
    check("1.2.3", Meaning::Text("1.2.3"));
    check("2026-01-31", Meaning::Text("2026-01-31"));
    check("10:30", Meaning::Text("10:30"));
    check("1e", Meaning::Text("1e"));
    check(".", Meaning::Text("."));
    check("P7D", Meaning::Text("P7D"));
    check("|\n  two\n  lines\n", Meaning::Text("two\nlines\n"));
}

#[test]
fn what_we_do_not_take_is_refused_with_its_place() {
    let check = |text: &str, code: &str, position: Option<Position>| {
        let problems = parse(text).expect_err(text);
        let found: Vec<_> = problems.iter().map(|problem| (problem.code, problem.position)).collect();
        assert_eq!(found, [(code, position)], "{text:?}: {problems:?}");
    };
    check("", "empty", at(1, 1));
    check("# nothing\n", "empty", at(1, 1));
    check("a: 1\n---\nb: 2\n", "several-documents", at(2, 1));
    check("a: !!str 1\n", "tag", at(1, 10));
    check("a: !env HOME\n", "tag", at(1, 9));
    check("a: &x {b: 1}\nc:\n  <<: *x\n", "merge-key", at(3, 3));
    check("a: 1\nb: 2\na: 3\n", "duplicate-key", at(3, 1));
    check("{a: {b: 1, b: 2}}\n", "duplicate-key", at(1, 12));
    check("? [a]\n: b\n", "complex-key", at(1, 3));
    check("a: *nowhere\n", "syntax", at(1, 4));
    check("a: &a [*a]\n", "alias", at(1, 8));
    check("&k a: 1\nb: *k\n", "alias", at(2, 4));
    check("a: [1, 2\n", "syntax", at(1, 4));
    check("a: 'x\n", "syntax", at(2, 1));
    check("a: b: c\n", "syntax", at(1, 5));
    check("a:\n\t- 1\n", "syntax", at(2, 2));
    for number in ["+1", ".5", "1.", "007", "-01", "0x1F", "0o17", ".inf", "-.INF", ".NaN", "1.e5"] {
        check(&format!("a: {number}\n"), "ambiguous-number", at(1, 4));
    }
}

#[test]
fn all_problems_of_a_text_that_can_be_read_on_are_listed_in_order() {
    let (node, problems) = parse_lenient("a: 1\na: !x 2\nb: 0x1\nc: 3\n");
    let found: Vec<_> = problems.iter().map(|problem| (problem.code, problem.position.unwrap().line)).collect();
    assert_eq!(found, [("duplicate-key", 2), ("tag", 2), ("ambiguous-number", 3)]);
    let node = node.unwrap();
    assert_eq!(node.get("a").unwrap().meaning(), Some(Meaning::Number("1")), "the first value stays");
    assert_eq!(node.get("c").unwrap().meaning(), Some(Meaning::Number("3")));
}

#[test]
fn aliases_repeat_values_with_the_place_of_the_original() {
    let node = parse("a: &x {b: [1]}\nc: *x\n").unwrap();
    assert_eq!(node.get("c"), node.get("a"));
    assert_eq!(node.get("c").unwrap().position, at(1, 7));
}

#[test]
fn bombs_are_refused() {
    let code = |text: &str| parse(text).expect_err("a bomb")[0].code;
    let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let items = vec![format!("*a{}", level - 1); 10].join(", ");
        laughs.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    assert_eq!(code(&laughs), "too-large");
    let long = format!("a: &a '{}'\nb: [{}]\n", "x".repeat(1 << 20), vec!["*a"; 100].join(", "));
    assert_eq!(code(&long), "too-large");
    assert_eq!(code(&"- ".repeat(100_000)), "too-deep");
    assert_eq!(code(&"[".repeat(100_000)), "too-deep");
    assert_eq!(code(&"{a: ".repeat(1_000)), "too-deep");
    assert_eq!(code(&"x: 1\n".repeat(MAX_BYTES / 5 + 1)), "too-large");
    let many: String = (0..=MAX_NODES).map(|n| format!("{n}:\n")).collect();
    assert_eq!(code(&many), "too-large");
    let deep = format!("a: &a {}{}\nb: {}*a{}\n", "[".repeat(60), "]".repeat(60), "[".repeat(60), "]".repeat(60));
    assert_eq!(code(&deep), "too-deep");
}

#[test]
fn trees_become_json() {
    let node = parse("a: [1, -2, 2.5, '3', true, ~]\nb: {c: x}\n").unwrap();
    assert_eq!(node.to_json(), serde_json::json!({"a": [1, -2, 2.5, "3", true, null], "b": {"c": "x"}}));
    assert_eq!(parse("1e999").unwrap().to_json(), serde_json::json!("1e999"));
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Config {
    name: String,
    #[serde(default)]
    port: u16,
    retention: Option<f64>,
    #[serde(default)]
    kafka: BTreeMap<String, String>,
    #[serde(default)]
    roles: Vec<Role>,
    #[serde(default)]
    auth: Option<Auth>,
    #[serde(default)]
    nested: Nested,
}

#[derive(Debug, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Nested {
    deep: bool,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    Publish,
    Judge,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Auth {
    Basic { user: String, password: String },
    Bearer(String),
    None,
}

#[test]
fn types_read_out_of_a_tree() {
    let text = "name: 12\nport: 80\nkafka: {linger.ms: 5, acks: all, enable.idempotence: true, x: 1.50}\n\
                roles: [publish, judge]\nauth: {basic: {user: me, password: '0123'}}\nnested:\n";
    let config: Config = from_node(&parse(text).unwrap()).unwrap();
    assert_eq!((config.name.as_str(), config.port), ("12", 80));
    assert_eq!(config.kafka["linger.ms"], "5");
    assert_eq!(config.kafka["x"], "1.50");
    assert_eq!(config.kafka["enable.idempotence"], "true");
    assert_eq!(config.roles, [Role::Publish, Role::Judge]);
    assert_eq!(config.auth, Some(Auth::Basic { user: "me".into(), password: "0123".into() }));
    let short: Config = from_node(&parse("{name: x, auth: none}").unwrap()).unwrap();
    assert_eq!(short.auth, Some(Auth::None));
    let bearer: Config = from_node(&parse("{name: x, auth: {bearer: t}}").unwrap()).unwrap();
    assert_eq!(bearer.auth, Some(Auth::Bearer("t".into())));
}

#[test]
fn what_does_not_read_names_place_path_and_way_out() {
    let check = |text: &str, expect: &str| {
        let problem = from_node::<Config>(&parse(text).unwrap()).expect_err(text);
        assert_eq!(problem.to_string(), expect, "{text}");
    };
    check(
        "name: x\nretension: 1\n",
        "retension: unknown key `retension` at line 2, column 1 (did you mean `retention`?)",
    );
    check(
        "name: x\nnested:\n  shallow: 1\n",
        "nested.shallow: unknown key `shallow` at line 3, column 3 (known are `deep`)",
    );
    check("port: 1\n", "`name` is missing at line 1, column 1");
    check("name:\n", "name: expected a string, found nothing at line 1, column 5");
    check("name: x\nport: hunter2\n", "port: expected u16, found text at line 2, column 7");
    check("name: x\nport: 70000\n", "port: this number is none that is taken here, expected u16 at line 2, column 7");
    check("name: x\nport: '80'\n", "port: expected u16, found text at line 2, column 7");
    check("name: x\nkafka:\n  a: [1]\n", "kafka.a: expected a string, found a list at line 3, column 6");
    check(
        "name: x\nroles:\n- publish\n- juge\n",
        "roles[1]: unknown value `juge` at line 4, column 3 (did you mean `judge`?)",
    );
    check("name: x\nroles: publish\n", "roles: expected a sequence, found text at line 2, column 8");
    check(
        "name: x\nauth: {basic: {user: me, pasword: x}}\n",
        "auth.basic.pasword: unknown key `pasword` at line 2, column 26 (did you mean `password`?)",
    );
    check(
        "name: x\nauth: {basic: {}, none: }\n",
        "auth: expected one key that says which, found 2 at line 2, column 7",
    );
    check("name: x\nauth: basic\n", "auth: `basic` needs something below it at line 2, column 7");
    check("name: x\nauth: {none: 1}\n", "auth: `none` takes nothing below it at line 2, column 8");
    check("- x\n", "expected struct Config, found a list at line 1, column 1");
}

#[test]
fn values_from_outside_the_file_take_the_type_that_is_asked_for() {
    let mut node = parse("name: x\nport: 1\n").unwrap();
    node.set(&["name"], "true").unwrap();
    node.set(&["port"], "80").unwrap();
    node.set(&["kafka", "bootstrap.servers"], "a:1,b:2").unwrap();
    node.set(&["kafka", "password"], "").unwrap();
    node.set(&["nested", "deep"], "true").unwrap();
    node.set(&["roles"], "[publish, judge]").unwrap();
    let config: Config = from_node(&node).unwrap();
    assert_eq!((config.name.as_str(), config.port, config.nested.deep), ("true", 80, true));
    assert_eq!(config.kafka["bootstrap.servers"], "a:1,b:2");
    assert_eq!(config.kafka["password"], "");
    assert_eq!(config.roles.len(), 2);

    node.set(&["nested", "deep"], "maybe").unwrap();
    let problem = from_node::<Config>(&node).unwrap_err();
    assert_eq!(problem.to_string(), "nested.deep: expected a boolean, found text", "no place: it is not in the file");
    assert_eq!(
        node.set(&["name", "first"], "x").unwrap_err().to_string(),
        "name: not a mapping, so nothing can be set below it"
    );
    assert_eq!(node.set(&["roles"], "[publish").unwrap_err().path, "roles");
}

const SAMPLE: &str = "# a comment\napiVersion: v1\nlist:\n  - &a {x: 1.50, 'y y': \"\\u00e9\"}\n  - *a\n  - |\n    block\n\
                      \x20   text\n  - >-\n    folded\nmap: {k: [1, 2], ü: ~}\n? explicit\n: value\n";

/// Text and tree may be anything; reading ends, and places are within the text.
fn reads_without_panic(text: &str) {
    let (node, problems) = parse_lenient(text);
    assert!(node.is_some() || !problems.is_empty());
    let lines = u32::try_from(text.lines().count()).unwrap() + 2;
    for problem in &problems {
        assert!(problem.position.is_none_or(|position| position.line <= lines), "{problem:?}");
    }
    if let Some(node) = node {
        let _ = from_node::<Config>(&node);
        let _ = node.to_json();
    }
}

#[test]
fn a_file_cut_anywhere_is_read_or_refused() {
    assert!(parse(SAMPLE).is_ok());
    for (at, _) in SAMPLE.char_indices() {
        reads_without_panic(&SAMPLE[..at]);
        reads_without_panic(&SAMPLE[at..]);
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        reads_without_panic(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_text_of_yaml_signs_is_read_or_refused(text in "[a:\\-\\[\\]{},#&*!|>'\"%@?~<0.+x \n\t]{0,80}") {
        reads_without_panic(&text);
    }

    #[test]
    fn any_mutation_of_a_good_file_is_read_or_refused(
        edits in proptest::collection::vec((0..SAMPLE.len(), any::<u8>(), 0..3_u8), 1..6)
    ) {
        let mut bytes = SAMPLE.as_bytes().to_vec();
        for (at, byte, what) in edits {
            let at = at.min(bytes.len().saturating_sub(1));
            match what {
                0 if !bytes.is_empty() => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ if !bytes.is_empty() => { bytes.remove(at); }
                _ => {}
            }
        }
        reads_without_panic(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn numbers_are_told_apart_as_json_tells_them(text in "[-+]?[0-9.eE+-]{0,6}") {
        prop_assert_eq!(is_json_number(&text), serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok());
    }
}
