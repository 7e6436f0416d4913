//! An Avro schema as a flat arena of types.
//!
//! What the rest of Tidegate reads is this model, in which a named type stands once and is referred to by its
//! [`TypeId`], so that recursive schemas are plain. We read the text ourselves, because apache-avro forgets positions,
//! the order of attributes and where a namespace came from, and refuses defaults of recursive types; our tests hold
//! the two against each other.

mod defaults;
mod logical;
mod node;
mod paths;
mod read;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use defaults::{encode as encode_default, put_long};
pub(crate) use logical::{fits_precision, uuid};

use crate::{
    diagnostic::{Diagnostic, Level, Position},
    path::FieldPath,
};
use read::{Problem, Source};
use sha2::{Digest, Sha256};
use std::fmt;

/// A schema travels in messages to the registry and in the catalog.
const MAX_TEXT: usize = 1 << 20;

/// Index of a type within its [`Schema`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeId(pub u32);

/// A parsed Avro schema.
#[derive(Debug, Clone)]
pub struct Schema {
    /// Minified.
    text: String,
    types: Vec<Type>,
    /// Where each type stands in `text`.
    sources: Vec<Source>,
    root: TypeId,
    warnings: Vec<SchemaFinding>,
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

/// Why a text is not a usable Avro schema: everything that was found, in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaError {
    /// At least one; a text that is not JSON has just that.
    pub findings: Vec<SchemaFinding>,
}

/// What is wrong with a schema's text; or, as a warning, has no effect, or not everywhere the one it seems to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaFinding {
    /// What it is: lowercase, no full stop.
    pub message: String,
    /// The way out.
    pub hint: String,
    /// Where in the text.
    pub position: Position,
}

impl Schema {
    /// Parses an Avro schema.
    ///
    /// ```
    /// use tidegate_contracts::schema::Schema;
    ///
    /// let schema = Schema::parse(r#"{"type": "record", "name": "sales.Order", "fields": [
    ///     {"name": "id", "type": "string"},
    ///     {"name": "note", "type": ["null", "string"], "default": null}
    /// ]}"#).unwrap();
    /// assert_eq!(schema.name(), Some("sales.Order"));
    /// assert!(schema.resolve(&"note".parse().unwrap()).unwrap().nullable);
    ///
    /// let error = Schema::parse(r#"{"type": "map", "values": "strnig"}"#).unwrap_err();
    /// assert_eq!(error.findings[0].hint, "did you mean `string`?");
    /// assert_eq!(error.findings[0].position.column, 27);
    /// ```
    ///
    /// # Errors
    /// When the text is not JSON, not a schema, or one that could never be written (a record that contains itself
    /// without a way to end, a default that its field does not take, …): everything that is wrong, at once.
    pub fn parse(text: &str) -> Result<Self, SchemaError> {
        let whole = |message: String, hint: &str| {
            let position = Position { line: 1, column: 1 };
            SchemaError { findings: vec![SchemaFinding { message, hint: hint.to_owned(), position }] }
        };
        if text.len() > MAX_TEXT {
            let message = format!("a schema of more than {} KiB is not supported", MAX_TEXT / 1024);
            return Err(whole(
                message,
                "is it the right file? events of so many fields are better made several products",
            ));
        }
        // Some editors begin a file with a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let minified = node::minify(text);
        let finding = |Problem { at, message, hint }| {
            let position = position(text, node::original_offset(text, at));
            SchemaFinding { message, hint, position }
        };
        let all = |problems: Vec<Problem>| problems.into_iter().map(finding).collect();
        let node = node::Node::parse(&minified).map_err(|problem| vec![problem]);
        let read::Arena { types, sources, root, warnings } =
            node.and_then(|node| read::read(&node)).map_err(|problems| SchemaError { findings: all(problems) })?;
        let schema = Self { text: minified, types, sources, root, warnings: all(warnings) };
        match paths::all(&schema) {
            Some(_) => Ok(schema),
            None => {
                let message = format!("a schema of more than {} field paths is not supported", paths::MAX);
                Err(whole(message, "types that are used in many places multiply; leave some of them out"))
            }
        }
    }

