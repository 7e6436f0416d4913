//! What a user is told who lacks a right that Kafka could give: which one, on what, and nothing hangs.

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer as _},
};
use serde_json::json;
use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};
use tidegate_integration_tests::{Mesh, Outcome, Parts, Python, Sidecar, eventually, orders, read_topic};

const SOON: Duration = Duration::from_secs(30);

fn parts() -> &'static Parts {
    static PARTS: OnceLock<Parts> = OnceLock::new();
    PARTS.get_or_init(|| Parts::guarded(&["releaser:r3lease", "sidecar:p0st"]))
}

/// A domain whose commands sign in as a user.
fn mesh(user: &str, password: &str) -> Mesh {
    let parts = parts();
    let guarded = parts.guarded.as_deref().expect("the broker has a guarded listener");
    signing_in(Mesh::on("sales", guarded, &parts.registry), user, password)
        .contract(orders::CONTRACT, &[orders::SCHEMA])
}

fn signing_in(mesh: Mesh, user: &str, password: &str) -> Mesh {
    mesh.env("TIDEGATE__KAFKA__SECURITY_PROTOCOL", "SASL_PLAINTEXT")
        .env("TIDEGATE__KAFKA__SASL_MECHANISM", "PLAIN")
        .env("TIDEGATE__KAFKA__SASL_USERNAME", user)
        .env("TIDEGATE__KAFKA__SASL_PASSWORD", password)
}

/// Grants a right on topics, those whose names begin so.
fn grant(user: &str, right: &str, prefix: &str) {
    let right = json!({"user": user, "right": right, "kind": "TOPIC", "name": prefix, "prefixed": true});
    assert_eq!(Python::script("acls.py", &[&parts().kafka, "grant"]).run(&right.to_string()), [right]);
}

/// Runs a command until it says something else than before the last grant, of which brokers hear a moment later.
async fn says(mesh: &Mesh, arguments: &[&str], code: i32, expected: &str) -> Outcome {
    eventually(&format!("{arguments:?} says {expected:?}"), SOON, async || {
        let started = Instant::now();
        let outcome = mesh.tidegate(arguments);
        assert!(started.elapsed() < SOON, "{arguments:?} hangs: {:?}", started.elapsed());
        let said = format!("{}{}", outcome.stdout, outcome.stderr);
        eprintln!("{arguments:?}: {:?}\n{}\n{}", outcome.code, outcome.stdout, outcome.stderr);
        (outcome.code == Some(code) && said.contains(expected)).then_some(outcome)
    })
    .await
}

#[tokio::test]
async fn apply_names_each_right_it_lacks_and_goes_on_once_it_is_granted() {
    let sales = mesh("releaser", "r3lease");
    let prefix = format!("{}.", sales.domain());
    let apply = &["apply", "--yes"];
    let changes = format!("{prefix}tidegate-changes.v1");
    for command in [&["plan"][..], apply] {
        let denied = says(&sales, command, 1, &format!("the right DESCRIBE on the topic {changes}")).await;
        assert!(denied.stderr.contains(&format!("ACLs on the prefix `{prefix}`")), "{}", denied.stderr);
    }
    let steps = [
        ("DESCRIBE", format!("the right CREATE on the topic {changes}")),
        ("CREATE", "the right DESCRIBE_CONFIGS on the topic".to_owned()),
        ("DESCRIBE_CONFIGS", "to publish anything takes the right WRITE on a topic".to_owned()),
        ("WRITE", format!("kafka does not permit to read {changes}")),
    ];
    for (right, next) in steps {
        grant("releaser", right, &prefix);
        let denied = says(&sales, apply, 1, &next).await;
        assert!(!denied.stderr.contains("r3lease"), "{}", denied.stderr);
    }
    grant("releaser", "READ", &prefix);
    says(&sales, apply, 0, "1.0.0 is released").await;
    says(&sales, apply, 0, "nothing to do").await;

    // What comes after the first release: another option, more partitions.
    let contract = std::fs::read_to_string(sales.folder().join("contracts/orders.odcs.yaml")).unwrap();
    let changed = contract
        .replace("version: 1.0.0", "version: 1.0.1")
        .replace("tidegate.partitions, value: 3", "tidegate.partitions, value: 4")
        .replace("customProperties:", "customProperties:\n- {property: tidegate.retention, value: P3D}");
    sales.write("contracts/orders.odcs.yaml", &changed);
    let apply = &["apply", "--yes", "--repartition-keyed"];
    says(&sales, apply, 1, "have we the right ALTER_CONFIGS on the topic").await;
    grant("releaser", "ALTER_CONFIGS", &prefix);
    says(&sales, apply, 1, &format!("the right ALTER on the topic {prefix}orders.v1")).await;
    grant("releaser", "ALTER", &prefix);
    says(&sales, apply, 0, "1.0.1 is released").await;
    says(&sales, apply, 0, "nothing to do").await;
}

