//! Encodes a field's default, as the schema writes it, into Avro.

use super::{Kind, Logical, Type, TypeId, logical};
use serde_json::Value;

/// A default may fill in further defaults, and those further ones; this many values and bytes at most.
const MAX_VALUES: u32 = 10_000;
const MAX_BYTES: usize = 1 << 20;
const MAX_DEPTH: u32 = 64;

/// Appends the default's encoding and tells which branch it took when the type is a union (else 0).
pub(crate) fn encode(types: &[Type], id: TypeId, value: &Value, out: &mut Vec<u8>) -> Result<usize, String> {
    Encoder { types, left: MAX_VALUES, end: out.len() + MAX_BYTES }.encode(id, value, out, 0)
}

/// Appends a number as Avro writes int and long.
pub(crate) fn put_long(value: i64, out: &mut Vec<u8>) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

struct Encoder<'a> {
    types: &'a [Type],
    left: u32,
    /// How long what it appends to may become.
    end: usize,
}

impl Encoder<'_> {
    fn encode(&mut self, id: TypeId, value: &Value, out: &mut Vec<u8>, depth: u32) -> Result<usize, String> {
        self.left = match self.left.checked_sub(1) {
            Some(left) if depth < MAX_DEPTH && out.len() <= self.end => left,
            _ => return Err("it fills in defaults without end".to_owned()),
        };
        let Type { kind, logical } = &self.types[id.0 as usize];
        let wrong = |wanted: &str| Err(format!("it has to be {wanted}"));
        match kind {
            Kind::Null => match value {
                Value::Null => {}
                _ => return wrong("null"),
            },
            Kind::Boolean => match value {
                Value::Bool(value) => out.push(u8::from(*value)),
                _ => return wrong("true or false"),
            },
            Kind::Int => match value.as_i64().and_then(|value| i32::try_from(value).ok()) {
                Some(value) => put_checked(i64::from(value), *logical, out)?,
                None => return wrong("a whole number in the range of int"),
            },
            Kind::Long => match value.as_i64() {
                Some(value) => put_checked(value, *logical, out)?,
                None => return wrong("a whole number in the range of long"),
            },
            Kind::Float => match value.as_f64().map(|value| value as f32).filter(|value| value.is_finite()) {
                Some(value) => out.extend(value.to_le_bytes()),
                None => return wrong("a number in the range of float"),
            },
            Kind::Double => match value.as_f64() {
                Some(value) => out.extend(value.to_le_bytes()),
                None => return wrong("a number"),
            },
            Kind::Bytes => {
                let bytes = latin1(value).ok_or("it has to be a string of characters up to U+00FF, one a byte")?;
                check_bytes(&bytes, *logical)?;
                put_long(bytes.len() as i64, out);
                out.extend(bytes);
            }
            Kind::Fixed(fixed) => match latin1(value).filter(|bytes| bytes.len() == fixed.size) {
                Some(bytes) => {
                    check_bytes(&bytes, *logical)?;
                    out.extend(bytes);
                }
                None => return wrong(&format!("a string of {} characters up to U+00FF, one a byte", fixed.size)),
            },
            Kind::String => match value.as_str() {
                Some(text) if *logical == Some(Logical::Uuid) && logical::uuid(text.as_bytes()).is_none() => {
                    return wrong("a UUID");
                }
                Some(text) => {
                    put_long(text.len() as i64, out);
                    out.extend(text.as_bytes());
                }
                None => return wrong("a string"),
            },
            Kind::Enum(of) => match of.symbols.iter().position(|symbol| value.as_str() == Some(symbol)) {
                Some(index) => put_long(index as i64, out),
                None => return wrong(&format!("a symbol of `{}`", of.name)),
            },
            Kind::Array(items) => {
                let Value::Array(values) = value else { return wrong("an array") };
                if !values.is_empty() {
                    put_long(values.len() as i64, out);
                }
                for value in values {
                    self.encode(*items, value, out, depth + 1)?;
                }
                out.push(0);
            }
            Kind::Map(of) => {
                let Value::Object(entries) = value else { return wrong("an object") };
                if !entries.is_empty() {
                    put_long(entries.len() as i64, out);
                }
                for (key, value) in entries {
                    put_long(key.len() as i64, out);
                    out.extend(key.as_bytes());
                    self.encode(*of, value, out, depth + 1)?;
                }
                out.push(0);
            }
            Kind::Union(branches) => {
                let start = out.len();
                let mut first = None;
                for (branch, id) in branches.iter().enumerate() {
                    put_long(branch as i64, out);
                    match self.encode(*id, value, out, depth + 1) {
                        Ok(_) => return Ok(branch),
                        Err(reason) => first.get_or_insert(reason),
                    };
                    out.truncate(start);
                }
                return Err(match (first, branches.len()) {
                    (Some(reason), 1) => reason,
                    _ => "no branch of the union takes it".to_owned(),
                });
            }
            Kind::Record(record) => {
                let Value::Object(entries) = value else { return wrong(&format!("an object like `{}`", record.name)) };
                for field in &record.fields {
                    let value = entries.get(&field.name).or(field.default.as_ref());
                    let value = value.ok_or_else(|| format!("it lacks the field `{}`", field.name))?;
                    self.encode(field.type_id, value, out, depth + 1)
                        .map_err(|reason| format!("{reason} (at `{}`)", field.name))?;
                }
            }
        }
        Ok(0)
    }
}

fn put_checked(value: i64, of: Option<Logical>, out: &mut Vec<u8>) -> Result<(), String> {
    if of.and_then(Logical::day_length).is_some_and(|length| !(0..length).contains(&value)) {
        return Err("it has to lie within one day".to_owned());
    }
    put_long(value, out);
    Ok(())
}

fn check_bytes(bytes: &[u8], of: Option<Logical>) -> Result<(), String> {
    match of {
        Some(Logical::Decimal { precision, .. }) if !logical::fits_precision(bytes, precision) => {
            Err(format!("it has to be a number of at most {precision} digits, as big-endian two's complement"))
        }
        _ => Ok(()),
    }
}

fn latin1(value: &Value) -> Option<Vec<u8>> {
    value.as_str()?.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect()
}
