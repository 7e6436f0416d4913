use super::*;
use crate::product::sample::contract;
use std::sync::Arc;
use tidegate_contracts::feed::{
    catalog::{Release as ReleaseRecord, document_hash},
    changes::{Actor, Applying, Change, Released, Severity, What},
};

const NOW: Timestamp = Timestamp(1_000_000);
const LEASE: Timestamp = Timestamp(1_060_000);

/// A log to which applies are written.
struct Log(ReleaseLog);

impl Log {
    fn new() -> Self {
        Self(ReleaseLog::new("sales"))
    }

    fn say(&mut self, by: &str, id: &str, what: What) {
        let by = Actor { name: by.to_owned(), program: "test".to_owned() };
        let (domain, product) = ("sales".to_owned(), "orders".to_owned());
        let change = Change { id: id.to_owned(), domain, product, at: NOW, by, what };
        self.0.take(self.0.next_offset(), change);
    }

    fn applying(&mut self, by: &str, contract: &Contract, builds_on: Option<&str>) {
        let applying = Applying {
            apply: by.to_owned(),
            version: contract.version.to_string(),
            builds_on: builds_on.map(str::to_owned),
            proposal: None,
            document_hash: document_hash(contract),
            lease: LEASE,
        };
        self.say(by, &format!("a-{by}"), What::Applying(applying));
    }

    /// Releases a contract; the entry's id is its version.
    fn release(mut self, contract: &Contract, builds_on: Option<&str>) -> Self {
        let by = format!("releaser-{}", contract.version);
        self.applying(&by, contract, builds_on);
        let released = Released {
            apply: by.clone(),
            builds_on: builds_on.map(str::to_owned),
            proposal: None,
            release: ReleaseRecord::of(contract, 7, None).unwrap(),
            differences: Vec::new(),
            severity: Severity::Safe,
        };
        self.say(&by, &contract.version.to_string(), What::Released(released));
        self
    }
}

fn orders(version: &str) -> Arc<Contract> {
    contract("orders", version, &["id"], &[])
}

fn next(after: Option<&str>, beside: &[u64], builds_on: Option<&str>) -> Release {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    Release::Next { after: owned(after), beside: beside.to_vec(), builds_on: owned(builds_on) }
}

fn refusal(contract: &Contract, log: &Log) -> String {
    match release(contract, &log.0, NOW) {
        Release::Refused(NotDone { reason, hint }) => format!("{reason} ({hint})"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_comes_next_is_what_the_log_lets_come_next() {
    let check = |log: &Log, version: &str, expected: Release| {
        assert_eq!(release(&orders(version), &log.0, NOW), expected, "{version}");
    };
    let log = Log::new();
    check(&log, "1.0.0", next(None, &[], None));
    let log = log.release(&orders("1.0.0"), None);
    check(&log, "1.0.0", Release::Nothing);
    check(&log, "1.1.0", next(Some("1.0.0"), &[], Some("1.0.0")));
    check(&log, "2.0.0", next(None, &[1], Some("1.0.0")));
    let log = log.release(&orders("1.1.0"), Some("1.0.0"));
    check(&log, "1.0.0", Release::Nothing);
}

#[test]
fn an_apply_at_work_is_waited_for_until_its_lease_is_over() {
    let mut log = Log::new();
    log.applying("ci", &orders("1.0.0"), None);
    let busy = Release::Busy { by: "ci".into(), version: "1.0.0".into(), lease: LEASE };
    assert_eq!(release(&orders("1.0.0"), &log.0, NOW), busy);
    assert_eq!(release(&orders("1.0.0"), &log.0, LEASE), next(None, &[], None));
}

#[test]
fn a_contract_that_changed_without_its_version_is_refused() {
    let log = Log::new().release(&orders("1.0.0"), None);
    let check = |contract: Arc<Contract>, expected: &str| assert_eq!(refusal(&contract, &log), expected);
    check(
        contract("orders", "1.0.0", &["id", "more"], &[]),
        "sales.orders@1.0.0 is released and never changes, and the file differs from it in the Avro schema \
         (raise `version` in the contract, or take the change back: 1.0.1 or 1.1.0)",
    );
    let retention = refusal(&contract("orders", "1.0.0", &["id"], &["retention: P3D"]), &log);
    assert!(retention.contains("customProperties[tidegate.retention]"), "{retention}");
}

#[test]
fn a_version_that_is_not_higher_is_refused() {
    let log = Log::new().release(&orders("1.1.0"), None);
    let refusal = refusal(&orders("1.0.5"), &log);
    assert!(
        refusal.contains("1.0.5 is not higher than 1.1.0") && refusal.contains("give the contract a higher version"),
        "{refusal}"
    );
}

#[test]
fn the_key_and_the_topic_are_frozen_within_a_major() {
    let log = Log::new().release(&contract("orders", "1.0.0", &["id", "other"], &[]), None);
    let key = contract("orders", "1.1.0", &["id", "other"], &["key: other"]);
    assert_eq!(
        refusal(&key, &log),
        "the key of orders.v1 is frozen: it is id, not other (take it back, or release a new major: 2.0.0)"
    );
    let next_major = contract("orders", "2.0.0", &["id", "other"], &["key: other"]);
    assert_eq!(release(&next_major, &log.0, NOW), next(None, &[1], Some("1.0.0")));
}

#[test]
fn a_subject_gets_what_it_lacks() {
    let wanted = &wanted(&orders("1.0.0")).unwrap()[0];
    let full = Some(Compatibility::FullTransitive);
    let found = |id, level, incompatible: &[&str]| Subject {
        id,
        level,
        incompatible: incompatible.iter().map(|text| (*text).to_owned()).collect(),
        unknown: None,
    };
    let check = |found: Subject, released, register, level: Option<Option<Compatibility>>, refused: &str| {
        let plan = subject(wanted, &found, released);
        assert_eq!(plan.register, register, "{found:?}");
        assert_eq!(plan.level.map(|level| level.from), level, "{found:?}");
        let said = plan.refused.as_ref().map_or("", |refused| &refused.reason);
        assert!(said.contains(refused) && said.is_empty() == refused.is_empty(), "{found:?}: {said}");
    };
    check(found(None, None, &[]), None, true, Some(None), "");
    check(found(Some(7), full, &[]), None, false, None, "");
    check(found(Some(7), full, &[]), Some(7), false, None, "");
    check(found(Some(7), Some(Compatibility::None), &[]), Some(7), false, Some(Some(Compatibility::None)), "");
    check(found(Some(8), full, &[]), Some(7), false, None, "as id 8, and events carry id 7");
    check(found(None, full, &["field `x` has no default"]), None, true, None, "field `x` has no default");
    check(found(None, full, &[]), Some(7), true, None, "");
    let unknown = |id| Subject { unknown: Some(7), ..found(id, full, &[]) };
    check(unknown(None), Some(7), true, None, "does not know the schema that events carry the id of: 7");
    check(unknown(None), None, true, None, "does not know the schema that events carry the id of: 7");
}
