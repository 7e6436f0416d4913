//! `tidegate health`: asks a running sidecar, for images that have nothing but this binary.

use crate::cli::{Context, Exit, Failure, print};
use anyhow::Result;
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(3);
/// The answer names every product once; more than this is not ours.
const ANSWER: u64 = 1 << 20;

/// What `health` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The health listener of a running sidecar [default: `listen.health` of the sidecar's file]
    #[arg(long, value_name = "ADDRESS")]
    address: Option<SocketAddr>,
}

/// Prints what `/readyz` says. Ready is success.
///
/// # Errors
/// When the sidecar is not ready, or does not answer.
pub async fn run(args: Args, context: &Context) -> Result<Exit> {
    let address = match args.address {
        Some(address) => address,
        None => reachable(context.load_config()?.listen.health),
    };
    let unreachable = |problem: String| {
        Failure::unreachable(format!("no sidecar answers at {address}: {problem}"))
            .hint("is `tidegate run` up, and is this its health listener?")
    };
    let answer = timeout(PATIENCE, ask(address))
        .await
        .map_err(|_| unreachable(format!("nothing within {} s", PATIENCE.as_secs())))?
        .map_err(|error| unreachable(error.to_string()))?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| unreachable("not HTTP".into()))?;
    print(&format!("{}\n", body.trim_end()));
    if head.split(' ').nth(1) == Some("200") {
        return Ok(Exit::Success);
    }
    let status = head.lines().next().unwrap_or_default();
    Err(Failure::refused(format!("the sidecar at {address} is not ready: {status}")).into())
}

/// Where a listener on all addresses is reached from the same host.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// One request by hand: the health listener speaks plain HTTP, and one a connection is all it takes.
async fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream
        .write_all(format!("GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").as_bytes())
        .await?;
    let mut answer = Vec::new();
    stream.take(ANSWER).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Output;

    async fn check(answer: &'static str, expected: std::result::Result<Exit, Exit>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 200];
            let read = stream.read(&mut request).await.unwrap();
            assert!(request[..read].starts_with(b"GET /readyz HTTP/1.1\r\n"));
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        let context = Context { config: None, output: Output::Human, color: false, verbose: 0 };
        let result = run(Args { address: Some(address) }, &context).await;
        server.await.unwrap();
        let exit = result.map_err(|error| error.downcast::<Failure>().unwrap().exit);
        assert_eq!(exit, expected, "{answer}");
    }

    #[tokio::test]
    async fn ready_is_success_and_anything_else_is_not() {
        check("HTTP/1.1 200 OK\r\n\r\n{}", Ok(Exit::Success)).await;
        check("HTTP/1.1 503 Service Unavailable\r\n\r\n{}", Err(Exit::Refused)).await;
        check("SSH-2.0-other\r\n", Err(Exit::Unreachable)).await;
        check("", Err(Exit::Unreachable)).await;
    }

    #[test]
    fn a_listener_on_all_addresses_is_asked_on_loopback() {
        for (listen, asked) in
            [("0.0.0.0:7072", "127.0.0.1:7072"), ("[::]:7072", "[::1]:7072"), ("10.1.2.3:7072", "10.1.2.3:7072")]
        {
            assert_eq!(reachable(listen.parse().unwrap()), asked.parse().unwrap());
        }
    }
}
