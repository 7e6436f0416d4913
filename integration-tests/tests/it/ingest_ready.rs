//! Products that cannot be served now say why and what to do, and the others are served.

use crate::{ingest_bad_input::NOTHINGS, ingest_quarantine::delete_topic};
use std::time::Duration;
use tidegate_integration_tests::{Mesh, Reply, Sidecar, eventually, free_address, orders, parts};

const SOON: Duration = Duration::from_secs(60);

async fn post_order(sidecar: &Sidecar) -> Reply {
    sidecar.post_json("orders", &orders::order(1)).await
}

async fn post_nothing(sidecar: &Sidecar) -> Reply {
    sidecar.post("nothings", "application/json", r#"{"items":[]}"#).await
}

/// Refused before anything was accepted, with the way out in it.
fn assert_not_ready(reply: &Reply, way_out: &str) {
    assert_eq!((reply.status, &reply.json()["type"]), (503, &"urn:tidegate:problem:not-ready".into()));
    assert!(reply.headers.contains_key("retry-after"), "{:?}", reply.headers);
    assert!(reply.text().contains(way_out), "{}", reply.text());
}

/// What `/readyz` says of one product; the pod itself is ready.
async fn state_of(sidecar: &Sidecar, product: &str) -> serde_json::Value {
    let reply = sidecar.readyz().await.expect("an answer");
    assert_eq!(reply.status, 200, "{}", reply.text());
    let json = reply.json();
    let products = json["products"].as_array().expect("a list").iter();
    products.clone().find(|state| state["product"] == product).expect("it is listed").clone()
}

#[tokio::test]
async fn what_the_catalog_does_not_have_is_not_ready_and_the_others_are_served() {
    let sales = Mesh::new("sales").contract(orders::CONTRACT, &[orders::SCHEMA]);
    sales.apply();
    let sales = sales.product("nothings", NOTHINGS);
    let sidecar = sales.start().await;
    eventually("the one is ready", SOON, async || (state_of(&sidecar, "orders").await["ready"] == true).then_some(()))
        .await;
    assert_eq!(post_order(&sidecar).await.status, 200);
    assert_not_ready(&post_nothing(&sidecar).await, "run `tidegate apply`");
    let state = state_of(&sidecar, "nothings").await;
    assert!(state["ready"] == false && state["reason"].as_str().is_some_and(|why| why.contains("tidegate apply")));

    sales.apply();
    sidecar.products_ready().await;
    assert_eq!(post_nothing(&sidecar).await.status, 200);
}

#[tokio::test]
async fn what_has_lost_its_topic_is_not_ready_and_the_others_are_served() {
    let sales = Mesh::new("sales").contract(orders::CONTRACT, &[orders::SCHEMA]);
    let sales = sales.product("nothings", NOTHINGS);
    sales.apply();
    let sidecar = sales.run().await;
    assert_eq!(post_order(&sidecar).await.status, 200);
    delete_topic(sales.kafka(), &sales.topic("orders", 1)).await;
    let reply = eventually("the product is not ready", SOON, async || {
        let reply = post_order(&sidecar).await;
        // Until it is noticed: acked by a broker that is still at it, or known to have failed, or not known.
        assert!(matches!(reply.status, 200 | 503 | 504), "{}", reply.text());
        (reply.json()["type"] == "urn:tidegate:problem:not-ready").then_some(reply)
    })
    .await;
    assert_not_ready(&reply, "does not exist; run `tidegate apply`");
    assert_eq!(state_of(&sidecar, "orders").await["ready"], false);
    assert_eq!(post_nothing(&sidecar).await.status, 200, "its neighbour goes on");

    sales.apply();
    sidecar.products_ready().await;
    eventually("it is served again", SOON, async || (post_order(&sidecar).await.status == 200).then_some(())).await;
}

#[tokio::test]
async fn a_sidecar_whose_kafka_was_never_there_accepts_nothing_and_says_when_to_come_again() {
    let nobody = free_address().to_string();
    let sales = Mesh::on("sales", &nobody, &parts().registry).contract(orders::CONTRACT, &[orders::SCHEMA]);
    let sidecar = sales.start().await;
    eventually("the reason is known", SOON, async || {
        let reply = post_order(&sidecar).await;
        assert_not_ready(&reply, "catalog could not be read yet");
        reply.text().contains(&nobody).then_some(())
    })
    .await;
    assert_eq!(state_of(&sidecar, "orders").await["ready"], false);
    sidecar.stop().await;
}
