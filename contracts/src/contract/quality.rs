//! Quality clauses and service levels: which of them every single event must keep, and which are about many.

use super::{
    AggregateClause, Enforced, ListedClause,
    findings::Findings,
    odcs::{OPERATORS, list, number, quote, text},
    properties::{Walk, missing_field},
};
use crate::{
    diagnostic::Position,
    path::FieldPath,
    rule::{Check, Literal, Rule},
    schema::Schema,
    yaml::{Entry, Meaning, Node},
};

/// Service levels that are about what is published, and so can be judged.
const MEASURABLE: &[&str] = &["latency", "freshness", "frequency", "timeOfAvailability", "completeness", "throughput"];

/// The arguments that a metric takes.
fn arguments_of(metric: &str) -> &'static [&'static str] {
    match metric {
        "invalidValues" => &["validValues", "pattern"],
        "missingValues" => &["missingValues"],
        "duplicateValues" => &["properties"],
        _ => &[],
    }
}

/// A scalar as a rule keeps it; `None` for null and for what is no scalar.
pub(super) fn literal(node: &Node) -> Option<Literal> {
    match node.meaning()? {
        Meaning::Null => None,
        Meaning::Boolean(value) => Some(Literal::Boolean(value)),
        Meaning::Number(text) => Some(Literal::Number(text.to_owned())),
        Meaning::Text(text) => Some(Literal::Text(text.to_owned())),
    }
}

