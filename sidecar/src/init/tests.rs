use super::*;
use crate::cli::Output;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tidegate_contracts::diagnostic::Level;

fn place() -> Place {
    Place {
        domain: "sales".into(),
        product: "orders".into(),
        sidecar: "tidegate.yaml".into(),
        new_sidecar: None,
        contracts: "contracts".into(),
    }
}

fn args(samples: &Path, folder: &Path) -> Args {
    Args {
        samples: Some(samples.to_owned()),
        topic: None,
        subject: None,
        kafka: None,
        registry: None,
        domain: Some("sales".into()),
        product: None,
        folder: folder.to_owned(),
        key: None,
        event_id: None,
        force: false,
        leave_out: false,
    }
}

fn made(lines: &str) -> Result<(Samples, Made), String> {
    let samples = Samples::read(lines.as_bytes()).unwrap();
    let args = args(Path::new("orders.ndjson"), Path::new("."));
    make(&samples, &place(), &args).map(|made| (samples, made)).map_err(|failure| failure.to_string())
}

/// That the contract is without errors and takes every sample, told by the plan alone.
fn keeps_its_word(samples: &Samples, made: &Made) {
    let parsed = Contract::parse("orders.odcs.yaml", &made.contract, &Policy::default(), &|_| Ok(made.schema.clone()));
    let errors: Vec<_> = parsed.diagnostics.iter().filter(|found| found.level == Level::Error).collect();
    assert!(errors.is_empty(), "{errors:?}\n{}", made.contract);
    let plan = parsed.contract.unwrap().plan(Limits::default()).unwrap();
    for line in &samples.good {
        let mut outcome = Outcome::default();
        let verdict = plan.encode_json(line, JsonForm::Plain, &mut Vec::new(), &mut outcome);
        let line = String::from_utf8_lossy(line);
        assert_eq!(verdict, Verdict::Sound, "{line}\n{:?}\n{}", outcome.violations, made.schema);
        assert!(outcome.undeclared.is_empty(), "{line}: {:?}", outcome.undeclared);
    }
}

const ORDERS: &str = r#"
{"orderId":"A-1","eventId":"01890a5d-ac96-774b-bcce-b302099a8057","placedAt":"2026-01-01T10:00:00.5Z","total":{"amount":"12.50","currency":"EUR"},"lines":[{"sku":"x","quantity":1}],"tags":{"a-b":"c"},"note":null}
{"orderId":"A-1","eventId":"01890a5d-ac96-774b-bcce-b302099a8058","placedAt":"2026-01-01T10:00:00Z","total":{"amount":"7.00","currency":"EUR"},"lines":[],"tags":{},"weight":1.5}
"#;

#[test]
fn samples_become_a_contract_that_takes_them() {
    let (samples, made) = made(ORDERS).unwrap();
    keeps_its_word(&samples, &made);
    insta::assert_snapshot!("contract", made.contract);
    insta::assert_snapshot!("schema", made.schema);
}

