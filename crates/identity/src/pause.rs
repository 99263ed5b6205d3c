//! Stops a token check between its read and its fill, so that a test can let a revocation overtake it.

use std::sync::{Arc, PoisonError};

use tokio::sync::Notify;

use crate::Identity;

/// A check that waits, or will, between reading the store and filling the cache.
#[derive(Debug, Default)]
pub struct Pause {
    reached: Notify,
    go_on: Notify,
}

impl Pause {
    /// Completes when a check has read and waits.
    pub async fn reached(&self) {
        self.reached.notified().await;
    }

    /// Lets that check go on.
    pub fn go_on(&self) {
        self.go_on.notify_one();
    }
}

impl Identity {
    /// Makes the next check that reads the store wait before it fills the cache.
    pub fn pause_next_fill(&self) -> Arc<Pause> {
        let pause = Arc::new(Pause::default());
        *self.inner.pause.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&pause));
        pause
    }

    /// How many tokens that memory knows nothing of could be looked up at this moment.
    pub fn free_lookups(&self) -> usize {
        self.inner.lookups.free()
    }

    pub(crate) async fn between_read_and_fill(&self) {
        let pause = self.inner.pause.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(pause) = pause {
            pause.reached.notify_one();
            pause.go_on.notified().await;
        }
    }
}
