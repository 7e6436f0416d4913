//! From the text of a contract file to a [`Contract`], or to everything that is wrong with it.

use super::{
    BytesEncoding, Cleanup, Compatibility, Contract, Enforced, KeyForm, ListedClause, OnViolation, Parsed, Policy,
    Status, TopicsMode, UndeclaredFields,
    custom::{self, PREFIX, Placed, Settings},
    duration::print_duration,
    findings::Findings,
    key,
    odcs::{self, list, quote, text},
    properties::{Walk, missing_field},
};
use crate::{
    diagnostic::{Diagnostic, Level, Position},
    path::FieldPath,
    plan::{Limits, Plan, PlanOptions, PlanProblem},
    rule::Rule,
    schema::{Kind, Schema},
    yaml::{self, Node},
};
use serde_json::{Value, json};

/// Kafka's longest topic name.
const LONGEST_TOPIC: usize = 249;
/// The longest domain or product name: what a DNS label and a Kubernetes name hold.
const LONGEST_NAME: usize = 63;

/// Service levels that are about what is published, and so can be judged.
const MEASURABLE: &[&str] = &["latency", "freshness", "frequency", "timeOfAvailability", "completeness", "throughput"];

pub(super) fn contract(
    file: &str,
    source: &str,
    policy: &Policy,
    read: &dyn Fn(&str) -> Result<String, String>,
) -> Parsed {
    let mut findings = Findings::new(file);
    let (root, problems) = yaml::parse_lenient(source);
    problems.into_iter().for_each(|problem| findings.yaml(problem));
    let contract = root.and_then(|root| build(file, &root, policy, read, &mut findings));
    let diagnostics = findings.finish();
    let sound = !diagnostics.iter().any(|found| found.level == Level::Error);
    Parsed { contract: contract.filter(|_| sound).map(Box::new), diagnostics }
}

/// The contract as far as it makes sense; only worth something when nothing of [`Level::Error`] was found.
fn build(
    file: &str,
    root: &Node,
    policy: &Policy,
    read: &dyn Fn(&str) -> Result<String, String>,
    findings: &mut Findings,
) -> Option<Contract> {
    let mut clauses = Vec::new();
    odcs::check(root, findings, &mut clauses);
    root.entries()?;
    let settings = custom::read(root, findings, &mut clauses);
    let identity = identity(root, findings);
    let object = schema_object(root, findings);
    let schema = object.and_then(|object| avro_schema(file, object, read, findings));

    if let (Some(schema), Some(object)) = (&schema, object) {
        clauses.push(ListedClause {
            path: FieldPath::default(),
            clause: format!("the structure of `{}`", schema.name().unwrap_or("record")),
            enforced: Enforced::PerEvent,
            position: object.entry("authoritativeDefinitions").and_then(|entry| entry.key_position),
        });
    }
    let mut walk = Walk::new(schema.as_ref(), findings, &mut clauses);
    if let Some(object) = object {
        walk.properties(object, &FieldPath::default());
        walk.quality(object, &FieldPath::default());
    }
    walk.service_levels(root, object);
    let Walk { rules, aggregates, classifications, mut primary_key, places, mismatched, .. } = walk;
    primary_key.sort_by_key(|(order, ..)| *order);
    clauses.sort_by_key(|clause| clause.position);

    let topic = topic(root, &identity, object, findings);
    let schema = schema?;
    let own_key = primary_key.into_iter().map(|(_, path, at)| (path, at)).collect();
    let key = named_fields("the key", settings.key.clone().unwrap_or(own_key), &schema, findings);
    let event_id =
        named_fields("`tidegate.eventId`", settings.event_id.clone().into_iter().collect(), &schema, findings);
    let undeclared_fields = settings.undeclared_fields.unwrap_or(UndeclaredFields::Drop);
    let bytes_encoding = settings.bytes_encoding.unwrap_or(BytesEncoding::Base64);
    let sound: Vec<Rule> = rules
        .iter()
        .filter(|rule| !mismatched.contains(&rule.path) && schema.resolve(&rule.path).is_some())
        .cloned()
        .collect();
    let paths = |named: &[(FieldPath, _)]| named.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    let options = PlanOptions {
        key: paths(&key),
        event_id: paths(&event_id).pop(),
        reject_undeclared: undeclared_fields == UndeclaredFields::Reject,
        bytes_encoding,
        limits: Limits::default(),
    };
    let problems = Plan::compile(&schema, &sound, options).err().unwrap_or_default();
    report(problems, &key, &event_id, findings);
    let (key, event_id) = (paths(&key), paths(&event_id).pop());
    let compatibility = settings.compatibility.unwrap_or(Compatibility::FullTransitive);
    advise(&settings, &key, event_id.as_ref(), findings);
    warn_of_evolution(&schema, compatibility, &places, findings);

    let open = |classification: &String| policy.open_classifications.contains(classification);
    let closed = classifications.iter().find(|(_, classification)| !open(classification));
    let on_violation = settings.on_violation.unwrap_or(match closed {
        Some(_) => OnViolation::Reject,
        None => OnViolation::Quarantine,
    });
    if let (OnViolation::Quarantine, Some((path, classification))) = (on_violation, closed) {
        let message = format!(
            "broken events go to the quarantine topic whole, and `{path}` is classified {}",
            quote(classification)
        );
        let hint = "leave it to the default, which is `reject` here, or guard the quarantine topic as you do the field";
        findings.warn("quarantine", settings.position("tidegate.onViolation"), message, hint);
    }

    let (version, status, domain, product) = identity.whole()?;
    let topic = topic?;
    let mut contract = Contract {
        id: text(root.get("id"))?.to_owned(),
        domain,
        product,
        version,
        status,
        owner: owner(root),
        subject: settings.subject.clone().unwrap_or_else(|| format!("{topic}-value")),
        key_form: key::form(&schema, &key, &topic),
        topic,
        schema,
        key,
        event_id,
        compatibility,
        undeclared_fields,
        on_violation,
        topics: settings.topics.unwrap_or(TopicsMode::Managed),
        partitions: settings.partitions,
        replication: settings.replication,
        retention: settings.retention,
        cleanup: settings.cleanup.unwrap_or(Cleanup::Delete),
        allowed_purposes: settings.allowed_purposes.clone(),
        notice_period: settings.notice_period,
        deprecation: settings.deprecation.clone(),
        bytes_encoding,
        rules,
        aggregate_clauses: aggregates,
        clauses,
        classifications,
        document: Value::Null,
    };
    contract.document = document(root, &contract);
    Some(contract)
}

