use super::*;
use crate::{
    ingest::{Kept, Receipt, Status, reply_json},
    product::{Product, State as Standing},
};
use axum::{body::Body, http::Request};
use http_body_util::BodyExt as _;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use tidegate_contracts::{
    contract::{Contract, Policy},
    violation::{Clause, Violation, Violations},
};

fn openapi() -> Value {
    serde_json::from_str(OPENAPI).unwrap()
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn products() -> Arc<Products> {
    let text = "apiVersion: v3.1.0\nkind: DataContract\nid: x\nname: orders\nversion: 1.2.0\nstatus: active\ndomain: sales\n\
        schema:\n- name: orders\n  physicalType: topic\n  logicalType: object\n  authoritativeDefinitions:\n  - {url: o.avsc, type: implementation}\n";
    let schema = r#"{"type":"record","name":"O","fields":[{"name":"a","type":"long"}]}"#;
    let parsed = Contract::parse("o.odcs.yaml", text, &Policy::default(), &|_| Ok(schema.to_owned()));
    let contract = Arc::new(*parsed.contract.unwrap());
    let product = Product { contract, state: Standing::NotReady("run `tidegate apply`".to_owned()) };
    let products = Products::default();
    products.set(HashMap::from([("orders".to_owned(), vec![Arc::new(product)])]));
    Arc::new(products)
}

async fn ask(path: &str) -> (u16, Value) {
    ask_of(products(), path).await
}

async fn ask_of(products: Arc<Products>, path: &str) -> (u16, Value) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = TowerToHyperService::new(router(products)).call(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn the_admin_listener_tells_what_is_served() {
    let state = serde_json::json!({ "products": [{
        "product": "orders", "version": "1.2.0", "topic": "sales.orders.v1", "ready": false, "reason": "run `tidegate apply`",
    }] });
    assert_eq!(ask("/v1/products").await, (200, state.clone()));
    assert_eq!(ask("/v1/products/orders").await, (200, state));
    assert_eq!(ask("/v1/products/invoices").await.0, 404);
    assert_eq!(ask("/nothing").await.1["type"], "urn:tidegate:problem:not-found");
    assert_eq!(ask("/openapi.json").await, (200, openapi()));
}

#[tokio::test]
async fn files_that_are_not_in_force_are_told_with_the_reason() {
    let products = products();
    products.hold(Some("2 errors in the contracts".to_owned()));
    for path in ["/v1/products", "/v1/products/orders"] {
        assert_eq!(ask_of(products.clone(), path).await.1["held"], "2 errors in the contracts");
    }
}

#[test]
fn every_reference_of_the_description_leads_somewhere() {
    fn check(value: &Value, whole: &Value) {
        match value {
            Value::Object(members) => members.iter().for_each(|(name, member)| match member {
                Value::String(path) if name == "$ref" => {
                    let pointer = path.strip_prefix('#').unwrap();
                    assert!(whole.pointer(pointer).is_some(), "{path}");
                }
                member => check(member, whole),
            }),
            Value::Array(items) => items.iter().for_each(|item| check(item, whole)),
            _ => {}
        }
    }
    check(&openapi(), &openapi());
}

#[test]
fn the_description_names_what_there_is() {
    let openapi = openapi();
    let events = &openapi["paths"]["/v1/products/{product}/events"];
    let taken: BTreeSet<&str> = crate::ingest::content_types().into_iter().collect();
    assert_eq!(keys(&events["post"]["requestBody"]["content"]), taken);

    // Receipts that between them have every member there is.
    let violation = Violation {
        path: "a[]".into(),
        position: Some("a[1]".into()),
        clause: Clause::Type,
        expected: "long".into(),
        found: "string".into(),
        hint: Some("no quotes".into()),
    };
    let receipt = |status| Receipt {
        id: "1".into(),
        status,
        violations: Violations { listed: vec![violation.clone()], more: 1 },
        undeclared: vec!["b".into()],
        undeclared_more: 1,
    };
    let receipts = [
        receipt(Status::Published { partition: 0, offset: 0, schema_id: Some(1) }),
        receipt(Status::Rejected(Kept::Lost("no".into()))),
    ];
    let reply: Value = serde_json::from_slice(&reply_json(&receipts, "t")).unwrap();
    let schemas = &openapi["components"]["schemas"];
    let items = reply["items"].as_array().unwrap();
    let members: BTreeSet<&str> = items.iter().flat_map(keys).collect();
    assert_eq!(keys(&schemas["Item"]["properties"]), members);
    assert_eq!(keys(&schemas["Violation"]["properties"]), keys(&items[0]["violations"][0]));
}
