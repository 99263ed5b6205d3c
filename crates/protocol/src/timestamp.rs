//! Instants, and the clock that gives them.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// An instant: milliseconds since 1970-01-01T00:00:00Z. On the wire RFC 3339, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This instant and `milliseconds` more.
    #[must_use]
    pub fn plus_millis(self, milliseconds: i64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }

    /// This instant and `seconds` more.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        self.plus_millis(seconds.saturating_mul(1000))
    }

    /// Milliseconds from `earlier` to this instant; negative when it lies before.
    pub fn millis_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Reads RFC 3339, in any offset.
    pub fn parse(text: &str) -> Option<Self> {
        let instant = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        i64::try_from(instant.unix_timestamp_nanos() / 1_000_000).ok().map(Self)
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000) {
            Ok(at) if (0..=9999).contains(&at.year()) => {
                let (date, time) = (at.date(), at.time());
                write!(
                    formatter,
                    "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                    date.year(),
                    u8::from(date.month()),
                    date.day(),
                    time.hour(),
                    time.minute(),
                    time.second(),
                    time.millisecond(),
                )
            }
            // Other years have no RFC 3339 form.
            _ if self.0 < 0 => formatter.write_str("0000-01-01T00:00:00.000Z"),
            _ => formatter.write_str("9999-12-31T23:59:59.999Z"),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("expected an RFC 3339 time"))
    }
}

/// Where the time comes from, so that tests of windows can turn it.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;

    /// How long this process has been running, more or less: whoever sets the machine's clock does not
    /// change it, so that what must end ends.
    fn steady(&self) -> Duration {
        static BEGUN: OnceLock<Instant> = OnceLock::new();
        BEGUN.get_or_init(Instant::now).elapsed()
    }
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc_and_read_in_any_offset() {
        assert_eq!(Timestamp(1_795_000_000_123).to_string(), "2026-11-18T11:06:40.123Z");
        assert_eq!(Timestamp(1_795_000_000_200).to_string(), "2026-11-18T11:06:40.200Z");
        assert_eq!(Timestamp(1_795_000_000_000).to_string(), "2026-11-18T11:06:40.000Z");
        assert_eq!(Timestamp::parse("2026-11-18T12:06:40.123+01:00"), Some(Timestamp(1_795_000_000_123)));
        assert_eq!(Timestamp::parse("yesterday"), None);
    }

    #[test]
    fn the_ends_of_time_do_not_panic() {
        for instant in [i64::MIN, 0, i64::from(i32::MAX) * 1000, i64::MAX] {
            let _ = Timestamp(instant).plus_seconds(i64::MAX).to_string();
        }
    }
}
