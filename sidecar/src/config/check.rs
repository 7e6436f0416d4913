//! Checks a file's tree against the JSON Schema of its type, so that every problem is found in one pass; serde stops at
//! the first. Only what schemars makes of our types is understood here; a test sees to that.

use super::units;
use serde_json::Value as Schema;
use tidegate_contracts::{
    diagnostic::nearest,
    yaml::{Meaning, Node, Problem, Scalar, Style, Value},
};

/// A JSON Schema with its definitions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Root<'s>(pub(super) &'s Schema);

impl<'s> Root<'s> {
    /// Every problem of a tree, in file order.
    pub(super) fn check(self, node: &Node) -> Vec<Problem> {
        let mut walk = Walk { root: self, problems: Vec::new(), path: Vec::new() };
        walk.node(node, self.0);
        walk.problems
    }

    /// What a schema stands for, references followed.
    pub(super) fn resolve(self, schema: &'s Schema) -> &'s Schema {
        let reference = schema.get("$ref").and_then(Schema::as_str).and_then(|text| text.strip_prefix('#'));
        reference.and_then(|pointer| self.0.pointer(pointer)).map_or(schema, |found| self.resolve(found))
    }

    /// What may stand in a place, `null` aside.
    pub(super) fn choices(self, schema: &'s Schema) -> Vec<&'s Schema> {
        let schema = self.resolve(schema);
        let alternatives = ["anyOf", "oneOf"].iter().find_map(|word| schema.get(word)?.as_array());
        match alternatives {
            Some(alternatives) => alternatives.iter().flat_map(|choice| self.choices(choice)).collect(),
            None if schema.get("type").is_some_and(|name| name == "null") => Vec::new(),
            None => vec![schema],
        }
    }

    /// The keys a schema knows by name.
    pub(super) fn keys(self, schema: &'s Schema) -> Vec<(&'s str, &'s Schema)> {
        let properties = |choice: &'s Schema| choice.get("properties").and_then(Schema::as_object);
        let choices = self.choices(schema);
        choices.into_iter().filter_map(properties).flatten().map(|(key, value)| (key.as_str(), value)).collect()
    }

    /// What a schema says of keys that it does not know by name.
    pub(super) fn any_key(self, schema: &'s Schema) -> Option<&'s Schema> {
        self.choices(schema)
            .into_iter()
            .find_map(|choice| choice.get("additionalProperties").filter(|of| of.is_object()))
    }
}

/// Whether a schema has a type among its own.
pub(super) fn is(schema: &Schema, name: &str) -> bool {
    match schema.get("type") {
        Some(Schema::String(own)) => own == name,
        Some(Schema::Array(own)) => own.iter().any(|own| own == name),
        _ => name == "string" && (schema.get("const").is_some() || schema.get("enum").is_some()),
    }
}

struct Walk<'s> {
    root: Root<'s>,
    problems: Vec<Problem>,
    path: Vec<String>,
}

impl<'s> Walk<'s> {
    fn node(&mut self, node: &Node, schema: &'s Schema) {
        let choices = self.root.choices(schema);
        let words = words(&choices);
        match &node.value {
            Value::Mapping(_) => self.mapping(node, &choices),
            // All keys below it were commented out.
            _ if node.is_null() && choices.iter().any(|choice| is(choice, "object")) => {}
            _ if node.is_null() && self.nullable(schema) => {}
            Value::Sequence(items) => match choices.iter().find_map(|choice| choice.get("items")) {
                Some(of) => {
                    for (at, item) in items.iter().enumerate() {
                        self.below(format!("[{at}]"), |walk| walk.node(item, of));
                    }
                }
                None => self.wrong_type(node, &choices),
            },
            Value::Scalar(scalar) if !words.is_empty() && !choices.iter().any(|choice| is_free_text(choice)) => {
                if !words.contains(&scalar.text.as_str()) {
                    let known = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
                    let hint = match nearest(&scalar.text, words.iter().copied()) {
                        Some(nearest) => format!("did you mean `{nearest}`?"),
                        None => format!("it may be {known}"),
                    };
                    self.report("invalid-value", node, format!("unknown value `{}`", scalar.text), Some(hint));
                }
            }
            Value::Scalar(scalar) => self.scalar(node, scalar, &choices),
        }
    }

    fn nullable(&self, schema: &'s Schema) -> bool {
        let schema = self.root.resolve(schema);
        let alternatives = ["anyOf", "oneOf"].iter().find_map(|word| schema.get(word)?.as_array());
        is(schema, "null") || alternatives.is_some_and(|of| of.iter().any(|choice| self.nullable(choice)))
    }

    fn mapping(&mut self, node: &Node, choices: &[&'s Schema]) {
        let entries = node.entries().unwrap_or_default();
        let objects: Vec<&Schema> = choices.iter().copied().filter(|choice| is(choice, "object")).collect();
        // Where one of several keys says which it is, the key that is there decides.
        let known = |object: &Schema| entries.iter().any(|entry| object.pointer(&pointer(&entry.key)).is_some());
        let Some(object) = objects.iter().find(|object| known(object)).or(objects.first()).copied() else {
            return self.wrong_type(node, choices);
        };
        let any_key = object.get("additionalProperties").filter(|of| of.is_object());
        for entry in entries {
            let of = object.pointer(&pointer(&entry.key)).or(any_key);
            self.below(entry.key.clone(), |walk| match of {
                Some(of) => walk.node(&entry.value, of),
                None => {
                    let keys = objects.iter().filter_map(|object| object.get("properties")?.as_object());
                    let keys: Vec<&str> = keys.flat_map(|keys| keys.keys()).map(String::as_str).collect();
                    let problem = Problem::new("unknown-key", format!("unknown key `{}`", entry.key));
                    let hint = Some(suggest(&entry.key, &keys));
                    let path = join(&walk.path);
                    walk.problems.push(Problem { position: entry.key_position, path, hint, ..problem });
                }
            });
        }
        let required =
            object.get("required").and_then(Schema::as_array).into_iter().flatten().filter_map(Schema::as_str);
        for key in required.filter(|key| node.get(key).is_none_or(Node::is_null)) {
            let hint = match objects.len() {
                1 => example(&object["properties"][key]).map(|example| format!("such as `{key}: {example}`")),
                _ => Some("it is one of several that may stand here".to_owned()),
            };
            self.report("missing-key", node, format!("`{key}` is missing"), hint);
        }
    }

    fn scalar(&mut self, node: &Node, scalar: &Scalar, choices: &[&'s Schema]) {
        let meaning = scalar.meaning();
        let fits = |choice: &&&Schema| match meaning {
            // From outside the file, nothing at all is an empty text.
            Meaning::Null => scalar.style == Style::Untyped && is(choice, "string"),
            Meaning::Boolean(_) => is(choice, "boolean") || is(choice, "string"),
            Meaning::Number(_) => is(choice, "integer") || is(choice, "number") || is(choice, "string"),
            Meaning::Text(_) => is(choice, "string"),
        };
        let Some(choice) = choices.iter().find(fits) else { return self.wrong_type(node, choices) };
        let problem = match meaning {
            Meaning::Number(text) if is(choice, "integer") => whole(text, choice),
            Meaning::Number(text) if is(choice, "number") => number(text, choice),
            _ => text(&scalar.text, choice),
        };
        if let Err(message) = problem {
            self.report("invalid-value", node, message, None);
        }
    }

    fn wrong_type(&mut self, node: &Node, choices: &[&Schema]) {
        let mut expected: Vec<String> = choices.iter().filter_map(|choice| name(choice)).collect();
        expected.dedup();
        let message = format!("expected {}, found {}", expected.join(" or "), node.kind());
        self.report("wrong-type", node, message, None);
    }

    fn report(&mut self, code: &'static str, node: &Node, message: String, hint: Option<String>) {
        let path = join(&self.path);
        self.problems.push(Problem { position: node.position, path, hint, ..Problem::new(code, message) });
    }

    fn below(&mut self, step: String, run: impl FnOnce(&mut Self)) {
        self.path.push(step);
        run(self);
        self.path.pop();
    }
}

/// The known key that an unknown one most likely stands for, or all of them.
pub(super) fn suggest(key: &str, known: &[&str]) -> String {
    match nearest(key, known.iter().copied()) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("known are {}", known.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")),
    }
}

fn words<'s>(choices: &[&'s Schema]) -> Vec<&'s str> {
    let listed = |choice: &'s Schema| {
        let list = choice.get("enum").and_then(Schema::as_array).into_iter().flatten();
        choice.get("const").into_iter().chain(list).filter_map(Schema::as_str)
    };
    choices.iter().copied().flat_map(listed).collect()
}

