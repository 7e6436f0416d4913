//! Ten thousand events in every form a caller may use, compared one by one with what the broker has.

use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use tidegate_integration_tests::{Mesh, Record, Reply, Sidecar, orders};

/// What was sent, and what was said about it.
struct Sent {
    /// The event as text; of a CloudEvent its data.
    bytes: String,
    /// The clauses it breaks; none means it is sound.
    clauses: Vec<&'static str>,
    item: Value,
}

/// Every tenth event is broken.
fn event(number: u64) -> (Value, Vec<&'static str>) {
    if number.is_multiple_of(10) { orders::broken(number / 10) } else { (orders::order(number), Vec::new()) }
}

fn events(numbers: std::ops::Range<u64>) -> Vec<(String, Vec<&'static str>)> {
    let numbered = numbers.map(|number| {
        let (mut event, clauses) = event(number);
        event["orderId"] = json!(format!("order-{number}"));
        (event.to_string(), clauses)
    });
    numbered.collect()
}

/// Posts events in one request and keeps what was said about each.
async fn post(
    sidecar: &Sidecar,
    content_type: &str,
    body: String,
    events: Vec<(String, Vec<&'static str>)>,
) -> Vec<Sent> {
    let reply = sidecar.post("orders", content_type, body).await;
    settle(&reply, events)
}

fn settle(reply: &Reply, events: Vec<(String, Vec<&'static str>)>) -> Vec<Sent> {
    let items = reply.items();
    assert_eq!(items.len(), events.len(), "every event has an item: {}", reply.text());
    let sound = events.iter().filter(|(_, clauses)| clauses.is_empty()).count();
    let status = match (sound, events.len() - sound) {
        (_, 0) => 200,
        (0, _) => 422,
        _ => 207,
    };
    assert_eq!(reply.status, status, "{}", reply.text());
    events.into_iter().zip(items).map(|((bytes, clauses), item)| Sent { bytes, clauses, item }).collect()
}

fn cloudevent(number: u64, data: &str) -> String {
    let data: Value = serde_json::from_str(data).expect("an event is JSON");
    json!({
        "specversion": "1.0", "id": format!("ce-{number}"), "source": "/shop", "type": "order.placed",
        "datacontenttype": "application/json", "data": data,
    })
    .to_string()
}

#[tokio::test]
async fn ten_thousand_mixed_events_arrive_as_they_were_sent() {
    let sales = Mesh::new("sales").contract(orders::CONTRACT, &[orders::SCHEMA]);
    sales.apply();
    let sidecar = sales.run().await;
    let mut sent = Vec::new();

    for (bytes, clauses) in events(0..500) {
        sent.extend(post(&sidecar, "application/json", bytes.clone(), vec![(bytes, clauses)]).await);
    }
    for start in (500..6_000).step_by(250) {
        let batch = events(start..start + 250);
        let body = format!("[{}]", batch.iter().map(|(bytes, _)| bytes.as_str()).collect::<Vec<_>>().join(", "));
        sent.extend(post(&sidecar, "application/json", body, batch).await);
    }
    for start in (6_000..9_000).step_by(500) {
        let batch = events(start..start + 500);
        let body = batch.iter().map(|(bytes, _)| format!("{bytes}\n")).collect();
        sent.extend(post(&sidecar, "application/x-ndjson", body, batch).await);
    }
    for (number, event) in (9_000..9_100).zip(events(9_000..9_100)) {
        let body = cloudevent(number, &event.0);
        sent.extend(post(&sidecar, "application/cloudevents+json", body, vec![event]).await);
    }
    for start in (9_100..9_400).step_by(100) {
        let batch = events(start..start + 100);
        let numbered = (start..).zip(&batch);
        let envelopes: Vec<String> = numbered.map(|(number, (data, _))| cloudevent(number, data)).collect();
        let body = format!("[{}]", envelopes.join(","));
        sent.extend(post(&sidecar, "application/cloudevents-batch+json", body, batch).await);
    }
    for (number, (data, clauses)) in (9_400..9_500).zip(events(9_400..9_500)) {
        let request = sidecar
            .request(reqwest::Method::POST, "/v1/products/orders/events")
            .header("content-type", "application/json")
            .header("ce-specversion", "1.0")
            .header("ce-id", format!("ce-{number}"))
            .header("ce-source", "/shop")
            .header("ce-type", "order.placed")
            .header("traceparent", trace(&format!("order-{number}")))
            .body(data.clone());
        sent.extend(settle(&sidecar.send(request).await, vec![(data, clauses)]));
    }

    // The last ones go as Avro: the frames of sound ones, sent again as a producer that encodes by itself would.
    let frames: Vec<Record> = sales.read_product("orders", 1).await.into_iter().take(500).collect();
    assert_eq!(frames.len(), 500);
    let mut body = Vec::new();
    for frame in &frames[..400] {
        let value = frame.value.as_deref().expect("an event has a value");
        body.extend_from_slice(&u32::try_from(value.len()).expect("an event is small").to_be_bytes());
        body.extend_from_slice(value);
    }
    let reply = sidecar.post("orders", "application/vnd.tidegate.avro-batch", body).await;
    let again = |frame: &Record| (frame.json().to_string(), Vec::new());
    sent.extend(settle(&reply, frames[..400].iter().map(again).collect()));
    for frame in &frames[400..] {
        let value = frame.value.clone().expect("an event has a value");
        let reply = sidecar.post("orders", "application/vnd.confluent.avro", value).await;
        sent.extend(settle(&reply, vec![again(frame)]));
    }
    assert_eq!(sent.len(), 10_000);

    let published = place(sales.read_product("orders", 1).await);
    let quarantined = sales.read_quarantine("orders", 1).await;
    let mut sound = 0;
    let mut broken: BTreeMap<&str, &Sent> = BTreeMap::new();
    for sent in &sent {
        if sent.clauses.is_empty() {
            sound += 1;
            compare(sales.domain(), sent, &published);
        } else {
            assert_eq!(sent.item["status"], "rejected");
            assert_eq!(sent.item["quarantined"], true);
            assert_eq!(clauses(&sent.item["violations"]), sent.clauses, "{}", sent.item);
            assert!(broken.insert(&sent.bytes, sent).is_none(), "every broken event is another one");
        }
    }
    assert_eq!(published.len(), sound, "nothing is in the topic that nobody sent");
    let traced = published.values().filter(|record| record.header("traceparent").is_some()).count();
    assert_eq!(traced, 90, "the events that came with a trace have one");

    assert_eq!(quarantined.len(), broken.len());
    for record in &quarantined {
        let bytes = std::str::from_utf8(record.value.as_deref().expect("the event is kept")).expect("it is text");
        let data = |text: &str| serde_json::from_str::<Value>(text).ok();
        let sent =
            broken.remove(bytes).unwrap_or_else(|| panic!("nobody sent this, or it came twice: {:?}", data(bytes)));
        let listed: Value =
            serde_json::from_str(record.header("tidegate-violations").expect("its violations are named"))
                .expect("they are JSON");
        assert_eq!(clauses(&listed), sent.clauses);
        let contract = format!("{}.orders@1.0.0", sales.domain());
        assert_eq!(record.header("tidegate-contract"), Some(contract.as_str()));
    }
    sidecar.stop().await;
}

/// A trace of the caller's own, made from the event's id.
fn trace(id: &str) -> String {
    let number: u64 = id.trim_start_matches("order-").parse().expect("an order's id ends in its number");
    format!("00-{:032x}-{:016x}-01", number + 1, number + 1)
}

fn place(records: Vec<Record>) -> HashMap<(i64, i64), Record> {
    records.into_iter().map(|record| ((i64::from(record.partition), record.offset), record)).collect()
}

/// They are named in the order of the event, which is the alphabet's here: that of the JSON we wrote.
fn clauses(violations: &Value) -> Vec<&str> {
    let listed = violations.as_array().unwrap_or_else(|| panic!("no violations: {violations}"));
    listed.iter().map(|violation| violation["clause"].as_str().expect("a violation names its clause")).collect()
}

/// The record is where the receipt says, and it is the event.
fn compare(domain: &str, sent: &Sent, published: &HashMap<(i64, i64), Record>) {
    let receipt = &sent.item;
    assert_eq!(receipt["status"], "published", "{receipt}");
    assert_eq!(receipt["topic"], format!("{domain}.orders.v1"));
    let place = (receipt["partition"].as_i64().expect("a partition"), receipt["offset"].as_i64().expect("an offset"));
    let record = published.get(&place).unwrap_or_else(|| panic!("nothing is at {place:?}"));
    let event: Value = serde_json::from_str(&sent.bytes).expect("a sound event is JSON");
    assert_eq!(record.json(), event);
    assert_eq!(record.key_text(), event["customerId"].as_str());
    assert_eq!(record.schema_id().map(u64::from), receipt["schemaId"].as_u64());
    assert_eq!(receipt["id"], event["orderId"]);
    assert_eq!(record.header("ce_specversion"), Some("1.0"));
    assert_eq!(record.header("ce_id"), event["orderId"].as_str());
    assert_eq!(record.header("ce_source"), Some(format!("/{domain}/orders").as_str()));
    let given = (9_000..9_500).contains(&event["sequence"].as_u64().expect("a number"));
    assert_eq!(record.header("ce_type"), Some(if given { "order.placed" } else { "com.example.sales.Order" }));
    assert!(record.header("ce_time").is_some(), "a time");
    if let Some(parent) = record.header("traceparent") {
        let id = event["orderId"].as_str().expect("an order has an id");
        assert_eq!(parent.split('-').nth(1), trace(id).split('-').nth(1), "the caller's trace goes on");
    }
}
