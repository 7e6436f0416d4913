//! The listeners: sockets, connections, TLS, tokens, and an orderly end. What is answered on them is somebody else's.
//!
//! HTTP/1.1 only: a sidecar's callers are few and keep their connections, and what HTTP/2 adds here is attack surface.

pub mod admin;
mod connection;
mod fresh;
mod guard;
pub mod health;
mod tls;

pub use guard::{Guard, GuardError, Of};

use crate::{problem::Problem, telemetry::counters::Counters};
use bytes::Bytes;
use connection::{Pace, Patient};
use http_body_util::{Either, Full};
use hyper::{
    Request, Response,
    body::{Body, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use std::{convert::Infallible, error::Error, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What bounds a listener's connections.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Open at once; more wait in the system's backlog.
    pub connections: usize,
    /// For a TLS handshake, and for a connection's first request head.
    pub header_timeout: Duration,
    /// For the next request head of a connection that was let in with one. Longer than clients keep idle connections, so
    /// that it is them who close: a request that meets a closing connection is lost to most of them. While fewer than a
    /// tenth of the connections are free, it is the header timeout.
    pub idle_timeout: Duration,
    /// For a client to take some of its reply.
    pub write_timeout: Duration,
    /// Headers of a request.
    pub headers: usize,
    /// Bytes of a request's head, and what is read of a body at once.
    pub buffer: usize,
}

/// A bound socket that nobody serves yet.
#[derive(Debug)]
pub struct Listener {
    name: &'static str,
    socket: TcpListener,
    address: SocketAddr,
    guard: Arc<Guard>,
    limits: Limits,
    counters: Option<Arc<Counters>>,
}

/// Why an address cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Anybody on the network could call it.
    #[error("the {name} listener would be open to anyone who reaches {address}")]
    Unprotected {
        /// The listener.
        name: &'static str,
        /// The address.
        address: SocketAddr,
    },
    /// The system does not give it.
    #[error("the {name} listener cannot have {address}")]
    Taken {
        /// The listener.
        name: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// How long nothing is accepted after the system had no file descriptor left: the first time, and at most.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// nginx's number for a client that closed its connection before the reply.
const CLIENT_GONE: u16 = 499;

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(120),
            write_timeout: Duration::from_secs(30),
            headers: 100,
            buffer: 64 << 10,
        }
    }
}

impl BindError {
    /// The way out.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unprotected { .. } => {
                "give `security.tokens` or `security.tls.clientCa`, listen on loopback, or set `security.allowAnonymous: true`"
            }
            Self::Taken { source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
                "something else listens there; stop it, or choose another port under `listen`"
            }
            Self::Taken { .. } => "choose another address under `listen`",
        }
    }
}

impl Listener {
    /// Binds an address; takes a runtime around it.
    ///
    /// # Errors
    /// When the system does not give it, or when it would be open to the network with nothing that guards it.
    pub fn bind(name: &'static str, address: SocketAddr, guard: Arc<Guard>, limits: Limits) -> Result<Self, BindError> {
        if !address.ip().to_canonical().is_loopback() && !guard.protects() {
            return Err(BindError::Unprotected { name, address });
        }
        let taken = |source| BindError::Taken { name, address, source };
        let socket = listen(address, limits.connections).map_err(taken)?;
        let address = socket.local_addr().map_err(taken)?;
        Ok(Self { name, socket, address, guard, limits, counters: None })
    }

    /// The same, with its replies counted by their status.
    #[must_use]
    pub fn counted(self, counters: Arc<Counters>) -> Self {
        Self { counters: Some(counters), ..self }
    }

