//! The Open Data Contract Standard 3.1 as a table: which keys a section has, and what stands under them.
//!
//! The table checks a file's form, and says of each key whether Tidegate reads it or keeps it as documentation. What
//! the values mean to Tidegate is for the other modules.

use super::{
    Enforced, ListedClause,
    custom::PREFIX,
    findings::{Findings, shorten},
};
use crate::{
    path::FieldPath,
    yaml::{Meaning, Node, Value},
};

/// A mapping of the standard.
#[derive(Debug)]
pub(super) struct Section {
    /// What it is, for messages, with its article.
    what: &'static str,
    keys: &'static [Key],
    /// Whether other keys may stand in it.
    open: bool,
}

#[derive(Debug)]
struct Key {
    name: &'static str,
    shape: Shape,
    required: bool,
    /// Not read by Tidegate: kept in the catalog's document for people and other tools.
    documentation: bool,
}

#[derive(Debug)]
enum Shape {
    Text,
    Word(&'static [&'static str]),
    Integer,
    Boolean,
    /// Any scalar, null included.
    Scalar,
    Number,
    /// Two numbers, the lower one first.
    Range,
    Any,
    Mapping,
    Texts,
    List,
    One(&'static Section),
    Many(&'static Section),
    OneOrMany(&'static Section, &'static Section),
}

const fn read(name: &'static str, shape: Shape) -> Key {
    Key { name, shape, required: false, documentation: false }
}

const fn needed(name: &'static str, shape: Shape) -> Key {
    Key { name, shape, required: true, documentation: false }
}

const fn kept(name: &'static str, shape: Shape) -> Key {
    Key { name, shape, required: false, documentation: true }
}

const fn section(what: &'static str, keys: &'static [Key]) -> Section {
    Section { what, keys, open: false }
}

/// The lifecycle words.
pub(super) const STATUS: &[&str] = &["proposed", "draft", "active", "deprecated", "retired"];
/// ODCS's logical types.
pub(super) const LOGICAL_TYPES: &[&str] =
    &["string", "date", "timestamp", "time", "number", "integer", "object", "array", "boolean"];
/// The metrics of quality clauses.
pub(super) const METRICS: &[&str] = &["nullValues", "missingValues", "invalidValues", "duplicateValues", "rowCount"];
/// The operators of quality clauses.
pub(super) const OPERATORS: &[&str] = &[
    "mustBe",
    "mustNotBe",
    "mustBeGreaterThan",
    "mustBeGreaterOrEqualTo",
    "mustBeLessThan",
    "mustBeLessOrEqualTo",
    "mustBeBetween",
    "mustNotBeBetween",
];
const DIMENSIONS: &[&str] =
    &["accuracy", "completeness", "conformity", "consistency", "coverage", "timeliness", "uniqueness"];

/// A whole contract.
pub(super) static CONTRACT: Section = section(
    "a contract",
    &[
        needed("version", Shape::Scalar),
        needed("kind", Shape::Word(&["DataContract"])),
        needed("apiVersion", Shape::Word(&["v3.1.0"])),
        needed("id", Shape::Text),
        needed("name", Shape::Text),
        kept("tenant", Shape::Text),
        kept("tags", Shape::Texts),
        needed("status", Shape::Word(STATUS)),
        kept("servers", Shape::Many(&SERVER)),
        kept("dataProduct", Shape::Text),
        kept("description", Shape::One(&DESCRIPTION)),
        needed("domain", Shape::Text),
        needed("schema", Shape::Many(&SCHEMA_OBJECT)),
        kept("support", Shape::Many(&SUPPORT)),
        kept("price", Shape::One(&PRICE)),
        kept("team", Shape::OneOrMany(&TEAM, &MEMBER)),
        kept("roles", Shape::Many(&ROLE)),
        kept("slaDefaultElement", Shape::Text),
        read("slaProperties", Shape::Many(&SLA)),
        kept("authoritativeDefinitions", Shape::Many(&DEFINITION)),
        read("customProperties", Shape::Many(&OUR_CUSTOM)),
        kept("contractCreatedTs", Shape::Text),
    ],
);

static DESCRIPTION: Section = section(
    "a description",
    &[
        kept("purpose", Shape::Text),
        kept("limitations", Shape::Text),
        kept("usage", Shape::Text),
        kept("authoritativeDefinitions", Shape::Many(&DEFINITION)),
        kept("customProperties", Shape::Many(&CUSTOM)),
    ],
);

/// Each type of server has keys of its own.
static SERVER: Section = Section {
    what: "a server",
    keys: &[
        kept("id", Shape::Text),
        needed("server", Shape::Text),
        needed("type", Shape::Text),
        kept("description", Shape::Text),
        kept("environment", Shape::Text),
        kept("roles", Shape::Many(&ROLE)),
        kept("customProperties", Shape::Many(&CUSTOM)),
    ],
    open: true,
};

static KAFKA_SERVER: Section = section(
    "a Kafka server",
    &[
        kept("id", Shape::Text),
        needed("server", Shape::Text),
        needed("type", Shape::Text),
        kept("description", Shape::Text),
        kept("environment", Shape::Text),
        kept("roles", Shape::Many(&ROLE)),
        kept("customProperties", Shape::Many(&CUSTOM)),
        needed("host", Shape::Text),
        kept("format", Shape::Text),
    ],
);

static SCHEMA_OBJECT: Section = section(
    "a schema object",
    &[
        kept("id", Shape::Text),
        needed("name", Shape::Text),
        read("logicalType", Shape::Word(&["object"])),
        kept("physicalType", Shape::Text),
        read("physicalName", Shape::Text),
        kept("description", Shape::Text),
        kept("businessName", Shape::Text),
        kept("dataGranularityDescription", Shape::Text),
        needed("authoritativeDefinitions", Shape::Many(&DEFINITION)),
        kept("tags", Shape::Texts),
        read("properties", Shape::Many(&PROPERTY)),
        kept("relationships", Shape::Many(&RELATIONSHIP)),
        read("quality", Shape::Many(&QUALITY)),
        kept("customProperties", Shape::Many(&CUSTOM)),
    ],
);

macro_rules! property_keys {
    ($name:expr) => {
        &[
            $name,
            kept("id", Shape::Text),
            read("physicalType", Shape::Text),
            kept("description", Shape::Text),
            kept("businessName", Shape::Text),
            kept("authoritativeDefinitions", Shape::Many(&DEFINITION)),
            kept("tags", Shape::Texts),
            kept("customProperties", Shape::Many(&CUSTOM)),
            read("primaryKey", Shape::Boolean),
            read("primaryKeyPosition", Shape::Integer),
            read("logicalType", Shape::Word(LOGICAL_TYPES)),
            read("logicalTypeOptions", Shape::Mapping),
            read("physicalName", Shape::Text),
            read("required", Shape::Boolean),
            read("unique", Shape::Boolean),
            kept("partitioned", Shape::Boolean),
            kept("partitionKeyPosition", Shape::Integer),
            read("classification", Shape::Text),
            kept("encryptedName", Shape::Text),
            kept("transformSourceObjects", Shape::Texts),
            kept("transformLogic", Shape::Text),
            kept("transformDescription", Shape::Text),
            kept("examples", Shape::List),
            kept("criticalDataElement", Shape::Boolean),
            kept("relationships", Shape::Many(&RELATIONSHIP)),
            read("quality", Shape::Many(&QUALITY)),
            read("properties", Shape::Many(&PROPERTY)),
            read("items", Shape::One(&ITEMS)),
        ]
    };
}

static PROPERTY: Section = section("a property", property_keys!(needed("name", Shape::Text)));

static ITEMS: Section = section("an `items` section", property_keys!(kept("name", Shape::Text)));

static QUALITY: Section = section(
    "a quality clause",
    &[
        kept("id", Shape::Text),
        kept("authoritativeDefinitions", Shape::Many(&DEFINITION)),
        kept("businessImpact", Shape::Text),
        kept("customProperties", Shape::Many(&CUSTOM)),
        kept("description", Shape::Text),
        kept("dimension", Shape::Word(DIMENSIONS)),
        kept("method", Shape::Text),
        kept("name", Shape::Text),
        kept("schedule", Shape::Text),
        kept("scheduler", Shape::Text),
        read("severity", Shape::Text),
        kept("tags", Shape::Texts),
        read("type", Shape::Word(&["text", "library", "sql", "custom"])),
        read("unit", Shape::Text),
        read("metric", Shape::Word(METRICS)),
        read("rule", Shape::Text),
        read("arguments", Shape::Mapping),
        read("query", Shape::Text),
        read("engine", Shape::Text),
        read("implementation", Shape::Any),
        read("mustBe", Shape::Any),
        read("mustNotBe", Shape::Any),
        read("mustBeGreaterThan", Shape::Number),
        read("mustBeGreaterOrEqualTo", Shape::Number),
        read("mustBeLessThan", Shape::Number),
        read("mustBeLessOrEqualTo", Shape::Number),
        read("mustBeBetween", Shape::Range),
        read("mustNotBeBetween", Shape::Range),
    ],
);

static DEFINITION: Section = section(
    "an authoritative definition",
    &[
        kept("id", Shape::Text),
        needed("url", Shape::Text),
        needed("type", Shape::Text),
        kept("description", Shape::Text),
    ],
);

static RELATIONSHIP: Section = section(
    "a relationship",
    &[
        kept("type", Shape::Word(&["foreignKey"])),
        kept("from", Shape::Any),
        needed("to", Shape::Any),
        kept("customProperties", Shape::Many(&CUSTOM)),
    ],
);

const CUSTOM_KEYS: &[Key] = &[
    kept("id", Shape::Text),
    needed("property", Shape::Text),
    needed("value", Shape::Any),
    kept("description", Shape::Text),
];

static CUSTOM: Section = section("a custom property", CUSTOM_KEYS);

/// Those of the contract itself, where ours belong.
static OUR_CUSTOM: Section = section("a custom property", CUSTOM_KEYS);

static SUPPORT: Section = section(
    "a support channel",
    &[
        kept("id", Shape::Text),
        needed("channel", Shape::Text),
        kept("url", Shape::Text),
        kept("description", Shape::Text),
        kept("tool", Shape::Text),
        kept("scope", Shape::Text),
        kept("invitationUrl", Shape::Text),
        kept("customProperties", Shape::Many(&CUSTOM)),
    ],
);

static PRICE: Section = section(
    "a price",
    &[
        kept("id", Shape::Text),
        kept("priceAmount", Shape::Number),
        kept("priceCurrency", Shape::Text),
        kept("priceUnit", Shape::Text),
    ],
);

static TEAM: Section = section(
    "a team",
    &[
        kept("id", Shape::Text),
        read("name", Shape::Text),
        kept("description", Shape::Text),
        read("members", Shape::Many(&MEMBER)),
        kept("tags", Shape::Texts),
        kept("customProperties", Shape::Many(&CUSTOM)),
        kept("authoritativeDefinitions", Shape::Many(&DEFINITION)),
    ],
);

static MEMBER: Section = section(
    "a team member",
    &[
        kept("id", Shape::Text),
        needed("username", Shape::Text),
        kept("name", Shape::Text),
        kept("description", Shape::Text),
        kept("role", Shape::Text),
        kept("dateIn", Shape::Text),
        kept("dateOut", Shape::Text),
        kept("replacedByUsername", Shape::Text),
        kept("tags", Shape::Texts),
        kept("customProperties", Shape::Many(&CUSTOM)),
        kept("authoritativeDefinitions", Shape::Many(&DEFINITION)),
    ],
);

static ROLE: Section = section(
    "a role",
    &[
        kept("id", Shape::Text),
        needed("role", Shape::Text),
        kept("description", Shape::Text),
        kept("access", Shape::Text),
        kept("firstLevelApprovers", Shape::Text),
        kept("secondLevelApprovers", Shape::Text),
        kept("customProperties", Shape::Many(&CUSTOM)),
    ],
);

static SLA: Section = section(
    "a service level",
    &[
        kept("id", Shape::Text),
        needed("property", Shape::Text),
        needed("value", Shape::Scalar),
        read("valueExt", Shape::Scalar),
        read("unit", Shape::Text),
        read("element", Shape::Text),
        kept("driver", Shape::Text),
        kept("description", Shape::Text),
        kept("scheduler", Shape::Text),
        kept("schedule", Shape::Text),
    ],
);

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
