//! Unions in which the order of the branches decides what a value becomes.

use super::{BytesEncoding, base64, number::Number, temporal::Temporal};
use crate::{
    path::FieldPath,
    schema::{self, Enum, Field, Fixed, Kind, Logical, Record, Schema, Type, TypeId},
};
use std::collections::HashMap;

/// Two branches of a union that both take some plain JSON value whole, so that the first one always wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmbiguousUnion {
    /// Where the union stands.
    pub path: FieldPath,
    /// The branch that takes such values.
    pub first: String,
    /// The branch that never gets them.
    pub second: String,
    /// Which values: `numbers`, `strings` or `objects`, `arrays`.
    pub values: &'static str,
}

/// The pairs of branches that plain JSON cannot tell apart, for every union of the schema; a bounded number of them.
///
/// ```
/// use tidegate_contracts::{plan::{BytesEncoding, ambiguous_unions}, schema::Schema};
///
/// let schema = Schema::parse(r#"["null", "string", {"type": "enum", "name": "Size", "symbols": ["S", "L"]}]"#).unwrap();
/// let found = ambiguous_unions(&schema, BytesEncoding::Base64);
/// assert_eq!((&*found[0].first, &*found[0].second, found[0].values), ("string", "Size", "strings"));
/// ```
pub fn ambiguous_unions(schema: &Schema, encoding: BytesEncoding) -> Vec<AmbiguousUnion> {
    let mut judge = Judge { schema, encoding, known: HashMap::new() };
    let mut unions: HashMap<TypeId, Vec<(TypeId, TypeId, &'static str)>> = HashMap::new();
    let mut found = Vec::new();
    for (path, id) in std::iter::once((FieldPath::default(), schema.root())).chain(schema.paths()) {
        let Kind::Union(branches) = &schema.get(id).kind else { continue };
        let pairs = unions.entry(id).or_insert_with(|| judge.pairs(branches));
        for (first, second, values) in pairs.iter().take(MAX_FOUND - found.len()) {
            let [first, second] = [first, second].map(|id| schema.get(*id).kind.branch_name().to_owned());
            found.push(AmbiguousUnion { path: path.clone(), first, second, values });
        }
    }
    found
}

/// So many pairs are named at most.
const MAX_FOUND: usize = 500;

struct Judge<'a> {
    schema: &'a Schema,
    encoding: BytesEncoding,
    /// Pairs that were judged; those being judged count as overlapping, so that recursion ends.
    known: HashMap<(TypeId, TypeId), Option<&'static str>>,
}

impl<'a> Judge<'a> {
    /// The pairs of branches that share values.
    fn pairs(&mut self, branches: &[TypeId]) -> Vec<(TypeId, TypeId, &'static str)> {
        let mut pairs = Vec::new();
        for (at, &second) in branches.iter().enumerate() {
            for &first in &branches[..at] {
                pairs.extend(self.overlap(first, second).map(|values| (first, second, values)));
            }
        }
        pairs
    }

