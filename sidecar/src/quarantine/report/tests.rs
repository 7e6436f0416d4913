use super::*;
use crate::{product::sample::contract, quarantine::entry::tests::entry};

fn list(limit: usize) -> List {
    let mut list = List::new(&contract("orders", "1.2.0", &["id"], &[]), limit);
    for (minute, offset) in [(31, 1), (30, 2), (33, 3)] {
        let received = format!("2026-01-31T09:{minute}:00Z");
        let mut entry = entry(&[("tidegate-received", &received), ("ce_id", "o-7")]);
        entry.position.offset = offset;
        if offset == 2 {
            entry.causes.remove(1);
        }
        list.add(Listed { entry, replayed: offset == 3 });
    }
    list
}

#[test]
fn causes_come_first_and_the_newest_last() {
    insta::assert_snapshot!(list(10).human());
    insta::assert_json_snapshot!(list(1).json());
}

#[test]
fn of_many_events_the_newest_are_listed() {
    let offsets = |limit| list(limit).newest.iter().map(|listed| listed.entry.position.offset).collect::<Vec<_>>();
    assert_eq!(offsets(10), [2, 1, 3]);
    assert_eq!(offsets(2), [1, 3]);
    assert_eq!(offsets(0), [0; 0]);
    assert!(list(2).human().contains("the newest 2:"));
    let empty = List::new(&contract("orders", "1.2.0", &["id"], &[]), 5);
    assert_eq!(empty.human(), "orders.v1: 0 events in sales.tidegate-quarantine.orders.v1\n");
}

#[test]
fn an_event_counts_once_for_each_cause_and_causes_are_bounded() {
    let mut causes = Causes::default();
    causes.add([("type", "a"), ("type", "a"), ("type", "b")].into_iter());
    causes.add([("type", "b")].into_iter());
    assert_eq!(causes.sorted(), [("type", "b", 2), ("type", "a", 1)]);
    let many: Vec<String> = (0..MAX_CAUSES + 5).map(|at| format!("f{at}")).collect();
    for path in &many {
        causes.add([("type", path.as_str())].into_iter());
    }
    assert_eq!((causes.counts.len(), causes.others), (MAX_CAUSES, 7));
    causes.add([("type", "a")].into_iter());
    assert_eq!((causes.counts[&("type".to_owned(), "a".to_owned())], causes.others), (2, 7));
}

#[test]
fn an_event_is_shown_without_its_bytes_unless_they_are_asked_for() {
    let entry = entry(&[
        ("tidegate-received", "2026-01-31T09:30:00Z"),
        ("tidegate-contract", "sales.orders@1.2.0"),
        ("tidegate-sidecar", "s-1"),
        ("tidegate-violations-more", "3"),
        ("content-type", "application/json"),
        ("ce_id", "o-7"),
    ]);
    insta::assert_snapshot!(one(&entry, None));
    let shown = one(&entry, Some(b"{\"id\":\t\"\x1b[2J\"}\xff"));
    assert!(shown.ends_with("\n{\"id\":\t\"\u{fffd}[2J\"}\u{fffd}\n"), "{shown:?}");
}
