//! ODCS `format` of strings.

/// The formats that are checked, each with what it expects.
pub const FORMATS: [(&str, &str); 8] = [
    ("email", "an e-mail address"),
    ("uri", "a URI with a scheme"),
    ("uuid", "a UUID with hyphens"),
    ("hostname", "a host name"),
    ("ipv4", "an IPv4 address"),
    ("ipv6", "an IPv6 address"),
    ("byte", "base64"),
    ("date-time", "an RFC 3339 date and time"),
];

/// Tells whether a text has the format.
pub(super) type FormatCheck = fn(&str) -> bool;

/// The check and what it expects.
pub(super) fn find(name: &str) -> Option<(FormatCheck, &'static str)> {
    let check: FormatCheck = match name {
        "email" => is_email,
        "uri" => is_uri,
        "uuid" => |text| crate::schema::uuid(text.as_bytes()).is_some(),
        "hostname" => is_hostname,
        "ipv4" => |text| text.parse::<std::net::Ipv4Addr>().is_ok(),
        "ipv6" => |text| text.parse::<std::net::Ipv6Addr>().is_ok(),
        "byte" => is_base64,
        "date-time" => is_date_time,
        _ => return None,
    };
    FORMATS.iter().find(|(known, _)| *known == name).map(|(_, expected)| (check, *expected))
}

/// One `@` between something without spaces and a host name. More would refuse addresses that receive mail.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let local_fits =
        (1..=64).contains(&local.len()) && !local.contains(|c: char| c.is_whitespace() || c.is_control() || c == '@');
    local_fits && is_hostname(domain)
}

fn is_hostname(text: &str) -> bool {
    let label = |label: &str| {
        let inner = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        (1..=63).contains(&label.len()) && inner && !label.starts_with('-') && !label.ends_with('-')
    };
    text.len() <= 253 && text.strip_suffix('.').unwrap_or(text).split('.').all(label)
}

/// RFC 3986: a scheme, and after it only characters that a URI may have.
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let scheme_fits = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let mut bytes = rest.bytes();
    while let Some(byte) = bytes.next() {
        let fits = match byte {
            b'%' => (0..2).all(|_| bytes.next().is_some_and(|digit| digit.is_ascii_hexdigit())),
            byte => byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=".contains(&byte),
        };
        if !fits {
            return false;
        }
    }
    scheme_fits && !rest.is_empty()
}

fn is_base64(text: &str) -> bool {
    use crate::plan::base64;
    base64::length(text.as_bytes()).is_some() && base64::decode(text.as_bytes(), &mut Vec::new()).is_some()
}

fn is_date_time(text: &str) -> bool {
    use crate::plan::temporal::{Temporal, Unit};
    // RFC 3339 has seconds, and a colon in the offset.
    let bytes = text.as_bytes();
    let shaped =
        bytes.get(16) == Some(&b':') && matches!(bytes, [.., b'Z' | b'z'] | [.., b'+' | b'-', _, _, b':', _, _]);
    shaped && Temporal::Timestamp(Unit::Millis).parse(text.as_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_tell_right_from_wrong() {
        #[track_caller]
        fn check(format: &str, right: &[&str], wrong: &[&str]) {
            let (is, _) = find(format).unwrap();
            right.iter().for_each(|text| assert!(is(text), "{format}: {text:?}"));
            wrong.iter().for_each(|text| assert!(!is(text), "{format}: {text:?}"));
        }
        check("email", &["a@b.example", "a+b.c@d", "ü@b.example"], &["", "a", "@b", "a@", "a b@c", "a@b@c", "a@-b"]);
        check(
            "uri",
            &["https://a.b/c?d#e", "urn:x:y", "mailto:a@b", "a:%20"],
            &["", "a", "/a", ":a", "1a:b", "a:", "a: b", "a:%2", "a:é"],
        );
        check("uuid", &["2f6ac2a6-4b4b-4a5e-8a2e-0d4f4f6b7c11"], &["", "2f6ac2a64b4b4a5e8a2e0d4f4f6b7c11"]);
        check("hostname", &["a", "a-b.c", "xn--a.b.", "1.2"], &["", ".", "a..b", "-a", "a-", "a_b", "é"]);
        check("ipv4", &["1.2.3.4"], &["", "1.2.3", "256.1.1.1", "01.2.3.4", "::1"]);
        check("ipv6", &["::1", "2001:db8::", "::ffff:1.2.3.4"], &["", "1.2.3.4", ":::", "[::1]"]);
        check("byte", &["", "Zm9v", "Zg", "Zg=="], &["Z", "é", "Zm 9v"]);
        check(
            "date-time",
            &["2024-02-29T12:00:00Z", "2024-02-29t12:00:00.5+01:00"],
            &[
                "",
                "2024-02-29",
                "2024-02-29T12:00Z",
                "2024-02-29T12:00:00",
                "2024-02-30T12:00:00Z",
                "2024-02-29T12:00:00+0100",
            ],
        );
        for (name, _) in FORMATS {
            assert!(find(name).is_some(), "{name}");
        }
        assert!(find("password").is_none());
    }
}
