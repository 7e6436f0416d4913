//! The sample mesh that ships in the binary.

use crate::cli::Failure;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Where it is written, to be looked at and edited.
pub(super) const FOLDER: &str = "tidegate-sample";

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        [$(($path, include_str!(concat!("../../../compose/mesh/", $path)))),*]
    };
}

const FILES: [(&str, &str); 9] = files![
    "sales/tidegate.yaml",
    "sales/contracts/orders.odcs.yaml",
    "sales/contracts/orders.avsc",
    "sales/contracts/customers.odcs.yaml",
    "sales/contracts/customers.avsc",
    "risk/tidegate.yaml",
    "risk/contracts/scores.odcs.yaml",
    "risk/contracts/scores.avsc",
    "risk/subscriptions/fraud-scoring.subscription.yaml",
];

/// Writes the files that are not there yet, and says whether it wrote any: what was edited stays.
pub(super) fn write(into: &Path) -> Result<bool, Failure> {
    let mut wrote = false;
    for (name, text) in FILES {
        let path = into.join(name);
        let failed = |error: io::Error| Failure::refused(format!("cannot write {}", path.display())).caused_by(error);
        if path.exists() {
            continue;
        }
        fs::create_dir_all(path.parent().unwrap_or(into)).map_err(failed)?;
        fs::write(&path, text).map_err(failed)?;
        wrote = true;
    }
    Ok(wrote)
}

/// The sidecars' files of a mesh, a folder a domain.
pub(super) fn sidecars(of: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error: io::Error| Failure::refused(format!("cannot read {}", of.display())).caused_by(error);
    let mut files = Vec::new();
    for entry in fs::read_dir(of).map_err(failed)? {
        let file = entry.map_err(failed)?.path().join("tidegate.yaml");
        if file.exists() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

/// A file of the sample mesh as it ships.
#[cfg(test)]
pub(super) fn text(path: &str) -> &'static str {
    FILES.iter().find(|(name, _)| *name == path).map(|(_, text)| *text).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_file_of_the_sample_mesh_ships() {
        fn walk(folder: &Path, root: &Path, into: &mut BTreeSet<String>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => walk(&path, root, into),
                    false => _ = into.insert(path.strip_prefix(root).unwrap().display().to_string()),
                }
            }
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../compose/mesh");
        let mut there = BTreeSet::new();
        walk(&root, &root, &mut there);
        let shipped: BTreeSet<String> = FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(shipped, there);
    }

    #[test]
    fn what_was_edited_stays() {
        let folder = tempfile::tempdir().unwrap();
        assert!(write(folder.path()).unwrap());
        let edited = folder.path().join("sales/contracts/orders.avsc");
        fs::write(&edited, "mine").unwrap();
        fs::remove_file(folder.path().join("risk/tidegate.yaml")).unwrap();
        assert!(write(folder.path()).unwrap());
        assert!(!write(folder.path()).unwrap());
        assert_eq!(fs::read_to_string(&edited).unwrap(), "mine");
        let sidecars: Vec<_> = sidecars(folder.path()).unwrap();
        assert_eq!(sidecars, ["risk/tidegate.yaml", "sales/tidegate.yaml"].map(|file| folder.path().join(file)));
    }
}
