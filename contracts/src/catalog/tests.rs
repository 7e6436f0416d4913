use super::*;
use crate::{
    feed::{
        catalog::{Lifecycle, tests::release},
        changes::{
            Change, Deprecated, Deprecation, What,
            tests::{change, released},
        },
    },
    timestamp::Timestamp,
};

fn entry(domain: &str, what: Entry) -> CatalogEntry {
    CatalogEntry {
        domain: domain.to_owned(),
        product: "orders".to_owned(),
        at: Timestamp(0),
        change: "c".to_owned(),
        what,
    }
}

fn major(major: u32, current: &str) -> Entry {
    Entry::Major(Major {
        major,
        topic: format!("sales.orders.v{major}"),
        current: current.to_owned(),
        lifecycle: Lifecycle::Active,
        deprecation: None,
        successor: None,
    })
}

fn take(catalog: &mut Catalog, entry: CatalogEntry) -> bool {
    catalog.take(&entry.key(), Some(entry))
}

/// A log in which these versions of `orders` were released, and major 1 deprecated.
fn log(versions: &[&str]) -> ReleaseLog {
    let mut log = ReleaseLog::new("sales");
    let mut say = |change: Change, id: &str| {
        let offset = log.next_offset();
        let change = Change { id: format!("{id}{offset}"), at: Timestamp(offset), ..change };
        assert_eq!(log.take(offset, change.clone()), crate::release::Effect::Taken);
        change.id
    };
    let mut base: Option<String> = None;
    for version in versions {
        let What::Released(mut of) = released("sales", "orders", version).what else { unreachable!() };
        of.builds_on = base.clone();
        let applying = crate::feed::changes::Applying {
            apply: of.apply.clone(),
            version: (*version).to_owned(),
            builds_on: base,
            proposal: None,
            document_hash: of.release.document_hash.clone(),
            lease: Timestamp(i64::MAX),
        };
        say(change("sales", "orders", What::Applying(applying)), "a");
        base = Some(say(change("sales", "orders", What::Released(of)), "r"));
    }
    let deprecation = Some(Deprecation { sunset: Some("2026-07-01".to_owned()), ..Default::default() });
    say(change("sales", "orders", What::Deprecated(Deprecated { major: 1, deprecation })), "d");
    log
}

#[test]
fn the_last_entry_of_a_key_stands_until_a_tombstone() {
    let mut catalog = Catalog::new("sales");
    assert!(take(&mut catalog, entry("sales", Entry::Release(release("1.0.0")))));
    assert!(take(&mut catalog, entry("sales", major(1, "1.0.0"))));
    assert!(!take(&mut catalog, entry("sales", major(1, "1.0.0"))));
    assert!(take(&mut catalog, entry("sales", major(1, "1.1.0"))));
    assert_eq!(catalog.major("orders", 1).unwrap().current, "1.1.0");
    assert_eq!(catalog.release("orders", &Version::new(1, 0, 0)).unwrap().value.id, 7);
    assert_eq!(catalog.products().collect::<Vec<_>>(), ["orders"]);
    assert!(catalog.take("orders.v1", None));
    assert!(!catalog.take("orders.v1", None));
    assert_eq!(catalog.major("orders", 1), None);
    assert!(catalog.take("orders@1.0.0", None));
    assert_eq!(catalog.products().count(), 0);
}

#[test]
fn an_entry_of_another_speaker_or_under_another_key_is_ignored_and_counted() {
    let mut catalog = Catalog::new("sales");
    assert!(!take(&mut catalog, entry("risk", major(1, "1.0.0"))));
    assert!(!catalog.take("orders.v2", Some(entry("sales", major(1, "1.0.0")))));
    assert!(!take(&mut catalog, entry("sales", Entry::Release(release("one")))));
    assert_eq!(catalog.skipped(), Skipped { wrong_speaker: 1, wrong_key: 1, no_version: 1 });
    assert_eq!(catalog.entries().count(), 0);
}

#[test]
fn the_catalog_is_what_the_log_says() {
    let log = log(&["1.9.0", "1.10.0", "2.0.0"]);
    let entries = derive(&log);
    let keys: Vec<_> = entries.iter().map(|entry| (entry.key(), entry.change.as_str())).collect();
    let expected = [
        ("orders@1.9.0", "r1"),
        ("orders@1.10.0", "r3"),
        ("orders@2.0.0", "r5"),
        ("orders.v1", "d6"),
        ("orders.v2", "r5"),
    ];
    assert_eq!(keys, expected.map(|(key, change)| (key.to_owned(), change)));
    let mut catalog = Catalog::new("sales");
    assert_eq!(missing(&log, &catalog), entries);
    for entry in entries {
        assert!(take(&mut catalog, entry));
    }
    assert_eq!(missing(&log, &catalog), []);
    let first = catalog.major("orders", 1).unwrap();
    assert_eq!((first.current.as_str(), first.lifecycle), ("1.10.0", Lifecycle::Deprecated));
    let majors: Vec<_> = catalog.majors("orders").map(|state| state.major).collect();
    assert_eq!(majors, [1, 2]);
    let versions: Vec<_> = catalog.releases("orders", 1).map(|(version, _)| version.to_string()).collect();
    assert_eq!(versions, ["1.9.0", "1.10.0"]);
    assert_eq!(catalog.by_schema_id(7).count(), 3);
    assert_eq!(catalog.by_schema_id(8).count(), 0);
}

#[test]
fn what_somebody_changed_by_hand_is_missing_again() {
    let log = log(&["1.0.0"]);
    let mut catalog = Catalog::new("sales");
    derive(&log).into_iter().for_each(|entry| assert!(take(&mut catalog, entry)));
    assert!(take(&mut catalog, entry("sales", major(1, "0.0.1"))));
    assert!(catalog.take("orders@1.0.0", None));
    let keys: Vec<_> = missing(&log, &catalog).iter().map(FeedRecord::key).collect();
    assert_eq!(keys, ["orders@1.0.0", "orders.v1"]);
}
