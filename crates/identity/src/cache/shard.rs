//! One part of the cache, under one lock.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use keywright_protocol::{KeyId, Principal, Timestamp};
use keywright_secret::{TokenHash, TokenKind};
use keywright_store::TokenRow;

use super::entry::Entry;
use crate::Unproven;

/// Tokens whose hashes fall together.
#[derive(Default)]
pub(super) struct Shard {
    /// Moved by every change of a token of this shard.
    generation: u64,
    entries: HashMap<TokenHash, Entry, ByHash>,
    /// Tokens that were asked for lately and are no good.
    refused: HashMap<TokenHash, Refused, ByHash>,
}

struct Refused {
    why: Unproven,
    until: Timestamp,
}

impl Shard {
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) fn knows(&self, hash: &TokenHash) -> bool {
        self.entries.contains_key(hash)
    }

    pub(super) fn answer(
        &mut self,
        hash: &TokenHash,
        now: Timestamp,
    ) -> Option<Result<Arc<Principal>, Unproven>> {
        if let Some(entry) = self.entries.get_mut(hash) {
            return match entry.trusted {
                false => None,
                true if entry.principal.expired(now) => Some(Err(Unproven::Expired)),
                true => Some(Ok(entry.hand_out(now))),
            };
        }
        let refused = self.refused.get(hash)?;
        (now < refused.until).then_some(Err(refused.why))
    }

    /// Takes in what the store said just now.
    pub(super) fn fill(
        &mut self,
        hash: &TokenHash,
        found: Option<TokenRow>,
        now: Timestamp,
    ) -> Result<Arc<Principal>, Unproven> {
        let row = match judge(found, now) {
            Ok(row) => row,
            Err(why) => {
                // Another server may have ended it. That its time is over does not end what runs.
                if why != Unproven::Expired {
                    self.remove(hash);
                }
                self.refuse(hash, why, now);
                return Err(why);
            }
        };
        self.refused.remove(hash);
        if let Some(entry) = self.entries.get_mut(hash) {
            entry.refresh(row);
            return Ok(entry.hand_out(now));
        }
        let mut entry = Entry::new(row, now);
        let principal = entry.hand_out(now);
        self.entries.insert(*hash, entry);
        Ok(principal)
    }

    pub(super) fn bury(&mut self, hash: &TokenHash) {
        self.generation += 1;
        self.refused.remove(hash);
        self.remove(hash);
    }

    pub(super) fn distrust(&mut self, hash: &TokenHash) {
        self.generation += 1;
        self.refused.remove(hash);
        if let Some(entry) = self.entries.get_mut(hash) {
            entry.trusted = false;
        }
    }

    pub(super) fn distrust_all(&mut self) {
        self.generation += 1;
        self.refused.clear();
        self.entries.values_mut().for_each(|entry| entry.trusted = false);
    }

    pub(super) fn take_uses(&mut self) -> Vec<(KeyId, Timestamp)> {
        self.entries.values_mut().filter_map(Entry::take_use).collect()
    }

    /// Evicts when there are `capacity` entries: those that have expired, else the eighth that was
    /// used longest ago, and never one in use. Gives back the uses that the store has yet to hear of.
    pub(super) fn make_room(&mut self, capacity: usize, now: Timestamp) -> Vec<(KeyId, Timestamp)> {
        if self.entries.len() < capacity {
            return Vec::new();
        }
        let mut uses = self.evict(|entry| entry.principal.expired(now));
        if self.entries.len() >= capacity {
            let idle = self.entries.values().filter(|entry| !entry.in_use());
            let mut used: Vec<Timestamp> = idle.map(Entry::used).collect();
            if !used.is_empty() {
                let eighth = used.len() / 8;
                let (_, limit, _) = used.select_nth_unstable(eighth);
                let limit = *limit;
                uses.extend(self.evict(|entry| entry.used() <= limit));
            }
        }
        uses
    }

    fn evict(&mut self, chosen: impl Fn(&Entry) -> bool) -> Vec<(KeyId, Timestamp)> {
        let gone = self.entries.extract_if(|_, entry| !entry.in_use() && chosen(entry));
        gone.filter_map(|(_, mut entry)| entry.take_use()).collect()
    }

    fn remove(&mut self, hash: &TokenHash) {
        if let Some(entry) = self.entries.remove(hash) {
            entry.bury();
        }
    }

    fn refuse(&mut self, hash: &TokenHash, why: Unproven, now: Timestamp) {
        if self.refused.len() >= MOST_REFUSED {
            self.refused.clear();
        }
        self.refused.insert(*hash, Refused { why, until: now.plus_millis(REFUSED_FOR_MS) });
    }

    #[cfg(test)]
    pub(super) fn sizes(&self) -> (usize, usize) {
        (self.entries.len(), self.refused.len())
    }
}

/// Whether a stored token is good at this moment.
fn judge(found: Option<TokenRow>, now: Timestamp) -> Result<TokenRow, Unproven> {
    match found {
        None => Err(Unproven::Unknown),
        // Good for a new access token at the token endpoint, and for nothing else.
        Some(row) if row.kind == TokenKind::Refresh => Err(Unproven::Unknown),
        Some(row) if row.revoked => Err(Unproven::Revoked),
        Some(row) if row.expires_at.is_some_and(|end| now >= end) => Err(Unproven::Expired),
        Some(row) => Ok(row),
    }
}

/// The keys are SHA-256: any eight bytes of them are as good a hash as can be.
type ByHash = BuildHasherDefault<LastBytes>;

#[derive(Default)]
struct LastBytes(u64);

impl Hasher for LastBytes {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(last) = bytes.last_chunk() {
            self.0 = u64::from_ne_bytes(*last);
        }
    }

    fn write_usize(&mut self, _length_of_the_array: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Of each of the 64 shards, so some four thousand in all.
const MOST_REFUSED: usize = 64;
const REFUSED_FOR_MS: i64 = 5_000;
