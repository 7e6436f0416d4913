use super::*;
use serde_json::json;

const ORDER: &str = r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"string"}]}"#;
const ORDER_WITH_SUM: &str =
    r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"string"},{"name":"sum","type":"int"}]}"#;
const ORDER_WITH_NOTE: &str = r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"string"},{"name":"note","type":"string","default":""}]}"#;

/// The embedded registry as its callers see it.
struct Api {
    url: String,
    http: reqwest::Client,
}

impl Api {
    async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, EmbeddedRegistry::new().router()).await });
        Self { url, http: reqwest::Client::builder().tls_certs_only([]).build().unwrap() }
    }

    /// `call` is a method and a path. Of the answer, GUIDs are random and left out.
    async fn send(&self, call: &str, body: Value) -> (u16, Value) {
        let (method, path) = call.split_once(' ').unwrap();
        let request = self.http.request(method.parse().unwrap(), format!("{}{path}", self.url));
        let request = if body.is_null() { request } else { request.body(body.to_string()) };
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "application/vnd.schemaregistry.v1+json", "{call}");
        let status = answer.status().as_u16();
        let mut answer: Value = answer.json().await.unwrap();
        if let Some(members) = answer.as_object_mut() {
            members.remove("guid");
        }
        (status, answer)
    }

    async fn check(&self, call: &str, body: Value, status: u16, answer: Value) {
        assert_eq!(self.send(call, body).await, (status, answer), "{call}");
    }

    async fn fails(&self, call: &str, body: Value, status: u16, code: u32) {
        let (found, answer) = self.send(call, body).await;
        assert_eq!((found, &answer["error_code"]), (status, &json!(code)), "{call}: {answer}");
        assert!(answer["message"].as_str().is_some_and(|message| !message.is_empty()), "{call}: {answer}");
    }

    async fn get(&self, path: &str, answer: Value) {
        self.check(&format!("GET {path}"), Value::Null, 200, answer).await;
    }

    async fn register(&self, subject: &str, schema: &str) -> Value {
        let call = format!("POST /subjects/{subject}/versions");
        let (status, answer) = self.send(&call, schema_of(schema)).await;
        assert_eq!(status, 200, "{answer}");
        answer["id"].clone()
    }
}

fn schema_of(schema: &str) -> Value {
    json!({ "schema": schema })
}

#[tokio::test]
async fn schemas_are_kept_by_subject_and_version_and_known_by_id() {
    let api = Api::new().await;
    api.get("/", json!({})).await;
    api.get("/subjects", json!([])).await;
    api.get("/schemas/types", json!(["AVRO"])).await;
    let first = json!({ "subject": "a-value", "version": 1, "id": 1, "schema": ORDER });
    api.check("POST /subjects/a-value/versions?normalize=false", schema_of(ORDER), 200, first.clone()).await;
    // The same one again, also with white space and members in another order, under this subject and another.
    let same = r#"{ "name": "Order", "type": "record", "fields": [{"type": "string", "name": "id"}] }"#;
    assert_eq!(api.register("a-value", same).await, 1);
    assert_eq!(api.register("b-value", same).await, 1);
    assert_eq!(api.register("a-value", ORDER_WITH_NOTE).await, 2);
    let second = json!({ "subject": "a-value", "version": 2, "id": 2, "schema": ORDER_WITH_NOTE });
    api.get("/subjects", json!(["a-value", "b-value"])).await;
    api.get("/subjects?subjectPrefix=b", json!(["b-value"])).await;
    api.get("/subjects?subjectPrefix=:*:b", json!(["b-value"])).await;
    api.get("/subjects/a-value/versions", json!([1, 2])).await;
    api.get("/subjects/a-value/versions/1", first.clone()).await;
    api.get("/subjects/a-value/versions/latest", second.clone()).await;
    api.get("/subjects/a-value/versions/-1", second).await;
    api.get("/subjects/a-value/versions/1/schema", serde_json::from_str(ORDER).unwrap()).await;
    api.get("/schemas/ids/1", json!({ "schema": ORDER })).await;
    api.get("/schemas/ids/1?fetchMaxId=true", json!({ "schema": ORDER, "maxId": 2 })).await;
    api.get("/schemas/ids/1/schema", serde_json::from_str(ORDER).unwrap()).await;
    api.get("/schemas/ids/1/subjects", json!(["a-value", "b-value"])).await;
    let uses = json!([{ "subject": "a-value", "version": 1 }, { "subject": "b-value", "version": 1 }]);
    api.get("/schemas/ids/1/versions", uses).await;
    api.check("POST /subjects/a-value", schema_of(ORDER), 200, first).await;
    let answer = api.http.get(format!("{}/schemas/ids/2", api.url)).send().await.unwrap();
    let guid = answer.json::<Value>().await.unwrap()["guid"].as_str().unwrap().to_owned();
    api.get(&format!("/schemas/guids/{guid}"), json!({ "schema": ORDER_WITH_NOTE })).await;
    // Escaped names arrive as they were meant.
    assert_eq!(api.register("a%2Fb%20c", ORDER).await, 1);
    api.get("/subjects?subjectPrefix=a%2F", json!(["a/b c"])).await;
}

