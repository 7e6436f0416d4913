//! A TCP proxy whose far side can be taken away.

use std::net::SocketAddr;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// A TCP proxy in front of a server, on a thread of its own, so that it goes on while a test waits for a command. It
/// ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
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
    pub fn start(target: &str) -> Self {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        listener.set_nonblocking(true).expect("a listener can be made so");
        let address = listener.local_addr().expect("a bound listener has an address");
        let (mode, changes) = watch::channel(Mode::Pass);
        let target = target.to_owned();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
            runtime.block_on(accept(listener, &target, changes));
        });
        Self { address, mode }
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

/// Until the [`Proxy`] is dropped; its connections go with the runtime.
async fn accept(listener: std::net::TcpListener, target: &str, mut mode: watch::Receiver<Mode>) {
    let listener = TcpListener::from_std(listener).expect("the runtime takes the listener");
    loop {
        tokio::select! {
            Ok((client, _)) = listener.accept() => drop(tokio::spawn(serve(client, target.to_owned(), mode.clone()))),
            changed = mode.changed() => if changed.is_err() { return },
        }
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
