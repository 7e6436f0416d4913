//! From text to a tree, by the parser's events.

use super::{Entry, Node, Problem, Scalar, Style, Value, is_json_number};
use crate::diagnostic::Position;
use granit_parser::{Event, Marker, Parser, ScalarStyle};
use std::collections::HashMap;

/// The longest text that is read, in bytes.
pub const MAX_BYTES: usize = 4 << 20;
/// The deepest nesting of mappings and sequences.
pub const MAX_DEPTH: usize = 64;
/// The most nodes a tree may have, aliases expanded.
pub const MAX_NODES: usize = 200_000;
/// The most problems that are listed of one text.
const MAX_PROBLEMS: usize = 100;

/// Reads one YAML document.
///
/// # Errors
/// Every problem of the text. Syntax errors end the reading; others are collected.
pub fn parse(text: &str) -> Result<Node, Vec<Problem>> {
    match parse_lenient(text) {
        (Some(node), problems) if problems.is_empty() => Ok(node),
        (_, problems) => Err(problems),
    }
}

/// Reads one YAML document as far as it makes sense: the tree may be there in spite of problems, so that what it says
/// can be checked in the same pass. No tree comes with at least one problem.
pub fn parse_lenient(text: &str) -> (Option<Node>, Vec<Problem>) {
    let mut builder = Builder::default();
    let node = match builder.read(text) {
        Ok(node) => Some(node),
        Err(fatal) => {
            builder.problems.push(fatal);
            None
        }
    };
    builder.problems.sort_by_key(|problem| problem.position);
    (node, builder.problems)
}

