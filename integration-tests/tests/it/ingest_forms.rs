//! Forms of a request that the journey does not take: two majors, compression, tombstones, Avro without a frame and Avro's
//! own JSON, ids from a header.

use crate::ingest_bad_input::NESTS;
use reqwest::Method;
use serde_json::json;
use std::io::Write as _;
use tidegate_integration_tests::{Mesh, orders};

#[tokio::test]
async fn a_caller_says_which_of_two_majors_and_takes_entities_away_from_a_compacted_one() {
    let (_, first) = orders::CONTRACT;
    let compacted = format!("{first}- {{property: tidegate.cleanup, value: compact}}\n");
    let second = first.replace("version: 1.0.0", "version: 2.0.0");
    let second = second.replace("- {property: tidegate.eventId, value: orderId}\n", "");
    let sales = Mesh::new("sales")
        .contract(("orders.odcs.yaml", &compacted), &[orders::SCHEMA])
        .contract(("orders-2.odcs.yaml", &second), &[]);
    sales.apply();
    let sidecar = sales.run().await;
    let of = |method: Method, query: &str| sidecar.request(method, &format!("/v1/products/orders/events{query}"));

    let reply = sidecar.post_json("orders", &orders::order(1)).await;
    let problem = reply.json();
    assert_eq!((reply.status, &problem["versions"]), (400, &json!([1, 2])), "{problem}");

    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    write!(packed, "{}\n{}\n", orders::order(1), orders::order(2)).expect("memory takes it");
    let packed = packed.finish().expect("memory takes it");
    for version in [1, 2] {
        let request = of(Method::POST, &format!("?version={version}")).header("content-type", "application/x-ndjson");
        let request = request.header("content-encoding", "gzip").header("idempotency-key", "again");
        let reply = sidecar.send(request.body(packed.clone())).await;
        assert_eq!(reply.statuses(), ["published", "published"], "{}", reply.text());
        let records = sales.read_product("orders", version).await;
        let mut seen: Vec<_> = records.iter().map(|record| (record.header("ce_id"), record.json())).collect();
        seen.sort_by_key(|(_, event)| event["sequence"].as_u64());
        // The event's own id counts where the contract names it.
        let ids = if version == 1 { ["order-1", "order-2"] } else { ["again/0", "again/1"] };
        assert_eq!(seen, [(Some(ids[0]), orders::order(1)), (Some(ids[1]), orders::order(2))]);
    }

    let order = orders::order(1);
    let customer = order["customerId"].as_str().expect("a key");
    let gone = |version: u64| of(Method::DELETE, &format!("?version={version}&key={customer}"));
    assert_eq!(sidecar.send(gone(2)).await.status, 409, "kept by age, not by key");
    let reply = sidecar.send(gone(1).header("idempotency-key", "gone-1")).await;
    assert_eq!((reply.status, &reply.items()[0]["id"]), (200, &json!("gone-1")), "{}", reply.text());
    let records = sales.read_product("orders", 1).await;
    let of_customer: Vec<_> = records.iter().filter(|record| record.key_text() == Some(customer)).collect();
    let [event, tombstone] = of_customer[..] else { panic!("{of_customer:?}") };
    assert_eq!((&tombstone.value, tombstone.header("ce_id")), (&None, Some("gone-1")));
    assert_eq!((tombstone.partition, tombstone.offset > event.offset), (event.partition, true));
}

#[tokio::test]
async fn avro_comes_without_a_frame_and_as_its_own_json() {
    let sales = Mesh::new("sales").product("nests", NESTS);
    sales.apply();
    let sidecar = sales.run().await;
    let post = async |query: &str, content_type: &str, body: &[u8]| {
        let request = sidecar.request(Method::POST, &format!("/v1/products/nests/events{query}"));
        sidecar.send(request.header("content-type", content_type).body(body.to_vec())).await
    };
    let tagged = br#"{"n":{"com.example.Nest":{"n":null}}}"#;
    let reply = post("", "application/json", tagged).await;
    assert_eq!(reply.items()[0]["undeclared"], json!(["n.com.example.Nest"]), "plain JSON has no tags");
    let reply = post("?encoding=avro-json", "application/json", tagged).await;
    assert_eq!((reply.statuses(), &reply.items()[0]["undeclared"]), (vec!["published".to_owned()], &json!(null)));
    let schema_id = reply.items()[0]["schemaId"].clone();
    assert_eq!(post("", "application/json", br#"{"n":{"n":null}}"#).await.statuses(), ["published"]);
    // Branch 1, and in it branch 0.
    for query in [String::new(), format!("?schemaId={schema_id}")] {
        assert_eq!(post(&query, "application/avro", &[2, 0]).await.statuses(), ["published"]);
    }
    let records = sales.read_product("nests", 1).await;
    assert_eq!(records.len(), 5);
    for record in records {
        assert_eq!(record.json(), json!({"n": {"n": null}}));
        assert_eq!(json!(record.schema_id()), schema_id);
    }
}
