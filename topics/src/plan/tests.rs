use super::*;
use crate::spec::Purpose;
use proptest::prelude::*;

fn name(name: &str) -> TopicName {
    TopicName::new(name).expect("a name")
}

fn wanted(change: impl FnOnce(&mut WantedTopic)) -> WantedTopic {
    let mut wanted = WantedTopic {
        name: name("sales.orders.v1"),
        purpose: Purpose::Product("orders.v1".into()),
        managed: true,
        keyed: true,
        partitions: Some(6),
        replication: Some(3),
        options: BTreeMap::from([
            ("cleanup.policy", Want::Exactly("delete".into())),
            ("max.message.bytes", Want::AtLeast(1000)),
            ("min.insync.replicas", Want::Initially("2".into())),
        ]),
    };
    change(&mut wanted);
    wanted
}

fn found(change: impl FnOnce(&mut ActualTopic)) -> ActualTopic {
    let option = |value: &str| ActualOption { value: Some(value.into()), is_set: false };
    let mut found = ActualTopic {
        partitions: 6,
        replication: 3,
        options: Some(BTreeMap::from([
            ("cleanup.policy".into(), option("delete")),
            ("max.message.bytes".into(), option("1048588")),
            ("min.insync.replicas".into(), option("1")),
            ("segment.bytes".into(), ActualOption { value: Some("1".into()), is_set: true }),
        ])),
    };
    change(&mut found);
    found
}

fn set(found: &mut ActualTopic, name: &str, value: &str) {
    let option = ActualOption { value: Some(value.into()), is_set: true };
    found.options.as_mut().expect("options").insert(name.into(), option);
}

fn check(wanted: &WantedTopic, found: Option<ActualTopic>, allow: Allow, expect: &str) {
    let actual = found.map(|found| (wanted.name.clone(), found)).into_iter().collect();
    assert_eq!(plan(std::slice::from_ref(wanted), &actual, allow).to_string(), expect);
}

#[test]
fn what_differs_becomes_a_step_or_a_note() {
    let no = Allow::default();
    let sound = wanted(|_| ());
    check(&sound, Some(found(|_| ())), no, "");
    check(
        &sound,
        None,
        no,
        "+ topic sales.orders.v1
    partitions: 6
    replication: 3
    cleanup.policy: delete
    max.message.bytes: 1000
    min.insync.replicas: 2
",
    );
    check(
        &wanted(|wanted| (wanted.partitions, wanted.replication) = (None, None)),
        None,
        no,
        "+ topic sales.orders.v1
    partitions: the broker's
    replication: the broker's
    cleanup.policy: delete
    max.message.bytes: 1000
    min.insync.replicas: 2
",
    );
    check(
        &sound,
        Some(found(|found| {
            set(found, "cleanup.policy", "compact");
            set(found, "max.message.bytes", "999");
            set(found, "min.insync.replicas", "3");
        })),
        no,
        "~ topic sales.orders.v1
    cleanup.policy: compact → delete
    max.message.bytes: 999 → 1000
",
    );
    check(
        &sound,
        Some(found(|found| found.partitions = 8)),
        no,
        "= topic sales.orders.v1 has 8 partitions instead of 6: kafka cannot take any away; write 8 into the contract\n",
    );
    let fewer = || Some(found(|found| found.partitions = 3));
    check(
        &sound,
        fewer(),
        no,
        "= topic sales.orders.v1 has 3 partitions instead of 6: more would send keys elsewhere and break their order; \
         release a new major, or allow it with --repartition-keyed\n",
    );
    let more = "~ topic sales.orders.v1\n    partitions: 3 → 6\n";
    check(&sound, fewer(), Allow { repartition_keyed: true }, more);
    check(&wanted(|wanted| wanted.keyed = false), fewer(), no, more);
    check(
        &sound,
        Some(found(|found| found.replication = 1)),
        no,
        "= topic sales.orders.v1 has 1 replicas instead of 3: moving replicas is for kafka-reassign-partitions\n",
    );
    check(
        &sound,
        Some(found(|found| found.options = None)),
        no,
        "= topic sales.orders.v1 and all others: their options are unavailable, since this broker cannot be asked for them\n",
    );
}

