//! `tidegate quarantine` on a real broker.

use serde_json::{Value, json};
use std::{
    collections::HashMap,
    process::{Command, Stdio},
    time::Duration,
};
use tidegate_integration_tests::{Mesh, Outcome, eventually, orders};

/// The next version of a contract, in which a currency may be any text and an order may have no items.
fn mended(contract: &str) -> String {
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

/// A domain with this contract of `orders`, to which these were sent.
async fn sent(contract: &str, events: &[Value]) -> Mesh {
    let sales = Mesh::new("sales").contract((orders::CONTRACT.0, contract), &[orders::SCHEMA]);
    sales.apply();
    let sidecar = sales.run().await;
    let lines: String = events.iter().map(|event| format!("{event}\n")).collect();
    let reply = sidecar.post("orders", "application/x-ndjson", lines).await;
    assert!(reply.items().iter().all(|item| item["status"] == "published" || item["quarantined"] == true), "{reply:?}");
    sidecar.stop().await;
    sales
}

/// A domain whose `orders` were sent one sound event and one broken in each way.
async fn mesh() -> Mesh {
    let mut events = vec![orders::order(100)];
    events.extend((0..6).map(|number| orders::broken(number).0));
    sent(orders::CONTRACT.1, &events).await
}

/// Orders that the mended contract takes, a line each.
fn in_euro(numbers: std::ops::Range<u64>) -> String {
    let line = |number: u64| {
        let mut event = orders::order(number);
        event["currency"] = json!("euro");
        format!("{event}\n")
    };
    numbers.map(line).collect()
}

/// Releases the contract in which more is allowed.
fn release_mended(mesh: &Mesh, contract: &str) {
    mesh.write("contracts/orders.odcs.yaml", &mended(contract).replace("DOMAIN", mesh.domain()));
    mesh.apply();
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
    check(&["--path", "lines"], 1);
    check(&["--path", "line"], 0);
    check(&["--since", "10m"], 6);
    check(&["--until", "10m"], 0);
    // One request, one moment: all of them from it on, none before it.
    let moment = list["events"][0]["received"].as_str().expect("an event has its time");
    check(&["--since", moment], 6);
    check(&["--until", moment], 0);
    let limited = quarantine(&sales, &["list", "orders", "--limit", "2"]);
    assert_eq!((&limited["matching"], limited["events"].as_array().map(Vec::len)), (&json!(6), Some(2)));

    let human = sales.tidegate(&["quarantine", "list", "orders"]).stdout;
    let places = ["orders.v1: 6 events", "clause", "currency", "0:0", "quarantine show orders.v1"];
    let found = places.map(|text| human.find(text).unwrap_or_else(|| panic!("no {text:?} in {human}")));
    assert!(found.is_sorted(), "the causes come first: {human}");

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

    let (_, contract) = orders::CONTRACT;
    sales.write("contracts/orders.odcs.yaml", &mended(contract).replace("DOMAIN", sales.domain()));
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
        let reply = sidecar.post("orders", "application/x-ndjson", in_euro(start..start + 1_000)).await;
        assert_eq!(reply.status, 422, "{}", reply.text());
    }
    sidecar.stop().await;
    release_mended(&sales, orders::CONTRACT.1);
    let shown = in_a_terminal(&sales, &["quarantine", "replay", "orders"]);
    assert!(shown.contains("tidegate-quarantine.orders.v1") && shown.contains('%'), "no progress bar: {shown}");
    assert!(shown.contains("add --publish"), "a dry run says so: {shown}");

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

/// What a command shows to somebody at a terminal.
fn in_a_terminal(mesh: &Mesh, arguments: &[&str]) -> String {
    let inside = mesh.command(arguments);
    let line: Vec<_> = std::iter::once(inside.get_program()).chain(inside.get_args()).collect();
    let line = line.join(std::ffi::OsStr::new(" "));
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command"]).arg(line).arg("/dev/null").current_dir(mesh.folder());
    let output = script.stdin(Stdio::null()).output().expect("script runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn a_compacted_product_is_replayed_only_when_told_so() {
    let (_, contract) = orders::CONTRACT;
    let compacted = format!("{contract}- {{property: tidegate.cleanup, value: compact}}\n");
    let sales = sent(&compacted, &[orders::broken(0).0]).await;
    release_mended(&sales, &compacted);
    let refused = sales.tidegate(&["quarantine", "replay", "orders", "--publish"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("--allow-reorder"), "{refused:?}");
    let dry = quarantine(&sales, &["replay", "orders"]);
    assert_eq!((&dry["sound"], &dry["published"]), (&json!(1), &json!(0)), "{dry}");
    assert_eq!(sales.read_product("orders", 1).await.len(), 0);
    let told = quarantine(&sales, &["replay", "orders", "--publish", "--allow-reorder"]);
    assert_eq!(told["published"], json!(1), "{told}");
    assert_eq!(sales.read_product("orders", 1).await.len(), 1);
}

#[tokio::test]
async fn a_replayed_event_keeps_what_its_caller_said_of_it() {
    let contract = orders::CONTRACT.1.replace("- {property: tidegate.eventId, value: orderId}\n", "");
    assert_ne!(contract, orders::CONTRACT.1);
    let sales = Mesh::new("sales").contract((orders::CONTRACT.0, &contract), &[orders::SCHEMA]);
    sales.apply();
    let sidecar = sales.run().await;
    let (broken, _) = orders::broken(0);
    let given = sidecar.post_json("orders", &broken).await.items()[0]["id"].clone();
    let attributes = [("id", "e-1"), ("type", "their.type"), ("time", "2026-01-02T03:04:05Z"), ("subject", "s")];
    let request = sidecar.request(reqwest::Method::POST, "/v1/products/orders/events");
    let request = request.header("ce-specversion", "1.0").header("ce-source", "/theirs");
    let request =
        attributes.iter().fold(request, |request, (name, value)| request.header(format!("ce-{name}"), *value));
    assert_eq!(sidecar.send(request.body(broken.to_string())).await.items()[0]["quarantined"], true);
    sidecar.stop().await;

    release_mended(&sales, &contract);
    assert_eq!(quarantine(&sales, &["replay", "orders", "--publish"])["published"], json!(2));
    let records = sales.read_product("orders", 1).await;
    assert_eq!(json!(records[0].header("ce_id")), given, "the id of the receipt");
    for (name, value) in attributes {
        assert_eq!(records[1].header(&format!("ce_{name}")), Some(value));
    }
    assert!(records.iter().all(|record| record.json() == broken));
}

#[tokio::test]
async fn a_replay_may_be_larger_than_the_sidecars_queue() {
    let limits = "{queueBytes: 200KiB, requestBytes: 100KiB, eventBytes: 50KiB, queueEvents: 8, requestEvents: 8}";
    let sales = Mesh::new("sales").contract(orders::CONTRACT, &[orders::SCHEMA]).config(&format!("limits: {limits}"));
    sales.apply();
    let sidecar = sales.run().await;
    for start in [0, 8, 16] {
        let reply = sidecar.post("orders", "application/x-ndjson", in_euro(start..start + 8)).await;
        assert_eq!(reply.status, 422, "{}", reply.text());
    }
    sidecar.stop().await;
    release_mended(&sales, orders::CONTRACT.1);
    assert_eq!(quarantine(&sales, &["replay", "orders", "--publish"])["published"], json!(24));
}

#[tokio::test]
async fn violations_beyond_those_listed_are_counted() {
    let sales = Mesh::new("sales").contract(orders::CONTRACT, &[orders::SCHEMA]).config("limits: {violations: 3}");
    sales.apply();
    let sidecar = sales.run().await;
    let reply = sidecar.post("orders", "application/json", "{}").await;
    assert_eq!((reply.status, &reply.items()[0]["violationsMore"]), (422, &json!(10)), "{}", reply.text());
    sidecar.stop().await;
    let list = quarantine(&sales, &["list", "orders"]);
    assert_eq!(list["events"][0]["more"], json!(10), "{list}");
    let shown = sales.tidegate(&["quarantine", "show", "orders", "0:0"]).stdout;
    assert!(shown.contains("and 10 more that are not listed"), "{shown}");
}
