//! Requests that are refused as a whole: a problem, and nothing published.

use super::*;

#[tokio::test]
async fn what_is_wrong_with_a_request_is_named() {
    let gate = Gate::keyed("");
    let check = async |method: &str, path: &str, headers: &[(&str, &str)], body: &str, status: u16, problem: &str| {
        let reply = gate.send_to(method, path, headers, body.to_owned()).await;
        assert_eq!((reply.status, reply.problem()), (status, problem), "{method} {path} {headers:?} {body:?}");
        reply
    };
    let events = "/v1/products/orders/events";
    let json = ("content-type", "application/json");
    let order = r#"{"orderId":"o-1","amount":1}"#;

    check("POST", "/", &[json], order, 404, "not-found").await;
    check("POST", "/v1/products/orders/event", &[json], order, 404, "not-found").await;
    check("POST", "/v1/products/a/b/events", &[json], order, 404, "not-found").await;
    let reply = check("GET", events, &[], "", 405, "method").await;
    assert_eq!(reply.headers["allow"], "POST, DELETE");
    let reply = check("POST", "/v1/products/order/events", &[json], order, 404, "unknown-product").await;
    assert_eq!(reply.body["suggestion"], "orders");
    let reply = check("POST", "/v1/products/invoices/events", &[json], order, 404, "unknown-product").await;
    assert_eq!(reply.body.get("suggestion"), None);
    let reply = check("POST", &format!("{events}?version=2"), &[json], order, 404, "unknown-version").await;
    assert_eq!(reply.body["versions"], serde_json::json!([1]));
    check("POST", &format!("{events}?vresion=1"), &[json], order, 400, "unknown-parameter").await;
    check("POST", &format!("{events}?version=x"), &[json], order, 400, "bad-parameter").await;
    // What would be ignored is refused.
    check("POST", &format!("{events}?schemaId=7"), &[json], order, 400, "bad-parameter").await;
    let framed = ("content-type", "application/vnd.confluent.avro");
    check("POST", &format!("{events}?schemaId=7"), &[framed], order, 400, "bad-parameter").await;
    check("POST", &format!("{events}?encoding=avro-json"), &[framed], order, 400, "bad-parameter").await;

    let reply = check("POST", events, &[("content-type", "text/plain")], order, 415, "content-type").await;
    assert!(reply.headers["accept"].to_str().unwrap().contains("application/x-ndjson"));
    assert_eq!(reply.body["accepted"].as_array().unwrap().len(), 7);
    check("POST", events, &[json, json], order, 400, "content-type").await;
    check("POST", events, &[], order, 415, "content-type").await;
    check("POST", events, &[("content-type", "application/json; charset=utf-16")], order, 415, "content-type").await;
    let reply = check("POST", events, &[json, ("content-encoding", "br")], order, 415, "content-encoding").await;
    assert_eq!(reply.headers["accept-encoding"], "gzip, zstd, identity");
    check("POST", events, &[json, ("content-encoding", "gzip")], order, 400, "corrupt").await;
    check("POST", events, &[("content-type", "application/x-ndjson"), ("ce-id", "e")], order, 400, "cloudevents-mode")
        .await;
    check("POST", events, &[json, ("idempotency-key", "")], order, 400, "idempotency-key").await;
    check("POST", events, &[json, ("idempotency-key", "a b")], order, 400, "idempotency-key").await;
    check("POST", events, &[json, ("idempotency-key", "a"), ("idempotency-key", "b")], order, 400, "idempotency-key")
        .await;

    for malformed in [
        "",
        " ",
        "{",
        "nul",
        "{} {}",
        "[",
        "[{}",
        "[{},]",
        "[{}] x",
        "[{} {}]",
        "[,]",
        "\u{feff}{}",
        "{\"orderId\":\"o-1\",\"amount\":1",
    ] {
        check("POST", events, &[json], malformed, 400, "malformed").await;
    }
    let ce = ("content-type", "application/cloudevents+json");
    let ce_batch = ("content-type", "application/cloudevents-batch+json");
    check("POST", events, &[ce], "{\"data\":", 400, "malformed").await;
    check("POST", events, &[ce_batch], "{}", 400, "malformed").await;
    check("POST", events, &[ce_batch], "[{},", 400, "malformed").await;
    check("POST", events, &[("content-type", "application/vnd.tidegate.avro-batch")], "abc", 400, "malformed").await;

    let many = |count: usize| format!("[{}]", vec!["{}"; count].join(","));
    check("POST", events, &[json], &many(101), 413, "too-many-events").await;
    check("POST", events, &[ce_batch], &many(101), 413, "too-many-events").await;
    check("POST", events, &[("content-type", "application/x-ndjson")], &"{}\n".repeat(101), 413, "too-many-events")
        .await;
    let frames = "\0\0\0\0".repeat(101);
    check("POST", events, &[("content-type", "application/vnd.tidegate.avro-batch")], &frames, 413, "too-many-events")
        .await;
    check("POST", events, &[json], &" ".repeat((1 << 20) + 1), 413, "too-large").await;

    assert_eq!((gate.published().await, gate.quarantined().await), (String::new(), String::new()));
}

