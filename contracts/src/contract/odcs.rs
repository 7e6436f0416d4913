//! A file's form, by the table of the Open Data Contract Standard. What the values mean to Tidegate is for the other
//! modules.

mod table;

pub(super) use table::{LOGICAL_TYPES, OPERATORS};

use super::{
    Enforced, ListedClause,
    custom::PREFIX,
    findings::{Findings, shorten},
};
use crate::{
    path::FieldPath,
    yaml::{Meaning, Node, Value},
};
use table::{
    CONTRACT, CUSTOM, ITEMS, KAFKA_SERVER, OUR_CUSTOM, PROPERTY, QUALITY, SCHEMA_OBJECT, SERVER, SLA, Section, Shape,
};

/// Checks the form of a whole contract. Documentation is added to `clauses`: each top-level key once, and of the
/// fields each key.
pub(super) fn check(root: &Node, findings: &mut Findings, clauses: &mut Vec<ListedClause>) {
    Checker { findings, clauses, listing: true, inside: None }.section(root, &CONTRACT);
}

struct Checker<'f> {
    findings: &'f mut Findings,
    clauses: &'f mut Vec<ListedClause>,
    /// Whether documentation is listed key by key here.
    listing: bool,
    /// The property that this stands in, for the listing.
    inside: Option<FieldPath>,
}

impl Checker<'_> {
    fn section(&mut self, node: &Node, section: &'static Section) {
        let Value::Mapping(entries) = &node.value else {
            let message = format!("{} is a mapping, not {}", section.what, node.kind());
            return self.findings.error("wrong-type", node.position, message, "write it as `key: value` pairs");
        };
        for entry in entries {
            let Some(key) = section.keys.iter().find(|key| key.name == entry.key) else {
                if !section.open {
                    let known = section.keys.iter().map(|key| key.name);
                    self.findings.unknown_key(entry.key_position, &entry.key, section.what, known);
                }
                continue;
            };
            if key.documentation && self.listing {
                self.clauses.push(ListedClause {
                    path: self.inside.clone().unwrap_or_default(),
                    clause: match std::ptr::eq(section, &SCHEMA_OBJECT) {
                        true => format!("schema {}", key.name),
                        false => key.name.to_owned(),
                    },
                    enforced: Enforced::Documentation,
                    position: entry.key_position,
                });
            }
            let listing = self.listing;
            self.listing &= !key.documentation;
            self.shape(&entry.value, &key.shape, key.name);
            self.listing = listing;
        }
        for key in section.keys.iter().filter(|key| key.required && node.get(key.name).is_none()) {
            let message = format!("{} needs `{}`", section.what, key.name);
            self.findings.error("missing-key", node.position, message, missing(key.name));
        }
    }

    fn shape(&mut self, node: &Node, shape: &'static Shape, key: &'static str) {
        let meaning = node.meaning();
        match shape {
            Shape::Any => {}
            Shape::Scalar => self.expect(node, node.scalar().is_some(), "a single value"),
            Shape::Text => self.expect(node, matches!(meaning, Some(Meaning::Text(_))), "text"),
            Shape::Boolean => self.expect(node, matches!(meaning, Some(Meaning::Boolean(_))), "`true` or `false`"),
            Shape::Number => self.expect(node, matches!(meaning, Some(Meaning::Number(_))), "a number"),
            Shape::Integer => self.expect(node, integer(node).is_some(), "a whole number"),
            Shape::Mapping => self.expect(node, node.entries().is_some(), "a mapping"),
            Shape::List => self.expect(node, node.items().is_some(), "a list"),
            Shape::Range => {
                let bounds: Option<Vec<f64>> = node.items().and_then(|items| items.iter().map(number).collect());
                let ordered = bounds.is_some_and(|bounds| matches!(bounds[..], [low, high] if low < high));
                self.expect(node, ordered, "a list of two numbers, the lower one first");
            }
            Shape::Word(words) => match meaning {
                Some(Meaning::Text(word)) if words.contains(&word) => {}
                Some(Meaning::Text(word)) if key == "apiVersion" && word.starts_with('v') => {
                    let message =
                        format!("{} is another version of the standard; Tidegate reads ODCS 3.1", quote(word));
                    let hint = "write `apiVersion: v3.1.0`; whatever else has to change for it is told here, too";
                    self.findings.error("unknown-value", node.position, message, hint);
                }
                Some(Meaning::Text(word)) => {
                    self.findings.unknown_value(node.position, word, &format!("`{key}`"), words.iter().copied());
                }
                _ => self.wrong_type(node, "text"),
            },
            Shape::Texts => match node.items() {
                Some(items) => {
                    for item in items {
                        self.expect(item, matches!(item.meaning(), Some(Meaning::Text(_))), "text");
                    }
                }
                None => self.wrong_type(node, "a list of texts"),
            },
            Shape::One(section) => self.one(node, section),
            Shape::Many(section) => match node.items() {
                Some(items) => items.iter().for_each(|item| self.one(item, section)),
                None => self.wrong_type(node, "a list"),
            },
            Shape::OneOrMany(one, many) => match node.items() {
                Some(items) => items.iter().for_each(|item| self.one(item, many)),
                None => self.one(node, one),
            },
        }
    }

    fn one(&mut self, node: &Node, section: &'static Section) {
        let is = |other: &'static Section| std::ptr::eq(section, other);
        let section = match text(node.get("type")) {
            Some("kafka") if is(&SERVER) => &KAFKA_SERVER,
            _ => section,
        };
        let property = node.get("property");
        if is(&CUSTOM) && text(property).is_some_and(|name| name.starts_with(PREFIX)) {
            let message = format!("{} has no effect here", quote(text(property).unwrap_or_default()));
            let at = property.and_then(|property| property.position);
            self.findings.error("misplaced", at, message, "move it to the contract's own `customProperties`");
        }
        let outside = self.inside.clone();
        if is(&PROPERTY) || is(&ITEMS) {
            self.inside = Some(super::properties::path_of(outside.as_ref(), node, is(&ITEMS)));
        }
        // What a quality clause says beside its check belongs to that clause.
        let listing = self.listing;
        self.listing &= ![&QUALITY, &SLA, &OUR_CUSTOM].into_iter().any(is);
        self.section(node, section);
        self.listing = listing;
        self.inside = outside;
    }

    fn expect(&mut self, node: &Node, fits: bool, expected: &str) {
        if !fits {
            self.wrong_type(node, expected);
        }
    }

    fn wrong_type(&mut self, node: &Node, expected: &str) {
        let quotes = expected == "text" && node.scalar().is_some() && !node.is_null();
        let hint = match quotes {
            true => "put it in quotes".to_owned(),
            false => format!("write {expected}, or leave the key out"),
        };
        let message = format!("expected {expected}, found {}", node.kind());
        self.findings.error("wrong-type", node.position, message, hint);
    }
}