    /// The schema's JSON, without insignificant white space and otherwise as written. This is what gets registered:
    /// docs, defaults, logical types and foreign attributes included (the Parsing Canonical Form would lose them).
    pub fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the Parsing Canonical Form, as lower-case hex: the same for schemas that encode alike.
    pub fn fingerprint(&self) -> String {
        Sha256::digest(self.canonical_form()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The Parsing Canonical Form: only what decides the encoding. For comparing; never for registering.
    pub fn canonical_form(&self) -> String {
        text::canonical(self)
    }

    /// The root type.
    pub fn root(&self) -> TypeId {
        self.root
    }

    /// The type behind an id of this schema.
    pub fn get(&self, id: TypeId) -> &Type {
        &self.types[id.0 as usize]
    }

    /// All types, so that [`TypeId`]s index them.
    pub(crate) fn types(&self) -> &[Type] {
        &self.types
    }

    /// The full name of the root, when it is a named type.
    pub fn name(&self) -> Option<&str> {
        let kind = &self.get(self.root).kind;
        kind.is_named().then(|| kind.branch_name())
    }

    /// What in the text has no effect, or not everywhere: logical types that Avro does not know or that do not fit,
    /// and the like. In the order of the text's types.
    pub fn warnings(&self) -> &[SchemaFinding] {
        &self.warnings
    }

    /// The type that stands at a path, looking through unions; and whether anything on the way there may be null.
    ///
    /// A step into a union of several records goes into the first one that has the rest of the path. What stands in
    /// only one of several branches may be absent, and counts as nullable too.
    pub fn resolve(&self, path: &FieldPath) -> Option<Resolved> {
        paths::resolve(self, path.steps())
    }

    /// Every path of the schema in order, each named type once along any one path. The event itself, whose path is
    /// empty, is not among them. The type is the one that [`Schema::resolve`] gives.
    pub fn paths(&self) -> Vec<(FieldPath, TypeId)> {
        paths::all(self).expect("parse has refused schemas of more paths")
    }

    /// The paths of enums that have no default. Under FORWARD and FULL compatibility such an enum can never gain a
    /// symbol, because readers of older versions would have nothing to take for it.
    pub fn enums_without_default(&self) -> Vec<FieldPath> {
        let bare = |id: &TypeId| matches!(&self.get(*id).kind, Kind::Enum(of) if of.default.is_none());
        let below = |id: TypeId| match &self.get(id).kind {
            Kind::Union(branches) => branches.iter().any(bare),
            _ => bare(&id),
        };
        let root = std::iter::once((FieldPath::default(), self.root));
        root.chain(self.paths()).filter(|(_, id)| below(*id)).map(|(path, _)| path).collect()
    }

    /// The schema text of one of its types on its own, with every named type it needs defined where first used.
    /// Everything else in it stands as this schema has it.
    pub fn text_of(&self, id: TypeId) -> String {
        text::of_type(self, id)
    }
}

impl SchemaFinding {
    /// The same about a file.
    pub fn of_file(&self, file: &str, level: Level) -> Diagnostic {
        let Self { message, hint, position } = self.clone();
        Diagnostic { level, code: "avro", file: file.to_owned(), position: Some(position), message, hint: Some(hint) }
    }
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, SchemaFinding { message, hint, position }) in self.findings.iter().enumerate() {
            let separator = if at > 0 { "; " } else { "" };
            write!(f, "{separator}line {}, column {}: {message} ({hint})", position.line, position.column)?;
        }
        Ok(())
    }
}

impl std::error::Error for SchemaError {}

/// What [`Schema::resolve`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved {
    /// The type, with a `[null, T]` union looked through.
    pub type_id: TypeId,
    /// Whether the value itself, or anything it stands in, may be null.
    pub nullable: bool,
}

impl Kind {
    /// Whether it has a name of its own: record, enum or fixed.
    pub fn is_named(&self) -> bool {
        matches!(self, Kind::Record(_) | Kind::Enum(_) | Kind::Fixed(_))
    }

    /// What a union's tagged form calls it: the full name of a named type, else the type's word.
    pub fn branch_name(&self) -> &str {
        match self {
            Kind::Null => "null",
            Kind::Boolean => "boolean",
            Kind::Int => "int",
            Kind::Long => "long",
            Kind::Float => "float",
            Kind::Double => "double",
            Kind::Bytes => "bytes",
            Kind::String => "string",
            Kind::Record(Record { name, .. }) | Kind::Enum(Enum { name, .. }) | Kind::Fixed(Fixed { name, .. }) => name,
            Kind::Array(_) => "array",
            Kind::Map(_) => "map",
            Kind::Union(_) => "union",
        }
    }
}

impl Logical {
    /// How many units a time of day has; `None` for everything else.
    pub(crate) fn day_length(self) -> Option<i64> {
        match self {
            Logical::TimeMillis => Some(86_400_000),
            Logical::TimeMicros => Some(86_400_000_000),
            _ => None,
        }
    }
}

fn position(text: &str, offset: usize) -> Position {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let count = |n: usize| u32::try_from(n + 1).unwrap_or(u32::MAX);
    Position { line: count(before.matches('\n').count()), column: count(before[line_start..].chars().count()) }
}
