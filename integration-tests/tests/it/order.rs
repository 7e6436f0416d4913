//! The promise of order, and the load that other tests put on a sidecar.

use serde_json::json;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};
use tidegate_integration_tests::{Mesh, Reply, Sidecar, client, orders};
use tokio::task::JoinSet;

/// Callers that post one order after the other, each on a connection of its own, until the sidecar is gone.
pub(crate) struct Load {
    workers: JoinSet<()>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    stop: AtomicBool,
    next: AtomicU64,
    outcome: Mutex<Outcome>,
}

/// What became of the load's events, by id.
#[derive(Debug, Default, Clone)]
pub(crate) struct Outcome {
    /// They have a receipt.
    pub(crate) acked: Vec<String>,
    /// They got no answer, or none that came to its end.
    pub(crate) unanswered: Vec<String>,
    /// They were refused because the sidecar is going, or got any other answer, which is shown.
    pub(crate) other: Vec<String>,
}

impl Load {
    /// Starts so many callers.
    pub(crate) fn start(sidecar: &Sidecar, callers: usize) -> Self {
        let state = Arc::new(State::default());
        let mut workers = JoinSet::new();
        for _ in 0..callers {
            workers.spawn(call(sidecar.events_url("orders"), Arc::clone(&state)));
        }
        Self { workers, state }
    }

    /// The ids acked so far.
    pub(crate) fn acked(&self) -> Vec<String> {
        self.state.outcome.lock().expect("no holder panics").acked.clone()
    }

    /// Ends the callers, each after its answer.
    pub(crate) async fn stop(mut self) -> Outcome {
        self.state.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.workers.join_next().await {
            ended.expect("a caller does not panic");
        }
        self.state.outcome.lock().expect("no holder panics").clone()
    }
}

async fn call(url: String, state: Arc<State>) {
    let client = client();
    while !state.stop.load(Ordering::Relaxed) {
        let event = orders::order(state.next.fetch_add(1, Ordering::Relaxed));
        let id = event["orderId"].as_str().expect("an order has an id").to_owned();
        let request = client.post(&url).header("content-type", "application/json").body(event.to_string());
        let reply = Reply::of(request).await;
        let mut outcome = state.outcome.lock().expect("no holder panics");
        match reply {
            Ok(reply) if reply.status == 200 => outcome.acked.push(id),
            // Refused while it drains: nothing was accepted.
            Ok(reply) if reply.status == 503 && reply.headers.contains_key("retry-after") => {}
            Ok(reply) => outcome.other.push(format!("{id}: {} {}", reply.status, reply.text())),
            Err(error) => {
                outcome.unanswered.push(id);
                if error.is_connect() {
                    return;
                }
            }
        }
    }
}

#[tokio::test]
async fn events_of_a_key_keep_their_order_over_several_connections() {
    const KEYS: u64 = 12;
    const STEPS: u64 = 40;
    let sales = Mesh::new("sales").contract(orders::CONTRACT, &[orders::SCHEMA]);
    sales.apply();
    let sidecar = sales.run().await;
    let clients: Vec<_> = (0..5).map(|_| client()).collect();

    // Every key's requests go one after the other, each over another connection and alternating between one event and
    // a batch; the keys run at the same time.
    let mut keys = JoinSet::new();
    for key in 0..KEYS {
        let (clients, url) = (clients.clone(), sidecar.events_url("orders"));
        keys.spawn(async move {
            for step in 0..STEPS {
                let events: Vec<_> = (0..1 + 4 * (step % 2))
                    .map(|position| {
                        let mut event = orders::order(key);
                        event["orderId"] = json!(format!("{key}-{step}-{position}"));
                        event["customerId"] = json!(format!("key-{key}"));
                        event["sequence"] = json!(step * 10 + position);
                        event
                    })
                    .collect();
                let client = &clients[((key + step) % 5) as usize];
                let request =
                    client.post(&url).header("content-type", "application/json").body(json!(events).to_string());
                let reply = Reply::of(request).await.expect("an answer comes");
                assert_eq!(reply.status, 200, "{}", reply.text());
            }
        });
    }
    while let Some(ended) = keys.join_next().await {
        ended.expect("every event is published");
    }

    let mut seen: HashMap<String, Vec<u64>> = HashMap::new();
    for record in sales.read_product("orders", 1).await {
        let sequence = record.json()["sequence"].as_u64().expect("a number");
        seen.entry(record.key_text().expect("a key").to_owned()).or_default().push(sequence);
    }
    assert_eq!(seen.len() as u64, KEYS);
    let expected: Vec<u64> =
        (0..STEPS).flat_map(|step| (0..1 + 4 * (step % 2)).map(move |position| step * 10 + position)).collect();
    for (key, sequences) in seen {
        assert_eq!(sequences, expected, "{key}");
    }
}
