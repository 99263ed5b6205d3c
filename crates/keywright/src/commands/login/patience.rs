//! How long a sign-in waits for its person.

use std::str::FromStr;
use std::time::Duration;

/// A length of time from one second to one hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Patience(pub(super) Duration);

impl FromStr for Patience {
    type Err = &'static str;

    /// Reads `5m`, `1m30s`, and seconds without a unit.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let seconds = match text.parse() {
            Ok(seconds) => seconds,
            Err(_) => with_units(text).ok_or("write it like 90s, 5m or 1h")?,
        };
        if (1..=LONGEST).contains(&seconds) {
            Ok(Self(Duration::from_secs(seconds)))
        } else {
            Err("it is at least 1s and at most 1h")
        }
    }
}

fn with_units(text: &str) -> Option<u64> {
    let mut units = [('h', 3_600), ('m', 60), ('s', 1)].into_iter();
    // An empty text is no length, and comes to none: 0.
    let (mut total, mut rest) = (0_u64, text);
    while !rest.is_empty() {
        let (number, tail) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let unit = tail.chars().next()?;
        // From large to small, each once.
        let (_, seconds) = units.find(|(name, _)| *name == unit)?;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(seconds)?)?;
        rest = &tail[unit.len_utf8()..];
    }
    Some(total)
}

/// A browser that nobody comes back from is waited for no longer; a device code lives as long as it says.
pub(super) const OF_A_BROWSER: Duration = Duration::from_secs(300);

const LONGEST: u64 = 3_600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_has_units_or_is_in_seconds() {
        for (text, seconds) in [("1", 1), ("300", 300), ("90s", 90), ("5m", 300), ("1m30s", 90), ("1h", 3600)]
        {
            assert_eq!(text.parse(), Ok(Patience(Duration::from_secs(seconds))), "{text}");
        }
        for wrong in
            ["", "0", "0m", "2h", "3601", "-1", "m", "5d", "5m5m", "5s1m", "5x", "99999999999999999999s"]
        {
            assert!(wrong.parse::<Patience>().is_err(), "{wrong}");
        }
    }
}
