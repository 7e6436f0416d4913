use super::{
    looks::{decimal, temporal, uuid},
    *,
};

#[test]
fn a_bad_line_is_told_without_what_it_says() {
    fn check(line: &[u8], why: &str) {
        let mut shape = Shape::default();
        assert_eq!(shape.take(line).unwrap_err(), why, "{}", line.escape_ascii());
        assert_eq!(shape.count(), 0, "half of {} was taken in", line.escape_ascii());
    }
    check(b"", "the JSON ends too soon, at column 0");
    check(br#"{"a": "canary"#, "the JSON ends too soon, at column 13");
    check(br#"{"a": canary}"#, "not JSON, from column 7 on");
    check(br#"{"a": 1} canary"#, "not JSON, from column 10 on");
    check(br#"["canary"]"#, "not a JSON object");
    check(br#""canary""#, "not a JSON object");
    check(b"7", "not a JSON object");
    check(b"null", "not a JSON object");
    check(br#"{"a": {"b": 1, "b": "canary"}}"#, "an object has the same field twice at line 1 column 29");
    check(br#"{"a": 1e999}"#, "a number that no double holds, at column 11");
    check(b"{\"a\": \"\xff\"}", "not JSON, from column 8 on");
    check(br#"{"a": "\ud800"}"#, "not JSON, from column 14 on");
    let deep = format!("{{\"a\": {}1{}}}", "[".repeat(100), "]".repeat(100));
    assert!(Shape::default().take(deep.as_bytes()).unwrap_err().starts_with("nested deeper than 64"));
    let deeper = format!("{{\"a\": {}", "[".repeat(1_000_000));
    assert!(Shape::default().take(deeper.as_bytes()).is_err());
}

#[test]
fn texts_look_like_dates_and_times_only_when_they_are() {
    fn check(text: &str, expected: Option<(Look, usize)>) {
        assert_eq!(temporal(text), expected, "{text}");
    }
    check("2026-02-28", Some((Look::Date, 0)));
    check("2024-02-29", Some((Look::Date, 0)));
    check("2026-02-29", None);
    check("1900-02-29", None);
    check("2026-13-01", None);
    check("2026-1-1", None);
    check("20260101", None);
    check("2026-01-01T10:00:00Z", Some((Look::Timestamp, 0)));
    check("2026-01-01T10:00:00.123Z", Some((Look::Timestamp, 3)));
    check("2026-01-01T10:00:00.123456789+05:30", Some((Look::Timestamp, 9)));
    check("2026-01-01T10:00:00-00:00", Some((Look::Timestamp, 0)));
    check("2026-01-01T10:00:00.1234567890Z", None);
    check("2026-01-01T10:00:00.Z", None);
    check("2026-01-01T24:00:00Z", None);
    check("2026-01-01T10:00:60Z", None);
    check("2026-01-01T10:00:00+0530", None);
    check("2026-01-01T10:00:00", Some((Look::LocalTimestamp, 0)));
    check("2026-01-01 10:00:00Z", None);
    check("2026-01-01T", None);
    check("10:00:00", Some((Look::Time, 0)));
    check("10:00:00.000001", Some((Look::Time, 6)));
    check("10:00", None);
    check("10:00:0٠", None);
    check("", None);
}

#[test]
fn texts_look_like_decimals_and_uuids_only_when_they_are() {
    assert_eq!(decimal("129.90"), Some((3, 2)));
    assert_eq!(decimal("-0.5"), Some((1, 1)));
    for text in ["129", "1.", ".5", "1.2.3", "007.5", "+1.5", "1e5", "1,5", " 1.5", "-", ""] {
        assert_eq!(decimal(text), None, "{text}");
    }
    assert!(uuid("01890a5d-ac96-774b-bcce-b302099a8057"));
    for text in ["01890a5dac96774bbcceb302099a8057", "01890a5d-ac96-774b-bcce-b302099a805g", ""] {
        assert!(!uuid(text), "{text}");
    }
}
