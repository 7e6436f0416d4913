//! Files that people write: texts, and never large ones.

use std::{
    fs,
    io::{self, Read as _},
    path::Path,
};
use tidegate_contracts::{
    diagnostic::{Diagnostic, Level, Position},
    yaml,
};

/// Why a file's text cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("cannot read this file: {0}")]
    Io(#[from] io::Error),
    #[error("not a file")]
    NotAFile,
    #[error("larger than {} MiB", yaml::MAX_BYTES >> 20)]
    TooLarge,
    #[error("not UTF-8 in line {0}")]
    NotText(usize),
}

/// A file's text.
pub(crate) fn text(path: &Path) -> Result<String, Unreadable> {
    // Opening a pipe would wait for somebody to write to it.
    if !fs::metadata(path)?.is_file() {
        return Err(Unreadable::NotAFile);
    }
    let mut bytes = Vec::new();
    // It may grow while it is read.
    fs::File::open(path)?.take(yaml::MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > yaml::MAX_BYTES {
        return Err(Unreadable::TooLarge);
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        Unreadable::NotText(before.iter().filter(|byte| **byte == b'\n').count() + 1)
    })
}

/// A file's text, or what is wrong with the file.
pub(crate) fn read(path: &Path) -> Result<String, Diagnostic> {
    text(path).map_err(|error| {
        let (code, hint) = match &error {
            Unreadable::Io(_) => ("unreadable", "is its name spelt right?"),
            Unreadable::NotAFile => ("unreadable", "name a file or a folder"),
            Unreadable::TooLarge => ("too-large", "is it the right file?"),
            Unreadable::NotText(_) => ("encoding", "save it as UTF-8"),
        };
        let position = match error {
            Unreadable::NotText(line) => Some(Position { line: u32::try_from(line).unwrap_or(u32::MAX), column: 1 }),
            _ => None,
        };
        Diagnostic { position, ..problem(path, code, error.to_string(), Some(hint)) }
    })
}

/// Something that is wrong with a file as a whole.
pub(crate) fn problem(path: &Path, code: &'static str, message: String, hint: Option<&str>) -> Diagnostic {
    let (file, hint) = (path.display().to_string(), hint.map(str::to_owned));
    Diagnostic { level: Level::Error, code, file, position: None, message, hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_of_reasonable_size_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let check = |expected: &str| {
            let found = read(&path).unwrap_or_else(|found| found.message);
            assert!(found.contains(expected), "{found}");
        };
        check("No such file");
        fs::write(&path, "a: 1\n").unwrap();
        check("a: 1");
        fs::write(&path, b"a: 1\nb: \xff\n").unwrap();
        check("not UTF-8 in line 2");
        fs::File::create(&path).unwrap().set_len(yaml::MAX_BYTES as u64 + 1).unwrap();
        check("larger than");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        check("not a file");
    }
}
