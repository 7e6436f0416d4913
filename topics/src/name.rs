//! Topic names, as Kafka takes them.

use std::fmt;

/// A name that Kafka takes for a topic: 1 to 249 of `A-Z a-z 0-9 . _ -`, neither `.` nor `..`, and not one of Kafka's
/// own (`__…`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct TopicName(String);

/// Why a text is no topic name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} cannot be a topic: {reason}")]
pub struct BadTopicName {
    /// The text, cut to 300 bytes.
    pub name: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl TopicName {
    /// The longest name, in bytes: Kafka makes folders of it.
    pub const MAX: usize = 249;

    /// Checks a name.
    ///
    /// # Errors
    /// When Kafka would refuse it.
    pub fn new(name: impl Into<String>) -> Result<Self, BadTopicName> {
        let name = name.into();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let reason = match name.as_str() {
            "" => "it is empty",
            "." | ".." => "kafka makes a folder of it",
            long if long.len() > Self::MAX => "it has more than 249 characters",
            odd if !odd.bytes().all(allowed) => "it may have letters a-z and A-Z, digits, and . _ - only",
            own if own.starts_with("__") => "names that begin with two underscores are kafka's own",
            _ => return Ok(Self(name)),
        };
        let end = (0..=name.len().min(300)).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
        Err(BadTopicName { name: name[..end].to_owned(), reason })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it stands under a domain's prefix `<domain>.`, and so under the domain's ACL.
    pub fn is_of(&self, domain: &str) -> bool {
        self.0.strip_prefix(domain).is_some_and(|rest| rest.starts_with('.'))
    }

    /// Whether Kafka's metrics would mix the two up: they take `.` and `_` for the same.
    pub fn collides_with(&self, other: &Self) -> bool {
        let same = |(a, b): (u8, u8)| a == b || (b"._".contains(&a) && b"._".contains(&b));
        self != other && self.0.len() == other.0.len() && self.0.bytes().zip(other.0.bytes()).all(same)
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn kafka_s_rules() {
        let check = |name: &str, expect: Option<&str>| {
            let found = TopicName::new(name).err().map(|error| error.reason);
            assert_eq!(found.is_some(), expect.is_some(), "{name}: {found:?}");
            assert!(found.unwrap_or_default().contains(expect.unwrap_or_default()), "{name}: {found:?}");
        };
        check("sales.orders.v1", None);
        check("Sales_orders-1", None);
        check("_mine", None);
        check("...", None);
        check("", Some("empty"));
        check(".", Some("folder"));
        check("..", Some("folder"));
        check("__consumer_offsets", Some("own"));
        check("sales orders", Some("letters"));
        check("sales/orders", Some("letters"));
        check("größe", Some("letters"));
        check(&"a".repeat(249), None);
        check(&"a".repeat(250), Some("249"));
        check(&"ä".repeat(200), Some("249"));
    }

    #[test]
    fn dots_and_underscores_collide() {
        let check = |a: &str, b: &str, expect: bool| {
            let name = |name: &str| TopicName::new(name).expect("a name");
            assert_eq!(name(a).collides_with(&name(b)), expect, "{a} {b}");
        };
        check("sales.orders.v1", "sales_orders.v1", true);
        check("sales.orders.v1", "sales.orders.v1", false);
        check("sales.orders.v1", "sales-orders.v1", false);
        check("sales.orders.v1", "sales.orders.v10", false);
    }

    #[test]
    fn a_domain_owns_what_is_under_its_prefix() {
        let name = |name: &str| TopicName::new(name).expect("a name");
        assert!(name("sales.orders.v1").is_of("sales"));
        assert!(!name("sales-eu.orders.v1").is_of("sales"));
        assert!(!name("salesorders").is_of("sales"));
        assert!(!name("sales").is_of("sales"));
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in any::<String>()) {
            match TopicName::new(text.clone()) {
                Ok(name) => prop_assert_eq!(name.as_str(), text),
                Err(error) => prop_assert!(text.starts_with(&error.name)),
            }
        }
    }
}
