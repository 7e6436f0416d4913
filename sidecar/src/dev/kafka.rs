//! Kafka's usual port. The embedded broker chooses its own, and tells it to whoever asks; so all that clients need is to
//! be let in once at the port that they expect.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// After a connection that could not be accepted.
const PAUSE: Duration = Duration::from_millis(100);
const USUAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9092);

/// Leads from Kafka's usual port to the broker until `stop`, if the port is free.
pub(super) async fn lead_to(broker: &str, tasks: &TaskTracker, stop: CancellationToken) -> Option<SocketAddr> {
    let listener = TcpListener::bind(USUAL).await.ok()?;
    tasks.spawn(lead(listener, broker.to_owned(), tasks.clone(), stop));
    Some(USUAL)
}

async fn lead(listener: TcpListener, broker: String, tasks: TaskTracker, stop: CancellationToken) {
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        let Ok((mut client, _)) = accepted else {
            // Out of file descriptors, say. Whoever asked will ask again.
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let (broker, stop) = (broker.clone(), stop.clone());
        tasks.spawn(async move {
            let lead = async {
                let mut server = TcpStream::connect(broker).await?;
                copy_bidirectional(&mut client, &mut server).await
            };
            // Either side may hang up when it likes.
            let _ = stop.run_until_cancelled(lead).await;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test]
    async fn who_comes_by_the_usual_port_talks_to_the_broker_until_the_end() {
        let broker = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (at, address) = (listener.local_addr().unwrap(), broker.local_addr().unwrap().to_string());
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        tasks.spawn(lead(listener, address, tasks.clone(), stop.clone()));
        let mut client = TcpStream::connect(at).await.unwrap();
        client.write_all(b"ask").await.unwrap();
        let (mut server, _) = broker.accept().await.unwrap();
        let mut heard = [0; 3];
        server.read_exact(&mut heard).await.unwrap();
        server.write_all(b"told").await.unwrap();
        let mut answer = [0; 4];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!((&heard, &answer), (b"ask", b"told"));

        stop.cancel();
        tasks.close();
        tasks.wait().await;
        assert_eq!(client.read(&mut answer).await.unwrap(), 0, "the connection is closed");
    }
}
