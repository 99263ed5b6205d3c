//! Tokens that a person's program hands to an agent: model calls only, half a day, dead with their parent.

use keywright_protocol::{ApiError, ErrorCode, KeyId, Principal, Scope, Scopes, Timestamp};
use keywright_secret::{PlatformToken, TokenKind};
use keywright_store::{ChildInsertion, ChildRenewal, NewToken};

use crate::failure::{seconds_until, store_failed};
use crate::require::refuse_child;
use crate::{Identity, Unproven, require};

impl Identity {
    /// Mints a child of the caller's token that lives `lifetime_seconds`, 12 hours when left out, and
    /// never longer than its parent. It does not count to the organization's keys.
    ///
    /// # Errors
    /// `FORBIDDEN` for a child, `INSUFFICIENT_SCOPE` without `models:use`, `INVALID_LIFETIME`,
    /// `MAX_CHILD_TOKENS_REACHED` with the wait until one of the caller's children has ended, and
    /// `KEY_REVOKED` or `KEY_EXPIRED` when the parent ended meanwhile.
    pub async fn mint_child(
        &self,
        parent: &Principal,
        lifetime_seconds: Option<i64>,
    ) -> Result<(PlatformToken, Timestamp), ApiError> {
        let now = self.still_standing(parent)?;
        refuse_child(parent)?;
        require(parent, Scope::ModelsUse)?;
        let lifetime = lifetime_seconds.unwrap_or(LONGEST_SECONDS);
        if !(SHORTEST_SECONDS..=LONGEST_SECONDS).contains(&lifetime) {
            return Err(
                ApiError::new(ErrorCode::InvalidLifetime).because("A child token lives 60 to 43200 seconds.")
            );
        }
        let (parent_id, end) = stem(parent, now.plus_seconds(lifetime));
        let token = PlatformToken::mint(TokenKind::Access);
        let child = NewToken {
            id: KeyId::new(),
            hash: token.hash(),
            kind: token.kind(),
            hint: token.hint(),
            user: parent.user,
            organization: parent.organization,
            parent: Some(parent_id),
            name: String::new(),
            scopes: Scopes::GATEWAY.and(parent.scopes),
            created_at: now,
            expires_at: Some(end),
        };
        let insertion = self.inner.store.insert_child(&child, MOST_CHILDREN).await;
        match insertion.map_err(|error| store_failed(&error))? {
            ChildInsertion::Inserted => {
                self.inner.cache.distrust([child.hash]);
                Ok((token, end))
            }
            ChildInsertion::FullUntil(until) => Err(ApiError::new(ErrorCode::MaxChildTokensReached)
                .detail("limit", MOST_CHILDREN)
                .retry_in(seconds_until(until, now))),
            ChildInsertion::ParentRevoked => Err(Unproven::Revoked.into()),
        }
    }
}

impl Identity {
    /// Lets a child of the caller's token live for another 12 hours from now, and never longer than its
    /// parent: so a program that runs for days keeps its token, and a token that nobody vouches for any
    /// more still ends within half a day. Only the parent asks; the child itself may not.
    ///
    /// # Errors
    /// `FORBIDDEN` for a child, `INSUFFICIENT_SCOPE` without `models:use`, `KEY_MALFORMED`, `NOT_FOUND`
    /// when the caller has no such child or it was revoked, `MAX_CHILD_TOKENS_REACHED` when it had ended
    /// and there is no room, and `KEY_REVOKED` or `KEY_EXPIRED` when the parent ended meanwhile.
    pub async fn renew_child(&self, parent: &Principal, child: &str) -> Result<Timestamp, ApiError> {
        let now = self.still_standing(parent)?;
        refuse_child(parent)?;
        require(parent, Scope::ModelsUse)?;
        let child = PlatformToken::parse(child).map_err(|_| ApiError::new(ErrorCode::KeyMalformed))?.hash();
        let (parent_id, end) = stem(parent, now.plus_seconds(LONGEST_SECONDS));
        let store = &self.inner.store;
        let renewal = store.renew_child(parent.organization, parent_id, &child, end, now, MOST_CHILDREN);
        match renewal.await.map_err(|error| store_failed(&error))? {
            ChildRenewal::Until(end) => {
                self.inner.cache.distrust([child]);
                Ok(end)
            }
            ChildRenewal::FullUntil(until) => Err(ApiError::new(ErrorCode::MaxChildTokensReached)
                .detail("limit", MOST_CHILDREN)
                .retry_in(seconds_until(until, now))),
            ChildRenewal::Gone => Err(ApiError::new(ErrorCode::NotFound)
                .because("This token has made no such token for an agent, or that was revoked.")),
        }
    }
}

/// What a child hangs on, and when it ends if it is to end at `end`. The access token of a sign-in is gone
/// within the hour, so what is made with it hangs on the session.
fn stem(parent: &Principal, end: Timestamp) -> (KeyId, Timestamp) {
    match parent.session {
        Some(session) => (session.id, session.expires_at.min(end)),
        None => (parent.token, parent.expires_at.map_or(end, |parents| parents.min(end))),
    }
}

const SHORTEST_SECONDS: i64 = 60;
const LONGEST_SECONDS: i64 = 12 * 3_600;
/// How many live children a token may have.
const MOST_CHILDREN: i64 = 200;
