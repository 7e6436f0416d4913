//! From a file and the environment to a checked [`Config`].

use super::{
    Config, Domains, KafkaValue, Listen,
    check::{self, Root},
};
use serde_json::Value as Schema;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};
use tidegate_contracts::{
    diagnostic::{Diagnostic, Level, nearest},
    yaml::{self, Node, Problem},
};

/// What the names of overriding environment variables begin with.
pub(super) const PREFIX: &str = "TIDEGATE__";
/// How a problem names the environment in place of a file.
const ENVIRONMENT: &str = "environment";

/// Reads a configuration from its text, with overrides laid over it. `file` is how the user names it.
pub(super) fn parse(
    file: &str,
    text: &str,
    overrides: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, Vec<Diagnostic>> {
    let schema = super::schema();
    let root = Root(&schema);
    let (tree, problems) = yaml::parse_lenient(text);
    let mut found: Vec<Diagnostic> = problems.into_iter().map(|problem| diagnostic(file, problem)).collect();
    let Some(mut tree) = tree else { return Err(found) };

    let mut overrides: Vec<(String, String)> =
        overrides.into_iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
    overrides.sort();
    for (name, value) in &overrides {
        if let Err(problem) = lay_over(&mut tree, root, name, value) {
            found.push(diagnostic(ENVIRONMENT, problem));
        }
    }
    found.extend(root.check(&tree).into_iter().map(|problem| from_tree(file, problem, &overrides)));
    if !found.is_empty() {
        return Err(sorted(found));
    }
    let config: Config = yaml::from_node(&tree).map_err(|problem| vec![from_tree(file, problem, &overrides)])?;
    found.extend(unsound(&config, &tree).into_iter().map(|problem| from_tree(file, problem, &overrides)));
    match found.is_empty() {
        true => Ok(config),
        false => Err(sorted(found)),
    }
}

/// Puts one variable's value where its name says.
fn lay_over(tree: &mut Node, root: Root<'_>, name: &str, value: &str) -> Result<(), Problem> {
    let mut schema = root.0;
    let mut path: Vec<String> = Vec::new();
    for part in name[PREFIX.len()..].split("__") {
        let keys = root.keys(schema);
        if let Some((key, below)) = keys.iter().find(|(key, _)| bare(key) == bare(part)) {
            (schema, path) = (below, [path, vec![(*key).to_owned()]].concat());
        } else if let Some(below) = root.any_key(schema) {
            // Kafka's names have dots and header names have dashes, neither of which a variable's name may have.
            let separator = if path == ["kafka"] { "." } else { "-" };
            (schema, path) = (below, [path, vec![part.to_lowercase().replace('_', separator)]].concat());
        } else {
            let known: Vec<&str> = keys.iter().map(|(key, _)| *key).collect();
            let message = match path.is_empty() {
                true => format!("`{name}` sets no key: there is no `{}`", part.to_lowercase()),
                false => format!("`{name}` sets no key: `{}` has no `{}`", path.join("."), part.to_lowercase()),
            };
            let bares: Vec<String> = known.iter().map(|key| bare(key)).collect();
            let nearest = nearest(&bare(part), bares.iter().map(String::as_str));
            let nearest = nearest.and_then(|nearest| known.iter().find(|key| bare(key) == nearest));
            let hint = match nearest {
                Some(nearest) => format!("did you mean `{}`?", name.replacen(part, &upper(nearest), 1)),
                None if known.is_empty() => "nothing can be set below it".to_owned(),
                None => check::suggest(part, &known),
            };
            return Err(Problem { hint: Some(hint), ..Problem::new("unknown-key", message) });
        }
    }
    let choices = root.choices(schema);
    let text = if is_secret(&path, &choices) {
        // The variable is where the secret stands, which is what the file would say too.
        format!("{{env: {name}}}")
    } else if choices.iter().any(|choice| check::is(choice, "array"))
        && !value.starts_with('[')
        && !is_word(value, &choices)
    {
        let items: Vec<&str> = value.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
        Schema::from(items).to_string()
    } else {
        value.to_owned()
    };
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    tree.set(&path, &text).map_err(|problem| {
        let hint = Some("an environment variable cannot go below what the file gives as a single value".to_owned());
        let message = format!("`{name}`: {}", problem.message);
        Problem { message, hint: problem.hint.or(hint), ..problem }
    })
}

/// `requestBytes`, `REQUEST_BYTES` and `REQUESTBYTES` are one key.
fn bare(key: &str) -> String {
    key.replace('_', "").to_lowercase()
}

/// `requestBytes` as it stands in a variable's name: `REQUEST_BYTES`.
pub(super) fn upper(key: &str) -> String {
    let mut upper = String::new();
    for c in key.chars() {
        if c.is_ascii_uppercase() {
            upper.push('_');
        }
        upper.push(c.to_ascii_uppercase());
    }
    upper.replace(['.', '-'], "_")
}

fn is_secret(path: &[String], choices: &[&Schema]) -> bool {
    let secret = |choice: &&Schema| {
        let required = choice.get("required").and_then(|keys| keys.get(0)).and_then(Schema::as_str);
        matches!(required, Some("env" | "file"))
    };
    match path {
        [section, property] if section == "kafka" => is_secret_property(property),
        _ => !choices.is_empty() && choices.iter().all(secret),
    }
}

fn is_word(value: &str, choices: &[&Schema]) -> bool {
    choices.iter().any(|choice| {
        let listed = choice.get("enum").and_then(Schema::as_array).into_iter().flatten();
        choice.get("const").into_iter().chain(listed).any(|word| word == value)
    })
}

/// The librdkafka properties whose values are secrets, so that they may not stand in the file.
pub(super) fn is_secret_property(name: &str) -> bool {
    name.contains("password")
        || name.ends_with("secret")
        || name.ends_with("key.pem")
        || name.ends_with("key.passphrase")
        || matches!(name, "sasl.oauthbearer.config" | "sasl.jaas.config")
}

/// What each key alone cannot show.
fn unsound(config: &Config, tree: &Node) -> Vec<Problem> {
    let mut problems = Vec::new();
    let at = |path: &[&str]| path.iter().try_fold(tree, |node, key| node.get(key)).and_then(|node| node.position);
    let mut report = |path: &[&str], code, message: String, hint: &str| {
        let hint = Some(hint.to_owned());
        problems.push(Problem { position: at(path), path: path.join("."), hint, ..Problem::new(code, message) });
    };

    if config.domain.starts_with("tidegate") {
        let message = format!("`{}` is no name for a domain: what begins with `tidegate` is reserved", config.domain);
        report(&["domain"], "reserved-name", message, "choose another");
    }
    if config.roles.is_empty() {
        report(&["roles"], "no-role", "this sidecar has nothing to do".into(), "leave `roles` out for all of them");
    }
    if !["bootstrap.servers", "metadata.broker.list"].iter().any(|name| config.kafka.contains_key(*name)) {
        let hint = "such as `bootstrap.servers: localhost:9092`";
        report(&["kafka"], "missing-key", "`bootstrap.servers` is missing".into(), hint);
    }
    for (name, value) in &config.kafka {
        if is_secret_property(name) && !matches!(value, KafkaValue::Secret(_)) {
            let message = format!("`{name}` is a secret, and secrets do not stand in this file");
            report(&["kafka", name], "plain-secret", message, "write `{env: NAME}` or `{file: PATH}`");
        }
    }
    if let Domains::List(domains) = &config.mesh.domains {
        for message in domains.iter().filter_map(|domain| check::domain(domain).err()) {
            report(&["mesh", "domains"], "invalid-value", message, "or write `all`");
        }
    }
    let limits = &config.limits;
    let order = [
        ("eventBytes", limits.event_bytes, "requestBytes", limits.request_bytes),
        ("requestBytes", limits.request_bytes, "queueBytes", limits.queue_bytes),
        ("requestEvents", limits.request_events, "queueEvents", limits.queue_events),
    ];
    for (small, less, large, more) in order {
        if less > more {
            let message = format!("`{small}` is more than `{large}`, so that it could never be used up");
            report(&["limits", small], "invalid-value", message, &format!("raise `{large}` or lower `{small}`"));
        }
    }
    for (key, span) in [
        ("requestTimeout", limits.request_timeout),
        ("headerTimeout", limits.header_timeout),
        ("bodyTimeout", limits.body_timeout),
    ] {
        if span.is_zero() {
            report(&["limits", key], "invalid-value", format!("`{key}` is no time at all"), "such as `10s`");
        }
    }
    let Listen { data, admin, health } = config.listen;
    for (key, address, others) in [("admin", admin, &[data][..]), ("health", health, &[data, admin])] {
        if others.contains(&address) && address.port() != 0 {
            let message = format!("`{address}` is taken by another of our own listeners");
            report(&["listen", key], "address-twice", message, "give each listener its own port");
        }
    }
    for (key, address) in [("data", data), ("admin", admin)] {
        if let Err(message) = guard(key, address, config) {
            let hint = "listen on 127.0.0.1, or give `security.tokens` or `security.tls.clientCa`, or say \
                        `security.allowAnonymous: true`";
            report(&["listen", key], "open-listener", message, hint);
        }
    }
    problems
}

/// Whether a listener may be open to whoever reaches it.
fn guard(listener: &str, address: SocketAddr, config: &Config) -> Result<(), String> {
    let security = &config.security;
    let tokens = match listener {
        "admin" => security.admin_tokens.as_ref().or(security.tokens.as_ref()),
        _ => security.tokens.as_ref(),
    };
    let mutual = security.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
    let loopback = match address {
        SocketAddr::V4(address) => address.ip().is_loopback(),
        SocketAddr::V6(address) => {
            address.ip().is_loopback() || address.ip().to_ipv4_mapped().is_some_and(|ip| ip.is_loopback())
        }
    };
    match loopback || tokens.is_some() || mutual || security.allow_anonymous {
        true => Ok(()),
        false => Err(format!("`{address}` is not on loopback, and anyone who reaches it could use it")),
    }
}

/// Makes the paths of a configuration relative to the folder of its file.
pub(super) fn anchor(config: &mut Config, folder: &Path) {
    let put = |path: &mut PathBuf| *path = folder.join(&*path);
    let secret = |secret: &mut super::Secret| {
        if let super::Secret::File(path) = secret {
            put(path);
        }
    };
    put(&mut config.contracts);
    put(&mut config.subscriptions);
    for value in config.kafka.values_mut() {
        if let KafkaValue::Secret(of) = value {
            secret(of);
        }
    }
    // librdkafka reads these by itself, from the folder the process runs in.
    for (name, value) in &mut config.kafka {
        if let (true, KafkaValue::Text(text)) = (name.starts_with("ssl.") && name.ends_with(".location"), value) {
            let path = folder.join(&*text);
            if path.exists() {
                *text = path.to_string_lossy().into_owned();
            }
        }
    }
    if let Some(registry) = &mut config.registry {
        registry.ca.iter_mut().for_each(put);
        match &mut registry.auth {
            Some(super::RegistryAuth::Basic(of) | super::RegistryAuth::Bearer(of)) => secret(of),
            None => {}
        }
    }
    let security = &mut config.security;
    security.tokens.iter_mut().chain(&mut security.admin_tokens).for_each(secret);
    if let Some(tls) = &mut security.tls {
        put(&mut tls.certificate);
        secret(&mut tls.key);
        tls.client_ca.iter_mut().for_each(put);
    }
    if let Some(otlp) = &mut config.telemetry.otlp {
        otlp.headers.values_mut().for_each(secret);
    }
}

fn sorted(mut found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    found.sort_by_key(|found| found.position);
    found
}

fn diagnostic(file: &str, problem: Problem) -> Diagnostic {
    let message = match problem.path.as_str() {
        "" => problem.message,
        path => format!("{path}: {}", problem.message),
    };
    let Problem { code, position, hint, .. } = problem;
    Diagnostic { level: Level::Error, code, file: file.to_owned(), position, message, hint }
}

/// A problem of the tree, laid at the door of the variable that set what it is about, if one did.
fn from_tree(file: &str, problem: Problem, overrides: &[(String, String)]) -> Diagnostic {
    let path = problem.path.split('[').next().unwrap_or_default();
    let (section, property) = path.split_once('.').unwrap_or((path, ""));
    let parts = if section == "kafka" { vec![section, property] } else { path.split('.').collect() };
    let name = format!("{PREFIX}{}", parts.into_iter().map(upper).collect::<Vec<_>>().join("__"));
    match overrides.iter().find(|(set, _)| bare(set) == bare(&name)) {
        Some((name, _)) if problem.position.is_none() => {
            let message = format!("`{name}`: {}", problem.message);
            diagnostic(ENVIRONMENT, Problem { path: String::new(), message, ..problem })
        }
        _ => diagnostic(file, problem),
    }
}

#[cfg(test)]
mod tests;
