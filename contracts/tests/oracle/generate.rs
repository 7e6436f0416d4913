//! Random schemas, and random values of them in three forms at once.

use apache_avro::{Days, Decimal, Duration, Millis, Months, types::Value};
use serde_json::json;
use std::collections::HashMap;
use tidegate_contracts::schema::{Kind, Logical, Schema, TypeId};

/// Random choices, read from bytes. When there are none left, every choice is the first.
pub(crate) struct Entropy<'a>(pub(crate) &'a [u8]);

impl Entropy<'_> {
    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        let wide = if limit > 256 { usize::from(self.byte()) << 8 } else { 0 };
        (wide | usize::from(self.byte())) % limit
    }

    fn wide(&mut self) -> i128 {
        (0..16).fold(0, |sum, _| sum << 8 | i128::from(self.byte()))
    }

    /// Small numbers, any numbers, and the edges of a range.
    fn integer(&mut self, least: i64, most: i64) -> i64 {
        match self.below(5) {
            0 | 1 => (self.below(200) as i64 - 100).clamp(least, most),
            2 => least,
            3 => most,
            _ => {
                let span = i128::from(most) - i128::from(least) + 1;
                (i128::from(least) + self.wide().rem_euclid(span)) as i64
            }
        }
    }

    pub(crate) fn space(&mut self) -> &'static str {
        ["", "", "", " ", "\n\t", "\r  "][self.below(6)]
    }
}

/// The JSON of a random schema, valid by construction.
pub(crate) fn schema(entropy: &mut Entropy<'_>) -> String {
    let mut maker = SchemaMaker { entropy, named: Vec::new(), open: Vec::new() };
    let root = maker.record(3, "");
    root.to_string()
}

struct SchemaMaker<'a, 'b> {
    entropy: &'a mut Entropy<'b>,
    /// Full names that are complete.
    named: Vec<String>,
    /// Full names of records that are still open: to be used only where recursion can end.
    open: Vec<String>,
}

impl SchemaMaker<'_, '_> {
    fn name(&mut self, prefix: &str, namespace: &str) -> (serde_json::Value, String, String) {
        let simple = format!("{prefix}{}", self.named.len() + self.open.len());
        match self.entropy.below(4) {
            1 => (json!({"name": simple, "namespace": "x.y"}), format!("x.y.{simple}"), "x.y".to_owned()),
            2 => (json!({"name": format!("z.{simple}")}), format!("z.{simple}"), "z".to_owned()),
            _ if namespace.is_empty() => (json!({"name": simple}), simple, String::new()),
            _ => (json!({"name": simple}), format!("{namespace}.{simple}"), namespace.to_owned()),
        }
    }

