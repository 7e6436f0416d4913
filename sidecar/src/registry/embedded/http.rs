//! The embedded registry's API.

use super::{
    EmbeddedRegistry,
    problem::Problem,
    store::{Located, Mode, Store, Stored, Submitted, Which},
};
use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, Query, State},
    http::{StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use tidegate_contracts::contract::Compatibility;

/// A JSON answer in the registry's media type.
pub(super) struct Json(pub(super) Value);

/// The query's parameters.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
struct Parameters(HashMap<String, String>);

impl Parameters {
    /// Whether a switch is on. Confluent's Python client writes `True` and `False`, and leaves some empty.
    fn on(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }
}

type Answer = Result<Response, Problem>;
type Registry = State<EmbeddedRegistry>;

pub(super) fn router(registry: EmbeddedRegistry) -> Router {
    Router::new()
        .route("/", get(async || Json(json!({}))))
        .route("/subjects", get(subjects))
        .route("/subjects/{subject}", post(look_up).delete(delete_subject))
        .route("/subjects/{subject}/versions", get(versions).post(register))
        .route("/subjects/{subject}/versions/{version}", get(version).delete(delete_version))
        .route("/subjects/{subject}/versions/{version}/schema", get(version_schema))
        .route("/subjects/{subject}/versions/{version}/referencedby", get(referenced_by))
        .route("/schemas/types", get(async || Json(json!(["AVRO"]))))
        .route("/schemas/ids/{id}", get(schema))
        .route("/schemas/ids/{id}/schema", get(schema_text))
        .route("/schemas/ids/{id}/subjects", get(schema_subjects))
        .route("/schemas/ids/{id}/versions", get(schema_versions))
        .route("/schemas/guids/{guid}", get(schema_by_guid))
        .route("/compatibility/subjects/{subject}/versions", post(check_all))
        .route("/compatibility/subjects/{subject}/versions/{version}", post(check_one))
        .route("/config", get(global_level).put(set_global_level).delete(unset_global_level))
        .route("/config/{subject}", get(level).put(set_level).delete(unset_level))
        .route("/mode", get(global_mode).put(set_global_mode).delete(unset_global_mode))
        .route("/mode/{subject}", get(mode).put(set_mode).delete(unset_mode))
        .fallback(async || Problem::http(StatusCode::NOT_FOUND, "HTTP 404 Not Found"))
        .method_not_allowed_fallback(async || {
            Problem::http(StatusCode::METHOD_NOT_ALLOWED, "HTTP 405 Method Not Allowed")
        })
        .layer(DefaultBodyLimit::max(4 << 20))
        .layer(middleware::map_response(in_json))
        .with_state(registry)
}

impl IntoResponse for Json {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, "application/vnd.schemaregistry.v1+json")], self.0.to_string()).into_response()
    }
}

/// What axum refuses by itself (a body too large, a path that is not UTF-8) it says as text.
async fn in_json(response: Response) -> Response {
    let status = response.status();
    let is_text =
        response.headers().get(header::CONTENT_TYPE).is_some_and(|found| found.as_bytes().starts_with(b"text/"));
    match status.is_client_error() && is_text {
        true => Problem::http(status, status.canonical_reason().unwrap_or_default()).into_response(),
        false => response,
    }
}

fn json_answer(value: Value) -> Answer {
    Ok(Json(value).into_response())
}

async fn subjects(State(registry): Registry, Query(parameters): Query<Parameters>) -> Answer {
    // `:*:` means every context, and this registry has only the one.
    let prefix = parameters.0.get("subjectPrefix").map_or("", |prefix| prefix.trim_start_matches(":*:"));
    registry.with(|store| {
        json_answer(store.subjects(parameters.on("deleted")).filter(|name| name.starts_with(prefix)).collect())
    })
}

async fn look_up(
    State(registry): Registry,
    Path(subject): Path<String>,
    Query(parameters): Query<Parameters>,
    body: Bytes,
) -> Answer {
    let submitted = submitted(&body)?;
    registry.with(|store| {
        let located = store.look_up(&subject, &submitted, parameters.on("deleted"))?;
        json_answer(described(store, &subject, located)?)
    })
}

async fn register(State(registry): Registry, Path(subject): Path<String>, body: Bytes) -> Answer {
    let submitted = submitted(&body)?;
    registry.with(|store| {
        let located = store.register(&subject, submitted)?;
        json_answer(described(store, &subject, located)?)
    })
}

async fn versions(
    State(registry): Registry,
    Path(subject): Path<String>,
    Query(parameters): Query<Parameters>,
) -> Answer {
    registry.with(|store| json_answer(json!(store.versions(&subject, parameters.on("deleted"))?)))
}

async fn version(
    State(registry): Registry,
    Path((subject, version)): Path<(String, String)>,
    Query(parameters): Query<Parameters>,
) -> Answer {
    registry.with(|store| {
        let located = store.version(&subject, which(&version)?, parameters.on("deleted"))?;
        json_answer(described(store, &subject, located)?)
    })
}

