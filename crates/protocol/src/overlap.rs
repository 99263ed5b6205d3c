//! For how long a rotated key lives on beside its successor.

use std::str::FromStr;

use crate::BadLifetime;
use crate::lifetime::parse_duration;

/// Whole seconds, from none to seven days: long enough for what is rolled out once a week, too short for
/// two secrets of one purpose to become the rule, since the older does not count to the most that there
/// may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Overlap(i64);

impl Overlap {
    /// An overlap of that many seconds; `None` below 0 and over seven days.
    pub fn from_seconds(seconds: i64) -> Option<Self> {
        (0..=LONGEST).contains(&seconds).then_some(Self(seconds))
    }

    /// The seconds in it.
    pub fn seconds(self) -> i64 {
        self.0
    }
}

impl FromStr for Overlap {
    type Err = BadOverlap;

    /// Reads `90s`, `1h`, `1d12h` or `0`.
    fn from_str(text: &str) -> Result<Self, BadOverlap> {
        let seconds = if text == "0" { Ok(0) } else { parse_duration(text) };
        match seconds {
            Ok(seconds) => Self::from_seconds(seconds).ok_or(BadOverlap::TooLong),
            Err(BadLifetime::OutOfRange) => Err(BadOverlap::TooLong),
            Err(BadLifetime::NotADuration) => Err(BadOverlap::NotADuration),
        }
    }
}

/// Why a text is no overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadOverlap {
    /// Not numbers with units.
    #[error("an overlap is written like 90s, 1h or 1d12h")]
    NotADuration,
    /// Over seven days.
    #[error("an overlap is at most 7d")]
    TooLong,
}

const LONGEST: i64 = 7 * 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlaps_read_as_people_write_them_up_to_seven_days() {
        for (text, seconds) in [("0", 0), ("0s", 0), ("90s", 90), ("1h", 3_600), ("7d", 604_800)] {
            assert_eq!(text.parse::<Overlap>().map(Overlap::seconds), Ok(seconds), "{text}");
        }
        for (text, why) in [
            ("7d1s", BadOverlap::TooLong),
            ("9223372036854775807d", BadOverlap::TooLong),
            ("", BadOverlap::NotADuration),
            ("60", BadOverlap::NotADuration),
            ("-1s", BadOverlap::NotADuration),
        ] {
            assert_eq!(text.parse::<Overlap>(), Err(why), "{text}");
        }
        assert_eq!(Overlap::from_seconds(-1), None);
    }
}
