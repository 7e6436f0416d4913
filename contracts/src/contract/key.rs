//! How the record key is written. Which fields may be in it, the plan checks.

use super::KeyForm;
use crate::{
    path::{FieldPath, Step},
    schema::{Kind, Schema, TypeId},
};
use serde_json::{Value, json};
use std::collections::HashSet;

/// How the key of these fields is written.
pub(super) fn form(schema: &Schema, key: &[FieldPath], topic: &str) -> KeyForm {
    let types: Vec<TypeId> = key.iter().filter_map(|path| Some(schema.resolve(path)?.type_id)).collect();
    let subject = format!("{topic}-key");
    match types[..] {
        [] => KeyForm::None,
        [id] if schema.get(id).kind == Kind::String => KeyForm::Text,
        [id] => KeyForm::Avro { subject, schema: schema.text_of(id) },
        _ => KeyForm::Avro { subject, schema: record(schema, key, &types) },
    }
}

/// A record of the fields, in the order of the key.
fn record(schema: &Schema, key: &[FieldPath], types: &[TypeId]) -> String {
    let mut defined = HashSet::new();
    let fields: Vec<Value> = names(key)
        .into_iter()
        .zip(types)
        .map(|(name, id)| {
            let mut of: Value = serde_json::from_str(&schema.text_of(*id)).unwrap_or(Value::Null);
            define_once(&mut of, &mut defined);
            json!({"name": name, "type": of})
        })
        .collect();
    let name = schema.name().unwrap_or("Event");
    json!({"type": "record", "name": format!("{name}Key"), "fields": fields}).to_string()
}

/// The key's field names: `customer.id` is `id`, or `customer_id` where another one is `id`, too.
fn names(key: &[FieldPath]) -> Vec<String> {
    let steps: Vec<Vec<&str>> = key.iter().map(|path| path.steps().iter().map(step_name).collect()).collect();
    let mut names: Vec<String> = Vec::new();
    for path in &steps {
        let last = path.last().copied().unwrap_or_default();
        let alone = steps.iter().filter(|other| other.last() == path.last()).count() == 1;
        let mut name = if alone { last.to_owned() } else { path.join("_") };
        while names.contains(&name) {
            name.push('_');
        }
        names.push(name);
    }
    names
}

fn step_name(step: &Step) -> &str {
    match step {
        Step::Field(name) => name,
        Step::Items | Step::Values => "",
    }
}

/// Replaces definitions of types that were defined before by their names. The texts come from [`Schema::text_of`],
/// which writes full names.
fn define_once(of: &mut Value, defined: &mut HashSet<String>) {
    match of {
        Value::Array(branches) => branches.iter_mut().for_each(|branch| define_once(branch, defined)),
        Value::Object(entries) => {
            let kind = entries.get("type").and_then(Value::as_str).unwrap_or_default();
            if matches!(kind, "record" | "enum" | "fixed") {
                let name = entries.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
                if !defined.insert(name.clone()) {
                    *of = name.into();
                    return;
                }
            }
            for key in ["type", "items", "values"] {
                if let Some(inner) = entries.get_mut(key) {
                    define_once(inner, defined);
                }
            }
            if let Some(Value::Array(fields)) = entries.get_mut("fields") {
                fields.iter_mut().for_each(|field| define_once(field, defined));
            }
        }
        _ => {}
    }
}
