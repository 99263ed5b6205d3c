//! Changes of tokens that must reach the cache once they are begun.

use std::sync::Arc;

use keywright_protocol::{ApiError, ErrorCode};
use keywright_store::StoreError;

use crate::Identity;
use crate::failure::store_failed;
use crate::identity::Inner;

impl Identity {
    /// Runs a change of tokens to its end, even if whoever asked goes away in the middle: a commit
    /// that the cache never hears of would leave a revoked token alive for ever. If it fails, nobody
    /// knows what the database holds, so everything in the cache is asked for again.
    pub(crate) async fn lasting<T, F>(&self, change: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        self.to_its_end(change).await?.map_err(|error| store_failed(&error))
    }

    /// The same, for a change that says itself what its failure means.
    pub(crate) async fn to_its_end<T, E, F>(&self, change: F) -> Result<Result<T, E>, ApiError>
    where
        T: Send + 'static,
        E: Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let doubt = Doubt(Some(Arc::clone(&self.inner)));
        let running = self.inner.runtime.spawn(async move {
            let outcome = change.await;
            if outcome.is_ok() {
                doubt.dispel();
            }
            outcome
        });
        running.await.map_err(|_panicked_or_shutting_down| ErrorCode::Internal.into())
    }
}

/// Unless it is dispelled, what is in the cache is trusted no longer once this is dropped, a panic in
/// the change included.
struct Doubt(Option<Arc<Inner>>);

impl Doubt {
    fn dispel(mut self) {
        self.0 = None;
    }
}

impl Drop for Doubt {
    fn drop(&mut self) {
        if let Some(inner) = &self.0 {
            inner.cache.distrust_all();
        }
    }
}
