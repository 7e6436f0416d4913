//! Our registry client and the real registry.

use std::time::Duration;
use tidegate::{
    config,
    registry::{ErrorKind, Registry},
};
use tidegate_contracts::{contract::Compatibility, schema::Schema};
use tidegate_integration_tests::parts;

fn registry() -> Registry {
    let (url, timeout) = (parts().registry.clone(), Duration::from_secs(20));
    Registry::new(&config::Registry { url, auth: None, ca: None, timeout }).expect("the address can be used")
}

/// A record of this name, which the registry has not seen yet, with these fields.
fn schema(name: &str, fields: &str) -> Schema {
    let text = format!(r#"{{ "type": "record", "name": "{name}", "doc": "d", "fields": [ {fields} ] }}"#);
    Schema::parse(&text).expect("it is a schema")
}

const ID: &str = r#"{"name": "id", "type": "string"}"#;
const AT: &str = r#"{"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "default": 0}"#;
const SUM: &str = r#"{"name": "sum", "type": "int"}"#;

#[tokio::test]
async fn a_schema_is_registered_found_and_read_back_as_it_was_written() {
    let (registry, name) = (registry(), format!("N{}", uuid::Uuid::new_v4().simple()));
    let subject = format!("{name}/ü v1-value");
    let first = schema(&name, ID);
    assert_eq!(registry.look_up(&subject, &first).await.expect("it answers"), None);
    assert_eq!(registry.latest(&subject).await.expect("it answers"), None);
    let id = registry.register(&subject, &first).await.expect("it takes it");
    assert_eq!(registry.register(&subject, &first).await.expect("it takes it"), id);
    let found = registry.look_up(&subject, &first).await.expect("it answers").expect("it is there");
    assert_eq!((found.id, found.version), (id, 1));
    assert_eq!(registry.uses_of(id).await.expect("it answers"), Some(vec![(subject.clone(), 1)]));
    let second = schema(&name, &format!("{ID}, {AT}"));
    let second_id = registry.register(&subject, &second).await.expect("it takes it");
    assert_ne!(second_id, id);
    let text = registry.schema(second_id).await.expect("it is there");
    assert!(text.contains("timestamp-millis") && text.contains(r#""doc":"d""#), "{text}");
    assert_eq!(registry.latest(&subject).await.expect("it answers").expect("it is there").version, 2);
    let error = registry.schema(2_000_000_000).await.expect_err("there is no such schema");
    assert!(matches!(error.kind(), ErrorKind::NotFound(_)), "{error:?}");
}

#[tokio::test]
async fn a_level_set_before_the_first_schema_forbids_what_breaks_it() {
    let (registry, name) = (registry(), format!("N{}", uuid::Uuid::new_v4().simple()));
    let subject = format!("{name}-value");
    let breaking = schema(&name, &format!("{ID}, {SUM}"));
    assert!(registry.check(&subject, &breaking).await.expect("it answers").compatible);
    registry.set_level(&subject, Compatibility::FullTransitive).await.expect("it takes it");
    assert_eq!(registry.level(&subject).await.expect("it answers"), Some(Compatibility::FullTransitive));
    registry.register(&subject, &schema(&name, ID)).await.expect("it takes it");
    let check = registry.check(&subject, &breaking).await.expect("it answers");
    assert!(!check.compatible && !check.messages.is_empty(), "{check:?}");
    let error = registry.register(&subject, &breaking).await.expect_err("it is not compatible");
    assert!(matches!(error.kind(), ErrorKind::Incompatible(said) if !said.is_empty()), "{error:?}");
    registry.register(&subject, &schema(&name, &format!("{ID}, {AT}"))).await.expect("it is compatible");
}

#[tokio::test]
async fn a_url_without_the_registrys_path_is_found_out() {
    let mut url = reqwest::Url::parse(&parts().registry).expect("it is a URL");
    url.set_path("/nowhere");
    let config = config::Registry { url: url.to_string(), auth: None, ca: None, timeout: Duration::from_secs(20) };
    let registry = Registry::new(&config).expect("the address can be used");
    let error = registry.register("s", &schema("N", ID)).await.expect_err("nobody serves that");
    assert!(matches!(error.kind(), ErrorKind::NoSuchPath(_) | ErrorKind::Invalid(_)), "{error:?}");
}
