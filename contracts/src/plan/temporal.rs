//! Dates, times, timestamps and durations from ISO 8601 text, into the integers that Avro stores.

use crate::schema::Logical;

/// What an int or a long stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Temporal {
    /// Days since 1970-01-01.
    Date,
    /// Units since midnight.
    Time(Unit),
    /// Units since 1970-01-01T00:00:00Z.
    Timestamp(Unit),
    /// Units since 1970-01-01T00:00:00 wherever the reader is.
    Local(Unit),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Millis,
    Micros,
    Nanos,
}

/// A text that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) value: i64,
    /// Digits beyond the unit were cut off.
    pub(super) cut: bool,
}

/// Why a text is no such value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misread {
    Syntax,
    /// A timestamp without, or a local one with an offset.
    Offset,
    /// A real moment that the unit cannot count.
    Range,
}

/// Milliseconds since 1970-01-01T00:00:00Z, from ISO 8601 with an offset or `Z`; what is finer is cut off.
pub(crate) fn moment(text: &str) -> Option<i64> {
    Temporal::Timestamp(Unit::Millis).parse(text.as_bytes()).ok().map(|reading| reading.value)
}

impl Unit {
    fn digits(self) -> usize {
        match self {
            Self::Millis => 3,
            Self::Micros => 6,
            Self::Nanos => 9,
        }
    }

    fn per_second(self) -> i64 {
        10i64.pow(self.digits() as u32)
    }

    fn word(self) -> &'static str {
        match self {
            Self::Millis => "milliseconds",
            Self::Micros => "microseconds",
            Self::Nanos => "nanoseconds",
        }
    }
}

impl Temporal {
    pub(super) fn of(logical: Logical) -> Option<Self> {
        Some(match logical {
            Logical::Date => Self::Date,
            Logical::TimeMillis => Self::Time(Unit::Millis),
            Logical::TimeMicros => Self::Time(Unit::Micros),
            Logical::TimestampMillis => Self::Timestamp(Unit::Millis),
            Logical::TimestampMicros => Self::Timestamp(Unit::Micros),
            Logical::TimestampNanos => Self::Timestamp(Unit::Nanos),
            Logical::LocalTimestampMillis => Self::Local(Unit::Millis),
            Logical::LocalTimestampMicros => Self::Local(Unit::Micros),
            Logical::LocalTimestampNanos => Self::Local(Unit::Nanos),
            Logical::Decimal { .. } | Logical::Uuid | Logical::Duration => return None,
        })
    }

    /// Whether an integer in the schema's unit is such a value.
    #[inline]
    pub(super) fn holds(self, value: i64) -> bool {
        match self {
            Self::Date => i32::try_from(value).is_ok(),
            Self::Time(unit) => (0..86_400 * unit.per_second()).contains(&value),
            Self::Timestamp(_) | Self::Local(_) => true,
        }
    }

    /// What would be right, for messages.
    pub(super) fn describe(self) -> String {
        match self {
            Self::Date => "date: `YYYY-MM-DD`, or whole days since 1970-01-01".to_owned(),
            Self::Time(unit) => format!("time: `hh:mm:ss` within one day, or whole {} since midnight", unit.word()),
            Self::Timestamp(unit) => {
                format!("timestamp: `YYYY-MM-DDThh:mm:ssZ` or with an offset, or whole {} since 1970", unit.word())
            }
            Self::Local(unit) => {
                format!("local timestamp: `YYYY-MM-DDThh:mm:ss` without offset, or whole {} since 1970", unit.word())
            }
        }
    }

    /// Reads ISO 8601.
    pub(super) fn parse(self, text: &[u8]) -> Result<Reading, Misread> {
        let mut text = Text(text);
        let (seconds, unit, fraction) = match self {
            Self::Date => {
                let days = text.date().ok_or(Misread::Syntax)?;
                return text.end().map(|()| Reading { value: days, cut: false });
            }
            Self::Time(unit) => {
                let (seconds, fraction) = text.time().ok_or(Misread::Syntax)?;
                text.end()?;
                (seconds, unit, fraction)
            }
            Self::Timestamp(unit) | Self::Local(unit) => {
                let days = text.date().ok_or(Misread::Syntax)?;
                if !(text.take(b'T') || text.take(b't')) {
                    return Err(Misread::Syntax);
                }
                let (time, fraction) = text.time().ok_or(Misread::Syntax)?;
                let offset = text.offset()?;
                text.end()?;
                match (self, offset) {
                    (Self::Timestamp(_), None) | (Self::Local(_), Some(_)) => return Err(Misread::Offset),
                    (_, offset) => (days * 86_400 + time - offset.unwrap_or(0), unit, fraction),
                }
            }
        };
        let (kept, beyond) = fraction.split_at(fraction.len().min(unit.digits()));
        let parts = kept.iter().chain(&[b'0'; 9]).take(unit.digits());
        let parts = parts.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        // In this order, so that the earliest nanosecond of all is in reach.
        let value = match seconds {
            0.. => seconds.checked_mul(unit.per_second()).and_then(|whole| whole.checked_add(parts)),
            _ => (seconds + 1)
                .checked_mul(unit.per_second())
                .and_then(|whole| whole.checked_add(parts - unit.per_second())),
        };
        let value = value.ok_or(Misread::Range)?;
        Ok(Reading { value, cut: beyond.iter().any(|digit| *digit != b'0') })
    }
}

