//! Whether a broker can be reached, as far as librdkafka tells.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// How long all brokers must have been away before requests are refused: a broker that restarts its connections, or
/// closes idle ones, is back sooner.
const PATIENCE: Duration = Duration::from_secs(1);

/// What librdkafka last said about its connections.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// Whether `state` is worth a look: almost always not, and then nobody takes the lock.
    suspect: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Since when no broker is connected.
    down: Option<Instant>,
    /// The last error of a connection; it says more than "all brokers are down".
    last: Option<String>,
    /// The fatal error whose producer is being replaced.
    rebuilding: Option<String>,
}

impl Health {
    /// A connection failed, for this reason.
    pub(super) fn trouble(&self, reason: String) {
        self.lock().last = Some(reason);
    }

    /// No broker is connected.
    pub(super) fn down(&self, reason: &str) {
        let mut state = self.lock();
        state.down.get_or_insert_with(Instant::now);
        state.last.get_or_insert_with(|| reason.to_owned());
        self.suspect.store(true, Ordering::Release);
    }

    /// A broker answered.
    pub(super) fn up(&self) {
        let mut state = self.lock();
        state.down = None;
        state.last = None;
        self.suspect.store(state.rebuilding.is_some(), Ordering::Release);
    }

    /// librdkafka gave its producer up; until `rebuilt`, there is none.
    pub(super) fn rebuilding(&self, reason: String) {
        self.lock().rebuilding = Some(reason);
        self.suspect.store(true, Ordering::Release);
    }

    pub(super) fn rebuilt(&self) {
        let mut state = self.lock();
        state.rebuilding = None;
        self.suspect.store(state.down.is_some(), Ordering::Release);
    }

    /// Whether somebody should ask a broker for a sign of life.
    pub(super) fn is_down(&self) -> bool {
        self.suspect.load(Ordering::Acquire) && self.lock().down.is_some()
    }

    /// Why nothing that is sent now could be acked in time, if so.
    pub(super) fn unreachable(&self) -> Option<String> {
        if !self.suspect.load(Ordering::Acquire) {
            return None;
        }
        let state = self.lock();
        if let Some(reason) = &state.rebuilding {
            return Some(format!("the connection to kafka is being made anew after: {reason}"));
        }
        let since = state.down?;
        let reason = || state.last.clone().unwrap_or_else(|| "all brokers are down".into());
        (since.elapsed() >= PATIENCE).then(reason)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
