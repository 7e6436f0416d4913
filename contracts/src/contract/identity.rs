//! Who a contract is: domain, product, version, status, owner, topic.

use super::{
    Status,
    findings::Findings,
    odcs::{list, quote, text},
};
use crate::yaml::Node;
use serde_json::Value;

/// Kafka's longest topic name.
const LONGEST_TOPIC: usize = 249;
/// The longest domain or product name: what a DNS label and a Kubernetes name hold.
const LONGEST_NAME: usize = 63;

/// Who a contract is, as far as the file says it right.
pub(super) struct Identity {
    pub(super) version: Option<semver::Version>,
    pub(super) status: Option<Status>,
    pub(super) domain: Option<String>,
    pub(super) product: Option<String>,
}

impl Identity {
    pub(super) fn whole(self) -> Option<(semver::Version, Status, String, String)> {
        Some((self.version?, self.status?, self.domain?, self.product?))
    }
}

pub(super) fn identity(root: &Node, findings: &mut Findings) -> Identity {
    let position = |key: &str| root.get(key).and_then(|node| node.position);
    let version = root.get("version").and_then(Node::scalar).map(|scalar| scalar.text.as_str());
    let version = version.and_then(|version| match semver::Version::parse(version) {
        Ok(version) if version.build.is_empty() => Some(version),
        Ok(_) => {
            let message = format!("version {} carries build metadata, which does not order versions", quote(version));
            findings.error("version", position("version"), message, "leave out what stands from `+` on");
            None
        }
        Err(_) => {
            let message = format!("{} is not a semantic version", quote(version));
            let hint = "write MAJOR.MINOR.PATCH, such as 1.2.0";
            findings.error("version", position("version"), message, hint);
            None
        }
    });
    let status = text(root.get("status"));
    let status = status.and_then(|status| serde_json::from_value(Value::from(status)).ok());
    let mut name = |key: &str| {
        let name = text(root.get(key))?;
        if !is_name(name) {
            let message = format!("{key} {} is not a name that topics can begin with", quote(name));
            let hint = format!("write lower-case letters, digits and hyphens, a letter first, at most {LONGEST_NAME}");
            findings.error("name", position(key), message, hint);
            return None;
        }
        if name == "tidegate" || name.starts_with("tidegate-") {
            let message = format!("{key} {} is reserved for Tidegate's own topics", quote(name));
            findings.error("name", position(key), message, "choose another one");
            return None;
        }
        Some(name.to_owned())
    };
    let (domain, product) = (name("domain"), name("name"));
    if status == Some(Status::Deprecated) && !has_custom(root, "tidegate.deprecation") {
        let message = "deprecated, and nobody is told since when and until when".to_owned();
        let hint = "add the custom property `tidegate.deprecation` with `since` and `sunset`";
        findings.warn("deprecation", position("status"), message, hint);
    }
    Identity { version, status, domain, product }
}

/// Whether a text can be a domain's or product's name.
fn is_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn has_custom(root: &Node, name: &str) -> bool {
    list(root, "customProperties").iter().any(|item| text(item.get("property")) == Some(name))
}

pub(super) fn owner(root: &Node) -> Option<String> {
    let team = root.get("team")?;
    let first = |members: &[Node]| text(members.first()?.get("username")).map(str::to_owned);
    match team.items() {
        Some(members) => first(members),
        None => text(team.get("name")).map(str::to_owned).or_else(|| first(list(team, "members"))),
    }
}

/// The product's topic.
pub(super) fn topic(
    root: &Node,
    identity: &Identity,
    object: Option<&Node>,
    findings: &mut Findings,
) -> Option<String> {
    let physical = object.and_then(|object| object.get("physicalName"));
    let Some(name) = text(physical) else {
        let (version, domain, product) =
            (identity.version.as_ref()?, identity.domain.as_ref()?, identity.product.as_ref()?);
        return Some(format!("{domain}.{product}.v{}", version.major));
    };
    let at = physical.and_then(|node| node.position);
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.len() > LONGEST_TOPIC || matches!(name, "." | "..") || !name.chars().all(legal) {
        let message = format!("{} is not a name that Kafka takes for a topic", quote(name));
        let hint = format!("write letters, digits, `.`, `_` and `-`, at most {LONGEST_TOPIC}");
        findings.error("topic", at, message, hint);
        return None;
    }
    if name.split_once('.').is_some_and(|(_, rest)| rest.starts_with("tidegate-")) {
        let message = format!("{} is among Tidegate's own topics", quote(name));
        findings.error("topic", at, message, "choose another `physicalName`, or leave it out");
        return None;
    }
    let major = name.rsplit_once(".v").and_then(|(_, major)| major.parse::<u64>().ok());
    if let (Some(major), Some(version)) = (major, &identity.version)
        && major != version.major
    {
        let whole = text(root.get("version")).unwrap_or_default();
        let message =
            format!("topic {} is of major version {major}, and the contract's version is {whole}", quote(name));
        let hint = format!("each major version has its own topic: name one that ends in `.v{}`", version.major);
        findings.error("topic", at, message, hint);
        return None;
    }
    Some(name.to_owned())
}
