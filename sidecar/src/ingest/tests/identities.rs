//! Ids, keys, order, tombstones.

use super::*;

#[tokio::test]
async fn an_event_has_one_id() {
    async fn check(custom: &str, headers: &[(&str, &str)], body: &str, items: &[&str]) {
        let gate = Gate::keyed(custom);
        let reply = gate.send("POST", "", headers, body.to_owned()).await;
        assert_eq!(reply.items(), items, "{custom} {headers:?} {body}");
        let records = gate.records("orders.v1").await;
        for (record, item) in records.iter().zip(items) {
            let (_, id) = record.headers.iter().find(|(name, _)| name == "ce_id").unwrap();
            let id = String::from_utf8(id.clone().unwrap()).unwrap();
            assert!(item.starts_with(&id) || item.starts_with("UUID"), "{id} {item}");
        }
    }
    let own = "- {property: tidegate.eventId, value: orderId}";
    let json = ("content-type", "application/json");
    let key = ("idempotency-key", "k");
    let ce = [("ce-specversion", "1.0"), ("ce-id", "e"), ("ce-source", "/s"), ("ce-type", "t")];
    let with_ce = [&[json, key][..], &ce].concat();
    let (one, other) = (r#"{"orderId":"o-1","amount":1}"#, r#"{"orderId":"o-2","amount":1}"#);
    check(own, &with_ce, one, &["o-1 published"]).await;
    check("", &with_ce, one, &["e published"]).await;
    check("", &[json, key], one, &["k published"]).await;
    check("", &[json, key], &format!("[{one},{other}]"), &["k/0 published", "k/1 published"]).await;
    check("", &[json, ("idempotency-key", "\"quoted\"")], &format!("[{one}]"), &["quoted/0 published"]).await;
    check("", &[("content-type", "application/x-ndjson"), key], &format!("\n{one}\n"), &["k/0 published"]).await;
    check("", &[json], &format!("[{one},{other}]"), &["UUID published", "UUID published"]).await;
    // Where the event's own id cannot be had, the next one counts.
    check(own, &[json, key], "{}", &["k rejected orderId:missing amount:missing kept"]).await;
}

#[tokio::test]
async fn ids_that_are_made_differ() {
    let gate = Gate::keyed("");
    let body = r#"{"orderId":"o-1","amount":1}"#;
    let mut ids = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let reply = gate.post("application/json", format!("[{}]", [body; 20].join(","))).await;
        ids.extend(reply.body["items"].as_array().unwrap().iter().map(|item| item["id"].to_string()));
    }
    assert_eq!(ids.len(), 60);
}