/// Who a contract is, as far as the file says it right.
struct Identity {
    version: Option<semver::Version>,
    status: Option<Status>,
    domain: Option<String>,
    product: Option<String>,
}

impl Identity {
    fn whole(self) -> Option<(semver::Version, Status, String, String)> {
        Some((self.version?, self.status?, self.domain?, self.product?))
    }
}

fn identity(root: &Node, findings: &mut Findings) -> Identity {
    let position = |key: &str| root.get(key).and_then(|node| node.position);
    let version = root.get("version").and_then(Node::scalar).map(|scalar| scalar.text.as_str());
    let version = version.and_then(|version| match semver::Version::parse(version) {
        Ok(version) if version.build.is_empty() => Some(version),
        Ok(_) => {
            let message = format!("version {} carries build metadata, which does not order versions", quote(version));
            findings.error("version", position("version"), message, "leave out what stands from `+` on");
            None
        }
        Err(_) => {
            let message = format!("{} is not a semantic version", quote(version));
            let hint = "write MAJOR.MINOR.PATCH, such as 1.2.0";
            findings.error("version", position("version"), message, hint);
            None
        }
    });
    let status = text(root.get("status"));
    let status = status.and_then(|status| serde_json::from_value(Value::from(status)).ok());
    let mut name = |key: &str| {
        let name = text(root.get(key))?;
        if !is_name(name) {
            let message = format!("{key} {} is not a name that topics can begin with", quote(name));
            let hint = format!("write lower-case letters, digits and hyphens, a letter first, at most {LONGEST_NAME}");
            findings.error("name", position(key), message, hint);
            return None;
        }
        if name == "tidegate" || name.starts_with("tidegate-") {
            let message = format!("{key} {} is reserved for Tidegate's own topics", quote(name));
            findings.error("name", position(key), message, "choose another one");
            return None;
        }
        Some(name.to_owned())
    };
    let (domain, product) = (name("domain"), name("name"));
    if status == Some(Status::Deprecated) && !has_custom(root, "tidegate.deprecation") {
        let message = "deprecated, and nobody is told since when and until when".to_owned();
        let hint = "add the custom property `tidegate.deprecation` with `since` and `sunset`";
        findings.warn("deprecation", position("status"), message, hint);
    }
    Identity { version, status, domain, product }
}

