use super::*;
use std::fs;
use tempfile::TempDir;

const CONTRACT: &str = "\
apiVersion: v3.1.0
kind: DataContract
id: urn:sales:orders
name: orders
domain: sales
version: 1.0.0
status: active
schema:
  - name: Event
    physicalType: topic
    logicalType: object
    authoritativeDefinitions: [{url: event.avsc, type: implementation}]
    properties:
      - {name: id, logicalType: string, required: true, primaryKey: true}
";
const SCHEMA: &str = r#"{"type":"record","name":"Event","fields":[{"name":"id","type":"string"}]}"#;

/// A folder of these files; `contract.avsc` of each folder that a contract is in comes by itself.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path.with_file_name("event.avsc"), SCHEMA).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn load_all(folder: &TempDir) -> Result<Contracts, Failure> {
    load(folder.path(), "sales", &Policy::default())
}

#[test]
fn every_contract_of_a_folder_and_those_below_is_read() {
    let (payments, second) = (CONTRACT.replace("orders", "payments"), CONTRACT.replace("1.0.0", "2.3.1"));
    let folder = folder(&[
        ("orders.odcs.yaml", CONTRACT),
        ("deeper/still/orders-2.odcs.yaml", &second),
        ("payments/payments.odcs.yaml", &payments),
        (".hidden/orders.odcs.yaml", "{"),
        ("notes.yaml", "{"),
    ]);
    std::os::unix::fs::symlink(folder.path(), folder.path().join("deeper/back-up")).unwrap();
    let contracts = load_all(&folder).unwrap().contracts;
    let references: Vec<String> = contracts.iter().map(|contract| contract.reference()).collect();
    assert_eq!(references, ["sales.orders@1.0.0", "sales.orders@2.3.1", "sales.payments@1.0.0"]);
}

#[test]
fn a_folder_without_contracts_is_none_and_a_warning() {
    let folder = folder(&[("notes.yaml", "{")]);
    for path in [folder.path().to_owned(), folder.path().join("nowhere")] {
        let contracts = load(&path, "sales", &Policy::default()).unwrap();
        assert!(contracts.contracts.is_empty());
        assert_eq!(contracts.findings.diagnostics[0].code, "no-contracts");
    }
}

#[test]
fn one_wrong_file_is_enough_to_take_none_and_all_that_is_wrong_is_said() {
    let other = CONTRACT.replace("domain: sales", "domain: risk").replace("orders", "claims");
    let moved = CONTRACT
        .replace("name: orders", "name: moved")
        .replace("  - name: Event\n", "  - name: Event\n    physicalName: sales.orders.v1\n");
    let folder = folder(&[
        ("a.odcs.yaml", CONTRACT),
        ("b.odcs.yaml", &CONTRACT.replace("1.0.0", "1.1.0")),
        ("c.odcs.yaml", &other),
        ("d.odcs.yaml", &CONTRACT.replace("version: 1.0.0", "version: one")),
        ("e.odcs.yaml", "apiVersion: ["),
        ("f.odcs.yaml", &moved),
    ]);
    let failure = load_all(&folder).unwrap_err();
    let errors = failure.findings.diagnostics.iter().filter(|found| found.level == Level::Error);
    let found: Vec<(&str, &str)> =
        errors.map(|found| (&found.file[found.file.len() - "a.odcs.yaml".len()..], found.code)).collect();
    let codes = |file: &str| found.iter().filter(|(of, _)| *of == file).map(|(_, code)| *code).collect::<Vec<_>>();
    assert_eq!(codes("b.odcs.yaml"), ["contract-twice"]);
    assert_eq!(codes("c.odcs.yaml"), ["other-domain"]);
    assert!(!codes("d.odcs.yaml").is_empty() && !codes("e.odcs.yaml").is_empty(), "{found:?}");
    assert_eq!([codes("a.odcs.yaml"), codes("f.odcs.yaml")].concat(), ["topic-twice"]);
    assert!(failure.message.ends_with("errors in the contracts"), "{failure}");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = folder(&[("a.odcs.yaml", CONTRACT)]);
    std::os::unix::fs::symlink(folder.path().join("gone"), folder.path().join("b.odcs.yaml")).unwrap();
    fs::write(folder.path().join("c.odcs.yaml"), b"a: 1\nb: \xff\n").unwrap();
    let failure = load_all(&folder).unwrap_err().on_one_line();
    for part in ["2 errors in the contracts", "b.odcs.yaml", "No such file", "c.odcs.yaml:2", "not UTF-8"] {
        assert!(failure.contains(part), "{part}: {failure}");
    }
}

#[test]
fn a_contract_cut_anywhere_is_whole_or_an_error_and_never_a_panic() {
    for end in (0..CONTRACT.len()).step_by(7) {
        let folder = folder(&[("a.odcs.yaml", &CONTRACT[..end])]);
        if let Ok(contracts) = load_all(&folder) {
            assert_eq!(contracts.contracts.len(), 1);
        }
    }
}

#[test]
fn a_schema_is_a_file_of_reasonable_size_and_no_link_to_something_else() {
    let folder = folder(&[("orders.odcs.yaml", CONTRACT)]);
    let elsewhere = tempfile::tempdir().unwrap();
    let [passwords, schema] = ["passwords", "other.avsc"].map(|name| elsewhere.path().join(name));
    fs::write(&passwords, SCHEMA).unwrap();
    fs::write(&schema, SCHEMA).unwrap();
    let place = folder.path().join("event.avsc");
    let check = |expected: Option<&str>| {
        let loaded = load_all(&folder);
        let shown = loaded.as_ref().err().map(Failure::on_one_line).unwrap_or_default();
        assert_eq!(loaded.is_ok(), expected.is_none(), "{shown}");
        assert!(shown.contains(expected.unwrap_or_default()), "{shown}");
        fs::remove_file(&place).unwrap();
    };
    check(None);
    let link = |to: &Path| std::os::unix::fs::symlink(to, &place).unwrap();
    link(&schema);
    check(None);
    link(&passwords);
    check(Some("a link to a file elsewhere that is not named *.avsc"));
    // As Kubernetes mounts a config map.
    fs::write(folder.path().join("data"), SCHEMA).unwrap();
    link(Path::new("data"));
    check(None);
    link(Path::new("/dev/zero"));
    check(Some("not named *.avsc"));
    assert!(std::process::Command::new("mkfifo").arg(&place).status().unwrap().success());
    check(Some("not a file"));
    fs::File::create(&place).unwrap().set_len(150 << 20).unwrap();
    check(Some("larger than"));
}
