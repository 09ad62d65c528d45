//! What tells a picture from another that later takes its name.

use std::fs::Metadata;
use std::time::{SystemTime, UNIX_EPOCH};

/// A file's length and the time it was last changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Stamp {
    pub(super) bytes: u64,
    /// In UTC as RFC 3339 writes it, to the nanosecond; empty where the disk keeps no such time.
    pub(super) modified: String,
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self { bytes: metadata.len(), modified: metadata.modified().map(in_words).unwrap_or_default() }
    }
}

fn in_words(time: SystemTime) -> String {
    let Ok(elapsed) = time.duration_since(UNIX_EPOCH) else { return String::new() };
    let (seconds, nanoseconds) = (elapsed.as_secs(), elapsed.subsec_nanos());
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanoseconds:09}Z")
}

/// Year, month and day of a number of days since 1970-01-01, by Howard Hinnant's `civil_from_days`: years are counted
/// from March, so that the leap day is the last of its year.
fn date(days: u64) -> (u64, u64, u64) {
    let since_era = days + 719_468;
    let (era, day_of_era) = (since_era / 146_097, since_era % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_are_those_of_the_calendar() {
        // From `date --utc --date=@SECONDS`.
        for (seconds, words) in [
            (0, "1970-01-01T00:00:00.000000000Z"),
            (951_782_400, "2000-02-29T00:00:00.000000000Z"),
            (1_709_251_199, "2024-02-29T23:59:59.000000000Z"),
            (1_735_689_599, "2024-12-31T23:59:59.000000000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000000000Z"),
        ] {
            assert_eq!(in_words(UNIX_EPOCH + Duration::from_secs(seconds)), words);
        }
        assert!(in_words(UNIX_EPOCH + Duration::from_nanos(7)).ends_with("00.000000007Z"));
        assert_eq!(in_words(UNIX_EPOCH - Duration::from_secs(1)), "");
    }
}