async fn version_schema(
    State(registry): Registry,
    Path((subject, version)): Path<(String, String)>,
    Query(parameters): Query<Parameters>,
) -> Answer {
    registry.with(|store| {
        let located = store.version(&subject, which(&version)?, parameters.on("deleted"))?;
        Ok(text(store.schema(located.id)?))
    })
}

async fn referenced_by(State(registry): Registry, Path((subject, version)): Path<(String, String)>) -> Answer {
    registry.with(|store| {
        let located = store.version(&subject, which(&version)?, false)?;
        json_answer(json!(store.referenced_by(&subject, located.version)))
    })
}

async fn delete_subject(
    State(registry): Registry,
    Path(subject): Path<String>,
    Query(parameters): Query<Parameters>,
) -> Answer {
    registry.with(|store| json_answer(json!(store.delete_subject(&subject, parameters.on("permanent"))?)))
}

async fn delete_version(
    State(registry): Registry,
    Path((subject, version)): Path<(String, String)>,
    Query(parameters): Query<Parameters>,
) -> Answer {
    registry.with(|store| {
        json_answer(json!(store.delete_version(&subject, which(&version)?, parameters.on("permanent"))?))
    })
}

async fn schema(State(registry): Registry, Path(id): Path<String>, Query(parameters): Query<Parameters>) -> Answer {
    registry.with(|store| {
        let mut members = members(store.schema(number(&id)?)?);
        if parameters.on("fetchMaxId") {
            members.insert("maxId".to_owned(), json!(store.max_id()));
        }
        json_answer(Value::Object(members))
    })
}

async fn schema_text(State(registry): Registry, Path(id): Path<String>) -> Answer {
    registry.with(|store| Ok(text(store.schema(number(&id)?)?)))
}

async fn schema_subjects(
    State(registry): Registry,
    Path(id): Path<String>,
    Query(parameters): Query<Parameters>,
) -> Answer {
    registry.with(|store| {
        let id = number(&id)?;
        store.schema(id)?;
        let mut subjects: Vec<&str> = store.uses(id, parameters.on("deleted")).map(|(subject, _)| subject).collect();
        subjects.dedup();
        json_answer(json!(subjects))
    })
}

async fn schema_versions(
    State(registry): Registry,
    Path(id): Path<String>,
    Query(parameters): Query<Parameters>,
) -> Answer {
    registry.with(|store| {
        let id = number(&id)?;
        store.schema(id)?;
        let uses = store.uses(id, parameters.on("deleted"));
        json_answer(uses.map(|(subject, version)| json!({ "subject": subject, "version": version })).collect())
    })
}

async fn schema_by_guid(State(registry): Registry, Path(guid): Path<String>) -> Answer {
    registry.with(|store| {
        let id = store.by_guid(&guid)?;
        json_answer(Value::Object(members(store.schema(id)?)))
    })
}

async fn check_all(
    registry: Registry,
    Path(subject): Path<String>,
    parameters: Query<Parameters>,
    body: Bytes,
) -> Answer {
    check(registry, &subject, None, parameters, &body)
}

async fn check_one(
    registry: Registry,
    Path((subject, version)): Path<(String, String)>,
    parameters: Query<Parameters>,
    body: Bytes,
) -> Answer {
    check(registry, &subject, Some(which(&version)?), parameters, &body)
}

fn check(
    State(registry): Registry,
    subject: &str,
    which: Option<Which>,
    Query(parameters): Query<Parameters>,
    body: &[u8],
) -> Answer {
    let submitted = submitted(body)?;
    let messages = registry.with(|store| store.check(subject, &submitted, which))?;
    let mut answer = json!({ "is_compatible": messages.is_empty() });
    if parameters.on("verbose") {
        answer["messages"] = json!(messages);
    }
    json_answer(answer)
}

async fn global_level(registry: Registry, parameters: Query<Parameters>) -> Answer {
    read_level(registry, None, parameters)
}

async fn level(registry: Registry, Path(subject): Path<String>, parameters: Query<Parameters>) -> Answer {
    read_level(registry, Some(&subject), parameters)
}

fn read_level(State(registry): Registry, subject: Option<&str>, Query(parameters): Query<Parameters>) -> Answer {
    let default = |store: &Store| parameters.on("defaultToGlobal").then(|| store.level(None)).flatten();
    let level = registry.with(|store| store.level(subject).or_else(|| default(store)));
    let level = level.ok_or_else(|| Problem::no_level(subject.unwrap_or_default()))?;
    json_answer(json!({ "compatibilityLevel": level }))
}

async fn set_global_level(registry: Registry, body: Bytes) -> Answer {
    write_level(registry, None, &body)
}

async fn set_level(registry: Registry, Path(subject): Path<String>, body: Bytes) -> Answer {
    write_level(registry, Some(&subject), &body)
}

