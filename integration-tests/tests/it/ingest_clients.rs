//! Clients that are slow, that leave, or that come in crowds.

use std::{
    net::SocketAddr,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};
use tidegate_integration_tests::{Mesh, Parts, Reply, Sidecar, eventually, orders};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
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
        "POST /v1/products/orders/events HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
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
    let metrics = sidecar.metrics().await;
    let of_status =
        metrics.lines().filter(|line| !line.starts_with('#') && line.contains(&format!("status=\"{status}\"")));
    of_status.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>() as u64
}

async fn p99(sidecar: &Sidecar) -> Duration {
    let mut took = Vec::new();
    for number in 0..300 {
        let began = Instant::now();
        assert_eq!(sidecar.post_json("orders", &orders::order(number)).await.status, 200);
        took.push(began.elapsed());
    }
    took.sort_unstable();
    took[took.len() * 99 / 100]
}

#[tokio::test]
async fn two_thousand_slow_connections_are_closed_and_good_clients_do_not_notice() {
    let (_sales, sidecar) = sales("limits: {bodyTimeout: 12s}").await;
    let alone = p99(&sidecar).await;
    let mut slow = JoinSet::new();
    for number in 0..2_000 {
        let address = sidecar.data();
        slow.spawn(async move {
            match number % 4 {
                // Silent, in the head, and in the body.
                0 => (until_closed(address, b"").await, 10),
                1 => (until_closed(address, b"POST /v1/pro").await, 10),
                2 => (until_closed(address, head(100).as_bytes()).await, 12),
                _ => (until_closed(address, format!("{}{{", head(100)).as_bytes()).await, 12),
            }
        });
    }
    eventually("all are connected", PATIENCE, async || (connections(&sidecar) >= 1_800).then_some(())).await;
    let among_them = p99(&sidecar).await;
    while let Some(closed) = slow.join_next().await {
        let ((said, took), limit) = closed.expect("a slow client does not panic");
        assert!(took < Duration::from_secs(limit + 3), "{took:?} {said}");
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{said}");
    }
    // A measurement on a box that is shared: what must not be is that good clients wait for slow ones.
    eprintln!("p99 alone {alone:?}, among 2000 slow ones {among_them:?}");
    assert!(among_them < 3 * alone + Duration::from_millis(100), "{alone:?} {among_them:?}");
}

fn connections(sidecar: &Sidecar) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", sidecar.pid())).map_or(0, Iterator::count)
}

#[tokio::test]
async fn half_bodies_and_clients_that_leave_are_accounted_for() {
    let (sales, sidecar) = sales("").await;
    let order = orders::order(1).to_string();
    // Half a body, and then nothing more.
    let mut half = TcpStream::connect(sidecar.data()).await.expect("it listens");
    half.write_all(format!("{}{}", head(order.len()), &order[..20]).as_bytes()).await.expect("it reads");
    drop(half);
    eventually("it is counted", PATIENCE, async || (replies(&sidecar, 499).await == 1).then_some(())).await;
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
        let answered = replies(&sidecar, 200).await + replies(&sidecar, 499).await;
        (answered == 1 + LEAVERS).then_some(())
    })
    .await;
    let metrics = sidecar.metrics().await;
    let published: f64 = metrics
        .lines()
        .filter(|line| line.starts_with("tidegate_events_total") && line.contains("outcome=\"published\""))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum();
    assert_eq!(sales.read_product("orders", 1).await.len() as f64, published);
}

#[tokio::test]
async fn without_file_descriptors_nothing_spins_and_soon_all_is_well() {
    let (_sales, sidecar) = sales("").await;
    let taken = connections(&sidecar);
    let limit = taken + 10;
    let status = Command::new("prlimit")
        .args(["--pid", &sidecar.pid().to_string(), &format!("--nofile={limit}:{limit}")])
        .status()
        .expect("prlimit runs");
    assert!(status.success());
    let mut crowd = Vec::new();
    for _ in 0..200 {
        crowd.push(TcpStream::connect(sidecar.data()).await.expect("the system takes it"));
    }
    eventually("all are used up", PATIENCE, async || (connections(&sidecar) >= limit - 1).then_some(())).await;
    let (before, began) = (cpu_ticks(sidecar.pid()), Instant::now());
    tokio::time::sleep(Duration::from_secs(1)).await;
    // 100 ticks are a second of one core.
    let used = (cpu_ticks(sidecar.pid()) - before) as f64 / 100.0 / began.elapsed().as_secs_f64();
    assert!(used < 0.3, "it spins: {used} of a core");
    assert!(sidecar.log().contains("nothing can be accepted"), "the log tells");
    drop(crowd);
    let began = Instant::now();
    assert_eq!(sidecar.post_json("orders", &orders::order(1)).await.status, 200);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

fn cpu_ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).expect("it is there");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    [11, 12].map(|at: usize| fields[at].parse::<u64>().expect("a number")).iter().sum()
}

#[tokio::test]
async fn a_full_queue_asks_callers_to_come_again_and_costs_what_it_may() {
    const QUEUE: usize = 8 << 20;
    let parts = Parts::own();
    let sales = Mesh::on("sales", &parts.kafka, &parts.registry)
        .contract(orders::CONTRACT, &[orders::SCHEMA])
        .config("limits: {queueBytes: 8MiB, requestTimeout: 60s}");
    sales.apply();
    let sidecar = sales.run().await;
    assert_eq!(sidecar.post_json("orders", &orders::order(1)).await.status, 200);
    let before = resident(&sidecar);
    parts.signal("kafka", "stop");
    let batch = (0..500).map(|number| orders::order(number).to_string()).collect::<Vec<_>>().join("\n");
    let mut waiting = JoinSet::new();
    let mut refused = 0;
    while refused < 50 {
        let request = sidecar.request(reqwest::Method::POST, "/v1/products/orders/events");
        let request = request.header("content-type", "application/x-ndjson").body(batch.clone());
        let mut answer = tokio::spawn(async move { Reply::of(request).await });
        // Refused at once, or accepted and waiting for the broker.
        match tokio::time::timeout(Duration::from_millis(500), &mut answer).await {
            Ok(reply) => {
                let reply = reply.expect("no panic").expect("an answer");
                assert!(matches!(reply.status, 429 | 503), "{} {}", reply.status, reply.text());
                assert!(reply.headers.contains_key("retry-after"));
                assert!(reply.statuses().iter().all(|status| status == "failed"));
                refused += 1;
            }
            Err(_) => drop(waiting.spawn(answer)),
        }
    }
    let grown = resident(&sidecar).saturating_sub(before);
    // The queue, a tenth, and what else a busy process keeps.
    assert!(grown < QUEUE + QUEUE / 10 + (8 << 20), "{grown}");

    parts.signal("kafka", "cont");
    let thawed = Instant::now();
    eventually("it takes events again", PATIENCE, async || {
        (sidecar.post_json("orders", &orders::order(7)).await.status == 200).then_some(())
    })
    .await;
    eprintln!("{} requests waited, first ack {:?} after the broker was back", waiting.len(), thawed.elapsed());
    while let Some(reply) = waiting.join_next().await {
        let reply = reply.expect("no panic").expect("no panic").expect("an answer");
        assert!(matches!(reply.status, 200 | 503 | 504 | 207), "{}", reply.status);
    }
}

fn resident(sidecar: &Sidecar) -> usize {
    let text = std::fs::read_to_string(format!("/proc/{}/statm", sidecar.pid())).expect("it is there");
    4096 * text.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("a number of pages")
}
