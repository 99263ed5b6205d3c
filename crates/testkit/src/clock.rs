//! A clock that stands still until it is turned.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use keywright_protocol::{Clock, SystemClock, Timestamp};

/// A clock that stands still until it is turned. It begins at the time of the machine.
#[derive(Debug)]
pub struct FakeClock {
    wall: AtomicI64,
    steady: AtomicU64,
}

impl FakeClock {
    /// Turns it forward.
    pub fn advance_seconds(&self, seconds: i64) {
        self.wall.fetch_add(seconds * 1_000, Ordering::SeqCst);
        self.steady.fetch_add(seconds.unsigned_abs() * 1_000, Ordering::SeqCst);
    }

    /// Sets it to another time, as an operator does: no time goes by.
    pub fn set_off_seconds(&self, seconds: i64) {
        self.wall.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }
}

impl Default for FakeClock {
    fn default() -> Self {
        Self { wall: AtomicI64::new(SystemClock.now().0), steady: AtomicU64::new(0) }
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.wall.load(Ordering::SeqCst))
    }

    fn steady(&self) -> Duration {
        Duration::from_millis(self.steady.load(Ordering::SeqCst))
    }
}
