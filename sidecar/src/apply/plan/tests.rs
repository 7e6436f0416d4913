use super::*;
use crate::apply::releases::LevelChange;
use tidegate_contracts::timestamp::Timestamp;
use tidegate_topics::{name::TopicName, plan::OptionChange};

fn topic(name: &str) -> TopicName {
    TopicName::new(name).unwrap()
}

fn subject(name: &str) -> SubjectPlan {
    SubjectPlan { subject: name.to_owned(), register: false, level: None, refused: None }
}

fn contract(product: &str, version: &str, release: Release, subjects: Vec<SubjectPlan>) -> ContractPlan {
    ContractPlan { product: product.to_owned(), version: version.to_owned(), release, subjects }
}

fn not_done(reason: &str, hint: &str) -> NotDone {
    NotDone { reason: reason.to_owned(), hint: hint.to_owned() }
}

/// One of everything that can stand in a plan.
fn everything() -> Plan {
    let level = |from| Some(LevelChange { from, to: Compatibility::FullTransitive });
    let next = |after: Option<&str>, beside: &[u64]| Release::Next {
        after: after.map(str::to_owned),
        beside: beside.to_vec(),
        builds_on: after.map(|_| "0190-first".to_owned()),
    };
    let busy = Release::Busy { by: "ci@runner".into(), version: "1.0.0".into(), lease: Timestamp(1_767_225_600_000) };
    let new = SubjectPlan { register: true, level: level(None), ..subject("sales.orders.v1-value") };
    let changed = SubjectPlan { level: level(Some(Compatibility::None)), ..subject("sales.orders.v2-value") };
    let refused = SubjectPlan {
        register: true,
        refused: Some(not_done("the schema is not compatible", "give new fields a default")),
        ..subject("sales.payments.v1-value")
    };
    let actions = vec![
        Action::Create {
            topic: topic("sales.orders.v1"),
            partitions: Some(3),
            replication: None,
            options: [("cleanup.policy".to_owned(), "delete".to_owned())].into(),
        },
        Action::SetOptions {
            topic: topic("sales.orders.v2"),
            changes: vec![OptionChange { name: "retention.ms".into(), before: Some("1".into()), after: "2".into() }],
        },
        Action::AddPartitions { topic: topic("sales.payments.v1"), before: 1, after: 2 },
    ];
    let note = |name, blocking, text: &str| Note { topic: topic(name), blocking, text: text.to_owned() };
    let notes = vec![
        note("sales.old.v1", false, "is in no contract file here, and stays"),
        note("legacy", true, "does not exist, and is configured elsewhere"),
    ];
    Plan {
        domain: "sales".into(),
        feeds: vec![subject("sales.tidegate-changes.v1-value")],
        contracts: vec![
            contract("orders.v1", "1.0.0", next(None, &[]), vec![new]),
            contract("orders.v2", "2.0.0", next(None, &[1]), vec![changed]),
            contract("payments.v1", "1.3.0", next(Some("1.2.0"), &[]), vec![refused]),
            contract("refunds.v1", "1.0.0", busy, vec![]),
            contract("returns.v1", "1.0.0", Release::Refused(not_done("it is released", "raise `version`")), vec![]),
            contract("done.v1", "1.0.0", Release::Nothing, vec![subject("sales.done.v1-value")]),
        ],
        topics: TopicPlan { actions, notes },
        catalog: vec!["done@1.0.0".into(), "done.v1".into()],
    }
}

#[test]
fn a_plan_is_shown_to_people() {
    insta::assert_snapshot!(everything().human(false));
}

#[test]
fn a_plan_is_shown_to_machines() {
    insta::assert_json_snapshot!(everything());
}

#[test]
fn what_is_in_the_way_of_all_is_told_apart_from_what_stays_as_it_is() {
    let plan = everything();
    let reasons: Vec<String> = plan.refusals().into_iter().map(|refused| refused.reason).collect();
    assert_eq!(
        reasons,
        ["the schema is not compatible", "it is released", "topic legacy does not exist, and is configured elsewhere"]
    );
    assert!(!plan.is_done());

    let quiet = Plan {
        contracts: vec![contract("done.v1", "1.0.0", Release::Nothing, vec![subject("s")])],
        topics: TopicPlan { actions: vec![], notes: plan.topics.notes[..1].to_vec() },
        catalog: vec![],
        ..plan
    };
    assert!(quiet.is_done() && quiet.refusals().is_empty());
    assert!(quiet.human(false).ends_with("sales: nothing to do, 1 stays as it is (=)\n"), "{}", quiet.human(false));
    let done = Plan { topics: TopicPlan::default(), ..quiet };
    assert_eq!(done.human(false), "sales: nothing to do, all is as the contracts say\n");
}
