//! Topics on a real broker: what is planned, carried out, and left alone.

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier},
    client::DefaultClientContext,
};
use std::{collections::BTreeMap, time::Duration};
use tidegate_contracts::contract::{Contract, KeyForm, Policy, TopicsMode};
use tidegate_integration_tests::parts;
use tidegate_topics::{
    admin::{Admin, AdminError, Applied},
    config::KafkaConfig,
    name::TopicName,
    plan::{self, Action, Allow, OptionChange, TopicPlan},
    spec::{self, WantedTopic},
};

const SCHEMA: &str = r#"{"type":"record","name":"Order","fields":[{"name":"orderId","type":"string"}]}"#;
const CONTRACT: &str = "\
apiVersion: v3.1.0
kind: DataContract
id: urn:orders
name: orders
domain: DOMAIN
version: 1.2.0
status: active
schema:
  - name: Orders
    logicalType: object
    authoritativeDefinitions: [{url: orders.avsc, type: implementation}]
    properties:
      - {name: orderId, logicalType: string, physicalType: string, required: true, primaryKey: true}
customProperties:
  - {property: tidegate.partitions, value: 2}
  - {property: tidegate.retention, value: P1D}
";

fn config() -> KafkaConfig {
    KafkaConfig { properties: [("bootstrap.servers".into(), parts().kafka.clone())].into() }
}

fn admin() -> Admin {
    Admin::new(&config()).expect("an admin client")
}

/// A domain of one's own, with one contract.
fn domain(change: impl FnOnce(&mut Contract)) -> (String, Vec<WantedTopic>) {
    let domain = format!("sales-{}", &uuid::Uuid::new_v4().simple().to_string()[..8]);
    let text = CONTRACT.replace("DOMAIN", &domain);
    let parsed = Contract::parse("orders.odcs.yaml", &text, &Policy::default(), &|_| Ok(SCHEMA.into()));
    let mut contract = *parsed.contract.unwrap_or_else(|| panic!("{:?}", parsed.diagnostics));
    change(&mut contract);
    let wanted = spec::wanted(&domain, &[&contract], 1 << 20).expect("sound").topics;
    (domain, wanted)
}

async fn plan(admin: &Admin, wanted: &[WantedTopic], allow: Allow) -> TopicPlan {
    let actual = admin.read(wanted.iter().map(|topic| &topic.name)).await.expect("topics are read");
    plan::plan(wanted, &actual, allow)
}

/// Plans and carries out.
async fn apply(admin: &Admin, wanted: &[WantedTopic], allow: Allow) -> TopicPlan {
    let plan = plan(admin, wanted, allow).await;
    for action in &plan.actions {
        assert_eq!(admin.apply(action).await, Ok(Applied::Done), "{action}");
    }
    plan
}

/// Sets options as somebody would by hand; all others go back to the broker's defaults.
async fn set_by_hand(topic: &TopicName, options: &[(&str, &str)]) {
    let client: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", &parts().kafka).create().expect("an admin client");
    let mut alter = AlterConfig::new(ResourceSpecifier::Topic(topic.as_str()));
    for (name, value) in options {
        alter = alter.set(name, value);
    }
    client.alter_configs([&alter], &AdminOptions::new()).await.expect("kafka takes it");
}

/// The options that were set on a topic.
async fn set_options(admin: &Admin, topic: &TopicName) -> BTreeMap<String, String> {
    let mut actual = admin.read([topic]).await.expect("topics are read");
    let options = actual.remove(topic).expect("it is there").options.expect("kafka tells");
    let set = options.into_iter().filter(|(_, option)| option.is_set);
    set.filter_map(|(name, option)| Some((name, option.value?))).collect()
}

