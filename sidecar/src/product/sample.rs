//! Small contracts for tests.

use std::sync::Arc;
use tidegate_contracts::contract::{Contract, Policy};

/// A contract of `sales` with string fields; the first is the key. `custom` are further custom properties as
/// `name: value` without their prefix.
pub(crate) fn contract(product: &str, version: &str, fields: &[&str], custom: &[&str]) -> Arc<Contract> {
    let field = |name: &&str| format!(r#"{{"name":"{name}","type":"string","default":""}}"#);
    let fields: Vec<String> = fields.iter().map(field).collect();
    let schema = format!(r#"{{"type":"record","name":"Event","fields":[{}]}}"#, fields.join(","));
    let custom: String = custom
        .iter()
        .map(|property| {
            let (name, value) = property.split_once(": ").unwrap();
            format!("  - {{property: tidegate.{name}, value: {value}}}\n")
        })
        .collect();
    let text = format!(
        "apiVersion: v3.1.0
kind: DataContract
id: urn:sales:{product}
name: {product}
domain: sales
version: {version}
status: active
description: {{purpose: a test}}
schema:
  - name: Event
    physicalType: topic
    logicalType: object
    authoritativeDefinitions: [{{url: event.avsc, type: implementation}}]
    properties:
      - {{name: id, logicalType: string, required: true, primaryKey: true}}
customProperties:
  - {{property: other, value: x}}
{custom}"
    );
    let parsed = Contract::parse("test.odcs.yaml", &text, &Policy::default(), &|_| Ok(schema.clone()));
    match parsed.contract {
        Some(contract) => Arc::from(contract),
        None => panic!("{:#?}", parsed.diagnostics),
    }
}
