//! Who is calling: a token in, a principal out.

use std::error::Error;
use std::sync::Arc;

use keywright_protocol::Principal;
use keywright_secret::{PlatformToken, TokenHash};

use crate::cache::Fill;
use crate::{Identity, Unproven};

impl Identity {
    /// Who the token belongs to, if memory can say: no waiting, nothing allocated. `None` means ask
    /// [`verify`](Self::verify), always where several servers share a database.
    pub fn cached(&self, token: &PlatformToken) -> Option<Result<Arc<Principal>, Unproven>> {
        self.inner.cache.answer(&token.hash(), self.now())
    }

    /// Who the token belongs to. The principal dies at once when the token is revoked here.
    ///
    /// # Errors
    /// [`Unproven`] says why it is nobody.
    pub async fn verify(&self, token: &PlatformToken) -> Result<Arc<Principal>, Unproven> {
        let hash = token.hash();
        if let Some(answer) = self.inner.cache.answer(&hash, self.now()) {
            return answer;
        }
        let identity = self.clone();
        let asking = self.inner.runtime.spawn(async move { identity.ask_the_store(hash).await });
        asking.await.unwrap_or(Err(Unproven::Unavailable))
    }

    /// The order is what makes it safe: generation, read, and a fill that fails when the generation has
    /// moved. Whatever was read before a revocation is thrown away after it.
    async fn ask_the_store(&self, hash: TokenHash) -> Result<Arc<Principal>, Unproven> {
        // Tokens that were good before are never held up by strangers.
        let _turn = match self.inner.cache.knows(&hash) {
            true => None,
            false => Some(self.inner.lookups.turn().await?),
        };
        for _ in 0..ATTEMPTS {
            let generation = self.inner.cache.generation(&hash);
            let found = self.inner.store.token(&hash).await.map_err(|error| {
                tracing::error!(error = &error as &(dyn Error + 'static), "a token cannot be checked");
                Unproven::Unavailable
            })?;
            #[cfg(any(test, feature = "test-hooks"))]
            self.between_read_and_fill().await;
            if found.as_ref().is_some_and(|row| !self.inner.resources.is_home(row.audience.as_deref())) {
                return Err(Unproven::Elsewhere);
            }
            match self.inner.cache.fill(&hash, generation, found, self.now()) {
                Fill::Answer(answer) => return answer,
                Fill::Overtaken => {}
            }
        }
        tracing::warn!("a token cannot be checked: changes keep overtaking the reads");
        Err(Unproven::Unavailable)
    }
}

/// Each further one takes a change of a token of the same shard within the time of one read.
const ATTEMPTS: u32 = 64;
