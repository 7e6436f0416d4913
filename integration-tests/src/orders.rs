//! The product of most tests: an order of 21 fields, and events of it from a seed.

use serde_json::{Value, json};

/// The contract's file: key `customerId`, event id `orderId`, three partitions, quarantine.
pub const CONTRACT: (&str, &str) = ("orders.odcs.yaml", include_str!("../fixtures/orders.odcs.yaml"));

/// The schema's file.
pub const SCHEMA: (&str, &str) = ("orders.avsc", include_str!("../fixtures/orders.avsc"));

/// A sound order, the same for the same number, in the form of [`crate::avro_to_json`], so that it can be compared with
/// what is read back. Its id is `order-NUMBER`, its `sequence` the number.
pub fn order(number: u64) -> Value {
    let mut random = Random(number);
    let lines: Vec<Value> = (0..2 + random.below(2))
        .map(|_| {
            json!({
                "sku": format!("SKU-{:05}", random.below(100_000)),
                "quantity": 1 + random.below(9),
                "unitPrice": random.money(50_000),
            })
        })
        .collect();
    json!({
        "orderId": format!("order-{number}"),
        "customerId": format!("customer-{}", random.below(500)),
        "channel": random.one_of(&["WEB", "APP", "STORE", "PHONE"]),
        "status": random.one_of(&["PLACED", "PAID", "SHIPPED", "CANCELLED"]),
        "currency": random.one_of(&["EUR", "USD", "SEK"]),
        "total": random.money(1_000_000),
        "discount": random.sometimes(|random| json!(random.money(5_000))),
        "placedAt": 1_750_000_000_000 + random.below(1_000_000_000),
        "shippedAt": random.sometimes(|random| json!(1_751_000_000_000 + random.below(1_000_000_000))),
        "shippingAddress": random.address(),
        "billingAddress": random.sometimes(Random::address),
        "lines": lines,
        "attributes": {"campaign": format!("c{}", random.below(40)), "referrer": random.one_of(&["mail", "search", "none"])},
        "itemCount": lines.len(),
        "priority": random.below(5),
        "loyaltyPoints": random.below(1_000_000),
        "sequence": number,
        "weightKg": random.below(4_000) as f64 / 8.0,
        "gift": random.below(2) == 1,
        "coupon": random.sometimes(|random| json!(format!("SAVE{}", random.below(50)))),
        "note": random.sometimes(|_| json!("Bitte beim Nachbarn läuten: „Grüße“ 🎁")),
    })
}

/// The order of that number, broken in one of several ways, and the clauses it breaks, in the order of its JSON.
pub fn broken(number: u64) -> (Value, Vec<&'static str>) {
    let mut event = order(number);
    let clauses = match number % 6 {
        0 => {
            event["currency"] = json!("euro");
            event["itemCount"] = json!(0);
            vec!["pattern", "minimum"]
        }
        1 => {
            event["sequence"] = json!(12.5);
            vec!["range"]
        }
        2 => {
            event.as_object_mut().expect("an order is an object").remove("total");
            vec!["missing"]
        }
        3 => {
            event["channel"] = json!("FAX");
            vec!["symbol"]
        }
        4 => {
            event["total"] = json!("1.005");
            event["lines"] = json!([]);
            vec!["minItems", "precision"]
        }
        _ => {
            event["shippingAddress"] = json!("unknown");
            vec!["type"]
        }
    };
    (event, clauses)
}

/// SplitMix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound) as usize
    }

    fn one_of(&mut self, choices: &[&'static str]) -> &'static str {
        choices[self.below(choices.len() as u64)]
    }

    fn money(&mut self, cents: u64) -> String {
        let cents = self.below(cents);
        format!("{}.{:02}", cents / 100, cents % 100)
    }

    fn sometimes(&mut self, value: impl FnOnce(&mut Self) -> Value) -> Value {
        if self.below(2) == 0 { Value::Null } else { value(self) }
    }

    fn address(&mut self) -> Value {
        json!({
            "street": format!("{} Harbour Street", 1 + self.below(200)),
            "city": self.one_of(&["Bremen", "Göteborg", "Oostende"]),
            "postalCode": format!("{:05}", self.below(100_000)),
            "country": self.one_of(&["DE", "SE", "BE"]),
        })
    }
}