#[tokio::test]
async fn a_plan_that_was_carried_out_leaves_nothing_to_do() {
    let admin = admin();
    let (domain, wanted) = domain(|_| ());
    let done = apply(&admin, &wanted, Allow::default()).await;
    let made: Vec<String> = done.actions.iter().map(|action| action.topic().to_string()).collect();
    let expect = ["tidegate-changes.v1", "tidegate-catalog.v1", "orders.v1", "tidegate-quarantine.orders.v1"];
    assert_eq!(made, expect.map(|topic| format!("{domain}.{topic}")));

    assert_eq!(plan(&admin, &wanted, Allow::default()).await, TopicPlan::default());
    // Each step can be repeated, as by an apply that died after it.
    for action in &done.actions {
        assert_eq!(admin.apply(action).await, Ok(Applied::Already), "{action}");
    }
    let listed = admin.list().await.expect("topics are listed");
    assert_eq!(plan::strays(&domain, &wanted, &listed), []);
    let fewer = &wanted[..2];
    assert_eq!(plan::strays(&domain, fewer, &listed).len(), 2);
}

#[tokio::test]
async fn two_applies_at_once_both_come_through() {
    let (_, wanted) = domain(|_| ());
    let (one, other) = (admin(), admin());
    let both = tokio::join!(plan(&one, &wanted, Allow::default()), plan(&other, &wanted, Allow::default()));
    assert_eq!(both.0, both.1);
    for action in &both.0.actions {
        let (one, other) = tokio::join!(one.apply(action), other.apply(action));
        assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
        assert_ne!(one, other, "{action}: one of them did it");
    }
    assert_eq!(plan(&one, &wanted, Allow::default()).await, TopicPlan::default());
}

#[tokio::test]
async fn an_option_changed_by_hand_shows_and_the_others_survive_its_repair() {
    let admin = admin();
    let (_, wanted) = domain(|_| ());
    apply(&admin, &wanted, Allow::default()).await;
    let topic = &wanted[2].name;
    set_by_hand(
        topic,
        &[
            ("cleanup.policy", "delete"),
            ("max.message.bytes", "2000000"),
            ("retention.ms", "1000"),
            ("segment.bytes", "7654321"),
            ("message.timestamp.type", "LogAppendTime"),
        ],
    )
    .await;
    let change = OptionChange { name: "retention.ms".into(), before: Some("1000".into()), after: "86400000".into() };
    let expect = Action::SetOptions { topic: topic.clone(), changes: vec![change] };
    let done = apply(&admin, &wanted, Allow::default()).await;
    assert_eq!(done, TopicPlan { actions: vec![expect], notes: vec![] });
    let expect = [
        ("cleanup.policy", "delete"),
        ("max.message.bytes", "2000000"),
        ("message.timestamp.type", "LogAppendTime"),
        ("retention.ms", "86400000"),
        ("segment.bytes", "7654321"),
    ];
    let expect = expect.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    assert_eq!(set_options(&admin, topic).await, expect);
    assert_eq!(plan(&admin, &wanted, Allow::default()).await, TopicPlan::default());
}

#[tokio::test]
async fn partitions_of_a_keyed_topic_are_added_only_when_allowed() {
    let admin = admin();
    let (_, mut wanted) = domain(|_| ());
    apply(&admin, &wanted, Allow::default()).await;
    wanted[2].partitions = Some(5);
    let refused = plan(&admin, &wanted, Allow::default()).await;
    assert_eq!((refused.actions.len(), refused.notes.len()), (0, 1));
    assert!(refused.notes[0].text.contains("break their order"), "{}", refused.notes[0]);

    let allow = Allow { repartition_keyed: true };
    let done = apply(&admin, &wanted, allow).await;
    assert_eq!(done.actions, [Action::AddPartitions { topic: wanted[2].name.clone(), before: 2, after: 5 }]);
    assert_eq!(admin.apply(&done.actions[0]).await, Ok(Applied::Already));
    assert_eq!(plan(&admin, &wanted, allow).await, TopicPlan::default());

    wanted[2].partitions = Some(3);
    let fewer = plan(&admin, &wanted, allow).await;
    assert_eq!((fewer.actions.len(), fewer.notes.len()), (0, 1));
}

