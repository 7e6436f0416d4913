//! The schema object and the Avro schema that it names.

use super::{
    BytesEncoding, Compatibility,
    findings::Findings,
    odcs::{list, quote, text},
};
use crate::{
    diagnostic::{Level, Position},
    path::FieldPath,
    plan::{AmbiguousUnion, ambiguous_unions},
    schema::{Kind, Schema, SchemaFinding},
    yaml::Node,
};

/// The one schema object.
pub(super) fn schema_object<'n>(root: &'n Node, findings: &mut Findings) -> Option<&'n Node> {
    let objects = root.get("schema")?;
    match objects.items()? {
        [object] => object.entries().map(|_| object),
        [] => {
            let message = "`schema` names no object".to_owned();
            findings.error("schema", objects.position, message, "describe the product's events as one schema object");
            None
        }
        [_, second, ..] => {
            let message = "a second schema object; a product has one kind of event".to_owned();
            let hint = "make a product of its own of it, in a contract file of its own";
            findings.error("schema", second.position, message, hint);
            objects.items()?.first()
        }
    }
}

/// The Avro schema that the schema object names.
pub(super) fn avro_schema(
    file: &str,
    object: &Node,
    read: &dyn Fn(&str) -> Result<String, String>,
    findings: &mut Findings,
) -> Option<Schema> {
    let definitions = object.entry("authoritativeDefinitions")?;
    let implementations = list(object, "authoritativeDefinitions").iter().filter_map(|definition| {
        let url = definition.get("url")?;
        let is_ours = text(definition.get("type")) == Some("implementation") && text(Some(url))?.ends_with(".avsc");
        is_ours.then(|| (text(Some(url)).unwrap_or_default(), url.position))
    });
    let implementations: Vec<(&str, Option<Position>)> = implementations.collect();
    let (path, at) = match implementations[..] {
        [one] => one,
        [] => {
            let message = "no authoritative definition names the Avro schema".to_owned();
            let hint = "add `{type: implementation, url: orders.avsc}`, with the path of the schema's file";
            findings.error("schema", definitions.key_position, message, hint);
            return None;
        }
        [_, (path, at), ..] => {
            let message = format!("{} is a second Avro schema", quote(path));
            findings.error("schema", at, message, "name one; give the other another `type`");
            return None;
        }
    };
    if path.contains("://") || path.starts_with('/') {
        let message = format!("{} is not a path relative to this file", quote(path));
        findings.error("schema", at, message, "put the schema's file beside the contract; nothing is fetched");
        return None;
    }
    let source = match read(path) {
        Ok(source) => source,
        Err(reason) => {
            let message = format!("cannot read {}: {reason}", quote(path));
            let hint = "the path is relative to this file; is it there, and saved as UTF-8?";
            findings.error("schema", at, message, hint);
            return None;
        }
    };
    let named = match file.rfind(['/', '\\']) {
        Some(end) => format!("{}{path}", &file[..=end]),
        None => path.to_owned(),
    };
    match Schema::parse(&source) {
        Ok(schema) => {
            for warning in schema.warnings() {
                findings.push(warning.of_file(&named, Level::Warning));
            }
            if !matches!(schema.get(schema.root()).kind, Kind::Record(_)) {
                let found = SchemaFinding {
                    message: "an event is a record, and this schema is none".to_owned(),
                    hint: "make a record of it, with a field for what it is now".to_owned(),
                    position: Position { line: 1, column: 1 },
                };
                findings.push(found.of_file(&named, Level::Error));
                return None;
            }
            Some(schema)
        }
        Err(error) => {
            error.findings.iter().for_each(|found| findings.push(found.of_file(&named, Level::Error)));
            None
        }
    }
}

/// Warns of unions whose branches plain JSON cannot tell apart. `place` tells where a field is described.
pub(super) fn warn_of_ambiguity(
    schema: &Schema,
    encoding: BytesEncoding,
    place: &dyn Fn(&FieldPath) -> Option<Position>,
    findings: &mut Findings,
) {
    for AmbiguousUnion { path, first, second, values } in ambiguous_unions(schema, encoding) {
        let message = format!(
            "in the union at `{path}`, `{first}` comes before `{second}` and takes all plain JSON {values} that both could take"
        );
        let hint = "put the branch first that is meant, or send such values as Avro or with `?encoding=avro-json`";
        findings.warn("ambiguous-union", place(&path), message, hint);
    }
}

/// Warns of what will stand in the way of later versions. `place` tells where a field is described.
pub(super) fn warn_of_evolution(
    schema: &Schema,
    compatibility: Compatibility,
    place: &dyn Fn(&FieldPath) -> Option<Position>,
    findings: &mut Findings,
) {
    use Compatibility::{Forward, ForwardTransitive, Full, FullTransitive};
    if !matches!(compatibility, Forward | ForwardTransitive | Full | FullTransitive) {
        return;
    }
    for path in schema.enums_without_default() {
        let message =
            format!("the enum at `{path}` has no default, so it can never gain a symbol in this major version");
        let hint = "give the enum type a `default` symbol in the Avro schema that readers may take for unknown ones";
        findings.warn("enum-default", place(&path), message, hint);
    }
}