impl Walk<'_> {
    /// Reads the quality clauses of a field, or of the whole schema when the path is the root.
    pub(super) fn quality(&mut self, node: &Node, path: &FieldPath) {
        for clause in list(node, "quality") {
            if clause.entries().is_some() {
                self.clause(clause, path);
            }
        }
    }

    fn clause(&mut self, clause: &Node, path: &FieldPath) {
        let operators: Vec<&Entry> = OPERATORS.iter().filter_map(|operator| clause.entry(operator)).collect();
        let kind = match (text(clause.get("type")), clause.get("metric")) {
            (Some(kind), _) => kind,
            (None, _) => "library",
        };
        match kind {
            "library" => self.library(clause, path, &operators),
            "sql" | "custom" => {
                let needs: &[&str] = if kind == "sql" { &["query"] } else { &["engine", "implementation"] };
                for key in needs.iter().filter(|key| clause.get(key).is_none()) {
                    let message = format!("a quality clause of type `{kind}` needs `{key}`");
                    self.findings.error("missing-key", clause.position, message, format!("add `{key}`"));
                }
                if kind == "sql" {
                    one_operator(clause, &operators, self.findings);
                }
                let message = format!("a quality clause of type `{kind}` is kept, and not enforced by Tidegate");
                let hint = "run it with the engine it is for; what Tidegate enforces has a `metric`";
                self.findings.warn("not-enforced", clause.position, message, hint);
                self.list(path, format!("quality {kind}"), Enforced::Documentation, clause.position);
            }
            // Plain words; anything else is no type, and was said to be none.
            _ => self.list(path, format!("quality {kind}"), Enforced::Documentation, clause.position),
        }
    }

    fn library(&mut self, clause: &Node, path: &FieldPath, operators: &[&Entry]) {
        let Some(metric) = text(clause.get("metric")) else {
            let hint = match clause.get("rule") {
                Some(_) => {
                    "`rule` is from ODCS 3.0; name one of nullValues, missingValues, invalidValues, duplicateValues, rowCount as `metric`"
                }
                None => "add `metric`, or `type: text` when it is only for people",
            };
            let message = "a quality clause needs a `metric`".to_owned();
            return self.findings.error("missing-key", clause.position, message, hint);
        };
        let operator = one_operator(clause, operators, self.findings);
        if let Some(unit) = text(clause.get("unit"))
            && !["rows", "percent"].contains(&unit)
        {
            let at = clause.get("unit").and_then(|unit| unit.position);
            self.findings.unknown_value(at, unit, "`unit`", ["rows", "percent"].into_iter());
        }
        let arguments = clause.get("arguments").and_then(Node::entries).unwrap_or_default();
        for argument in arguments.iter().filter(|argument| !arguments_of(metric).contains(&&*argument.key)) {
            let known = arguments_of(metric).iter().copied();
            let place = format!("the arguments of `{metric}`");
            self.findings.unknown_key(argument.key_position, &argument.key, &place, known);
        }
        let of_field = matches!(metric, "nullValues" | "missingValues" | "invalidValues");
        if of_field && path.is_root() {
            let message = format!("`{metric}` is about a field, and this stands at the schema object");
            return self.findings.error("misplaced", clause.position, message, "move it to the field's `quality`");
        }
        let Some(operator) = operator else { return };
        // The other operators take nothing else anyway.
        if matches!(&*operator.key, "mustBe" | "mustNotBe") && number(&operator.value).is_none() {
            let message = format!("`{metric}` is a number, and `{}` compares it with none", operator.key);
            return self.findings.error("wrong-type", operator.value.position, message, "write a number");
        }
        let unit = text(clause.get("unit")).map(|unit| format!(" {unit}")).unwrap_or_default();
        let name = format!("quality {metric} {} {}{unit}", operator.key, operator.value.to_json());
        let none = matches!(&*operator.key, "mustBe" | "mustBeLessOrEqualTo") && number(&operator.value) == Some(0.0);
        if none && matches!(metric, "nullValues" | "invalidValues") {
            for check in self.checks(clause, metric) {
                self.rules.push(Rule { path: path.clone(), check, position: clause.position });
            }
            self.list(path, name, Enforced::PerEvent, clause.position);
            self.severity(clause);
        } else {
            self.aggregate(clause, path, metric, name);
        }
    }

    /// What each event must keep so that none of many breaks the clause.
    fn checks(&mut self, clause: &Node, metric: &str) -> Vec<Check> {
        if metric == "nullValues" {
            return vec![Check::NoNulls];
        }
        let mut checks = Vec::new();
        let arguments = clause.get("arguments");
        let argument = |name: &str| arguments.and_then(|arguments| arguments.get(name));
        if let Some(values) = argument("validValues") {
            let literals: Option<Vec<Literal>> =
                values.items().and_then(|items| items.iter().map(literal).collect::<Option<_>>());
            match literals {
                Some(literals) if !literals.is_empty() => checks.push(Check::ValidValues(literals)),
                _ => {
                    let message = "`validValues` is a list of values, none of them null".to_owned();
                    let hint = "write it like `[a, b]`; null is not held against it (that is what `required` is for)";
                    self.findings.error("wrong-type", values.position, message, hint);
                }
            }
        }
        if let Some(pattern) = argument("pattern") {
            match text(Some(pattern)) {
                Some(pattern) => checks.push(Check::ValidPattern(pattern.to_owned())),
                None => {
                    let message = format!("`pattern` is text, not {}", pattern.kind());
                    self.findings.error("wrong-type", pattern.position, message, "put it in quotes");
                }
            }
        }
        if argument("validValues").is_none() && argument("pattern").is_none() {
            let message = "`invalidValues` does not say which values are valid".to_owned();
            let hint = "add `arguments: {validValues: [...]}` or `arguments: {pattern: '...'}`";
            self.findings.error("missing-key", clause.position, message, hint);
        }
        checks
    }

    fn severity(&mut self, clause: &Node) {
        let Some(severity) = text(clause.get("severity")).filter(|severity| *severity != "error") else { return };
        let at = clause.get("severity").and_then(|severity| severity.position);
        let message = format!("severity {} does not soften the clause: every event is held to it", quote(severity));
        let hint = "to watch before you enforce, set `tidegate.onViolation` to `mark`";
        self.findings.warn("not-enforced", at, message, hint);
    }

    /// Keeps a clause about many events.
    pub(super) fn aggregate(&mut self, clause: &Node, path: &FieldPath, metric: &str, name: String) {
        self.aggregates.push(AggregateClause {
            path: path.clone(),
            metric: metric.to_owned(),
            clause: clause.to_json(),
            position: clause.position,
        });
        self.list(path, name, Enforced::Drift, clause.position);
    }

    /// Adds a line to the list of clauses.
    pub(super) fn list(&mut self, path: &FieldPath, clause: String, enforced: Enforced, position: Option<Position>) {
        self.clauses.push(ListedClause { path: path.clone(), clause, enforced, position });
    }

    /// Reads the service levels.
    pub(super) fn service_levels(&mut self, root: &Node, object: Option<&Node>) {
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

fn one_operator<'n>(clause: &Node, operators: &[&'n Entry], findings: &mut Findings) -> Option<&'n Entry> {
    match operators {
        [operator] => Some(operator),
        [] => {
            let message = "a quality clause needs an operator that says what must hold".to_owned();
            let hint = format!("add one of {}", OPERATORS.join(", "));
            findings.error("missing-key", clause.position, message, hint);
            None
        }
        [_, second, ..] => {
            let message = format!("`{}` is a second operator in one quality clause", second.key);
            findings.error("conflict", second.key_position, message, "write a clause for each");
            None
        }
    }
}
