//! Since when: a length of time until now, or an instant.

use std::str::FromStr;

use keywright_protocol::Timestamp;

/// What `--since` takes: `30m`, `24h`, `7d`, `2w`, or an RFC 3339 time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// That many seconds ago.
    Ago(i64),
    /// Then.
    At(Timestamp),
}

impl Since {
    /// The instant, seen from `now`.
    pub(crate) fn instant(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(seconds) => now.plus_seconds(-seconds),
            Self::At(instant) => instant,
        }
    }
}

impl FromStr for Since {
    type Err = BadSince;

    fn from_str(text: &str) -> Result<Self, BadSince> {
        if let Some(instant) = Timestamp::parse(text) {
            return Ok(Self::At(instant));
        }
        let unit = text.chars().last().ok_or(BadSince)?;
        let seconds = match unit {
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return Err(BadSince),
        };
        let digits = &text[..text.len() - 1];
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(BadSince);
        }
        let count: i64 = digits.parse().map_err(|_| BadSince)?;
        count.checked_mul(seconds).map(Self::Ago).ok_or(BadSince)
    }
}

/// The text is no such time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a length of time such as 30m, 24h, 7d or 2w, or a time such as 2026-11-20T08:00:00Z")]
pub(crate) struct BadSince;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_instants_are_read() {
        for (text, since) in [
            ("30m", Since::Ago(1800)),
            ("24h", Since::Ago(86_400)),
            ("2w", Since::Ago(1_209_600)),
            ("1970-01-01T00:00:01Z", Since::At(Timestamp(1000))),
        ] {
            assert_eq!(text.parse(), Ok(since), "{text}");
        }
        for text in ["", "h", "-1h", "+1h", "1", "1y", "ä", "1ä", "yesterday", "9223372036854775807w"] {
            assert_eq!(text.parse::<Since>(), Err(BadSince), "{text}");
        }
        assert_eq!(Since::Ago(1).instant(Timestamp(5000)), Timestamp(4000));
    }
}
