//! What `list`, `show` and `replay` print.

use super::entry::{Cause, Entry};
use crate::cli::Context;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt::Write as _,
};
use tidegate_contracts::{contract::Contract, diagnostic::shown};

/// Causes counted one by one. Beyond it they are counted together: paths may be anything.
const MAX_CAUSES: usize = 1_000;

/// How many events broke which clause at which field.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Causes {
    counts: BTreeMap<(String, String), u64>,
    /// Events with causes that found no room in `counts`.
    others: u64,
}

/// The events of a topic that a filter takes.
#[derive(Debug)]
pub(super) struct List {
    product: String,
    topic: String,
    limit: usize,
    events: u64,
    replayed: u64,
    causes: Causes,
    /// The newest, oldest first.
    newest: VecDeque<Listed>,
}

/// An event in the list.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Listed {
    pub(super) entry: Entry,
    /// A replay has published it.
    pub(super) replayed: bool,
}

impl Causes {
    /// Counts one event; what it breaks several times counts once.
    pub(super) fn add<'c>(&mut self, causes: impl Iterator<Item = (&'c str, &'c str)>) {
        let mut other = false;
        for (clause, path) in causes.collect::<BTreeSet<_>>() {
            let key = (clause.to_owned(), path.to_owned());
            if self.counts.len() < MAX_CAUSES || self.counts.contains_key(&key) {
                *self.counts.entry(key).or_default() += 1;
            } else {
                other = true;
            }
        }
        self.others += u64::from(other);
    }

    /// The most frequent first.
    fn sorted(&self) -> Vec<(&str, &str, u64)> {
        let mut causes: Vec<_> =
            self.counts.iter().map(|((clause, path), events)| (clause.as_str(), path.as_str(), *events)).collect();
        causes.sort_by_key(|(_, _, events)| std::cmp::Reverse(*events));
        causes
    }

    pub(super) fn json(&self) -> Value {
        let mut causes: Vec<Value> = self
            .sorted()
            .into_iter()
            .map(|(clause, path, events)| json!({ "clause": clause, "path": path, "events": events }))
            .collect();
        if self.others > 0 {
            causes.push(json!({ "clause": null, "path": null, "events": self.others }));
        }
        causes.into()
    }

    pub(super) fn human(&self, out: &mut String) {
        if self.counts.is_empty() {
            return;
        }
        let _ = writeln!(out, "\n{:>10}  {:<17} field", "events", "clause");
        for (clause, path, events) in self.sorted() {
            let _ = writeln!(out, "{events:>10}  {clause:<17} {}", field(path));
        }
        if self.others > 0 {
            let _ = writeln!(out, "{:>10}  of other causes", self.others);
        }
    }
}

impl List {
    pub(super) fn new(contract: &Contract, limit: usize) -> Self {
        Self {
            product: contract.stem(),
            topic: contract.quarantine_topic(),
            limit,
            events: 0,
            replayed: 0,
            causes: Causes::default(),
            newest: VecDeque::new(),
        }
    }

    pub(super) fn add(&mut self, listed: Listed) {
        self.events += 1;
        self.replayed += u64::from(listed.replayed);
        let causes = listed.entry.causes.iter();
        self.causes.add(causes.map(|cause| (cause.clause.as_str(), cause.path.as_str())));
        // Partitions take turns, so the oldest of those kept goes, not the first that came.
        let at = self.newest.partition_point(|other| other.entry.received <= listed.entry.received);
        self.newest.insert(at, listed);
        if self.newest.len() > self.limit {
            self.newest.pop_front();
        }
    }

    pub(super) fn print(&self, context: &Context) {
        context.print(|| self.human(), || self.json());
    }

    pub(super) fn json(&self) -> Value {
        let events: Vec<Value> = self
            .newest
            .iter()
            .map(|listed| {
                let mut event = entry_json(&listed.entry);
                event["replayed"] = listed.replayed.into();
                event
            })
            .collect();
        json!({
            "product": self.product, "topic": self.topic, "matching": self.events, "replayed": self.replayed,
            "causes": self.causes.json(), "events": events,
        })
    }

