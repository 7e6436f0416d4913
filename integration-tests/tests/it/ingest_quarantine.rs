//! Nobody says "quarantined" whom the broker has not told so, and nothing is quarantined for the registry's sake.

use rdkafka::{ClientConfig, admin::AdminClient, admin::AdminOptions, client::DefaultClientContext};
use std::time::{Duration, Instant};
use tidegate_integration_tests::{Mesh, Mode, Parts, Sidecar, eventually, orders};

pub(crate) async fn delete_topic(kafka: &str, topic: &str) {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", kafka).create().expect("the properties are valid");
    let results = admin.delete_topics(&[topic], &AdminOptions::new()).await.expect("the broker answers");
    assert!(results.iter().all(Result::is_ok), "{results:?}");
}

fn good_and_broken(number: u64) -> String {
    format!("{}\n{}\n", orders::order(number), orders::broken(number).0)
}

/// Waits until a broken event is not kept for this reason; until then for another one, or it is. Its neighbours are
/// published all the time.
async fn not_kept(sidecar: &Sidecar, reason: &str) {
    eventually("the event is not kept", Duration::from_secs(60), async || {
        let reply = sidecar.post("orders", "application/x-ndjson", good_and_broken(2)).await;
        assert_eq!((reply.status, reply.statuses()), (207, vec!["published".to_owned(), "rejected".to_owned()]));
        let item = &reply.items()[1];
        assert!(item["violations"].as_array().is_some_and(|violations| !violations.is_empty()), "{item}");
        let said = item["reason"].as_str().unwrap_or_default();
        assert_eq!(item["quarantined"] == true, said.is_empty(), "{item}");
        said.contains(reason).then_some(())
    })
    .await;
}

/// faults.md, row 9.
#[tokio::test]
async fn without_its_topic_the_quarantine_is_not_claimed_and_neighbours_go_on() {
    let sales = Mesh::new("sales").contract(orders::CONTRACT, &[orders::SCHEMA]);
    sales.apply();
    let sidecar = sales.run().await;
    let reply = sidecar.post("orders", "application/x-ndjson", good_and_broken(1)).await;
    assert_eq!(reply.items()[1]["quarantined"], true, "{}", reply.text());
    assert_eq!(sales.read_quarantine("orders", 1).await.len(), 1);

    delete_topic(sales.kafka(), &format!("{}.tidegate-quarantine.orders.v1", sales.domain())).await;
    not_kept(&sidecar, "run `tidegate apply`").await;
}

#[tokio::test]
async fn a_quarantine_that_may_not_be_written_is_not_claimed_and_neighbours_go_on() {
    let parts = Parts::own();
    let sales = Mesh::on("sales", &parts.kafka, &parts.registry).contract(orders::CONTRACT, &[orders::SCHEMA]);
    sales.apply();
    parts.deny(&format!("{}.tidegate-quarantine.orders.v1", sales.domain()));
    let sidecar = sales.run().await;
    not_kept(&sidecar, "does not permit").await;
    // Nor does a neighbour of a later request suffer.
    assert_eq!(sidecar.post_json("orders", &orders::order(7)).await.status, 200);
}

#[tokio::test]
async fn what_only_a_silent_registry_could_tell_is_failed_at_once_and_quarantined_never() {
    let (sales, proxy) = crate::registry::mesh();
    let sidecar = sales.run().await;
    let mut frame = b"\x00\x00\x00\x00\x00body".to_vec();
    let mut ids = 2_000_000_001_u32..;
    for mode in [Mode::Stall, Mode::Cut] {
        proxy.set(mode);
        // The best of some tries: the registry has 100 ms, and a busy box may be late once.
        let mut best = Duration::MAX;
        for id in ids.by_ref().take(10) {
            frame[1..5].copy_from_slice(&id.to_be_bytes());
            let began = Instant::now();
            let reply = sidecar.post("orders", "application/vnd.confluent.avro", frame.clone()).await;
            best = best.min(began.elapsed());
            let ended = (reply.status, reply.statuses());
            assert_eq!(ended, (503, vec!["failed".to_owned()]), "{mode:?}: {}", reply.text());
            assert!(reply.headers.contains_key("retry-after"));
            if best < Duration::from_millis(150) {
                break;
            }
        }
        assert!(best < Duration::from_millis(150), "{mode:?}: {best:?}");
        assert_eq!(sidecar.post_json("orders", &orders::order(1)).await.status, 200);
    }
    assert_eq!(sales.read_quarantine("orders", 1).await.len(), 0);
    // When it is back, it says that the id is nobody's.
    proxy.set(Mode::Pass);
    eventually("the registry is believed", Duration::from_secs(30), async || {
        let reply = sidecar.post("orders", "application/vnd.confluent.avro", frame.clone()).await;
        (reply.items()[0]["violations"][0]["clause"] == "schema-id").then_some(())
    })
    .await;
}
