//! The standard workload: every bench uses these events, so that figures compare.
//!
//! An order of 21 top-level fields, about 769 bytes of JSON and 270 of Avro. A seeded generator varies the values,
//! makes half of the nullable fields null, and shuffles the top-level fields when asked.

use crate::{
    plan::PlanOptions,
    rule::{Check, Literal, Rule},
};
use std::fmt::Write;

/// The schema of the orders.
pub const SCHEMA: &str = include_str!("workload/order.avsc");

/// The rules that every event is held against.
pub fn rules() -> Vec<Rule> {
    let number = |text: &str| Literal::Number(text.to_owned());
    let rule = |path: &str, check: Check| Rule {
        path: path.parse().expect("the paths below are written correctly"),
        check,
        position: None,
    };
    vec![
        rule("orderId", Check::MinLength(8)),
        rule("orderId", Check::MaxLength(36)),
        rule("total", Check::Minimum(number("0"))),
        rule("itemCount", Check::Minimum(number("1"))),
        rule("grossWeightKg", Check::ExclusiveMinimum(number("0"))),
        rule("shippingAddress.country", Check::Pattern("^[A-Z]{2}$".to_owned())),
        rule("lines", Check::MinItems(1)),
        rule("lines[].quantity", Check::Minimum(number("1"))),
        rule("lines[].sku", Check::MaxLength(24)),
    ]
}

/// The key and the event id.
pub fn options() -> PlanOptions {
    let path = |text: &str| text.parse().expect("a single name is a path");
    PlanOptions { key: vec![path("customerId")], event_id: Some(path("orderId")), ..PlanOptions::default() }
}

/// Makes orders. The same seed makes the same orders.
#[derive(Debug, Clone)]
pub struct Generator(u64);

/// The order of the top-level fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// As the schema has them.
    Schema,
    /// Another one for each event.
    Shuffled,
}

impl Generator {
    /// A generator with a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next order, as compact JSON.
    pub fn event(&mut self, order: Order) -> String {
        let mut fields = self.fields();
        if order == Order::Shuffled {
            for at in (1..fields.len()).rev() {
                fields.swap(at, self.below(at as u64 + 1) as usize);
            }
        }
        format!("{{{}}}", fields.join(","))
    }

    /// The next order with two violations of structure, one early and one late.
    pub fn broken_event(&mut self) -> String {
        let mut fields = self.fields();
        for field in &mut fields {
            if field.starts_with("\"status\"") {
                *field = r#""status":"LOST""#.to_owned();
            } else if field.starts_with("\"itemCount\"") {
                *field = r#""itemCount":2.5"#.to_owned();
            }
        }
        format!("{{{}}}", fields.join(","))
    }

