//! A TCP proxy whose far side can be taken away.

use std::net::SocketAddr;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// A TCP proxy in front of a server. It ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    task: JoinHandle<()>,
}

/// What a [`Proxy`] does with connections. Those of an earlier mode are cut when it changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Passes everything on.
    Pass,
    /// Closes connections as soon as they come.
    Cut,
    /// Takes connections and whatever they send, and never answers.
    Stall,
}

impl Proxy {
    /// Starts a proxy in front of `target`, a host and a port.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start(target: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let address = listener.local_addr().expect("a bound listener has an address");
        let (mode, changes) = watch::channel(Mode::Pass);
        let target = target.to_owned();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, target.clone(), changes.clone()));
            }
        });
        Self { address, mode, task }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what it does, also with the connections there are.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut client: TcpStream, target: String, mut mode: watch::Receiver<Mode>) {
    let now = *mode.borrow_and_update();
    let work = async {
        match now {
            Mode::Cut => {}
            Mode::Stall => drop(tokio::io::copy(&mut client, &mut tokio::io::sink()).await),
            Mode::Pass => {
                if let Ok(mut server) = TcpStream::connect(target).await {
                    copy_bidirectional(&mut client, &mut server).await.ok();
                }
            }
        }
    };
    // Whatever ends first drops the connection.
    tokio::select! { () = work => {}, _ = mode.changed() => {} }
}
