//! Clients that are slow, that leave, or that come in crowds.

use std::{
    net::SocketAddr,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};
use tidegate_integration_tests::{Mesh, Sidecar, eventually, orders};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::watch,
    task::JoinSet,
};

const PATIENCE: Duration = Duration::from_secs(60);

async fn sales(more: &str) -> (Mesh, Sidecar) {
    let sales = Mesh::new("sales").contract(orders::CONTRACT, &[orders::SCHEMA]).config(more);
    sales.apply();
    let sidecar = sales.run().await;
    (sales, sidecar)
}

/// The head of a request whose body is so long.
fn head(length: usize) -> String {
    format!(
        "POST /v1/products/orders/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    )
}

/// Sends a beginning and waits for the other side to close; returns what it said and how long it took.
async fn until_closed(address: SocketAddr, beginning: &[u8]) -> (String, Duration) {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(beginning).await.expect("it reads");
    let began = Instant::now();
    let mut said = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut said)).await.expect("it closes").ok();
    (String::from_utf8_lossy(&said).into_owned(), began.elapsed())
}

/// How many replies of a status there were, 499 for clients that left.
async fn replies(sidecar: &Sidecar, status: u16) -> u64 {
    sum(&sidecar.metrics().await, "tidegate_requests_total", &format!("status=\"{status}\""))
}

/// The sum of a counter's values that have this label.
fn sum(metrics: &str, name: &str, label: &str) -> u64 {
    let lines = metrics.lines().filter(|line| line.starts_with(name) && line.contains(label));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>() as u64
}

async fn took(sidecar: &Sidecar, number: u64) -> Duration {
    let began = Instant::now();
    assert_eq!(sidecar.post_json("orders", &orders::order(number)).await.status, 200);
    began.elapsed()
}

fn p99(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() * 99 / 100]
}

/// Lets this process, and those it starts from now on, have as many file descriptors as it may.
fn enough_descriptors() {
    let raise = "prlimit --pid $0 --nofile=$(ulimit -Hn):$(ulimit -Hn)";
    let status = Command::new("sh").args(["-c", raise, &std::process::id().to_string()]).status();
    assert!(status.is_ok_and(|status| status.success()), "prlimit");
}

/// faults.md, row 12.
#[tokio::test]
async fn two_thousand_slow_connections_are_closed_and_good_clients_do_not_notice() {
    enough_descriptors();
    let (_mesh, beset) = sales("limits: {bodyTimeout: 12s}").await;
    // On the same box at the same time, so that what else goes on there slows both.
    let (_mesh, alone) = sales("").await;
    for sidecar in [&beset, &alone] {
        took(sidecar, 0).await;
    }
    // Those that are closed come again, until there is nothing more to measure.
    let (measured, over) = watch::channel(false);
    let mut slow = JoinSet::new();
    for number in 0..2_000 {
        let (address, over) = (beset.data(), over.clone());
        slow.spawn(async move {
            // Silent, in the head, and in the body.
            let (beginning, expected) = match number % 4 {
                0 => (String::new(), ""),
                1 => ("POST /v1/pro".to_owned(), ""),
                2 => (head(100), "HTTP/1.1 408"),
                _ => (format!("{}{{", head(100)), "HTTP/1.1 408"),
            };
            while !*over.borrow() {
                let (said, took) = until_closed(address, beginning.as_bytes()).await;
                assert!(said.starts_with(expected) && said.is_empty() == expected.is_empty(), "{said}");
                // 10 s for a head, 12 for a body; the rest is for a busy box.
                assert!(took < Duration::from_secs(30), "{took:?} {said}");
            }
        });
    }
    eventually("all are connected", PATIENCE, async || (connections(&beset) >= 2_000).then_some(())).await;
    // The best of some rounds: what slows good clients down slows them in each, what else goes on here does not.
    let (mut best, mut rounds) = (f64::INFINITY, 0);
    while best > 1.2 && rounds < 60 {
        let (mut here, mut there) = (Vec::new(), Vec::new());
        for number in 0..100 {
            here.push(took(&beset, number).await);
            there.push(took(&alone, number).await);
        }
        best = best.min(p99(&mut here).as_secs_f64() / p99(&mut there).as_secs_f64());
        rounds += 1;
    }
    eprintln!("{best} after {rounds} rounds");
    assert!(best <= 1.2, "the p99 of good clients is {best} times what it is without slow ones");
    measured.send_replace(true);
    while let Some(closed) = slow.join_next().await {
        closed.expect("every slow client is closed, and those that had sent a head have an answer");
    }
    assert!(replies(&beset, 408).await >= 1_000, "which is counted");
}

