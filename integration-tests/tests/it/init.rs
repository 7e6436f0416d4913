//! `init` from a topic that is there already.

use std::{fs, process::Command};
use tidegate_integration_tests::{Mesh, orders, tidegate};

#[tokio::test]
async fn init_describes_a_topic_that_is_there_and_apply_then_leaves_it_alone() {
    // A topic with a registered schema, made by somebody else.
    let theirs = Mesh::new("legacy").contract(orders::CONTRACT, &[orders::SCHEMA]);
    theirs.apply();
    let topic = theirs.topic("orders", 1);

    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let output = Command::new(tidegate()).args(arguments).current_dir(folder.path()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code(), text)
    };
    let (kafka, registry) = (theirs.kafka().to_owned(), theirs.registry().to_owned());
    let init = ["init", "--topic", &topic, "--domain", theirs.domain(), "--product", "old-orders"];
    let servers = ["--kafka", &kafka, "--registry", &registry];

    let (code, text) = run(&[&init[..], &servers, &["--key", "customerId"]].concat());
    assert_eq!(code, Some(0), "{text}");
    let contract = fs::read_to_string(folder.path().join("contracts/old-orders.odcs.yaml")).unwrap();
    for part in
        [&format!("physicalName: {topic}"), "tidegate.topics\n    value: external", "tidegate.partitions\n    value: 3"]
    {
        assert!(contract.contains(part), "{part}\n{contract}");
    }
    let (code, text) = run(&["check"]);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = run(&["apply", "--yes"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains(&format!("topic {topic} is made")), "{text}");

    let (code, text) = run(&["init", "--topic", "no.such.topic", "--product", "none"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("there is no topic no.such.topic"), "{text}");
}
