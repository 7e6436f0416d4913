use super::*;
use crate::{
    plan::{JsonForm, Outcome},
    violation::Clause,
};
use proptest::prelude::*;
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/contract/tests");
const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../compose/mesh");

/// Every contract in a folder, by name.
fn contracts(folder: impl AsRef<Path>) -> Vec<PathBuf> {
    let folder = folder.as_ref();
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.to_str().unwrap().ends_with(".odcs.yaml")).collect();
    assert!(!paths.is_empty(), "{}", folder.display());
    paths.sort();
    paths
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

fn parse_text(path: &Path, text: &str) -> Parsed {
    let read = |avsc: &str| fs::read_to_string(path.with_file_name(avsc)).map_err(|error| error.kind().to_string());
    Contract::parse(&name_of(path), text, &Policy::default(), &read)
}

fn parse(path: &Path) -> Parsed {
    parse_text(path, &fs::read_to_string(path).unwrap())
}

fn good(name: &str) -> Contract {
    let parsed = parse(&Path::new(HERE).join("good").join(name));
    *parsed.contract.unwrap_or_else(|| panic!("{name}: {:#?}", parsed.diagnostics))
}

/// A contract like the minimal one, with more at its end.
fn minimal(more: &str) -> Parsed {
    let path = Path::new(HERE).join("good/minimal.odcs.yaml");
    let text = fs::read_to_string(&path).unwrap();
    parse_text(&path, &format!("{text}{more}"))
}

#[test]
fn bad_contracts_are_told_everything_that_is_wrong() {
    for path in contracts(Path::new(HERE).join("bad")) {
        let parsed = parse(&path);
        let report: String = parsed.diagnostics.iter().map(|found| format!("{found}\n")).collect();
        assert!(!report.is_empty(), "{}", path.display());
        assert_eq!(parsed.contract.is_none(), parsed.has_errors(), "{}", path.display());
        insta::assert_snapshot!(name_of(&path).trim_end_matches(".odcs.yaml"), report);
    }
}

#[test]
fn good_contracts_have_nothing_wrong() {
    let samples = ["sales/contracts", "risk/contracts"].map(|folder| contracts(Path::new(SAMPLES).join(folder)));
    for path in contracts(Path::new(HERE).join("good")).into_iter().chain(samples.into_iter().flatten()) {
        let parsed = parse(&path);
        assert_eq!(parsed.diagnostics, [], "{}", path.display());
        let contract = parsed.contract.unwrap_or_else(|| panic!("{}", path.display()));
        contract.plan(Limits::default()).unwrap_or_else(|problems| panic!("{}: {problems:?}", path.display()));
    }
}

#[test]
fn the_sample_orders_take_a_good_event_and_name_all_that_is_wrong_with_a_bad_one() {
    let path = Path::new(SAMPLES).join("sales/contracts/orders.odcs.yaml");
    let plan = parse(&path).contract.unwrap().plan(Limits::default()).unwrap();
    let check = |event: &str, expect: &[&str]| {
        let (mut out, mut outcome) = (Vec::new(), Outcome::default());
        plan.encode_json(event.as_bytes(), JsonForm::Plain, &mut out, &mut outcome);
        let found: Vec<String> =
            outcome.violations.listed.iter().map(|found| format!("{} {:?}", found.path, found.clause)).collect();
        assert_eq!(found, expect, "{event}");
    };
    let event = r#"{"eventId": "0197a3c4-5b6d-7e8f-9a0b-1c2d3e4f5a6b", "orderId": "A-1001", "placedAt": "2026-01-31T09:30:00Z",
        "status": "PLACED", "customer": {"id": "C-17"}, "total": {"amount": "129.90"},
        "lines": [{"sku": "LAMP-7", "quantity": 1, "price": "129.90"}]}"#;
    check(event, &[]);
    let broken = event.replace("PLACED", "LOST").replace("\"amount\": \"129.90\"", "\"amount\": \"129.905\"");
    check(&broken, &["status Symbol", "total.amount Precision"]);
    let odd = event.replace("PLACED", "UNKNOWN").replace("\"quantity\": 1", "\"quantity\": 0");
    check(&odd, &["status InvalidValues", "lines[].quantity Minimum"]);
}

