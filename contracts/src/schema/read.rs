//! Reads a schema's JSON into the arena, and refuses what could never be written.

use super::{
    Enum, Field, Fixed, Kind, Logical, Record, Type, TypeId, defaults, logical,
    node::{Node, Value},
};
use std::{
    collections::{HashMap, HashSet},
    ops::Range,
};

/// Something wrong at a byte of the text.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) at: usize,
    pub(super) message: String,
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
    /// Byte offsets and messages.
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

pub(super) fn read(root: &Node<'_>) -> Result<Arena, Problem> {
    let mut reader = Reader {
        arena: Arena { types: Vec::new(), sources: Vec::new(), root: TypeId(0), warnings: Vec::new() },
        names: HashMap::new(),
        defaults: Vec::new(),
    };
    reader.arena.root = reader.schema(root, "")?;
    reader.refuse_endless()?;
    reader.check_defaults()?;
    Ok(reader.arena)
}

struct Reader {
    arena: Arena,
    names: HashMap<String, TypeId>,
    /// Record, position of the field in it, and where its default stands: checked when every type is known.
    defaults: Vec<(TypeId, usize, usize)>,
}

impl Reader {
    fn schema(&mut self, node: &Node<'_>, namespace: &str) -> Result<TypeId, Problem> {
        match &node.value {
            Value::String(name) => match primitive(name) {
                Some(kind) => Ok(self.add(node, namespace, Type { kind, logical: None })),
                None => self.reference(node, name, namespace),
            },
            Value::Array(branches) => self.union(node, branches, namespace),
            Value::Object(_) => self.complex(node, namespace),
            Value::Other => {
                Err(node.problem(format!("a schema is a name, an object or an array (a union), not {}", node.what())))
            }
        }
    }

    fn reference(&self, node: &Node<'_>, name: &str, namespace: &str) -> Result<TypeId, Problem> {
        let full = full_name(name, namespace);
        if let Some(id) = self.names.get(&full) {
            return Ok(*id);
        }
        let known = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"];
        let known = known.into_iter().chain(self.names.keys().map(String::as_str));
        let close = known.map(|known| (strsim::damerau_levenshtein(known, &full), known)).min();
        let hint = match (name, close) {
            ("record" | "enum" | "fixed" | "array" | "map", _) => {
                format!("; a {name} is written as an object of its own: {{\"type\": {{\"type\": \"{name}\", …}}}}")
            }
            (_, Some((distance, close))) if distance <= 2 => format!("; did you mean `{close}`?"),
            _ => String::new(),
        };
        Err(node.problem(format!("the type `{full}` is not defined before this place{hint}")))
    }

