//! `init` and `dev`: from samples to published events, without any server.

use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};
use tidegate_integration_tests::{Outcome, Python, client, eventually, orders, read_topic, tidegate};

const SOON: Duration = Duration::from_secs(60);

/// A running `tidegate dev`, and what it said when it was ready.
struct Dev {
    process: Child,
    said: Value,
}

impl Dev {
    /// Starts it in a folder and waits until it is ready.
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut process = command(folder, &[&["--output", "json", "dev"], arguments].concat())
            .stdout(Stdio::piped())
            .spawn()
            .expect("tidegate starts");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("its output is piped");
        BufReader::new(stdout).read_line(&mut line).expect("its output can be read");
        let said = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        Self { process, said }
    }

    fn url(&self, domain: &str, listener: &str) -> String {
        self.said["domains"][domain][listener].as_str().expect("it says where it listens").to_owned()
    }

    async fn post(&self, domain: &str, product: &str, body: String) -> (u16, Value) {
        let url = format!("{}/v1/products/{product}/events", self.url(domain, "data"));
        let answer = client().post(url).header("content-type", "application/json").body(body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn get(&self, domain: &str, listener: &str, path: &str) -> String {
        client().get(format!("{}{path}", self.url(domain, listener))).send().await.unwrap().text().await.unwrap()
    }

    /// Ctrl-C.
    async fn interrupt(mut self) {
        let pid = self.process.id().to_string();
        assert!(Command::new("sh").args(["-c", "kill -INT $0", &pid]).status().unwrap().success());
        let process = &mut self.process;
        let status = eventually("dev ends", SOON, async || process.try_wait().unwrap()).await;
        assert!(status.success(), "{status}");
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(tidegate());
    command.args(arguments).current_dir(folder).env_remove("TIDEGATE_CONFIG").stdin(Stdio::null());
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Outcome {
    let output = command(folder, arguments).output().expect("tidegate starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Outcome { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

/// Has a shell take a `curl` line apart, so that its quoting is tried too; returns the URL and the body.
fn taken_apart(line: &str) -> (String, String) {
    let script = format!("curl() {{ for argument; do printf '%s\\0' \"$argument\"; done; }}\n{line}");
    let output = Command::new("sh").args(["-c", &script]).output().expect("there is a shell");
    let arguments = String::from_utf8(output.stdout).unwrap();
    let arguments: Vec<&str> = arguments.split_terminator('\0').collect();
    let [_, url, "-H", "content-type: application/json", "-d", body] = arguments[..] else {
        panic!("another line than expected: {arguments:?}")
    };
    (url.to_owned(), body.to_owned())
}

#[tokio::test]
async fn init_from_200_sample_lines_then_dev_publishes_all_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<String> = (0..200).map(|number| orders::order(number).to_string()).collect();
    fs::write(folder.path().join("orders.ndjson"), lines.join("\n")).unwrap();

    let made = run(folder.path(), &["init", "orders.ndjson", "--domain", "shop"]);
    assert_eq!(made.code, Some(0), "{}{}", made.stdout, made.stderr);
    assert!(made.stdout.contains("read 200 samples"), "{}", made.stdout);
    let checked = run(folder.path(), &["check"]);
    assert_eq!(checked.code, Some(0), "{}{}", checked.stdout, checked.stderr);

    let dev = Dev::start(folder.path(), &[]);
    for line in &lines {
        let (status, reply) = dev.post("shop", "orders", line.clone()).await;
        assert_eq!((status, reply["items"][0]["status"].as_str()), (200, Some("published")), "{line}\n{reply}");
    }
    let text = |name: &str| dev.said[name].as_str().unwrap().to_owned();
    let records = read_topic(&text("kafka"), &text("registry"), "shop.orders.v1").await;
    assert_eq!(records.len(), 200);
    assert!(records.iter().any(|record| record.json()["sequence"] == 7), "{:?}", records[0].json());

    // Another one in the same folder would only be in the way.
    let second = run(folder.path(), &["dev"]);
    assert_eq!(second.code, Some(1), "{}", second.stdout);
    assert!(second.stderr.contains("runs here already"), "{}", second.stderr);
    dev.interrupt().await;
    assert!(!folder.path().join(".tidegate").exists());
}

#[tokio::test]
async fn the_three_curl_lines_of_dev_give_a_receipt_a_422_and_a_207() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(folder.path(), &["--no-traffic"]);
    let tries = dev.said["try"].as_array().unwrap();
    let mut replies = Vec::new();
    for attempt in tries {
        let (url, body) = taken_apart(attempt["command"].as_str().unwrap());
        let sent = client().post(url).header("content-type", "application/json").body(body).send().await.unwrap();
        assert_eq!(json!(sent.status().as_u16()), attempt["status"]);
        replies.push((sent.status().as_u16(), sent.json::<Value>().await.unwrap()));
    }
    let statuses: Vec<u16> = replies.iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses, [200, 422, 207]);
    assert_eq!(replies[0].1["items"][0]["topic"], "sales.orders.v1");
    let violations = replies[1].1["items"][0]["violations"].as_array().unwrap();
    let paths: Vec<_> = violations.iter().map(|violation| violation["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["orderId", "total.amount"]);
    let items = replies[2].1["items"].as_array().unwrap();
    let items: Vec<_> = items.iter().map(|item| item["status"].as_str().unwrap()).collect();
    assert_eq!(items, ["published", "rejected"]);

    // Without traffic nothing else was published.
    let metrics = dev.get("sales", "health", "/metrics").await;
    let published = r#"tidegate_events_total{product="orders",version="1",outcome="published"} 2"#;
    assert!(metrics.contains(published), "{metrics}");
    dev.interrupt().await;
}

#[tokio::test]
async fn commands_in_another_terminal_find_a_running_dev() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(folder.path(), &["--no-traffic"]);
    let sales = folder.path().join("tidegate-sample/sales");
    let plan = || run(&sales, &["plan", "--exit-code"]);
    let nothing = plan();
    assert_eq!(nothing.code, Some(0), "{}{}", nothing.stdout, nothing.stderr);

    // A field more, and a product more, whose topics the embedded broker has to be asked for.
    let edit = |from: &str, to: &str, change: &[(&str, &str)]| {
        let mut text = fs::read_to_string(sales.join("contracts").join(from)).unwrap();
        for (before, after) in change {
            assert!(text.contains(before), "{before}");
            text = text.replace(before, after);
        }
        fs::write(sales.join("contracts").join(to), text).unwrap();
    };
    let field = r#"{"name": "note", "type": ["null", "string"], "default": null}, {"name": "loyaltyPoints""#;
    edit("orders.avsc", "orders.avsc", &[(r#"{"name": "loyaltyPoints""#, field)]);
    edit("orders.odcs.yaml", "orders.odcs.yaml", &[("version: 1.0.0", "version: 1.1.0")]);
    edit("customers.avsc", "leads.avsc", &[]);
    let names = [("name: customers", "name: leads"), ("customers.avsc", "leads.avsc"), ("5b1d7c52", "6b1d7c52")];
    edit("customers.odcs.yaml", "leads.odcs.yaml", &names);
    let changes = plan();
    assert_eq!(changes.code, Some(3), "{}{}", changes.stdout, changes.stderr);
    let applied = run(&sales, &["apply", "--yes"]);
    assert_eq!(applied.code, Some(0), "{}{}", applied.stdout, applied.stderr);
    let nothing = plan();
    assert_eq!(nothing.code, Some(0), "{}{}", nothing.stdout, nothing.stderr);

    // The running sidecar takes both up.
    eventually("the new versions are served", SOON, async || {
        let products: Value = serde_json::from_str(&dev.get("sales", "admin", "/v1/products").await).unwrap();
        let products = products["products"].as_array().unwrap().clone();
        let is = |name: &str, version: &str| {
            products.iter().any(|one| one["product"] == name && one["version"] == version && one["ready"] == true)
        };
        (is("orders", "1.1.0") && is("leads", "1.0.0")).then_some(())
    })
    .await;
    let lead = json!({"customerId": "C-1", "name": "A. Sample", "since": "2026-01-15"});
    assert_eq!(dev.post("sales", "leads", lead.to_string()).await.0, 200);
    dev.interrupt().await;
}

#[tokio::test]
async fn confluents_serializer_gets_along_with_the_embedded_broker_and_registry() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(folder.path(), &["--no-traffic"]);
    let text = |name: &str| dev.said[name].as_str().unwrap().to_owned();
    let (kafka, registry, topic) = (text("kafka"), text("registry"), "legacy.parcels.v1");
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/parcels.avsc");
    let parcels: Vec<Value> = (0..20).map(|number| json!({"carrier": "SEA", "number": number, "grams": 250})).collect();
    let lines: Vec<String> = parcels.iter().map(Value::to_string).collect();
    let acks = Python::script("serialize.py", &[&kafka, &registry, topic, schema, "number"]).run(&lines.join("\n"));
    assert_eq!(acks.len(), 20);
    let mut read: Vec<Value> = Python::script("deserialize.py", &[&kafka, &registry, topic, "text"]).run("");
    read.sort_by_key(|record| record["value"]["number"].as_u64());
    assert_eq!(read.iter().map(|record| &record["value"]).collect::<Vec<_>>(), parcels.iter().collect::<Vec<_>>());
    assert_eq!(read[7]["key"], "7");

    // And what others registered is there for us.
    let made = run(folder.path(), &["init", "--topic", topic, "--domain", "legacy", "--folder", "legacy"]);
    assert_eq!(made.code, Some(0), "{}{}", made.stdout, made.stderr);
    assert!(fs::read_to_string(folder.path().join("legacy/contracts/parcels.avsc")).unwrap().contains("grams"));
    dev.interrupt().await;
}

#[tokio::test]
async fn sample_traffic_publishes_and_quarantines() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(folder.path(), &[]);
    eventually("good and broken events were sent", SOON, async || {
        let sales = dev.get("sales", "health", "/metrics").await;
        let risk = dev.get("risk", "health", "/metrics").await;
        let some = |metrics: &str, product: &str, outcome: &str| {
            let series = format!(r#"tidegate_events_total{{product="{product}",version="1",outcome="{outcome}"}} "#);
            metrics.lines().any(|line| line.strip_prefix(&series).is_some_and(|count| count != "0"))
        };
        let all = some(&sales, "orders", "published")
            && some(&sales, "orders", "quarantined")
            && some(&sales, "customers", "published")
            && some(&risk, "scores", "published");
        all.then_some(())
    })
    .await;
    // What somebody edits in the sample stays from one time to the next.
    dev.interrupt().await;
    let edited = folder.path().join("tidegate-sample/risk/contracts/scores.odcs.yaml");
    let text = fs::read_to_string(&edited).unwrap().replace("version: 1.0.0", "version: 1.0.1");
    fs::write(&edited, &text).unwrap();
    let dev = Dev::start(folder.path(), &["--no-traffic"]);
    assert_eq!(fs::read_to_string(&edited).unwrap(), text);
    assert!(dev.get("risk", "admin", "/v1/products").await.contains("1.0.1"));
    dev.interrupt().await;
}