/// Whether a text can be a domain's or product's name.
fn is_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn has_custom(root: &Node, name: &str) -> bool {
    list(root, "customProperties").iter().any(|item| text(item.get("property")) == Some(name))
}

fn owner(root: &Node) -> Option<String> {
    let team = root.get("team")?;
    let first = |members: &[Node]| text(members.first()?.get("username")).map(str::to_owned);
    match team.items() {
        Some(members) => first(members),
        None => text(team.get("name")).map(str::to_owned).or_else(|| first(list(team, "members"))),
    }
}

/// The one schema object.
fn schema_object<'n>(root: &'n Node, findings: &mut Findings) -> Option<&'n Node> {
    let objects = root.get("schema")?;
    match objects.items()? {
        [object] => object.entries().map(|_| object),
        [] => {
            let message = "`schema` names no object".to_owned();
            findings.error("schema", objects.position, message, "describe the product's events as one schema object");
            None
        }
        [_, second, ..] => {
            let message = "a second schema object; a product has one kind of event".to_owned();
            let hint = "make a product of its own of it, in a contract file of its own";
            findings.error("schema", second.position, message, hint);
            objects.items()?.first()
        }
    }
}

/// The Avro schema that the schema object names.
fn avro_schema(
    file: &str,
    object: &Node,
    read: &dyn Fn(&str) -> Result<String, String>,
    findings: &mut Findings,
) -> Option<Schema> {
    let definitions = object.entry("authoritativeDefinitions")?;
    let implementations = list(object, "authoritativeDefinitions").iter().filter_map(|definition| {
        let url = definition.get("url")?;
        let is_ours = text(definition.get("type")) == Some("implementation") && text(Some(url))?.ends_with(".avsc");
        is_ours.then(|| (text(Some(url)).unwrap_or_default(), url.position))
    });
    let implementations: Vec<(&str, Option<Position>)> = implementations.collect();
    let (path, at) = match implementations[..] {
        [one] => one,
        [] => {
            let message = "no authoritative definition names the Avro schema".to_owned();
            let hint = "add `{type: implementation, url: orders.avsc}`, with the path of the schema's file";
            findings.error("schema", definitions.key_position, message, hint);
            return None;
        }
        [_, (path, at), ..] => {
            let message = format!("{} is a second Avro schema", quote(path));
            findings.error("schema", at, message, "name one; give the other another `type`");
            return None;
        }
    };
    if path.contains("://") || path.starts_with('/') {
        let message = format!("{} is not a path relative to this file", quote(path));
        findings.error("schema", at, message, "put the schema's file beside the contract; nothing is fetched");
        return None;
    }
    let source = match read(path) {
        Ok(source) => source,
        Err(reason) => {
            let message = format!("cannot read {}: {reason}", quote(path));
            findings.error("schema", at, message, "the path is relative to this file");
            return None;
        }
    };
    let named = match file.rfind(['/', '\\']) {
        Some(end) => format!("{}{path}", &file[..=end]),
        None => path.to_owned(),
    };
    let found =
        |level, code, message, position, hint| Diagnostic { level, code, file: named.clone(), position, message, hint };
    match Schema::parse(&source) {
        Ok(schema) => {
            for warning in schema.warnings() {
                let message = warning.message.clone();
                findings.push(found(Level::Warning, "avro", message, Some(warning.position), None));
            }
            if !matches!(schema.get(schema.root()).kind, Kind::Record(_)) {
                let hint = Some("make a record of it, with a field for what it is now".to_owned());
                let message = "an event is a record, and this schema is none".to_owned();
                let start = Position { line: 1, column: 1 };
                findings.push(found(Level::Error, "avro", message, Some(start), hint));
                return None;
            }
            Some(schema)
        }
        Err(error) => {
            findings.push(found(Level::Error, "avro", error.message, error.position, None));
            None
        }
    }
}

