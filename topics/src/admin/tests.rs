use super::*;
use crate::{
    embedded::EmbeddedBroker,
    plan::{Allow, plan},
    spec,
};

/// The embedded broker has no admin API: what can be asked of it is, and the rest is said to be unavailable.
#[tokio::test]
async fn of_the_embedded_broker_the_options_are_unavailable() {
    let broker = EmbeddedBroker::start().expect("the mock cluster starts");
    let config = KafkaConfig { properties: [("bootstrap.servers".into(), broker.bootstrap_servers().into())].into() };
    let admin = Admin::new(&config).expect("an admin client");
    let wanted = spec::wanted("sales", &[], 1000).expect("sound").topics;
    let names = || wanted.iter().map(|topic| &topic.name);
    assert_eq!(admin.read(names()).await, Ok(Actual::new()), "asking makes no topic");

    for name in names() {
        assert_eq!(broker.create_topic(name.as_str(), 1), Ok(true));
        assert_eq!(broker.create_topic(name.as_str(), 1), Ok(false), "it is there");
    }
    let actual = admin.read(names()).await.expect("topics are read");
    assert_eq!(actual.len(), 2);
    assert!(actual.values().all(|topic| topic.partitions == 1 && topic.options.is_none()), "{actual:?}");
    let plan = plan(&wanted, &actual, Allow::default());
    assert_eq!((plan.actions.len(), plan.notes.len()), (0, 1), "{plan}");
    assert!(plan.notes.iter().all(|note| note.text.contains("unavailable")), "{plan}");

    let name = TopicName::new("sales.orders.v1").expect("a name");
    let create = Action::Create { topic: name, partitions: Some(1), replication: None, options: BTreeMap::new() };
    let error = admin.apply(&create).await.expect_err("it has no such API").to_string();
    assert!(error.contains("change the topic sales.orders.v1") && error.contains("no admin API"), "{error}");
}

#[test]
fn a_property_that_librdkafka_refuses_is_named_without_a_secret() {
    let check = |name: &str, value: &str, expect: &str| {
        let config = KafkaConfig { properties: [(name.to_owned(), value.to_owned())].into() };
        let error = Admin::new(&config).expect_err("refused").to_string();
        assert!(error.contains(name) && error.contains(expect), "{error}");
    };
    check("security.protocol", "carrier-pigeon", "Invalid value");
    check("no.such.property", "x", "No such configuration property");

    let secret = "canary-4711";
    let config = KafkaConfig {
        properties: [
            ("ssl.key.password".to_owned(), secret.to_owned()),
            ("no.such.secret".to_owned(), secret.to_owned()),
        ]
        .into(),
    };
    let error = Admin::new(&config).expect_err("refused").to_string();
    assert!(!error.contains(secret) && !format!("{config:?}").contains(secret), "{error}");
}
