//! The configuration reference and the JSON Schema, both made from the types. The test rewrites the files when
//! `TIDEGATE_WRITE=1` is set, and else compares.

use super::{
    check::{Root, is},
    load::{PREFIX, upper},
};
use serde_json::Value as Schema;
use std::{fmt::Write as _, path::Path};

/// `CONFIG.md`.
fn markdown(schema: &Schema) -> String {
    let mut text = String::from(
        "# `tidegate.yaml`\n\n\
         Made from the types in `src/config.rs` by a test; edit those. The file is named by `--config`, else by \
         `TIDEGATE_CONFIG`, else it is `./tidegate.yaml`. Paths in it are relative to it. It is read once, at the start; contracts are read again when they change, and contracts, \
         tokens and certificates on SIGHUP. Unknown keys are errors. A secret is \
         always `{env: NAME}` or `{file: PATH}`. Every key can be overridden by the environment variable beside it; lists \
         are separated by commas, a dotted name of Kafka's has `_` for each dot, and the variable of a secret holds the \
         secret itself. An editor finds the JSON Schema in `sidecar/config.schema.json`.\n",
    );
    section(&mut text, Root(schema), schema, &[]);
    text
}

/// The keys of one level as a table, then each level below it.
fn section(text: &mut String, root: Root<'_>, schema: &Schema, path: &[&str]) {
    let heading = if path.is_empty() { "The top level".to_owned() } else { format!("`{}`", path.join(".")) };
    let _ = write!(text, "\n## {heading}\n\n");
    if !path.is_empty() {
        let _ = write!(text, "{}\n\n", prose(root.resolve(schema)));
    }
    text.push_str("| key | what | takes | default | variable |\n|---|---|---|---|---|\n");
    let mut below = Vec::new();
    let objects = root.choices(schema);
    for (key, of) in root.keys(schema) {
        let path = [path, &[key]].concat();
        let variable = format!("{PREFIX}{}", path.iter().map(|key| upper(key)).collect::<Vec<_>>().join("__"));
        let is_secret = takes(root, of).starts_with("a secret");
        let is_section = !root.keys(of).is_empty() && !is_secret;
        let required =
            objects.len() == 1 && objects[0]["required"].as_array().is_some_and(|of| of.contains(&key.into()));
        let default = match of.get("default") {
            _ if is_section => String::new(),
            Some(Schema::Null) | None if required => "required".to_owned(),
            Some(Schema::Null) | None => "none".to_owned(),
            Some(Schema::String(default)) => format!("`{default}`"),
            Some(default) => format!("`{default}`"),
        };
        let variable = match (is_section, root.any_key(of)) {
            (true, _) => String::new(),
            (false, Some(_)) => format!("`{variable}__NAME`"),
            (false, None) => format!("`{variable}`"),
        };
        let example = of.get("examples").and_then(|examples| examples.get(0)).map(|example| match example {
            Schema::String(example) => format!(" Such as `{example}`."),
            example => format!(" Such as `{example}`."),
        });
        let takes = if is_section { format!("see `{}` below", path.join(".")) } else { takes(root, of) };
        let what = match prose(of) {
            // One of several keys that say which it is: the words stand with the alternative.
            words if words.is_empty() => {
                prose(objects.iter().find(|object| object["properties"].get(key).is_some()).unwrap_or(&of))
            }
            words => words,
        };
        let what = format!("{what}{}", example.unwrap_or_default());
        let _ = writeln!(text, "| `{key}` | {what} | {takes} | {default} | {variable} |");
        if is_section {
            below.push((path, of));
        }
    }
    for (path, of) in below {
        section(text, root, of, &path);
    }
}

fn prose(schema: &Schema) -> String {
    schema.get("description").and_then(Schema::as_str).unwrap_or_default().replace('\n', " ").replace('|', "\\|")
}

/// What may stand there, in words.
fn takes(root: Root<'_>, schema: &Schema) -> String {
    let mut words: Vec<String> = root.choices(schema).into_iter().map(|choice| one(root, choice)).collect();
    words.dedup();
    let all = words.join(", ");
    all.replace("`env`, `file`", "a secret")
}

fn one(root: Root<'_>, choice: &Schema) -> String {
    let bounds = |word: &str| match (choice.get("minimum").filter(|low| **low != 0), choice.get("maximum")) {
        (Some(low), Some(high)) => format!("{word}, {low} to {high}"),
        (Some(low), None) => format!("{word}, at least {low}"),
        (None, Some(high)) => format!("{word} up to {high}"),
        (None, None) => word.to_owned(),
    };
    if let Some(word) = choice.get("const").and_then(Schema::as_str) {
        return format!("`{word}`");
    }
    if let Some(words) = choice.get("enum").and_then(Schema::as_array) {
        return words.iter().filter_map(Schema::as_str).map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    }
    match choice.get("pattern").and_then(Schema::as_str) {
        Some(super::units::DURATION) => return "a duration: ms, s, m, h, d".to_owned(),
        Some(super::units::SIZE) => return "bytes, or a size: B, KiB, MiB, GiB".to_owned(),
        _ => {}
    }
    if let Some(items) = choice.get("items") {
        return format!("a list of {}", takes(root, items));
    }
    if is(choice, "object") {
        return match (root.keys(choice).as_slice(), root.any_key(choice)) {
            ([(key, _)], _) => format!("`{key}`"),
            (_, Some(of)) => format!("names with {}", takes(root, of)),
            _ => "a mapping".to_owned(),
        };
    }
    let names =
        [("boolean", "true or false"), ("integer", "a whole number"), ("number", "a number"), ("string", "text")];
    let name = names.iter().find(|(own, _)| is(choice, own)).map_or("anything", |(_, name)| name);
    match choice.get("format").and_then(Schema::as_str) {
        Some("uri") => "a URL".to_owned(),
        Some("socket-address") => "an IP address with a port".to_owned(),
        _ => bounds(name),
    }
}

#[test]
fn the_schema_and_the_reference_say_what_the_types_say() {
    let schema = super::schema_of_the_types();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let json = format!("{schema:#}\n");
    for (name, wanted) in [("config.schema.json", json), ("CONFIG.md", markdown(&schema))] {
        let path = folder.join(name);
        if std::env::var_os("TIDEGATE_WRITE").is_some() {
            std::fs::write(&path, &wanted).unwrap();
        }
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(there == wanted, "{name} is out of date: run this test with TIDEGATE_WRITE=1");
    }
}