fn connections(sidecar: &Sidecar) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", sidecar.pid())).map_or(0, Iterator::count)
}

#[tokio::test]
async fn half_bodies_and_clients_that_leave_are_accounted_for() {
    let (sales, sidecar) = sales("").await;
    let order = orders::order(1).to_string();
    // Half a body, and then nothing more: that is an answer, whether somebody hears it or not.
    let half = format!("{}{}", head(order.len()), &order[..20]);
    let mut leaves = TcpStream::connect(sidecar.data()).await.expect("it listens");
    leaves.write_all(half.as_bytes()).await.expect("it reads");
    drop(leaves);
    eventually("it is counted", PATIENCE, async || (replies(&sidecar, 400).await == 1).then_some(())).await;
    let mut listens = TcpStream::connect(sidecar.data()).await.expect("it listens");
    listens.write_all(half.as_bytes()).await.expect("it reads");
    listens.shutdown().await.expect("one side can be closed");
    let mut said = String::new();
    listens.read_to_string(&mut said).await.expect("it answers");
    assert!(said.starts_with("HTTP/1.1 400") && said.contains("urn:tidegate:problem:incomplete"), "{said}");
    assert_eq!(sales.read_product("orders", 1).await.len(), 0, "half an event is none");

    // The whole body, and nobody there for the answer: what was accepted is published, and counted as such.
    const LEAVERS: u64 = 20;
    for number in 0..LEAVERS {
        let order = orders::order(number).to_string();
        let mut leaves = TcpStream::connect(sidecar.data()).await.expect("it listens");
        leaves.write_all(format!("{}{order}", head(order.len())).as_bytes()).await.expect("it reads");
        drop(leaves);
    }
    eventually("each is counted", PATIENCE, async || {
        (replies(&sidecar, 200).await + replies(&sidecar, 499).await == LEAVERS).then_some(())
    })
    .await;
    eventually("each event is counted", PATIENCE, async || {
        let published = sum(&sidecar.metrics().await, "tidegate_events_total", "outcome=\"published\"");
        (sales.read_product("orders", 1).await.len() as u64 == published).then_some(())
    })
    .await;
}

/// faults.md, row 11.
#[tokio::test]
async fn without_file_descriptors_nothing_spins_and_soon_all_is_well() {
    let (_sales, sidecar) = sales("").await;
    let limit = connections(&sidecar) + 10;
    let status = Command::new("prlimit")
        .args(["--pid", &sidecar.pid().to_string(), &format!("--nofile={limit}:{limit}")])
        .status()
        .expect("prlimit runs");
    assert!(status.success());
    let refused = || sidecar.log().matches("nothing can be accepted").count();
    // The best of some rounds: a box that is busy elsewhere may be late once.
    let mut recovered = Duration::MAX;
    for _ in 0..5 {
        let before = refused();
        let mut crowd = Vec::new();
        for _ in 0..200 {
            crowd.push(TcpStream::connect(sidecar.data()).await.expect("the system takes it"));
        }
        eventually("all are used up", PATIENCE, async || (refused() > before).then_some(())).await;
        let (ticks, began, before) = (cpu_ticks(sidecar.pid()), Instant::now(), refused());
        eventually("it is tried again and again", PATIENCE, async || (refused() >= before + 4).then_some(())).await;
        // 100 ticks are a second of one core.
        let used = (cpu_ticks(sidecar.pid()) - ticks) as f64 / 100.0 / began.elapsed().as_secs_f64();
        assert!(used < 0.3, "it spins: {used} of a core");
        drop(crowd);
        recovered = took(&sidecar, 1).await.min(recovered);
        if recovered <= Duration::from_secs(1) {
            return;
        }
    }
    panic!("it needs {recovered:?} to recover");
}

fn cpu_ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).expect("it is there");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    [11, 12].map(|at: usize| fields[at].parse::<u64>().expect("a number")).iter().sum()
}
