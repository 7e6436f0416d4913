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
    let (broker, of_connections) = (broker.to_owned(), tasks.clone());
    tasks.spawn(async move {
        while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
            let Ok((mut client, _)) = accepted else {
                // Out of file descriptors, say. Whoever asked will ask again.
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let (broker, stop) = (broker.clone(), stop.clone());
            of_connections.spawn(async move {
                let lead = async {
                    let mut server = TcpStream::connect(broker).await?;
                    copy_bidirectional(&mut client, &mut server).await
                };
                // Either side may hang up when it likes.
                let _ = stop.run_until_cancelled(lead).await;
            });
        }
    });
    Some(USUAL)
}
