use super::*;
use crate::{
    product::sample::contract,
    quarantine::entry::tests::{entry, record},
};

const HEADERS: [(&str, &str); 8] = [
    ("tidegate-received", "2026-01-31T09:30:00Z"),
    ("ce_id", "o-7"),
    ("ce_specversion", "1.0"),
    ("ce_subject", "x"),
    ("ce_partitionkey", "k"),
    ("traceparent", "00-1-2-01"),
    ("ce_source", "/elsewhere"),
    ("tidegate-sidecar", "s-1"),
];

#[test]
fn an_event_comes_back_with_its_id_its_time_and_its_extensions() {
    let headers = [HEADERS.as_slice(), &[("content-type", "application/json"), ("ce_type", "order.placed")]].concat();
    let (entry, record) = (entry(&headers), record(&headers, Some(b"{}")));
    let incoming = incoming(&entry, &record).unwrap();
    let attributes = incoming.attributes.unwrap();
    assert_eq!(attributes.id.as_deref(), Some("o-7"));
    assert_eq!(attributes.event_type.as_deref(), Some("order.placed"));
    assert_eq!(attributes.time.as_deref(), Some("2026-01-31T09:30:00Z"));
    assert_eq!(attributes.partition_key(), Some("k"));
    assert_eq!(attributes.others.len(), 2);
    assert!(matches!(incoming.payload, Payload::Json(text, _) if *text == *b"{}"));
}

#[test]
fn what_an_event_was_decides_how_it_is_read_again() {
    let check = |content_type: &str, value: Option<&[u8]>, read: bool, id: Option<u32>| {
        let headers = [("content-type", content_type)];
        let (entry, record) = (entry(&headers), record(&headers, value));
        let incoming = incoming(&entry, &record);
        assert_eq!(incoming.is_some(), read, "{content_type}");
        assert_eq!(incoming.and_then(|incoming| incoming.schema_id()), id, "{content_type}");
    };
    check("application/json", Some(b"{}"), true, None);
    check("application/json; encoding=avro-json", Some(b"{}"), true, None);
    check("application/avro; schemaId=7", Some(b"x"), true, Some(7));
    check("application/vnd.confluent.avro", Some(&[0, 0, 0, 1, 2, 9]), true, Some(258));
    check("application/vnd.confluent.avro", Some(&[0, 0]), true, None);
    check("application/cloudevents+json", Some(b"{}"), false, None);
    check("text/plain", Some(b"x"), false, None);
    check("application/json", None, false, None);
}

#[test]
fn a_replay_says_what_became_of_everything() {
    let contract = contract("orders", "1.3.0", &["id"], &[]);
    let mut tally = Tally { before: 3, sound: 90, published: 89, broken: 20, beyond: 1, ..Tally::default() };
    tally.causes.add([("missing", "id")].into_iter());
    (tally.not_now, tally.not_now_why) = (2, Some("the registry did not answer".to_owned()));
    insta::assert_snapshot!("dry", tally.human(&contract, false));
    insta::assert_snapshot!("published", tally.human(&contract, true));
    insta::assert_json_snapshot!("json", tally.json(&contract, true));
    assert_eq!(Tally::default().human(&contract, false), "orders.v1: nothing to replay\n");
}