fn is_free_text(choice: &Schema) -> bool {
    is(choice, "string") && choice.get("const").is_none() && choice.get("enum").is_none()
}

fn pointer(key: &str) -> String {
    format!("/properties/{}", key.replace('~', "~0").replace('/', "~1"))
}

fn join(path: &[String]) -> String {
    path.join(".").replace(".[", "[")
}

fn example(schema: &Schema) -> Option<String> {
    let example = schema.get("examples")?.get(0)?;
    Some(example.as_str().map_or_else(|| example.to_string(), str::to_owned))
}

fn name(schema: &Schema) -> Option<String> {
    let required = schema.get("required").and_then(Schema::as_array).map_or(&[][..], Vec::as_slice);
    if let ([key], Some(1)) = (required, schema.get("properties").and_then(Schema::as_object).map(serde_json::Map::len))
    {
        return Some(format!("`{{{}: …}}`", key.as_str().unwrap_or_default()));
    }
    let names = [
        ("object", "a mapping"),
        ("array", "a list"),
        ("boolean", "true or false"),
        ("string", "text"),
        ("integer", "a whole number"),
        ("number", "a number"),
    ];
    names.iter().find(|(own, _)| is(schema, own)).map(|(_, name)| (*name).to_owned())
}

fn whole(text: &str, schema: &Schema) -> Result<(), String> {
    let number: i128 = text.parse().map_err(|_| format!("expected a whole number, found {text}"))?;
    let bound = |word: &str| schema.get(word).and_then(Schema::as_f64).map(|bound| bound as i128);
    let (low, high) = match schema.get("format").and_then(Schema::as_str) {
        Some("uint32") => (0, u32::MAX.into()),
        Some(format) if format.starts_with("uint") => (0, i64::MAX.into()),
        _ => (i64::MIN.into(), i64::MAX.into()),
    };
    let (low, high) = (bound("minimum").unwrap_or(low), bound("maximum").unwrap_or(high));
    if number < low {
        return Err(format!("{number} is below {low}, the least that is taken"));
    }
    if number > high {
        return Err(format!("{number} is above {high}, the most that is taken"));
    }
    Ok(())
}

