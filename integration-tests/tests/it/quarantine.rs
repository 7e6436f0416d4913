//! `tidegate quarantine` on a real broker.

use serde_json::{Value, json};
use std::{collections::HashMap, process::Stdio, time::Duration};
use tidegate_integration_tests::{Mesh, Outcome, eventually, orders};

/// The contract's next version, in which a currency may be any text and an order may have no items.
fn mended() -> String {
    let (_, contract) = orders::CONTRACT;
    let mended = contract
        .replace("version: 1.0.0", "version: 1.1.0")
        .replace(r#"    logicalTypeOptions: {pattern: "^[A-Z]{3}$"}"#, "    description: Any text.")
        .replace(
            "  - name: itemCount\n    logicalType: integer\n    logicalTypeOptions: {minimum: 1}\n",
            "  - name: itemCount\n    logicalType: integer\n",
        );
    assert!(!mended.contains("pattern") && mended.matches("minimum").count() == 1, "{mended}");
    mended
}

fn json_of(outcome: &Outcome) -> Value {
    assert_eq!(outcome.code, Some(0), "{}\n{}", outcome.stdout, outcome.stderr);
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {}", outcome.stdout))
}

fn quarantine(mesh: &Mesh, arguments: &[&str]) -> Value {
    json_of(&mesh.tidegate(&[&["quarantine"], arguments, &["--output", "json"]].concat()))
}

/// A domain whose `orders` were sent one sound event and one broken in each way.
async fn mesh() -> Mesh {
    let sales = Mesh::new("sales").contract(orders::CONTRACT, &[orders::SCHEMA]);
    sales.apply();
    let sidecar = sales.run().await;
    let mut events = vec![orders::order(100)];
    events.extend((0..6).map(|number| orders::broken(number).0));
    let lines: String = events.iter().map(|event| format!("{event}\n")).collect();
    let reply = sidecar.post("orders", "application/x-ndjson", lines).await;
    assert_eq!(reply.status, 207, "{}", reply.text());
    sidecar.stop().await;
    sales
}

#[tokio::test]
async fn what_broke_is_counted_by_cause_and_shown_without_its_bytes() {
    let sales = mesh().await;
    let list = quarantine(&sales, &["list", "orders"]);
    assert_eq!((&list["product"], &list["matching"]), (&json!("orders.v1"), &json!(6)), "{list}");
    let causes = list["causes"].as_array().expect("causes are a list");
    assert_eq!(causes.len(), 8, "six events broken in eight ways: {list}");
    assert!(causes.contains(&json!({ "clause": "pattern", "path": "currency", "events": 1 })), "{list}");

    let check = |arguments: &[&str], matching: u64| {
        let list = quarantine(&sales, &[&["list", "orders"], arguments].concat());
        assert_eq!(list["matching"], json!(matching), "{arguments:?}: {list}");
    };
    check(&["--clause", "pattern"], 1);
    check(&["--path", "total"], 2);
    check(&["--clause", "missing", "--path", "currency"], 0);
    check(&["--since", "10m"], 6);
    check(&["--until", "10m"], 0);
    let limited = quarantine(&sales, &["list", "orders", "--limit", "2"]);
    assert_eq!((&limited["matching"], limited["events"].as_array().map(Vec::len)), (&json!(6), Some(2)));

    let one = &quarantine(&sales, &["list", "orders", "--clause", "pattern"])["events"][0];
    let position = one["position"].as_str().expect("an event has its place");
    let shown = quarantine(&sales, &["show", "orders", position]);
    assert_eq!(shown["violations"].as_array().map(Vec::len), Some(2), "{shown}");
    assert_eq!(shown.get("payload"), None, "{shown}");
    let whole = quarantine(&sales, &["show", "orders", position, "--payload"]);
    let payload: Value = serde_json::from_str(whole["payload"].as_str().expect("it is text")).expect("it is JSON");
    assert_eq!(payload, orders::broken(0).0);
    let human = sales.tidegate(&["quarantine", "show", "orders", position]);
    assert!(human.stdout.contains("breaks    pattern at currency") && !human.stdout.contains("euro"), "{human:?}");
    let missing = sales.tidegate(&["quarantine", "show", "orders", "0:999999"]);
    assert_eq!(missing.code, Some(1), "{missing:?}");
    let unknown = sales.tidegate(&["quarantine", "list", "order"]);
    assert!(unknown.code == Some(2) && unknown.stderr.contains("orders.v1"), "{unknown:?}");
}

#[tokio::test]
async fn what_keeps_the_contract_of_now_is_replayed_once_under_its_own_id() {
    let sales = mesh().await;
    let dry = quarantine(&sales, &["replay", "orders"]);
    assert_eq!((&dry["dryRun"], &dry["sound"], &dry["broken"]), (&json!(true), &json!(0), &json!(6)), "{dry}");

    sales.write("contracts/orders.odcs.yaml", &mended().replace("DOMAIN", sales.domain()));
    let early = sales.tidegate(&["quarantine", "replay", "orders"]);
    assert!(early.code == Some(1) && early.stderr.contains("tidegate apply"), "{early:?}");
    sales.apply();
    let dry = quarantine(&sales, &["replay", "orders"]);
    assert_eq!((&dry["sound"], &dry["broken"], &dry["published"]), (&json!(1), &json!(5), &json!(0)), "{dry}");
    assert_eq!(sales.read_product("orders", 1).await.len(), 1, "a dry run publishes nothing");

    let done = quarantine(&sales, &["replay", "orders", "--publish"]);
    assert_eq!((&done["published"], &done["broken"]), (&json!(1), &json!(5)), "{done}");
    let again = quarantine(&sales, &["replay", "orders", "--publish"]);
    assert_eq!((&again["published"], &again["replayedBefore"]), (&json!(0), &json!(1)), "{again}");

    let records = sales.read_product("orders", 1).await;
    assert_eq!(records.len(), 2, "once, and nothing else");
    let replayed = records.iter().find(|record| record.header("ce_id") == Some("order-0")).expect("its id is its own");
    assert_eq!(replayed.json(), orders::broken(0).0);
    let left = quarantine(&sales, &["list", "orders"]);
    assert_eq!((&left["matching"], &left["replayed"]), (&json!(5), &json!(0)), "{left}");
    let all = quarantine(&sales, &["list", "orders", "--replayed"]);
    assert_eq!((&all["matching"], &all["replayed"]), (&json!(6), &json!(1)), "{all}");
}

#[tokio::test]
async fn a_replay_that_is_killed_goes_on_where_it_ended() {
    const EVENTS: u64 = 6_000;
    let sales = Mesh::new("sales").contract(orders::CONTRACT, &[orders::SCHEMA]);
    sales.apply();
    let sidecar = sales.run().await;
    for start in (0..EVENTS).step_by(1_000) {
        let event = |number: u64| {
            let mut event = orders::order(number);
            event["currency"] = json!("euro");
            format!("{event}\n")
        };
        let lines: String = (start..start + 1_000).map(event).collect();
        let reply = sidecar.post("orders", "application/x-ndjson", lines).await;
        assert_eq!(reply.status, 422, "{}", reply.text());
    }
    sidecar.stop().await;
    sales.write("contracts/orders.odcs.yaml", &mended().replace("DOMAIN", sales.domain()));
    sales.apply();

    let replay = ["quarantine", "replay", "orders", "--publish", "--output", "json"];
    let mut killed = sales.command(&replay).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let begun = async || (!sales.read_product("orders", 1).await.is_empty()).then_some(());
    eventually("the replay has begun", Duration::from_secs(60), begun).await;
    killed.kill().expect("it can be killed");
    killed.wait().expect("it ends");

    let rest = json_of(&sales.tidegate(&replay));
    assert_eq!(rest["sound"].as_u64().zip(rest["replayedBefore"].as_u64()).map(|(a, b)| a + b), Some(EVENTS), "{rest}");
    let mut times: HashMap<String, u64> = HashMap::new();
    for record in sales.read_product("orders", 1).await {
        *times.entry(record.header("ce_id").expect("an event has its id").to_owned()).or_default() += 1;
    }
    assert_eq!(times.len() as u64, EVENTS, "every event is there, and none that was not sent");
    let twice = times.values().filter(|times| **times > 1).count();
    assert!(twice <= 500 && times.values().all(|times| *times <= 2), "{twice} twice");
}

#[tokio::test]
async fn a_compacted_product_is_replayed_only_when_told_so() {
    let (name, contract) = orders::CONTRACT;
    let compacted = format!("{contract}- {{property: tidegate.cleanup, value: compact}}\n");
    let sales = Mesh::new("sales").contract((name, &compacted), &[orders::SCHEMA]);
    sales.apply();
    let refused = sales.tidegate(&["quarantine", "replay", "orders", "--publish"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("--allow-reorder"), "{refused:?}");
    let dry = quarantine(&sales, &["replay", "orders"]);
    assert_eq!(dry["sound"], json!(0));
    let told = quarantine(&sales, &["replay", "orders", "--publish", "--allow-reorder"]);
    assert_eq!(told["published"], json!(0));
}