/// Reads an ISO 8601 duration into Avro's months, days and milliseconds.
pub(super) fn parse_duration(text: &[u8]) -> Option<[u32; 3]> {
    let mut text = Text(text);
    if !text.take(b'P') {
        return None;
    }
    let (mut months, mut days, mut millis) = (0u64, 0u64, 0u64);
    // Each designator at most once and in this order: years, months, weeks, days, hours, minutes, seconds.
    let (mut in_time, mut last, mut any) = (false, 0, false);
    loop {
        if !in_time && text.take(b'T') {
            (in_time, any) = (true, false);
        }
        if text.0.is_empty() {
            break;
        }
        let number = text.number(18)?;
        let fraction = text.fraction()?;
        let (&designator, rest) = text.0.split_first()?;
        text.0 = rest;
        let (order, sum, factor) = match (in_time, designator) {
            (false, b'Y') => (1, &mut months, 12),
            (false, b'M') => (2, &mut months, 1),
            (false, b'W') => (3, &mut days, 7),
            (false, b'D') => (4, &mut days, 1),
            (true, b'H') => (5, &mut millis, 3_600_000),
            (true, b'M') => (6, &mut millis, 60_000),
            (true, b'S') => (7, &mut millis, 1000),
            _ => return None,
        };
        // Only seconds have a fraction, and only as far as Avro stores it.
        if order <= last || (!fraction.is_empty() && order != 7) || fraction.iter().skip(3).any(|digit| *digit != b'0')
        {
            return None;
        }
        *sum = number.checked_mul(factor)?.checked_add(*sum)?;
        let parts = fraction.iter().chain(b"000").take(3);
        millis = millis.checked_add(parts.fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))?;
        (last, any) = (order, true);
    }
    let fits = |part: u64| u32::try_from(part).ok();
    if any { Some([fits(months)?, fits(days)?, fits(millis)?]) } else { None }
}

struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    fn take(&mut self, byte: u8) -> bool {
        match self.0 {
            [first, rest @ ..] if *first == byte => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn end(&self) -> Result<(), Misread> {
        if self.0.is_empty() { Ok(()) } else { Err(Misread::Syntax) }
    }

    /// So many digits.
    #[inline]
    fn digits(&mut self, count: usize) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        digits.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
    }

    /// One digit at least and so many at most.
    fn number(&mut self, most: usize) -> Option<u64> {
        let (digits, rest) = super::number::digits(self.0);
        self.0 = rest;
        if digits.is_empty() || digits.len() > most {
            return None;
        }
        Some(digits.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
    }

    /// The digits after a point or comma, if there is one.
    fn fraction(&mut self) -> Option<&'a [u8]> {
        if !(self.take(b'.') || self.take(b',')) {
            return Some(&[]);
        }
        let (digits, rest) = super::number::digits(self.0);
        self.0 = rest;
        (!digits.is_empty()).then_some(digits)
    }

    /// Days since 1970-01-01.
    fn date(&mut self) -> Option<i64> {
        let year = self.digits(4)?;
        let month = self.take(b'-').then(|| self.digits(2))??;
        let day = self.take(b'-').then(|| self.digits(2))??;
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let length = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 => 28 + i64::from(leap),
            _ => return None,
        };
        if !(1..=length).contains(&day) {
            return None;
        }
        // Years that begin in March end with the leap day. Between the 1st of March of year 0 and 1970 lie 719,468 days.
        let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
        Some(year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468)
    }

    /// Seconds since midnight, and the digits of the fraction.
    fn time(&mut self) -> Option<(i64, &'a [u8])> {
        let hour = self.digits(2)?;
        let minute = self.take(b':').then(|| self.digits(2))??;
        let (second, fraction) = match self.take(b':') {
            true => (self.digits(2)?, self.fraction()?),
            false => (0, &[][..]),
        };
        (hour < 24 && minute < 60 && second < 60).then_some((hour * 3600 + minute * 60 + second, fraction))
    }

    /// The offset from UTC in seconds, if there is one.
    fn offset(&mut self) -> Result<Option<i64>, Misread> {
        if self.take(b'Z') || self.take(b'z') {
            return Ok(Some(0));
        }
        let sign = match self.0 {
            [] => return Ok(None),
            [b'+', ..] => 1,
            [b'-', ..] => -1,
            _ => return Err(Misread::Syntax),
        };
        self.0 = &self.0[1..];
        let hours = self.digits(2).ok_or(Misread::Syntax)?;
        let minutes = match self.0 {
            [] => 0,
            _ => {
                self.take(b':');
                self.digits(2).ok_or(Misread::Syntax)?
            }
        };
        if hours > 23 || minutes > 59 {
            return Err(Misread::Syntax);
        }
        Ok(Some(sign * (hours * 3600 + minutes * 60)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_8601_reads_exactly() {
        #[track_caller]
        fn check(kind: Temporal, text: &str, expected: Result<i64, Misread>) {
            assert_eq!(kind.parse(text.as_bytes()).map(|reading| reading.value), expected, "{text}");
        }
        use Temporal::{Date, Local, Time, Timestamp};
        use Unit::{Micros, Millis, Nanos};
        check(Date, "1970-01-01", Ok(0));
        check(Date, "1969-12-31", Ok(-1));
        check(Date, "2000-02-29", Ok(11016));
        check(Date, "0000-03-01", Ok(-719_468));
        check(Date, "0000-01-01", Ok(-719_528));
        check(Date, "9999-12-31", Ok(2_932_896));
        for text in ["1900-02-29", "2001-02-29", "2000-13-01", "2000-00-01", "2000-01-00", "2000-04-31", "2000-1-1"] {
            check(Date, text, Err(Misread::Syntax));
        }
        for text in ["", "2000-01-01T", "20000101", "2000-01-01 ", "+2000-01-01", "2000/01/01", "2000-W01-1"] {
            check(Date, text, Err(Misread::Syntax));
        }
        check(Time(Millis), "00:00:00", Ok(0));
        check(Time(Millis), "23:59:59.999", Ok(86_399_999));
        check(Time(Micros), "01:02:03,4", Ok(3_723_400_000));
        check(Time(Millis), "12:30", Ok(45_000_000));
        for text in ["24:00:00", "12:60:00", "12:00:60", "12:00:00Z", "12", "12:00:00.", "1:00:00"] {
            check(Time(Millis), text, Err(Misread::Syntax));
        }
        check(Timestamp(Millis), "1970-01-01T00:00:00Z", Ok(0));
        check(Timestamp(Millis), "1969-12-31T23:59:59.999Z", Ok(-1));
        check(Timestamp(Millis), "1969-12-31T23:59:59.9999Z", Ok(-1));
        check(Timestamp(Micros), "2024-02-29t12:00:00.000001+01:00", Ok(1_709_204_400_000_001));
        check(Timestamp(Millis), "2024-02-29T12:00-0530", Ok(1_709_227_800_000));
        check(Timestamp(Millis), "2024-02-29T12:00:00+01", Ok(1_709_204_400_000));
        check(Timestamp(Nanos), "2262-04-11T23:47:16.854775807Z", Ok(i64::MAX));
        check(Timestamp(Nanos), "2262-04-11T23:47:16.854775808Z", Err(Misread::Range));
        check(Timestamp(Nanos), "1677-09-21T00:12:43.145224192Z", Ok(i64::MIN));
        check(Timestamp(Nanos), "1677-09-21T00:12:43.145224191Z", Err(Misread::Range));
        check(Timestamp(Millis), "2024-02-29T12:00:00", Err(Misread::Offset));
        check(Local(Millis), "2024-02-29T12:00:00", Ok(1_709_208_000_000));
        check(Local(Millis), "2024-02-29T12:00:00Z", Err(Misread::Offset));
        for text in ["2024-02-29", "2024-02-29 12:00:00Z", "2024-02-29T12:00:00+24:00", "2024-02-29T12:00:00X"] {
            check(Timestamp(Millis), text, Err(Misread::Syntax));
        }
    }

    #[test]
    fn digits_beyond_the_unit_are_cut_and_told() {
        #[track_caller]
        fn check(text: &str, cut: bool) {
            let text = format!("1970-01-01T00:00:00{text}Z");
            assert_eq!(
                Temporal::Timestamp(Unit::Millis).parse(text.as_bytes()),
                Ok(Reading { value: 1, cut }),
                "{text}"
            );
        }
        check(".001", false);
        check(".0010000", false);
        check(".0010001", true);
        check(".0019999999999999999999999999999", true);
    }

    #[test]
    fn durations_read_as_months_days_and_milliseconds() {
        #[track_caller]
        fn check(text: &str, expected: Option<[u32; 3]>) {
            assert_eq!(parse_duration(text.as_bytes()), expected, "{text}");
        }
        check("P1Y2M3W4DT5H6M7.089S", Some([14, 25, 18_367_089]));
        check("PT0S", Some([0, 0, 0]));
        check("P1M", Some([1, 0, 0]));
        check("PT1M", Some([0, 0, 60_000]));
        check("PT0.5S", Some([0, 0, 500]));
        check("P4294967295D", Some([0, u32::MAX, 0]));
        check("P4294967296D", None);
        for text in ["", "P", "PT", "1D", "P1", "P1DT", "P1D2D", "P1D1Y", "P1H", "PT1D", "P-1D", "P1.5D", "PT0.0001S"] {
            check(text, None);
        }
    }
}
