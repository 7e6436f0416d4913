//! What a schema is compiled to: a flat list of nodes that refer to each other by number.
//!
//! A type without rules or captures below it is compiled once and shared, recursion included; one on the way to a
//! rule gets nodes of its own for that path.

use super::{names::Names, temporal::Temporal};
use std::ops::Range;

/// Index of a [`Node`].
pub(super) type NodeId = u32;

/// One place of the event.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) op: Op,
    /// The rules on this value, in [`super::Plan`]'s list.
    pub(super) checks: Range<u32>,
}

/// What a value at a node must be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Op {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Temporal(Temporal),
    String,
    /// A UUID as text.
    Uuid,
    /// A UUID as 16 bytes.
    UuidFixed,
    Bytes,
    Fixed(u32),
    Duration,
    Decimal(Decimal),
    Enum(u32),
    Array(NodeId),
    Map(NodeId),
    /// A union of null and one other type: the common case, without any trying.
    Optional {
        item: NodeId,
        /// The branch of null, 0 or 1.
        null: u8,
        /// The same as a union, for Avro's tagged form.
        union: u32,
    },
    Union(u32),
    Record(u32),
}

/// A decimal's digits, and how it is stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Decimal {
    pub(super) precision: u32,
    pub(super) scale: u32,
    /// Bytes when it is fixed.
    pub(super) fixed: Option<u32>,
}

#[derive(Debug)]
pub(super) struct RecordPlan {
    pub(super) name: String,
    pub(super) fields: Vec<FieldPlan>,
    pub(super) names: Names,
    /// Fields whose place in the body is wanted, and under which number.
    pub(super) captures: Vec<(u32, u32)>,
    /// Fields with captures somewhere inside, and their numbers.
    pub(super) inner_captures: Vec<(u32, u32)>,
}

#[derive(Debug)]
pub(super) struct FieldPlan {
    pub(super) name: String,
    pub(super) node: NodeId,
    /// The encoded default, in [`super::Plan`]'s bytes.
    pub(super) default: Option<Range<u32>>,
    /// Whether there are rules or captures in it, which count for the default too.
    pub(super) watched: bool,
}

#[derive(Debug)]
pub(super) struct EnumPlan {
    pub(super) symbols: Vec<String>,
    pub(super) names: Names,
}

#[derive(Debug)]
pub(super) struct UnionPlan {
    pub(super) branches: Vec<BranchPlan>,
    /// Which branches could take a JSON value that begins like this, in order; indexed by [`Shape`].
    pub(super) by_shape: [Vec<u32>; 6],
}

#[derive(Debug)]
pub(super) struct BranchPlan {
    pub(super) node: NodeId,
    /// How Avro's own JSON tags it.
    pub(super) tag: String,
}

/// What a JSON value is, as its first byte tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Null,
    Boolean,
    Number,
    String,
    Object,
    Array,
}

impl Shape {
    pub(super) const ALL: [Shape; 6] =
        [Shape::Null, Shape::Boolean, Shape::Number, Shape::String, Shape::Object, Shape::Array];

    /// The shape of a value that begins with this byte.
    pub(super) fn of(first: u8) -> Option<Self> {
        Some(match first {
            b'n' => Self::Null,
            b't' | b'f' => Self::Boolean,
            b'-' | b'0'..=b'9' => Self::Number,
            b'"' => Self::String,
            b'{' => Self::Object,
            b'[' => Self::Array,
            _ => return None,
        })
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Number => "number",
            Self::String => "string",
            Self::Object => "object",
            Self::Array => "array",
        }
    }
}

impl Op {
    /// Whether plain JSON of this shape could be such a value. Unions are not asked: they cannot stand in unions.
    pub(super) fn takes(self, shape: Shape) -> bool {
        match self {
            Op::Null => shape == Shape::Null,
            Op::Boolean => shape == Shape::Boolean,
            Op::Int | Op::Long | Op::Float | Op::Double => shape == Shape::Number,
            Op::Temporal(_) | Op::Decimal(_) => matches!(shape, Shape::Number | Shape::String),
            Op::String | Op::Uuid | Op::UuidFixed | Op::Bytes | Op::Fixed(_) | Op::Duration | Op::Enum(_) => {
                shape == Shape::String
            }
            Op::Array(_) => shape == Shape::Array,
            Op::Map(_) | Op::Record(_) => shape == Shape::Object,
            Op::Optional { .. } | Op::Union(_) => true,
        }
    }
}