    fn any(&mut self, depth: usize, namespace: &str) -> serde_json::Value {
        let primitives = ["int", "string", "long", "boolean", "double", "float", "bytes", "null"];
        match self.entropy.below(if depth == 0 { 16 } else { 24 }) {
            at @ 0..8 => json!(primitives[at]),
            8 => {
                let size = self.entropy.below(5);
                self.fixed(json!({"size": size}), namespace)
            }
            9 => self.enumeration(namespace),
            10 => {
                let precision = 1 + self.entropy.below(38);
                let scale = self.entropy.below(precision + 1);
                json!({"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale})
            }
            11 => {
                let precision = 1 + self.entropy.below(38);
                let size = precision / 2 + 2;
                self.fixed(json!({"size": size, "logicalType": "decimal", "precision": precision}), namespace)
            }
            12 => self.temporal(),
            13 => json!({"type": "string", "logicalType": "uuid"}),
            14 => self.fixed(json!({"size": 16, "logicalType": "uuid"}), namespace),
            15 => self.fixed(json!({"size": 12, "logicalType": "duration"}), namespace),
            16 | 17 => self.record(depth - 1, namespace),
            18 => json!({"type": "array", "items": self.inside(depth - 1, namespace)}),
            19 => json!({"type": "map", "values": self.inside(depth - 1, namespace)}),
            20 => self.optional(depth - 1, namespace),
            21 | 22 => self.union(depth - 1, namespace),
            _ => {
                let named = within_reach(&self.named, namespace);
                match named.len() {
                    0 => json!("int"),
                    count => json!(named[self.entropy.below(count)]),
                }
            }
        }
    }

    /// A type where recursion can end, so that an open record may stand here.
    fn inside(&mut self, depth: usize, namespace: &str) -> serde_json::Value {
        let open = within_reach(&self.open, namespace);
        if !open.is_empty() && self.entropy.below(3) == 1 {
            return json!(open[self.entropy.below(open.len())]);
        }
        self.any(depth, namespace)
    }

    fn temporal(&mut self) -> serde_json::Value {
        let all = [
            ("int", "date"),
            ("int", "time-millis"),
            ("long", "time-micros"),
            ("long", "timestamp-millis"),
            ("long", "timestamp-micros"),
            ("long", "timestamp-nanos"),
            ("long", "local-timestamp-millis"),
            ("long", "local-timestamp-micros"),
            ("long", "local-timestamp-nanos"),
        ];
        let (kind, logical) = all[self.entropy.below(all.len())];
        json!({"type": kind, "logicalType": logical})
    }

    fn fixed(&mut self, rest: serde_json::Value, namespace: &str) -> serde_json::Value {
        let (mut object, full, _) = self.name("F", namespace);
        self.named.push(full);
        object["type"] = json!("fixed");
        merge(&mut object, rest);
        object
    }

    fn enumeration(&mut self, namespace: &str) -> serde_json::Value {
        let (mut object, full, _) = self.name("E", namespace);
        self.named.push(full);
        let symbols = 1 + self.entropy.below(70);
        object["type"] = json!("enum");
        object["symbols"] = json!((0..symbols).map(|at| format!("S{at}")).collect::<Vec<_>>());
        object
    }

    fn optional(&mut self, depth: usize, namespace: &str) -> serde_json::Value {
        let other = self.inside(depth, namespace);
        match &other {
            serde_json::Value::Array(_) => other,
            null if *null == json!("null") => json!(["null", "int"]),
            _ if self.entropy.below(3) == 1 => json!([other, "null"]),
            _ => json!(["null", other]),
        }
    }

    fn union(&mut self, depth: usize, namespace: &str) -> serde_json::Value {
        let (mut branches, mut kinds) = (Vec::new(), Vec::new());
        for _ in 0..1 + self.entropy.below(5) {
            let before = self.named.len();
            let branch = self.any(depth, namespace);
            let kind = match &branch {
                serde_json::Value::Array(_) => String::new(),
                serde_json::Value::String(name) => name.clone(),
                object => match object["type"].as_str().unwrap() {
                    "record" | "enum" | "fixed" => self.named.last().unwrap().clone(),
                    kind => kind.to_owned(),
                },
            };
            if kind.is_empty() || kinds.contains(&kind) {
                // With the branch goes what was defined in it.
                self.named.truncate(before);
            } else {
                kinds.push(kind);
                branches.push(branch);
            }
        }
        match branches.is_empty() {
            true => json!(["int", "null"]),
            false => json!(branches),
        }
    }

    fn record(&mut self, depth: usize, namespace: &str) -> serde_json::Value {
        let (mut object, full, namespace) = self.name("R", namespace);
        self.open.push(full.clone());
        let count = self.entropy.below(if depth == 3 { 8 } else { 4 });
        let fields: Vec<_> = (0..count).map(|at| self.field(at, depth, &namespace)).collect();
        object["type"] = json!("record");
        object["fields"] = json!(fields);
        self.open.pop();
        self.named.push(full);
        object
    }

    fn field(&mut self, at: usize, depth: usize, namespace: &str) -> serde_json::Value {
        let name = match self.entropy.below(4) {
            1 => format!("a_field_with_a_rather_long_name_{at}"),
            2 => format!("f_{at}_of_some"),
            _ => format!("f{at}"),
        };
        let kind = match self.entropy.below(3) {
            1 if depth > 0 => self.optional(depth - 1, namespace),
            _ => self.any(depth, namespace),
        };
        let default = match kind.as_str().or(kind["type"].as_str()) {
            Some("int" | "long") => Some(json!(self.entropy.integer(0, 1000))),
            Some("string") if kind.is_string() => Some(json!("dé\"fault")),
            Some("boolean") => Some(json!(true)),
            Some("array") => Some(json!([])),
            Some("map") => Some(json!({})),
            Some("enum") => Some(json!("S0")),
            Some("null") => Some(json!(null)),
            _ if kind[0] == "null" => Some(json!(null)),
            _ => None,
        };
        match default {
            Some(default) if self.entropy.below(2) == 1 => json!({"name": name, "type": kind, "default": default}),
            _ => json!({"name": name, "type": kind}),
        }
    }
}

/// The names that can be written inside a namespace: one without any cannot.
fn within_reach(names: &[String], namespace: &str) -> Vec<String> {
    names.iter().filter(|name| namespace.is_empty() || name.contains('.')).cloned().collect()
}

fn merge(object: &mut serde_json::Value, rest: serde_json::Value) {
    let (Some(object), serde_json::Value::Object(rest)) = (object.as_object_mut(), rest) else { return };
    object.extend(rest);
}

/// One value in three forms.
pub(crate) struct Sample {
    /// Plain JSON.
    pub(crate) plain: String,
    /// Avro's own JSON.
    pub(crate) tagged: String,
    pub(crate) value: Value,
}

pub(crate) fn sample(schema: &Schema, entropy: &mut Entropy<'_>) -> Sample {
    SampleMaker { schema, entropy }.of(schema.root(), 12)
}

struct SampleMaker<'a, 'b> {
    schema: &'a Schema,
    entropy: &'a mut Entropy<'b>,
}

impl SampleMaker<'_, '_> {
    fn of(&mut self, id: TypeId, depth: usize) -> Sample {
        let schema = self.schema;
        let of = schema.get(id);
        let same = |text: String, value: Value| Sample { plain: text.clone(), tagged: text, value };
        match (&of.kind, of.logical) {
            (Kind::Null, _) => same("null".to_owned(), Value::Null),
            (Kind::Boolean, _) => {
                let value = self.entropy.below(2) == 1;
                same(value.to_string(), Value::Boolean(value))
            }
            (Kind::Int | Kind::Long, Some(logical)) => self.temporal(logical),
            (Kind::Int, None) => {
                let value = self.entropy.integer(i32::MIN.into(), i32::MAX.into());
                same(self.integer_text(value), Value::Int(value as i32))
            }
            (Kind::Long, None) => {
                let value = self.entropy.integer(i64::MIN, i64::MAX);
                same(self.integer_text(value), Value::Long(value))
            }
            (Kind::Float, _) => {
                let value = f32::from_bits(self.entropy.wide() as u32);
                let value = if value.is_finite() { value } else { 1.5 };
                same(format!("{value:?}"), Value::Float(value))
            }
            (Kind::Double, _) => {
                let value = f64::from_bits(self.entropy.wide() as u64);
                let value = if value.is_finite() { value } else { -2.5e-7 };
                same(format!("{value:?}"), Value::Double(value))
            }
            (Kind::String, Some(_)) | (Kind::Fixed(_), Some(Logical::Uuid)) => {
                let uuid = apache_avro::Uuid::from_u128(self.entropy.wide() as u128);
                let plain = format!("\"{uuid}\"");
                let tagged = match of.kind {
                    Kind::String => plain.clone(),
                    _ => latin1(uuid.as_bytes()),
                };
                Sample { plain, tagged, value: Value::Uuid(uuid) }
            }
            (Kind::String, None) => {
                let text = self.text();
                same(self.string(&text), Value::String(text))
            }
            (Kind::Bytes | Kind::Fixed(_), Some(Logical::Decimal { precision, scale })) => {
                let size = match &of.kind {
                    Kind::Fixed(fixed) => Some(fixed.size),
                    _ => None,
                };
                self.decimal(precision, scale, size)
            }
            (Kind::Fixed(_), Some(Logical::Duration)) => {
                let parts = [0; 3].map(|_| self.entropy.wide() as u32);
                let [months, days, millis] = parts;
                let bytes: Vec<u8> = parts.iter().flat_map(|part| part.to_le_bytes()).collect();
                let plain = match self.entropy.below(2) {
                    0 => format!("\"P{months}M{days}DT{}.{:03}S\"", millis / 1000, millis % 1000),
                    _ => base64(&bytes),
                };
                let value = Duration::new(Months::new(months), Days::new(days), Millis::new(millis));
                Sample { plain, tagged: latin1(&bytes), value: Value::Duration(value) }
            }
            (Kind::Bytes, _) => {
                let bytes: Vec<u8> = (0..self.entropy.below(6)).map(|_| self.entropy.byte()).collect();
                Sample { plain: base64(&bytes), tagged: latin1(&bytes), value: Value::Bytes(bytes) }
            }
            (Kind::Fixed(fixed), _) => {
                let bytes: Vec<u8> = (0..fixed.size).map(|_| self.entropy.byte()).collect();
                Sample { plain: base64(&bytes), tagged: latin1(&bytes), value: Value::Fixed(fixed.size, bytes) }
            }
            (Kind::Enum(of), _) => {
                let at = self.entropy.below(of.symbols.len());
                same(format!("\"{}\"", of.symbols[at]), Value::Enum(at as u32, of.symbols[at].clone()))
            }
            (Kind::Array(items), _) => {
                let count = self.count(depth);
                let items: Vec<Sample> = (0..count).map(|_| self.of(*items, depth.saturating_sub(1))).collect();
                let plain = self.join('[', items.iter().map(|item| item.plain.clone()).collect(), ']');
                let tagged = self.join('[', items.iter().map(|item| item.tagged.clone()).collect(), ']');
                Sample { plain, tagged, value: Value::Array(items.into_iter().map(|item| item.value).collect()) }
            }
            (Kind::Map(values), _) => {
                let mut entries = HashMap::new();
                let (mut plain, mut tagged) = (Vec::new(), Vec::new());
                for _ in 0..self.count(depth) {
                    let key = self.text();
                    if entries.contains_key(&key) {
                        continue;
                    }
                    let sample = self.of(*values, depth.saturating_sub(1));
                    plain.push(self.entry(&key, &sample.plain));
                    tagged.push(self.entry(&key, &sample.tagged));
                    entries.insert(key, sample.value);
                }
                let (plain, tagged) = (self.join('{', plain, '}'), self.join('{', tagged, '}'));
                Sample { plain, tagged, value: Value::Map(entries) }
            }
            (Kind::Union(branches), _) => {
                let null = branches.iter().position(|branch| schema.get(*branch).kind == Kind::Null);
                let at = match (depth, null) {
                    // Where a record can end, it has to, some time.
                    (0, Some(null)) => null,
                    _ => self.entropy.below(branches.len()),
                };
                let sample = self.of(branches[at], depth.saturating_sub(1));
                let tagged = match schema.get(branches[at]).kind.branch_name() {
                    "null" => sample.tagged,
                    name => format!("{{{}}}", self.entry(name, &sample.tagged)),
                };
                Sample { plain: sample.plain, tagged, value: Value::Union(at as u32, Box::new(sample.value)) }
            }
            (Kind::Record(record), _) => {
                let (mut plain, mut tagged, mut values) = (Vec::new(), Vec::new(), Vec::new());
                for field in &record.fields {
                    if let Some(default) = &field.default
                        && self.entropy.below(2) == 1
                    {
                        values.push((field.name.clone(), self.default(field.type_id, default)));
                        continue;
                    }
                    let sample = self.of(field.type_id, depth.saturating_sub(1));
                    plain.push(self.entry(&field.name, &sample.plain));
                    tagged.push(self.entry(&field.name, &sample.tagged));
                    values.push((field.name.clone(), sample.value));
                }
                self.shuffle(&mut plain);
                self.shuffle(&mut tagged);
                let (plain, tagged) = (self.join('{', plain, '}'), self.join('{', tagged, '}'));
                Sample { plain, tagged, value: Value::Record(values) }
            }
        }
    }

    /// The value of a default that [`SchemaMaker::field`] makes.
    fn default(&self, id: TypeId, default: &serde_json::Value) -> Value {
        let of = self.schema.get(id);
        let number = || default.as_i64().unwrap();
        match (&of.kind, of.logical) {
            (Kind::Union(branches), _) => Value::Union(0, Box::new(self.default(branches[0], default))),
            (Kind::Int | Kind::Long, Some(logical)) => temporal_value(logical, number()),
            (Kind::Int, _) => Value::Int(number() as i32),
            (Kind::Long, _) => Value::Long(number()),
            (Kind::Null, _) => Value::Null,
            (Kind::Boolean, _) => Value::Boolean(true),
            (Kind::String, _) => Value::String(default.as_str().unwrap().to_owned()),
            (Kind::Array(_), _) => Value::Array(Vec::new()),
            (Kind::Map(_), _) => Value::Map(HashMap::new()),
            (Kind::Enum(_), _) => Value::Enum(0, "S0".to_owned()),
            other => panic!("no default is made for {other:?}"),
        }
    }

    fn count(&mut self, depth: usize) -> usize {
        match depth {
            0 => 0,
            _ => [0, 1, 2, 3, 70][self.entropy.below(if depth > 10 { 5 } else { 4 })],
        }
    }

    fn integer_text(&mut self, value: i64) -> String {
        match self.entropy.below(4) {
            1 => format!("{value}.0"),
            2 => format!("{value}.000E+0"),
            3 if value != 0 => format!("{value}0e-1"),
            _ => value.to_string(),
        }
    }

    fn text(&mut self) -> String {
        let palette = ["a", "b", "xyz", "\"", "\\", "é", "€", "😀", "\u{0}", "\n", "/", " ", "0123456789abcdef"];
        (0..self.entropy.below(6)).map(|_| palette[self.entropy.below(palette.len())]).collect()
    }

    /// JSON of a string, with or without more escapes than needed.
    fn string(&mut self, text: &str) -> String {
        match self.entropy.below(3) {
            1 => format!("\"{}\"", text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<String>()),
            _ => serde_json::to_string(text).unwrap(),
        }
    }

    fn entry(&mut self, key: &str, value: &str) -> String {
        let key = self.string(key);
        format!("{key}{}:{}{value}", self.entropy.space(), self.entropy.space())
    }

    fn join(&mut self, open: char, parts: Vec<String>, close: char) -> String {
        let mut text = String::from(open);
        for (at, part) in parts.iter().enumerate() {
            text.push_str(if at > 0 { "," } else { "" });
            text.push_str(self.entropy.space());
            text.push_str(part);
            text.push_str(self.entropy.space());
        }
        text.push(close);
        text
    }

    fn shuffle(&mut self, parts: &mut [String]) {
        if self.entropy.below(2) == 1 {
            for at in (1..parts.len()).rev() {
                parts.swap(at, self.entropy.below(at + 1));
            }
        }
    }

    fn decimal(&mut self, precision: u32, scale: u32, size: Option<usize>) -> Sample {
        let limit = 10i128.pow(precision);
        let unscaled = match self.entropy.below(4) {
            0 => (self.entropy.below(300) as i128 - 150).clamp(1 - limit, limit - 1),
            1 => limit - 1,
            2 => 1 - limit,
            _ => self.entropy.wide() % limit,
        };
        let digits = format!("{:0width$}", unscaled.unsigned_abs(), width = scale as usize + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale as usize);
        let sign = if unscaled < 0 { "-" } else { "" };
        let number = match (self.entropy.below(3), fraction) {
            (1, _) => format!("{sign}{}e-{scale}", digits.trim_start_matches('0').parse::<u128>().unwrap_or(0)),
            (_, "") => format!("{sign}{whole}"),
            (0, _) => format!("{sign}{whole}.{fraction}"),
            _ => format!("{sign}{whole}.{fraction}00"),
        };
        let plain = if self.entropy.below(2) == 0 { format!("\"{number}\"") } else { number };
        let bytes = match size {
            // Sign extended to the size.
            Some(size) => {
                let fill = if unscaled < 0 { 0xff } else { 0 };
                let wide: Vec<u8> = [fill; 64].into_iter().chain(unscaled.to_be_bytes()).collect();
                wide[wide.len() - size..].to_vec()
            }
            None => {
                let bytes = unscaled.to_be_bytes();
                let redundant = |pair: &&[u8]| (pair[0] == 0 && pair[1] < 0x80) || (pair[0] == 0xff && pair[1] >= 0x80);
                bytes[bytes.windows(2).take_while(redundant).count()..].to_vec()
            }
        };
        Sample { plain, tagged: latin1(&bytes), value: Value::Decimal(Decimal::from(bytes)) }
    }

    fn temporal(&mut self, logical: Logical) -> Sample {
        let day = 86_400i64;
        // From the year 0 to 9999, as far as ISO 8601 goes without agreement, and as far as the unit reaches.
        let (first, last) = (-719_528i64, 2_932_896i64);
        let (unit, date, zone) = match logical {
            Logical::Date => (0, true, ""),
            Logical::TimeMillis => (3, false, ""),
            Logical::TimeMicros => (6, false, ""),
            Logical::TimestampMillis => (3, true, "Z"),
            Logical::TimestampMicros => (6, true, "Z"),
            Logical::TimestampNanos => (9, true, "Z"),
            Logical::LocalTimestampMillis => (3, true, ""),
            Logical::LocalTimestampMicros => (6, true, ""),
            Logical::LocalTimestampNanos => (9, true, ""),
            other => panic!("{other:?} is not temporal"),
        };
        let per_second = 10i64.pow(unit);
        let (least, most) = match (logical, date) {
            (Logical::Date, _) => (first, last),
            (_, false) => (0, day * per_second - 1),
            _ if unit == 9 => (i64::MIN, i64::MAX),
            _ => (first * day * per_second, (last + 1) * day * per_second - 1),
        };
        let value = self.entropy.integer(least, most);
        let tagged = value.to_string();
        let (days, rest) = match logical {
            Logical::Date => (value, 0),
            _ if date => (value.div_euclid(day * per_second), value.rem_euclid(day * per_second)),
            _ => (0, value),
        };
        let (seconds, parts) = (rest / per_second, rest % per_second);
        let time = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
        let time = match (unit, parts) {
            (0, _) => String::new(),
            (_, 0) => time,
            _ => format!("{time}.{parts:0width$}", width = unit as usize),
        };
        let text = match (date, unit) {
            (true, 0) => calendar(days),
            (true, _) => format!("{}T{time}{zone}", calendar(days)),
            (false, _) => time,
        };
        let plain = if self.entropy.below(2) == 0 { format!("\"{text}\"") } else { tagged.clone() };
        Sample { plain, tagged, value: temporal_value(logical, value) }
    }
}

fn temporal_value(logical: Logical, value: i64) -> Value {
    match logical {
        Logical::Date => Value::Date(value as i32),
        Logical::TimeMillis => Value::TimeMillis(value as i32),
        Logical::TimeMicros => Value::TimeMicros(value),
        Logical::TimestampMillis => Value::TimestampMillis(value),
        Logical::TimestampMicros => Value::TimestampMicros(value),
        Logical::TimestampNanos => Value::TimestampNanos(value),
        Logical::LocalTimestampMillis => Value::LocalTimestampMillis(value),
        Logical::LocalTimestampMicros => Value::LocalTimestampMicros(value),
        Logical::LocalTimestampNanos => Value::LocalTimestampNanos(value),
        other => panic!("{other:?} is not temporal"),
    }
}

/// The date of a day, found the slow way: year by year and month by month.
fn calendar(days: i64) -> String {
    let (mut year, mut left) = (0, days + 719_528);
    let cycles = left / 146_097;
    (year, left) = (year + 400 * cycles, left - 146_097 * cycles);
    let leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    while left >= 365 + i64::from(leap(year)) {
        left -= 365 + i64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + i64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while left >= lengths[month] {
        left -= lengths[month];
        month += 1;
    }
    format!("{year:04}-{:02}-{:02}", month + 1, left + 1)
}

fn latin1(bytes: &[u8]) -> String {
    serde_json::to_string(&bytes.iter().map(|byte| char::from(*byte)).collect::<String>()).unwrap()
}

fn base64(bytes: &[u8]) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::from("\"");
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().chain(&[0; 3]).take(3).fold(0u32, |sum, byte| sum << 8 | u32::from(*byte));
        for at in 0..4 {
            match at <= chunk.len() {
                true => text.push(char::from(alphabet[(bits >> (18 - 6 * at)) as usize & 63])),
                false => text.push('='),
            }
        }
    }
    text.push('"');
    text
}
