//! The one clock that all processes of the bench read.

use std::time::{SystemTime, UNIX_EPOCH};

/// Stands before the time at which an event was written.
pub(crate) const MARK: &str = "sent@";

/// Now, in nanoseconds since 1970.
pub(crate) fn nanoseconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
