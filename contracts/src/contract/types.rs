//! Which ODCS types agree with which Avro types. The table in `CONTRACT.md` is this one.

use crate::schema::{Kind, Logical, Schema, Type, TypeId};

/// ODCS's word for a type, and the Avro types that it may stand for.
pub(super) const AGREEMENT: &[(&str, &str)] = &[
    ("string", "`string`, `enum`, `bytes`, `fixed`, `uuid`, `duration`"),
    ("integer", "`int`, `long`, `decimal` of scale 0"),
    ("number", "`float`, `double`, `decimal`, `int`, `long`"),
    ("boolean", "`boolean`"),
    ("date", "`date`"),
    ("time", "`time-millis`, `time-micros`"),
    ("timestamp", "`timestamp-millis`, `-micros`, `-nanos`, and the `local-timestamp-` ones"),
    ("object", "`record`, `map`"),
    ("array", "`array`"),
];

/// Whether an ODCS logical type agrees with an Avro type. A union agrees when one of its branches does.
pub(super) fn logical_agrees(schema: &Schema, id: TypeId, logical: &str) -> bool {
    let of = schema.get(id);
    if let Kind::Union(branches) = &of.kind {
        return branches.iter().any(|branch| logical_agrees(schema, *branch, logical));
    }
    logical_of(of).contains(&logical)
}

/// The ODCS logical types that agree with an Avro type; the first is the one to recommend.
pub(super) fn logical_of(of: &Type) -> &'static [&'static str] {
    use Logical as L;
    match (&of.kind, of.logical) {
        (_, Some(L::Decimal { scale: 0, .. })) => &["number", "integer"],
        (_, Some(L::Decimal { .. })) => &["number"],
        (_, Some(L::Date)) => &["date"],
        (_, Some(L::TimeMillis | L::TimeMicros)) => &["time"],
        (
            _,
            Some(
                L::TimestampMillis
                | L::TimestampMicros
                | L::TimestampNanos
                | L::LocalTimestampMillis
                | L::LocalTimestampMicros
                | L::LocalTimestampNanos,
            ),
        ) => &["timestamp"],
        (_, Some(L::Uuid | L::Duration)) => &["string"],
        (Kind::String | Kind::Enum(_) | Kind::Bytes | Kind::Fixed(_), None) => &["string"],
        (Kind::Int | Kind::Long, None) => &["integer", "number"],
        (Kind::Float | Kind::Double, None) => &["number"],
        (Kind::Boolean, None) => &["boolean"],
        (Kind::Record(_) | Kind::Map(_), None) => &["object"],
        (Kind::Array(_), None) => &["array"],
        (Kind::Null | Kind::Union(_), None) => &[],
    }
}

/// Whether a physical type names an Avro type: its word, its logical type (a decimal with or without its precision
/// and scale), or its name with or without the namespace. A union is named by any of its branches, or as `union`.
pub(super) fn physical_agrees(schema: &Schema, id: TypeId, physical: &str) -> bool {
    let of = schema.get(id);
    if let Kind::Union(branches) = &of.kind {
        return physical == "union" || branches.iter().any(|branch| physical_agrees(schema, *branch, physical));
    }
    let squeezed: String = physical.chars().filter(|c| !c.is_whitespace()).collect();
    spellings(of).contains(&squeezed)
}

/// How an Avro type may be called as a physical type; the first is the one to recommend.
pub(super) fn spellings(of: &Type) -> Vec<String> {
    let mut spellings: Vec<String> = match of.logical {
        Some(Logical::Decimal { precision, scale }) => {
            vec![format!("decimal({precision},{scale})"), "decimal".to_owned()]
        }
        Some(logical) => vec![logical_name(logical).to_owned()],
        None => Vec::new(),
    };
    let (word, name) = match &of.kind {
        Kind::Record(record) => ("record", Some(&record.name)),
        Kind::Enum(of) => ("enum", Some(&of.name)),
        Kind::Fixed(fixed) => ("fixed", Some(&fixed.name)),
        other => (other.branch_name(), None),
    };
    spellings.push(word.to_owned());
    if let Some(name) = name {
        spellings.push(name.clone());
        spellings.push(name.rsplit('.').next().unwrap_or(name).to_owned());
    }
    spellings
}

/// An Avro type in a message.
pub(super) fn describe(schema: &Schema, id: TypeId) -> String {
    let of = schema.get(id);
    match &of.kind {
        Kind::Union(branches) => {
            let branches: Vec<String> = branches.iter().map(|branch| describe(schema, *branch)).collect();
            format!("a union of {}", branches.join(", "))
        }
        _ => format!("`{}`", spellings(of)[0]),
    }
}

fn logical_name(logical: Logical) -> &'static str {
    match logical {
        Logical::Decimal { .. } => "decimal",
        Logical::Uuid => "uuid",
        Logical::Date => "date",
        Logical::TimeMillis => "time-millis",
        Logical::TimeMicros => "time-micros",
        Logical::TimestampMillis => "timestamp-millis",
        Logical::TimestampMicros => "timestamp-micros",
        Logical::TimestampNanos => "timestamp-nanos",
        Logical::LocalTimestampMillis => "local-timestamp-millis",
        Logical::LocalTimestampMicros => "local-timestamp-micros",
        Logical::LocalTimestampNanos => "local-timestamp-nanos",
        Logical::Duration => "duration",
    }
}
