//! What callers should not send: each has a clear answer, costs little, and takes no good neighbour along.

use serde_json::{Value, json};
use tidegate_integration_tests::{Mesh, Reply, Sidecar, orders};

/// Five bytes of its Avro can claim half a gigabyte of nothing.
pub(crate) const NOTHINGS: &str = r#"{"type": "record", "name": "Nothings", "namespace": "com.example", "fields": [
    {"name": "items", "type": {"type": "array", "items": "null"}}]}"#;

/// Its events may nest as deep as they like, as far as the schema goes.
pub(crate) const NESTS: &str = r#"{"type": "record", "name": "Nest", "namespace": "com.example", "fields": [
    {"name": "n", "type": ["null", "Nest"], "default": null}]}"#;

fn sales() -> Mesh {
    let sales = Mesh::new("sales").contract(orders::CONTRACT, &[orders::SCHEMA]);
    sales.product("nothings", NOTHINGS).product("nests", NESTS)
}

type Headers = &'static [(&'static str, &'static str)];

const JSON: Headers = &[("content-type", "application/json")];
const AVRO: Headers = &[("content-type", "application/avro")];
const FRAMED: Headers = &[("content-type", "application/vnd.confluent.avro")];
const XML: Headers = &[("content-type", "text/xml")];
const INJECTED: Headers = &[
    ("content-type", "application/json"),
    ("ce-specversion", "1.0"),
    ("ce-id", "a%0d%0ax: y"),
    ("ce-source", "/s"),
    ("ce-type", "t"),
];

