//! Receipts as JSON, and the status of the whole.

use super::{Kept, Receipt, Status};
use hyper::StatusCode;
use serde::{Serialize, Serializer, ser::SerializeSeq};
use tidegate_contracts::violation::Violation;

/// The body of a reply.
#[derive(Debug, Serialize)]
pub(super) struct Reply<'a> {
    items: Items<'a>,
}

/// The receipts of one request, as a JSON array.
#[derive(Debug, Clone, Copy)]
pub(super) struct Items<'a> {
    pub(super) receipts: &'a [Receipt],
    pub(super) topic: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item<'a> {
    id: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    partition: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema_id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    violations: &'a [Violation],
    #[serde(skip_serializing_if = "is_zero")]
    violations_more: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    quarantined: Option<bool>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    undeclared: &'a [String],
    #[serde(skip_serializing_if = "is_zero")]
    undeclared_more: u32,
}

impl<'a> Reply<'a> {
    pub(super) fn new(receipts: &'a [Receipt], topic: &'a str) -> Self {
        Self { items: Items { receipts, topic } }
    }

    pub(super) fn into_json(self) -> Vec<u8> {
        let mut json = Vec::with_capacity(32 + 160 * self.items.receipts.len());
        // Texts and numbers into memory: there is nothing that could fail.
        let _ = serde_json::to_writer(&mut json, &self);
        json
    }
}

/// The status of a request whose events ended so: their own where they all ended alike.
pub(super) fn status(receipts: &[Receipt]) -> StatusCode {
    let one = |receipt: &Receipt| match receipt.status {
        Status::Published { .. } => StatusCode::OK,
        Status::Rejected(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Status::Failed(_) => StatusCode::SERVICE_UNAVAILABLE,
        Status::Unknown(_) => StatusCode::GATEWAY_TIMEOUT,
    };
    let Some((first, rest)) = receipts.split_first() else { return StatusCode::OK };
    let status = one(first);
    if rest.iter().all(|receipt| one(receipt) == status) { status } else { StatusCode::MULTI_STATUS }
}

impl Serialize for Items<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut items = serializer.serialize_seq(Some(self.receipts.len()))?;
        for receipt in self.receipts {
            items.serialize_element(&Item::new(receipt, self.topic))?;
        }
        items.end()
    }
}

impl<'a> Item<'a> {
    fn new(receipt: &'a Receipt, topic: &'a str) -> Self {
        let mut item = Self {
            id: &receipt.id,
            status: "",
            topic: None,
            partition: None,
            offset: None,
            schema_id: None,
            reason: None,
            violations: &receipt.violations.listed,
            violations_more: receipt.violations.more,
            quarantined: None,
            undeclared: &receipt.undeclared,
            undeclared_more: receipt.undeclared_more,
        };
        match &receipt.status {
            Status::Published { partition, offset, schema_id } => {
                item.status = "published";
                item.topic = Some(topic);
                (item.partition, item.schema_id) = (Some(*partition), *schema_id);
                // The broker does not always say where it has what it acks.
                item.offset = Some(*offset).filter(|offset| *offset >= 0);
            }
            Status::Rejected(kept) => {
                item.status = "rejected";
                item.quarantined = Some(*kept == Kept::Quarantined);
                if let Kept::Lost(reason) = kept {
                    item.reason = Some(reason);
                }
            }
            Status::Failed(reason) => (item.status, item.reason) = ("failed", Some(reason.as_str())),
            Status::Unknown(reason) => (item.status, item.reason) = ("unknown", Some(reason.as_str())),
        }
        item
    }
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_contracts::violation::{Clause, Violations};

    fn receipt(id: &str, status: Status) -> Receipt {
        Receipt {
            id: id.to_owned(),
            status,
            violations: Violations::default(),
            undeclared: Vec::new(),
            undeclared_more: 0,
        }
    }

    fn published(id: &str) -> Receipt {
        receipt(id, Status::Published { partition: 3, offset: 41, schema_id: Some(7) })
    }

    fn rejected(id: &str, kept: Kept) -> Receipt {
        let violation = Violation {
            path: "total.amount".into(),
            position: None,
            clause: Clause::Minimum,
            expected: "at least 0".into(),
            found: "number".into(),
            hint: None,
        };
        let violations = Violations { listed: vec![violation], more: 2 };
        Receipt { violations, ..receipt(id, Status::Rejected(kept)) }
    }

    #[test]
    fn events_that_ended_alike_give_the_request_their_status() {
        fn check(receipts: &[Receipt], expected: u16) {
            assert_eq!(status(receipts).as_u16(), expected, "{receipts:?}");
        }
        let failed = || receipt("f", Status::Failed("no broker".into()));
        let unknown = || receipt("u", Status::Unknown("no ack in time".into()));
        check(&[], 200);
        check(&[published("a"), published("b")], 200);
        check(&[rejected("a", Kept::Quarantined), rejected("b", Kept::NotWanted)], 422);
        check(&[failed()], 503);
        check(&[unknown(), unknown()], 504);
        check(&[published("a"), rejected("b", Kept::NotWanted)], 207);
        check(&[failed(), unknown()], 207);
        check(&[unknown(), failed()], 207);
    }

    #[test]
    fn every_kind_of_receipt_is_written() {
        let receipts = [
            published("a"),
            Receipt {
                undeclared: vec!["colour".into()],
                undeclared_more: 1,
                violations: rejected("b", Kept::NotWanted).violations,
                ..published("b")
            },
            rejected("c", Kept::Quarantined),
            rejected("d", Kept::NotWanted),
            rejected("e", Kept::Lost("the queue to kafka is full".into())),
            receipt("f", Status::Failed("no broker".into())),
            receipt("g", Status::Unknown("no ack in time".into())),
            receipt("t", Status::Published { partition: 0, offset: -1, schema_id: None }),
        ];
        let json = String::from_utf8(Reply::new(&receipts, "sales.orders.v1").into_json()).unwrap();
        serde_json::from_str::<serde_json::Value>(&json).unwrap();
        insta::assert_snapshot!(json.replace("},{\"id\"", "},\n{\"id\""));
    }
}
