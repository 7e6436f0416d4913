use super::*;
use proptest::prelude::*;
use tidegate_contracts::plan::JsonForm;

const VIOLATION: &str = r#"[{"path":"lines[].sku","clause":"minLength","expected":"3 characters","found":"string"},
    {"path":"","clause":"missing","expected":"a field `id`","found":"nothing","hint":"send it"}]"#;

pub(in crate::quarantine) fn record(headers: &[(&str, &str)], value: Option<&[u8]>) -> Received {
    Received {
        topic: "sales.tidegate-quarantine.orders.v1".into(),
        partition: 2,
        offset: 42,
        timestamp: Some(Timestamp(1_000)),
        key: None,
        value: value.map(<[u8]>::to_vec),
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), Some(value.as_bytes().to_vec()))).collect(),
    }
}

pub(in crate::quarantine) fn entry(headers: &[(&str, &str)]) -> Entry {
    let violations: &[(&str, &str)] = &[("tidegate-violations", VIOLATION)];
    match Read::of(&record(&[violations, headers].concat(), Some(b"{}"))) {
        Read::Entry(entry) => entry,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_entry_is_what_its_headers_say() {
    let found = entry(&[
        ("tidegate-violations-more", "7"),
        ("tidegate-received", "2026-01-31T09:30:00.250Z"),
        ("tidegate-contract", "sales.orders@1.2.0"),
        ("tidegate-sidecar", "s-1"),
        ("content-type", "application/json; encoding=avro-json"),
        ("ce_id", "o-7"),
    ]);
    let causes = vec![
        Cause {
            path: "lines[].sku".to_owned(),
            clause: "minLength".to_owned(),
            expected: "3 characters".to_owned(),
            found: "string".to_owned(),
            hint: None,
        },
        Cause {
            path: String::new(),
            clause: "missing".to_owned(),
            expected: "a field `id`".to_owned(),
            found: "nothing".to_owned(),
            hint: Some("send it".to_owned()),
        },
    ];
    let expected = Entry {
        position: Position { partition: 2, offset: 42 },
        received: Some(Timestamp(1_769_851_800_250)),
        contract: "sales.orders@1.2.0".to_owned(),
        id: Some("o-7".to_owned()),
        original: Some(Original::Json(JsonForm::Avro)),
        content_type: "application/json; encoding=avro-json".to_owned(),
        sidecar: "s-1".to_owned(),
        bytes: 2,
        causes,
        more: 7,
    };
    assert_eq!(found, expected);
}

#[test]
fn what_is_missing_or_wrong_in_headers_is_left_out() {
    let found = entry(&[("tidegate-received", "yesterday"), ("tidegate-violations-more", "x"), ("content-type", "?")]);
    assert_eq!((found.received, found.more, found.original), (Some(Timestamp(1_000)), 0, None));
    let unreadable = record(&[("tidegate-violations", "[{]")], Some(b"x"));
    let Read::Entry(found) = Read::of(&unreadable) else { panic!() };
    assert_eq!(found.causes, []);
    // A header must not give orders to a terminal.
    let escape = entry(&[("ce_id", "a\u{1b}[2J\n"), ("tidegate-contract", "b\u{7}")]);
    assert_eq!((escape.id.as_deref(), escape.contract.as_str()), (Some("a\u{fffd}[2J\u{fffd}"), "b\u{fffd}"));
}

#[test]
fn records_of_other_kinds_are_told_apart() {
    let position = Position { partition: 0, offset: 7 };
    assert_eq!(Read::of(&record(&[("tidegate-replayed", "0:7")], None)), Read::Replayed(position));
    assert_eq!(Read::of(&record(&[("tidegate-replayed", "0:-7")], None)), Read::Foreign);
    assert_eq!(Read::of(&record(&[("tidegate-violations", "[]")], None)), Read::Foreign);
    assert_eq!(Read::of(&record(&[], Some(b"{}"))), Read::Foreign);
}

#[test]
fn a_filter_takes_what_all_of_it_matches() {
    let entry = entry(&[("tidegate-received", "2026-01-31T09:30:00Z")]);
    let check = |clause: &str, path: &str, since: &str, until: &str, taken: bool| {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let filter = Filter {
            clause: given(clause),
            path: given(path).map(|path| path.parse().unwrap()),
            since: given(since).map(|since| since.parse().unwrap()),
            until: given(until).map(|until| until.parse().unwrap()),
        };
        assert_eq!(filter.takes(&entry), taken, "{filter:?}");
    };
    check("", "", "", "", true);
    check("minLength", "", "", "", true);
    check("maxLength", "", "", "", false);
    check("", "lines[].sku", "", "", true);
    check("", "lines", "", "", true);
    check("", "line", "", "", false);
    check("", "lines[].sku.x", "", "", false);
    // The clause and the field have to be of one violation.
    check("missing", "lines", "", "", false);
    check("", "", "2026-01-31T09:30:00Z", "", true);
    check("", "", "2026-01-31T09:30:00.001Z", "", false);
    check("", "", "", "2026-01-31T09:30:00Z", false);
    check("", "", "", "2026-01-31T09:30:00.001Z", true);
}

#[test]
fn a_place_is_a_partition_and_an_offset() {
    assert_eq!("3:9000000000".parse(), Ok(Position { partition: 3, offset: 9_000_000_000 }));
    for text in ["", "1", ":", "1:", ":1", "-1:0", "0:-1", "a:b", "0:1:2", "99999999999:0"] {
        assert!(text.parse::<Position>().is_err(), "{text:?}");
    }
    let places = ["1:9", "0:3", "1:5", "1:7"].map(|text| text.parse().unwrap());
    assert_eq!(first_of_each_partition(&places), BTreeMap::from([(0, 3), (1, 5)]));
}

proptest! {
    #[test]
    fn no_record_panics(
        names in prop::collection::vec(0..8usize, 0..6),
        values in prop::collection::vec(prop::option::of(prop::collection::vec(any::<u8>(), 0..40)), 6),
        value in prop::option::of(prop::collection::vec(any::<u8>(), 0..10)),
    ) {
        let known = [
            "tidegate-violations", "tidegate-violations-more", "tidegate-received", "tidegate-contract",
            "tidegate-sidecar", "tidegate-replayed", "content-type", "ce_id",
        ];
        let headers = names.iter().zip(values).map(|(name, value)| (known[*name].to_owned(), value)).collect();
        let record = Received { headers, value, ..record(&[], None) };
        if let Read::Entry(entry) = Read::of(&record) {
            let shown = format!("{} {} {}", entry.contract, entry.content_type, entry.sidecar);
            prop_assert!(!shown.contains(char::is_control));
        }
    }
}

#[test]
fn what_turns_text_around_is_not_shown() {
    let violations = "[{\"path\": \"a\u{202e}b\", \"clause\": \"type\", \"found\": \"\\u001b[2J\\n\"}]";
    let headers = [("tidegate-violations", violations), ("ce_id", "\u{2066}id\u{200f}")];
    let headers = headers.map(|(name, value)| (name.to_owned(), Some(value.as_bytes().to_vec()))).to_vec();
    let Read::Entry(entry) = Read::of(&Received { headers, ..record(&[], Some(b"x")) }) else { panic!("no entry") };
    assert_eq!(entry.id.as_deref(), Some("\u{fffd}id\u{fffd}"));
    assert_eq!((entry.causes[0].path.as_str(), entry.causes[0].found.as_str()), ("a\u{fffd}b", "\u{fffd}[2J\u{fffd}"));
}
