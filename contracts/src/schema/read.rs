//! Reads a schema's JSON into the arena, and refuses what could never be written.

use super::{
    Enum, Field, Fixed, Kind, Logical, Record, Type, TypeId, defaults, logical,
    node::{Node, Value},
};
use crate::diagnostic::nearest;
use std::{
    collections::{HashMap, HashSet},
    ops::Range,
};

/// Something wrong, or without effect, at a byte of the text.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) at: usize,
    pub(super) message: String,
    pub(super) hint: String,
}

/// Where a type is defined in the text, and which namespace encloses it there.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) span: Range<usize>,
    pub(super) namespace: String,
}

/// What reading gives.
pub(super) struct Arena {
    pub(super) types: Vec<Type>,
    pub(super) sources: Vec<Source>,
    pub(super) root: TypeId,
    pub(super) warnings: Vec<Problem>,
}

/// A full name split for use as an enclosing namespace: `a.b.C` gives `a.b`.
pub(super) fn namespace_of(full_name: &str) -> &str {
    full_name.rfind('.').map_or("", |dot| &full_name[..dot])
}

/// The full name of a reference or an alias as it is written inside a namespace.
pub(super) fn full_name(name: &str, namespace: &str) -> String {
    if name.contains('.') || namespace.is_empty() { name.to_owned() } else { format!("{namespace}.{name}") }
}

pub(super) fn primitive(name: &str) -> Option<Kind> {
    Some(match name {
        "null" => Kind::Null,
        "boolean" => Kind::Boolean,
        "int" => Kind::Int,
        "long" => Kind::Long,
        "float" => Kind::Float,
        "double" => Kind::Double,
        "bytes" => Kind::Bytes,
        "string" => Kind::String,
        _ => return None,
    })
}

/// Reads a whole schema, or tells everything that is wrong with it.
pub(super) fn read(root: &Node<'_>) -> Result<Arena, Vec<Problem>> {
    let mut reader = Reader {
        arena: Arena { types: Vec::new(), sources: Vec::new(), root: TypeId(0), warnings: Vec::new() },
        names: HashMap::new(),
        defaults: Vec::new(),
        problems: Vec::new(),
        broken: HashSet::new(),
    };
    root.repeated_keys(&mut |node, key| {
        reader.refuse(node, format!("the key `{key}` stands twice in one object"), "keep one of the two");
    });
    reader.arena.root = reader.schema(root, "");
    reader.refuse_endless();
    reader.check_defaults();
    let Reader { arena, mut problems, .. } = reader;
    if problems.is_empty() {
        return Ok(arena);
    }
    problems.sort_by_key(|problem| problem.at);
    if problems.len() == MAX_PROBLEMS {
        let message = "there may be more wrong: nothing was looked at after so many problems".to_owned();
        let at = problems[MAX_PROBLEMS - 1].at;
        problems.push(Problem { at, message, hint: "repair these and check again".to_owned() });
    }
    Err(problems)
}

/// After so many problems the rest is not looked at.
const MAX_PROBLEMS: usize = 100;
/// Bytes of all encoded defaults together; they can grow far beyond the text by filling in each other.
const MAX_DEFAULTS: usize = 4 << 20;
/// Branches are held against each other in pairs.
const MAX_BRANCHES: usize = 200;
/// The attributes that Avro gives a meaning to; others may stand beside them.
const OF_TYPES: &[&str] = &[
    "type",
    "name",
    "namespace",
    "doc",
    "aliases",
    "fields",
    "symbols",
    "default",
    "size",
    "items",
    "values",
    "logicalType",
    "precision",
    "scale",
];
const OF_FIELDS: &[&str] = &["name", "type", "doc", "default", "aliases", "order", "logicalType"];
const PRIMITIVES: [&str; 8] = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"];

struct Reader {
    arena: Arena,
    names: HashMap<String, TypeId>,
    /// Record, position of the field in it, and where its default stands: checked when every type is known.
    defaults: Vec<(TypeId, usize, usize)>,
    problems: Vec<Problem>,
    /// Types that stand in for what could not be read: what is made of them is not judged.
    broken: HashSet<TypeId>,
}

