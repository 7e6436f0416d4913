//! What the feeds share: a compiled-in schema, and records to and from Avro bodies.
//!
//! apache-avro does the writing and reading; these topics are far from the hot path. It is lenient with cut-off bodies
//! (an optional string that is missing reads as null) and generous with memory (512 MiB for what a length claims), so
//! every body is walked first, and is only read when it is one, to its last byte.

use super::FeedError;
use apache_avro::{
    Schema, reader::datum::GenericDatumReader, schema::ResolvedSchema, writer::datum::GenericDatumWriter,
};
use serde::{Serialize, de::DeserializeOwned};

/// One version of a feed's schema, compiled in.
pub(super) struct Codec {
    text: String,
    schema: Schema,
}

impl Codec {
    /// Of a schema file of ours. Panics when that is none, which the tests of each feed rule out.
    pub(super) fn new(text: &str) -> Self {
        let valid = "the feed schemas are compiled in, and tests parse each";
        let text = crate::schema::Schema::parse(text).expect(valid).text().to_owned();
        Self { schema: Schema::parse_str(&text).expect(valid), text }
    }

    /// The schema without white space, as it is registered.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The Avro body of a record.
    pub(super) fn encode<T: Serialize>(&self, record: &T) -> Vec<u8> {
        GenericDatumWriter::builder(&self.schema)
            .build()
            .and_then(|writer| writer.write_ser_to_vec(record))
            .expect("a feed's types and its schema agree, which the tests of each feed show for every variant")
    }

    /// The record of an Avro body.
    pub(super) fn decode<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, FeedError> {
        let garbage = |reason: &dyn std::fmt::Display| FeedError::Garbage(reason.to_string());
        let names = ResolvedSchema::try_from(&self.schema).map_err(|error| garbage(&error))?;
        let mut rest = body;
        walk(&self.schema, &names, &mut rest).map_err(|reason| garbage(&reason))?;
        if !rest.is_empty() {
            return Err(garbage(&format_args!("{} bytes after its end", rest.len())));
        }
        GenericDatumReader::builder(&self.schema)
            .resolved_writer_schemata(names)
            .build()
            .and_then(|reader| reader.read_deser(&mut &body[..]))
            .map_err(|error| garbage(&error))
    }
}

/// Moves `rest` past one value. What a length claims must be there, so nothing that passes asks for more memory than a
/// small multiple of the body. Feed schemas are not recursive, so the depth is theirs.
fn walk(schema: &Schema, names: &ResolvedSchema<'_>, rest: &mut &[u8]) -> Result<(), &'static str> {
    match schema {
        Schema::Null => Ok(()),
        Schema::Boolean => match take(rest, 1)?[0] {
            0 | 1 => Ok(()),
            _ => Err("a boolean that is neither"),
        },
        Schema::Int => i32::try_from(long(rest)?).map(|_| ()).map_err(|_| "an int out of range"),
        Schema::Long | Schema::TimestampMillis => long(rest).map(|_| ()),
        Schema::Double => take(rest, 8).map(|_| ()),
        Schema::Bytes => {
            let length = length(rest)?;
            take(rest, length).map(|_| ())
        }
        Schema::String => {
            let length = length(rest)?;
            std::str::from_utf8(take(rest, length)?).map(|_| ()).map_err(|_| "a string that is not UTF-8")
        }
        Schema::Enum(of) => match usize::try_from(long(rest)?) {
            Ok(symbol) if symbol < of.symbols.len() => Ok(()),
            _ => Err("a symbol that the enum does not have"),
        },
        Schema::Array(of) => items(rest, |rest| walk(&of.items, names, rest)),
        Schema::Map(of) => items(rest, |rest| {
            walk(&Schema::String, names, rest)?;
            walk(&of.types, names, rest)
        }),
        Schema::Union(of) => {
            let branch = usize::try_from(long(rest)?).ok().and_then(|branch| of.variants().get(branch));
            walk(branch.ok_or("a branch that the union does not have")?, names, rest)
        }
        Schema::Record(of) => of.fields.iter().try_for_each(|field| walk(&field.schema, names, rest)),
        Schema::Ref { name } => {
            let named = names.get_names().get(name).ok_or("a type that the schema does not have")?;
            walk(named, names, rest)
        }
        _ => Err("a type that feeds do not use"),
    }
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], &'static str> {
    let (taken, after) = rest.split_at_checked(length).ok_or("it is cut off")?;
    *rest = after;
    Ok(taken)
}

fn long(rest: &mut &[u8]) -> Result<i64, &'static str> {
    let mut zigzag = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = take(rest, 1)?[0];
        zigzag |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64));
        }
    }
    Err("a number of more than 64 bits")
}

fn length(rest: &mut &[u8]) -> Result<usize, &'static str> {
    usize::try_from(long(rest)?).map_err(|_| "a negative length")
}

/// The blocks of an array or a map. No item type of a feed is empty, so there are at most as many items as bytes.
fn items<'a>(
    rest: &mut &'a [u8],
    mut item: impl FnMut(&mut &'a [u8]) -> Result<(), &'static str>,
) -> Result<(), &'static str> {
    loop {
        let count = long(rest)?;
        if count < 0 {
            long(rest)?;
        }
        match usize::try_from(count.unsigned_abs()).map_err(|_| "it is cut off")? {
            0 => return Ok(()),
            count if count > rest.len() => return Err("it is cut off"),
            count => (0..count).try_for_each(|_| item(rest))?,
        }
    }
}

#[cfg(test)]
mod tests;