fn write_level(State(registry): Registry, subject: Option<&str>, body: &[u8]) -> Answer {
    let given = read_body::<Value>(body)?;
    let level = given["compatibility"].as_str().map(str::to_uppercase);
    let level = level.and_then(|level| Compatibility::deserialize(Value::String(level)).ok());
    let level = level.ok_or_else(Problem::invalid_level)?;
    registry.with(|store| store.set_level(subject, level));
    json_answer(json!({ "compatibility": level }))
}

async fn unset_global_level(registry: Registry) -> Answer {
    remove_level(registry, None)
}

async fn unset_level(registry: Registry, Path(subject): Path<String>) -> Answer {
    remove_level(registry, Some(&subject))
}

fn remove_level(State(registry): Registry, subject: Option<&str>) -> Answer {
    let removed = registry.with(|store| store.unset_level(subject));
    let removed = removed.ok_or_else(|| Problem::no_subject(subject.unwrap_or_default()))?;
    json_answer(json!({ "compatibilityLevel": removed }))
}

async fn global_mode(registry: Registry, parameters: Query<Parameters>) -> Answer {
    read_mode(registry, None, parameters)
}

async fn mode(registry: Registry, Path(subject): Path<String>, parameters: Query<Parameters>) -> Answer {
    read_mode(registry, Some(&subject), parameters)
}

fn read_mode(State(registry): Registry, subject: Option<&str>, Query(parameters): Query<Parameters>) -> Answer {
    let default = |store: &Store| parameters.on("defaultToGlobal").then(|| store.mode(None)).flatten();
    let mode = registry.with(|store| store.mode(subject).or_else(|| default(store)));
    json_answer(json!({ "mode": mode.ok_or_else(|| Problem::no_mode(subject.unwrap_or_default()))? }))
}

async fn set_global_mode(registry: Registry, body: Bytes) -> Answer {
    write_mode(registry, None, &body)
}

async fn set_mode(registry: Registry, Path(subject): Path<String>, body: Bytes) -> Answer {
    write_mode(registry, Some(&subject), &body)
}

fn write_mode(State(registry): Registry, subject: Option<&str>, body: &[u8]) -> Answer {
    let given = read_body::<Value>(body)?;
    let mode = Mode::deserialize(&given["mode"]).map_err(|_| Problem::invalid_mode())?;
    registry.with(|store| store.set_mode(subject, mode));
    json_answer(json!({ "mode": mode }))
}

async fn unset_global_mode(registry: Registry) -> Answer {
    remove_mode(registry, None)
}

async fn unset_mode(registry: Registry, Path(subject): Path<String>) -> Answer {
    remove_mode(registry, Some(&subject))
}

fn remove_mode(State(registry): Registry, subject: Option<&str>) -> Answer {
    let removed = registry.with(|store| store.unset_mode(subject));
    json_answer(json!({ "mode": removed.ok_or_else(|| Problem::no_subject(subject.unwrap_or_default()))? }))
}

fn read_body<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| Problem::http(StatusCode::BAD_REQUEST, error.to_string()))
}

fn submitted(body: &[u8]) -> Result<Submitted, Problem> {
    let submitted: Submitted = read_body(body)?;
    match submitted.schema.is_empty() {
        true => Err(Problem::invalid_schema("it is empty")),
        false => Ok(submitted),
    }
}

fn which(version: &str) -> Result<Which, Problem> {
    match version {
        "latest" | "-1" => Ok(Which::Latest),
        _ => match version.parse() {
            Ok(number @ 1..=0x7fff_ffff) => Ok(Which::Number(number)),
            _ => Err(Problem::invalid_version(version)),
        },
    }
}

fn number(id: &str) -> Result<u32, Problem> {
    // What is no number cannot be found either, as in Confluent's.
    id.parse().map_err(|_| Problem::no_schema())
}

fn text(stored: &Stored) -> Response {
    ([(header::CONTENT_TYPE, "application/vnd.schemaregistry.v1+json")], stored.submitted.schema.clone())
        .into_response()
}

/// A schema as its id gives it. The type is left out, since Avro is the default.
fn members(stored: &Stored) -> Map<String, Value> {
    let Submitted { schema, references, metadata, rule_set, .. } = &stored.submitted;
    let mut members = Map::new();
    members.insert("schema".to_owned(), json!(schema));
    members.insert("guid".to_owned(), json!(stored.guid));
    if !references.is_empty() {
        members.insert("references".to_owned(), json!(references));
    }
    for (name, value) in [("metadata", metadata), ("ruleSet", rule_set)] {
        if let Some(value) = value {
            members.insert(name.to_owned(), value.clone());
        }
    }
    members
}

/// A version of a subject.
fn described(store: &Store, subject: &str, located: Located) -> Result<Value, Problem> {
    let mut members = members(store.schema(located.id)?);
    members.insert("subject".to_owned(), json!(subject));
    members.insert("version".to_owned(), json!(located.version));
    members.insert("id".to_owned(), json!(located.id));
    Ok(Value::Object(members))
}

#[cfg(test)]
mod tests;