    /// Where it listens; the port that was chosen when the configuration said 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts and answers until `stop`; then accepts nothing more, answers what has arrived, and returns when the last
    /// connection is closed, at the latest after `grace`.
    pub async fn serve<S, F, B>(self, service: S, stop: CancellationToken, grace: Duration)
    where
        S: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let Self { name, socket, guard, limits, counters, .. } = self;
        let room = Arc::new(Semaphore::new(limits.connections));
        let tasks = TaskTracker::new();
        let abort = CancellationToken::new();
        let mut back_off = BACK_OFF.0;
        let accepting = async {
            loop {
                let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
                match socket.accept().await {
                    Ok((stream, _)) => {
                        back_off = BACK_OFF.0;
                        let connection = Connection {
                            service: service.clone(),
                            guard: Arc::clone(&guard),
                            limits,
                            counters: counters.clone(),
                            stop: stop.child_token(),
                            open: tasks.clone(),
                        };
                        let abort = abort.child_token();
                        tasks.spawn(async move {
                            abort.run_until_cancelled(connection.run(stream)).await;
                            drop(place);
                        });
                    }
                    // The client was gone before we came to it.
                    Err(error) if is_of_connection(&error) => {}
                    Err(error) => {
                        tracing::warn!(listener = name, %error, "nothing can be accepted for now");
                        sleep(back_off).await;
                        back_off = (2 * back_off).min(BACK_OFF.1);
                    }
                }
            }
        };
        stop.run_until_cancelled(accepting).await;
        drop(socket);
        tasks.close();
        if timeout(grace, tasks.wait()).await.is_err() {
            tracing::warn!(
                listener = name,
                connections = tasks.len(),
                "connections are cut at the end of the grace period"
            );
            abort.cancel();
            tasks.wait().await;
        }
    }
}

/// Listens with a backlog for as many as may be served: beyond it the system drops what comes, and a client tries again
/// only after a second. The system may have a bound of its own (`somaxconn`).
fn listen(address: SocketAddr, connections: usize) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // The connections of the process before this one may still be closing.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(u32::try_from(connections).unwrap_or(u32::MAX))
}

fn is_of_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

struct Connection<S> {
    service: S,
    guard: Arc<Guard>,
    limits: Limits,
    counters: Option<Arc<Counters>>,
    stop: CancellationToken,
    /// All connections of the listener.
    open: TaskTracker,
}

impl<S, F, B> Connection<S>
where
    S: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    async fn run(self, stream: TcpStream) {
        // A reply is written at once and whole: there is nothing to gather.
        let _ = stream.set_nodelay(true);
        let stream = Patient::new(stream, self.limits.write_timeout);
        match self.guard.tls() {
            None => self.drive(stream).await,
            Some(acceptor) => {
                let handshake = timeout(self.limits.header_timeout, acceptor.accept(stream));
                match self.stop.run_until_cancelled(handshake).await {
                    Some(Ok(Ok(stream))) => self.drive(stream).await,
                    Some(Ok(Err(error))) => tracing::debug!(%error, "a TLS handshake failed"),
                    Some(Err(_)) => tracing::debug!("a TLS handshake took too long"),
                    None => {}
                }
            }
        }
    }

    async fn drive(self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let Self { service, guard, limits, counters, stop, open } = self;
        let pace = Pace::new(&limits, open);
        let mut builder = http1::Builder::new();
        builder
            .timer(pace.clone())
            .header_read_timeout(limits.header_timeout)
            .max_headers(limits.headers)
            .max_buf_size(limits.buffer);
        let answer = service_fn(|request: Request<Incoming>| {
            let mut asked = Asked { counters: counters.clone(), status: CLIENT_GONE };
            let answer = match guard.check(request.version(), request.headers()) {
                Ok(()) => {
                    pace.is_known();
                    Ok(service(request))
                }
                Err(problem) => Err(problem),
            };
            async move {
                let response = match answer {
                    Ok(answer) => answer.await.map(Either::Left),
                    Err(problem) => Problem::into_response(*problem).map(Either::Right),
                };
                asked.replied(response.status().as_u16());
                Ok::<Response<Either<B, Full<Bytes>>>, Infallible>(response)
            }
        });
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), answer));
        let ended = tokio::select! {
            biased;
            ended = connection.as_mut() => ended,
            () = stop.cancelled() => {
                // Answers what has arrived, and closes; a connection without a request at once.
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection broke");
        }
    }
}

/// Counts a request's reply, or that the client went away before it.
struct Asked {
    counters: Option<Arc<Counters>>,
    status: u16,
}

impl Asked {
    fn replied(&mut self, status: u16) {
        self.status = status;
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if let Some(counters) = &self.counters {
            counters.replied(self.status);
        }
    }
}

#[cfg(test)]
mod tests;
