//! Which crate may depend on what.

use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

const CONTRACTS: &str = "tidegate-contracts";
const TOPICS: &str = "tidegate-topics";
const SIDECAR: &str = "tidegate";
const TESTS: &str = "tidegate-integration-tests";

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .args(["--locked", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo prints text")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("the metadata has a text here")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("the metadata has a list here")
}

/// What each of our crates names in its Cargo.toml, for tests and builds too.
fn named() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = cargo(&["metadata", "--no-deps", "--format-version", "1"]);
    let metadata: Value = serde_json::from_str(&metadata).expect("cargo prints JSON");
    let dependencies =
        |package: &Value| list(&package["dependencies"]).iter().map(|named| text(&named["name"]).to_owned()).collect();
    list(&metadata["packages"])
        .iter()
        .map(|package| (text(&package["name"]).to_owned(), dependencies(package)))
        .collect()
}

#[test]
fn only_the_topics_crate_and_the_harness_name_rdkafka() {
    let named = named();
    let naming: Vec<&str> = named
        .iter()
        .filter(|(_, dependencies)| dependencies.iter().any(|name| name.starts_with("rdkafka")))
        .map(|(package, _)| package.as_str())
        .collect();
    assert_eq!(naming, [TESTS, TOPICS]);
}

#[test]
fn our_crates_depend_on_each_other_in_one_direction() {
    let order = [CONTRACTS, TOPICS, SIDECAR, TESTS];
    let named = named();
    assert_eq!(
        named.keys().map(String::as_str).collect::<BTreeSet<_>>(),
        BTreeSet::from(order),
        "the crates there are"
    );
    for (position, package) in order.iter().enumerate() {
        for later in &order[position..] {
            assert!(!named[*package].contains(*later), "{package} must not depend on {later}");
        }
    }
}

#[test]
fn the_domain_model_does_no_io() {
    // What only tests or build scripts need is not in the crate.
    let tree = cargo(&["tree", "--package", CONTRACTS, "--edges", "normal", "--prefix", "none", "--format", "{p}"]);
    let reached: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(reached.contains("serde"), "not a tree of dependencies: {tree}");
    for forbidden in ["tokio", "rdkafka", "rdkafka-sys", "reqwest", "hyper", "axum", "mio", "socket2", "async-std"] {
        assert!(!reached.contains(forbidden), "{CONTRACTS} depends on {forbidden}");
    }
}