#[tokio::test]
async fn a_good_array_with_one_bad_byte_publishes_nothing() {
    let gate = Gate::keyed("");
    let order = r#"{"orderId":"o-1","amount":1}"#;
    let reply = gate.post("application/json", format!("[{order},{order},{{\"orderId\":\"o-1\"\"amount\":1}}]")).await;
    assert_eq!((reply.status, reply.problem()), (400, "malformed"));
    assert_eq!((gate.published().await, gate.quarantined().await), (String::new(), String::new()));
}

#[tokio::test]
async fn a_bomb_is_refused() {
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write as _;
    let gate = Gate::keyed("");
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(&vec![b' '; 64 << 20]).unwrap();
    let headers = [("content-type", "application/json"), ("content-encoding", "gzip")];
    let reply = gate.send("POST", "", &headers, gzip.finish().unwrap()).await;
    assert_eq!((reply.status, reply.problem()), (413, "too-large"));
}

#[tokio::test]
async fn one_of_two_majors_has_to_be_named() {
    let domain = format!("d{}", uuid::Uuid::new_v4().simple());
    let contracts = ["1.0.0", "2.3.0"].map(|version| contract(&domain, version, KEYED));
    for contract in &contracts {
        kafka().broker.create_topic(&contract.topic, 1).unwrap();
    }
    let gate = Gate::of(domain, contracts.to_vec(), Options::of_tests(), kafka().producer.clone());
    let order = r#"{"orderId":"o-1","amount":1}"#;
    let reply = gate.post("application/json", order).await;
    assert_eq!((reply.status, reply.problem()), (400, "version-needed"));
    assert_eq!(reply.body["versions"], serde_json::json!([1, 2]));
    let reply = gate.send("POST", "?version=2", &[("content-type", "application/json")], order).await;
    assert_eq!((reply.status, &reply.body["items"][0]["topic"]), (200, &format!("{}.orders.v2", gate.domain).into()));
}

fn unready(version: &str) -> Arc<Product> {
    let reason = "orders@1.2.0 is not released; run `tidegate apply`".to_owned();
    Arc::new(Product { contract: Arc::new(contract("sales", version, KEYED)), state: State::NotReady(reason) })
}

#[tokio::test]
async fn the_majors_that_are_ready_are_what_a_caller_can_mean() {
    use super::super::{NoTarget, Target};
    let check = |versions: &[(&str, bool)], asked: Option<u64>, expected: &str| {
        let of_product = versions.iter().map(|(version, ready)| match ready {
            true => Arc::new(serve(contract("sales", version, KEYED))),
            false => unready(version),
        });
        let snapshot = HashMap::from([("orders".to_owned(), of_product.collect())]);
        let found = match Target::find(&snapshot, "orders", asked) {
            Ok(target) => target.product().contract.version.to_string(),
            Err(NoTarget::Ambiguous { live, .. }) => format!("one of {live:?}"),
            Err(NoTarget::UnknownVersion { live, .. }) => format!("not in {live:?}"),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expected, "{versions:?} {asked:?}");
    };
    let not_ready = |version: &str| {
        format!("`sales.orders@{version}` is not ready: orders@1.2.0 is not released; run `tidegate apply`")
    };
    check(&[("1.2.0", true)], None, "1.2.0");
    check(&[("1.2.0", true)], Some(1), "1.2.0");
    check(&[("1.2.0", true)], Some(2), "not in [1]");
    check(&[("1.2.0", false)], None, &not_ready("1.2.0"));
    check(&[("2.0.0", true), ("1.2.0", true)], None, "one of [1, 2]");
    check(&[("2.0.0", true), ("1.2.0", true)], Some(2), "2.0.0");
    // A new major that is not applied yet takes nothing from those who have not heard of it.
    check(&[("2.0.0", false), ("1.2.0", true)], None, "1.2.0");
    check(&[("2.0.0", false), ("1.2.0", true)], Some(2), &not_ready("2.0.0"));
    // What cannot be served now is no mistake of the caller's: 503, and not 400.
    check(&[("2.0.0", false), ("1.2.0", false)], None, &not_ready("2.0.0"));
}

