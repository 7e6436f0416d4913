//! Three requests to try, as `curl` lines: one that is published, one that is refused, and a mixed batch.

use serde::Serialize;
use serde_json::{Map, Value, json};
use tidegate_contracts::{
    contract::Contract,
    plan::{BytesEncoding, JsonForm, Limits, Outcome, Plan, Verdict},
    schema::{Kind, Logical, Schema, TypeId},
};

/// A request to try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Try {
    /// What it shows.
    pub(super) shows: &'static str,
    /// The status it is answered with.
    pub(super) status: u16,
    /// The line for a shell.
    pub(super) command: String,
}

/// A good and a broken event of a product, as JSON.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Events {
    pub(super) good: String,
    pub(super) broken: String,
}

impl Events {
    /// Those of the sample mesh's orders.
    pub(super) fn of_sample() -> Self {
        let order = |id: &str, amount: &str| {
            format!(
                r#"{{"eventId":"01890a5d-ac96-774b-bcce-b302099a8057","orderId":"{id}","placedAt":"2026-01-15T10:30:00Z","status":"PLACED","customer":{{"id":"C-7"}},"total":{{"amount":"{amount}"}},"lines":[{{"sku":"TEA-1","quantity":2,"price":"12.45"}}]}}"#
            )
        };
        Self { good: order("A-1001", "24.90"), broken: order("1001", "a lot") }
    }

    /// Events made up for any contract, if some can be: a pattern, say, is more than can be made up.
    pub(super) fn make_up(contract: &Contract) -> Option<Self> {
        let plan = contract.plan(Limits::default()).ok()?;
        let latin1 = contract.bytes_encoding == BytesEncoding::Latin1;
        let good = example(&contract.schema, contract.schema.root(), latin1, 0)?.to_string();
        let broken = "{}".to_owned();
        (verdict(&plan, &good) == Verdict::Sound && verdict(&plan, &broken) != Verdict::Sound)
            .then_some(Self { good, broken })
    }

    /// The lines, for a product of the sidecar that listens there.
    pub(super) fn tries(&self, data: &str, product: &str) -> [Try; 3] {
        let curl = |body: &str| {
            // In single quotes a shell takes everything as it is, but for the quote itself.
            let body = body.replace('\'', r"'\''");
            format!("curl -i {data}/v1/products/{product}/events -H 'content-type: application/json' -d '{body}'")
        };
        let Self { good, broken } = self;
        let batch = format!("[{good},{broken}]");
        [
            Try { shows: "published: the receipt says where", status: 200, command: curl(good) },
            Try { shows: "refused: every violation is named", status: 422, command: curl(broken) },
            Try { shows: "a batch of both: each has its own receipt", status: 207, command: curl(&batch) },
        ]
    }
}

fn verdict(plan: &Plan, event: &str) -> Verdict {
    let mut outcome = Outcome::default();
    plan.encode_json(event.as_bytes(), JsonForm::Plain, &mut Vec::new(), &mut outcome)
}

