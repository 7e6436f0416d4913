use super::*;
use crate::feed::catalog::tests::{any_release, release};
use proptest::prelude::*;

pub(crate) fn change(domain: &str, product: &str, what: What) -> Change {
    Change {
        id: "01930000-0000-7000-8000-000000000001".to_owned(),
        domain: domain.to_owned(),
        product: product.to_owned(),
        at: Timestamp(1_767_225_600_000),
        by: Actor { name: "ci@build-7".to_owned(), program: "tidegate/0.1.0".to_owned() },
        what,
    }
}

pub(crate) fn released(domain: &str, product: &str, version: &str) -> Change {
    let released = Released {
        apply: "01930000-0000-7000-8000-0000000000aa".to_owned(),
        builds_on: None,
        proposal: None,
        release: release(version),
        differences: Vec::new(),
        severity: Severity::Safe,
    };
    change(domain, product, What::Released(released))
}

/// One of each kind, with every optional part there.
fn one_of_each() -> Vec<Change> {
    let text = |text: &str| Some(text.to_owned());
    let difference = Difference {
        kind: "field-removed".to_owned(),
        path: "customer.email".to_owned(),
        consumers: Severity::Breaking,
        producers: Severity::Safe,
        step: Step::Major,
        before: text(r#"{"type":"string"}"#),
        after: None,
    };
    let released = match released("sales", "orders", "1.2.0").what {
        What::Released(of) => Released {
            builds_on: text("01930000-0000-7000-8000-000000000000"),
            proposal: text("01930000-0000-7000-8000-000000000002"),
            differences: vec![difference.clone()],
            severity: Severity::Breaking,
            ..of
        },
        other => panic!("{other:?}"),
    };
    let deprecation = Deprecation {
        since: text("2026-01-01"),
        sunset: text("2026-07-01"),
        successor: text("orders@2"),
        migration: text("https://wiki.example.com/orders-2"),
    };
    let whats = [
        What::Proposed(Proposed {
            version: "1.2.0".to_owned(),
            builds_on: text("01930000-0000-7000-8000-000000000000"),
            effective: Timestamp(1_769_904_000_000),
            schema: r#"{"type":"record","name":"Order","fields":[]}"#.to_owned(),
            document: r#"{"name":"orders"}"#.to_owned(),
            document_hash: "c0ffee".to_owned(),
            differences: vec![difference],
            breaks: vec!["risk/fraud-scoring".to_owned()],
            note: text("nobody needs it"),
        }),
        What::Withdrawn(Withdrawn { proposal: "p".to_owned(), reason: text("too soon") }),
        What::Applying(Applying {
            apply: "01930000-0000-7000-8000-0000000000aa".to_owned(),
            version: "1.2.0".to_owned(),
            builds_on: text("01930000-0000-7000-8000-000000000000"),
            proposal: text("01930000-0000-7000-8000-000000000002"),
            document_hash: "c0ffee".to_owned(),
            lease: Timestamp(1_767_225_660_000),
        }),
        What::Released(released),
        What::Overridden(Overridden {
            action: Action::Retire,
            version: "1".to_owned(),
            proposal: text("01930000-0000-7000-8000-000000000002"),
            reason: "the law".to_owned(),
            subscriptions: vec!["risk/fraud-scoring".to_owned()],
            consumer_groups: vec!["adhoc".to_owned()],
            readers_unknown: true,
        }),
        What::Deprecated(Deprecated { major: 1, deprecation: Some(deprecation) }),
        What::Retired(Retired { major: 1, successor: text("orders@2"), reason: text("unread") }),
    ];
    whats.into_iter().map(|what| change("sales", "orders", what)).collect()
}

#[test]
fn every_kind_comes_back_as_it_was_written() {
    for change in one_of_each() {
        assert_eq!(Change::decode(1, &change.encode()), Ok(change.clone()));
        assert_eq!((change.speaker(), change.key().as_str()), ("sales", "orders"));
    }
}

#[test]
fn the_schema_and_the_bytes_stay_as_they_were_published() {
    insta::assert_snapshot!("schema", Change::schema());
    let bytes = |change: &Change| change.encode().escape_ascii().to_string();
    insta::assert_snapshot!("bytes", one_of_each().iter().map(bytes).collect::<Vec<_>>().join("\n\n"));
}

#[test]
fn a_later_version_is_told_apart_from_garbage() {
    let body = one_of_each()[0].encode();
    assert_eq!(Change::decode(2, &body), Err(FeedError::LaterVersion { found: 2, known: 1 }));
    assert!(matches!(Change::decode(0, &body), Err(FeedError::Garbage(_))));
}

#[test]
fn a_generic_avro_reader_reads_what_we_write() {
    let schema = apache_avro::Schema::parse_str(Change::schema()).unwrap();
    for (branch, change) in one_of_each().iter().enumerate() {
        let reader = apache_avro::reader::datum::GenericDatumReader::builder(&schema).build().unwrap();
        let value = reader.read_value(&mut change.encode().as_slice()).unwrap();
        assert!(value.validate(&schema));
        let apache_avro::types::Value::Record(fields) = value else { panic!("{value:?}") };
        let (name, what) = fields.last().unwrap();
        assert_eq!(name, "what");
        assert!(matches!(what, apache_avro::types::Value::Union(at, _) if *at as usize == branch), "{what:?}");
    }
}

fn any_text() -> impl Strategy<Value = String> {
    proptest::string::string_regex(".{0,12}").unwrap()
}

fn any_severity() -> impl Strategy<Value = Severity> {
    prop::sample::select(vec![Severity::Editorial, Severity::Safe, Severity::Risky, Severity::Breaking])
}

fn any_difference() -> impl Strategy<Value = Difference> {
    let step = prop::sample::select(vec![Step::Patch, Step::Minor, Step::Major]);
    let clause = || prop::option::of(any_text());
    (any_text(), any_text(), any_severity(), any_severity(), step, clause(), clause()).prop_map(
        |(kind, path, consumers, producers, step, before, after)| Difference {
            kind,
            path,
            consumers,
            producers,
            step,
            before,
            after,
        },
    )
}

fn any_deprecation() -> impl Strategy<Value = Deprecation> {
    let part = || prop::option::of(any_text());
    (part(), part(), part(), part()).prop_map(|(since, sunset, successor, migration)| Deprecation {
        since,
        sunset,
        successor,
        migration,
    })
}

fn any_what() -> impl Strategy<Value = What> {
    let id = || prop::option::of(any_text());
    let texts = || prop::collection::vec(any_text(), 0..3);
    let differences = || prop::collection::vec(any_difference(), 0..3);
    let at = || any::<i64>().prop_map(Timestamp);
    let action = prop::sample::select(vec![Action::Release, Action::Retire]);
    prop_oneof![
        ((any_text(), id(), at(), any_text(), any_text()), (any_text(), differences(), texts(), id())).prop_map(
            |((version, builds_on, effective, schema, document), (document_hash, differences, breaks, note))| {
                What::Proposed(Proposed {
                    version,
                    builds_on,
                    effective,
                    schema,
                    document,
                    document_hash,
                    differences,
                    breaks,
                    note,
                })
            }
        ),
        (any_text(), id()).prop_map(|(proposal, reason)| What::Withdrawn(Withdrawn { proposal, reason })),
        (any_text(), any_text(), id(), id(), any_text(), at()).prop_map(
            |(apply, version, builds_on, proposal, document_hash, lease)| What::Applying(Applying {
                apply,
                version,
                builds_on,
                proposal,
                document_hash,
                lease
            })
        ),
        (any_text(), id(), id(), any_release(), differences(), any_severity()).prop_map(
            |(apply, builds_on, proposal, release, differences, severity)| What::Released(Released {
                apply,
                builds_on,
                proposal,
                release,
                differences,
                severity
            })
        ),
        (action, any_text(), id(), any_text(), texts(), texts(), any::<bool>()).prop_map(
            |(action, version, proposal, reason, subscriptions, consumer_groups, readers_unknown)| {
                What::Overridden(Overridden {
                    action,
                    version,
                    proposal,
                    reason,
                    subscriptions,
                    consumer_groups,
                    readers_unknown,
                })
            }
        ),
        (any::<u32>(), prop::option::of(any_deprecation()))
            .prop_map(|(major, deprecation)| What::Deprecated(Deprecated { major, deprecation })),
        (any::<u32>(), id(), id()).prop_map(|(major, successor, reason)| What::Retired(Retired {
            major,
            successor,
            reason
        })),
    ]
}

proptest! {
    #[test]
    fn any_change_comes_back(what in any_what(), at in any::<i64>(), id in any_text(), name in any_text()) {
        let mut change = change("sales", "orders", what);
        (change.at, change.id, change.by.name) = (Timestamp(at), id, name);
        prop_assert_eq!(Change::decode(1, &change.encode()), Ok(change));
    }

    #[test]
    fn any_bytes_are_a_change_or_garbage(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Change::decode(1, &body);
    }

    #[test]
    fn a_damaged_change_never_panics(what in any_what(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut body = change("sales", "orders", what).encode();
        let at = at.index(body.len());
        body[at] = byte;
        let _ = Change::decode(1, &body);
        prop_assert!(Change::decode(1, &body[..at]).is_err());
    }
}
