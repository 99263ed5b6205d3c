//! One token in memory.

use std::sync::Arc;

use keywright_protocol::{KeyId, Liveness, Principal, Scope, Timestamp, Tombstone};
use keywright_store::TokenRow;

/// A token that is good, or was when it was read.
pub(super) struct Entry {
    pub(super) principal: Arc<Principal>,
    tombstone: Tombstone,
    /// Principals of the same token before it changed that somebody still holds. All share one death.
    former: Vec<Arc<Principal>>,
    /// Whether nothing has changed since it was read.
    pub(super) trusted: bool,
    /// When it was last used.
    used: Timestamp,
    /// Whether the store has yet to hear of that.
    unnoted: bool,
}

impl Entry {
    /// A token that was just read and used.
    pub(super) fn new(row: TokenRow, now: Timestamp) -> Self {
        let (liveness, tombstone) = Liveness::new();
        Self {
            principal: Arc::new(principal(row, liveness)),
            tombstone,
            former: Vec::new(),
            trusted: true,
            used: now,
            unnoted: true,
        }
    }

    /// Takes in a newer reading. Unchanged, the principal stays the same one.
    pub(super) fn refresh(&mut self, row: TokenRow) {
        let fresh = principal(row, self.principal.liveness.clone());
        if !same(&self.principal, &fresh) {
            let old = std::mem::replace(&mut self.principal, Arc::new(fresh));
            self.former.push(old);
        }
        self.former.retain(|old| Arc::strong_count(old) > 1);
        self.trusted = true;
    }

    /// Hands the principal out.
    pub(super) fn hand_out(&mut self, now: Timestamp) -> Arc<Principal> {
        self.used = now;
        self.unnoted = true;
        Arc::clone(&self.principal)
    }

    /// Whether somebody holds a principal of it.
    pub(super) fn in_use(&self) -> bool {
        Arc::strong_count(&self.principal) > 1 || self.former.iter().any(|old| Arc::strong_count(old) > 1)
    }

    /// When it was last used.
    pub(super) fn used(&self) -> Timestamp {
        self.used
    }

    /// The use that the store has yet to hear of; after this it counts as told.
    pub(super) fn take_use(&mut self) -> Option<(KeyId, Timestamp)> {
        std::mem::take(&mut self.unnoted).then_some((self.principal.token, self.used))
    }

    /// Ends it for all who hold it.
    pub(super) fn bury(self) {
        self.tombstone.bury();
    }
}

fn principal(row: TokenRow, liveness: Liveness) -> Principal {
    Principal {
        token: row.id,
        kind: row.kind,
        parent: row.parent,
        session: row.session,
        user: row.user,
        organization: row.organization,
        role: row.role,
        scopes: row.scopes,
        temporary: row.temporary,
        // A token narrows what its user may do: one made for an agent, or for model calls alone, does
        // not administer.
        administrator: row.administrator && row.parent.is_none() && row.scopes.contains(Scope::ApiKeysManage),
        essential_traffic_only: row.essential_traffic_only,
        expires_at: row.expires_at,
        liveness,
    }
}

fn same(one: &Principal, other: &Principal) -> bool {
    let facts = |of: &Principal| {
        (
            of.token,
            of.kind,
            of.parent,
            of.session,
            of.user,
            of.organization,
            of.role,
            of.scopes,
            of.temporary,
            (of.administrator, of.essential_traffic_only),
            of.expires_at,
        )
    };
    facts(one) == facts(other)
}
