use super::*;
use proptest::prelude::*;

fn kind(status: u16, body: &str) -> String {
    check_status(status, body.as_bytes()).map_or_else(|kind| format!("{kind:?}"), |()| "here".to_owned())
}

#[test]
fn answers_are_told_apart_by_status_and_code() {
    let check = |status: u16, body: &str, expected: &str| assert_eq!(kind(status, body), expected, "{status} {body}");
    check(200, r#"{"id":7}"#, "here");
    check(200, "<html>", r#"Nonsense("it answered 200 with what is not JSON")"#);
    check(204, "", r#"Nonsense("it answered 204 with what is not JSON")"#);
    check(302, "", r#"Nonsense("it answered 302, which is not its to answer")"#);
    check(401, "", "Credentials(401)");
    check(403, r#"{"error_code":40301,"message":"no"}"#, "Credentials(403)");
    check(404, r#"{"error_code":40401,"message":"no subject"}"#, r#"NotFound("no subject")"#);
    check(404, r#"{"error_code":40403}"#, r#"NotFound("{\"error_code\":40403}")"#);
    // A path that nobody serves, in Apicurio's words and in a proxy's.
    check(404, r#"{"error_code":0,"message":"no path"}"#, r#"NoSuchPath("no path")"#);
    check(404, r#"{"error_code":404,"message":"no path"}"#, r#"NoSuchPath("no path")"#);
    check(404, "<html>\nno", r#"NoSuchPath("<html> no")"#);
    // Both codes of an incompatible schema are in the field.
    check(409, r#"{"error_code":409,"message":"field b"}"#, r#"Incompatible("field b")"#);
    check(409, r#"{"error_code":40901,"message":"field b"}"#, r#"Incompatible("field b")"#);
    check(422, r#"{"error_code":42201,"message":"bad"}"#, r#"Invalid("bad")"#);
    check(400, "Not able to deserialize", r#"Invalid("Not able to deserialize")"#);
    check(429, "slow down", r#"Server { status: 429, message: "slow down" }"#);
    check(500, r#"{"error_code":50001,"message":"store"}"#, r#"Server { status: 500, message: "store" }"#);
    check(503, "", r#"Server { status: 503, message: "" }"#);
}

#[test]
fn what_is_said_is_one_short_line() {
    let Err(ErrorKind::Invalid(said)) = check_status(400, "é\n".repeat(2_000).as_bytes()) else { panic!() };
    assert_eq!(said.chars().count(), 501);
    assert!(said.starts_with("é é ") && said.ends_with('…'), "{said}");
}

/// An answer as it comes, read as what was asked for.
fn read<A: serde::de::DeserializeOwned, T>(json: &str, read: fn(A) -> Option<T>) -> Option<T> {
    read(serde_json::from_str(json).ok()?)
}

#[test]
fn both_registries_answers_are_read() {
    fn check<A: serde::de::DeserializeOwned, T: PartialEq + std::fmt::Debug>(
        json: &str,
        reads: fn(A) -> Option<T>,
        expected: Option<T>,
    ) {
        assert_eq!(read(json, reads), expected, "{json}");
    }
    let id = |answer: RawRegisteredSchema| answer.id;
    check(r#"{"id":4294967295}"#, id, Some(u32::MAX));
    for json in [r#"{"id":4294967296}"#, r#"{"id":-1}"#, r#"{"id":"7"}"#, r#"{"id":1.5}"#, "{}", "7", "[]", "null"] {
        check(json, id, None);
    }
    check(r#"{"subject":"s","id":1,"version":2,"schema":"x"}"#, found, Some(Found { id: 1, version: 2 }));
    let expected = Version { id: 1, version: 2, schema: "x".to_owned() };
    check(r#"{"id":1,"version":2,"schema":"x","references":[]}"#, version, Some(expected));
    check(r#"{"id":1,"version":2}"#, version, None);
    check(r#"{"schema":"x","schemaType":"AVRO"}"#, schema, Some("x".to_owned()));
    check(r#"{"schema":"x","schemaType":"JSON"}"#, schema, None);
    check(r#"{"compatibilityLevel":"FULL_TRANSITIVE"}"#, level, Some(Compatibility::FullTransitive));
    check(r#"{"compatibility":"NONE"}"#, level, Some(Compatibility::None));
    check(r#"{"compatibilityLevel":"SOME"}"#, level, None);
    let verdict = |compatible, messages: &[&str]| {
        Some(CompatibilityCheck { compatible, messages: messages.iter().map(ToString::to_string).collect() })
    };
    check(r#"{"is_compatible":true}"#, super::check, verdict(true, &[]));
    check(r#"{"is_compatible":true,"reason":null}"#, super::check, verdict(true, &[]));
    check(r#"{"is_compatible":false,"messages":["a","b",3]}"#, super::check, verdict(false, &["a", "b"]));
    check(r#"{"is_compatible":false,"reason":"a"}"#, super::check, verdict(false, &["a"]));
    check(r#"{"is_compatible":"no"}"#, super::check, None);
    check(r#"[{"subject":"s","version":1}]"#, uses, Some(vec![("s".to_owned(), 1)]));
    check(r#"["s"]"#, uses, None);
}

/// JSON that looks like a registry's, with anything in its places.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        prop::sample::select(vec!["AVRO", "FULL", "\"long\""]).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let name = prop::sample::select(vec![
            "id",
            "version",
            "schema",
            "schemaType",
            "subject",
            "compatibilityLevel",
            "compatibility",
            "is_compatible",
            "messages",
            "reason",
            "error_code",
            "message",
        ]);
        let members = prop::collection::vec((name, inner.clone()), 0..6);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            members.prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

fn read_in_every_way(status: u16, body: &[u8]) {
    let _ = check_status(status, body);
    let text = String::from_utf8_lossy(body);
    let _ = (read(&text, found), read(&text, version), read(&text, schema));
    let _ = (read(&text, level), read(&text, check), read(&text, uses));
}

proptest! {
    #[test]
    fn no_answer_panics(status in 100..1000u16, body in prop::collection::vec(any::<u8>(), 0..200)) {
        read_in_every_way(status, &body);
    }

    #[test]
    fn no_json_panics(status in prop::sample::select(vec![200u16, 404, 409, 422, 500]), body in any_json()) {
        read_in_every_way(status, body.to_string().as_bytes());
    }
}