    /// What values two types both take with nothing left over, if any.
    fn overlap(&mut self, a: TypeId, b: TypeId) -> Option<&'static str> {
        if let Some(known) = self.known.get(&(a, b)) {
            return *known;
        }
        self.known.insert((a, b), Some("values"));
        let found = self.judge(a, b);
        self.known.insert((a, b), found);
        found
    }

    fn judge(&mut self, a: TypeId, b: TypeId) -> Option<&'static str> {
        let (first, second) = (self.schema.get(a), self.schema.get(b));
        match (&first.kind, &second.kind) {
            (Kind::Union(branches), _) => branches.iter().find_map(|branch| self.overlap(*branch, b)),
            (_, Kind::Union(branches)) => branches.iter().find_map(|branch| self.overlap(a, *branch)),
            (Kind::Null, Kind::Null) => Some("null"),
            (Kind::Boolean, Kind::Boolean) => Some("booleans"),
            // Both take the empty array.
            (Kind::Array(_), Kind::Array(_)) => Some("arrays"),
            (Kind::Map(_), Kind::Map(_)) => Some("objects"),
            (Kind::Record(a), Kind::Record(b)) => (self.fills(a, b) && self.fills(b, a)).then_some("objects"),
            (Kind::Record(record), Kind::Map(values)) | (Kind::Map(values), Kind::Record(record)) => {
                let mut required = record.fields.iter().filter(|field| field.default.is_none());
                required.all(|field| self.overlap(field.type_id, *values).is_some()).then_some("objects")
            }
            _ if takes_number(first) && takes_number(second) => Some("numbers"),
            _ => (self.same_strings(first, second) || self.same_strings(second, first)).then_some("strings"),
        }
    }

    /// Whether some object that `a` takes whole has all that `b` requires.
    fn fills(&mut self, a: &'a Record, b: &'a Record) -> bool {
        let mut required = b.fields.iter().filter(|field| field.default.is_none());
        required.all(|wanted| {
            let other = a.fields.iter().find(|field: &&Field| field.name == wanted.name);
            other.is_some_and(|field| self.overlap(field.type_id, wanted.type_id).is_some())
        })
    }

    /// Whether two types share strings. Numbers, dates and times share numbers already and are not asked in pairs.
    fn same_strings(&self, a: &Type, b: &Type) -> bool {
        match (&a.kind, a.logical) {
            (Kind::String, None) => takes_string(b),
            (Kind::Enum(Enum { symbols, .. }), _) => symbols.iter().any(|symbol| self.takes_text(b, symbol)),
            (Kind::String | Kind::Fixed(_), Some(Logical::Uuid)) => {
                b.logical == Some(Logical::Uuid) || self.takes_text(b, "00000000-0000-0000-0000-000000000000")
            }
            (Kind::Bytes, None) => self.carries_bytes(b) || (takes_string(b) && self.encoding == BytesEncoding::Latin1),
            (Kind::Fixed(Fixed { size, .. }), None | Some(Logical::Duration)) => match &b.kind {
                Kind::Fixed(other) => self.carries_bytes(b) && other.size == *size,
                _ => self.carries_bytes(b) || (takes_string(b) && self.encoding == BytesEncoding::Latin1),
            },
            _ => false,
        }
    }

    /// Whether its strings are bytes, or can be digits, which are also base64.
    fn carries_bytes(&self, of: &Type) -> bool {
        match of.logical {
            None | Some(Logical::Duration) => matches!(of.kind, Kind::Bytes | Kind::Fixed(_)),
            Some(Logical::Decimal { .. }) => true,
            _ => false,
        }
    }

    fn takes_text(&self, of: &Type, text: &str) -> bool {
        let bytes = || match self.encoding {
            BytesEncoding::Latin1 => text.is_ascii().then_some(text.len()),
            BytesEncoding::Base64 => {
                let length = base64::length(text.as_bytes());
                length.filter(|_| base64::decode(text.as_bytes(), &mut Vec::new()).is_some())
            }
        };
        match (&of.kind, of.logical) {
            (_, Some(Logical::Uuid)) => schema::uuid(text.as_bytes()).is_some(),
            (_, Some(Logical::Decimal { scale, .. })) => {
                Number::parse(text.as_bytes()).is_some_and(|number| number.whole(scale).is_some())
            }
            (Kind::String, _) => true,
            (Kind::Enum(Enum { symbols, .. }), _) => symbols.iter().any(|symbol| symbol == text),
            (Kind::Bytes, _) => bytes().is_some(),
            (Kind::Fixed(Fixed { size, .. }), _) => bytes() == Some(*size),
            (_, Some(logical)) => Temporal::of(logical).is_some_and(|of| of.parse(text.as_bytes()).is_ok()),
            _ => false,
        }
    }
}

fn takes_number(of: &Type) -> bool {
    matches!(of.kind, Kind::Int | Kind::Long | Kind::Float | Kind::Double)
        || matches!(of.logical, Some(Logical::Decimal { .. }))
}