/// The way out for a key that is missing.
fn missing(key: &str) -> String {
    let line = match key {
        "version" => "version: 1.0.0",
        "kind" => "kind: DataContract",
        "apiVersion" => "apiVersion: v3.1.0",
        "status" => "status: active",
        "id" => return "add an `id` that stays the same in all versions, such as a UUID".to_owned(),
        "domain" => return "add the name of the domain that owns the product".to_owned(),
        "authoritativeDefinitions" => "authoritativeDefinitions: [{type: implementation, url: orders.avsc}]",
        key => key,
    };
    format!("add `{line}`")
}

/// The text of a node, if it is text.
pub(super) fn text(node: Option<&Node>) -> Option<&str> {
    match node?.meaning()? {
        Meaning::Text(text) => Some(text),
        _ => None,
    }
}

/// The boolean of a node, if it is one.
pub(super) fn boolean(node: Option<&Node>) -> Option<bool> {
    match node?.meaning()? {
        Meaning::Boolean(value) => Some(value),
        _ => None,
    }
}

/// The whole number of a node, if it is one.
pub(super) fn integer(node: &Node) -> Option<i64> {
    match node.meaning()? {
        Meaning::Number(text) => text.parse().ok(),
        _ => None,
    }
}

/// The number of a node, for comparing.
pub(super) fn number(node: &Node) -> Option<f64> {
    match node.meaning()? {
        Meaning::Number(text) => text.parse().ok(),
        _ => None,
    }
}

/// The items of a list under a key, none if it is no list.
pub(super) fn list<'n>(node: &'n Node, key: &str) -> &'n [Node] {
    node.get(key).and_then(Node::items).unwrap_or_default()
}

/// A word from the file for a message.
pub(super) fn quote(word: &str) -> String {
    format!("`{}`", shorten(word))
}
