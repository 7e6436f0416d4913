//! Which files there are to check, and their texts.

use crate::file::{problem, read};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tidegate_contracts::{diagnostic::Diagnostic, yaml};

/// Folders in folders are looked into this deep.
const DEPTH: usize = 8;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Sidecar,
    Contract,
    Schema,
    Subscription,
}

/// A file to check.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) kind: Kind,
    /// As the user would name it.
    pub(super) path: PathBuf,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Sidecar, Self::Contract, Self::Schema, Self::Subscription];

    /// What people call one.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Sidecar => "configuration",
            Self::Contract => "contract",
            Self::Schema => "Avro schema",
            Self::Subscription => "subscription",
        }
    }

    /// What machines call them.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Sidecar => "configurations",
            Self::Contract => "contracts",
            Self::Schema => "schemas",
            Self::Subscription => "subscriptions",
        }
    }

    /// By the file's name.
    fn of_name(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        if name.ends_with(".odcs.yaml") {
            Some(Self::Contract)
        } else if name.ends_with(".subscription.yaml") {
            Some(Self::Subscription)
        } else if name == "tidegate.yaml" || name.ends_with(".tidegate.yaml") {
            Some(Self::Sidecar)
        } else if name.ends_with(".avsc") {
            Some(Self::Schema)
        } else {
            None
        }
    }

    /// By what the file says that it is.
    fn of_text(text: &str) -> Option<Self> {
        let (root, _) = yaml::parse_lenient(text);
        match root?.get("kind")?.scalar()?.text.as_str() {
            "Sidecar" => Some(Self::Sidecar),
            "DataContract" => Some(Self::Contract),
            "Subscription" => Some(Self::Subscription),
            _ => None,
        }
    }
}

impl Found {
    /// Whether it is the same file under another name.
    pub(super) fn same(&self, other: &Self) -> bool {
        real(&self.path) == real(&other.path)
    }

    pub(super) fn is_below(&self, folder: &Path) -> bool {
        real(&self.path).starts_with(real(folder))
    }
}

/// The files that a path stands for: itself, or those in the folder. Avro schemas in a folder are left to the contracts
/// that name them.
pub(super) fn find(path: &Path) -> Result<Vec<Found>, Diagnostic> {
    if path.is_dir() {
        let mut found = Vec::new();
        walk(path, 0, &mut found);
        found.retain(|file| file.kind != Kind::Schema);
        if found.is_empty() {
            let hint =
                "contracts are named *.odcs.yaml, subscriptions *.subscription.yaml, sidecars' files tidegate.yaml";
            return Err(problem(path, "nothing", "nothing to check in this folder".to_owned(), Some(hint)));
        }
        return Ok(found);
    }
    let kind = match Kind::of_name(path) {
        Some(kind) => kind,
        None => Kind::of_text(&read(path)?).ok_or_else(|| {
            let message = "neither a contract nor a subscription nor a sidecar's file".to_owned();
            let hint = "its `kind` is to be DataContract, Subscription or Sidecar; an Avro schema's name ends in .avsc";
            problem(path, "unknown-file", message, Some(hint))
        })?,
    };
    Ok(vec![Found { kind, path: path.to_owned() }])
}

/// The files of one kind in a folder; none if there is no folder.
pub(super) fn below(folder: &Path, kind: Kind) -> Vec<Found> {
    let mut found = Vec::new();
    walk(folder, 0, &mut found);
    found.retain(|file| file.kind == kind);
    found
}

/// Hidden folders hold what tools keep beside the files; a folder behind a link is looked into where it is.
fn walk(folder: &Path, depth: usize, found: &mut Vec<Found>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut entries: Vec<fs::DirEntry> = entries.flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (name, path) = (entry.file_name(), entry.path());
        let name = name.to_string_lossy();
        if name.starts_with('.') || matches!(&*name, "target" | "node_modules") {
            continue;
        }
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if depth < DEPTH {
                walk(&path, depth + 1, found);
            }
        } else if let Some(kind) = Kind::of_name(&path) {
            found.push(Found { kind, path });
        }
    }
}

/// A path as people name it: from where they stand, if it is below.
pub(super) fn shown(path: &Path) -> PathBuf {
    let here = std::env::current_dir().ok();
    let below = here.and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned));
    match below {
        Some(path) if path.as_os_str().is_empty() => PathBuf::from("."),
        Some(path) => path,
        None => path.to_owned(),
    }
}

fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}
