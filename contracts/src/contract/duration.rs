//! Durations as ISO 8601 writes them.

use std::time::Duration;

/// Why a text is not a duration of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDuration {
    /// Not an ISO 8601 duration.
    #[error("not an ISO 8601 duration")]
    Syntax,
    /// Years or months, whose length nobody knows.
    #[error("years and months have no fixed length; count the days")]
    Calendar,
    /// Longer than can be counted.
    #[error("longer than a duration can be")]
    TooLong,
}

/// Reads an ISO 8601 duration of weeks, days, hours, minutes and seconds; seconds may have decimals.
///
/// ```
/// use std::time::Duration;
/// use tidegate_contracts::contract::parse_duration;
///
/// assert_eq!(parse_duration("P7D"), Ok(Duration::from_secs(7 * 24 * 3600)));
/// assert_eq!(parse_duration("PT1H30M"), Ok(Duration::from_secs(5400)));
/// assert!(parse_duration("P1M").unwrap_err().to_string().contains("days"));
/// ```
///
/// # Errors
/// When it is none, or has years or months.
pub fn parse_duration(text: &str) -> Result<Duration, InvalidDuration> {
    use InvalidDuration::{Calendar, Syntax, TooLong};
    let body = text.strip_prefix('P').ok_or(Syntax)?;
    let (days, time) = match body.split_once('T') {
        Some((_, "")) => return Err(Syntax),
        Some((days, time)) => (days, time),
        None => (body, ""),
    };
    if body.is_empty() {
        return Err(Syntax);
    }
    let mut sum = Duration::ZERO;
    // The designators that may still come, with their seconds; zero for those of no fixed length.
    for (mut part, mut units) in [
        (days, &[('Y', 0), ('M', 0), ('W', 7 * 86_400), ('D', 86_400)][..]),
        (time, &[('H', 3_600), ('M', 60), ('S', 1)][..]),
    ] {
        while !part.is_empty() {
            let end = part.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',').ok_or(Syntax)?;
            let (amount, rest) = part.split_at(end);
            let unit = rest.chars().next().ok_or(Syntax)?;
            let at = units.iter().position(|(name, _)| *name == unit).ok_or(Syntax)?;
            let seconds = units[at].1;
            if seconds == 0 {
                return Err(Calendar);
            }
            sum = sum.checked_add(amount_of(amount, seconds)?).ok_or(TooLong)?;
            units = &units[at + 1..];
            part = &rest[unit.len_utf8()..];
        }
    }
    Ok(sum)
}

fn amount_of(amount: &str, seconds: u64) -> Result<Duration, InvalidDuration> {
    use InvalidDuration::{Syntax, TooLong};
    let (whole, fraction) = match amount.split_once(['.', ',']) {
        Some((whole, fraction)) if seconds == 1 && !fraction.is_empty() => (whole, fraction),
        Some(_) => return Err(Syntax),
        None => (amount, ""),
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return Err(Syntax);
    }
    let whole: u64 = whole.parse().map_err(|_| TooLong)?;
    let nanos: u32 = format!("{fraction:0<9}").parse().map_err(|_| Syntax)?;
    Ok(Duration::new(whole.checked_mul(seconds).ok_or(TooLong)?, nanos))
}

/// Writes a duration as ISO 8601, in days, hours, minutes and seconds.
pub fn print_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let part = |amount: u64, unit: &str| if amount > 0 { format!("{amount}{unit}") } else { String::new() };
    let date = part(seconds / 86_400, "D");
    let mut time = part(seconds / 3_600 % 24, "H") + &part(seconds / 60 % 60, "M");
    time += &match duration.subsec_nanos() {
        0 => part(seconds % 60, "S"),
        nanos => format!("{}.{}S", seconds % 60, format!("{nanos:09}").trim_end_matches('0')),
    };
    match (date.is_empty(), time.is_empty()) {
        (true, true) => "PT0S".to_owned(),
        (_, true) => format!("P{date}"),
        _ => format!("P{date}T{time}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_read_as_iso_8601_has_them() {
        let check = |text: &str, expect: Result<u64, InvalidDuration>| {
            assert_eq!(parse_duration(text), expect.map(Duration::from_millis), "{text}");
        };
        check("P7D", Ok(7 * 86_400_000));
        check("P2W", Ok(14 * 86_400_000));
        check("PT1H", Ok(3_600_000));
        check("P1DT2H3M4S", Ok(93_784_000));
        check("PT0.5S", Ok(500));
        check("PT0S", Ok(0));
        for text in
            ["", "P", "PT", "P1", "7D", "P-1D", "P1D ", "P1.5D", "PT1D", "P1H", "PT1S1H", "P1DT", "PT.5S", "p7d"]
        {
            check(text, Err(InvalidDuration::Syntax));
        }
        check("P1Y", Err(InvalidDuration::Calendar));
        check("P6M", Err(InvalidDuration::Calendar));
        check("P99999999999999999999D", Err(InvalidDuration::TooLong));
        check("P9999999999999999D", Err(InvalidDuration::TooLong));
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(seconds in 0..u64::from(u32::MAX), nanos in 0..1_000_000_000_u32) {
            for duration in [Duration::new(seconds, nanos), Duration::from_secs(seconds)] {
                prop_assert_eq!(parse_duration(&print_duration(duration)), Ok(duration));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "P?[0-9YMWDTHS.,é]{0,12}") {
            let _ = parse_duration(&text);
        }
    }
}
