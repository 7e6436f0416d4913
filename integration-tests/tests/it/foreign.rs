//! Clients that nobody here wrote.

use serde_json::{Value, json};
use tidegate_integration_tests::{Mesh, Python, orders};

const PARCELS: (&str, &str) = ("parcels.odcs.yaml", include_str!("../../fixtures/parcels.odcs.yaml"));
const PARCELS_SCHEMA: (&str, &str) = ("parcels.avsc", include_str!("../../fixtures/parcels.avsc"));

#[tokio::test]
async fn confluents_python_client_deserializes_values_and_keys() {
    let sales = Mesh::new("sales").contract(orders::CONTRACT, &[orders::SCHEMA]).contract(PARCELS, &[PARCELS_SCHEMA]);
    sales.apply();
    let sidecar = sales.run().await;
    let orders: Vec<Value> = (0..50).map(orders::order).collect();
    let parcels: Vec<Value> = ["ROAD", "SEA"]
        .into_iter()
        .cycle()
        .zip(0..20)
        .map(|(carrier, number)| json!({"carrier": carrier, "number": number, "grams": 250}))
        .collect();
    for (product, events) in [("orders", &orders), ("parcels", &parcels)] {
        let reply = sidecar.post_json(product, &json!(events)).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }

    let read = |topic: String, key: &str| {
        let mut records = Python::script("deserialize.py", &[sales.kafka(), sales.registry(), &topic, key]).run("");
        records.sort_by_key(|record| record["value"]["sequence"].as_u64().or(record["value"]["number"].as_u64()));
        records
    };
    let read_orders = read(sales.topic("orders", 1), "text");
    assert_eq!(
        read_orders.iter().map(|record| &record["value"]).collect::<Vec<_>>(),
        orders.iter().collect::<Vec<_>>()
    );
    for record in &read_orders {
        assert_eq!(record["key"], record["value"]["customerId"]);
        assert_eq!(record["headers"]["ce_id"], record["value"]["orderId"]);
    }
    let read_parcels = read(sales.topic("parcels", 2), "avro");
    assert_eq!(
        read_parcels.iter().map(|record| &record["value"]).collect::<Vec<_>>(),
        parcels.iter().collect::<Vec<_>>()
    );
    for record in &read_parcels {
        assert_eq!(record["key"], json!({"carrier": record["value"]["carrier"], "number": record["value"]["number"]}));
    }
}

#[tokio::test]
async fn events_of_the_cloudevents_sdk_are_accepted_in_its_three_modes() {
    let sales = Mesh::new("sales").contract(orders::CONTRACT, &[orders::SCHEMA]);
    sales.apply();
    let sidecar = sales.run().await;
    let mut expected = Vec::new();
    for (mode, numbers) in [("binary", 0..3), ("structured", 3..6), ("batch", 6..9)] {
        let events: Vec<Value> = numbers.map(orders::order).collect();
        let input: String = events.iter().map(|event| format!("{event}\n")).collect();
        let replies = Python::script("cloudevents_post.py", &[&sidecar.events_url("orders"), mode]).run(&input);
        let items: Vec<&Value> = replies
            .iter()
            .flat_map(|reply| reply["body"]["items"].as_array().unwrap_or_else(|| panic!("{reply}")))
            .collect();
        assert_eq!(items.len(), 3, "{mode}");
        assert!(items.iter().all(|item| item["status"] == "published"), "{mode}: {items:?}");
        expected.extend(events);
    }
    let mut records = sales.read_product("orders", 1).await;
    records.sort_by_key(|record| record.json()["sequence"].as_u64());
    assert_eq!(records.iter().map(|record| record.json()).collect::<Vec<_>>(), expected);
    for record in &records {
        assert_eq!(record.header("ce_type"), Some("com.example.placed"), "the caller's type");
        assert_eq!(record.header("ce_id"), record.json()["orderId"].as_str(), "the contract's event id");
    }
}
