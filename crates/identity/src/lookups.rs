//! Turns for looking up tokens that memory knows nothing of, so that a flood of made-up tokens never
//! takes all connections to the database from everybody else.

use keywright_store::PATIENCE;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::Unproven;

/// The turns.
pub(crate) struct Lookups {
    turns: Semaphore,
}

impl Lookups {
    /// Turns for a store of so many connections: three in five of them, at least one.
    pub(crate) fn new(connections: usize) -> Self {
        Self { turns: Semaphore::new((connections * 3 / 5).max(1)) }
    }

    /// A turn, in the order of asking. A good token waits like any other, for as long as it would for a
    /// connection.
    pub(crate) async fn turn(&self) -> Result<SemaphorePermit<'_>, Unproven> {
        match timeout(PATIENCE, self.turns.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_closed)) => Err(Unproven::Unavailable),
            Err(_too_long) => {
                tracing::warn!("a token cannot be checked: too many unknown ones are being looked up");
                Err(Unproven::Unavailable)
            }
        }
    }

    /// How many turns there are when nobody has one.
    #[cfg(any(test, feature = "test-hooks"))]
    pub(crate) fn free(&self) -> usize {
        self.turns.available_permits()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_gets_a_turn_or_is_told_after_as_long_as_for_a_connection() {
        let lookups = Lookups::new(10);
        let mut held = Vec::new();
        for _ in 0..6 {
            held.push(lookups.turn().await.expect("a turn"));
        }
        assert_eq!(lookups.free(), 0);
        let begun = Instant::now();
        assert_eq!(lookups.turn().await.map(drop), Err(Unproven::Unavailable));
        assert_eq!(begun.elapsed(), PATIENCE);
        let almost = PATIENCE - Duration::from_millis(1);
        let leaving = async {
            sleep(almost).await;
            held.pop();
        };
        let (got, ()) = tokio::join!(lookups.turn(), leaving);
        assert!(got.is_ok());
    }

    #[test]
    fn there_is_always_a_turn_and_never_all_connections() {
        for (connections, turns) in [(10, 6), (4, 2), (1, 1)] {
            assert_eq!(Lookups::new(connections).free(), turns);
        }
    }
}
