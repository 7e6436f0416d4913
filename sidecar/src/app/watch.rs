//! When to look at the files again: on SIGHUP, and when something in their folders changes.

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
};

/// An editor or a config map writes several files in a row; this long after the last of them all are read.
const SETTLE: Duration = Duration::from_millis(250);

/// Tells when the files should be read again.
pub(super) struct Watch {
    hangup: Signal,
    changes: mpsc::Receiver<()>,
    /// Something changed, and may still be changing.
    unsettled: bool,
    tell: mpsc::Sender<()>,
    folder: PathBuf,
    /// Watching ends when this is dropped.
    #[allow(dead_code, reason = "held for its drop")]
    watcher: Option<RecommendedWatcher>,
}

impl Watch {
    /// Watches a folder and SIGHUP. Where the system cannot watch (no inotify left), SIGHUP alone remains, and the log
    /// says so.
    ///
    /// # Errors
    /// When SIGHUP cannot be handled.
    pub(super) fn start(folder: &Path) -> std::io::Result<Self> {
        // One place is enough: a change that finds it taken is part of a change already told.
        let (tell, changes) = mpsc::channel(1);
        let watcher = watch(folder, tell.clone());
        if let Err(error) = &watcher {
            let folder = folder.display();
            tracing::warn!(%folder, %error, "changes of files cannot be watched; send SIGHUP after a change");
        }
        let folder = folder.to_owned();
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            changes,
            unsettled: false,
            tell,
            folder,
            watcher: watcher.ok(),
        })
    }

    /// Waits until the files should be read again. Nothing is lost when the future is dropped before.
    pub(super) async fn changed(&mut self) {
        if !self.unsettled {
            tokio::select! {
                _ = self.hangup.recv() => return,
                Some(()) = self.changes.recv() => self.unsettled = true,
            }
        }
        while let Ok(Some(())) = tokio::time::timeout(SETTLE, self.changes.recv()).await {}
        self.unsettled = false;
        // The folder may be another one of the same name by now, which nobody would watch.
        self.watcher = watch(&self.folder, self.tell.clone()).ok();
    }
}

/// Watches the folder, or, as long as it is not there, the nearest one above that is.
fn watch(folder: &Path, tell: mpsc::Sender<()>) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading a file is an event too, and reading is what we do on events.
        if !event.is_ok_and(|event| matches!(event.kind, EventKind::Access(_))) {
            let _ = tell.try_send(());
        }
    })?;
    let present = folder.ancestors().find(|path| path.is_dir()).map_or_else(PathBuf::new, Path::to_path_buf);
    let mode = if present == folder { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
    watcher.watch(&present, mode)?;
    Ok(watcher)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const LONG: Duration = Duration::from_secs(30);

    async fn told(watch: &mut Watch) {
        tokio::time::timeout(LONG, watch.changed()).await.expect("the change is told");
    }

    #[tokio::test]
    async fn files_that_come_change_and_go_are_told_even_in_a_folder_that_comes_later() {
        let folder = tempfile::tempdir().unwrap();
        let contracts = folder.path().join("contracts");
        let mut watch = Watch::start(&contracts).unwrap();
        fs::create_dir(&contracts).unwrap();
        told(&mut watch).await;
        fs::write(contracts.join("a.odcs.yaml"), "a").unwrap();
        told(&mut watch).await;
        fs::create_dir(contracts.join("deeper")).unwrap();
        told(&mut watch).await;
        fs::write(contracts.join("deeper/b.avsc"), "b").unwrap();
        told(&mut watch).await;
        fs::remove_file(contracts.join("a.odcs.yaml")).unwrap();
        told(&mut watch).await;
    }

    #[tokio::test]
    async fn a_change_whose_future_is_dropped_is_told_to_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let mut watch = Watch::start(folder.path()).unwrap();
        fs::write(folder.path().join("a"), "a").unwrap();
        while !watch.unsettled {
            // Dropped while it waits for the change, or for the change to settle.
            let _ = tokio::time::timeout(SETTLE / 5, watch.changed()).await;
        }
        told(&mut watch).await;
    }

    #[tokio::test]
    async fn reading_is_no_change() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "a").unwrap();
        let mut watch = Watch::start(folder.path()).unwrap();
        fs::read(folder.path().join("a")).unwrap();
        fs::write(folder.path().join("b"), "b").unwrap();
        told(&mut watch).await;
        for entry in fs::read_dir(folder.path()).unwrap() {
            fs::read(entry.unwrap().path()).unwrap();
        }
        tokio::time::timeout(2 * SETTLE, watch.changed()).await.expect_err("nothing has changed");
    }
}
