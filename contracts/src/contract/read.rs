//! From the text of a contract file to a [`Contract`], or to everything that is wrong with it.

use super::{
    BytesEncoding, Cleanup, Compatibility, Contract, Enforced, KeyForm, ListedClause, OnViolation, Parsed, Policy,
    TopicsMode, UndeclaredFields,
    custom::{self, FOREVER, PREFIX, Placed, Settings},
    duration::print_duration,
    findings::Findings,
    identity::{identity, owner, topic},
    key,
    odcs::{self, quote, text},
    properties::{Walk, missing_field},
    structure::{avro_schema, schema_object, warn_of_ambiguity, warn_of_evolution},
};
use crate::{
    diagnostic::Level,
    path::FieldPath,
    plan::{Limits, Plan, PlanOptions, PlanProblem},
    rule::Rule,
    schema::Schema,
    yaml::{self, Node},
};
use serde_json::{Value, json};
use std::{collections::HashSet, time::Duration};

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
    let elsewhere = object.and_then(|object| object.entry("authoritativeDefinitions")?.key_position);
    let place = |path: &FieldPath| places.get(path).copied().unwrap_or(elsewhere);
    warn_of_ambiguity(&schema, bytes_encoding, &place, findings);
    warn_of_evolution(&schema, compatibility, &place, findings);

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

/// The fields that a setting names and the schema has, each once.
fn named_fields(setting: &str, named: Vec<Placed>, schema: &Schema, findings: &mut Findings) -> Vec<Placed> {
    let mut fields: Vec<Placed> = Vec::new();
    let mut seen = HashSet::new();
    for (path, at) in named {
        if !seen.insert(path.clone()) {
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
    let retention = |retention: Duration| match retention {
        Duration::MAX => FOREVER.to_owned(),
        retention => print_duration(retention),
    };
    given("retention", contract.retention.map(|time| retention(time).into()));
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