#[test]
fn an_external_topic_is_compared_and_never_altered() {
    let external = wanted(|wanted| wanted.managed = false);
    check(
        &external,
        None,
        Allow::default(),
        "! topic sales.orders.v1 does not exist, and is configured elsewhere (tidegate.topics: external)\n",
    );
    check(
        &external,
        Some(found(|found| {
            found.partitions = 3;
            set(found, "cleanup.policy", "compact");
        })),
        Allow { repartition_keyed: true },
        "= topic sales.orders.v1 has cleanup.policy compact instead of delete, but it is configured elsewhere (tidegate.topics: external)
= topic sales.orders.v1 has 3 partitions instead of 6, but it is configured elsewhere (tidegate.topics: external)
",
    );
}

#[test]
fn topics_nobody_wants_are_named_and_stay() {
    let existing = ["sales.old.v1", "sales.orders.v1", "risk.alerts", "salesforce"].map(name);
    let notes = strays("sales", &[wanted(|_| ())], &existing);
    let notes: Vec<String> = notes.iter().map(ToString::to_string).collect();
    assert_eq!(notes, ["= topic sales.old.v1 is in no contract file here, and stays (tidegate never deletes a topic)"]);
}

#[test]
fn as_json() {
    let plan = TopicPlan {
        actions: vec![
            wanted(|wanted| wanted.options.clear()).creation(),
            Action::SetOptions {
                topic: name("a"),
                changes: vec![OptionChange { name: "retention.ms".into(), before: None, after: "1".into() }],
            },
            Action::AddPartitions { topic: name("a"), before: 1, after: 2 },
        ],
        notes: vec![Note { topic: name("b"), blocking: true, text: "does not exist".into() }],
    };
    let expect = serde_json::json!({
        "actions": [
            {"action": "create", "topic": "sales.orders.v1", "partitions": 6, "replication": 3, "options": {}},
            {"action": "set-options", "topic": "a", "changes": [{"name": "retention.ms", "before": null, "after": "1"}]},
            {"action": "add-partitions", "topic": "a", "before": 1, "after": 2},
        ],
        "notes": [{"topic": "b", "blocking": true, "text": "does not exist"}],
    });
    assert_eq!(serde_json::to_value(plan).expect("JSON"), expect);
}

/// What a step leads to, as Kafka would.
fn carry_out(action: &Action, actual: &mut Actual) {
    let options = |options: &BTreeMap<String, String>| {
        let option = |value: &String| ActualOption { value: Some(value.clone()), is_set: true };
        Some(options.iter().map(|(name, value)| (name.clone(), option(value))).collect())
    };
    match action {
        Action::Create { topic, partitions, replication, options: set } => {
            let (partitions, replication) = (partitions.unwrap_or(1), replication.unwrap_or(1));
            actual.insert(topic.clone(), ActualTopic { partitions, replication, options: options(set) });
        }
        Action::SetOptions { topic, changes } => {
            let found = actual.get_mut(topic).expect("it is there");
            changes.iter().for_each(|change| set(found, &change.name, &change.after));
        }
        Action::AddPartitions { topic, after, .. } => {
            actual.get_mut(topic).expect("it is there").partitions = *after;
        }
    }
}

proptest! {
    /// Whatever is there and wherever apply died: planned again and carried out, nothing is left to do, and what was
    /// not asked for is as it was.
    #[test]
    fn carried_out_there_is_nothing_left(
        exists in any::<bool>(), managed in any::<bool>(), keyed in any::<bool>(), allow in any::<bool>(),
        partitions in proptest::option::of(1_u32..9), before in 1_u32..9, policy in "compact|delete",
        bytes in 1_i64..3000, died_after in 0_usize..3,
    ) {
        let wanted = [wanted(|wanted| {
            (wanted.managed, wanted.keyed, wanted.partitions) = (managed, keyed, partitions);
        })];
        let allow = Allow { repartition_keyed: allow };
        let mut actual = Actual::new();
        if exists {
            actual.insert(wanted[0].name.clone(), found(|found| {
                found.partitions = before;
                set(found, "cleanup.policy", &policy);
                set(found, "max.message.bytes", &bytes.to_string());
            }));
        }
        let original = actual.clone();
        plan(&wanted, &actual, allow).actions.iter().take(died_after).for_each(|step| carry_out(step, &mut actual));
        plan(&wanted, &actual, allow).actions.iter().for_each(|step| carry_out(step, &mut actual));
        prop_assert!(plan(&wanted, &actual, allow).is_empty());
        for (name, topic) in &original {
            prop_assert!(actual[name].partitions >= topic.partitions);
            let options = actual[name].options.as_ref().expect("options");
            prop_assert_eq!(options["segment.bytes"].value.as_deref(), Some("1"));
            if !managed {
                prop_assert_eq!(&actual[name], topic);
            }
        }
    }
}
