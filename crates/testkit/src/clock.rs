//! A clock that stands still until it is turned.

use std::sync::atomic::{AtomicI64, Ordering};

use keywright_protocol::{Clock, SystemClock, Timestamp};

/// A clock that stands still until it is turned. It begins at the time of the machine.
#[derive(Debug)]
pub struct FakeClock(AtomicI64);

impl FakeClock {
    /// Turns it forward.
    pub fn advance_seconds(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }
}

impl Default for FakeClock {
    fn default() -> Self {
        Self(AtomicI64::new(SystemClock.now().0))
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}
