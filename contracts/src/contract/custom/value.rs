//! The values of our custom properties.

use super::{CustomKind, CustomProperty, DEPRECATION, Placed};
use crate::{
    contract::{
        Deprecation,
        duration::parse_duration,
        findings::{Findings, enumerate},
        odcs::{self, quote, text},
    },
    diagnostic::Position,
    path::FieldPath,
    yaml::{Entry, Meaning, Node},
};
use serde::de::{DeserializeOwned, IntoDeserializer, value::StrDeserializer};
use std::time::Duration;

/// The retention that never ends.
pub(in crate::contract) const FOREVER: &str = "forever";

/// Reads the value of one property.
pub(super) struct Reader<'f> {
    pub(super) property: &'static CustomProperty,
    pub(super) findings: &'f mut Findings,
}

impl Reader<'_> {
    fn refuse(&mut self, at: &Node, expected: &str) {
        let message = format!("`{}` is {expected}, not {}", self.property.name, at.kind());
        self.invalid(at.position, "wrong-type", message);
    }

    fn invalid(&mut self, at: Option<Position>, code: &'static str, message: String) {
        self.findings.error(code, at, message, format!("write it like `{}`", self.property.example));
    }

    pub(super) fn text(&mut self, node: &Node) -> Option<String> {
        match node.meaning() {
            Some(Meaning::Text(text)) if !text.is_empty() && !text.chars().any(char::is_control) => {
                Some(text.to_owned())
            }
            Some(Meaning::Text(_)) => {
                let message = format!("`{}` is empty, or has control characters", self.property.name);
                self.invalid(node.position, "invalid-value", message);
                None
            }
            _ => {
                self.refuse(node, "text");
                None
            }
        }
    }

    pub(super) fn texts(&mut self, node: &Node) -> Option<Vec<String>> {
        match node.items() {
            Some(items) => items.iter().map(|item| self.text(item)).collect(),
            None => {
                self.refuse(node, "a list of texts");
                None
            }
        }
    }

    pub(super) fn path(&mut self, node: &Node) -> Option<Placed> {
        let Some(path) = text(Some(node)) else {
            self.refuse(node, "a field path");
            return None;
        };
        match path.parse::<FieldPath>() {
            Ok(path) => Some((path, node.position)),
            Err(_) => {
                let hint = "write one like `total.amount`, `lines[].sku` or `tags{}`";
                let message = format!("{} is not a field path", quote(path));
                self.findings.error("invalid-value", node.position, message, hint);
                None
            }
        }
    }

    pub(super) fn paths(&mut self, node: &Node) -> Option<Vec<Placed>> {
        match (node.items(), node.meaning()) {
            (Some([]), _) => {
                self.invalid(node.position, "invalid-value", format!("`{}` names no field", self.property.name));
                None
            }
            (Some(items), _) => items.iter().map(|item| self.path(item)).collect(),
            (None, Some(Meaning::Text(_))) => self.path(node).map(|path| vec![path]),
            _ => {
                self.refuse(node, "a field path or a list of them");
                None
            }
        }
    }

    pub(super) fn word<T: DeserializeOwned>(&mut self, node: &Node) -> Option<T> {
        let CustomKind::Word(words) = &self.property.kind else { return None };
        let Some(word) = text(Some(node)) else {
            self.refuse(node, &format!("one of {}", enumerate(words.iter().copied())));
            return None;
        };
        let reader: StrDeserializer<'_, serde::de::value::Error> = word.into_deserializer();
        let value = T::deserialize(reader).ok();
        if value.is_none() {
            let place = format!("`{}`", self.property.name);
            self.findings.unknown_value(node.position, word, &place, words.iter().copied());
        }
        value
    }

    pub(super) fn count(&mut self, node: &Node) -> Option<u32> {
        let CustomKind::Count(most) = self.property.kind else { return None };
        let count = odcs::integer(node).and_then(|count| u32::try_from(count).ok());
        let count = count.filter(|count| (1..=most).contains(count));
        if count.is_none() {
            let message = format!("`{}` is a whole number from 1 to {most}", self.property.name);
            self.invalid(node.position, "invalid-value", message);
        }
        count
    }

    pub(super) fn duration(&mut self, node: &Node) -> Option<Duration> {
        let Some(text) = text(Some(node)) else {
            self.refuse(node, "an ISO 8601 duration");
            return None;
        };
        match parse_duration(text) {
            Ok(Duration::ZERO) => {
                self.invalid(node.position, "invalid-value", format!("`{}` of no length", self.property.name));
                None
            }
            Ok(duration) => Some(duration),
            Err(error) => {
                self.invalid(node.position, "invalid-value", format!("{}: {error}", quote(text)));
                None
            }
        }
    }

    pub(super) fn retention(&mut self, node: &Node) -> Option<Duration> {
        match text(Some(node)) {
            Some(FOREVER) => Some(Duration::MAX),
            _ => self.duration(node),
        }
    }

    pub(super) fn deprecation(&mut self, node: &Node) -> Option<Deprecation> {
        let Some(entries) = node.entries() else {
            self.refuse(node, "a mapping");
            return None;
        };
        for Entry { key, key_position, .. } in entries.iter().filter(|entry| !DEPRECATION.contains(&&*entry.key)) {
            let known = DEPRECATION.iter().copied();
            self.findings.unknown_key(*key_position, key, "`tidegate.deprecation`", known);
        }
        let (since, sunset) = (self.date(node.get("since")), self.date(node.get("sunset")));
        if let (Some(since), Some(sunset)) = (&since, &sunset)
            && since > sunset
        {
            let at = node.get("sunset").and_then(|date| date.position);
            self.invalid(at, "invalid-value", "`sunset` is before `since`".to_owned());
        }
        if node.get("since").is_none() && node.get("sunset").is_none() {
            self.invalid(node.position, "missing-key", "`tidegate.deprecation` needs `since` or `sunset`".to_owned());
        }
        let successor = node.get("successor").and_then(|node| self.text(node));
        let migration = node.get("migration").and_then(|node| self.text(node));
        Some(Deprecation { since, sunset, successor, migration })
    }

    fn date(&mut self, node: Option<&Node>) -> Option<String> {
        let node = node?;
        match text(Some(node)).filter(|text| is_date(text)) {
            Some(text) => Some(text.to_owned()),
            None => {
                self.invalid(node.position, "invalid-value", "not a date of the form YYYY-MM-DD".to_owned());
                None
            }
        }
    }
}

/// Whether a text is a calendar date, `YYYY-MM-DD`.
fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts[..] else { return false };
    let number = |text: &str, digits: usize| {
        (text.len() == digits && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse::<u32>().ok()).flatten()
    };
    let (Some(year), Some(month), Some(day)) = (number(year, 4), number(month, 2), number(day, 2)) else {
        return false;
    };
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::is_date;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for date in ["2026-01-31", "2024-02-29", "2000-02-29", "1999-12-01"] {
            assert!(is_date(date), "{date}");
        }
        for text in
            ["2026-02-29", "1900-02-29", "2026-13-01", "2026-00-10", "2026-04-31", "26-01-01", "2026-1-1", "x", ""]
        {
            assert!(!is_date(text), "{text}");
        }
    }
}