#[test]
fn what_fits_nearly_every_sample_is_not_guessed() {
    // Looks like a timestamp throughout, and one of them is more than 64 bits of nanoseconds hold.
    let lines = "{\"at\":\"2026-01-01T10:00:00.123456789Z\"}\n{\"at\":\"9999-01-01T10:00:00.123456789Z\"}\n";
    let (samples, made) = made(lines).unwrap();
    keeps_its_word(&samples, &made);
    assert!(made.schema.contains(r#""name": "at", "type": "string""#), "{}", made.schema);
    let guess = made.guesses.iter().find(|guess| guess.path == "at").unwrap();
    assert!(guess.why.contains("looked like something finer"), "{guess:?}");
}

#[test]
fn names_that_avro_does_not_take_are_refused_unless_left_out() {
    let lines = "{\"order-id\": 1, \"ok\": 2}\n";
    let error = made(lines).unwrap_err();
    assert_eq!(error, "Avro does not take these names of fields: `order-id`");
    let samples = Samples::read(lines.as_bytes()).unwrap();
    let args = Args { leave_out: true, ..args(Path::new("orders.ndjson"), Path::new(".")) };
    let made = make(&samples, &place(), &args).unwrap();
    assert_eq!(made.left_out, ["order-id"]);
}

#[test]
fn names_of_fields_give_a_terminal_no_orders() {
    let lines = "{\"ok\": 2, \"\\u001b[2Jbad\\u0007\\u202e\": 1}\n\u{1b}no event\n";
    let samples = Samples::read(lines.as_bytes()).unwrap();
    let args = Args { leave_out: true, ..args(Path::new("orders.ndjson"), Path::new(".")) };
    let place = place();
    let made = make(&samples, &place, &args).unwrap();
    let shown = Report::new(&place, Some(&samples), made, Vec::new()).human(false);
    assert!(shown.contains("[2Jbad") && !shown.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{shown:?}");
}

#[test]
fn a_key_that_may_be_null_is_refused_with_the_contracts_own_words() {
    let samples = Samples::read("{\"id\": null}\n{\"id\": 1}\n".as_bytes()).unwrap();
    let args = Args { key: Some("id".parse().unwrap()), ..args(Path::new("orders.ndjson"), Path::new(".")) };
    let failure = make(&samples, &place(), &args).unwrap_err();
    assert!(!failure.findings.diagnostics.is_empty(), "{failure}");
}

#[tokio::test]
async fn files_are_written_once_and_again_only_when_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let samples = folder.path().join("orders.ndjson");
    fs::write(&samples, ORDERS).unwrap();
    let context = Context { config: None, output: Output::Json, color: false, verbose: 0 };
    let run = async |args: Args| run(args, &context).await.map_err(|error| error.to_string());

    assert_eq!(run(args(&samples, folder.path())).await, Ok(Exit::Success));
    let config = Config::load(&folder.path().join("tidegate.yaml")).unwrap();
    assert_eq!(config.domain, "sales");
    let contract = folder.path().join("contracts/orders.odcs.yaml");
    fs::write(&contract, "mine").unwrap();

    let error = run(args(&samples, folder.path())).await.unwrap_err();
    assert!(error.contains("orders.avsc is there already"), "{error}");
    assert_eq!(fs::read_to_string(&contract).unwrap(), "mine");

    // The folder's own file says which domain.
    let again = Args { force: true, domain: None, ..args(&samples, folder.path()) };
    assert_eq!(run(again).await, Ok(Exit::Success));
    assert_ne!(fs::read_to_string(&contract).unwrap(), "mine");
    let other = Args { force: true, domain: Some("risk".into()), ..args(&samples, folder.path()) };
    assert!(run(other).await.unwrap_err().contains("is of the domain `sales`, not `risk`"));
}

#[test]
fn the_products_name_comes_from_the_file() {
    let check = |path: &str, expected: Option<&str>| {
        assert_eq!(product_of(&args(Path::new(path), Path::new("."))).ok().as_deref(), expected, "{path}");
    };
    check("orders.ndjson", Some("orders"));
    check("data/OrderItems_2.json", Some("order-items-2"));
    check("-", None);
    check("7.json", None);
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_event() {
    let read = |bytes: &[u8]| Samples::read(bytes).unwrap();
    let samples = read(b"\xef\xbb\xbf{\"a\":1}\r\n{\"a\":2}");
    assert_eq!((samples.good.len(), samples.bad_count), (2, 0), "{:?}", samples.bad);
    let samples = read(b"\xff\xfe{\0}\0\n\0");
    assert_eq!(samples.bad[0], samples::BadLine { line: 1, why: "UTF-16, and samples are UTF-8".to_owned() });
}

#[test]
fn no_value_of_a_sample_is_shown() {
    let lines = format!("{ORDERS}\n{{\"orderId\": \"canary-1\", broken}}\n\"canary-2\"\n");
    let lines = lines.replace("\"c\"", "\"canary-3\"").replace("\"x\"", "\"canary-4\"");
    let (samples, made) = made(&lines).unwrap();
    assert_eq!(samples.bad_count, 2);
    let report = Report::new(&place(), Some(&samples), made, Vec::new());
    let (human, json) = (report.human(false), serde_json::to_string(&report).unwrap());
    assert!(human.contains("line 5: not JSON, from column") && human.contains("line 6: not a JSON object"), "{human}");
    assert!(!human.contains("canary") && !json.contains("canary"), "{human}\n{json}");
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,12}",
        "[A-Z]{1,3}",
        "(OPEN|PAID|SHIPPED)",
        "[0-9]{4}-[0-9]{2}-[0-9]{2}",
        "(19|20)[0-9]{2}-0[1-9]-[12][0-9]",
        "(19|20)[0-9]{2}-0[1-9]-[12][0-9]T[01][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,10})?(Z|[+-][01][0-9]:[0-5][0-9])?",
        "[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{1,9})?",
        "[0-9a-fA-F]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "-?[0-9]{1,30}\\.[0-9]{1,6}",
    ]
}

fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec!["id", "orderId", "status", "total", "placedAt", "lines", "tags", "no", "null", "type"])
            .prop_map(str::to_owned),
        1 => "[a-z_][a-zA-Z0-9_]{0,6}",
    ]
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-5i64..5).prop_map(Value::from),
        (1_600_000_000_000i64..1_800_000_000_000).prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no others", |number| number.is_finite()).prop_map(Value::from),
        texts().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        let keys = prop_oneof![3 => names(), 1 => ".{0,4}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((keys, inner), 0..5).prop_map(|entries| Value::from(Map::from_iter(entries))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// The promise of `init`, whatever the samples.
    #[test]
    fn every_sample_is_taken_by_the_contract_they_lead_to(
        events in prop::collection::vec(prop::collection::vec((names(), values()), 1..6), 1..30),
    ) {
        let lines: String = events.into_iter().map(|event| json!(Map::from_iter(event)).to_string() + "\n").collect();
        let (samples, made) = made(&lines).map_err(TestCaseError::fail)?;
        prop_assert_eq!(samples.bad_count, 0);
        keeps_its_word(&samples, &made);
    }

    /// Whatever stands in the file, it is told or taken, and nothing panics.
    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let samples = Samples::read(&bytes[..]).unwrap();
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count();
        prop_assert_eq!(samples.good.len() as u64 + samples.bad_count, lines as u64);
    }
}

#[tokio::test]
async fn both_ways_to_begin_are_named_where_none_is() {
    let args = Args { samples: None, ..args(Path::new(""), Path::new(".")) };
    let context = Context { config: None, output: crate::cli::Output::Human, color: false, verbose: 0 };
    let error = run(args, &context).await.unwrap_err();
    let failure: &Failure = error.downcast_ref().unwrap();
    assert_eq!(failure.exit, Exit::Usage);
    assert!(failure.hint.as_ref().unwrap().contains("--topic"), "{failure:?}");
}
