//! Schemas as text: the Parsing Canonical Form, and one type on its own.

use super::{
    Kind, Schema, TypeId,
    node::{Node, Value},
    read::{full_name, namespace_of, primitive},
};
use std::{collections::HashSet, fmt::Write};

/// The Parsing Canonical Form of the Avro specification.
pub(super) fn canonical(schema: &Schema) -> String {
    let mut out = String::new();
    put_canonical(schema, schema.root, &mut HashSet::new(), &mut out);
    out
}

fn put_canonical(schema: &Schema, id: TypeId, defined: &mut HashSet<TypeId>, out: &mut String) {
    let kind = &schema.get(id).kind;
    let name = kind.branch_name();
    if kind.is_named() && !defined.insert(id) {
        return put_string(name, out);
    }
    match kind {
        Kind::Record(record) => {
            let _ = write!(out, r#"{{"name":"{name}","type":"record","fields":["#);
            for (at, field) in record.fields.iter().enumerate() {
                let comma = if at > 0 { "," } else { "" };
                let _ = write!(out, r#"{comma}{{"name":"{}","type":"#, field.name);
                put_canonical(schema, field.type_id, defined, out);
                out.push('}');
            }
            out.push_str("]}");
        }
        Kind::Enum(of) => {
            let symbols = of.symbols.join(r#"",""#);
            let _ = write!(out, r#"{{"name":"{name}","type":"enum","symbols":["{symbols}"]}}"#);
        }
        Kind::Fixed(fixed) => {
            let _ = write!(out, r#"{{"name":"{name}","type":"fixed","size":{}}}"#, fixed.size);
        }
        Kind::Array(items) => {
            out.push_str(r#"{"type":"array","items":"#);
            put_canonical(schema, *items, defined, out);
            out.push('}');
        }
        Kind::Map(values) => {
            out.push_str(r#"{"type":"map","values":"#);
            put_canonical(schema, *values, defined, out);
            out.push('}');
        }
        Kind::Union(branches) => {
            out.push('[');
            for (at, branch) in branches.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                put_canonical(schema, *branch, defined, out);
            }
            out.push(']');
        }
        _ => put_string(name, out),
    }
}

/// One type's text, with everything it refers to defined where first used; otherwise as the schema writes it.
pub(super) fn of_type(schema: &Schema, id: TypeId) -> String {
    let mut writer = Writer { schema, defined: HashSet::new(), out: String::new() };
    writer.definition(id);
    writer.out
}

struct Writer<'a> {
    schema: &'a Schema,
    defined: HashSet<String>,
    out: String,
}

impl Writer<'_> {
    fn definition(&mut self, id: TypeId) {
        let source = &self.schema.sources[id.0 as usize];
        let text = &self.schema.text[source.span.clone()];
        let node = Node::parse(text).expect("a part of a text that was parsed parses");
        self.schema(&node, &source.namespace);
    }

    fn schema(&mut self, node: &Node<'_>, namespace: &str) {
        match &node.value {
            Value::String(name) if primitive(name).is_some() => put_string(name, &mut self.out),
            Value::String(name) => self.reference(&full_name(name, namespace)),
            Value::Array(branches) => self.list('[', branches, ']', |writer, branch| writer.schema(branch, namespace)),
            _ => self.object(node, namespace),
        }
    }

    fn reference(&mut self, name: &str) {
        if self.defined.contains(name) {
            return put_string(name, &mut self.out);
        }
        let types = 0..self.schema.types.len() as u32;
        let mut types = types.map(TypeId).filter(|id| self.schema.get(*id).kind.is_named());
        if let Some(id) = types.find(|id| self.schema.get(*id).kind.branch_name() == name) {
            self.definition(id);
        }
    }

    fn object(&mut self, node: &Node<'_>, namespace: &str) {
        let Value::Object(entries) = &node.value else { return };
        let kind = node.get("type").and_then(Node::string).unwrap_or_default();
        let named = matches!(kind, "record" | "enum" | "fixed");
        if !named && !matches!(kind, "" | "array" | "map") && primitive(kind).is_none() {
            return self.reference(&full_name(kind, namespace));
        }
        let name = named.then(|| {
            let own = node.get("namespace").and_then(Node::string).unwrap_or(namespace);
            full_name(node.get("name").and_then(Node::string).unwrap_or_default(), own)
        });
        if let Some(name) = &name
            && !self.defined.insert(name.clone())
        {
            return put_string(name, &mut self.out);
        }
        let inside = name.as_deref().map_or(namespace, namespace_of);
        self.out.push('{');
        let entries = entries.iter().filter(|(key, _)| !(named && key == "namespace"));
        for (at, (key, value)) in entries.enumerate() {
            if at > 0 {
                self.out.push(',');
            }
            put_string(key, &mut self.out);
            self.out.push(':');
            match (key.as_str(), &name) {
                ("name", Some(name)) => {
                    put_string(name, &mut self.out);
                    // Else it would inherit the namespace of what it stands in.
                    if !name.contains('.') {
                        self.out.push_str(r#","namespace":"""#);
                    }
                }
                ("aliases", Some(_)) => match &value.value {
                    Value::Array(aliases) => self.list('[', aliases, ']', |writer, alias| {
                        put_string(&full_name(alias.string().unwrap_or_default(), inside), &mut writer.out);
                    }),
                    _ => self.out.push_str(value.text),
                },
                ("type", _) if kind.is_empty() => self.schema(value, namespace),
                ("items", None) if kind == "array" => self.schema(value, namespace),
                ("values", None) if kind == "map" => self.schema(value, namespace),
                ("fields", Some(_)) if kind == "record" => match &value.value {
                    Value::Array(fields) => self.list('[', fields, ']', |writer, field| writer.field(field, inside)),
                    _ => self.out.push_str(value.text),
                },
                _ => self.out.push_str(value.text),
            }
        }
        self.out.push('}');
    }

    fn field(&mut self, node: &Node<'_>, namespace: &str) {
        let Value::Object(entries) = &node.value else { return };
        self.list('{', entries, '}', |writer, (key, value)| {
            put_string(key, &mut writer.out);
            writer.out.push(':');
            match key.as_str() {
                "type" => writer.schema(value, namespace),
                _ => writer.out.push_str(value.text),
            }
        });
    }

    fn list<T>(&mut self, open: char, items: &[T], close: char, mut put: impl FnMut(&mut Self, &T)) {
        self.out.push(open);
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.out.push(',');
            }
            put(self, item);
        }
        self.out.push(close);
    }
}

fn put_string(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}
