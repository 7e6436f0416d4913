//! What stands in files that are rotated while we run: tokens, certificates.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

/// How often the files are looked at, at most, and only when somebody asks for what is in them.
const LOOK: Duration = Duration::from_secs(1);

type Read<T> = Box<dyn Fn() -> Result<T, String> + Send + Sync>;

/// A value made of files, made anew when one of them changes. While the files cannot be used, the last good one counts.
pub(super) struct Fresh<T> {
    what: &'static str,
    files: Vec<PathBuf>,
    read: Read<T>,
    state: Mutex<State<T>>,
}

struct State<T> {
    value: Arc<T>,
    stamps: Vec<Stamp>,
    looked: Instant,
}

/// What tells that a file is another one: when it was written and how long it is.
type Stamp = Option<(SystemTime, u64)>;

impl<T> Fresh<T> {
    /// Reads for the first time.
    pub(super) fn new(what: &'static str, files: Vec<PathBuf>, read: Read<T>) -> Result<Self, String> {
        // The stamps come first: a change in between is then seen later, and not never.
        let stamps = stamps(&files);
        let value = Arc::new(read()?);
        Ok(Self { what, files, read, state: Mutex::new(State { value, stamps, looked: Instant::now() }) })
    }

    pub(super) fn get(&self) -> Arc<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.looked.elapsed() >= LOOK {
            self.look(&mut state);
        }
        Arc::clone(&state.value)
    }

    /// Looks at the files now.
    pub(super) fn refresh(&self) {
        self.look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn look(&self, state: &mut State<T>) {
        state.looked = Instant::now();
        let stamps = stamps(&self.files);
        if stamps == state.stamps {
            return;
        }
        state.stamps = stamps;
        match (self.read)() {
            Ok(value) => {
                state.value = Arc::new(value);
                tracing::info!("{} changed and are in force", self.what);
            }
            Err(reason) => {
                tracing::warn!(reason, "{} changed and cannot be used; the old ones stay in force", self.what)
            }
        }
    }
}

fn stamps(files: &[PathBuf]) -> Vec<Stamp> {
    let stamp = |file: &Path| {
        let metadata = std::fs::metadata(file).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    files.iter().map(|file| stamp(file)).collect()
}

impl<T> fmt::Debug for Fresh<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither tokens nor keys.
        f.debug_struct("Fresh").field("what", &self.what).field("files", &self.files).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_is_taken_up_and_a_bad_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("number");
        std::fs::write(&file, "1").unwrap();
        let path = file.clone();
        let read = move || {
            std::fs::read_to_string(&path)
                .map_err(|error| error.to_string())?
                .parse::<u32>()
                .map_err(|error| error.to_string())
        };
        let fresh = Fresh::new("numbers", vec![file.clone()], Box::new(read)).unwrap();
        assert_eq!(*fresh.get(), 1);
        for (content, expected) in [("22", 22), ("two", 22), ("333", 333)] {
            std::fs::write(&file, content).unwrap();
            fresh.refresh();
            assert_eq!(*fresh.get(), expected, "{content:?}");
        }
        std::fs::remove_file(&file).unwrap();
        fresh.refresh();
        assert_eq!(*fresh.get(), 333);
    }
}
