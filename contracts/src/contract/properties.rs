//! The properties of the schema object: held against the Avro schema, and read for what they demand of events.

use super::{
    AggregateClause, Enforced, ListedClause,
    findings::Findings,
    odcs::{self, boolean, list, quote, text},
    types,
};
use crate::{
    diagnostic::Position,
    path::{FieldPath, Step},
    rule::{Check, Rule},
    schema::{Kind, Schema, TypeId},
    yaml::Node,
};
use std::collections::{BTreeMap, HashMap, HashSet};

/// What the properties say.
pub(super) struct Walk<'a> {
    /// The structure, if it could be read.
    pub(super) schema: Option<&'a Schema>,
    pub(super) findings: &'a mut Findings,
    pub(super) clauses: &'a mut Vec<ListedClause>,
    pub(super) rules: Vec<Rule>,
    pub(super) aggregates: Vec<AggregateClause>,
    pub(super) classifications: BTreeMap<FieldPath, String>,
    /// `primaryKeyPosition`, and what has it.
    pub(super) primary_key: Vec<(i64, FieldPath, Option<Position>)>,
    /// Fields whose type the Avro schema has otherwise; what is demanded of them need not fit either.
    pub(super) mismatched: HashSet<FieldPath>,
    /// Where each property stands.
    pub(super) places: HashMap<FieldPath, Option<Position>>,
}

/// The path of a property, or of an array's items.
pub(super) fn path_of(outside: Option<&FieldPath>, node: &Node, items: bool) -> FieldPath {
    let step = match (items, field_name(node)) {
        (true, _) => Step::Items,
        (false, name) => Step::Field(name.unwrap_or_default().to_owned()),
    };
    outside.cloned().unwrap_or_default().join(step)
}

/// The Avro field that a property is about.
fn field_name(node: &Node) -> Option<&str> {
    text(node.get("physicalName")).or_else(|| text(node.get("name")))
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        schema: Option<&'a Schema>,
        findings: &'a mut Findings,
        clauses: &'a mut Vec<ListedClause>,
    ) -> Self {
        Self {
            schema,
            findings,
            clauses,
            rules: Vec::new(),
            aggregates: Vec::new(),
            classifications: BTreeMap::new(),
            primary_key: Vec::new(),
            mismatched: HashSet::new(),
            places: HashMap::new(),
        }
    }

    /// Reads the properties below a node, which stands for the record at `path`.
    pub(super) fn properties(&mut self, node: &Node, path: &FieldPath) {
        for property in list(node, "properties") {
            if field_name(property).is_some() {
                self.property(property, &path_of(Some(path), property, false));
            }
        }
    }

    fn property(&mut self, node: &Node, path: &FieldPath) {
        let at = node.get("physicalName").or_else(|| node.get("name")).unwrap_or(node).position;
        if self.places.insert(path.clone(), at).is_some() {
            let message = format!("`{path}` is described a second time");
            self.findings.error("duplicate-key", at, message, "keep one of the two");
        }
        let known = self.agree(node, path, at);
        self.demands(node, path);
        // Below a field that is not there, every property would be one more unknown one.
        let schema = if known { self.schema } else { None };
        let outer = std::mem::replace(&mut self.schema, schema);
        self.properties(node, path);
        if let Some(items) = node.get("items").filter(|items| items.entries().is_some()) {
            self.property(items, &path.join(Step::Items));
        }
        self.schema = outer;
    }

    /// Holds a property against the Avro schema; says whether what stands below it can be held against it, too.
    fn agree(&mut self, node: &Node, path: &FieldPath, at: Option<Position>) -> bool {
        let Some(schema) = self.schema else { return false };
        let Some(resolved) = schema.resolve(path) else {
            let hint = if self.findings.is_full() { String::new() } else { missing_field(schema, path) };
            self.findings.error("unknown-field", at, format!("the Avro schema has no field `{path}`"), hint);
            return false;
        };
        let id = resolved.type_id;
        let (logical, physical) = (text(node.get("logicalType")), text(node.get("physicalType")));
        let position = |key: &str| node.get(key).and_then(|value| value.position);
        if let Some(logical) = logical.filter(|logical| odcs::LOGICAL_TYPES.contains(logical))
            && !types::logical_agrees(schema, id, logical)
        {
            let message = format!("`{path}` is {} in the Avro schema, not `{logical}`", types::describe(schema, id));
            let hint = match types::logical_of(schema.get(id)).first() {
                Some(logical) => format!("write `logicalType: {logical}`, or change the Avro schema"),
                None => "leave `logicalType` out, or change the Avro schema".to_owned(),
            };
            self.findings.error("type-mismatch", position("logicalType"), message, hint);
            self.mismatched.insert(path.clone());
        }
        if let Some(physical) = physical
            && !types::physical_agrees(schema, id, physical)
        {
            let of = types::describe(schema, id);
            let message = format!("`{path}` is {of} in the Avro schema, not {}", quote(physical));
            let hint = match &schema.get(id).kind {
                Kind::Union(_) => "leave `physicalType` out, or change the Avro schema".to_owned(),
                _ => {
                    format!("write `physicalType: {}`, or change the Avro schema", types::spellings(schema.get(id))[0])
                }
            };
            self.findings.error("type-mismatch", position("physicalType"), message, hint);
        }
        let mut known = true;
        for (key, wanted, fits) in [("properties", "record", is_record as Fits), ("items", "array", is_array as Fits)] {
            if let Some(entry) = node.entry(key)
                && entry.value.scalar().is_none()
                && !any_branch(schema, id, fits)
            {
                known = false;
                let of = types::describe(schema, id);
                let (message, hint) = match any_branch(schema, id, is_map) {
                    true => (
                        format!("`{path}` is {of} in the Avro schema, and ODCS cannot describe a map's values"),
                        format!("leave `{key}` out; for rules on what is inside, make an array of records of the map"),
                    ),
                    false => (
                        format!("`{path}` is {of} in the Avro schema, and only {wanted}s have `{key}`"),
                        format!("leave `{key}` out, or change the Avro schema"),
                    ),
                };
                self.findings.error("type-mismatch", entry.key_position, message, hint);
            }
        }
        if boolean(node.get("required")) == Some(false)
            && !resolved.nullable
            && !matches!(path.steps().last(), Some(Step::Items))
        {
            let message = format!("`{path}` is never null in the Avro schema, so it is required all the same");
            let hint = "write `required: true`, or let the schema take null";
            self.findings.warn("required", position("required"), message, hint);
        }
        known
    }

    /// Reads what a property demands of events, and what else of it matters to us.
    fn demands(&mut self, node: &Node, path: &FieldPath) {
        let position = |key: &str| node.entry(key).and_then(|entry| entry.key_position);
        if boolean(node.get("required")) == Some(true) {
            let at = position("required");
            self.rules.push(Rule { path: path.clone(), check: Check::Required, position: at });
            self.list(path, "required".to_owned(), Enforced::PerEvent, at);
        }
        if boolean(node.get("primaryKey")) == Some(true) {
            let order = node.get("primaryKeyPosition").and_then(odcs::integer).filter(|order| *order >= 0);
            self.primary_key.push((order.unwrap_or(i64::MAX), path.clone(), position("primaryKey")));
            self.list(path, "primaryKey".to_owned(), Enforced::PerEvent, position("primaryKey"));
        }
        if boolean(node.get("unique")) == Some(true) {
            self.aggregates.push(AggregateClause {
                path: path.clone(),
                metric: "duplicateValues".to_owned(),
                clause: serde_json::json!({"unique": true}),
                position: position("unique"),
            });
            self.list(path, "unique".to_owned(), Enforced::Drift, position("unique"));
        }
        if let Some(classification) = text(node.get("classification")) {
            self.classifications.insert(path.clone(), classification.to_owned());
            let clause = format!("classification {}", quote(classification));
            self.list(path, clause, Enforced::PerEvent, position("classification"));
        }
        self.options(node, path);
        self.quality(node, path);
    }
}

