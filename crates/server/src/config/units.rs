//! Lengths of time and sizes, as people write them.

use std::time::Duration;

/// Reads `500ms`, `10s`, `5m`, `72h` or `60d`; a bare `0` is nothing.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, u64); 5] =
        [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
    scaled(text, &UNITS).map(Duration::from_millis)
}

/// Reads `64KiB`, `32MiB`, `1GiB`, or a bare number of bytes.
pub(crate) fn size(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 4] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
    text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit())).or_else(|| scaled(text, &UNITS))
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_read_and_write() {
        for (text, millis) in
            [("500ms", 500), ("10s", 10_000), ("5m", 300_000), ("72h", 259_200_000), ("60d", 5_184_000_000)]
        {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(duration("0"), Some(Duration::ZERO));
        for text in ["", "s", "10", "-1s", "1.5h", "10 s", "10S", "1h30m", "99999999999999999d"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_read() {
        for (text, bytes) in
            [("1024", 1024), ("64B", 64), ("64KiB", 65_536), ("32MiB", 33_554_432), ("1GiB", 1 << 30)]
        {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
        for text in ["", "MiB", "32MB", "32 MiB", "-1", "+1", "99999999999GiB"] {
            assert_eq!(size(text), None, "{text}");
        }
    }
}