#[tokio::test]
async fn the_key_is_the_contracts_or_the_callers() {
    async fn check(custom: &str, headers: &[(&str, &str)], key: Option<&[u8]>) {
        let gate = Gate::new(custom, Options::of_tests());
        let headers = [&[("content-type", "application/json")], headers].concat();
        let reply = gate.send("POST", "", &headers, r#"{"orderId":"o-1","amount":300}"#).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(gate.records("orders.v1").await[0].key.as_deref(), key, "{custom} {headers:?}");
    }
    let ce =
        [("ce-specversion", "1.0"), ("ce-id", "e"), ("ce-source", "/s"), ("ce-type", "t"), ("ce-partitionkey", "p")];
    let none = "- {property: tidegate.partitions, value: 1}";
    check(KEYED, &[], Some(b"o-1")).await;
    check(KEYED, &ce, Some(b"o-1")).await;
    check("- {property: tidegate.key, value: [amount]}", &[], Some(b"\0\0\0\0\x46\xd8\x04")).await;
    check("- {property: tidegate.key, value: [amount, orderId]}", &[], Some(b"\0\0\0\0\x46\xd8\x04\x06o-1")).await;
    check(none, &[], None).await;
    check(none, &ce, Some(b"p")).await;
}

#[tokio::test]
async fn a_tombstone_takes_an_entity_away() {
    async fn check(custom: &str, query: &str, expected: Result<&[u8], &str>) {
        let gate =
            Gate::new(&format!("{custom}\n- {{property: tidegate.cleanup, value: compact}}"), Options::of_tests());
        let reply = gate.send("DELETE", query, &[("idempotency-key", "gone-1")], "").await;
        let records = gate.records("orders.v1").await;
        match expected {
            Ok(key) => {
                assert_eq!((reply.status, reply.items()), (200, vec!["gone-1 published".to_owned()]), "{query}");
                assert_eq!((records[0].key.as_deref(), &records[0].value), (Some(key), &None), "{query}");
                let names: Vec<_> = records[0].headers.iter().map(|(name, _)| name.as_str()).collect();
                assert_eq!(names, ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time"]);
            }
            Err(problem) => assert_eq!((reply.problem(), records.len()), (problem, 0), "{query}"),
        }
    }
    check(KEYED, "?key=o-1", Ok(b"o-1")).await;
    check(KEYED, "?version=1&key=a%20%C3%A4", Ok("a ä".as_bytes())).await;
    check(KEYED, "", Err("key-needed")).await;
    check(KEYED, "?key=", Err("key-needed")).await;
    let number = "- {property: tidegate.key, value: [amount]}";
    check(number, "?key=300", Ok(b"\0\0\0\0\x46\xd8\x04")).await;
    check(number, "?key=three", Err("bad-key")).await;
    check(number, "?key=3.5", Err("bad-key")).await;
    let pair = "- {property: tidegate.key, value: [amount, orderId]}";
    check(pair, "?key=%7B%22orderId%22%3A%22o-1%22%2C%22amount%22%3A300%7D", Ok(b"\0\0\0\0\x46\xd8\x04\x06o-1")).await;
    check(pair, "?key=%7B%22orderId%22%3A%22o-1%22%7D", Err("bad-key")).await;
}

#[tokio::test]
async fn a_tombstone_may_be_a_cloudevent() {
    let gate = Gate::keyed("- {property: tidegate.cleanup, value: compact}");
    let ce = [("ce-specversion", "1.0"), ("ce-id", "e"), ("ce-source", "/s"), ("ce-type", "gone"), ("ce-subject", "o")];
    let reply = gate.send("DELETE", "?key=o-1", &[&ce[..], &[("idempotency-key", "k")]].concat(), "").await;
    assert_eq!((reply.status, reply.items()), (200, vec!["e published".to_owned()]));
    let records = gate.records("orders.v1").await;
    let header = |name: &str| records[0].header(name).map(|value| String::from_utf8_lossy(value).into_owned());
    assert_eq!(["ce_id", "ce_type", "ce_subject"].map(header), ["e", "gone", "o"].map(|text| Some(text.to_owned())));
    let reply = gate.send("DELETE", "?key=o-1", &ce[..2], "").await;
    assert_eq!((reply.status, reply.problem()), (400, "bad-attributes"));
}

#[tokio::test]
async fn what_is_kept_by_age_has_no_tombstones() {
    let gate = Gate::keyed("");
    let reply = gate.send("DELETE", "?key=o-1", &[], "").await;
    assert_eq!((reply.status, reply.problem()), (409, "not-compacted"));
    assert_eq!(gate.published().await, "");
}

#[tokio::test]
async fn events_stand_in_the_order_of_the_request() {
    let gate = Gate::keyed("");
    let events: Vec<String> = (0..50).map(|n| format!(r#"{{"orderId":"o-1","amount":{n}}}"#)).collect();
    gate.post("application/json", format!("[{}]", events.join(","))).await;
    gate.post("application/x-ndjson", events.join("\n")).await;
    let amounts: Vec<u8> =
        gate.records("orders.v1").await.iter().map(|record| record.value.as_ref().unwrap()[9] / 2).collect();
    let expected: Vec<u8> = (0..50).chain(0..50).collect();
    assert_eq!(amounts, expected);
}

/// A client that goes away takes nothing with it: what was sent is acked and counted.
#[tokio::test]
async fn a_client_that_goes_away_is_accounted_for() {
    let gate = Gate::keyed("");
    let body = "{\"orderId\":\"o-1\",\"amount\":1}\n".repeat(20);
    {
        let request = request("POST", "/v1/products/orders/events", &[("content-type", "application/x-ndjson")], body);
        let mut answer = std::pin::pin!(gate.door.answer(request));
        // Polled once it has sent everything; the acks are still on their way.
        let waker = std::task::Waker::noop();
        assert!(answer.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_pending());
    }
    let began = std::time::Instant::now();
    while gate.counted(EventOutcome::Published) < 20 {
        assert!(began.elapsed() < Duration::from_secs(20), "never counted");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(gate.records("orders.v1").await.len(), 20);
}

#[test]
fn consumers_learn_where_schemas_are_and_not_who_signs_in() {
    for (url, expected) in [
        ("http://registry:8081", Some("http://registry:8081")),
        ("https://user:secret@registry/apis/ccompat/v7/", Some("https://registry/apis/ccompat/v7")),
        ("http://[::1]:8081/", Some("http://[::1]:8081")),
        ("/registry", None),
        ("", None),
    ] {
        assert_eq!(super::super::without_secrets(url).as_deref(), expected, "{url}");
    }
}
