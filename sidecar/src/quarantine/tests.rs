use super::*;
use crate::product::sample::contract;

#[test]
fn a_product_is_named_with_its_major_version_when_it_has_several() {
    let contracts = [
        contract("orders", "1.2.0", &["id"], &[]),
        contract("orders", "2.0.0", &["id"], &[]),
        contract("customers", "1.0.0", &["id"], &[]),
    ];
    let check = |name: &str, found: Result<&str, &str>| match (find(&contracts, name), found) {
        (Ok(contract), Ok(reference)) => assert_eq!(contract.reference(), reference),
        (Err(failure), Err(hint)) => assert_eq!(failure.hint.as_deref(), Some(hint)),
        (other, _) => panic!("{name}: {other:?}"),
    };
    check("orders.v1", Ok("sales.orders@1.2.0"));
    check("orders.v2", Ok("sales.orders@2.0.0"));
    check("customers", Ok("sales.customers@1.0.0"));
    check("orders", Err("say which one: `orders.v1`, `orders.v2`"));
    check("order", Err("there are `orders.v1`, `orders.v2`, `customers.v1`"));
    let hint = find(&[], "orders").unwrap_err().hint;
    assert_eq!(hint.as_deref(), Some("there are none: check `contracts` in tidegate.yaml"));
}

#[test]
fn a_time_is_a_moment_a_date_or_how_long_ago() {
    assert_eq!(moment("2026-01-31T09:30:00Z"), Ok(Timestamp(1_769_851_800_000)));
    assert_eq!(moment("2026-01-31"), Ok(Timestamp(1_769_817_600_000)));
    let before = Timestamp::from(SystemTime::now()).0;
    let hour_ago = moment("1h").unwrap().0;
    assert!((before - 3_600_000..=before - 3_590_000).contains(&hour_ago), "{hour_ago} at {before}");
    for text in ["", "yesterday", "2026-02-30", "5", "1h ago"] {
        assert!(moment(text).is_err(), "{text:?}");
    }
}

#[test]
fn a_product_that_keeps_nothing_says_so() {
    let check = |on_violation: &str, keeps_it: bool| {
        let property = format!("onViolation: {on_violation}");
        let contract = contract("orders", "1.0.0", &["id"], &[&property]);
        let topic = TopicName::new(contract.quarantine_topic()).unwrap();
        let shown = missing(TailError::NoTopic(topic.clone()), &contract).message;
        let expected = if keeps_it { "run `tidegate apply`" } else { "orders.v1 keeps nothing in quarantine" };
        assert!(shown.contains(expected), "{on_violation}: {shown}");
        // One of an earlier version that cannot be read says why.
        let failed = TailError::Failed { topic: topic.to_string(), reason: "it is on fire".to_owned() };
        assert!(missing(failed, &contract).message.contains("on fire"));
    };
    check("reject", false);
    check("quarantine", true);
    check("mark", true);
}
