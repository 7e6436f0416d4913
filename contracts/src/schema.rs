//! An Avro schema as a flat arena of types.
//!
//! apache-avro parses and checks the text; what the rest of Tidegate reads is this model, in which a named type stands
//! once and is referred to by its [`TypeId`], so that recursive schemas are plain.

use crate::path::FieldPath;

/// Index of a type within its [`Schema`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeId(pub u32);

/// A parsed Avro schema.
#[derive(Debug, Clone)]
pub struct Schema {
    text: String,
    types: Vec<Type>,
    root: TypeId,
}

/// One type of a schema.
#[derive(Debug, Clone, PartialEq)]
pub struct Type {
    /// Its structure.
    pub kind: Kind,
    /// Its logical type, when it is one that Avro knows and that fits the structure.
    pub logical: Option<Logical>,
}

/// The structure of a type.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// `null`
    Null,
    /// `boolean`
    Boolean,
    /// `int`
    Int,
    /// `long`
    Long,
    /// `float`
    Float,
    /// `double`
    Double,
    /// `bytes`
    Bytes,
    /// `string`
    String,
    /// `record`
    Record(Record),
    /// `enum`
    Enum(Enum),
    /// `fixed`
    Fixed(Fixed),
    /// `array` of items
    Array(TypeId),
    /// `map` of values
    Map(TypeId),
    /// `union` of branches
    Union(Vec<TypeId>),
}

/// A logical type on top of a [`Kind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Logical {
    /// `decimal` on bytes or fixed
    Decimal {
        /// Digits in all.
        precision: u32,
        /// Digits after the point.
        scale: u32,
    },
    /// `uuid` on string or fixed(16)
    Uuid,
    /// `date` on int
    Date,
    /// `time-millis` on int
    TimeMillis,
    /// `time-micros` on long
    TimeMicros,
    /// `timestamp-millis` on long
    TimestampMillis,
    /// `timestamp-micros` on long
    TimestampMicros,
    /// `timestamp-nanos` on long
    TimestampNanos,
    /// `local-timestamp-millis` on long
    LocalTimestampMillis,
    /// `local-timestamp-micros` on long
    LocalTimestampMicros,
    /// `local-timestamp-nanos` on long
    LocalTimestampNanos,
    /// `duration` on fixed(12)
    Duration,
}

/// A record type.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The full name.
    pub name: String,
    /// Full names it is also known by.
    pub aliases: Vec<String>,
    /// The documentation.
    pub doc: Option<String>,
    /// The fields in order.
    pub fields: Vec<Field>,
}

/// A field of a record.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// The name.
    pub name: String,
    /// Names it is also known by.
    pub aliases: Vec<String>,
    /// The documentation.
    pub doc: Option<String>,
    /// The default as the schema writes it.
    pub default: Option<serde_json::Value>,
    /// Its type.
    pub type_id: TypeId,
}

/// An enum type.
#[derive(Debug, Clone, PartialEq)]
pub struct Enum {
    /// The full name.
    pub name: String,
    /// Full names it is also known by.
    pub aliases: Vec<String>,
    /// The documentation.
    pub doc: Option<String>,
    /// The symbols in order.
    pub symbols: Vec<String>,
    /// What a reader takes for a symbol it does not know.
    pub default: Option<String>,
}

/// A fixed type.
#[derive(Debug, Clone, PartialEq)]
pub struct Fixed {
    /// The full name.
    pub name: String,
    /// Full names it is also known by.
    pub aliases: Vec<String>,
    /// Length in bytes.
    pub size: usize,
}

/// Why a text is not a usable Avro schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SchemaError {
    /// What is wrong.
    pub message: String,
    /// Where in the text, if that is known.
    pub position: Option<crate::diagnostic::Position>,
}

impl Schema {
    /// Parses an Avro schema.
    ///
    /// # Errors
    /// When the text is not JSON, not a schema, or one that could never be written (a record that contains itself
    /// without a way to end, a default that its field does not take, …).
    pub fn parse(_text: &str) -> Result<Self, SchemaError> {
        unimplemented!()
    }

    /// The schema's JSON, without insignificant white space and otherwise as written. This is what gets registered:
    /// docs, defaults, logical types and foreign attributes included (the Parsing Canonical Form would lose them).
    pub fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the Parsing Canonical Form, as lower-case hex: the same for schemas that encode alike.
    pub fn fingerprint(&self) -> String {
        unimplemented!()
    }

    /// The root type.
    pub fn root(&self) -> TypeId {
        self.root
    }

    /// The type behind an id of this schema.
    pub fn get(&self, id: TypeId) -> &Type {
        &self.types[id.0 as usize]
    }

    /// The full name of the root, when it is a named type.
    pub fn name(&self) -> Option<&str> {
        unimplemented!()
    }

    /// The type that stands at a path, looking through unions; and whether anything on the way there may be null.
    pub fn resolve(&self, _path: &FieldPath) -> Option<Resolved> {
        unimplemented!()
    }

    /// Every path of the schema in order, each named type once along any one path.
    pub fn paths(&self) -> Vec<(FieldPath, TypeId)> {
        unimplemented!()
    }

    /// The schema text of one of its types on its own, with every named type it needs defined where first used.
    pub fn text_of(&self, _id: TypeId) -> String {
        unimplemented!()
    }
}

/// What [`Schema::resolve`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved {
    /// The type, with a `[null, T]` union looked through.
    pub type_id: TypeId,
    /// Whether the value itself, or anything it stands in, may be null.
    pub nullable: bool,
}
