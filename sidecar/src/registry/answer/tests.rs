use super::*;
use proptest::prelude::*;

fn kind(status: u16, body: &str) -> String {
    match check(status, body.as_bytes()) {
        Ok(Checked::Here(value)) => format!("here {value}"),
        Ok(Checked::Absent(message)) => format!("absent: {message}"),
        Err(kind) => format!("{kind:?}"),
    }
}

#[test]
fn answers_are_told_apart_by_status_and_code() {
    let check = |status: u16, body: &str, expected: &str| assert_eq!(kind(status, body), expected, "{status} {body}");
    check(200, r#"{"id":7}"#, r#"here {"id":7}"#);
    check(200, "<html>", r#"Nonsense("it answered 200 with what is not JSON")"#);
    check(204, "", r#"Nonsense("it answered 204 with what is not JSON")"#);
    check(302, "", r#"Nonsense("it answered 302, which is not its to answer")"#);
    check(401, "", "Credentials(401)");
    check(403, r#"{"error_code":40301,"message":"no"}"#, "Credentials(403)");
    check(404, r#"{"error_code":40401,"message":"no subject"}"#, "absent: no subject");
    check(404, r#"{"error_code":40403}"#, r#"absent: {"error_code":40403}"#);
    // A path that nobody serves, in Apicurio's words and in a proxy's.
    check(404, r#"{"error_code":0,"message":"no path"}"#, r#"NotFound("it knows no such path: no path")"#);
    check(404, r#"{"error_code":404,"message":"no path"}"#, r#"NotFound("it knows no such path: no path")"#);
    check(404, "<html>\nno", r#"NotFound("it knows no such path: <html> no")"#);
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
    let Err(ErrorKind::Invalid(said)) = check(400, "é\n".repeat(2_000).as_bytes()) else { panic!() };
    assert_eq!(said.chars().count(), 501);
    assert!(said.starts_with("é é ") && said.ends_with('…'), "{said}");
}

#[test]
fn both_registries_answers_are_read() {
    fn check<T: PartialEq + std::fmt::Debug>(json: &str, read: fn(Body) -> Option<T>, expected: Option<T>) {
        assert_eq!(read(Body(serde_json::from_str(json).unwrap())), expected, "{json}");
    }
    check(r#"{"id":4294967295}"#, Body::id, Some(u32::MAX));
    for json in [r#"{"id":4294967296}"#, r#"{"id":-1}"#, r#"{"id":"7"}"#, r#"{"id":1.5}"#, "{}", "7", "[]", "null"] {
        check(json, Body::id, None);
    }
    check(r#"{"subject":"s","id":1,"version":2,"schema":"x"}"#, Body::found, Some(Found { id: 1, version: 2 }));
    let version = Version { id: 1, version: 2, schema: "x".to_owned() };
    check(r#"{"id":1,"version":2,"schema":"x","references":[]}"#, Body::version, Some(version));
    check(r#"{"id":1,"version":2}"#, Body::version, None);
    check(r#"{"schema":"x","schemaType":"AVRO"}"#, Body::schema, Some("x".to_owned()));
    check(r#"{"schema":"x","schemaType":"JSON"}"#, Body::schema, None);
    check(r#"{"compatibilityLevel":"FULL_TRANSITIVE"}"#, Body::level, Some(Compatibility::FullTransitive));
    check(r#"{"compatibility":"NONE"}"#, Body::level, Some(Compatibility::None));
    check(r#"{"compatibilityLevel":"SOME"}"#, Body::level, None);
    let verdict = |compatible, messages: &[&str]| {
        Some(CompatibilityCheck { compatible, messages: messages.iter().map(ToString::to_string).collect() })
    };
    check(r#"{"is_compatible":true}"#, Body::check, verdict(true, &[]));
    check(r#"{"is_compatible":true,"reason":null}"#, Body::check, verdict(true, &[]));
    check(r#"{"is_compatible":false,"messages":["a","b",3]}"#, Body::check, verdict(false, &["a", "b"]));
    check(r#"{"is_compatible":false,"reason":"a"}"#, Body::check, verdict(false, &["a"]));
    check(r#"{"is_compatible":"no"}"#, Body::check, None);
    check(r#"[{"subject":"s","version":1}]"#, Body::uses, Some(vec![("s".to_owned(), 1)]));
    check(r#"["s"]"#, Body::uses, None);
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
    fn read<T>(status: u16, body: &[u8], read: fn(Body) -> Option<T>) {
        let _ = check(status, body).and_then(|answer| answer.read(read));
        let _ = check(status, body).and_then(|answer| answer.or_absent(read));
    }
    read(status, body, Body::id);
    read(status, body, Body::found);
    read(status, body, Body::version);
    read(status, body, Body::schema);
    read(status, body, Body::level);
    read(status, body, Body::check);
    read(status, body, Body::uses);
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