#[tokio::test]
async fn what_is_not_there_or_not_valid_has_its_code() {
    let api = Api::new().await;
    api.register("a-value", ORDER).await;
    let null = || Value::Null;
    api.fails("GET /subjects/x/versions", null(), 404, 40401).await;
    api.fails("GET /subjects/x/versions/1", null(), 404, 40401).await;
    api.fails("POST /subjects/x", schema_of(ORDER), 404, 40401).await;
    api.fails("DELETE /subjects/x", null(), 404, 40401).await;
    api.fails("GET /subjects/a-value/versions/2", null(), 404, 40402).await;
    api.fails("DELETE /subjects/a-value/versions/2", null(), 404, 40402).await;
    api.fails("POST /subjects/a-value", schema_of(ORDER_WITH_SUM), 404, 40403).await;
    for id in ["2", "0", "x", "-1", "4294967296"] {
        api.fails(&format!("GET /schemas/ids/{id}"), null(), 404, 40403).await;
    }
    api.fails("GET /schemas/ids/2/versions", null(), 404, 40403).await;
    api.fails("GET /schemas/guids/nonsense", null(), 404, 40403).await;
    api.fails("GET /config/a-value", null(), 404, 40408).await;
    api.fails("GET /mode/a-value", null(), 404, 40409).await;
    for version in ["0", "x", "-2", "2147483648", "1.0"] {
        api.fails(&format!("GET /subjects/a-value/versions/{version}"), null(), 422, 42202).await;
    }
    let invalid = [
        schema_of(""),
        json!({}),
        schema_of("{"),
        schema_of(r#"{"type": "rec"}"#),
        json!({ "schema": ORDER, "schemaType": "PROTOBUF" }),
        json!({ "schema": ORDER, "references": [{ "name": "N", "subject": "n", "version": 1 }] }),
    ];
    for body in invalid {
        api.fails("POST /subjects/a-value/versions", body.clone(), 422, 42201).await;
        api.fails("POST /compatibility/subjects/a-value/versions/latest", body, 422, 42201).await;
    }
    api.fails("POST /subjects/a-value/versions", json!({ "schema": 1 }), 400, 400).await;
    api.fails("PUT /config", json!({ "compatibility": "SOME" }), 422, 42203).await;
    api.fails("PUT /config/a-value", json!({}), 422, 42203).await;
    api.fails("PUT /mode", json!({ "mode": "IMPORT" }), 422, 42204).await;
    api.fails("GET /nonsense", null(), 404, 404).await;
    api.fails("GET /config/%ff", null(), 400, 400).await;
    api.fails("POST /subjects/a-value/versions", json!({ "schema": " ".repeat(5 << 20) }), 413, 413).await;
    api.fails("PATCH /config", null(), 405, 405).await;
}

#[tokio::test]
async fn levels_are_kept_and_forbid() {
    let api = Api::new().await;
    api.get("/config", json!({ "compatibilityLevel": "BACKWARD" })).await;
    api.register("a-value", ORDER).await;
    let (status, answer) = api.send("POST /subjects/a-value/versions", schema_of(ORDER_WITH_SUM)).await;
    assert_eq!((status, &answer["error_code"]), (409, &json!(409)));
    insta::assert_snapshot!(answer["message"].as_str().unwrap());
    let checked = "POST /compatibility/subjects/a-value/versions";
    let latest = "POST /compatibility/subjects/a-value/versions/latest?verbose=true";
    for switch in ["", "?verbose", "?verbose=", "?verbose=False&normalize="] {
        let checked = format!("{checked}{switch}");
        api.check(&checked, schema_of(ORDER_WITH_SUM), 200, json!({ "is_compatible": false })).await;
    }
    let (_, answer) = api.send(latest, schema_of(ORDER_WITH_SUM)).await;
    insta::assert_json_snapshot!(answer);
    api.check(latest, schema_of(ORDER_WITH_NOTE), 200, json!({ "is_compatible": true, "messages": [] })).await;
    // A subject that is not there takes anything.
    let fresh = "POST /compatibility/subjects/fresh/versions";
    api.check(fresh, schema_of(ORDER), 200, json!({ "is_compatible": true })).await;
    api.check(&format!("{fresh}/latest"), schema_of(ORDER), 200, json!({ "is_compatible": true })).await;
    api.fails(&format!("{fresh}/1"), schema_of(ORDER), 404, 40401).await;

    let level = |level: &str| json!({ "compatibility": level });
    api.check("PUT /config/a-value", level("forward"), 200, level("FORWARD")).await;
    api.get("/config/a-value", json!({ "compatibilityLevel": "FORWARD" })).await;
    api.check(checked, schema_of(ORDER_WITH_SUM), 200, json!({ "is_compatible": true })).await;
    api.register("a-value", ORDER_WITH_SUM).await;
    api.check("PUT /config", level("NONE"), 200, level("NONE")).await;
    api.get("/config/b-value?defaultToGlobal=true", json!({ "compatibilityLevel": "NONE" })).await;
    api.check("DELETE /config/a-value", Value::Null, 200, json!({ "compatibilityLevel": "FORWARD" })).await;
    api.fails("DELETE /config/a-value", Value::Null, 404, 40401).await;
    api.fails("GET /config/a-value", Value::Null, 404, 40408).await;
    api.check("DELETE /config", Value::Null, 200, json!({ "compatibilityLevel": "NONE" })).await;
    api.get("/config", json!({ "compatibilityLevel": "BACKWARD" })).await;
}

#[tokio::test]
async fn a_transitive_level_looks_at_every_version_in_force() {
    let api = Api::new().await;
    let with = |fields: &str| format!(r#"{{"type":"record","name":"R","fields":[{fields}]}}"#);
    let (int, note) = (r#"{"name":"n","type":"int"}"#, r#"{"name":"m","type":"string","default":""}"#);
    api.register("a", &with(int)).await;
    api.check("PUT /config/a", json!({ "compatibility": "NONE" }), 200, json!({ "compatibility": "NONE" })).await;
    api.register("a", &with(note)).await;
    // `n` comes back as a string: fine with the last version, which has none, but not with the first.
    let third = with(&format!(r#"{note},{{"name":"n","type":"string","default":""}}"#));
    let check = async |level: &str, compatible: bool| {
        let level = json!({ "compatibility": level });
        api.check("PUT /config/a", level.clone(), 200, level).await;
        let expected = json!({ "is_compatible": compatible });
        api.check("POST /compatibility/subjects/a/versions", schema_of(&third), 200, expected).await;
    };
    for level in ["BACKWARD", "FORWARD", "FULL", "NONE"] {
        check(level, true).await;
    }
    for level in ["BACKWARD_TRANSITIVE", "FORWARD_TRANSITIVE", "FULL_TRANSITIVE"] {
        check(level, false).await;
    }
    // A version that was deleted does not count any more.
    api.check("DELETE /subjects/a/versions/1", Value::Null, 200, json!(1)).await;
    check("FULL_TRANSITIVE", true).await;
}

#[tokio::test]
async fn deleting_is_soft_first_and_version_numbers_go_on() {
    let api = Api::new().await;
    let delete = async |path: &str, answer: Value| api.check(&format!("DELETE {path}"), Value::Null, 200, answer).await;
    let refused = async |path: &str, code: u32| api.fails(&format!("DELETE {path}"), Value::Null, 404, code).await;
    api.register("a", ORDER).await;
    api.register("a", ORDER_WITH_NOTE).await;
    refused("/subjects/a/versions/2?permanent=true", 40407).await;
    delete("/subjects/a/versions/latest", json!(2)).await;
    refused("/subjects/a/versions/2", 40406).await;
    api.get("/subjects/a/versions", json!([1])).await;
    api.get("/subjects/a/versions?deleted=true", json!([1, 2])).await;
    api.fails("GET /subjects/a/versions/2", Value::Null, 404, 40402).await;
    // Records with its id can still be read.
    api.get("/schemas/ids/2", json!({ "schema": ORDER_WITH_NOTE })).await;
    api.get("/schemas/ids/2/subjects", json!([])).await;
    api.get("/schemas/ids/2/subjects?deleted=true", json!(["a"])).await;
    assert_eq!(api.register("a", ORDER_WITH_NOTE).await, 2);
    api.get("/subjects/a/versions", json!([1, 3])).await;
    delete("/subjects/a/versions/2?permanent=true", json!(2)).await;
    api.get("/subjects/a/versions?deleted=true", json!([1, 3])).await;

    refused("/subjects/a?permanent=true", 40405).await;
    delete("/subjects/a", json!([1, 3])).await;
    refused("/subjects/a", 40404).await;
    api.get("/subjects", json!([])).await;
    api.get("/subjects?deleted=true", json!(["a"])).await;
    api.fails("POST /subjects/a", schema_of(ORDER), 404, 40401).await;
    let (status, found) = api.send("POST /subjects/a?deleted=true", schema_of(ORDER)).await;
    assert_eq!((status, &found["version"]), (200, &json!(1)));
    delete("/subjects/a?permanent=true", json!([1, 3])).await;
    refused("/subjects/a?permanent=true", 40401).await;
    api.fails("GET /schemas/ids/1", Value::Null, 404, 40403).await;
    assert_eq!(api.register("a", ORDER).await, 1);
}

#[tokio::test]
async fn a_schema_may_refer_to_others() {
    let api = Api::new().await;
    let address = r#"{"type":"record","name":"sales.Address","fields":[{"name":"city","type":"string"}]}"#;
    let customer = r#"{"type":"record","name":"sales.Customer","fields":[{"name":"home","type":"Address"},{"name":"work","type":"Address"}]}"#;
    api.register("address", address).await;
    let references = json!([{ "name": "sales.Address", "subject": "address", "version": 1 }]);
    let body = json!({ "schema": customer, "references": references });
    let registered =
        json!({ "subject": "customer", "version": 1, "id": 2, "schema": customer, "references": references });
    api.check("POST /subjects/customer/versions", body.clone(), 200, registered.clone()).await;
    api.check("POST /subjects/customer", body.clone(), 200, registered).await;
    api.get("/subjects/address/versions/1/referencedby", json!([2])).await;
    api.fails("DELETE /subjects/address", Value::Null, 422, 42206).await;
    api.fails("DELETE /subjects/address/versions/1", Value::Null, 422, 42206).await;
    let expected = json!({ "is_compatible": true });
    api.check("POST /compatibility/subjects/customer/versions", body, 200, expected).await;
}

#[tokio::test]
async fn what_is_read_only_takes_nothing_new() {
    let api = Api::new().await;
    api.register("a", ORDER).await;
    api.get("/mode", json!({ "mode": "READWRITE" })).await;
    api.get("/mode/a?defaultToGlobal=true", json!({ "mode": "READWRITE" })).await;
    let read_only = json!({ "mode": "READONLY" });
    api.check("PUT /mode/a", read_only.clone(), 200, read_only.clone()).await;
    api.fails("POST /subjects/a/versions", schema_of(ORDER_WITH_NOTE), 422, 42205).await;
    api.fails("DELETE /subjects/a", Value::Null, 422, 42205).await;
    assert_eq!(api.register("a", ORDER).await, 1);
    assert_eq!(api.register("b", ORDER_WITH_NOTE).await, 2);
    api.check("DELETE /mode/a", Value::Null, 200, read_only.clone()).await;
    assert_eq!(api.register("a", ORDER_WITH_NOTE).await, 2);
    api.check("PUT /mode", read_only.clone(), 200, read_only.clone()).await;
    api.fails("POST /subjects/c/versions", schema_of(ORDER), 422, 42205).await;
    api.check("DELETE /mode", Value::Null, 200, read_only).await;
}
