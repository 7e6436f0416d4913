//! How long a connection may take: for its first request, between requests, and to take its replies.

use super::Limits;
use hyper::rt::{Sleep, Timer};
use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::task::TaskTracker;

/// hyper's timer for one connection.
///
/// hyper has one timeout for a head, which runs from the moment the one before was answered. A connection that has shown
/// that it is somebody's may idle longer than one of which nothing is known, as long as it keeps nobody out.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    first: Duration,
    more: Duration,
    known: Arc<AtomicBool>,
    open: TaskTracker,
    connections: usize,
}

impl Pace {
    /// `open` tracks the listener's connections.
    pub(super) fn new(limits: &Limits, open: TaskTracker) -> Self {
        let first = limits.header_timeout;
        let more = limits.idle_timeout.saturating_sub(first);
        Self { first, more, known: Arc::default(), open, connections: limits.connections }
    }

    /// A request was let in.
    pub(super) fn is_known(&self) {
        self.known.store(true, Relaxed);
    }

    /// Whether fewer than a tenth of the listener's places are free.
    fn is_crowded(&self) -> bool {
        self.connections.saturating_sub(self.open.len()).saturating_mul(10) < self.connections
    }

    fn last(&self, deadline: Instant) -> Instant {
        if self.known.load(Relaxed) { deadline + self.more } else { deadline }
    }
}

impl Timer for Pace {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(Instant::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let sleep = Box::pin(tokio::time::sleep_until(deadline.into()));
        Box::pin(Idle { pace: self.clone(), sleep, last: self.last(deadline) })
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<Idle>() {
            Some(mut idle) => {
                idle.sleep.as_mut().reset(deadline.into());
                idle.last = self.last(deadline);
            }
            None => *sleep = self.sleep_until(deadline),
        }
    }
}

/// A connection's wait for a head: until hyper's deadline, and then further while there is room for others.
struct Idle {
    pace: Pace,
    sleep: Pin<Box<tokio::time::Sleep>>,
    last: Instant,
}

impl Sleep for Idle {}

impl Future for Idle {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.sleep.as_mut().poll(context));
            let now = Instant::now();
            if now >= self.last || self.pace.is_crowded() {
                return Poll::Ready(());
            }
            // Whether there still is room is looked at now and then.
            let next = self.last.min(now + self.pace.first / 10 + Duration::from_millis(1));
            self.sleep.as_mut().reset(next.into());
        }
    }
}

/// A stream that gives up on a peer that takes nothing of what is written.
#[derive(Debug)]
pub(super) struct Patient<S> {
    stream: S,
    patience: Duration,
    /// Since a write could not go on.
    stuck: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl<S> Patient<S> {
    pub(super) fn new(stream: S, patience: Duration) -> Self {
        Self { stream, patience, stuck: None }
    }

    fn wait<T>(&mut self, progress: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if progress.is_ready() {
            self.stuck = None;
            return progress;
        }
        let patience = self.patience;
        let stuck = self.stuck.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        ready!(stuck.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not take its reply")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let progress = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wait(progress, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let progress = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.wait(progress, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let progress = Pin::new(&mut self.stream).poll_flush(cx);
        self.wait(progress, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let progress = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.wait(progress, cx)
    }
}
