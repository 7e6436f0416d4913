//! The command line as a process: exit codes, what is asked of whom, completions.

use serde_json::Value;
use std::{
    io::ErrorKind,
    net::TcpListener,
    process::{Command, Stdio},
};
use tidegate_integration_tests::{Mesh, Outcome, orders, tidegate};

/// A domain whose broker and registry are a listener that nobody should call.
fn sales() -> (Mesh, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mesh = Mesh::on("sales", &address, &format!("http://{address}"));
    (mesh.contract(orders::CONTRACT, &[orders::SCHEMA]), listener)
}

fn edit(mesh: &Mesh, file: &str, from: &str, to: &str) {
    let text = std::fs::read_to_string(mesh.folder().join(file)).unwrap();
    assert!(text.contains(from), "{file} has no `{from}`");
    mesh.write(file, &text.replace(from, to));
}

fn ended(outcome: &Outcome, code: i32, says: &[&str]) {
    let said = format!("{}{}", outcome.stdout, outcome.stderr);
    assert_eq!(outcome.code, Some(code), "{said}");
    for part in says {
        assert!(said.contains(part), "{part}\n{said}");
    }
}

#[test]
fn check_shows_all_problems_of_all_files_at_once_and_asks_no_server() {
    let (sales, listener) = sales();
    ended(&sales.tidegate(&["check"]), 0, &["checked 1 configuration, 1 contract: 0 errors"]);
    ended(&sales.tidegate(&["check", "--verbose"]), 0, &["currency: pattern", "[per event]"]);
    ended(&sales.tidegate(&["check", "--no-such-option"]), 2, &["--no-such-option", "--help"]);
    ended(&sales.tidegate(&["check", "nowhere.odcs.yaml"]), 1, &["nowhere.odcs.yaml", "cannot read this file"]);
    ended(&sales.tidegate(&["--config", "nowhere.yaml", "check"]), 1, &["nowhere.yaml", "tidegate init"]);

    edit(&sales, "contracts/orders.odcs.yaml", "maxLength: 64", "maxLenght: 64");
    edit(&sales, "contracts/orders.odcs.yaml", "version: 1.0.0", "version: one");
    edit(&sales, "contracts/orders.odcs.yaml", "tidegate.partitions", "tidegate.partitons");
    sales.write("contracts/other.odcs.yaml", "kind: DataContract\n");
    let problems = [
        ("orders.odcs.yaml", "did you mean `maxLength`?"),
        ("orders.odcs.yaml", "did you mean `tidegate.partitions`?"),
        ("orders.odcs.yaml", "one"),
        ("other.odcs.yaml", "domain"),
    ];
    let outcome = sales.tidegate(&["check"]);
    ended(&outcome, 1, &problems.map(|(_, problem)| problem));
    let machine = sales.tidegate(&["check", "--output", "json"]);
    assert_eq!((machine.code, machine.stderr.as_str()), (Some(1), ""));
    let report: Value = serde_json::from_str(&machine.stdout).unwrap();
    let diagnostics = report["diagnostics"].as_array().unwrap();
    for (file, problem) in problems {
        let is = |found: &&Value| {
            found["file"].as_str().unwrap().ends_with(file)
                && found["position"]["line"].is_u64()
                && format!("{} {}", found["message"], found["hint"]).contains(problem)
        };
        assert!(diagnostics.iter().any(|found| is(&found)), "{file}: {problem}\n{report:#}");
    }

    edit(&sales, "tidegate.yaml", "listen:", "lisen:");
    let both = sales.tidegate(&["check", "tidegate.yaml", "contracts"]);
    ended(&both, 1, &["did you mean `listen`?", "did you mean `maxLength`?"]);
    let called = listener.accept().map(drop).map_err(|error| error.kind());
    assert_eq!(called, Err(ErrorKind::WouldBlock), "somebody called a server");
}

#[test]
fn commands_complete_in_bash() {
    let complete = |words: &[&str]| {
        let script = format!(
            "eval \"$(\"$0\" completions bash)\"; COMP_WORDS=({}); COMP_CWORD={}; \
             _tidegate tidegate \"${{COMP_WORDS[COMP_CWORD]}}\"; printf '%s\n' \"${{COMPREPLY[@]}}\"",
            words.join(" "),
            words.len() - 1
        );
        let output = Command::new("bash").args(["-c", &script]).arg(tidegate()).stdin(Stdio::null()).output().unwrap();
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(complete(&["tidegate", "ap"]), ["apply"]);
    assert_eq!(complete(&["tidegate", "quarantine", "rep"]), ["replay"]);
    assert_eq!(complete(&["tidegate", "plan", "--exit"]), ["--exit-code"]);
    assert_eq!(complete(&["tidegate", "completions", "f"]), ["fish"]);
}
