use super::{changes::tests::released, *};
use crate::{
    contract::{Contract, Policy},
    diagnostic::Diagnostic,
    feed::{catalog::CatalogEntry, changes::Change},
};

#[test]
fn a_feeds_topic_stands_under_its_domain() {
    assert_eq!(topic("sales", "changes"), "sales.tidegate-changes.v1");
}

#[test]
fn a_framed_record_is_read_by_its_header() {
    let change = released("sales", "orders", "1.0.0");
    let value = frame(77, &change);
    assert_eq!(&value[..5], &[0, 0, 0, 0, 77]);
    assert_eq!(header::<Change>(), "changes/1");
    assert_eq!(read::<Change>(Some(b"changes/1"), &value), Ok(change));
}

#[test]
fn what_its_header_does_not_claim_is_skipped_and_said() {
    let value = frame(77, &released("sales", "orders", "1.0.0"));
    let check = |header: Option<&[u8]>, value: &[u8], said: &str| {
        assert_eq!(read::<Change>(header, value).unwrap_err().to_string(), said);
    };
    check(None, &value, "not a record of this feed: it has no `tidegate-feed` header");
    check(Some(b"changes"), &value, "not a record of this feed: its `tidegate-feed` header is not NAME/VERSION");
    check(Some(b"changes/x"), &value, "not a record of this feed: its `tidegate-feed` header is not NAME/VERSION");
    check(Some(b"\xff/1"), &value, "not a record of this feed: its `tidegate-feed` header is not NAME/VERSION");
    check(Some(b"catalog/1"), &value, "not a record of this feed: its `tidegate-feed` header names another feed");
    check(Some(b"changes/2"), &value, "feed record of version 2, and this Tidegate knows up to 1");
    check(Some(b"changes/0"), &value, "not a record of this feed: versions begin at 1");
    check(Some(b"changes/1"), b"", "not a record of this feed: its value has no schema id");
    check(Some(b"changes/1"), b"\x01\0\0\0\0", "not a record of this feed: its value has no schema id");
    assert!(read::<Change>(Some(b"changes/1"), b"\0\0\0\0\0").is_err());
    // A body of one feed is none of another.
    assert!(CatalogEntry::decode(1, &value[5..]).is_err());
}

#[test]
fn each_feed_comes_with_its_contract() {
    for feed in [Change::FEED, CatalogEntry::FEED] {
        let FeedContract { document, schema } = contract("sales", feed).unwrap();
        assert!(document.contains(&format!("physicalName: sales.tidegate-{feed}.v1\n")), "{document}");
        assert!(document.contains(&format!("url: {feed}.avsc\n")) && !document.contains("DOMAIN"), "{document}");
        let fields: serde_json::Value = serde_json::from_str(schema).unwrap();
        assert_eq!(undocumented(&fields), Vec::<String>::new(), "{feed}");
        let read = |_: &str| Ok(schema.to_owned());
        let parsed = Contract::parse(&format!("{feed}.odcs.yaml"), &document, &Policy::default(), &read);
        // Nothing but what a team could not have (a name of ours, a key that is made of several fields' text), and
        // what only matters to plain JSON.
        let allowed = |found: &&Diagnostic| match found.code {
            "name" | "topic" => false,
            "key" => feed != "catalog",
            "ambiguous-union" => feed != "changes",
            _ => true,
        };
        assert_eq!(parsed.diagnostics.iter().find(allowed), None);
    }
    assert_eq!(contract("sales", "no-such"), None);
}

/// The names of records, enums and fields without a `doc`.
fn undocumented(schema: &serde_json::Value) -> Vec<String> {
    let mut found = Vec::new();
    match schema {
        serde_json::Value::Array(items) => items.iter().for_each(|item| found.extend(undocumented(item))),
        serde_json::Value::Object(members) => {
            if let (Some(name), None) = (members.get("name"), members.get("doc")) {
                found.push(name.to_string());
            }
            members.values().for_each(|member| found.extend(undocumented(member)));
        }
        _ => {}
    }
    found
}