async fn post(sidecar: &Sidecar, path: &str, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> Reply {
    let request = sidecar.request(reqwest::Method::POST, &format!("/v1/products/{path}"));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    sidecar.send(request.body(body)).await
}

/// What an answer says, in a few words: the problem's kind, or the clauses that were broken, or the status.
fn verdict(reply: &Reply) -> String {
    let json = reply.json();
    if let Some(kind) = json["type"].as_str() {
        assert_eq!(reply.headers["content-type"], "application/problem+json");
        return format!("{} {}", reply.status, kind.trim_start_matches("urn:tidegate:problem:"));
    }
    let clauses = |item: &Value| -> String {
        let violations = item["violations"].as_array().into_iter().flatten();
        violations.map(|found| format!(" {}", found["clause"].as_str().unwrap_or_default())).collect()
    };
    let items = reply.items().iter().map(clauses).collect::<Vec<_>>().join(";");
    format!("{}{items}", reply.status)
}

/// The most memory the process had, beyond what it has now, while something was going on.
async fn peak<T>(sidecar: &Sidecar, work: impl Future<Output = T>) -> (T, usize) {
    let status = |name: &str| -> usize {
        let text = std::fs::read_to_string(format!("/proc/{}/status", sidecar.pid())).expect("the process is there");
        let line = text.lines().find(|line| line.starts_with(name)).expect("linux tells it");
        1024 * line.split_whitespace().nth(1).and_then(|number| number.parse::<usize>().ok()).expect("a number of kB")
    };
    // Forgets the peak so far.
    std::fs::write(format!("/proc/{}/clear_refs", sidecar.pid()), "5").expect("the peak can be reset");
    let before = status("VmRSS:");
    let result = work.await;
    (result, status("VmHWM:").saturating_sub(before))
}

/// A sound event with one field more.
fn undeclared(text: &str) -> String {
    format!(r#"{{"items":[],"more":{text}}}"#)
}

/// An order as text, with something put in its place.
fn order_with(field: &str, text: &str) -> String {
    let mut order = orders::order(1);
    order[field] = json!("PLACE");
    order.to_string().replace("\"PLACE\"", text)
}

#[tokio::test]
async fn bad_input_has_a_clear_answer_and_nothing_of_it_is_published() {
    let sales = sales();
    sales.apply();
    let sidecar = sales.run().await;
    let good = orders::order(1).to_string();
    let garbage: Vec<u8> = (0..=255).rev().collect();
    let deep = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let nested = |depth: usize| format!("{}null{}", "{\"n\":".repeat(depth), "}".repeat(depth));
    let with_bytes = |bytes: &[u8]| -> Vec<u8> {
        let text = order_with("note", "\"PLACE\"");
        let at = text.find("PLACE").expect("it is there");
        [&text.as_bytes()[..at], bytes, &text.as_bytes()[at + 5..]].concat()
    };
    let cases: Vec<(&str, &str, Headers, Vec<u8>, &str)> = vec![
        ("nothing at all", "orders/events", JSON, vec![], "400 malformed"),
        ("garbage", "orders/events", JSON, garbage.clone(), "400 malformed"),
        ("garbage as avro", "orders/events", AVRO, garbage.clone(), "422 malformed"),
        ("garbage in a frame", "orders/events", FRAMED, garbage, "422 malformed"),
        ("a million brackets", "orders/events", JSON, "[".repeat(1_000_000).into(), "400 malformed"),
        // Two megabytes are more than an event may have, and half of them still nest deeper than one may.
        ("a million closed brackets", "orders/events", JSON, deep(1_000_000).into(), "422 limit"),
        ("fewer closed brackets", "orders/events", JSON, deep(400_000).into(), "422 type limit"),
        ("a million in a field", "orders/events", JSON, order_with("note", &deep(1_000_000)).into(), "422 limit"),
        ("fewer in a field", "orders/events", JSON, order_with("note", &deep(400_000)).into(), "422 type limit"),
        ("fewer where none is declared", "nothings/events", JSON, undeclared(&deep(400_000)).into(), "422 limit"),
        ("a depth that the schema allows", "nests/events", JSON, nested(150_000).into(), "422 limit"),
        ("the same as avro", "nests/events", AVRO, vec![2; 1_000_000], "422 limit"),
        (
            "an empty object",
            "orders/events",
            JSON,
            b"{}".to_vec(),
            "422 missing missing missing missing missing missing missing missing missing missing missing missing missing",
        ),
        ("a second key", "orders/events", JSON, good.replacen('{', "{\"gift\":true,", 1).into(), "422 duplicate-key"),
        ("a lone surrogate", "orders/events", JSON, order_with("note", "\"\\ud800\"").into(), "422 encoding"),
        ("bytes that are no UTF-8", "orders/events", JSON, with_bytes(b"\xff\xfe"), "400 malformed"),
        ("something after it", "orders/events", JSON, format!("{good} {good}").into(), "400 malformed"),
        ("too large an int", "orders/events", JSON, order_with("priority", "2147483648").into(), "422 range"),
        ("too large a long", "orders/events", JSON, order_with("sequence", "9223372036854775808").into(), "422 range"),
        ("half of a long", "orders/events", JSON, order_with("sequence", "12.5").into(), "422 range"),
        ("half a gigabyte of nothing", "nothings/events", AVRO, b"\x80\x80\x80\x80\x04\x00".to_vec(), "422 limit"),
        ("an unknown product", "oders/events", JSON, good.clone().into(), "404 unknown-product"),
        ("an unknown version", "orders/events?version=7", JSON, good.clone().into(), "404 unknown-version"),
        ("an id of nobody", "orders/events", FRAMED, b"\x00\x7f\xff\xff\xff\x00".to_vec(), "422 schema-id"),
        ("a foreign type", "orders/events", XML, b"<order/>".to_vec(), "415 content-type"),
        ("a header that breaks out", "orders/events", INJECTED, good.clone().into(), "422 syntax"),
    ];
    for (name, path, headers, body, expected) in cases {
        let sent = body.len();
        let (reply, peak) = peak(&sidecar, post(&sidecar, path, headers, body)).await;
        assert_eq!(verdict(&reply), expected, "{name}: {}", &reply.text()[..reply.text().len().min(2000)]);
        // Ten times the input, and what the allocator and the runtime keep for themselves.
        assert!(peak < 10 * sent + (8 << 20), "{name}: {peak} bytes for {sent}");
    }
    assert_eq!(sales.read_product("orders", 1).await.len(), 0);
    assert_eq!(sales.read_product("nothings", 1).await.len(), 0);
    assert_eq!(sales.read_product("nests", 1).await.len(), 0);
    // It is none the worse for it.
    assert_eq!(sidecar.post_json("orders", &orders::order(1)).await.statuses(), ["published"]);
}

#[tokio::test]
async fn a_compression_bomb_costs_no_more_than_the_limit() {
    let sales = sales().config("limits: {requestBytes: 16MiB}");
    sales.apply();
    let sidecar = sales.run().await;
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..256 {
        std::io::Write::write_all(&mut bomb, &vec![b' '; 1 << 20]).expect("memory takes it");
    }
    let bomb = bomb.finish().expect("memory takes it");
    assert!(bomb.len() * 1000 < 257 << 20, "{}", bomb.len());
    let headers = [("content-type", "application/json"), ("content-encoding", "gzip")];
    let (reply, peak) = peak(&sidecar, post(&sidecar, "orders/events", &headers, bomb)).await;
    assert_eq!(verdict(&reply), "413 too-large");
    assert!(peak <= 32 << 20, "{peak} bytes");
}

#[tokio::test]
async fn the_id_of_another_product_is_refused() {
    let sales = sales();
    sales.apply();
    let sidecar = sales.run().await;
    assert_eq!(sidecar.post("nothings", "application/json", r#"{"items":[]}"#).await.statuses(), ["published"]);
    let nothing = sales.read_product("nothings", 1).await[0].value.clone().expect("a value");
    let reply = post(&sidecar, "orders/events", FRAMED, nothing.clone()).await;
    assert_eq!(verdict(&reply), "422 schema-id");
    assert_eq!(post(&sidecar, "nothings/events", FRAMED, nothing.clone()).await.status, 200);
    let records = sales.read_product("nothings", 1).await;
    assert_eq!(records[1].value.as_ref(), Some(&nothing), "an encoded event goes out as it came");
}

#[tokio::test]
async fn good_neighbours_of_broken_events_are_published() {
    let sales = sales();
    sales.apply();
    let sidecar = sales.run().await;
    let lines = [
        orders::order(1).to_string(),
        "{\"orderId\": \"torn".to_owned(),
        orders::order(2).to_string(),
        orders::broken(3).0.to_string(),
        "\u{1}\u{2}".to_owned(),
        orders::order(4).to_string(),
    ];
    let reply = sidecar.post("orders", "application/x-ndjson", lines.join("\n")).await;
    assert_eq!(reply.status, 207);
    assert_eq!(reply.statuses(), ["published", "rejected", "published", "rejected", "rejected", "published"]);
    let published: Vec<Value> = sales.read_product("orders", 1).await.iter().map(|record| record.json()).collect();
    let mut ids: Vec<&str> = published.iter().filter_map(|event| event["orderId"].as_str()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["order-1", "order-2", "order-4"]);
    let kept: Vec<Vec<u8>> =
        sales.read_quarantine("orders", 1).await.into_iter().filter_map(|record| record.value).collect();
    let mut expected: Vec<Vec<u8>> = [1, 3, 4].map(|at: usize| lines[at].clone().into_bytes()).to_vec();
    let mut kept_sorted = kept.clone();
    kept_sorted.sort();
    expected.sort();
    assert_eq!(kept_sorted, expected, "what was broken is kept as it came");
    // An array is one whole.
    let array = format!("[{},{}", orders::order(5), orders::order(6));
    assert_eq!(verdict(&sidecar.post("orders", "application/json", array).await), "400 malformed");
    assert_eq!(sales.read_product("orders", 1).await.len(), 3);
}
