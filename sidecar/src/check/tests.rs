use super::*;
use std::fs;

const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../compose/mesh");

/// A folder with files; paths in a report are shown from there.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self(folder)
    }

    fn check(&self, names: &[&str]) -> Report {
        let paths: Vec<PathBuf> = names.iter().map(|name| self.0.path().join(name)).collect();
        check(&paths, &Policy::default())
    }

    /// What was found, one a line, without the folder's name.
    fn found(&self, names: &[&str]) -> String {
        let report = self.check(names);
        let list: String = report.findings.diagnostics.iter().map(|found| format!("{found}\n")).collect();
        list.replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn sample(name: &str) -> String {
    fs::read_to_string(Path::new(SAMPLES).join(name)).unwrap()
}

#[test]
fn the_sample_mesh_has_nothing_wrong() {
    let report = check(&[PathBuf::from(SAMPLES)], &Policy::default());
    let found: Vec<_> = report.findings.diagnostics.iter().filter(|found| found.level > Level::Advice).collect();
    assert!(found.is_empty(), "{found:#?}");
    let names: Vec<String> = report.contracts.iter().map(|contract| contract.reference()).collect();
    assert_eq!(names, ["risk.scores@1.0.0", "sales.customers@1.0.0", "sales.orders@1.0.0"]);
    insta::assert_snapshot!("sample mesh", report.human(false, false).replace(SAMPLES, "mesh"));
}

#[test]
fn every_clause_is_listed_with_where_it_is_enforced() {
    let orders = Path::new(SAMPLES).join("sales/contracts/orders.odcs.yaml");
    let report = check(std::slice::from_ref(&orders), &Policy::default());
    insta::assert_snapshot!("orders verbose", report.human(false, true));
    insta::assert_json_snapshot!("orders json", report.machine());
}

#[test]
fn problems_show_their_line_and_the_way_out() {
    let contract = sample("risk/contracts/scores.odcs.yaml").replace("maximum: 1}", "maximun: 1}");
    let folder = Folder::new(&[
        ("contracts/scores.odcs.yaml", &contract),
        ("contracts/scores.avsc", &sample("risk/contracts/scores.avsc")),
    ]);
    let report = folder.check(&["contracts"]);
    assert!(report.findings.has_errors());
    let text = report.human(false, false).replace(&format!("{}/", folder.0.path().display()), "");
    insta::assert_snapshot!("one problem", text);
}

#[test]
fn what_a_sidecar_names_is_checked_with_it_once() {
    let config = sample("sales/tidegate.yaml");
    let (contract, schema) = (sample("risk/contracts/scores.odcs.yaml"), sample("risk/contracts/scores.avsc"));
    let folder = Folder::new(&[
        ("tidegate.yaml", &config),
        ("contracts/scores.odcs.yaml", &contract),
        ("contracts/scores.avsc", &schema),
        ("subscriptions/x.subscription.yaml", "kind: Subscription\n"),
        ("elsewhere/same.odcs.yaml", &contract),
        ("elsewhere/scores.avsc", &schema),
    ]);
    let report = folder.check(&["."]);
    assert_eq!(report.checked, [1, 2, 0, 1], "{:?}", report.findings.diagnostics);
    let codes: Vec<_> = report.findings.diagnostics.iter().map(|found| found.code).collect();
    assert_eq!(codes.iter().filter(|code| **code == "other-domain").count(), 1, "{codes:?}");
    assert_eq!(codes.iter().filter(|code| **code == "not-checked").count(), 1, "{codes:?}");
}

#[test]
fn the_policy_of_a_sidecar_holds_for_its_contracts() {
    let contract = sample("sales/contracts/customers.odcs.yaml");
    let config =
        format!("{}drift: {{openClassifications: [public, internal, confidential]}}\n", sample("sales/tidegate.yaml"));
    let folder = Folder::new(&[
        ("tidegate.yaml", &config),
        ("contracts/customers.odcs.yaml", &contract),
        ("contracts/customers.avsc", &sample("sales/contracts/customers.avsc")),
    ]);
    let on_violation = |names: &[&str]| format!("{:?}", folder.check(names).contracts[0].on_violation);
    assert_eq!(on_violation(&["tidegate.yaml"]), "Quarantine");
    assert_eq!(on_violation(&["contracts/customers.odcs.yaml"]), "Reject");
}

#[test]
fn files_are_told_by_name_or_by_kind_and_everything_else_is_said() {
    let folder = Folder::new(&[
        ("a.avsc", "{\"type\": \"strnig\"}"),
        ("b.yaml", "kind: Subscription\n"),
        ("c.yaml", "kind: Deployment\n"),
        ("d.subscription.yaml", &sample("risk/subscriptions/fraud-scoring.subscription.yaml")),
        ("e.subscription.yaml", "apiVersion: v2\nkind: Subscription\nmetadata: {name: x, name: y}\nspec: {}\n"),
        ("f.subscription.yaml", "a: [\n"),
        ("tidegate.yaml", "apiVersion: tidegate.dev/v1\nkind: Sidecar\ndomian: sales\n"),
        ("empty/readme.txt", ""),
    ]);
    fs::write(folder.0.path().join("g.odcs.yaml"), b"a: 1\nb: \xff\n").unwrap();
    let names = [
        "a.avsc",
        "b.yaml",
        "c.yaml",
        "d.subscription.yaml",
        "e.subscription.yaml",
        "f.subscription.yaml",
        "tidegate.yaml",
        "empty",
        "g.odcs.yaml",
        "nowhere.odcs.yaml",
    ];
    insta::assert_snapshot!("all sorts of files", folder.found(&names));
}