impl Reader {
    fn schema(&mut self, node: &Node<'_>, namespace: &str) -> TypeId {
        if self.problems.len() >= MAX_PROBLEMS {
            return self.stand_in(node, namespace);
        }
        match &node.value {
            Value::String(name) => match primitive(name) {
                Some(kind) => self.add(node, namespace, Type { kind, logical: None }),
                None => self.reference(node, name, namespace),
            },
            Value::Array(branches) => self.union(node, branches, namespace),
            Value::Object(_) => self.complex(node, namespace),
            Value::Other => {
                let message = format!("a schema is a name, an object or an array (a union), not {}", node.what());
                self.refuse(node, message, "name a type, such as \"string\"");
                self.stand_in(node, namespace)
            }
        }
    }

    fn reference(&mut self, node: &Node<'_>, name: &str, namespace: &str) -> TypeId {
        let full = full_name(name, namespace);
        if let Some(id) = self.names.get(&full) {
            return *id;
        }
        let known = PRIMITIVES.into_iter().chain(self.names.keys().map(String::as_str));
        let close = known.map(|known| (strsim::damerau_levenshtein(known, &full), known)).min();
        let hint = match (name, close) {
            ("record" | "enum" | "fixed" | "array" | "map", _) => {
                format!("a {name} is written as an object of its own: {{\"type\": {{\"type\": \"{name}\", …}}}}")
            }
            (_, Some((distance, close))) if distance <= 2 => format!("did you mean `{close}`?"),
            _ => "define it where it is first used, and refer to it by its full name later".to_owned(),
        };
        self.refuse(node, format!("the type `{full}` is not defined before this place"), hint);
        self.stand_in(node, namespace)
    }

