//! A program may run longer than its token lives, so it lives on for as long as the program does.

use std::convert::Infallible;
use std::time::Duration;

use keywright_client::{Client, ClientError};
use keywright_protocol::{Clock, ErrorCode, SystemClock, Timestamp};
use keywright_secret::Secret;

/// Has the parent vouch for the child, time and again.
pub(super) struct Renewal {
    parent: Client,
    child: Secret,
    ends: Timestamp,
    lifetime: i64,
    /// Why the last renewal failed, if it did.
    pub(super) failure: Option<ClientError>,
}

impl Renewal {
    /// `parent` made `child`, which ends then.
    pub(super) fn new(parent: Client, child: Secret, ends: Timestamp) -> Self {
        let lifetime = ends.millis_since(SystemClock.now());
        Self { parent, child, ends, lifetime, failure: None }
    }

    /// When it ends, as far as is known.
    pub(super) fn ends(&self) -> Timestamp {
        self.ends
    }

    /// Renews it whenever half of its life is over. Looks at the clock rather than sleep until then: a
    /// machine that was asleep has slept through.
    pub(super) async fn keep_up(&mut self) -> Infallible {
        let look = pause(self.lifetime);
        loop {
            tokio::time::sleep(look).await;
            if self.ends.millis_since(SystemClock.now()) > self.lifetime / 2 {
                continue;
            }
            match self.parent.renew_child(&self.child).await {
                Ok(renewed) => {
                    // The parent's own end is near.
                    let as_long_as_may_be = renewed.expires_at <= self.ends;
                    (self.ends, self.failure) = (renewed.expires_at, None);
                    if as_long_as_may_be {
                        return std::future::pending().await;
                    }
                }
                Err(error) => {
                    let for_good = error.code().is_some_and(|code| ENDED.contains(&code));
                    // Told when the program has ended: until then the terminal is its.
                    self.failure = Some(error);
                    if for_good {
                        return std::future::pending().await;
                    }
                }
            }
        }
    }
}

/// Between two looks at the clock. A clock that is so wrong that the token seems to have ended before it was
/// made says nothing of when to renew it, and must not make us ask all the time.
fn pause(lifetime: i64) -> Duration {
    let look = u64::try_from(lifetime).ok().filter(|lifetime| *lifetime > 0);
    look.map_or(SELDOM, |lifetime| Duration::from_millis(lifetime / LOOKS).clamp(OFTEN, SELDOM))
}

/// Neither parent nor child comes back from these.
const ENDED: [ErrorCode; 5] = [
    ErrorCode::KeyRevoked,
    ErrorCode::KeyExpired,
    ErrorCode::KeyUnknown,
    ErrorCode::NotFound,
    ErrorCode::Forbidden,
];
/// So many in a lifetime, within limits.
const LOOKS: u64 = 8;
const OFTEN: Duration = Duration::from_millis(50);
const SELDOM: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_far_wrong_makes_no_more_renewals_than_a_right_one() {
        assert_eq!(pause(12 * 3_600_000), SELDOM);
        assert_eq!(pause(8_000), Duration::from_secs(1));
        assert_eq!(pause(1), OFTEN);
        for wrong in [0, -1, -3_600_000, i64::MIN] {
            assert_eq!(pause(wrong), SELDOM, "{wrong}");
        }
    }
}
