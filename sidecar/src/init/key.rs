//! Which field is the key, and which the event's own id.

use super::{
    guess::{Change, Guess, Sure, words},
    shape::{Field, Objects, Shape},
};
use tidegate_contracts::path::FieldPath;

/// The fields that tell events and what they are about apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Keys {
    /// The key's field.
    pub(super) key: Option<String>,
    /// The event id's field.
    pub(super) event_id: Option<String>,
}

impl Keys {
    /// What was asked for on the command line goes before these.
    pub(super) fn or(self, args: &super::Args) -> Self {
        let text = |path: &FieldPath| path.to_string();
        Self {
            key: args.key.as_ref().map(text).or(self.key),
            event_id: args.event_id.as_ref().map(text).or(self.event_id),
        }
    }
}

/// Guesses both from names and from how values repeat.
pub(super) fn guess(shape: &Shape, product: &str) -> (Keys, Vec<Guess>) {
    let empty = Objects::default();
    let objects = shape.objects.as_deref().unwrap_or(&empty);
    let candidates: Vec<&Field> = objects.fields.iter().filter(|field| may_be_key(objects, field)).collect();
    let named = |wanted: &[&str]| candidates.iter().copied().find(|field| words(&field.name) == wanted);
    let own = |field: &&Field| field.shape.ints.count == 0 && field.shape.all_distinct();
    let mut event_id = [["event", "id"], ["event", "uuid"], ["message", "id"]].iter().find_map(|name| named(name));
    event_id = event_id.filter(own);

    let mut subject = words(product);
    if let Some(last) = subject.last_mut() {
        *last = singular(last);
    }
    let of_subject = candidates.iter().copied().find(|field| {
        let name = words(&field.name);
        name.strip_prefix(subject.as_slice()).is_some_and(|rest| matches!(rest, [word] if is_id(word)))
    });
    let id = candidates.iter().copied().find(|field| words(&field.name) == ["id"]);
    if of_subject.is_some() && event_id.is_none() {
        // With a key of its own kind, a plain `id` that never repeats is the event's.
        event_id = id.filter(own);
    }
    let other = |field: &&&Field| {
        let name = words(&field.name);
        name.last().is_some_and(|word| is_id(word)) && !field.shape.all_distinct()
    };
    let not_event = |field: &&Field| event_id.is_none_or(|event_id| event_id.name != field.name);
    let key = of_subject.or(id.filter(not_event)).or_else(|| candidates.iter().find(other).copied().filter(not_event));

    let mut guesses = Vec::new();
    let mut say = |path: &str, guess: String, sure, why: &str| {
        let (path, why) = (path.to_owned(), why.to_owned());
        guesses.push(Guess { path, guess, sure, why, change: Change::Contract });
    };
    match key {
        Some(key) if key.shape.all_distinct() => say(
            "key",
            key.name.clone(),
            Sure::Little,
            "by its name; but it never repeats, and if it is the event's own id, events about one thing lose their \
             order: then choose what the events are about",
        ),
        Some(key) => say("key", key.name.clone(), Sure::Fairly, "by its name, and because it repeats"),
        None => say(
            "key",
            "none".to_owned(),
            Sure::Little,
            "no field that is always there looks like one; without a key events have no order",
        ),
    }
    if let Some(field) = event_id {
        say("event id", field.name.clone(), Sure::Fairly, "by its name, and because it never repeats");
    }
    let name = |field: Option<&Field>| field.map(|field| field.name.clone());
    (Keys { key: name(key), event_id: name(event_id) }, guesses)
}

/// Whether a field is in every event and always one number or one text.
fn may_be_key(objects: &Objects, field: &Field) -> bool {
    let shape = &field.shape;
    let scalar = shape.ints.count + shape.texts.count == shape.count()
        && (shape.ints.count == 0 || shape.texts.count == 0)
        && shape.count() > 0;
    scalar && field.present == objects.count && super::avro::is_name(&field.name)
}

fn is_id(word: &str) -> bool {
    matches!(word, "id" | "key" | "no" | "nr" | "number" | "uuid" | "ref")
}

fn singular(word: &str) -> String {
    match word {
        _ if word.ends_with("ies") && word.len() > 4 => format!("{}y", &word[..word.len() - 3]),
        _ if word.ends_with('s') && !word.ends_with("ss") => word[..word.len() - 1].to_owned(),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(product: &str, lines: &[&str], key: Option<&str>, event_id: Option<&str>) {
        let mut shape = Shape::default();
        for line in lines {
            shape.take(line.as_bytes()).unwrap();
        }
        let (found, guesses) = guess(&shape, product);
        let wanted = Keys { key: key.map(str::to_owned), event_id: event_id.map(str::to_owned) };
        assert_eq!(found, wanted, "{lines:?}");
        assert_eq!(guesses.len(), 1 + usize::from(event_id.is_some()));
    }

    #[test]
    fn keys_are_told_by_their_names() {
        check("orders", &[r#"{"orderId":"a","id":"1"}"#, r#"{"orderId":"a","id":"2"}"#], Some("orderId"), Some("id"));
        check("orders", &[r#"{"order_id":7,"x":1}"#], Some("order_id"), None);
        check("categories", &[r#"{"category-id":"a","categoryId":"b"}"#], Some("categoryId"), None);
        check("stock-levels", &[r#"{"stockLevelNo":7}"#], Some("stockLevelNo"), None);
        check("orders", &[r#"{"id":"a"}"#, r#"{"id":"b"}"#], Some("id"), None);
        check("orders", &[r#"{"eventId":"a","id":"x"}"#, r#"{"eventId":"b","id":"x"}"#], Some("id"), Some("eventId"));
        check("clicks", &[r#"{"userId":"u","at":1}"#, r#"{"userId":"u","at":2}"#], Some("userId"), None);
    }

    #[test]
    fn what_may_be_missing_or_null_is_no_key() {
        check("orders", &[r#"{"orderId":"a"}"#, r#"{"orderId":null}"#], None, None);
        check("orders", &[r#"{"orderId":"a"}"#, "{}"], None, None);
        check("orders", &[r#"{"orderId":"a"}"#, r#"{"orderId":7}"#], None, None);
        check("orders", &[r#"{"orderId":1.5}"#], None, None);
        check("orders", &[r#"{"name":"a"}"#], None, None);
    }
}
