//! The form of a subscription file. What it says is checked by a later release, and every report says so.

use tidegate_contracts::{
    diagnostic::{Diagnostic, Level, Position},
    yaml::{self, Meaning},
};

/// The keys a subscription needs, and the one value that some of them have.
const NEEDED: &[(&[&str], Option<&str>)] = &[
    (&["apiVersion"], Some("tidegate.dev/v1")),
    (&["kind"], Some("Subscription")),
    (&["metadata", "name"], None),
    (&["metadata", "domain"], None),
    (&["metadata", "owner"], None),
    (&["spec", "product"], None),
    (&["spec", "version"], None),
    (&["spec", "purpose"], None),
];

pub(super) fn check(file: &str, text: &str) -> Vec<Diagnostic> {
    let found = |level, code, position: Option<Position>, message: String, hint: Option<String>| {
        let file = file.to_owned();
        Diagnostic { level, code, file, position, message, hint }
    };
    let (root, problems) = yaml::parse_lenient(text);
    let mut list: Vec<Diagnostic> = problems
        .into_iter()
        .map(|problem| found(Level::Error, problem.code, problem.position, problem.message, problem.hint))
        .collect();
    let Some(root) = root else { return list };
    for (path, value) in NEEDED {
        let name = path.join(".");
        // As far as the file goes.
        let mut node = &root;
        let missing = path.iter().any(|key| match node.get(key) {
            Some(below) => {
                node = below;
                false
            }
            None => true,
        });
        if missing || node.is_null() {
            let message = format!("a subscription needs `{name}`");
            let hint = match value {
                Some(value) => format!("add `{name}: {value}`"),
                None => format!("add `{name}`"),
            };
            list.push(found(Level::Error, "missing-key", node.position, message, Some(hint)));
        } else if let (Some(value), Some(Meaning::Text(text))) = (value, node.meaning())
            && text != *value
        {
            let message = format!("`{name}` is `{value}` in a subscription");
            list.push(found(Level::Error, "unknown-value", node.position, message, Some(format!("write `{value}`"))));
        }
    }
    if let Some(spec) = root.get("spec")
        && spec.get("reads").is_none()
        && spec.get("readerSchema").is_none()
    {
        let message = "a subscription says which fields it reads".to_owned();
        let hint = "add `spec.reads` with field paths, or `spec.readerSchema` with the path of an Avro schema";
        list.push(found(Level::Error, "missing-key", spec.position, message, Some(hint.to_owned())));
    }
    let message = "only the form of this subscription was checked".to_owned();
    let hint = "what it says of product, fields and purpose is checked by a later release";
    list.push(found(Level::Advice, "not-checked", root.position, message, Some(hint.to_owned())));
    list
}
