//! The contract files of a folder, read all or nothing.

use crate::{
    cli::{Failure, Findings},
    file,
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};
use tidegate_contracts::{
    contract::{Contract, Policy},
    diagnostic::{Diagnostic, Level},
};

/// How contract files are named.
const SUFFIX: &str = ".odcs.yaml";

/// A folder's contracts, ordered by product and major version.
#[derive(Debug, Clone, Default)]
pub struct Contracts {
    /// The contracts.
    pub contracts: Vec<Arc<Contract>>,
    /// What was found besides errors.
    pub findings: Findings,
}

/// Reads every contract of a folder; a folder that is not there holds none. Paths in messages are as `folder` is given.
///
/// # Errors
/// When a file cannot be read or is not valid, or two are of the same product and major version, or one is of another
/// domain: with all that is wrong.
pub fn load(folder: &Path, domain: &str, policy: &Policy) -> Result<Contracts, Failure> {
    let mut findings = Findings::default();
    let mut seen: BTreeMap<(String, u64), (Arc<Contract>, String)> = BTreeMap::new();
    let error = |file: &str, code, message, hint: &str| {
        let (file, hint) = (file.to_owned(), Some(hint.to_owned()));
        Diagnostic { level: Level::Error, code, file, position: None, message, hint }
    };
    for path in files(folder)? {
        let Some(contract) = read(&path, policy, &mut findings) else { continue };
        let file = path.display().to_string();
        if contract.domain != domain {
            let message = format!("a contract of domain `{}`, and this sidecar speaks for `{domain}`", contract.domain);
            let hint = "move the file to that domain's sidecar, or correct its `domain`";
            findings.diagnostics.push(error(&file, "other-domain", message, hint));
        }
        let key = (contract.product.clone(), contract.major());
        match seen.get(&key) {
            Some((_, other)) => {
                let message = format!("a second contract of {}, after `{other}`", contract.stem());
                let hint = "keep one file for each major version";
                findings.diagnostics.push(error(&file, "contract-twice", message, hint));
            }
            None => drop(seen.insert(key, (Arc::from(contract), file))),
        }
    }
    if seen.is_empty() && !findings.has_errors() {
        let hint =
            Some("put contracts there, name another folder as `contracts`, or make one with `tidegate init`".into());
        let (file, message) = (folder.display().to_string(), "no contract (`*.odcs.yaml`) here".to_owned());
        let (level, code, position) = (Level::Warning, "no-contracts", None);
        findings.diagnostics.push(Diagnostic { level, code, file, position, message, hint });
    }
    let mut topics: BTreeMap<&str, &str> = BTreeMap::new();
    for (contract, file) in seen.values() {
        if let Some(other) = topics.insert(&contract.topic, file) {
            let message = format!("its topic, `{}`, is that of `{other}`, too", contract.topic);
            let hint = "give each major version of each product a topic of its own";
            findings.diagnostics.push(error(file, "topic-twice", message, hint));
        }
    }
    if findings.has_errors() {
        let count = findings.diagnostics.iter().filter(|found| found.level == Level::Error).count();
        let message = format!("{count} {} in the contracts", if count == 1 { "error" } else { "errors" });
        return Err(Failure { findings, ..Failure::refused(message) });
    }
    Ok(Contracts { contracts: seen.into_values().map(|(contract, _)| contract).collect(), findings })
}

/// Reads a contract and the Avro schema beside it, if it can be used; what is found in both is added to the findings.
pub fn read(path: &Path, policy: &Policy, findings: &mut Findings) -> Option<Box<Contract>> {
    let file = path.display().to_string();
    let text = file::read(path).map_err(|found| findings.diagnostics.push(found)).ok()?;
    let near = path.parent().unwrap_or(Path::new(""));
    let schema = |name: &str| schema_text(near, name);
    let parsed = Contract::parse(&file, &text, policy, &schema);
    for found in parsed.diagnostics.iter().filter(|found| found.file != file) {
        // Problems of the Avro schema are shown with the schema's own lines.
        if let Ok(text) = file::text(Path::new(&found.file)) {
            findings.texts.insert(found.file.clone(), text);
        }
    }
    findings.diagnostics.extend(parsed.diagnostics);
    findings.texts.insert(file, text);
    parsed.contract
}

/// The text of the schema that a contract in a folder names. What is found in it is shown with its lines, so whoever
/// writes a contract must not lead us to a file of another kind: a link out of the folder has to lead to a schema.
fn schema_text(near: &Path, name: &str) -> Result<String, String> {
    let path = near.join(name);
    let real = |path: &Path| path.canonicalize().map_err(|error| file::Unreadable::from(error).to_string());
    let (target, folder) = (real(&path)?, real(if near.as_os_str().is_empty() { Path::new(".") } else { near })?);
    if !target.starts_with(folder) && target.extension().is_none_or(|extension| extension != "avsc") {
        return Err("it is a link to a file elsewhere that is not named *.avsc".to_owned());
    }
    file::text(&target).map_err(|error| error.to_string())
}

/// The contract files of a folder and the folders in it, in order of their names. Hidden ones are left out, such as
/// those Kubernetes keeps beside a mounted config map.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            // It may be absent; and a folder in it may go away while we look.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(unreadable(&folder, error)),
        };
        for entry in entries {
            let entry = entry.map_err(|error| unreadable(&folder, error))?;
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            if name.starts_with('.') {
                continue;
            }
            // A link to a folder is not followed: it could lead back up.
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else if name.ends_with(SUFFIX) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn unreadable(path: &Path, error: std::io::Error) -> Failure {
    Failure::refused(format!("cannot read `{}`", path.display())).caused_by(error)
}

#[cfg(test)]
mod tests;
