//! `plan` and `apply` against the real broker and the real registry.

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication},
    client::DefaultClientContext,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    process::Stdio,
    time::Duration,
};
use tidegate_integration_tests::{Mesh, Outcome, eventually, orders};

/// What `apply` says when there is nothing to do.
const NOTHING: &str = "nothing to do";

fn sales() -> Mesh {
    Mesh::new("sales").contract(orders::CONTRACT, &[orders::SCHEMA])
}

/// The contract with one text in place of another.
fn changed(mesh: &Mesh, from: &str, to: &str) {
    let text = std::fs::read_to_string(mesh.folder().join("contracts/orders.odcs.yaml")).unwrap();
    assert!(text.contains(from), "the contract has no `{from}`");
    mesh.write("contracts/orders.odcs.yaml", &text.replace(from, to));
}

/// What the changes log says, by kind, in order.
async fn log(mesh: &Mesh) -> Vec<(String, Value)> {
    let records = mesh.read_topic(&format!("{}.tidegate-changes.v1", mesh.domain())).await;
    let kind = |record: &tidegate_integration_tests::Record| {
        let what = record.json()["what"].clone();
        let kind = if what.get("release").is_some() { "released" } else { "applying" };
        (kind.to_owned(), what)
    };
    records.iter().map(kind).collect()
}

async fn kinds(mesh: &Mesh) -> Vec<String> {
    log(mesh).await.into_iter().map(|(kind, _)| kind).collect()
}

async fn blocking<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(run).await.expect("it does not panic")
}

fn done(outcome: &Outcome) -> bool {
    outcome.code == Some(0) && outcome.stdout.contains(NOTHING)
}

#[tokio::test]
async fn a_second_apply_has_nothing_to_do() {
    let sales = sales();
    let before = sales.tidegate(&["plan", "--exit-code"]);
    assert_eq!(before.code, Some(3), "{}{}", before.stdout, before.stderr);
    assert!(!done(&sales.apply()));
    assert!(done(&sales.apply()));
    let after = sales.tidegate(&["plan", "--exit-code"]);
    assert!(done(&after), "{}{}", after.stdout, after.stderr);
    assert_eq!(kinds(&sales).await, ["applying", "released"]);
}