fn takes_string(of: &Type) -> bool {
    matches!(of.kind, Kind::String | Kind::Bytes | Kind::Fixed(_) | Kind::Enum(_))
        || of.logical.and_then(Temporal::of).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unions_that_json_cannot_tell_apart_are_named() {
        #[track_caller]
        fn check(union: &str, encoding: BytesEncoding, expected: &[(&str, &str, &str)]) {
            let text = format!(r#"{{"type":"record","name":"R","fields":[{{"name":"a","type":{union}}}]}}"#);
            let found = ambiguous_unions(&Schema::parse(&text).unwrap(), encoding);
            let found: Vec<_> = found.iter().map(|found| (&*found.first, &*found.second, found.values)).collect();
            assert_eq!(found, expected, "{union}");
        }
        use BytesEncoding::{Base64, Latin1};
        let record = |name: &str, fields: &str| {
            let fields: Vec<String> = fields
                .split_whitespace()
                .map(|field| match field.split_once('=') {
                    Some((name, default)) => format!(r#"{{"name":"{name}","type":"int","default":{default}}}"#),
                    None => format!(r#"{{"name":"{field}","type":"int"}}"#),
                })
                .collect();
            format!(r#"{{"type":"record","name":"{name}","fields":[{}]}}"#, fields.join(","))
        };
        let symbols = r#"{"type":"enum","name":"E","symbols":["OPEN","P1D"]}"#;
        let fixed = |name: &str, size: u32| format!(r#"{{"type":"fixed","name":"{name}","size":{size}}}"#);
        let date = r#"{"type":"int","logicalType":"date"}"#;
        let decimal = r#"{"type":"bytes","logicalType":"decimal","precision":9}"#;
        let uuid = r#"{"type":"string","logicalType":"uuid"}"#;
        for union in [
            r#"["null","string"]"#,
            r#"["null","boolean","int","string",{"type":"array","items":"int"},{"type":"map","values":"int"}]"#,
        ] {
            check(union, Base64, &[]);
        }
        check(r#"["int","double"]"#, Base64, &[("int", "double", "numbers")]);
        check(&format!(r#"["string",{symbols}]"#), Base64, &[("string", "E", "strings")]);
        check(&format!(r#"["string",{date}]"#), Base64, &[("string", "int", "strings")]);
        check(&format!(r#"[{date},"long"]"#), Base64, &[("int", "long", "numbers")]);
        check(&format!(r#"[{decimal},"double"]"#), Base64, &[("bytes", "double", "numbers")]);
        check(&format!(r#"[{symbols},"bytes"]"#), Base64, &[("E", "bytes", "strings")]);
        check(&format!(r#"[{symbols},{}]"#, fixed("F", 5)), Base64, &[]);
        check(&format!(r#"[{symbols},{}]"#, fixed("F", 4)), Latin1, &[("E", "F", "strings")]);
        check(&format!(r#"[{},{}]"#, fixed("F", 3), fixed("G", 3)), Base64, &[("F", "G", "strings")]);
        check(&format!(r#"[{},{}]"#, fixed("F", 3), fixed("G", 4)), Base64, &[]);
        check(&format!(r#"[{uuid},"bytes"]"#), Base64, &[]);
        check(&format!(r#"[{uuid},"bytes"]"#), Latin1, &[("string", "bytes", "strings")]);
        check(&format!("[{},{}]", record("A", "a b"), record("B", "a c")), Base64, &[]);
        check(&format!("[{},{}]", record("A", "a b=1"), record("B", "a c=1")), Base64, &[("A", "B", "objects")]);
        check(&format!("[{},{}]", record("A", "a"), record("B", "a b=1")), Base64, &[("A", "B", "objects")]);
        check(&format!("[{},{}]", record("A", "a=1"), record("B", "b=1")), Base64, &[("A", "B", "objects")]);
        let map = |values: &str| format!(r#"{{"type":"map","values":"{values}"}}"#);
        check(&format!("[{},{}]", record("A", "a"), map("long")), Base64, &[("A", "map", "objects")]);
        check(&format!("[{},{}]", record("A", "a"), map("string")), Base64, &[]);
        let list = |name: &str| {
            format!(r#"{{"type":"record","name":"{name}","fields":[{{"name":"next","type":["null","{name}"]}}]}}"#)
        };
        check(&format!("[{},{}]", list("L"), list("M")), Base64, &[("L", "M", "objects")]);
    }
}
