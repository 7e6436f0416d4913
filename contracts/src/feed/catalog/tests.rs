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

/// A contract with this key, of an order with a string `id`, a long `number` and an int `line`.
fn contract(key: &str) -> Contract {
    let schema = r#"{"type": "record", "name": "Order", "fields": [{"name": "id", "type": "string"},
        {"name": "number", "type": "long"}, {"name": "line", "type": "int"}]}"#;
    let document = format!(
        "apiVersion: v3.1.0
kind: DataContract
id: orders
name: orders
domain: sales
version: 1.2.0
status: active
schema:
  - name: Order
    logicalType: object
    authoritativeDefinitions: [{{url: orders.avsc, type: implementation}}]
customProperties:
  - {{property: tidegate.key, value: {key}}}
"
    );
    let read = |_: &str| Ok(schema.to_owned());
    let parsed = Contract::parse("orders.odcs.yaml", &document, &crate::contract::Policy::default(), &read);
    *parsed.contract.unwrap_or_else(|| panic!("{:?}", parsed.diagnostics))
}

#[test]
fn a_release_is_its_contract_with_the_ids_of_its_schemas() {
    let orders = contract("[id]");
    let release = Release::of(&orders, 7, None).unwrap();
    assert_eq!((release.version.as_str(), release.topic.as_str()), ("1.2.0", "sales.orders.v1"));
    assert_eq!((release.value.subject.as_str(), release.value.id), ("sales.orders.v1-value", 7));
    assert_eq!(release.value.text, orders.schema.text());
    assert_eq!(release.value.fingerprint, orders.schema.fingerprint());
    assert_eq!((release.key_form, release.key_fields, release.key), (KeyForm::Text, vec!["id".to_owned()], None));
    assert_eq!(release.document_hash, document_hash(&orders));
    assert_eq!(serde_json::from_str::<serde_json::Value>(&release.document).unwrap(), orders.document);

    let keyed = Release::of(&contract("[number, line]"), 7, Some(8)).unwrap();
    assert_eq!((keyed.key_form, keyed.key_fields.join(" ")), (KeyForm::Avro, "number line".to_owned()));
    let key = keyed.key.unwrap();
    assert_eq!((key.subject.as_str(), key.id), ("sales.orders.v1-key", 8));
    assert!(key.text.contains("number") && key.text.contains("line"), "{}", key.text);
    assert_ne!(keyed.document_hash, release.document_hash);

    let error = Release::of(&contract("[number]"), 7, None).unwrap_err().to_string();
    assert_eq!(error, "the key of sales.orders@1.2.0 is Avro, and no id of its schema was given; register it first");
}

#[test]
fn a_document_reads_the_same_whatever_the_order_in_its_file() {
    let check = |json: &str, text: &str| assert_eq!(sorted(&serde_json::from_str(json).unwrap()).to_string(), text);
    check(r#"{"b": [{"d": 1, "c": null}], "a": "x"}"#, r#"{"a":"x","b":[{"c":null,"d":1}]}"#);
    check("[]", "[]");
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