/// The product's topic.
fn topic(root: &Node, identity: &Identity, object: Option<&Node>, findings: &mut Findings) -> Option<String> {
    let physical = object.and_then(|object| object.get("physicalName"));
    let Some(name) = text(physical) else {
        let (version, domain, product) =
            (identity.version.as_ref()?, identity.domain.as_ref()?, identity.product.as_ref()?);
        return Some(format!("{domain}.{product}.v{}", version.major));
    };
    let at = physical.and_then(|node| node.position);
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.len() > LONGEST_TOPIC || matches!(name, "." | "..") || !name.chars().all(legal) {
        let message = format!("{} is not a name that Kafka takes for a topic", quote(name));
        let hint = format!("write letters, digits, `.`, `_` and `-`, at most {LONGEST_TOPIC}");
        findings.error("topic", at, message, hint);
        return None;
    }
    if name.split_once('.').is_some_and(|(_, rest)| rest.starts_with("tidegate-")) {
        let message = format!("{} is among Tidegate's own topics", quote(name));
        findings.error("topic", at, message, "choose another `physicalName`, or leave it out");
        return None;
    }
    let major = name.rsplit_once(".v").and_then(|(_, major)| major.parse::<u64>().ok());
    if let (Some(major), Some(version)) = (major, &identity.version)
        && major != version.major
    {
        let whole = text(root.get("version")).unwrap_or_default();
        let message =
            format!("topic {} is of major version {major}, and the contract's version is {whole}", quote(name));
        let hint = format!("each major version has its own topic: name one that ends in `.v{}`", version.major);
        findings.error("topic", at, message, hint);
        return None;
    }
    Some(name.to_owned())
}

/// The fields that a setting names and the schema has, each once.
fn named_fields(setting: &str, named: Vec<Placed>, schema: &Schema, findings: &mut Findings) -> Vec<Placed> {
    let mut fields: Vec<Placed> = Vec::new();
    for (path, at) in named {
        if fields.iter().any(|(other, _)| *other == path) {
            let message = format!("{setting} names `{path}` twice");
            findings.error("key", at, message, "keep one of the two");
        } else if schema.resolve(&path).is_none() {
            let message = format!("{setting} names `{path}`, which the Avro schema does not have");
            findings.error("unknown-field", at, message, missing_field(schema, &path));
        } else {
            fields.push((path, at));
        }
    }
    fields
}

/// What does not compile: rules know their place; the key's fields and the event id are known by their paths, in this
/// order.
fn report(problems: Vec<PlanProblem>, key: &[Placed], event_id: &[Placed], findings: &mut Findings) {
    let mut fields: Vec<_> = key.iter().map(|field| ("key", field)).collect();
    fields.extend(event_id.iter().map(|field| ("event-id", field)));
    for PlanProblem { path, position, message, hint } in problems {
        let field = match position {
            Some(_) => None,
            None => fields.iter().position(|(_, (other, _))| *other == path).map(|at| fields.remove(at)),
        };
        let (code, position) = field.map_or(("rule", position), |(code, (_, at))| (code, *at));
        let hint = hint.unwrap_or_else(|| "change the clause, or the field's type in the Avro schema".to_owned());
        findings.error(code, position, message, hint);
    }
}

/// What works and is likely not meant.
fn advise(settings: &Settings, key: &[FieldPath], event_id: Option<&FieldPath>, findings: &mut Findings) {
    if let ([key], Some(event_id)) = (key, event_id)
        && key == event_id
    {
        let at = settings.position("tidegate.key").or(settings.position("tidegate.eventId"));
        let message = format!("the key `{key}` is the event's own id, so no two events of an entity keep their order");
        let hint = "set `tidegate.key` to what identifies the entity, such as the order or the customer";
        findings.advise("key", at, message, hint);
    }
    let compacted = settings.cleanup == Some(Cleanup::Compact);
    let at = settings.position("tidegate.cleanup");
    if compacted && key.is_empty() {
        let message = "a compacted topic keeps the last event of each key, and there is no key".to_owned();
        findings.error("key", at, message, "set `tidegate.key`, or mark properties with `primaryKey: true`");
    }
    if compacted && settings.retention.is_some() {
        let message = "a compacted topic does not forget by age, so `tidegate.retention` has no effect".to_owned();
        let hint = "leave one of the two out";
        findings.warn("conflict", settings.position("tidegate.retention"), message, hint);
    }
}

/// What will stand in the way of later versions.
fn warn_of_evolution(
    schema: &Schema,
    compatibility: Compatibility,
    places: &std::collections::HashMap<FieldPath, Option<Position>>,
    findings: &mut Findings,
) {
    let forward = matches!(
        compatibility,
        Compatibility::Forward | Compatibility::ForwardTransitive | Compatibility::Full | Compatibility::FullTransitive
    );
    for path in schema.enums_without_default() {
        if forward {
            let at = places.get(&path).copied().flatten();
            let message =
                format!("the enum at `{path}` has no default, so it can never gain a symbol in this major version");
            let hint =
                "give the enum type a `default` symbol in the Avro schema that readers may take for unknown ones";
            findings.warn("enum-default", at, message, hint);
        }
    }
}