#[tokio::test]
async fn partitions_of_a_topic_without_keys_are_added() {
    let admin = admin();
    let (_, mut wanted) = domain(|contract| contract.key_form = KeyForm::None);
    apply(&admin, &wanted, Allow::default()).await;
    wanted[2].partitions = Some(3);
    let done = apply(&admin, &wanted, Allow::default()).await;
    assert_eq!(done.actions, [Action::AddPartitions { topic: wanted[2].name.clone(), before: 2, after: 3 }]);
}

#[tokio::test]
async fn an_external_topic_is_compared_and_never_made_or_altered() {
    let admin = admin();
    let (_, wanted) = domain(|contract| contract.topics = TopicsMode::External);
    let done = apply(&admin, &wanted, Allow::default()).await;
    assert_eq!(done.actions.len(), 3, "{done}");
    assert_eq!(done.notes.len(), 1, "{done}");
    assert!(done.notes[0].blocking && done.notes[0].topic == wanted[2].name, "{done}");

    // Its owner makes it, otherwise than the contract says.
    let own = Action::Create {
        topic: wanted[2].name.clone(),
        partitions: Some(1),
        replication: None,
        options: [("cleanup.policy".to_owned(), "compact".to_owned())].into(),
    };
    assert_eq!(admin.apply(&own).await, Ok(Applied::Done));
    let compared = plan(&admin, &wanted, Allow { repartition_keyed: true }).await;
    assert_eq!(compared.actions, []);
    // The policy, the largest message, the retention, the partitions.
    assert_eq!(compared.notes.len(), 4, "{compared}");
}

#[tokio::test]
async fn what_kafka_refuses_is_said_with_the_way_out() {
    let admin = admin();
    let name = TopicName::new(format!("sales-{}.odd.v1", uuid::Uuid::new_v4().simple())).expect("a name");
    let create = |partitions, replication, option: Option<(&str, &str)>| Action::Create {
        topic: name.clone(),
        partitions,
        replication,
        options: option.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
    };
    let check = async |action: Action, expect: &str| {
        let error = admin.apply(&action).await.expect_err("refused").to_string();
        assert!(error.contains(expect) && error.contains(name.as_str()), "{error}");
    };
    check(create(Some(1), Some(3), None), "fewer brokers than the replication").await;
    check(create(Some(1), None, Some(("retention.ms", "soon"))), "option or its value").await;
    check(create(Some(1), None, Some(("no.such.option", "1"))), "option or its value").await;

    assert_eq!(admin.apply(&create(None, None, None)).await, Ok(Applied::Done), "the broker's defaults");
    let change = OptionChange { name: "retention.ms".into(), before: None, after: "soon".into() };
    check(Action::SetOptions { topic: name.clone(), changes: vec![change] }, "retention.ms").await;
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_named_with_a_guess() {
    let mut config = config();
    config.properties.insert("bootstrap.servers".into(), "127.0.0.1:1".into());
    let admin = Admin::new(&config).expect("an admin client");
    let started = std::time::Instant::now();
    let error = admin.list().await.expect_err("nobody is there");
    assert!(error.is_unreachable(), "{error}");
    let text = error.to_string();
    assert!(text.contains("127.0.0.1:1") && text.contains("is the address right"), "{text}");
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    let started = std::time::Instant::now();
    let error = admin.read(&[TopicName::new("sales.orders.v1").expect("a name")]).await.expect_err("nobody is there");
    assert!(error.is_unreachable(), "{error}");
    assert!(started.elapsed() < Duration::from_secs(8), "a refused connection is no reason to wait on");

    config.properties.insert("bootstrap.serves".into(), "x".into());
    let Err(AdminError::Config(text)) = Admin::new(&config) else { panic!("a wrong property is taken") };
    assert!(text.contains("bootstrap.serves"), "{text}");
}
