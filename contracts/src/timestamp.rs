//! A moment, in milliseconds.

use std::{
    fmt,
    str::FromStr,
    time::{Duration, SystemTime},
};

/// A moment in milliseconds since 1970-01-01T00:00:00Z. This crate reads no clock: every moment is passed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// Why a text is not a [`Timestamp`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a moment as RFC 3339 has it, such as 2026-01-31T09:30:00Z")]
pub struct InvalidTimestamp(String);

impl Timestamp {
    /// The moment that comes this much later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => millis(after),
            Err(before) => -millis(before.duration()),
        })
    }
}

/// From RFC 3339; what is finer than milliseconds is cut off.
impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        crate::plan::moment(text).map(Self).ok_or_else(|| InvalidTimestamp(text.to_owned()))
    }
}

/// As RFC 3339 has it, in UTC; milliseconds only where there are some.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAY: i64 = 86_400_000;
        let (days, in_day) = (self.0.div_euclid(DAY), self.0.rem_euclid(DAY));
        // Counted from 1 March of a year divisible by 400, a leap day is always the last of its year.
        let shifted = days + 719_468;
        let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = era * 400 + year_of_era + i64::from(month <= 2);
        let (seconds, millis) = (in_day / 1_000, in_day % 1_000);
        write!(f, "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)?;
        match millis {
            0 => f.write_str("Z"),
            _ => write!(f, ".{millis:03}Z"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_print_as_rfc_3339() {
        let check = |millis, expected: &str| {
            assert_eq!(Timestamp(millis).to_string(), expected);
            assert_eq!(expected.parse(), Ok(Timestamp(millis)));
        };
        check(0, "1970-01-01T00:00:00Z");
        check(-1, "1969-12-31T23:59:59.999Z");
        check(951_782_400_000, "2000-02-29T00:00:00Z");
        check(1_709_251_199_000, "2024-02-29T23:59:59Z");
        check(4_107_542_400_000, "2100-03-01T00:00:00Z");
        check(1_767_225_600_042, "2026-01-01T00:00:00.042Z");
        // Nothing overflows at the ends.
        let _ = (Timestamp(i64::MAX).to_string(), Timestamp(i64::MIN).to_string());
        assert_eq!(Timestamp(i64::MAX).plus(Duration::MAX), Timestamp(i64::MAX));
    }

    #[test]
    fn other_texts_are_no_moments() {
        for text in ["", "2026-01-01", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z", "yesterday"] {
            assert!(text.parse::<Timestamp>().is_err(), "{text:?}");
        }
        assert_eq!("2026-01-01T02:00:00.0009+02:00".parse(), Ok(Timestamp(1_767_225_600_000)));
    }

    #[test]
    fn a_system_time_keeps_its_milliseconds() {
        let check = |time, millis| assert_eq!(Timestamp::from(time), Timestamp(millis));
        check(SystemTime::UNIX_EPOCH, 0);
        check(SystemTime::UNIX_EPOCH + Duration::from_millis(1_500), 1_500);
        check(SystemTime::UNIX_EPOCH - Duration::from_millis(1_500), -1_500);
    }
}
