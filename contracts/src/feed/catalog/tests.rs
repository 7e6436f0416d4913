use super::*;
use proptest::prelude::*;

pub(crate) fn release(version: &str) -> Release {
    let major = version.split('.').next().unwrap();
    let topic = format!("sales.orders.v{major}");
    Release {
        version: version.to_owned(),
        value: RegisteredSchema {
            subject: format!("{topic}-value"),
            id: 7,
            fingerprint: "f1".to_owned(),
            text: r#"{"type":"record","name":"Order","fields":[]}"#.to_owned(),
        },
        topic,
        key_form: KeyForm::Text,
        key_fields: vec!["orderId".to_owned()],
        key: None,
        document: r#"{"name":"orders"}"#.to_owned(),
        document_hash: "c0ffee".to_owned(),
    }
}

pub(crate) fn any_release() -> impl Strategy<Value = Release> {
    let text = || proptest::string::string_regex(".{0,12}").unwrap();
    let schema = || {
        (text(), any::<u32>(), text(), text()).prop_map(|(subject, id, fingerprint, text)| RegisteredSchema {
            subject,
            id,
            fingerprint,
            text,
        })
    };
    let form = prop::sample::select(vec![KeyForm::None, KeyForm::Text, KeyForm::Avro]);
    let fields = prop::collection::vec(text(), 0..3);
    (text(), text(), schema(), form, fields, prop::option::of(schema()), text(), text()).prop_map(
        |(version, topic, value, key_form, key_fields, key, document, document_hash)| Release {
            version,
            topic,
            value,
            key_form,
            key_fields,
            key,
            document,
            document_hash,
        },
    )
}

fn entry(what: Entry) -> CatalogEntry {
    CatalogEntry {
        domain: "sales".to_owned(),
        product: "orders".to_owned(),
        at: Timestamp(1_767_225_600_000),
        change: "01930000-0000-7000-8000-000000000001".to_owned(),
        what,
    }
}

fn one_of_each() -> Vec<CatalogEntry> {
    let mut keyed = release("1.2.0");
    keyed.key_form = KeyForm::Avro;
    keyed.key = Some(RegisteredSchema {
        subject: "sales.orders.v1-key".to_owned(),
        id: u32::MAX,
        fingerprint: "f2".to_owned(),
        text: r#""long""#.to_owned(),
    });
    let text = |text: &str| Some(text.to_owned());
    let major = Major {
        major: 1,
        topic: "sales.orders.v1".to_owned(),
        current: "1.2.0".to_owned(),
        lifecycle: Lifecycle::Retired,
        deprecation: Some(Deprecation { since: text("2026-01-01"), sunset: text("2026-07-01"), ..Default::default() }),
        successor: text("orders@2"),
    };
    vec![entry(Entry::Release(release("1.0.0"))), entry(Entry::Release(keyed)), entry(Entry::Major(major))]
}

#[test]
fn every_kind_comes_back_as_it_was_written() {
    for entry in one_of_each() {
        assert_eq!(CatalogEntry::decode(1, &entry.encode()), Ok(entry));
    }
    assert_eq!(
        one_of_each().iter().map(FeedRecord::key).collect::<Vec<_>>(),
        ["orders@1.0.0", "orders@1.2.0", "orders.v1"]
    );
}

#[test]
fn the_schema_and_the_bytes_stay_as_they_were_published() {
    insta::assert_snapshot!("schema", CatalogEntry::schema());
    let bytes = |entry: &CatalogEntry| entry.encode().escape_ascii().to_string();
    insta::assert_snapshot!("bytes", one_of_each().iter().map(bytes).collect::<Vec<_>>().join("\n\n"));
}

#[test]
fn the_log_and_the_catalog_describe_a_release_alike() {
    fn find<'a>(schema: &'a serde_json::Value, name: &str) -> Option<&'a serde_json::Value> {
        match schema {
            serde_json::Value::Object(members) if members.get("name").is_some_and(|found| found == name) => {
                Some(schema)
            }
            serde_json::Value::Object(members) => members.values().find_map(|member| find(member, name)),
            serde_json::Value::Array(items) => items.iter().find_map(|item| find(item, name)),
            _ => None,
        }
    }
    let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let (log, catalog) = (parse(crate::feed::changes::Change::schema()), parse(CatalogEntry::schema()));
    let definitions = |name| (find(&log, name).unwrap(), find(&catalog, name).unwrap());
    for name in ["Release", "Deprecation"] {
        let (in_log, in_catalog) = definitions(name);
        assert_eq!(in_log, in_catalog);
    }
}

proptest! {
    #[test]
    fn any_release_comes_back(release in any_release()) {
        let entry = entry(Entry::Release(release));
        prop_assert_eq!(CatalogEntry::decode(1, &entry.encode()), Ok(entry));
    }

    #[test]
    fn any_bytes_are_an_entry_or_garbage(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = CatalogEntry::decode(1, &body);
    }

    #[test]
    fn a_damaged_entry_never_panics(
        release in any_release(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut body = entry(Entry::Release(release)).encode();
        let at = at.index(body.len());
        body[at] = byte;
        let _ = CatalogEntry::decode(1, &body);
        prop_assert!(CatalogEntry::decode(1, &body[..at]).is_err());
    }
}
