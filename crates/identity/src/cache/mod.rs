//! The tokens that this process knows, in memory.
//!
//! A map of our own in shards, because what a general cache does for speed is wrong here: one that
//! joins concurrent reads of a key hands out a value that was read before it was revoked.
//!
//! - A fill names the generation that it saw before it read; it is refused when that has moved.
//! - A revocation commits, then moves the generation, removes the entry and buries its principal, all
//!   under the lock of the shard.
//! - An entry whose principal somebody holds is never evicted: it is how a revocation finds a running
//!   stream.

mod entry;
mod shard;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keywright_protocol::{KeyId, Principal, Timestamp};
use keywright_secret::TokenHash;
use keywright_store::TokenRow;

use crate::Unproven;
use shard::Shard;

/// All shards.
pub(crate) struct TokenCache {
    shards: Box<[Mutex<Shard>]>,
    shard_capacity: usize,
    /// Whether this process alone changes tokens, so that memory may answer.
    authoritative: bool,
    /// Uses that are still to be noted in the store, of entries that have left or could not be noted.
    unnoted: Mutex<HashMap<KeyId, Timestamp>>,
}

/// What came of a fill.
pub(crate) enum Fill {
    /// Who it is, or why it is nobody.
    Answer(Result<Arc<Principal>, Unproven>),
    /// A change came between read and fill: read again.
    Overtaken,
}

impl TokenCache {
    /// A cache of about `capacity` tokens.
    pub(crate) fn new(capacity: usize, authoritative: bool) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            shard_capacity: capacity.div_ceil(SHARDS).max(1),
            authoritative,
            unnoted: Mutex::default(),
        }
    }

    /// What memory says of a token. A yes counts as a use.
    pub(crate) fn answer(
        &self,
        hash: &TokenHash,
        now: Timestamp,
    ) -> Option<Result<Arc<Principal>, Unproven>> {
        if !self.authoritative {
            return None;
        }
        self.shard(hash).answer(hash, now)
    }

    /// Whether the token was good when it was last read, and has not been heard of as ended since.
    pub(crate) fn knows(&self, hash: &TokenHash) -> bool {
        self.shard(hash).knows(hash)
    }

    /// What to name in [`fill`](Self::fill); to be taken before the store is read.
    pub(crate) fn generation(&self, hash: &TokenHash) -> u64 {
        self.shard(hash).generation()
    }

    /// Takes in what the store said.
    pub(crate) fn fill(
        &self,
        hash: &TokenHash,
        generation: u64,
        found: Option<TokenRow>,
        now: Timestamp,
    ) -> Fill {
        let mut shard = self.shard(hash);
        if shard.generation() != generation {
            return Fill::Overtaken;
        }
        let evicted = shard.make_room(self.shard_capacity, now);
        let answer = shard.fill(hash, found, now);
        drop(shard);
        self.keep_unnoted(evicted);
        Fill::Answer(answer)
    }

    /// Ends tokens whose revocation has committed.
    pub(crate) fn bury(&self, hashes: impl IntoIterator<Item = TokenHash>) {
        for hash in hashes {
            self.shard(&hash).bury(&hash);
        }
    }

    /// Makes sure that what was just stored or changed is read again before it is answered. Whoever
    /// holds a principal of it keeps it, and a later revocation still finds them.
    pub(crate) fn distrust(&self, hashes: impl IntoIterator<Item = TokenHash>) {
        for hash in hashes {
            self.shard(&hash).distrust(&hash);
        }
    }

    /// The same for everything.
    pub(crate) fn distrust_all(&self) {
        for shard in &self.shards {
            lock(shard).distrust_all();
        }
    }

    /// The uses since the last call.
    pub(crate) fn take_uses(&self) -> Vec<(KeyId, Timestamp)> {
        let mut uses = std::mem::take(&mut *lock(&self.unnoted));
        for shard in &self.shards {
            // Entries are used again after they return, so what they say is always the later.
            uses.extend(lock(shard).take_uses());
        }
        uses.into_iter().collect()
    }

    /// Keeps uses for the next [`take_uses`](Self::take_uses).
    pub(crate) fn keep_unnoted(&self, uses: Vec<(KeyId, Timestamp)>) {
        if uses.is_empty() {
            return;
        }
        let mut unnoted = lock(&self.unnoted);
        for (id, at) in uses {
            let kept = unnoted.entry(id).or_insert(at);
            *kept = at.max(*kept);
        }
    }

    fn shard(&self, hash: &TokenHash) -> MutexGuard<'_, Shard> {
        lock(&self.shards[usize::from(hash.as_bytes()[0]) % SHARDS])
    }
}

/// Nothing in a shard is ever half changed when a panic could happen, so a poisoned lock is as good.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const SHARDS: usize = 64;

#[cfg(test)]
mod tests;