    fn fields(&mut self) -> Vec<String> {
        let lines = 2 + self.below(2);
        let total = self.money();
        vec![
            format!(r#""orderId":"ord-{:016x}""#, self.next()),
            format!(r#""customerId":"cust-{:012}""#, self.below(50_000)),
            format!(r#""status":"{}""#, self.pick(&["OPEN", "PAID", "PACKED", "SHIPPED", "DELIVERED", "RETURNED"])),
            format!(r#""channel":"{}""#, self.pick(&["WEB", "APP", "STORE", "PARTNER"])),
            format!(r#""total":"{total}""#),
            self.nullable("discount", |of| format!("\"{}\"", of.money())),
            format!(r#""placedAt":{}"#, 1_700_000_000_000 + self.below(50_000_000_000)),
            self.nullable("shippedAt", |of| (1_700_000_000_000 + of.below(50_000_000_000)).to_string()),
            self.nullable("deliveryNote", |of| {
                format!("\"please leave the parcel with the neighbour at door {}\"", of.below(90))
            }),
            self.nullable("coupon", |of| format!("\"SPRING{}\"", of.below(90))),
            self.nullable("referrer", |of| format!("\"https://www.example.com/campaigns/{}\"", of.below(9000))),
            format!(r#""shippingAddress":{}"#, self.address()),
            self.nullable("billingAddress", Self::address),
            format!(r#""lines":[{}]"#, (0..lines).map(|_| self.line()).collect::<Vec<_>>().join(",")),
            format!(r#""attributes":{}"#, self.attributes()),
            format!(r#""itemCount":{}"#, 1 + self.below(9)),
            format!(r#""loyaltyPointsEarned":{}"#, self.below(5000)),
            format!(r#""sequenceNumber":{}"#, self.below(1 << 40)),
            format!(r#""warehouseNumber":{}"#, self.below(900)),
            format!(r#""grossWeightKg":{}.{}"#, self.below(30), 1 + self.below(999)),
            format!(r#""giftWrapped":{}"#, self.below(2) == 0),
        ]
    }

    fn line(&mut self) -> String {
        let (sku, quantity, price) = (self.next() >> 16, 1 + self.below(5), self.money());
        format!(r#"{{"sku":"SKU-{sku:012x}","quantity":{quantity},"unitPrice":"{price}"}}"#)
    }

    fn address(&mut self) -> String {
        let street = self.pick(&["Harbour Street", "Mill Lane", "Station Road", "Kirchgasse"]);
        let city = self.pick(&["Bremen", "Rotterdam", "Aarhus", "Gdynia"]);
        let (number, code) = (1 + self.below(200), 10_000 + self.below(89_999));
        let country = self.pick(&["DE", "NL", "DK", "PL"]);
        format!(r#"{{"street":"{street} {number}","city":"{city}","postalCode":"{code}","country":"{country}"}}"#)
    }

    fn attributes(&mut self) -> String {
        let mut text = String::from("{");
        for (at, name) in ["source", "device", "locale"].into_iter().take(1 + self.below(3) as usize).enumerate() {
            let comma = if at > 0 { "," } else { "" };
            let _ = write!(text, r#"{comma}"{name}":"{}""#, self.pick(&["mail", "phone", "de-DE", "none"]));
        }
        text.push('}');
        text
    }

    fn nullable(&mut self, name: &str, value: impl FnOnce(&mut Self) -> String) -> String {
        let value = if self.below(2) == 0 { "null".to_owned() } else { value(self) };
        format!(r#""{name}":{value}"#)
    }

    fn money(&mut self) -> String {
        format!("{}.{:02}", self.below(2000), self.below(100))
    }

    fn pick(&mut self, among: &[&'static str]) -> &'static str {
        among[self.below(among.len() as u64) as usize]
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        plan::{JsonForm, Outcome, Plan, Verdict},
        schema::Schema,
    };

    #[test]
    fn the_workload_is_as_large_as_it_says_and_sound() {
        let plan = Plan::compile(&Schema::parse(SCHEMA).unwrap(), &rules(), options()).unwrap();
        let (mut generator, mut outcome) = (Generator::new(1), Outcome::default());
        for order in [Order::Schema, Order::Shuffled] {
            let (mut json, mut avro) = (0, Vec::new());
            for _ in 0..1000 {
                let event = generator.event(order);
                json += event.len();
                let verdict = plan.encode_json(event.as_bytes(), JsonForm::Plain, &mut avro, &mut outcome);
                assert_eq!(verdict, Verdict::Sound, "{event}: {:?}", outcome.violations);
                assert!(outcome.undeclared.is_empty() && outcome.defaulted == 0);
            }
            assert!((740..800).contains(&(json / 1000)), "{} bytes of JSON", json / 1000);
            assert!((250..290).contains(&(avro.len() / 1000)), "{} bytes of Avro", avro.len() / 1000);
        }
        let event = generator.broken_event();
        let verdict = plan.encode_json(event.as_bytes(), JsonForm::Plain, &mut Vec::new(), &mut outcome);
        assert_eq!((verdict, outcome.violations.listed.len()), (Verdict::Broken, 2));
    }
}
