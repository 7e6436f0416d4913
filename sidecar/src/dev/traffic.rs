//! A little traffic for the sample mesh: orders, customers and scores, good ones and broken ones.

use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Between one request and the next.
const PAUSE: Duration = Duration::from_millis(500);

/// One request of the sample traffic.
#[derive(Debug)]
pub(super) struct Request {
    /// Which domain's sidecar takes it.
    pub(super) domain: &'static str,
    /// The product.
    pub(super) product: &'static str,
    /// An event, or an array of them.
    pub(super) body: Value,
}

/// Sends requests until it is cancelled. What becomes of them shows in the metrics; nothing waits for it here.
pub(super) async fn send(http: reqwest::Client, data: impl Fn(&str) -> Option<String>, stop: CancellationToken) {
    for turn in 0.. {
        let Request { domain, product, body } = request(turn, &mut Luck::new());
        if let Some(data) = data(domain) {
            let sent = http.post(format!("{data}/v1/products/{product}/events")).json(&body).send();
            tokio::select! {
                result = sent => {
                    if let Err(error) = result {
                        tracing::debug!(%error, "sample traffic did not get through");
                    }
                }
                () = stop.cancelled() => return,
            }
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// The request of a turn.
pub(super) fn request(turn: u64, luck: &mut Luck) -> Request {
    let sales = |product, body| Request { domain: "sales", product, body };
    match turn % 10 {
        2 => sales("orders", broken(order(luck), luck)),
        4 => sales("customers", customer(luck)),
        6 => sales("orders", json!([order(luck), broken(order(luck), luck), order(luck)])),
        8 => Request { domain: "risk", product: "scores", body: score(luck) },
        _ => sales("orders", order(luck)),
    }
}

/// Random numbers, enough of them for one request.
pub(super) struct Luck(u128);

impl Luck {
    pub(super) fn new() -> Self {
        Self(Uuid::new_v4().as_u128())
    }

    fn below(&mut self, limit: u64) -> u64 {
        // One step of Knuth's linear congruence, and its better half.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 64) as u64 % limit
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        // The index is below the length, which fits.
        all[self.below(all.len() as u64) as usize]
    }
}

fn millis() -> u64 {
    UNIX_EPOCH.elapsed().map_or(0, |since| since.as_millis() as u64)
}

fn order(luck: &mut Luck) -> Value {
    let quantity = 1 + luck.below(3);
    let (euros, cents) = (1 + luck.below(200), luck.below(100));
    let customer = luck.below(50);
    let price = format!("{euros}.{cents:02}");
    let total = (euros * 100 + cents) * quantity;
    let mut order = json!({
        "eventId": Uuid::now_v7(),
        "orderId": format!("A-{}", 1000 + luck.below(500)),
        "placedAt": millis(),
        "status": luck.of(&["PLACED", "PAID", "SHIPPED", "DELIVERED"]),
        "channel": luck.of(&["WEB", "APP", "SHOP"]),
        "customer": {"id": format!("C-{customer}"), "email": format!("c{customer}@example.com")},
        "total": {"amount": format!("{}.{:02}", total / 100, total % 100)},
        "lines": [{"sku": luck.of(&["TEA-1", "MUG-7", "POT-3"]), "quantity": quantity, "price": price}],
    });
    if luck.below(4) == 0 {
        order["coupon"] = json!("SPRING26");
    }
    order
}

/// The same with something wrong that a contract is there to catch.
fn broken(mut order: Value, luck: &mut Luck) -> Value {
    match luck.below(5) {
        0 => order["total"]["amount"] = json!("-5.00"),
        1 => order["status"] = json!("LOST"),
        2 => _ = order.as_object_mut().and_then(|order| order.remove("customer")),
        3 => order["lines"][0]["quantity"] = json!("two"),
        _ => {
            order["orderId"] = json!("1001");
            order["customer"]["email"] = json!("nobody");
        }
    }
    order
}

fn customer(luck: &mut Luck) -> Value {
    let id = luck.below(50);
    json!({
        "customerId": format!("C-{id}"),
        "name": luck.of(&["A. Sample", "B. Sample", "C. Sample"]),
        "email": format!("c{id}@example.com"),
        "segment": luck.of(&["PRIVATE", "BUSINESS"]),
        "since": format!("20{}-0{}-1{}", 10 + luck.below(15), 1 + luck.below(9), luck.below(10)),
        "newsletter": luck.below(2) == 0,
    })
}

fn score(luck: &mut Luck) -> Value {
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64);
    json!({
        "orderId": format!("A-{}", 1000 + luck.below(500)),
        "score": luck.below(100) as f64 / 100.0,
        "reasons": [luck.of(&["amount", "address", "velocity"])],
        "model": "sample-1",
        "scoredAt": micros,
    })
}