#[test]
fn a_contract_says_all_that_its_file_says() {
    let contract = good("full.odcs.yaml");
    let paths = |paths: &[FieldPath]| paths.iter().map(ToString::to_string).collect::<Vec<_>>();
    let classes: Vec<_> = contract.classifications.iter().map(|(path, class)| format!("{path}: {class}")).collect();
    let lines = [
        format!("{} {} {} {:?}", contract.id, contract.reference(), contract.stem(), contract.status),
        format!("{:?} {} {} {}", contract.owner, contract.topic, contract.subject, contract.quarantine_topic()),
        format!("{:?} {:?}", paths(&contract.key), contract.event_id.as_ref().map(ToString::to_string)),
        format!("{:?} {:?} {:?}", contract.compatibility, contract.undeclared_fields, contract.on_violation),
        format!("{:?} {:?} {:?}", contract.topics, contract.partitions, contract.replication),
        format!("{:?} {:?} {:?}", contract.retention, contract.cleanup, contract.bytes_encoding),
        format!("{:?} {:?} {:?}", contract.allowed_purposes, contract.notice_period, contract.deprecation),
        format!("{classes:?}"),
    ];
    insta::assert_snapshot!("full contract", lines.join("\n"));
    let rules: String = contract.rules.iter().fold(String::new(), |mut text, rule| {
        let at = rule.position.unwrap();
        writeln!(text, "{}:{} {} {:?}", at.line, at.column, rule.path, rule.check).unwrap();
        text
    });
    insta::assert_snapshot!("full rules", rules);
    // It is held against the standard by `integration-tests/lint-contracts`: with every clause that we enforce in it.
    for clause in Clause::ALL.into_iter().filter(|clause| clause.is_rule()) {
        assert!(contract.rules.iter().any(|rule| rule.check.clause() == clause), "{clause}");
    }
    let clauses: String = contract.clauses.iter().fold(String::new(), |mut text, clause| {
        let line = clause.position.map_or(0, |at| at.line);
        writeln!(text, "{line}: [{}] {} {}", clause.enforced, clause.path, clause.clause).unwrap();
        text
    });
    insta::assert_snapshot!("full clauses", clauses);
    let aggregates: Vec<_> = contract.aggregate_clauses.iter().map(|of| (of.path.to_string(), &of.metric)).collect();
    insta::assert_debug_snapshot!("full aggregates", aggregates);
    insta::assert_json_snapshot!("full document", contract.document);
}

#[test]
fn what_is_left_out_has_its_default_in_contract_and_document() {
    let contract = good("minimal.odcs.yaml");
    assert_eq!((contract.topic.as_str(), contract.subject.as_str()), ("shop.minimal.v1", "shop.minimal.v1-value"));
    assert_eq!((contract.key_form, contract.key), (KeyForm::None, vec![]));
    assert_eq!(contract.compatibility, Compatibility::FullTransitive);
    assert_eq!(contract.on_violation, OnViolation::Quarantine);
    assert_eq!((contract.retention, contract.partitions, contract.replication), (None, None, None));
    assert_eq!(contract.allowed_purposes, None);
    insta::assert_json_snapshot!("minimal document", contract.document);
}

