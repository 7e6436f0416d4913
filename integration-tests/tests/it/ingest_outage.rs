//! Kafka away while requests come: nothing is accepted that there is no room for, what was accepted has an honest answer,
//! and no more memory is used than was granted.

use serde_json::json;
use std::{
    collections::HashSet,
    time::{Duration, Instant},
};
use tidegate_integration_tests::{Mesh, Parts, Reply, Sidecar, eventually, orders};
use tokio::task::JoinHandle;

const PATIENCE: Duration = Duration::from_secs(60);
const QUEUE: usize = 32 << 20;
const BATCH: u64 = 500;

/// Sends a batch of orders, on a task of its own.
fn send(sidecar: &Sidecar, batch: u64) -> JoinHandle<Reply> {
    let lines: String = (0..BATCH).map(|number| format!("{}\n", orders::order(batch * BATCH + number))).collect();
    let request = sidecar.request(reqwest::Method::POST, "/v1/products/orders/events");
    let request = request.header("content-type", "application/x-ndjson").body(lines);
    tokio::spawn(async move { Reply::of(request).await.expect("an answer") })
}

/// Every item of a batch's answer has its own id, whatever became of it.
fn assert_ids(reply: &Reply, batch: u64) {
    let expected: Vec<_> = (0..BATCH).map(|number| json!(format!("order-{}", batch * BATCH + number))).collect();
    assert_eq!(reply.items().iter().map(|item| item["id"].clone()).collect::<Vec<_>>(), expected);
}

/// Checks the answer of a batch that was not published; says whether it was refused before it was accepted.
fn was_refused(reply: &Reply, batch: u64) -> bool {
    assert_ids(reply, batch);
    let statuses: HashSet<String> = reply.statuses().into_iter().collect();
    let json = reply.json();
    let Some(kind) = json["type"].as_str() else {
        // It was accepted, and its time is up: the broker may have it, or was never sent it.
        assert!(matches!(reply.status, 503 | 504 | 207), "{} {json}", reply.status);
        assert!(statuses.iter().all(|status| status == "unknown" || status == "failed"), "{statuses:?}");
        return false;
    };
    match reply.status {
        429 => assert_eq!(kind, "urn:tidegate:problem:queue-full"),
        503 => assert_eq!(kind, "urn:tidegate:problem:kafka-unreachable"),
        other => panic!("{other} {json}"),
    }
    let seconds = reply.headers.get("retry-after").and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    assert!(seconds.is_some_and(|seconds| seconds >= 1), "{:?}", reply.headers);
    assert_eq!(statuses, HashSet::from(["failed".to_owned()]), "nothing of it was accepted");
    true
}

/// Waits until so many records wait for their ack.
async fn queued(sidecar: &Sidecar, records: u64) {
    eventually("the queue fills up", PATIENCE, async || {
        let metrics = sidecar.metrics().await;
        let line = metrics.lines().find(|line| line.starts_with("tidegate_queue_records "))?;
        let now: f64 = line.rsplit(' ').next()?.parse().ok()?;
        (now >= records as f64).then_some(())
    })
    .await;
}

/// Waits until events are published again; from when the broker is back.
async fn resumes(sidecar: &Sidecar) -> Duration {
    let back = Instant::now();
    eventually("events are published again", PATIENCE, async || {
        (sidecar.post_json("orders", &orders::order(0)).await.status == 200).then_some(())
    })
    .await;
    eprintln!("published again {:?} after the broker's return", back.elapsed());
    back.elapsed()
}

fn resident(sidecar: &Sidecar) -> usize {
    let text = std::fs::read_to_string(format!("/proc/{}/statm", sidecar.pid())).expect("it is there");
    4096 * text.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("a number of pages")
}

/// faults.md, row 5, and what is in flight when a broker freezes or dies.
#[tokio::test]
async fn a_full_queue_asks_callers_to_come_again_and_costs_what_it_may() {
    let parts = Parts::own();
    let sales = Mesh::on("sales", &parts.kafka, &parts.registry)
        .contract(orders::CONTRACT, &[orders::SCHEMA])
        .config("limits: {queueBytes: 32MiB, requestTimeout: 10s}");
    sales.apply();
    let sidecar = sales.run().await;
    // What a busy process keeps for itself is there before it is measured.
    for batch in 0..20 {
        assert_eq!(send(&sidecar, batch).await.expect("no panic").status, 200);
    }
    let before = resident(&sidecar);

    parts.signal("kafka", "stop");
    let (mut accepted, mut refused, mut most, mut batch) = (Vec::new(), 0, 0, 100);
    while refused < 50 {
        let mut answer = send(&sidecar, batch);
        tokio::select! {
            reply = &mut answer => refused += u64::from(was_refused(&reply.expect("no panic"), batch)),
            () = queued(&sidecar, (accepted.len() as u64 + 1) * BATCH) => accepted.push((batch, answer)),
        }
        most = most.max(resident(&sidecar));
        batch += 1;
    }
    let grown = most.saturating_sub(before);
    eprintln!("{grown} bytes for a queue of {QUEUE}, {} batches", accepted.len());
    assert!(accepted.len() > 10, "the queue takes little: {} batches", accepted.len());
    assert!(grown <= QUEUE + QUEUE / 10, "{grown} bytes for a queue of {QUEUE}, {} batches", accepted.len());
    for (batch, answer) in accepted {
        assert!(!was_refused(&answer.await.expect("no panic"), batch));
    }
    parts.signal("kafka", "cont");
    resumes(&sidecar).await;

    // The best of some rounds: a box that is busy elsewhere may be late once.
    let mut best = Duration::MAX;
    for _ in 0..5 {
        parts.signal("kafka", "kill");
        eventually("nobody can be reached", PATIENCE, async || {
            let reply = send(&sidecar, 0).await.expect("no panic");
            (was_refused(&reply, 0) && reply.status == 503).then_some(())
        })
        .await;
        parts.signal("kafka", "start");
        best = best.min(resumes(&sidecar).await);
        if best <= Duration::from_secs(1) {
            return;
        }
    }
    panic!("it resumes {best:?} after the broker is back");
}