impl Walk<'_> {
    /// Reads the service levels.
    fn service_levels(&mut self, root: &Node, object: Option<&Node>) {
        for level in list(root, "slaProperties") {
            let Some(property) = text(level.get("property")) else { continue };
            let measurable = MEASURABLE.contains(&property);
            let elements: Vec<FieldPath> = match level.get("element") {
                Some(element) => self.elements(element, object),
                None => vec![FieldPath::default()],
            };
            for path in elements {
                match measurable {
                    true => self.aggregate(level, &path, property, format!("service level {}", quote(property))),
                    false => {
                        let clause = format!("service level {}", quote(property));
                        self.list(&path, clause, Enforced::Documentation, level.position);
                    }
                }
            }
        }
    }

    /// The fields that a service level is about: `Orders.placedAt`, several with commas between them.
    fn elements(&mut self, element: &Node, object: Option<&Node>) -> Vec<FieldPath> {
        let names = object.into_iter().flat_map(|object| [text(object.get("name")), text(object.get("physicalName"))]);
        let names: Vec<&str> = names.flatten().collect();
        let mut paths = Vec::new();
        for part in text(Some(element)).unwrap_or_default().split(',').map(str::trim) {
            if names.contains(&part) {
                paths.push(FieldPath::default());
                continue;
            }
            let below = |name: &&str| part.strip_prefix(name)?.strip_prefix('.');
            let field = names.iter().find_map(below).unwrap_or(part);
            let path = field.parse::<FieldPath>();
            let missing = |schema: &Schema, path: &FieldPath| schema.resolve(path).is_none();
            match (path, self.schema) {
                (Ok(path), Some(schema)) if missing(schema, &path) => {
                    let message = format!("the Avro schema has no field `{path}`");
                    self.findings.error("unknown-field", element.position, message, missing_field(schema, &path));
                }
                (Ok(path), _) => paths.push(path),
                (Err(_), _) => {
                    let message = format!("{} names no field", quote(part));
                    let hint = "write the schema object's name, a dot and the field, such as `Orders.placedAt`";
                    self.findings.error("invalid-value", element.position, message, hint);
                }
            }
        }
        paths
    }
}

/// The file as JSON, with every default of ours written out. What is left to the broker stays out.
fn document(root: &Node, contract: &Contract) -> Value {
    let mut document = root.to_json();
    let mut resolved = vec![
        ("key", contract.key.iter().map(ToString::to_string).collect()),
        ("compatibility", json!(contract.compatibility)),
        ("undeclaredFields", json!(contract.undeclared_fields)),
        ("onViolation", json!(contract.on_violation)),
        ("topics", json!(contract.topics)),
        ("subject", json!(contract.subject)),
        ("cleanup", json!(contract.cleanup)),
        ("bytesEncoding", json!(contract.bytes_encoding)),
    ];
    let mut given = |name, value: Option<Value>| resolved.extend(value.map(|value| (name, value)));
    given("eventId", contract.event_id.as_ref().map(|path| path.to_string().into()));
    given("partitions", contract.partitions.map(Value::from));
    given("replication", contract.replication.map(Value::from));
    given("retention", contract.retention.map(|retention| print_duration(retention).into()));
    given("allowedPurposes", contract.allowed_purposes.clone().map(Value::from));
    given("noticePeriod", contract.notice_period.map(|period| print_duration(period).into()));
    given("deprecation", contract.deprecation.as_ref().map(|deprecation| json!(deprecation)));
    if let KeyForm::None = contract.key_form {
        resolved.retain(|(name, _)| *name != "key");
    }
    let custom = &mut document["customProperties"];
    if !custom.is_array() {
        *custom = json!([]);
    }
    if let Value::Array(list) = custom {
        list.retain(|item| !item["property"].as_str().is_some_and(|name| name.starts_with(PREFIX)));
        list.extend(
            resolved.into_iter().map(|(name, value)| json!({"property": format!("{PREFIX}{name}"), "value": value})),
        );
    }
    document["schema"][0]["physicalName"] = contract.topic.clone().into();
    document
}