type Fits = fn(&Kind) -> bool;

fn is_record(kind: &Kind) -> bool {
    matches!(kind, Kind::Record(_))
}

fn is_array(kind: &Kind) -> bool {
    matches!(kind, Kind::Array(_))
}

fn is_map(kind: &Kind) -> bool {
    matches!(kind, Kind::Map(_))
}

fn any_branch(schema: &Schema, id: TypeId, fits: Fits) -> bool {
    match &schema.get(id).kind {
        Kind::Union(branches) => branches.iter().any(|branch| fits(&schema.get(*branch).kind)),
        kind => fits(kind),
    }
}

/// The way out for a path that the schema does not have.
pub(super) fn missing_field(schema: &Schema, path: &FieldPath) -> String {
    let Some((last, steps)) = path.steps().split_last() else { return String::new() };
    let parent = FieldPath::new(steps.to_vec());
    let Some(resolved) = schema.resolve(&parent) else {
        return missing_field(schema, &parent);
    };
    let names = field_names(schema, resolved.type_id);
    match last {
        Step::Field(name) if !names.is_empty() => {
            let names = names.iter().map(String::as_str);
            match parent.is_root() {
                true => super::findings::suggestion(name, names),
                false => format!("in `{parent}`, {}", super::findings::suggestion(name, names)),
            }
        }
        _ => format!("`{parent}` is {}", types::describe(schema, resolved.type_id)),
    }
}

fn field_names(schema: &Schema, id: TypeId) -> Vec<String> {
    match &schema.get(id).kind {
        Kind::Record(record) => record.fields.iter().map(|field| field.name.clone()).collect(),
        Kind::Union(branches) => branches.iter().flat_map(|branch| field_names(schema, *branch)).collect(),
        _ => Vec::new(),
    }
}