#[tokio::test]
async fn run_names_each_right_it_lacks_and_goes_on_once_it_is_granted() {
    let sales = mesh("sidecar", "p0st");
    let prefix = format!("{}.", sales.domain());
    // Somebody else applies.
    for right in ["DESCRIBE", "CREATE", "DESCRIBE_CONFIGS", "WRITE", "READ"] {
        grant("releaser", right, &prefix);
    }
    let sales = signing_in(sales, "releaser", "r3lease");
    says(&sales, &["apply", "--yes"], 0, "is released").await;

    let sales = signing_in(sales, "sidecar", "p0st");
    let sidecar = sales.start().await;
    sidecar.says(&format!("kafka does not permit to read {prefix}tidegate-catalog.v1")).await;
    sidecar.says("it takes the rights READ and DESCRIBE on the topic").await;
    grant("sidecar", "READ", &format!("{prefix}tidegate-catalog.v1"));
    let topic = format!("{prefix}orders.v1");
    let denied = format!("kafka does not permit to write to the topic {topic}: grant this user the right WRITE on it");
    sidecar.says(&denied).await;

    // It may see the topic, so only the first event shows that it may not write to any.
    grant("sidecar", "DESCRIBE", &topic);
    sidecar.says(r#""ready":true"#).await;
    let refused = sidecar.post_json("orders", &orders::order(1)).await;
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(refused.text().contains("WRITE"), "{}", refused.text());

    // It may write to another one, so this one's broker refuses.
    grant("sidecar", "WRITE", &format!("{prefix}other"));
    eventually("the broker refuses the topic", SOON, async || {
        let refused = sidecar.post_json("orders", &orders::order(1)).await;
        assert_eq!(refused.status, 503, "{}", refused.text());
        refused.text().contains(&denied).then_some(())
    })
    .await;
    let told = sidecar.log().lines().filter(|line| line.contains("ERROR") && line.contains(&denied)).count();
    assert_eq!(told, 1, "whoever looks after it needs to know, once: {}", sidecar.log());
    grant("sidecar", "WRITE", &topic);
    eventually("events are published", SOON, async || {
        (sidecar.post_json("orders", &orders::order(1)).await.status == 200).then_some(())
    })
    .await;
    assert_eq!(read_topic(&parts().kafka, &parts().registry, &topic).await.len(), 1);
    sidecar.stop().await;
}

#[tokio::test]
async fn nothing_but_apply_makes_a_topic_where_kafka_makes_those_that_somebody_asks_for() {
    let parts = parts();
    let sales = Mesh::on("sales", &parts.kafka, &parts.registry).contract(orders::CONTRACT, &[orders::SCHEMA]);
    let topic = sales.topic("orders", 1);
    let there = || -> Vec<String> {
        let consumer: BaseConsumer = ClientConfig::new().set("bootstrap.servers", &parts.kafka).create().unwrap();
        let metadata = consumer.fetch_metadata(None, SOON).unwrap();
        let names = metadata.topics().iter().map(|topic| topic.name().to_owned());
        names.filter(|name| name.starts_with(sales.domain())).collect()
    };
    let refused = async |sidecar: &Sidecar| {
        let reply = sidecar.post_json("orders", &orders::order(1)).await;
        assert_eq!(reply.status, 503, "{}", reply.text());
    };
    assert_eq!(sales.tidegate(&["plan"]).code, Some(0));
    sales.tidegate(&["quarantine", "list", "orders"]);
    let sidecar = sales.start().await;
    sidecar.says("run `tidegate apply`").await;
    refused(&sidecar).await;
    assert_eq!(there(), Vec::<String>::new());

    sales.apply();
    sidecar.products_ready().await;
    let before = there();
    assert_eq!(before.len(), 4, "{before:?}");
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", &parts.kafka).create().unwrap();
    admin.delete_topics(&[&topic], &AdminOptions::new()).await.unwrap();
    eventually("the topic is gone", SOON, async || (!there().contains(&topic)).then_some(())).await;
    refused(&sidecar).await;
    let reply = sidecar.post_json("orders", &orders::order(1)).await;
    assert!(reply.text().contains("run `tidegate apply`"), "{}", reply.text());
    assert_eq!(there().len(), 3);
    sidecar.stop().await;
}

#[tokio::test]
async fn a_wrong_password_is_called_one_and_never_shown() {
    let sales = mesh("releaser", "canary-0815");
    let outcome = says(&sales, &["plan"], 4, "the broker refused the credentials").await;
    assert!(!outcome.stderr.contains("canary-0815"), "{}", outcome.stderr);
    let sidecar = sales.start().await;
    sidecar.says("the broker refused the credentials").await;
    assert!(!sidecar.log().contains("canary-0815"), "{}", sidecar.log());
    sidecar.stop().await;
}