#[tokio::test]
async fn a_plan_changes_nothing() {
    let sales = sales();
    let plan = |_| sales.tidegate(&["plan", "--output", "json"]).stdout;
    let [first, second] = [0, 1].map(plan);
    assert_eq!(first, second);
    let plan: Value = serde_json::from_str(&first).unwrap();
    assert_eq!(plan["plan"]["contracts"][0]["release"]["action"], "next");
    assert_eq!(plan["plan"]["topics"]["actions"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn without_a_terminal_and_without_yes_nothing_is_applied() {
    let sales = sales();
    let outcome = sales.tidegate(&["apply"]);
    assert_eq!(outcome.code, Some(2), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("--yes"), "{}", outcome.stderr);
    assert_eq!(sales.tidegate(&["plan", "--exit-code"]).code, Some(3));
}

#[tokio::test]
async fn an_option_that_somebody_changed_is_put_right_and_all_others_stay_as_they_are() {
    let sales = sales();
    changed(&sales, "customProperties:", "customProperties:\n- {property: tidegate.retention, value: P3D}");
    sales.apply();
    let topic = sales.topic("orders", 1);
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", sales.kafka()).create().unwrap();
    let mine = ResourceSpecifier::Topic(&topic);
    let before = options(&admin, &topic).await;
    assert_eq!(before["retention.ms"], "259200000");
    // One that the contract speaks of, and one that it does not.
    let mut change = AlterConfig::new(mine).set("segment.bytes", "20971520");
    for (name, value) in before.iter().filter(|(name, _)| *name != "retention.ms") {
        change = change.set(name, value);
    }
    admin.alter_configs([&change.set("retention.ms", "60000")], &AdminOptions::new()).await.unwrap();
    let expected = |retention: &str| {
        let mut options = before.clone();
        options.insert("segment.bytes".to_owned(), "20971520".to_owned());
        options.insert("retention.ms".to_owned(), retention.to_owned());
        options
    };
    eventually("the options are changed", Duration::from_secs(30), async || {
        (options(&admin, &topic).await == expected("60000")).then_some(())
    })
    .await;

    let plan = sales.tidegate(&["plan", "--exit-code"]);
    assert_eq!(plan.code, Some(3), "{}{}", plan.stdout, plan.stderr);
    assert!(plan.stdout.contains("retention.ms: 60000 → 259200000"), "{}", plan.stdout);
    assert!(!plan.stdout.contains("segment.bytes"), "{}", plan.stdout);
    sales.apply();
    assert_eq!(options(&admin, &topic).await, expected("259200000"));
    assert!(done(&sales.apply()));
    assert_eq!(kinds(&sales).await, ["applying", "released"], "putting an option right is no release");
}

/// The options that are set on a topic.
async fn options(admin: &AdminClient<DefaultClientContext>, topic: &str) -> BTreeMap<String, String> {
    let described = admin.describe_configs([&ResourceSpecifier::Topic(topic)], &AdminOptions::new()).await.unwrap();
    let entries = described.into_iter().next().unwrap().unwrap().entries.into_iter();
    let set = entries.filter(|entry| entry.source == rdkafka::admin::ConfigSource::DynamicTopic);
    set.filter_map(|entry| Some((entry.name, entry.value?))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_applies_at_once_one_releases_and_the_other_waits_for_it() {
    let sales = sales();
    let outcomes = std::thread::scope(|scope| {
        let run = |name: &'static str| {
            let sales = &sales;
            scope.spawn(move || sales.tidegate(&["apply", "--yes", "--by", name]))
        };
        [run("one"), run("two")].map(|apply| apply.join().unwrap())
    });
    for outcome in &outcomes {
        assert_eq!(outcome.code, Some(0), "{}{}", outcome.stdout, outcome.stderr);
    }
    let log = log(&sales).await;
    assert_eq!(log.iter().filter(|(kind, _)| kind == "released").count(), 1, "{log:#?}");
    let (_, first) = &log[0];
    let (_, released) = log.iter().find(|(kind, _)| kind == "released").unwrap();
    assert_eq!(first["apply"], released["apply"], "the first in the log is the one that releases");
    assert!(done(&sales.apply()));
}

#[tokio::test]
async fn an_apply_that_finds_another_at_work_says_whose_it_is_and_takes_over_when_its_lease_is_over() {
    let sales = sales();
    assert!(kill_after(&sales, "applying", "3s").await, "it was killed before it was done");
    let outcome = sales.tidegate(&["apply", "--yes", "--by", "survivor"]);
    assert_eq!(outcome.code, Some(0), "{}{}", outcome.stdout, outcome.stderr);
    assert!(outcome.stdout.contains("victim is applying 1.0.0 and has until"), "{}", outcome.stdout);
    assert_eq!(kinds(&sales).await, ["applying", "applying", "released"]);
}

#[tokio::test]
async fn an_apply_that_fails_half_way_leaves_nobody_waiting_for_it() {
    let sales = sales();
    changed(&sales, "customProperties:", "customProperties:\n- {property: tidegate.replication, value: 3}");
    let failed = sales.tidegate(&["apply", "--yes"]);
    assert_eq!(failed.code, Some(1), "{}{}", failed.stdout, failed.stderr);
    assert!(failed.stdout.contains("1.0.0 is ours to release"), "{}", failed.stdout);
    assert!(failed.stderr.contains("fewer brokers than the replication asked for"), "{}", failed.stderr);
    changed(&sales, "tidegate.replication, value: 3", "tidegate.replication, value: 1");
    let again = sales.apply();
    assert!(!again.stdout.contains("has until"), "{}", again.stdout);
    assert_eq!(kinds(&sales).await, ["applying", "applying", "applying", "released"]);
}

#[tokio::test]
async fn an_apply_killed_after_any_step_can_be_run_again() {
    for step in ["plan", "feeds", "applying", "registry", "topics", "released", "catalog"] {
        let sales = sales();
        kill_after(&sales, step, "1s").await;
        let again = sales.tidegate(&["apply", "--yes"]);
        assert_eq!(again.code, Some(0), "after {step}: {}{}", again.stdout, again.stderr);
        assert!(done(&sales.apply()), "after {step}");
        let released = kinds(&sales).await.iter().filter(|kind| *kind == "released").count();
        assert_eq!(released, 1, "after {step}");
        let sidecar = sales.run().await;
        let reply = sidecar.post_json("orders", &orders::order(1)).await;
        assert_eq!(reply.status, 200, "after {step}: {}", reply.text());
    }
}

/// Runs an apply and kills it as soon as it says that a step is done. Says whether it was still at work.
async fn kill_after(mesh: &Mesh, step: &'static str, lease: &str) -> bool {
    let arguments = ["apply", "--yes", "--output", "json", "--by", "victim", "--lease", lease];
    let mut apply = mesh.command(&arguments).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let out = BufReader::new(apply.stdout.take().unwrap());
    blocking(move || {
        for line in out.lines() {
            let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
            if line["step"] == json!(step) || line.get(step).is_some() {
                break;
            }
        }
        apply.kill().unwrap();
        apply.wait().unwrap().code().is_none()
    })
    .await
}

#[tokio::test]
async fn a_contract_that_changed_without_its_version_is_refused_and_with_it_released() {
    let sales = sales();
    sales.apply();
    changed(&sales, "purpose: Every order as it was placed.", "purpose: Every order.");
    for command in [&["plan"][..], &["apply", "--yes"]] {
        let outcome = sales.tidegate(command);
        assert_eq!(outcome.code, Some(1), "{}{}", outcome.stdout, outcome.stderr);
        assert!(outcome.stdout.contains("differs from it in description.purpose"), "{}", outcome.stdout);
        assert!(outcome.stdout.contains("way out: raise `version`"), "{}", outcome.stdout);
    }
    changed(&sales, "version: 1.0.0", "version: 1.0.1");
    sales.apply();
    assert!(done(&sales.apply()));
    let log = log(&sales).await;
    let released: Vec<&Value> = log.iter().filter(|(kind, _)| kind == "released").map(|(_, what)| what).collect();
    assert_eq!(released.len(), 2);
    assert_eq!(released[1]["release"]["version"], "1.0.1");
    assert_eq!(released[0]["release"]["value"]["id"], released[1]["release"]["value"]["id"], "the schema is the same");
}

#[tokio::test]
async fn an_incompatible_schema_is_refused_before_anything_is_done() {
    let sales = sales();
    sales.apply();
    let schema = sales.folder().join("contracts/orders.avsc");
    let text = std::fs::read_to_string(&schema).unwrap();
    let text = text.replace(
        r#"{"name": "customerId", "type": "string"}"#,
        r#"{"name": "customerId", "type": "string"}, {"name": "extra", "type": "string"}"#,
    );
    std::fs::write(&schema, text).unwrap();
    changed(&sales, "version: 1.0.0", "version: 1.1.0");
    let outcome = sales.tidegate(&["apply", "--yes"]);
    assert_eq!(outcome.code, Some(1), "{}{}", outcome.stdout, outcome.stderr);
    assert!(outcome.stdout.contains("not compatible"), "{}", outcome.stdout);
    assert_eq!(kinds(&sales).await, ["applying", "released"]);
}

#[tokio::test]
async fn partitions_of_a_keyed_topic_are_added_only_when_told_so() {
    let sales = sales();
    sales.apply();
    changed(&sales, "tidegate.partitions, value: 3", "tidegate.partitions, value: 5");
    changed(&sales, "version: 1.0.0", "version: 1.0.1");
    let careful = sales.apply();
    assert!(careful.stdout.contains("--repartition-keyed"), "{}", careful.stdout);
    assert_eq!(partitions(&sales), 3);
    let told = sales.tidegate(&["apply", "--yes", "--repartition-keyed"]);
    assert_eq!(told.code, Some(0), "{}{}", told.stdout, told.stderr);
    assert_eq!(partitions(&sales), 5);
    assert!(done(&sales.apply()));

    changed(&sales, "tidegate.partitions, value: 5", "tidegate.partitions, value: 4");
    changed(&sales, "version: 1.0.1", "version: 1.0.2");
    let fewer = sales.tidegate(&["apply", "--yes", "--repartition-keyed"]);
    assert_eq!(fewer.code, Some(0), "{}{}", fewer.stdout, fewer.stderr);
    assert!(fewer.stdout.contains("5 partitions instead of 4: kafka cannot take any away"), "{}", fewer.stdout);
    assert_eq!(partitions(&sales), 5);
    let after = sales.tidegate(&["plan", "--exit-code"]);
    assert_eq!(after.code, Some(0), "{}", after.stdout);
    assert!(after.stdout.contains("nothing to do, 1 stays as it is (=)"), "{}", after.stdout);
}

fn partitions(mesh: &Mesh) -> usize {
    partitions_of(mesh, &mesh.topic("orders", 1))
}

fn partitions_of(mesh: &Mesh, topic: &str) -> usize {
    use rdkafka::consumer::{BaseConsumer, Consumer as _};
    let consumer: BaseConsumer = ClientConfig::new().set("bootstrap.servers", mesh.kafka()).create().unwrap();
    let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(30)).unwrap();
    metadata.topics()[0].partitions().len()
}

#[tokio::test]
async fn a_topic_whose_contract_goes_away_stays() {
    let sales = sales();
    sales.apply();
    std::fs::remove_file(sales.folder().join("contracts/orders.odcs.yaml")).unwrap();
    let outcome = sales.apply();
    let topic = sales.topic("orders", 1);
    assert!(outcome.stdout.contains(&format!("{topic} is in no contract file here, and stays")), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("nothing to do, 2 stay as they are (=)"), "{}", outcome.stdout);
    assert_eq!(partitions(&sales), 3);
}

#[tokio::test]
async fn a_topic_of_somebody_elses_is_used_as_it_is_with_its_own_name_and_subject() {
    let sales = sales();
    let (topic, subject) = (format!("legacy_{}", sales.domain()), format!("{}-of-old", sales.domain()));
    let custom =
        "customProperties:\n- {property: tidegate.topics, value: external}\n- {property: tidegate.subject, value: ";
    changed(&sales, "customProperties:", &format!("{custom}{subject}}}"));
    changed(&sales, "  physicalType: topic", &format!("  physicalName: {topic}\n  physicalType: topic"));
    for command in [&["plan"][..], &["apply", "--yes"]] {
        let missing = sales.tidegate(command);
        assert_eq!(missing.code, Some(1), "{}{}", missing.stdout, missing.stderr);
        assert!(missing.stdout.contains(&format!("{topic} does not exist, and is configured")), "{}", missing.stdout);
    }

    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", sales.kafka()).create().unwrap();
    let theirs = NewTopic::new(&topic, 2, TopicReplication::Fixed(1)).set("retention.ms", "3600000");
    admin.create_topics([&theirs], &AdminOptions::new()).await.unwrap();
    let before = eventually("the topic is there", Duration::from_secs(30), async || {
        Some(options(&admin, &topic).await).filter(|options| !options.is_empty())
    })
    .await;
    let applied = sales.apply();
    let note = format!("{topic} has 2 partitions instead of 3, but it is configured elsewhere");
    assert!(applied.stdout.contains(&note), "{}", applied.stdout);
    assert_eq!((options(&admin, &topic).await, partitions_of(&sales, &topic)), (before, 2));
    assert_eq!(sales.tidegate(&["plan", "--exit-code"]).code, Some(0));

    let sidecar = sales.run().await;
    let reply = sidecar.post_json("orders", &orders::order(1)).await;
    assert_eq!(reply.items()[0]["topic"], topic, "{}", reply.text());
    let records = sales.read_topic(&topic).await;
    assert_eq!(records.iter().map(tidegate_integration_tests::Record::json).collect::<Vec<_>>(), [orders::order(1)]);
    let latest = format!("{}/subjects/{subject}/versions/latest", sales.registry());
    let latest: Value = tidegate_integration_tests::client().get(latest).send().await.unwrap().json().await.unwrap();
    assert_eq!(latest["id"].as_u64(), records[0].schema_id().map(u64::from));
    sidecar.stop().await;
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_exit_code_4_and_a_way_out() {
    let away = tidegate_integration_tests::free_address();
    let parts = tidegate_integration_tests::parts();
    let check = |mesh: Mesh, expected: &str| {
        let mesh = mesh.contract(orders::CONTRACT, &[orders::SCHEMA]);
        let outcome = mesh.tidegate(&["plan"]);
        assert_eq!(outcome.code, Some(4), "{}{}", outcome.stdout, outcome.stderr);
        assert!(outcome.stderr.contains(expected), "{}", outcome.stderr);
        assert!(outcome.stderr.contains(&away.port().to_string()), "{}", outcome.stderr);
    };
    check(Mesh::on("sales", &away.to_string(), &parts.registry), "kafka");
    check(Mesh::on("sales", &parts.kafka, &format!("http://{away}")), "registry");
}
