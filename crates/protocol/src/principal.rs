//! The verified caller, as every pillar knows it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use keywright_secret::TokenKind;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use crate::{KeyId, OrganizationId, Role, Scope, Scopes, Timestamp, UserId};

/// Who a good token belongs to and what it may do. Made by `identity` only.
#[derive(Debug)]
pub struct Principal {
    /// The token.
    pub token: KeyId,
    /// What kind of token.
    pub kind: TokenKind,
    /// The token that this one dies with, for a token made for an agent.
    pub parent: Option<KeyId>,
    /// The session of an application that this token is of, for one that a sign-in gave.
    pub session: Option<Session>,
    /// Its user.
    pub user: UserId,
    /// The organization that it acts in.
    pub organization: OrganizationId,
    /// What its user is in that organization.
    pub role: Role,
    /// What it may do.
    pub scopes: Scopes,
    /// Whether the account is a temporary one.
    pub temporary: bool,
    /// Whether the user is an administrator of the whole server.
    pub administrator: bool,
    /// Whether the user is marked: whoever would capture content asks this first, and captures none.
    pub essential_traffic_only: bool,
    /// When the token ends by itself; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// Whether it has been revoked since it was verified.
    pub liveness: Liveness,
}

impl Principal {
    /// Whether it may do that.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(scope)
    }

    /// Whether the token has ended by itself.
    pub fn expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| now >= end)
    }
}

/// A session of an application: it outlives its access tokens, and all that was made in it dies with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id, a platform token's like any other.
    pub id: KeyId,
    /// When it ends by itself, however often it was refreshed.
    pub expires_at: Timestamp,
}

/// The reader's side of a principal's death: cheap to ask, and can be waited for.
#[derive(Clone, Debug)]
pub struct Liveness(Arc<Shared>);

/// The writer's side: whoever holds the principal's place in the cache can end it.
#[derive(Clone, Debug)]
pub struct Tombstone(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    dead: AtomicBool,
    died: Arc<Notify>,
}

impl Liveness {
    /// A living principal's flag, and the means to end it.
    pub fn new() -> (Self, Tombstone) {
        let shared = Arc::new(Shared { dead: AtomicBool::new(false), died: Arc::new(Notify::new()) });
        (Self(Arc::clone(&shared)), Tombstone(shared))
    }

    /// Whether the principal has been revoked.
    pub fn is_dead(&self) -> bool {
        self.0.dead.load(Ordering::Acquire)
    }

    /// Completes when the principal dies after this call. Make it first and ask
    /// [`is_dead`](Self::is_dead) after, so that no death falls between.
    pub fn died(&self) -> OwnedNotified {
        Arc::clone(&self.0.died).notified_owned()
    }
}

impl Tombstone {
    /// Ends the principal: every later [`Liveness::is_dead`] is true and all that wait are woken.
    pub fn bury(&self) {
        self.0.dead.store(true, Ordering::Release);
        self.0.died.notify_waiters();
    }

    /// Whether it was ended before.
    pub fn is_dead(&self) -> bool {
        self.0.dead.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_death_is_seen_at_once_and_wakes_those_who_wait() {
        let (liveness, tombstone) = Liveness::new();
        let died = liveness.died();
        assert!(!liveness.is_dead());
        tombstone.bury();
        assert!(liveness.is_dead());
        died.await;
    }
}