#[tokio::test]
async fn a_product_that_is_not_ready_says_so() {
    let gate = Gate::of("sales".into(), vec![], Options::of_tests(), kafka().producer.clone());
    gate.products.set(HashMap::from([("orders".to_owned(), vec![unready("1.2.0")])]));
    let reply = gate.post("application/json", "{}").await;
    assert_eq!((reply.status, reply.problem()), (503, "not-ready"));
    assert!(reply.body["detail"].as_str().unwrap().contains("tidegate apply"));
    assert_eq!(reply.headers["retry-after"], "10");
}

/// With no broker there is no room: everything is refused, with the ids under which it can be sent again.
#[tokio::test]
async fn a_request_that_is_not_admitted_keeps_its_ids() {
    let mut config = KafkaConfig::default();
    // Nothing listens on the discard port.
    config.properties.insert("bootstrap.servers".into(), "127.0.0.1:9".into());
    let limits = ProducerLimits { queue_bytes: 8 << 10, queue_records: 100, delivery_timeout: Duration::from_secs(30) };
    let producer = Producer::new(&config, limits).unwrap();
    let domain = "sales".to_owned();
    let contract = contract(&domain, "1.0.0", KEYED);
    let gate = Gate::of(domain, vec![contract], Options::of_tests(), producer.clone());
    let began = std::time::Instant::now();
    while producer.unreachable().is_none() {
        assert!(began.elapsed() < Duration::from_secs(20), "never unreachable");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let body = "{\"orderId\":\"o-1\",\"amount\":1}\n{}\n";
    let headers = [("content-type", "application/x-ndjson"), ("idempotency-key", "k")];
    let reply = gate.send("POST", "", &headers, body).await;
    assert_eq!((reply.status, reply.problem()), (503, "kafka-unreachable"));
    assert_eq!(reply.items(), ["k/0 failed", "k/1 rejected orderId:missing amount:missing lost"]);
    assert!(reply.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
    // What breaks the contract is refused all the same, and nobody says that it was kept.
    let reply = gate.send("POST", "", &headers, "{}").await;
    assert_eq!(
        (reply.status, reply.items()),
        (422, vec!["k/0 rejected orderId:missing amount:missing lost".to_owned()])
    );
    assert!(reply.body["items"][0]["reason"].as_str().unwrap().contains("no broker"));
    assert_eq!((gate.counted(EventOutcome::Failed), gate.counted(EventOutcome::Rejected)), (1, 2));
}

#[tokio::test]
async fn a_full_queue_asks_to_come_again() {
    let mut config = KafkaConfig::default();
    config.properties.insert("bootstrap.servers".into(), kafka().broker.bootstrap_servers().into());
    let limits = ProducerLimits { queue_bytes: 4 << 10, queue_records: 2, delivery_timeout: Duration::from_secs(20) };
    let producer = Producer::new(&config, limits).unwrap();
    let domain = format!("d{}", uuid::Uuid::new_v4().simple());
    let contract = contract(&domain, "1.0.0", KEYED);
    kafka().broker.create_topic(&contract.topic, 1).unwrap();
    let gate = Gate::of(domain, vec![contract], Options::of_tests(), producer.clone());
    let order = "{\"orderId\":\"o-1\",\"amount\":1}\n";
    // All of it could never fit.
    let reply = gate.post("application/x-ndjson", order.repeat(3)).await;
    assert_eq!((reply.status, reply.problem()), (413, "larger-than-queue"));
    // Somebody else is in the queue.
    let taken = producer.admit(2, 3 << 10).unwrap();
    let reply = gate.post("application/x-ndjson", order).await;
    assert_eq!((reply.status, reply.problem()), (429, "queue-full"));
    assert!(reply.headers.contains_key("retry-after"));
    assert_eq!(reply.items(), ["UUID failed"]);
    drop(taken);
    let reply = gate.post("application/x-ndjson", order).await;
    assert_eq!((reply.status, reply.items()), (200, vec!["UUID published".to_owned()]));
}