fn number(text: &str, schema: &Schema) -> Result<(), String> {
    let number: f64 = text.parse().map_err(|_| format!("expected a number, found {text}"))?;
    let bound = |word: &str, other: f64| schema.get(word).and_then(Schema::as_f64).unwrap_or(other);
    let (low, high) = (bound("minimum", f64::MIN), bound("maximum", f64::MAX));
    match (low..=high).contains(&number) {
        true => Ok(()),
        false => Err(format!("{number} is not between {low} and {high}")),
    }
}

fn text(text: &str, schema: &Schema) -> Result<(), String> {
    if let Some(pattern) = schema.get("pattern").and_then(Schema::as_str)
        && let Some((_, check)) = PATTERNS.iter().find(|(known, _)| *known == pattern)
    {
        return check(text);
    }
    match schema.get("format").and_then(Schema::as_str) {
        Some("uri") => url(text),
        Some("socket-address") => address(text),
        _ => Ok(()),
    }
}

/// Reads a text or says what is wrong with it.
type Check = fn(&str) -> Result<(), String>;

/// The patterns our schemas use, each with a check that explains itself.
const PATTERNS: &[(&str, Check)] = &[
    (units::DURATION, |text| units::parse_duration(text).map(drop)),
    (units::SIZE, |text| units::parse_size(text).map(drop)),
    (super::DOMAIN, domain),
];

pub(super) fn domain(text: &str) -> Result<(), String> {
    let name = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    match name && text.starts_with(|c: char| c.is_ascii_lowercase()) && text.len() <= 63 {
        true => Ok(()),
        false => Err(format!(
            "`{text}` is not a domain name; it is made of a-z, 0-9 and -, begins with a letter and has at most 63 characters"
        )),
    }
}

fn url(text: &str) -> Result<(), String> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    match rest {
        Some(rest) if rest.split(['/', '?', '#']).next().is_some_and(|host| host.contains('@')) => {
            Err("a URL with a user or password in it; give them by a secret".to_owned())
        }
        Some(rest) if !rest.is_empty() && !rest.starts_with('/') && !rest.contains(char::is_whitespace) => Ok(()),
        _ => Err("not an http:// or https:// URL".to_owned()),
    }
}

fn address(text: &str) -> Result<(), String> {
    let reason = || format!("`{text}` is not an IP address with a port; write it like `127.0.0.1:7070` or `[::]:7070`");
    text.parse::<std::net::SocketAddr>().map(drop).map_err(|_| reason())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_schema_is_one_that_is_checked() {
        fn visit(schema: &Schema, seen: &mut Vec<String>) {
            match schema {
                Schema::Object(members) => {
                    for (word, value) in members {
                        let named = ["properties", "$defs"].contains(&word.as_str());
                        match value {
                            Schema::Object(inner) if named => inner.values().for_each(|value| visit(value, seen)),
                            _ if ["default", "examples"].contains(&word.as_str()) => {}
                            _ => {
                                seen.push(match (word.as_str(), value.as_str()) {
                                    ("pattern" | "format", Some(value)) => format!("{word}: {value}"),
                                    _ => word.clone(),
                                });
                                visit(value, seen);
                            }
                        }
                    }
                }
                Schema::Array(items) => items.iter().for_each(|item| visit(item, seen)),
                _ => {}
            }
        }
        let mut known: Vec<String> = PATTERNS.iter().map(|(pattern, _)| format!("pattern: {pattern}")).collect();
        known.extend(
            "$ref anyOf oneOf type properties additionalProperties required items enum const minimum maximum $schema title \
             description"
                .split_whitespace()
                .map(str::to_owned),
        );
        known.extend(
            ["uri", "socket-address", "uint", "uint32", "uint64", "int64", "double"]
                .map(|name| format!("format: {name}")),
        );
        let mut seen = Vec::new();
        visit(&super::super::schema_of_the_types(), &mut seen);
        seen.retain(|word| !known.contains(word));
        assert_eq!(seen, Vec::<String>::new());
    }
}
