use super::*;
use hyper::header::{HeaderName, HeaderValue};
use proptest::prelude::*;

/// The clauses that are broken, each with its place.
fn broken(broken: &Broken) -> Vec<String> {
    broken.violations.listed.iter().map(|found| format!("{} {}", found.path, found.clause.name())).collect()
}

fn headers(given: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

const LEAST: [(&str, &str); 4] =
    [("ce-specversion", "1.0"), ("ce-id", "e-1"), ("ce-source", "/shop"), ("ce-type", "com.example.Order")];

#[test]
fn headers_become_attributes() {
    let more = [
        ("ce-time", "2026-03-01T12:00:00Z"),
        ("ce-subject", "a%20b%C3%A4"),
        ("ce-partitionkey", "\"k\\\"ey\""),
        ("ce-dataschema", "urn:x"),
        ("x-other", "not ours"),
        ("content-type", "application/json"),
    ];
    let headers = headers(&[&LEAST[..], &more].concat());
    assert!(in_headers(&headers));
    let found = from_headers(&headers).unwrap();
    assert_eq!(found.id.as_deref(), Some("e-1"));
    assert_eq!(found.event_type.as_deref(), Some("com.example.Order"));
    assert_eq!(found.time.as_deref(), Some("2026-03-01T12:00:00Z"));
    assert_eq!(found.partition_key(), Some("k\"ey"));
    let mut others: Vec<_> = found.others.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
    others.sort_unstable();
    assert_eq!(others, [("ce_partitionkey", "k\"ey"), ("ce_subject", "a bä")]);
}

#[test]
fn what_is_wrong_with_headers_is_named() {
    fn check(change: &[(&str, &str)], expected: &[&str]) {
        let kept = LEAST.into_iter().filter(|(name, _)| !change.iter().any(|(other, _)| name == other));
        let given: Vec<_> = kept.chain(change.iter().copied().filter(|(_, value)| *value != "-")).collect();
        let found = from_headers(&headers(&given)).map_or_else(|violations| broken(&violations), |_| Vec::new());
        assert_eq!(found, expected, "{change:?}");
    }
    check(&[], &[]);
    check(&[("ce-id", "-")], &["ce_id missing"]);
    check(
        &[("ce-id", "-"), ("ce-type", "-"), ("ce-source", "-")],
        &["ce_id missing", "ce_source missing", "ce_type missing"],
    );
    check(&[("ce-specversion", "0.3")], &["ce_specversion invalidValues"]);
    check(&[("ce-id", "")], &["ce_id minLength"]);
    check(&[("ce-id", "a"), ("ce-id", "b")], &["ce_id duplicate-key"]);
    check(&[("ce-id", "%0d%0aevil: yes")], &["ce_id syntax"]);
    check(&[("ce-note", "%7f")], &["ce_note syntax"]);
    check(&[("ce-note", "%EF%BF%BF")], &["ce_note syntax"]);
    check(&[("ce-note", "%ff")], &["ce_note encoding"]);
    check(&[("ce-note", "\"open\\\"")], &["ce_note encoding"]);
    check(&[("ce-time", "yesterday")], &["ce_time syntax"]);
    check(&[("ce-a_b", "x")], &["ce_ syntax"]);
    check(&[("ce-", "x")], &["ce_ syntax"]);
    check(&[("ce-data", "x")], &["ce_data syntax"]);
    // As they stand, since there is nothing to decode.
    check(&[("ce-note", "100%"), ("ce-other", "%zz")], &[]);
}

#[test]
fn too_many_extensions_are_refused() {
    let names: Vec<String> = (0..40).map(|n| format!("ce-x{n}")).collect();
    let given: Vec<_> = LEAST.iter().copied().chain(names.iter().map(|name| (name.as_str(), "v"))).collect();
    let violations = from_headers(&headers(&given)).unwrap_err().violations;
    assert_eq!(violations.listed.len(), 40 - MAX_EXTENSIONS);
    assert!(violations.listed.iter().all(|found| found.clause == Clause::Limit));
}

#[test]
fn moments_are_rfc_3339() {
    for good in [
        "2026-03-01T12:00:00Z",
        "2026-03-01t23:59:60.123456789z",
        "2026-12-31 00:00:00+14:00",
        "0000-01-01T00:00:00.0-23:59",
    ] {
        assert!(is_rfc3339(good.as_bytes()), "{good}");
    }
    for bad in [
        "",
        "2026",
        "2026-03-01",
        "2026-03-01T12:00:00",
        "2026-03-01T12:00:00.Z",
        "2026-13-01T12:00:00Z",
        "2026-00-01T12:00:00Z",
        "2026-03-32T12:00:00Z",
        "2026-03-01T24:00:00Z",
        "2026-03-01T12:60:00Z",
        "2026-03-01T12:00:00+1:00",
        "2026-03-01T12:00:00+01:00Z",
        "2026-03-01T12:00:00ZZ",
        "+026-03-01T12:00:00Z",
        "2026-03-01T12:00:00+0ä:00",
    ] {
        assert!(!is_rfc3339(bad.as_bytes()), "{bad}");
    }
}

/// An envelope with the least there has to be, and more.
fn envelope(more: &str) -> String {
    format!(r#"{{"specversion":"1.0","id":"e-1","source":"/shop","type":"t"{more}}}"#)
}

#[test]
fn an_envelope_is_opened() {
    fn check(more: &str, expected: Data<'_>) {
        let text = envelope(more);
        let found = open(text.as_bytes()).unwrap().unwrap();
        assert_eq!(found.data, expected, "{more}");
        assert_eq!(found.attributes.id.as_deref(), Some("e-1"));
    }
    let json = |text: &'static str| Data::Json(Cow::Borrowed(text.as_bytes()));
    check(r#","data":{"a": [1, 2]}"#, json(r#"{"a": [1, 2]}"#));
    check(r#","data":null"#, json("null"));
    check(r#","data":"text""#, json(r#""text""#));
    check(r#","datacontenttype":"application/json; charset=utf-8","data":1"#, json("1"));
    check(r#","datacontenttype":"application/vnd.shop+json","data":1"#, json("1"));
    check(r#","data_base64":"eyJhIjoxfQ==""#, Data::Json(Cow::Borrowed(br#"{"a":1}"#)));
    check(r#","data_base64":"AgQ","datacontenttype":"application/avro""#, Data::Avro(vec![2, 4]));
    check(
        r#","datacontenttype":"application/vnd.confluent.avro","data_base64":"AAAAAAcC""#,
        Data::Framed(vec![0, 0, 0, 0, 7, 2]),
    );
}

#[test]
fn attributes_of_an_envelope_may_be_scalars() {
    let text =
        envelope(r#","data":1,"sequence":-7,"big":18446744073709551615,"flag":true,"gone":null,"subject":"s\u0041""#);
    let found = open(text.as_bytes()).unwrap().unwrap().attributes;
    let others: Vec<_> = found.others.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
    let expected =
        [("ce_sequence", "-7"), ("ce_big", "18446744073709551615"), ("ce_flag", "true"), ("ce_subject", "sA")];
    assert_eq!(others, expected);
}

#[test]
fn what_is_wrong_with_an_envelope_is_named() {
    fn check(text: &str, expected: &[&str]) {
        let found = open(text.as_bytes()).unwrap().map_or_else(|violations| broken(&violations), |_| Vec::new());
        assert_eq!(found, expected, "{text}");
    }
    check(&envelope(r#","data":1"#), &[]);
    check(&envelope(""), &["ce_data missing"]);
    check(&envelope(r#","data":1,"data":2"#), &["ce_data duplicate-key"]);
    check(&envelope(r#","data":1,"data_base64":"""#), &["ce_data duplicate-key"]);
    check(&envelope(r#","data_base64":"??""#), &["ce_data_base64 syntax"]);
    check(&envelope(r#","data_base64":[7]"#), &["ce_data_base64 type", "ce_data missing"]);
    check(
        &envelope(r#","datacontenttype":"text/xml","data":"<a/>""#),
        &["ce_datacontenttype invalidValues", "ce_data type"],
    );
    check(&envelope(r#","datacontenttype":"application/avro","data":{}"#), &["ce_data type"]);
    check(&envelope(r#","data":1,"id":"again""#), &["ce_id duplicate-key"]);
    check(&envelope(r#","data":1,"Upper":"x""#), &["ce_ syntax"]);
    check(&envelope(r#","data":1,"obj":{"a":1}"#), &["ce_obj type"]);
    check(&envelope(r#","data":1,"half":0.5"#), &["ce_half type"]);
    check(&envelope(r#","data":1,"subject":5,"time":true"#), &["ce_subject type", "ce_time type"]);
    check(r#"{"specversion":"1.0","id":5,"source":"/s","type":"t","data":1}"#, &["ce_id type"]);
    check(
        r#"{"specversion":1,"id":"e","source":"/s","type":false,"data":1}"#,
        &["ce_specversion type", "ce_type type"],
    );
    check(&envelope(r#","data":1,"note":"a\nb""#), &["ce_note syntax"]);
    check(r#"{"data":1}"#, &["ce_specversion missing", "ce_id missing", "ce_source missing", "ce_type missing"]);
    for other in ["[]", "1", "-1", "1.5", "true", "null", "\"text\"", "[[1],{}]"] {
        check(other, &["ce_ type"]);
    }
}

#[test]
fn what_is_no_json_is_no_envelope() {
    for text in ["", "{", "{\"id\":}", "nul", "{} {}", "{\"data\":tru}", "{\"a\":\"\\ud800\"}", "\u{feff}{}"] {
        assert!(open(text.as_bytes()).is_err(), "{text}");
    }
    assert!(open(b"{\"data\":\"\xff\"}").is_err());
    let place = open(b"{\n  \"data\": }").unwrap_err();
    assert_eq!(place.to_string(), "not JSON at line 2, column 11");
}

#[test]
fn depth_costs_nothing() {
    let deep = "[".repeat(1_000_000);
    assert!(open(deep.as_bytes()).is_err());
    let closed = format!("{deep}{}", "]".repeat(1_000_000));
    assert_eq!(broken(&open(closed.as_bytes()).unwrap().unwrap_err()), ["ce_ type"]);
    let inside = envelope(&format!(r#","data":{closed},"ext":{closed}"#));
    assert_eq!(broken(&open(inside.as_bytes()).unwrap().unwrap_err()), ["ce_ext type"]);
}

#[test]
fn each_item_of_an_array_is_taken_until_no_more_are_wanted() {
    fn check(text: &str, wanted: usize, items: &[&str], ok: bool) {
        let mut found = Vec::new();
        let result = each(text.as_bytes(), &mut |item| {
            found.push(String::from_utf8(item.to_vec()).unwrap());
            found.len() < wanted
        });
        assert_eq!(
            (found.iter().map(String::as_str).collect::<Vec<_>>(), result.is_ok()),
            (items.to_vec(), ok),
            "{text}"
        );
    }
    check("[]", 9, &[], true);
    check(" [ {\"a\": 1} , 2,[3] ] ", 9, &["{\"a\": 1}", "2", "[3]"], true);
    check("[1,2,3,", 2, &["1", "2"], true);
    check("[1,2,3,", 9, &["1", "2", "3"], false);
    check("[1] 2", 9, &["1"], false);
    check("{}", 9, &[], false);
}

proptest! {
    #[test]
    fn no_envelope_panics_and_none_shows_its_values(text in "\\PC{0,200}") {
        let _ = open(text.as_bytes());
        let quoted = serde_json::to_string(&text).unwrap();
        let whole = envelope(&format!(r#","data":1,{quoted}:{quoted}"#));
        if let Ok(Err(violations)) = open(whole.as_bytes()) && text.len() > 12 {
            for violation in violations.violations.listed {
                let shown = format!("{violation:?}");
                prop_assert!(!shown.contains(&text));
            }
        }
    }

    #[test]
    fn what_the_binding_encodes_is_decoded(text in "[\\PC&&[^\u{fffe}\u{ffff}\u{fdd0}-\u{fdef}]]{1,40}") {
        let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let given = [&LEAST[..], &[("ce-note", encoded.as_str())]].concat();
        if text.chars().all(may_stand) {
            let found = from_headers(&headers(&given)).unwrap();
            prop_assert_eq!(found.others, [(Cow::Borrowed("ce_note"), Cow::<str>::Owned(text))]);
        }
    }
}
