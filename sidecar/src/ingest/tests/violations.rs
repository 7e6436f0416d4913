//! What becomes of events that break their contract.

use super::*;

#[tokio::test]
async fn a_broken_event_is_kept_with_what_it_broke() {
    let gate = Gate::keyed("");
    let body = r#"[{"orderId":"o-1","amount":1}, {"orderId":"o","amount" : -5,"x":1}, {"orderId":7}]"#;
    let headers = [("content-type", "application/json"), ("idempotency-key", "\"k-1\"")];
    let reply = gate.send("POST", "", &headers, body).await;
    assert_eq!(reply.status, 207);
    let item = &reply.body["items"][1];
    assert_eq!((&item["id"], &item["undeclared"]), (&"k-1/1".into(), &serde_json::json!(["x"])));
    assert_eq!((&item["status"], &item["quarantined"]), (&"rejected".into(), &true.into()));
    assert_eq!(broken(&item["violations"]), "orderId:minLength amount:minimum");
    insta::assert_snapshot!(gate.quarantined().await, @r#"
    key o value {\"orderId\":\"o\",\"amount\" : -5,\"x\":1}
      tidegate-violations: orderId:minLength amount:minimum
      tidegate-received: NOW
      tidegate-contract: DOMAIN.orders@1.2.0
      tidegate-sidecar: sidecar-1
      content-type: application/json
      ce_id: k-1/1
    key none value {\"orderId\":7}
      tidegate-violations: orderId:type amount:missing
      tidegate-received: NOW
      tidegate-contract: DOMAIN.orders@1.2.0
      tidegate-sidecar: sidecar-1
      content-type: application/json
      ce_id: k-1/2
    "#);
    assert_eq!(gate.counted(EventOutcome::Quarantined), 2);
    assert_eq!(gate.counted(EventOutcome::Published), 1);
}

#[tokio::test]
async fn every_form_is_kept_as_it_came() {
    let gate = Gate::keyed("");
    let ce = r#"{"specversion":"1.0","id":"e-1","source":"/s","type":"t","time":"2001-01-01T00:00:00Z","dataschema":"urn:x","note":"n","data":{"orderId" : 1}}"#;
    gate.post("application/cloudevents+json", ce).await;
    gate.post("application/cloudevents+json", r#"{"id":"e-2","data":{}}"#).await;
    gate.post("application/vnd.confluent.avro", framed(OTHERS_ID, b"x")).await;
    gate.send("POST", "?schemaId=6", &[("content-type", "application/avro")], &b"\x06o-1"[..]).await;
    gate.post("application/avro", &b"\x06o-1"[..]).await;
    gate.send("POST", "?encoding=avro-json", &[("content-type", "application/x-ndjson")], "{").await;
    let records = gate.records("tidegate-quarantine.orders.v1").await;
    let header = |record: &Received, name: &str| {
        let found = record.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| String::from_utf8(value.clone().unwrap()).unwrap()).unwrap_or_default()
    };
    let seen: Vec<String> = records
        .iter()
        .map(|record| {
            let value = record.value.as_deref().unwrap().escape_ascii();
            let names = ["content-type", "ce_source", "ce_type", "ce_time", "ce_dataschema", "ce_note"];
            let [content_type, source, kind, time, schema, note] = names.map(|name| header(record, name));
            format!("{content_type} | {source} {kind} {time} {schema} {note} | {value}")
        })
        .collect();
    insta::assert_snapshot!(seen.join("\n"), @r#"
    application/json | /s t 2001-01-01T00:00:00Z urn:x n | {\"orderId\" : 1}
    application/cloudevents+json |      | {\"id\":\"e-2\",\"data\":{}}
    application/vnd.confluent.avro |      | \x00\x00\x00\x00\tx
    application/avro; schemaId=6 |      | \x06o-1
    application/avro; schemaId=7 |      | \x06o-1
    application/json; encoding=avro-json |      | {
    "#);
}

#[tokio::test]
async fn the_contract_says_what_becomes_of_a_violation() {
    async fn check(custom: &str, body: &str, item: &str, published: usize, kept: usize, outcome: EventOutcome) {
        let gate = Gate::keyed(&format!("- {{property: tidegate.eventId, value: orderId}}\n{custom}"));
        let reply = gate.post("application/json", body.to_owned()).await;
        assert_eq!(reply.items(), [item], "{custom} {body}");
        assert_eq!(reply.status, if item.contains("published") { 200 } else { 422 });
        assert_eq!(gate.records("orders.v1").await.len(), published, "{custom} {body}");
        assert_eq!(gate.records("tidegate-quarantine.orders.v1").await.len(), kept, "{custom} {body}");
        assert_eq!(gate.counted(outcome), 1, "{custom} {body}");
    }
    let rule = r#"{"orderId":"o-1","amount":-1}"#;
    let structure = r#"{"orderId":"o-1"}"#;
    let nameless = r#"{"amount":1}"#;
    let on = |value: &str| format!("- {{property: tidegate.onViolation, value: {value}}}");
    use EventOutcome::{Marked, Quarantined, Rejected};
    check("", rule, "o-1 rejected amount:minimum kept", 0, 1, Quarantined).await;
    check(&on("quarantine"), structure, "o-1 rejected amount:missing kept", 0, 1, Quarantined).await;
    check(&on("reject"), rule, "o-1 rejected amount:minimum lost", 0, 0, Rejected).await;
    check(&on("reject"), structure, "o-1 rejected amount:missing lost", 0, 0, Rejected).await;
    check(&on("mark"), rule, "o-1 published amount:minimum", 1, 0, Marked).await;
    check(&on("mark"), structure, "o-1 rejected amount:missing kept", 0, 1, Quarantined).await;
    check("", nameless, "UUID rejected orderId:missing kept", 0, 1, Quarantined).await;
    let closed = |value: &str| format!("{}\nCLASSIFIED", on(value));
    check("CLASSIFIED", rule, "o-1 rejected amount:minimum lost", 0, 0, Rejected).await;
    check(&closed("mark"), rule, "o-1 published amount:minimum", 1, 0, Marked).await;
    check(&closed("mark"), structure, "o-1 rejected amount:missing lost", 0, 0, Rejected).await;
    check(&closed("quarantine"), structure, "o-1 rejected amount:missing kept", 0, 1, Quarantined).await;
}

#[tokio::test]
async fn a_marked_event_says_what_it_broke() {
    let gate = Gate::keyed("- {property: tidegate.onViolation, value: mark}");
    gate.post("application/json", r#"{"orderId":"o-1","amount":-1}"#).await;
    let records = gate.records("orders.v1").await;
    let (_, value) = records[0].headers.iter().find(|(name, _)| name == "tidegate-violations").unwrap();
    assert_eq!(broken(&serde_json::from_slice(value.as_deref().unwrap()).unwrap()), "amount:minimum");
}

/// Every violation of every event, in the reply and in what is kept.
#[tokio::test]
async fn every_violation_of_many_events_is_listed() {
    let listed = |reply: &Reply| -> usize {
        let items = reply.body["items"].as_array().unwrap();
        assert!(items.iter().all(|item| item.get("violationsMore").is_none()));
        items.iter().map(|item| item["violations"].as_array().unwrap().len()).sum()
    };
    let gate = Gate::new(KEYED, Options { max_events: 2_000, ..Options::of_tests() });
    let reply = gate.post("application/x-ndjson", "{}\n".repeat(2_000)).await;
    assert_eq!((reply.status, listed(&reply)), (422, 4_000));
    let records = gate.records("tidegate-quarantine.orders.v1").await;
    let kept = |record: &Received| {
        let violations = record.header("tidegate-violations").unwrap();
        serde_json::from_slice::<Vec<Value>>(violations).unwrap().len()
    };
    assert_eq!(records.iter().map(kept).sum::<usize>(), 4_000);

    let custom = format!("{KEYED}\n- {{property: tidegate.onViolation, value: reject}}");
    let gate = Gate::new(&custom, Options { max_events: 10_000, ..Options::of_tests() });
    let line = "{\"orderId\":\"\",\"amount\":-5,\"note\":7}\n";
    let reply = gate.post("application/x-ndjson", line.repeat(10_000)).await;
    assert_eq!((reply.status, listed(&reply)), (422, 30_000));
}

/// A few bytes that break everything must not cost very many times as much.
#[test]
fn the_violations_of_a_request_are_bounded() {
    use crate::ingest::batch::Room;
    use tidegate_contracts::violation::{Clause, Violation, Violations};
    let violation = Violation {
        path: "a".into(),
        position: None,
        clause: Clause::Type,
        expected: "x".repeat(1 << 20),
        found: "string".into(),
        hint: None,
    };
    let three = Violations { listed: vec![violation; 3], more: 4 };
    let mut room = Room::of(0);
    let mut bound = || {
        let Violations { listed, more } = room.bound(three.clone());
        (listed.len(), more)
    };
    assert_eq!([bound(), bound(), bound(), bound()], [(3, 4), (3, 4), (1, 6), (1, 6)]);
    let mut room = Room::of(1 << 20);
    assert_eq!((0..3).map(|_| room.bound(three.clone()).listed.len()).collect::<Vec<_>>(), [3, 3, 3]);
}

/// What Kafka will never take is not to be sent again.
#[tokio::test]
async fn a_record_larger_than_kafka_takes_is_rejected() {
    let mut config = kafka().config.clone();
    config.properties.insert("message.max.bytes".into(), "4000".into());
    let limits = ProducerLimits { queue_bytes: 1 << 20, queue_records: 100, delivery_timeout: Duration::from_secs(20) };
    let domain = format!("d{}", uuid::Uuid::new_v4().simple());
    let contract = contract(&domain, "1.2.0", KEYED);
    kafka().broker.create_topic(&contract.topic, 1).unwrap();
    let gate = Gate::of(domain, vec![contract], Options::of_tests(), Producer::new(&config, limits).unwrap());
    let large = format!(r#"{{"orderId":"o-2","amount":1,"note":"{}"}}"#, "x".repeat(5_000));
    let reply = gate.post("application/json", large.clone()).await;
    assert_eq!((reply.status, reply.items()), (422, vec!["UUID rejected :limit lost".to_owned()]));
    let hint = reply.body["items"][0]["violations"][0]["hint"].as_str().unwrap();
    assert!(hint.contains("the topic's max.message.bytes"), "{hint}");
    let small = r#"{"orderId":"o-1","amount":1}"#;
    let reply = gate.post("application/json", format!("[{small},{large},{small}]")).await;
    assert_eq!((reply.status, &reply.items()[1]), (207, &"UUID rejected :limit lost".to_owned()));
    assert_eq!(gate.records("orders.v1").await.len(), 2);
    assert_eq!((gate.counted(EventOutcome::Rejected), gate.counted(EventOutcome::Failed)), (2, 0));
}
