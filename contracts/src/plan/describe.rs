//! What would be right, in words.

use super::{
    BytesEncoding, Plan,
    node::{Decimal, Op, UnionPlan},
};

/// Symbols and branches shown in one message.
const SHOWN: usize = 20;

impl Plan {
    /// What plain JSON must be here.
    pub(super) fn describe(&self, op: Op) -> String {
        self.describe_in(op, false)
    }

    /// The same for either form of JSON.
    pub(super) fn describe_in(&self, op: Op, avro_form: bool) -> String {
        let bytes = match self.bytes_encoding {
            BytesEncoding::Base64 if !avro_form => "base64",
            _ => "characters up to U+00FF, one a byte",
        };
        match op {
            Op::Null => "null".to_owned(),
            Op::Boolean => "boolean".to_owned(),
            Op::Int => "int: a whole number of 32 bits".to_owned(),
            Op::Long => "long: a whole number of 64 bits".to_owned(),
            Op::Float => "float".to_owned(),
            Op::Double => "double".to_owned(),
            Op::Temporal(of) => of.describe(),
            Op::String => "string".to_owned(),
            Op::Uuid | Op::UuidFixed if avro_form && op == Op::UuidFixed => format!("string of 16 bytes ({bytes})"),
            Op::Uuid | Op::UuidFixed => "UUID, as 8-4-4-4-12 hexadecimal digits".to_owned(),
            Op::Bytes => format!("string of bytes ({bytes})"),
            Op::Fixed(size) => format!("string of {size} bytes ({bytes})"),
            Op::Duration => format!("duration: ISO 8601 like `P1DT2H`, or 12 bytes ({bytes})"),
            Op::Decimal(Decimal { precision, scale, .. }) => format!("decimal({precision},{scale})"),
            Op::Enum(at) => format!("one of {}", list(self.enums[at as usize].symbols.iter().map(String::as_str))),
            Op::Array(_) => "array".to_owned(),
            Op::Map(_) => "object (a map)".to_owned(),
            Op::Record(at) => format!("object (`{}`)", self.records[at as usize].name),
            Op::Optional { item, .. } => format!("{}, or null", self.describe_in(self.node(item).op, avro_form)),
            Op::Union(at) => format!("a value of {}", self.describe_tags(&self.unions[at as usize])),
        }
    }

    /// A union's branches by name.
    pub(super) fn describe_tags(&self, union: &UnionPlan) -> String {
        list(union.branches.iter().map(|branch| branch.tag.as_str()))
    }
}

fn list<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    let more = if names.len() > SHOWN { ", …" } else { "" };
    let names: Vec<&str> = names.take(SHOWN).collect();
    format!("{}{more}", names.join(", "))
}