/// A small value of a type: fields that have a default are left out. None when it would have no end.
fn example(schema: &Schema, id: TypeId, latin1: bool, depth: usize) -> Option<Value> {
    const DEEPEST: usize = 16;
    if depth > DEEPEST {
        return None;
    }
    let inside = |id| example(schema, id, latin1, depth + 1);
    let zeros = |size: usize| match latin1 {
        true => json!("\0".repeat(size)),
        false => json!("A".repeat((size * 4).div_ceil(3)) + &"=".repeat((3 - size % 3) % 3)),
    };
    let of = schema.get(id);
    Some(match (&of.kind, of.logical) {
        (_, Some(Logical::Decimal { .. })) => json!("1"),
        (_, Some(Logical::Uuid)) => json!("01890a5d-ac96-774b-bcce-b302099a8057"),
        (_, Some(Logical::Date)) => json!("2026-01-15"),
        (_, Some(Logical::TimeMillis | Logical::TimeMicros)) => json!("10:30:00"),
        (_, Some(Logical::TimestampMillis | Logical::TimestampMicros | Logical::TimestampNanos)) => {
            json!("2026-01-15T10:30:00Z")
        }
        (_, Some(Logical::LocalTimestampMillis | Logical::LocalTimestampMicros | Logical::LocalTimestampNanos)) => {
            json!("2026-01-15T10:30:00")
        }
        (_, Some(Logical::Duration)) => zeros(12),
        (Kind::Null, None) => Value::Null,
        (Kind::Boolean, None) => json!(true),
        (Kind::Int | Kind::Long | Kind::Float | Kind::Double, None) => json!(1),
        (Kind::Bytes, None) => zeros(3),
        (Kind::Fixed(fixed), None) => zeros(fixed.size),
        (Kind::String, None) => json!("example"),
        (Kind::Enum(of), None) => json!(of.symbols.iter().find(|symbol| of.default.as_ref() != Some(symbol))?),
        (Kind::Array(items), None) => Value::from(Vec::from_iter(inside(*items))),
        (Kind::Map(_), None) => json!({}),
        (Kind::Union(branches), None) => branches.iter().find_map(|branch| inside(*branch))?,
        (Kind::Record(record), None) => {
            let mut object = Map::new();
            for field in record.fields.iter().filter(|field| field.default.is_none()) {
                object.insert(field.name.clone(), inside(field.type_id)?);
            }
            Value::from(object)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::{mesh, traffic};
    use tidegate_contracts::contract::Policy;

    fn sample(domain: &str, product: &str) -> (Contract, Plan) {
        let contract = mesh::text(&format!("{domain}/contracts/{product}.odcs.yaml"));
        let read = |name: &str| Ok(mesh::text(&format!("{domain}/contracts/{name}")).to_owned());
        let parsed = Contract::parse(product, contract, &Policy::default(), &read);
        let contract = *parsed.contract.unwrap();
        let plan = contract.plan(Limits::default()).unwrap();
        (contract, plan)
    }

    #[test]
    fn the_samples_broken_order_breaks_two_clauses_at_once() {
        let (_, plan) = sample("sales", "orders");
        let Events { good, broken } = Events::of_sample();
        assert_eq!(verdict(&plan, &good), Verdict::Sound);
        let mut outcome = Outcome::default();
        plan.encode_json(broken.as_bytes(), JsonForm::Plain, &mut Vec::new(), &mut outcome);
        assert_eq!(outcome.violations.listed.len(), 2, "{:?}", outcome.violations);
    }

    #[test]
    fn sample_traffic_keeps_its_contracts_but_for_what_is_broken_on_purpose() {
        let products = [("sales", "orders"), ("sales", "customers"), ("risk", "scores")];
        let plans = products.map(|(domain, product)| (product, sample(domain, product).1));
        let mut broken = 0;
        for turn in 0..500 {
            let request = traffic::request(turn, &mut traffic::Luck::new());
            let (_, plan) = plans.iter().find(|(product, _)| *product == request.product).unwrap();
            let events = request.body.as_array().cloned().unwrap_or_else(|| vec![request.body.clone()]);
            for (at, event) in events.iter().enumerate() {
                let meant = turn % 10 == 2 || (turn % 10 == 6 && at == 1);
                assert_eq!(verdict(plan, &event.to_string()) == Verdict::Sound, !meant, "turn {turn}: {event}");
                broken += u32::from(meant);
            }
        }
        assert_eq!(broken, 100);
    }

    #[test]
    fn events_are_made_up_for_contracts_that_allow_it() {
        let (scores, _) = sample("risk", "scores");
        // The model's pattern is more than can be made up by knowing types; the customers' rules are not.
        let (customers, _) = sample("sales", "customers");
        assert_eq!(Events::make_up(&customers).map(|events| events.broken), Some("{}".to_owned()));
        assert!(Events::make_up(&scores).is_some_and(|events| events.good.contains(r#""score":1"#)));
        assert_eq!(Events::make_up(&sample("sales", "orders").0), None);
    }

    #[test]
    fn a_quote_in_an_event_does_not_end_the_line() {
        let events = Events { good: r#"{"a":"it's"}"#.into(), broken: "{}".into() };
        let [first, ..] = events.tries("http://127.0.0.1:7070", "orders");
        assert!(first.command.ends_with(r#"-d '{"a":"it'\''s"}'"#), "{}", first.command);
    }
}
