//! How long a key lives, as people write it: `8h`, `30d`, `1d12h30m`.

use std::str::FromStr;

/// A length of time in whole seconds, from one hour to 365 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lifetime(i64);

impl Lifetime {
    /// A lifetime of that many seconds.
    ///
    /// # Errors
    /// [`BadLifetime::OutOfRange`] under an hour or over 365 days.
    pub fn from_seconds(seconds: i64) -> Result<Self, BadLifetime> {
        if (SHORTEST..=LONGEST).contains(&seconds) { Ok(Self(seconds)) } else { Err(BadLifetime::OutOfRange) }
    }

    /// A lifetime of whole days, 1 to 365.
    ///
    /// # Errors
    /// [`BadLifetime::OutOfRange`] otherwise.
    pub fn from_days(days: i64) -> Result<Self, BadLifetime> {
        Self::from_seconds(days.checked_mul(86_400).ok_or(BadLifetime::OutOfRange)?)
    }

    /// The seconds in it.
    pub fn seconds(self) -> i64 {
        self.0
    }
}

impl FromStr for Lifetime {
    type Err = BadLifetime;

    fn from_str(text: &str) -> Result<Self, BadLifetime> {
        Self::from_seconds(parse_duration(text)?)
    }
}

/// Reads `1d12h30m`: numbers, each with a unit of `d`, `h`, `m` or `s`, from large to small, each once.
pub(crate) fn parse_duration(text: &str) -> Result<i64, BadLifetime> {
    const UNITS: [(char, i64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];
    let mut units = UNITS.iter();
    let mut total: i64 = 0;
    let mut rest = text;
    if rest.is_empty() {
        return Err(BadLifetime::NotADuration);
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or(BadLifetime::NotADuration)?;
        let (number, tail) = rest.split_at(digits);
        let unit = tail.chars().next().ok_or(BadLifetime::NotADuration)?;
        let (_, seconds) = units.by_ref().find(|(name, _)| *name == unit).ok_or(BadLifetime::NotADuration)?;
        let number: i64 = number.parse().map_err(|_| BadLifetime::NotADuration)?;
        total = number
            .checked_mul(*seconds)
            .and_then(|part| total.checked_add(part))
            .ok_or(BadLifetime::OutOfRange)?;
        rest = &tail[unit.len_utf8()..];
    }
    Ok(total)
}

/// Why a text is no lifetime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLifetime {
    /// Not numbers with units.
    #[error("a lifetime is written like 8h, 30d or 1d12h30m")]
    NotADuration,
    /// Too short or too long.
    #[error("a lifetime is at least 1h and at most 365d")]
    OutOfRange,
}

const SHORTEST: i64 = 3_600;
const LONGEST: i64 = 365 * 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_write_them() {
        for (text, seconds) in
            [("8h", 28_800), ("30d", 2_592_000), ("1d12h30m", 131_400), ("3600s", 3_600), ("365d", LONGEST)]
        {
            assert_eq!(text.parse::<Lifetime>().map(Lifetime::seconds), Ok(seconds), "{text}");
        }
    }

    #[test]
    fn nonsense_and_excess_are_told_apart() {
        for text in ["", "8", "h", "8x", "-8h", "1h1d", "1h1h", "8 h", "1.5h", "８h", "99999999999999999999d"]
        {
            assert_eq!(text.parse::<Lifetime>(), Err(BadLifetime::NotADuration), "{text}");
        }
        for text in ["59m", "366d", "0h", "9223372036854775807d"] {
            assert_eq!(text.parse::<Lifetime>(), Err(BadLifetime::OutOfRange), "{text}");
        }
        assert_eq!(Lifetime::from_days(i64::MAX), Err(BadLifetime::OutOfRange));
        assert_eq!(Lifetime::from_days(0), Err(BadLifetime::OutOfRange));
    }
}