    fn union(&mut self, node: &Node<'_>, nodes: &[Node<'_>], namespace: &str) -> TypeId {
        if nodes.len() > MAX_BRANCHES {
            let message = format!("a union of more than {MAX_BRANCHES} branches is not supported");
            self.refuse(node, message, "make several products, or fields, of it");
            return self.stand_in(node, namespace);
        }
        if nodes.is_empty() {
            self.refuse(node, "a union needs at least one branch", "write it like [\"null\", \"string\"]");
        }
        let id = self.add(node, namespace, Type { kind: Kind::Null, logical: None });
        let mut branches = Vec::with_capacity(nodes.len());
        let mut seen = HashSet::new();
        for branch in nodes {
            let branch_id = self.schema(branch, namespace);
            branches.push(branch_id);
            let kind = &self.arena.types[branch_id.0 as usize].kind;
            let name = kind.branch_name().to_owned();
            if let Kind::Union(_) = kind {
                let hint = "list its branches in the outer one";
                self.refuse(branch, "a union cannot stand directly inside a union", hint);
            } else if !self.broken.contains(&branch_id) && !seen.insert(name.clone()) {
                let message = format!("a union has `{name}` twice, so readers could not tell which is meant");
                self.refuse(branch, message, "leave one out, or put one into a record of its own");
            }
        }
        self.arena.types[id.0 as usize].kind = Kind::Union(branches);
        id
    }

    fn complex(&mut self, node: &Node<'_>, namespace: &str) -> TypeId {
        self.warn_of_slips(node, OF_TYPES);
        let Some(kind) = node.get("type") else {
            self.refuse(node, "an object that describes a type needs a `type`", "add \"type\": …");
            return self.stand_in(node, namespace);
        };
        let id = match kind.string() {
            Some("record") => self.record(node, namespace),
            Some("enum") => self.enumeration(node, namespace),
            Some("fixed") => self.fixed(node, namespace),
            Some("array") => self.collection(node, namespace, "items", Kind::Array),
            Some("map") => self.collection(node, namespace, "values", Kind::Map),
            Some(name) => match primitive(name) {
                Some(kind) => self.add(node, namespace, Type { kind, logical: None }),
                // A reference keeps its definition's logical type, whatever stands beside it.
                None => return self.reference(kind, name, namespace),
            },
            None => self.schema(kind, namespace),
        };
        self.logical(node, id);
        id
    }

    fn record(&mut self, node: &Node<'_>, namespace: &str) -> TypeId {
        let (id, name, aliases) = self.named(node, namespace, "record");
        let namespace = namespace_of(&name).to_owned();
        let Some(Value::Array(nodes)) = node.get("fields").map(|fields| &fields.value) else {
            self.refuse(node, format!("the record `{name}` needs `fields`, an array"), "add \"fields\": […]");
            self.broken.insert(id);
            return id;
        };
        let mut fields: Vec<Field> = Vec::with_capacity(nodes.len());
        let mut seen = HashSet::new();
        for node in nodes {
            self.warn_of_slips(node, OF_FIELDS);
            let field = node.get("name").and_then(Node::string).unwrap_or_default();
            if field.is_empty() {
                self.refuse(node, format!("a field of `{name}` needs a `name`, a string"), "add \"name\": …");
            } else {
                let at = node.get("name").unwrap_or(node);
                self.check_name(field, at);
                if !seen.insert(field.to_owned()) {
                    let message = format!("the record `{name}` has the field `{field}` twice");
                    self.refuse(at, message, "leave one out, or rename it");
                }
            }
            if let Some(logical) = node.get("logicalType") {
                let message = format!("the logical type of `{field}` has no effect beside the field's type");
                self.warn(logical, message, "put it inside: \"type\": {\"type\": …, \"logicalType\": …}");
            }
            let aliases = self.strings(node, "aliases");
            for (alias, at) in &aliases {
                self.check_name(alias, at);
            }
            let default = node.get("default").and_then(|default| match serde_json::from_str(default.text) {
                Ok(value) => {
                    self.defaults.push((id, fields.len(), default.at));
                    Some(value)
                }
                Err(error) => {
                    self.refuse(default, format!("this default cannot be read: {error}"), "write another one");
                    None
                }
            });
            let type_id = match node.get("type") {
                Some(kind) => self.schema(kind, &namespace),
                None => {
                    self.refuse(node, format!("the field `{field}` needs a `type`"), "add \"type\": …");
                    self.stand_in(node, &namespace)
                }
            };
            fields.push(Field { name: field.to_owned(), aliases: texts(aliases), doc: doc(node), default, type_id });
        }
        self.arena.types[id.0 as usize].kind = Kind::Record(Record { name, aliases, doc: doc(node), fields });
        id
    }

    fn enumeration(&mut self, node: &Node<'_>, namespace: &str) -> TypeId {
        let (id, name, aliases) = self.named(node, namespace, "enum");
        let symbols = self.strings(node, "symbols");
        if symbols.is_empty() {
            let at = node.get("symbols").unwrap_or(node);
            self.refuse(at, format!("the enum `{name}` needs `symbols`, at least one"), "add \"symbols\": […]");
        }
        let mut seen = HashSet::new();
        for (symbol, at) in &symbols {
            self.check_name(symbol, at);
            if !seen.insert(symbol) {
                self.refuse(at, format!("the enum `{name}` has the symbol `{symbol}` twice"), "leave one out");
            }
        }
        let symbols = texts(symbols);
        let mut default = None;
        if let Some(node) = node.get("default") {
            default = node.string().map(str::to_owned).filter(|symbol| symbols.contains(symbol));
            if default.is_none() {
                let hint = "name one of them; it is what readers take for a symbol they do not know";
                self.refuse(node, format!("the default of the enum `{name}` is not one of its symbols"), hint);
            }
        }
        self.arena.types[id.0 as usize].kind = Kind::Enum(Enum { name, aliases, doc: doc(node), symbols, default });
        id
    }

    fn fixed(&mut self, node: &Node<'_>, namespace: &str) -> TypeId {
        let (id, name, aliases) = self.named(node, namespace, "fixed");
        let size = node.get("size").and_then(|size| size.text.parse::<u32>().ok());
        let size = size.filter(|size| *size <= i32::MAX as u32);
        if size.is_none() {
            let at = node.get("size").unwrap_or(node);
            self.refuse(at, format!("the fixed `{name}` needs a `size`, a whole number of bytes"), "add \"size\": 16");
            self.broken.insert(id);
        }
        let size = size.unwrap_or_default() as usize;
        self.arena.types[id.0 as usize].kind = Kind::Fixed(Fixed { name, aliases, size });
        id
    }

    fn collection(&mut self, node: &Node<'_>, namespace: &str, key: &str, kind: fn(TypeId) -> Kind) -> TypeId {
        let Some(of) = node.get(key) else {
            self.refuse(node, format!("this type needs `{key}`, a schema"), format!("add \"{key}\": \"string\""));
            return self.stand_in(node, namespace);
        };
        let id = self.add(node, namespace, Type { kind: Kind::Null, logical: None });
        self.arena.types[id.0 as usize].kind = kind(self.schema(of, namespace));
        id
    }

    /// Makes room for a named type and makes its name known, so that what stands inside can refer to it.
    fn named(&mut self, node: &Node<'_>, namespace: &str, what: &str) -> (TypeId, String, Vec<String>) {
        let own = match node.get("namespace") {
            Some(own) => own.string().unwrap_or_else(|| {
                self.refuse(own, "a `namespace` is a string", "put it in quotes, or leave it out");
                namespace
            }),
            None => namespace,
        };
        let name = node.get("name").and_then(Node::string).unwrap_or_default();
        let full = full_name(name, own);
        let at = node.get("name").unwrap_or(node);
        let simple = full.rsplit('.').next().unwrap_or_default();
        if name.is_empty() {
            self.refuse(node, format!("a {what} needs a `name`, a string"), "add \"name\": …");
        } else if primitive(simple).is_some() {
            let message = format!("`{simple}` is a primitive type's name, and nothing else can have it");
            self.refuse(at, message, "choose another one");
        } else {
            full.split('.').for_each(|part| self.check_name(part, at));
        }
        let mut aliases = self.strings(node, "aliases");
        for (alias, at) in &mut aliases {
            alias.split('.').for_each(|part| self.check_name(part, at));
            *alias = full_name(alias, namespace_of(&full));
        }
        // Until its definition is complete, others need no more of it than the name.
        let unfinished = Kind::Fixed(Fixed { name: full.clone(), aliases: Vec::new(), size: 0 });
        let id = self.add(node, namespace, Type { kind: unfinished, logical: None });
        if !name.is_empty() && self.names.insert(full.clone(), id).is_some() {
            let hint = "refer to the first by its name, or rename one";
            self.refuse(at, format!("the type `{full}` is defined twice"), hint);
        }
        (id, full, texts(aliases))
    }

    /// Reads the logical type that stands beside a type. One that Avro does not know, or that does not fit, has no
    /// effect, as the specification wants; but that is said.
    fn logical(&mut self, node: &Node<'_>, id: TypeId) {
        let Some(attribute) = node.get("logicalType").filter(|_| !self.broken.contains(&id)) else { return };
        let Some(name) = attribute.string() else {
            return self.warn(attribute, "a `logicalType` is a string; this one has no effect", "put it in quotes");
        };
        let number = |key| node.get(key).map(|value| value.text.parse::<u32>().ok());
        let found = match name {
            "decimal" => logical::decimal(&self.arena.types[id.0 as usize].kind, number("precision"), number("scale")),
            _ => logical::plain(&self.arena.types[id.0 as usize].kind, name),
        };
        match found {
            Ok(logical) => {
                if let Logical::Decimal { precision, .. } = logical
                    && precision > logical::MAX_PRECISION
                {
                    let max = logical::MAX_PRECISION;
                    let message = format!("a decimal of more than {max} digits is not supported");
                    self.refuse(node.get("precision").unwrap_or(node), message, "choose a smaller `precision`");
                }
                self.arena.types[id.0 as usize].logical = Some(logical);
            }
            Err(reason) => {
                let message = format!("the logical type `{name}` has no effect: {reason}");
                self.warn(attribute, message, "put it right, or leave it out");
            }
        }
    }

    /// What stands in for a type that could not be read.
    fn stand_in(&mut self, node: &Node<'_>, namespace: &str) -> TypeId {
        let id = self.add(node, namespace, Type { kind: Kind::Null, logical: None });
        self.broken.insert(id);
        id
    }

    fn add(&mut self, node: &Node<'_>, namespace: &str, of: Type) -> TypeId {
        let id =
            TypeId(u32::try_from(self.arena.types.len()).expect("a type takes more than one byte of bounded text"));
        self.arena.types.push(of);
        let span = node.at..node.at + node.text.len();
        self.arena.sources.push(Source { span, namespace: namespace.to_owned() });
        id
    }

    fn refuse(&mut self, node: &Node<'_>, message: impl Into<String>, hint: impl Into<String>) {
        self.refuse_at(node.at, message, hint);
    }

    fn refuse_at(&mut self, at: usize, message: impl Into<String>, hint: impl Into<String>) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(Problem { at, message: message.into(), hint: hint.into() });
        }
    }

    fn warn(&mut self, node: &Node<'_>, message: impl Into<String>, hint: &str) {
        self.arena.warnings.push(node.problem(message, hint));
    }

    /// Foreign attributes are fine, but one that is nearly Avro's own is likely a slip of the pen, and does nothing.
    fn warn_of_slips(&mut self, node: &Node<'_>, known: &[&str]) {
        let Value::Object(entries) = &node.value else { return };
        for (key, value) in entries.iter().filter(|(key, _)| !known.contains(&key.as_str())) {
            if let Some(nearest) = nearest(key, known.iter().copied())
                && self.arena.warnings.len() < MAX_PROBLEMS
            {
                let message = format!("`{key}` is not Avro's and has no effect");
                self.warn(value, message, &format!("did you mean `{nearest}`?"));
            }
        }
    }

    fn check_name(&mut self, name: &str, node: &Node<'_>) {
        let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !starts || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            let hint = "a name has letters, digits and `_`, and does not begin with a digit";
            self.refuse(node, format!("`{name}` is not an Avro name"), hint);
        }
    }

    /// The strings under a key, none if it is not there, and where each stands.
    fn strings<'n, 't>(&mut self, node: &'n Node<'t>, key: &str) -> Vec<(String, &'n Node<'t>)> {
        let Some(list) = node.get(key) else { return Vec::new() };
        let items = match &list.value {
            Value::Array(items) => items.as_slice(),
            _ => std::slice::from_ref(list),
        };
        let strings: Vec<_> = items.iter().filter_map(|item| Some((item.string()?.to_owned(), item))).collect();
        if !matches!(list.value, Value::Array(_)) || strings.len() < items.len() {
            self.refuse(list, format!("`{key}` is an array of strings"), "write it like [\"a\", \"b\"]");
        }
        strings
    }

    /// For each type whether it has a property that it has of its own or by what it is made of.
    fn spread(&self, has: impl Fn(TypeId, &Kind, &dyn Fn(&TypeId) -> bool) -> bool) -> Vec<bool> {
        let types = &self.arena.types;
        let mut known = vec![false; types.len()];
        loop {
            let mut found = false;
            for (at, of) in types.iter().enumerate() {
                let now = has(TypeId(at as u32), &of.kind, &|id| known[id.0 as usize]);
                found |= now && !std::mem::replace(&mut known[at], now);
            }
            if !found {
                return known;
            }
        }
    }

    /// Refuses types of which every value would contain another one for ever.
    fn refuse_endless(&mut self) {
        let ends = self.spread(|_, kind, ends| match kind {
            Kind::Record(record) => record.fields.iter().all(|field| ends(&field.type_id)),
            Kind::Union(branches) => branches.is_empty() || branches.iter().any(ends),
            _ => true,
        });
        let Some(at) = ends.iter().position(|ends| !ends) else { return };
        let name = match &self.arena.types[at].kind {
            Kind::Record(record) => format!("the record `{}`", record.name),
            _ => "this type".to_owned(),
        };
        let message = format!("{name} contains itself without a way to end");
        let hint = "put the inner one into a union with null, an array or a map";
        self.refuse_at(self.arena.sources[at].span.start, message, hint);
    }

    fn check_defaults(&mut self) {
        let broken = self.spread(|id, kind, broken| {
            self.broken.contains(&id)
                || match kind {
                    Kind::Record(record) => record.fields.iter().any(|field| broken(&field.type_id)),
                    Kind::Union(branches) => branches.iter().any(broken),
                    Kind::Array(of) | Kind::Map(of) => broken(of),
                    _ => false,
                }
        });
        let mut encoded = Vec::new();
        for (record, position, at) in std::mem::take(&mut self.defaults) {
            let Kind::Record(Record { fields, .. }) = &self.arena.types[record.0 as usize].kind else { continue };
            let Field { name, default: Some(default), type_id, .. } = &fields[position] else { continue };
            if broken[type_id.0 as usize] {
                continue;
            }
            match defaults::encode(&self.arena.types, *type_id, default, &mut encoded) {
                Ok(_) if encoded.len() > MAX_DEFAULTS => {
                    let message = format!("the defaults up to here take more than {} KiB", MAX_DEFAULTS / 1024);
                    return self.refuse_at(at, message, "make them smaller");
                }
                Ok(0) => {}
                Ok(_) => {
                    let message = format!(
                        "the default of `{name}` is not of the union's first branch, which readers older than Avro 1.12 refuse"
                    );
                    let hint = "put the default's branch first, if nobody reads this union yet".to_owned();
                    self.arena.warnings.push(Problem { at, message, hint });
                }
                Err(reason) => {
                    let message = format!("the default of `{name}` does not fit: {reason}");
                    self.refuse_at(at, message, "change the default, or the field's type");
                }
            }
        }
    }
}

fn texts(placed: Vec<(String, &Node<'_>)>) -> Vec<String> {
    placed.into_iter().map(|(text, _)| text).collect()
}

fn doc(node: &Node<'_>) -> Option<String> {
    node.get("doc").and_then(Node::string).map(str::to_owned)
}