/// Whether YAML readers take an unquoted text for a number that JSON does not have: `+1`, `.5`, `1.`, `007`, `0x1F`,
/// `0o17`, `.inf`, `.nan`. They disagree on several of these, so we take none of them.
fn is_number_to_yaml_only(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let all = |text: &str, radix: u32| !text.is_empty() && text.chars().all(|c| c.is_digit(radix));
    if let Some(digits) = unsigned.strip_prefix("0x") {
        return all(digits, 16);
    }
    if let Some(digits) = unsigned.strip_prefix("0o") {
        return all(digits, 8);
    }
    if matches!(unsigned, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    if !unsigned.starts_with(|c: char| c == '.' || c.is_ascii_digit()) || is_json_number(text) {
        return false;
    }
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    all(&format!("{whole}{fraction}"), 10) && all(exponent, 10)
}

/// What may still be added to a tree.
#[derive(Debug)]
struct Budget {
    nodes: usize,
    bytes: usize,
}

/// A collection that is being read.
#[derive(Debug)]
struct Frame {
    open: Open,
    position: Position,
    anchor: usize,
}

#[derive(Debug)]
enum Open {
    Sequence(Vec<Node>),
    Mapping { entries: Vec<Entry>, key: Option<Key>, seen: HashMap<String, Position> },
}

/// A key whose value is still to come.
#[derive(Debug)]
struct Key {
    text: String,
    position: Position,
    /// It stood here before, which was reported; its first value stays.
    repeated: bool,
}

#[derive(Debug)]
struct Builder {
    budget: Budget,
    stack: Vec<Frame>,
    root: Option<Node>,
    /// Finished nodes that have an anchor.
    anchors: HashMap<usize, Node>,
    problems: Vec<Problem>,
}

impl Default for Builder {
    fn default() -> Self {
        // Twice the text: once what stands in it, once what its aliases repeat.
        let budget = Budget { nodes: MAX_NODES, bytes: 2 * MAX_BYTES };
        Self { budget, stack: Vec::new(), root: None, anchors: HashMap::new(), problems: Vec::new() }
    }
}

impl Builder {
    fn read(&mut self, text: &str) -> Result<Node, Problem> {
        if text.len() > MAX_BYTES {
            let hint = Some("is it the right file?".to_owned());
            return Err(Problem { hint, ..Problem::new("too-large", format!("larger than {} MiB", MAX_BYTES >> 20)) });
        }
        let options = granit_parser::options! {
            flow_nesting_limit: MAX_DEPTH,
            block_nesting_limit: MAX_DEPTH,
            simple_key_max_lookahead: 1024,
            emit_comments: false,
        };
        let mut documents = 0;
        for event in Parser::new_from_str_with_options(text, options) {
            let (event, span) = event.map_err(|error| syntax(error.marker(), &error.info()))?;
            match event {
                Event::DocumentStart(..) if documents > 0 => {
                    let hint = "put each document in a file of its own";
                    return Err(fatal("several-documents", &span.start, "a second document in one file", hint));
                }
                Event::DocumentStart(..) => documents += 1,
                Event::Scalar(text, style, anchor, tag) => {
                    self.refuse_tag(tag.is_some(), &span.start);
                    self.scalar(text.into_owned(), style, anchor, &span.start)?;
                }
                Event::SequenceStart(_, anchor, tag) => {
                    self.refuse_tag(tag.is_some(), &span.start);
                    self.open(Open::Sequence(Vec::new()), anchor, &span.start)?;
                }
                Event::MappingStart(_, anchor, tag) => {
                    self.refuse_tag(tag.is_some(), &span.start);
                    let open = Open::Mapping { entries: Vec::new(), key: None, seen: HashMap::new() };
                    self.open(open, anchor, &span.start)?;
                }
                Event::SequenceEnd | Event::MappingEnd => self.close()?,
                Event::Alias(anchor) => self.alias(anchor, &span.start)?,
                _ => {}
            }
        }
        let start = Marker::new(0, 1, 0);
        self.root.take().ok_or_else(|| fatal("empty", &start, "nothing in this file", "is it the right file?"))
    }

    fn refuse_tag(&mut self, tagged: bool, at: &Marker) {
        if tagged {
            self.report("tag", at, "tags (`!…`) are not taken", "leave it out; put text in quotes");
        }
    }

    fn scalar(&mut self, text: String, style: ScalarStyle, anchor: usize, at: &Marker) -> Result<(), Problem> {
        let style = if style == ScalarStyle::Plain { Style::Plain } else { Style::Quoted };
        if self.expects_key() {
            return self.key(text, style, at);
        }
        self.charge(1, text.len(), at)?;
        if style == Style::Plain && is_number_to_yaml_only(&text) {
            self.report(
                "ambiguous-number",
                at,
                format!("`{text}` is a number to some YAML readers and none to JSON"),
                "write it as JSON would (`0.5`, `31`), or in quotes when it is text",
            );
        }
        self.add(Node { value: Value::Scalar(Scalar { text, style }), position: Some(position(at)) }, anchor, at)
    }

    fn key(&mut self, text: String, style: Style, at: &Marker) -> Result<(), Problem> {
        self.charge(0, text.len(), at)?;
        if style == Style::Plain && text == "<<" {
            self.report("merge-key", at, "merge keys (`<<`) are not taken", "write the keys out where they belong");
        }
        let Some(Frame { open: Open::Mapping { key, seen, .. }, .. }) = self.stack.last_mut() else {
            return Ok(());
        };
        let first = seen.get(&text).copied();
        seen.entry(text.clone()).or_insert(position(at));
        *key = Some(Key { text: text.clone(), position: position(at), repeated: first.is_some() });
        if let Some(first) = first {
            let message = format!("`{text}` stands here a second time, first in line {}", first.line);
            self.report("duplicate-key", at, message, "keep one of the two");
        }
        Ok(())
    }

    fn open(&mut self, open: Open, anchor: usize, at: &Marker) -> Result<(), Problem> {
        if self.expects_key() {
            return Err(complex_key(at));
        }
        if self.stack.len() >= MAX_DEPTH {
            return Err(fatal("too-deep", at, format!("nested deeper than {MAX_DEPTH} levels"), FLATTER));
        }
        self.charge(1, 0, at)?;
        self.stack.push(Frame { open, position: position(at), anchor });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Problem> {
        let Some(frame) = self.stack.pop() else { return Ok(()) };
        let value = match frame.open {
            Open::Sequence(items) => Value::Sequence(items),
            Open::Mapping { entries, .. } => Value::Mapping(entries),
        };
        let Position { line, column } = frame.position;
        let at = Marker::new(0, line as usize, column as usize - 1);
        self.add(Node { value, position: Some(frame.position) }, frame.anchor, &at)
    }

    fn alias(&mut self, anchor: usize, at: &Marker) -> Result<(), Problem> {
        if self.stack.iter().any(|frame| frame.anchor == anchor) {
            return Err(fatal("alias", at, "an alias to what it stands in", "write out what is meant"));
        }
        let Some(node) = self.anchors.get(&anchor) else {
            // The parser refuses aliases without an anchor; what is left are anchors on keys.
            return Err(fatal("alias", at, "an alias to a key; only values can be repeated", "write the text out"));
        };
        if let (true, Some(scalar)) = (self.expects_key(), node.scalar()) {
            let scalar = scalar.clone();
            return self.key(scalar.text, scalar.style, at);
        }
        if self.expects_key() {
            return Err(complex_key(at));
        }
        if self.stack.len() + node.depth() > MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH} levels by this alias");
            return Err(fatal("too-deep", at, message, FLATTER));
        }
        let (nodes, bytes) = node.weight();
        let node = node.clone();
        self.charge(nodes, bytes, at)?;
        self.add(node, 0, at)
    }

    /// Puts a finished node where it belongs.
    fn add(&mut self, node: Node, anchor: usize, at: &Marker) -> Result<(), Problem> {
        if anchor != 0 {
            // Kept for its aliases, which costs as much again.
            let (nodes, bytes) = node.weight();
            self.charge(nodes, bytes, at)?;
            self.anchors.insert(anchor, node.clone());
        }
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(Frame { open: Open::Sequence(items), .. }) => items.push(node),
            Some(Frame { open: Open::Mapping { entries, key, .. }, .. }) => {
                if let Some(Key { text, position, repeated: false }) = key.take() {
                    entries.push(Entry { key: text, key_position: Some(position), value: node });
                }
            }
        }
        Ok(())
    }

    fn expects_key(&self) -> bool {
        matches!(self.stack.last(), Some(Frame { open: Open::Mapping { key: None, .. }, .. }))
    }

    fn charge(&mut self, nodes: usize, bytes: usize, at: &Marker) -> Result<(), Problem> {
        let left = self.budget.nodes.checked_sub(nodes).zip(self.budget.bytes.checked_sub(bytes));
        let (nodes, bytes) = left.ok_or_else(|| {
            let message = format!("more than {MAX_NODES} values, or too much text, aliases expanded");
            fatal("too-large", at, message, "write out what is meant, without aliases of aliases")
        })?;
        self.budget = Budget { nodes, bytes };
        Ok(())
    }

    fn report(&mut self, code: &'static str, at: &Marker, message: impl Into<String>, hint: &str) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(fatal(code, at, message, hint));
        }
    }
}

/// What the parser says, with the likely way out.
fn syntax(at: &Marker, info: &str) -> Problem {
    if info.contains("recursion limit") {
        return fatal("too-deep", at, format!("nested deeper than {MAX_DEPTH} levels"), FLATTER);
    }
    let hint = match info {
        _ if info.contains("tab") => "YAML indents with spaces, never with tabs",
        _ if info.contains("mapping values") => "put a text that has `: ` in it in quotes, or mend the indentation",
        _ => "is a bracket or a quote left open, or the indentation off?",
    };
    fatal("syntax", at, info, hint)
}

const FLATTER: &str = "make it flatter; no file of ours needs so many levels";

fn fatal(code: &'static str, at: &Marker, message: impl Into<String>, hint: &str) -> Problem {
    Problem { position: Some(position(at)), hint: Some(hint.to_owned()), ..Problem::new(code, message) }
}

fn complex_key(at: &Marker) -> Problem {
    fatal(
        "complex-key",
        at,
        "a list or mapping as a key; keys are text",
        "put a key in quotes that begins with a bracket",
    )
}

fn position(at: &Marker) -> Position {
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    Position { line: number(at.line()), column: number(at.col().saturating_add(1)) }
}
