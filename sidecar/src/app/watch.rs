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
        Ok(Self { hangup: signal(SignalKind::hangup())?, changes, tell, folder, watcher: watcher.ok() })
    }

    /// Waits until the files should be read again. Nothing is lost when the future is dropped before.
    pub(super) async fn changed(&mut self) {
        tokio::select! {
            _ = self.hangup.recv() => return,
            Some(()) = self.changes.recv() => {}
        }
        while let Ok(Some(())) = tokio::time::timeout(SETTLE, self.changes.recv()).await {}
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