    fn union(&mut self, node: &Node<'_>, nodes: &[Node<'_>], namespace: &str) -> Result<TypeId, Problem> {
        if nodes.is_empty() {
            return Err(node.problem("a union needs at least one branch"));
        }
        let id = self.add(node, namespace, Type { kind: Kind::Null, logical: None });
        let mut branches = Vec::with_capacity(nodes.len());
        let mut seen = HashSet::new();
        for branch in nodes {
            let branch_id = self.schema(branch, namespace)?;
            let name = match &self.arena.types[branch_id.0 as usize].kind {
                Kind::Union(_) => return Err(branch.problem("a union cannot stand directly inside a union")),
                kind => kind.branch_name().to_owned(),
            };
            if !seen.insert(name.clone()) {
                return Err(
                    branch.problem(format!("a union has `{name}` twice, so readers could not tell which is meant"))
                );
            }
            branches.push(branch_id);
        }
        self.arena.types[id.0 as usize].kind = Kind::Union(branches);
        Ok(id)
    }

    fn complex(&mut self, node: &Node<'_>, namespace: &str) -> Result<TypeId, Problem> {
        let kind = node.get("type").ok_or_else(|| node.problem("an object that describes a type needs a `type`"))?;
        let id = match kind.string() {
            Some("record") => self.record(node, namespace)?,
            Some("enum") => self.enumeration(node, namespace)?,
            Some("fixed") => self.fixed(node, namespace)?,
            Some("array") => self.collection(node, namespace, "items", Kind::Array)?,
            Some("map") => self.collection(node, namespace, "values", Kind::Map)?,
            Some(name) => match primitive(name) {
                Some(kind) => self.add(node, namespace, Type { kind, logical: None }),
                // A reference keeps its definition's logical type, whatever stands beside it.
                None => return self.reference(kind, name, namespace),
            },
            None => self.schema(kind, namespace)?,
        };
        self.logical(node, id)?;
        Ok(id)
    }

    fn record(&mut self, node: &Node<'_>, namespace: &str) -> Result<TypeId, Problem> {
        let (id, name, aliases) = self.named(node, namespace, "record")?;
        let namespace = namespace_of(&name).to_owned();
        let Some(Value::Array(nodes)) = node.get("fields").map(|fields| &fields.value) else {
            return Err(node.problem(format!("the record `{name}` needs `fields`, an array")));
        };
        let mut fields: Vec<Field> = Vec::with_capacity(nodes.len());
        let mut seen = HashSet::new();
        for node in nodes {
            let named = node.get("name").and_then(Node::string);
            let field = named.ok_or_else(|| node.problem(format!("a field of `{name}` needs a `name`, a string")))?;
            check_name(field, node)?;
            if !seen.insert(field.to_owned()) {
                return Err(node.problem(format!("the record `{name}` has the field `{field}` twice")));
            }
            let kind = node.get("type").ok_or_else(|| node.problem(format!("the field `{field}` needs a `type`")))?;
            if let Some(logical) = node.get("logicalType") {
                self.warn(logical, format!("the logical type of `{field}` has no effect beside the field's type; put it inside: \"type\": {{\"type\": …, \"logicalType\": …}}"));
            }
            let aliases = strings(node, "aliases")?;
            for alias in &aliases {
                check_name(alias, node)?;
            }
            let default = match node.get("default") {
                Some(default) => {
                    self.defaults.push((id, fields.len(), default.at));
                    let value = serde_json::from_str(default.text);
                    Some(value.map_err(|error| default.problem(format!("this default cannot be read: {error}")))?)
                }
                None => None,
            };
            let type_id = self.schema(kind, &namespace)?;
            fields.push(Field { name: field.to_owned(), aliases, doc: doc(node), default, type_id });
        }
        self.arena.types[id.0 as usize].kind = Kind::Record(Record { name, aliases, doc: doc(node), fields });
        Ok(id)
    }

    fn enumeration(&mut self, node: &Node<'_>, namespace: &str) -> Result<TypeId, Problem> {
        let (id, name, aliases) = self.named(node, namespace, "enum")?;
        let symbols = strings(node, "symbols")?;
        if symbols.is_empty() {
            return Err(node.problem(format!("the enum `{name}` needs `symbols`, at least one")));
        }
        let mut seen = HashSet::new();
        for symbol in &symbols {
            check_name(symbol, node)?;
            if !seen.insert(symbol) {
                return Err(node.problem(format!("the enum `{name}` has the symbol `{symbol}` twice")));
            }
        }
        let default = match node.get("default") {
            None => None,
            Some(default) => match default.string() {
                Some(symbol) if symbols.iter().any(|known| known == symbol) => Some(symbol.to_owned()),
                _ => return Err(default.problem(format!("the default of the enum `{name}` is not one of its symbols"))),
            },
        };
        self.arena.types[id.0 as usize].kind = Kind::Enum(Enum { name, aliases, doc: doc(node), symbols, default });
        Ok(id)
    }

    fn fixed(&mut self, node: &Node<'_>, namespace: &str) -> Result<TypeId, Problem> {
        let (id, name, aliases) = self.named(node, namespace, "fixed")?;
        let size =
            node.get("size").and_then(|size| size.text.parse::<u32>().ok()).filter(|size| *size <= i32::MAX as u32);
        let size =
            size.ok_or_else(|| node.problem(format!("the fixed `{name}` needs a `size`, a whole number of bytes")))?;
        self.arena.types[id.0 as usize].kind = Kind::Fixed(Fixed { name, aliases, size: size as usize });
        Ok(id)
    }

    fn collection(
        &mut self,
        node: &Node<'_>,
        namespace: &str,
        key: &str,
        kind: fn(TypeId) -> Kind,
    ) -> Result<TypeId, Problem> {
        let of = node.get(key).ok_or_else(|| node.problem(format!("this type needs `{key}`, a schema")))?;
        let id = self.add(node, namespace, Type { kind: Kind::Null, logical: None });
        self.arena.types[id.0 as usize].kind = kind(self.schema(of, namespace)?);
        Ok(id)
    }

    /// Makes room for a named type and makes its name known, so that what stands inside can refer to it.
    fn named(
        &mut self,
        node: &Node<'_>,
        namespace: &str,
        what: &str,
    ) -> Result<(TypeId, String, Vec<String>), Problem> {
        let name = node.get("name").and_then(Node::string);
        let name = name.ok_or_else(|| node.problem(format!("a {what} needs a `name`, a string")))?;
        let own = match node.get("namespace") {
            Some(own) => own.string().ok_or_else(|| own.problem("a `namespace` is a string"))?,
            None => namespace,
        };
        let full = full_name(name, own);
        full.split('.').try_for_each(|part| check_name(part, node))?;
        let simple = full.rsplit('.').next().unwrap_or_default();
        if primitive(simple).is_some() {
            return Err(node.problem(format!("`{simple}` is a primitive type's name, and nothing else can have it")));
        }
        let mut aliases = strings(node, "aliases")?;
        for alias in &mut aliases {
            alias.split('.').try_for_each(|part| check_name(part, node))?;
            *alias = full_name(alias, namespace_of(&full));
        }
        // Until its definition is complete, others need no more of it than the name.
        let unfinished = Kind::Fixed(Fixed { name: full.clone(), aliases: Vec::new(), size: 0 });
        let id = self.add(node, namespace, Type { kind: unfinished, logical: None });
        if self.names.insert(full.clone(), id).is_some() {
            return Err(node.problem(format!("the type `{full}` is defined twice; refer to the first by its name")));
        }
        Ok((id, full, aliases))
    }

    /// Reads the logical type that stands beside a type. One that Avro does not know, or that does not fit, has no
    /// effect, as the specification wants; but that is said.
    fn logical(&mut self, node: &Node<'_>, id: TypeId) -> Result<(), Problem> {
        let Some(attribute) = node.get("logicalType") else { return Ok(()) };
        let Some(name) = attribute.string() else {
            self.warn(attribute, "a `logicalType` is a string; this one has no effect".to_owned());
            return Ok(());
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
                    return Err(node.problem(format!("a decimal of more than {max} digits is not supported")));
                }
                self.arena.types[id.0 as usize].logical = Some(logical);
            }
            Err(reason) => self.warn(attribute, format!("the logical type `{name}` has no effect: {reason}")),
        }
        Ok(())
    }

    fn add(&mut self, node: &Node<'_>, namespace: &str, of: Type) -> TypeId {
        let id =
            TypeId(u32::try_from(self.arena.types.len()).expect("a type takes more than one byte of bounded text"));
        self.arena.types.push(of);
        let span = node.at..node.at + node.text.len();
        self.arena.sources.push(Source { span, namespace: namespace.to_owned() });
        id
    }

    fn warn(&mut self, node: &Node<'_>, message: String) {
        self.arena.warnings.push(node.problem(message));
    }

    /// Refuses types of which every value would contain another one for ever.
    fn refuse_endless(&self) -> Result<(), Problem> {
        let types = &self.arena.types;
        let mut ends = vec![false; types.len()];
        loop {
            let mut found = false;
            for (at, of) in types.iter().enumerate() {
                let now = match &of.kind {
                    Kind::Record(record) => record.fields.iter().all(|field| ends[field.type_id.0 as usize]),
                    Kind::Union(branches) => branches.iter().any(|branch| ends[branch.0 as usize]),
                    _ => true,
                };
                found |= now && !std::mem::replace(&mut ends[at], now);
            }
            if !found {
                break;
            }
        }
        match ends.iter().position(|ends| !ends) {
            None => Ok(()),
            Some(at) => {
                let name = match &types[at].kind {
                    Kind::Record(record) => format!("the record `{}`", record.name),
                    _ => "this type".to_owned(),
                };
                let message = format!(
                    "{name} contains itself without a way to end; put the inner one into a union with null, an array or a map"
                );
                Err(Problem { at: self.arena.sources[at].span.start, message })
            }
        }
    }

    fn check_defaults(&mut self) -> Result<(), Problem> {
        let mut warnings = Vec::new();
        for &(record, position, at) in &self.defaults {
            let Kind::Record(Record { fields, .. }) = &self.arena.types[record.0 as usize].kind else { continue };
            let field = &fields[position];
            let Some(default) = &field.default else { continue };
            let branch =
                defaults::encode(&self.arena.types, field.type_id, default, &mut Vec::new()).map_err(|reason| {
                    Problem { at, message: format!("the default of `{}` does not fit: {reason}", field.name) }
                })?;
            if branch > 0 {
                let message = format!(
                    "the default of `{}` is not of the union's first branch, which readers older than Avro 1.12 refuse",
                    field.name
                );
                warnings.push(Problem { at, message });
            }
        }
        self.arena.warnings.extend(warnings);
        Ok(())
    }
}

fn check_name(name: &str, node: &Node<'_>) -> Result<(), Problem> {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if starts && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Ok(());
    }
    Err(node.problem(format!(
        "`{name}` is not an Avro name; a name has letters, digits and `_` and does not begin with a digit"
    )))
}

fn strings(node: &Node<'_>, key: &str) -> Result<Vec<String>, Problem> {
    let Some(list) = node.get(key) else { return Ok(Vec::new()) };
    let Value::Array(items) = &list.value else { return Err(list.problem(format!("`{key}` is an array of strings"))) };
    let item = |item: &Node<'_>| {
        item.string().map(str::to_owned).ok_or_else(|| item.problem(format!("`{key}` is an array of strings")))
    };
    items.iter().map(item).collect()
}

fn doc(node: &Node<'_>) -> Option<String> {
    node.get("doc").and_then(Node::string).map(str::to_owned)
}
