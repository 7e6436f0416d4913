use super::*;
use std::fmt::Write as _;
use tidegate_contracts::contract::Policy;

const SCHEMA: &str = r#"{"type":"record","name":"Order","fields":[{"name":"orderId","type":"string"}]}"#;
const CONTRACT: &str = "\
apiVersion: v3.1.0
kind: DataContract
id: urn:orders
name: orders
domain: sales
version: 1.2.0
status: active
schema:
  - name: Orders
    logicalType: object
    authoritativeDefinitions: [{url: orders.avsc, type: implementation}]
    properties:
      - {name: orderId, logicalType: string, physicalType: string, required: true, primaryKey: true}
customProperties:
  - {property: tidegate.partitions, value: 6}
";

fn contract(change: impl FnOnce(&mut Contract)) -> Contract {
    let parsed = Contract::parse("orders.odcs.yaml", CONTRACT, &Policy::default(), &|_| Ok(SCHEMA.into()));
    let mut contract = *parsed.contract.unwrap_or_else(|| panic!("{:?}", parsed.diagnostics));
    change(&mut contract);
    contract
}

/// The wanted state as text, a line a topic.
fn show(wanted: &Wanted) -> String {
    let mut text = String::new();
    let or_default = |number: Option<u32>| number.map_or("default".into(), |number| number.to_string());
    for topic in &wanted.topics {
        let partitions = or_default(topic.partitions);
        let replication = or_default(topic.replication.map(u32::from));
        write!(text, "{} {partitions}/{replication}", topic.name).expect("a string takes it");
        for (name, want) in &topic.options {
            match want {
                Want::Exactly(value) => write!(text, " {name}={value}"),
                Want::AtLeast(value) => write!(text, " {name}>={value}"),
                Want::Initially(value) => write!(text, " {name}~{value}"),
            }
            .expect("a string takes it");
        }
        text += if topic.managed { "\n" } else { " (external)\n" };
    }
    text
}

const FEEDS: &str = "\
sales.tidegate-changes.v1 1/default cleanup.policy=delete retention.bytes=-1 retention.ms=-1
sales.tidegate-catalog.v1 1/default cleanup.policy=compact
";

#[test]
fn from_a_contract_to_its_topics() {
    let check = |max_event_bytes, change: fn(&mut Contract), expect: &str| {
        let contract = contract(change);
        let wanted = wanted("sales", &[&contract], max_event_bytes).expect("sound contracts");
        assert_eq!(show(&wanted), format!("{FEEDS}{expect}"));
        assert_eq!(wanted.warnings, Vec::<String>::new());
    };
    check(
        1000,
        |_| (),
        "sales.orders.v1 6/default cleanup.policy=delete\n\
         sales.tidegate-quarantine.orders.v1 1/default cleanup.policy=delete retention.ms~604800000\n",
    );
    check(
        1 << 20,
        |contract| {
            contract.on_violation = OnViolation::Reject;
            contract.replication = Some(3);
            contract.retention = Some(Duration::from_secs(3600));
        },
        "sales.orders.v1 6/3 cleanup.policy=delete max.message.bytes>=1310720 min.insync.replicas~2 retention.ms=3600000\n",
    );
    check(
        1000,
        |contract| {
            contract.topics = TopicsMode::External;
            contract.topic = "legacy_orders".into();
            contract.partitions = None;
            contract.cleanup = Cleanup::Compact;
            contract.retention = Some(Duration::MAX);
            contract.replication = Some(2);
        },
        "legacy_orders default/2 cleanup.policy=compact min.insync.replicas~1 retention.ms=-1 (external)\n\
         sales.tidegate-quarantine.orders.v1 1/2 cleanup.policy=delete retention.ms~604800000\n",
    );
}

#[test]
fn a_domain_without_contracts_has_its_feeds() {
    assert_eq!(show(&wanted("sales", &[], 1000).expect("sound")), FEEDS);
}

#[test]
fn what_cannot_be_is_said_all_at_once() {
    let bad_name = contract(|contract| contract.topic = "sales orders".into());
    let other_major = contract(|contract| contract.version = "2.0.0".parse().expect("a version"));
    let one = contract(|_| ());
    let foreign = contract(|contract| contract.domain = "risk".into());
    let errors = wanted("sales", &[&bad_name, &one, &other_major, &foreign], 1000).expect_err("four errors in three");
    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        [
            "contract sales.orders@1.2.0: \"sales orders\" cannot be a topic: it may have letters a-z and A-Z, digits, \
             and . _ - only",
            "contracts sales.orders@1.2.0 and sales.orders@2.0.0 both have the topic sales.orders.v1; give one of them \
             another physicalName",
            "contract risk.orders@1.2.0 is not of the domain sales, whose topics these are",
        ]
    );
}

#[test]
fn names_that_kafka_mixes_up_are_warned_of() {
    let one = contract(|_| ());
    let other = contract(|contract| {
        contract.product = "returns".into();
        contract.topic = "sales_orders.v1".into();
    });
    let wanted = wanted("sales", &[&one, &other], 1000).expect("only a warning");
    assert_eq!(wanted.warnings.len(), 1);
    assert!(wanted.warnings[0].contains("sales.orders.v1 and sales_orders.v1"), "{:?}", wanted.warnings);
}