#[test]
fn what_is_kept_for_ever_says_so() {
    let parsed = minimal("customProperties: [{property: tidegate.retention, value: forever}]\n");
    let contract = parsed.contract.unwrap_or_else(|| panic!("{:?}", parsed.diagnostics));
    assert_eq!(contract.retention, Some(Duration::MAX));
    assert!(contract.document.to_string().contains(r#"{"property":"tidegate.retention","value":"forever"}"#));
}

#[test]
fn broken_events_of_a_closed_classification_are_not_kept_unless_told() {
    let check = |classification: &str, policy: &[&str], expect: OnViolation| {
        let more = format!("  properties:\n  - {{name: note, classification: {classification}}}\n");
        let policy = Policy { open_classifications: policy.iter().map(ToString::to_string).collect() };
        let path = Path::new(HERE).join("good/minimal.odcs.yaml");
        let text = fs::read_to_string(&path).unwrap() + &more;
        let read = |avsc: &str| fs::read_to_string(path.with_file_name(avsc)).map_err(|error| error.to_string());
        let parsed = Contract::parse("x", &text, &policy, &read);
        assert_eq!(parsed.contract.unwrap().on_violation, expect, "{classification} under {policy:?}");
    };
    check("internal", &["public", "internal"], OnViolation::Quarantine);
    check("confidential", &["public", "internal"], OnViolation::Reject);
    check("confidential", &["confidential"], OnViolation::Quarantine);
    check("internal", &["public"], OnViolation::Reject);
}

#[test]
fn the_key_is_text_for_one_string_and_avro_for_anything_else() {
    let check = |key: &str, expect: Option<&str>| {
        let parsed = minimal(&format!("customProperties: [{{property: tidegate.key, value: {key}}}]\n"));
        let contract = parsed.contract.unwrap_or_else(|| panic!("{key}: {:?}", parsed.diagnostics));
        match (contract.key_form, expect) {
            (KeyForm::Text, None) => {}
            (KeyForm::Avro { subject, schema }, Some(expect)) => {
                assert_eq!(subject, "shop.minimal.v1-key");
                let text: serde_json::Value = serde_json::from_str(&schema).unwrap();
                assert_eq!(text, serde_json::from_str::<serde_json::Value>(expect).unwrap(), "{key}");
                Schema::parse(&schema).unwrap_or_else(|error| panic!("{key}: {error}"));
            }
            (form, _) => panic!("{key}: {form:?}"),
        }
    };
    let country = r#"{"type": "enum", "name": "shop.Country", "symbols": ["DE", "FR"], "default": "DE"}"#;
    check("id", None);
    check("[buyer.id]", None);
    check("number", Some(r#""int""#));
    check("origin", Some(country));
    let two = format!(
        r#"{{"type": "record", "name": "shop.OrderKey", "fields": [
            {{"name": "buyer_id", "type": "string"}}, {{"name": "id", "type": "string"}},
            {{"name": "origin", "type": {country}}}, {{"name": "country", "type": "shop.Country"}}]}}"#
    );
    check("[buyer.id, id, origin, buyer.country]", Some(&two));
}

#[test]
fn the_primary_key_is_the_key_in_its_own_order() {
    let properties = "  properties:\n  - {name: id, primaryKey: true, primaryKeyPosition: 2}\n  \
                      - {name: number, primaryKey: true, primaryKeyPosition: 1}\n  - {name: count, primaryKey: true}\n";
    let contract = minimal(properties).contract.unwrap();
    let key: Vec<String> = contract.key.iter().map(ToString::to_string).collect();
    assert_eq!(key, ["number", "id", "count"]);
}

#[test]
fn what_the_avsc_has_wrong_is_told_at_its_own_place() {
    let path = Path::new(HERE).join("bad/avsc-broken.odcs.yaml");
    let text = fs::read_to_string(&path).unwrap();
    let read = |_: &str| fs::read_to_string(path.with_file_name("broken.avsc")).map_err(|error| error.to_string());
    let parsed = Contract::parse("some/folder/orders.odcs.yaml", &text, &Policy::default(), &read);
    let found = &parsed.diagnostics[0];
    assert_eq!((found.file.as_str(), found.position.unwrap().line), ("some/folder/broken.avsc", 5));
}

#[test]
fn a_file_of_nothing_but_problems_is_told_the_first_ones() {
    let more: String = (0..2000).map(|n| format!("k{n}: 1\n")).collect();
    let parsed = minimal(&more);
    assert!(parsed.diagnostics.len() < 1000);
    assert!(parsed.diagnostics.last().unwrap().message.contains("more problems"));
}

/// Diagnostics or a contract, never both and never neither.
fn reads_without_panic(path: &Path, text: &str) {
    let parsed = parse_text(path, text);
    assert_eq!(parsed.contract.is_none(), parsed.has_errors(), "{text}");
    if let Some(contract) = parsed.contract {
        assert!(contract.plan(Limits::default()).is_ok(), "{text}");
    }
}

#[test]
fn a_contract_cut_anywhere_is_read_or_refused() {
    let path = Path::new(HERE).join("good/full.odcs.yaml");
    let text = fs::read_to_string(&path).unwrap();
    for (at, _) in text.char_indices().step_by(7) {
        reads_without_panic(&path, &text[..at]);
    }
}

/// What a slip of the hand may put into a contract.
const SCRAPS: &[&str] = &[
    "", "x", "0", "-1", "1e9", "true", "~", "[]", "{}", "'", "\"", ":", "- ", "&a ", "*a", "[x, y]", "{a: b}", "\n",
    "..", "é",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_mutation_of_a_good_contract_is_read_or_refused(
        edits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<proptest::sample::Index>(), 0..4_u8), 1..4)
    ) {
        let path = Path::new(HERE).join("good/full.odcs.yaml");
        let text = fs::read_to_string(&path).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for (line, scrap, what) in edits {
            let at = line.index(lines.len());
            let scrap = SCRAPS[scrap.index(SCRAPS.len())];
            match what {
                // A value becomes another one.
                0 => {
                    let start = lines[at].find(": ").map_or(0, |colon| colon + 2);
                    lines[at].replace_range(start.., scrap);
                }
                1 => { lines.remove(at); }
                2 => { let line = lines[at].clone(); lines.insert(at, line); }
                _ => {
                    let column = scrap.len() * 7 % (lines[at].len() + 1);
                    if lines[at].is_char_boundary(column) {
                        lines[at].insert_str(column, scrap);
                    }
                }
            }
            if lines.is_empty() {
                lines.push(String::new());
            }
        }
        reads_without_panic(&path, &(lines.join("\n") + "\n"));
    }
}
