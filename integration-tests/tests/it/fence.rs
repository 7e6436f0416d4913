//! Which crate may depend on what, and what ARCHITECTURE.md says of it all.

use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
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

/// The Rust files of one of our folders.
fn sources(folder: &str) -> Vec<PathBuf> {
    let mut folders = vec![root().join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("our folders can be read") {
            let path = entry.expect("our folders can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate lies in the workspace")
}

#[test]
fn the_domain_model_reads_no_clock_and_opens_nothing() {
    let forbidden = [
        "std::fs",
        "TcpStream",
        "UdpSocket",
        "ToSocketAddrs",
        "std::env",
        "std::process",
        "std::thread",
        "::now(",
        "now_v7",
        "new_v4",
    ];
    for file in sources("contracts/src") {
        let text = fs::read_to_string(&file).expect("our files are text");
        // Tests may; they stand in files of their own or at the end.
        let is_tests = file.file_stem().is_some_and(|name| name == "tests") || file.iter().any(|part| part == "tests");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let found = forbidden.iter().find(|word| !is_tests && code.contains(*word));
        assert_eq!(found, None, "{}", file.display());
    }
}

#[test]
fn each_invariant_in_architecture_names_tests_that_are_there() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("it is there");
    let table =
        text.split("## Invariants").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("it has invariants");
    let code: String = ["contracts", "topics", "sidecar", "integration-tests"]
        .iter()
        .flat_map(|folder| sources(folder))
        .map(|file| fs::read_to_string(file).expect("our files are text"))
        .collect();
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() > 10, "no table of invariants: {table}");
    for row in rows {
        let named: Vec<&str> = row.split('`').skip(1).step_by(2).filter(|name| name.contains("::")).collect();
        assert!(!named.is_empty(), "no test is named: {row}");
        for test in named {
            let name = test.rsplit("::").next().unwrap_or_default();
            assert!(code.contains(&format!("fn {name}(")), "there is no test {test}");
        }
    }
}