    pub(super) fn human(&self) -> String {
        let Self { product, topic, events, .. } = self;
        let mut out = String::new();
        let plural = if *events == 1 { "" } else { "s" };
        let _ = writeln!(out, "{product}: {events} event{plural} in {topic}");
        self.causes.human(&mut out);
        if let Some(last) = self.newest.back() {
            let _ = match self.newest.len() as u64 {
                all if all == *events => writeln!(out),
                some => writeln!(out, "\nthe newest {some}:"),
            };
            for Listed { entry, replayed } in &self.newest {
                let _ = writeln!(out, "{}", line(entry, *replayed));
            }
            let position = last.entry.position;
            let _ = writeln!(out, "\nall about one of them: tidegate quarantine show {product} {position}");
        }
        out
    }
}

fn line(entry: &Entry, replayed: bool) -> String {
    let received = entry.received.map_or_else(|| "-".to_owned(), |received| received.to_string());
    let id = entry.id.as_deref().unwrap_or("-");
    let position = entry.position.to_string();
    let cause = match entry.causes.as_slice() {
        [] => "violations that cannot be read".to_owned(),
        [first, others @ ..] => {
            let more = others.len() as u64 + entry.more;
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            format!("{} {}{more}", first.clause, field(&first.path))
        }
    };
    let replayed = if replayed { " (replayed)" } else { "" };
    format!("  {position:<8} {received:<24} {id}  {cause}{replayed}")
}

/// All that is known of an event; its bytes only when they are given.
pub(super) fn print_one(entry: &Entry, payload: Option<&[u8]>, context: &Context) {
    let machine = || {
        let mut document = entry_json(entry);
        if let Some(payload) = payload {
            match std::str::from_utf8(payload) {
                Ok(text) => document["payload"] = text.into(),
                Err(_) => {
                    use base64::{Engine as _, prelude::BASE64_STANDARD};
                    document["payloadBase64"] = BASE64_STANDARD.encode(payload).into();
                }
            }
        }
        document
    };
    context.print(|| one(entry, payload), machine);
}

fn one(entry: &Entry, payload: Option<&[u8]>) -> String {
    let Entry { position, contract, content_type, sidecar, bytes, causes, more, .. } = entry;
    let received = entry.received.map_or_else(|| "at an unknown time".to_owned(), |received| received.to_string());
    let mut out = format!("{position}  {}\n", entry.id.as_deref().unwrap_or("without an id"));
    let _ = writeln!(out, "  received  {received} by sidecar {sidecar}");
    let _ = writeln!(out, "  contract  {contract}");
    let _ = writeln!(out, "  bytes     {bytes} of {content_type}");
    for Cause { path, clause, expected, found, hint } in causes {
        let _ = writeln!(out, "  breaks    {clause} at {}: expected {expected}, found {found}", field(path));
        if let Some(hint) = hint {
            let _ = writeln!(out, "            {hint}");
        }
    }
    if *more > 0 {
        let _ = writeln!(out, "            and {more} more that are not listed");
    }
    if let Some(payload) = payload {
        // As it is where it is text; a terminal must not take orders from it.
        let text = String::from_utf8_lossy(payload);
        let _ = writeln!(out, "\n{}", shown(&text));
    }
    out
}

fn entry_json(entry: &Entry) -> Value {
    json!({
        "position": entry.position.to_string(),
        "received": entry.received.map(|received| received.to_string()),
        "contract": entry.contract, "id": entry.id, "contentType": entry.content_type, "sidecar": entry.sidecar,
        "bytes": entry.bytes, "violations": entry.causes, "more": entry.more,
    })
}

fn field(path: &str) -> &str {
    if path.is_empty() { "the event" } else { path }
}

#[cfg(test)]
mod tests;
