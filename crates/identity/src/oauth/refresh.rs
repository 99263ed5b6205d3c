//! Refreshing a session, RFC 6749 section 6 with the rotation of OAuth 2.1 section 4.3.
//!
//! 1. A refresh token is exchanged once, for the next and an access token; a conditional insertion elects
//!    the request that does it.
//! 2. For 10 s the same request of the same application gets the same answer again, to the byte: programs run
//!    side by side, and answers get lost. The answer is kept sealed under a key that only the exchanged token gives.
//! 3. Once the next token was exchanged as well, the older gives nothing, and nothing happens.
//! 4. After the 10 s, or by another application, it is taken for stolen: the session ends.

use std::net::IpAddr;

use keywright_protocol::Timestamp;
use keywright_secret::seal::{Place, open_under, seal_under};
use keywright_secret::{PlatformToken, Secret, TokenKind};
use keywright_store::{Exchange, NewRotation, RefreshRow, Rotation, RotationLimit};

use crate::Identity;
use crate::failure::{seconds_until, store_failed};
use crate::oauth::session::{Pair, PairTerms, failed};
use crate::oauth::{Client, GrantType, IdentityScopes, OAuthCode, OAuthError, SessionScope};

/// A request for new tokens by a refresh token.
#[derive(Debug)]
pub struct Refresh<'a> {
    /// Who asks.
    pub client: &'a Client,
    /// The refresh token.
    pub token: &'a Secret,
    /// Less than the session may do, if that is wanted.
    pub scope: Option<&'a str>,
    /// The resource that the access token is to be for.
    pub resources: &'a [String],
    /// Where the request came from.
    pub address: IpAddr,
    /// Whether the account is to be marked for essential traffic only.
    pub marks: bool,
}

impl Identity {
    /// Exchanges a refresh token: the JSON that the application is told.
    ///
    /// # Errors
    /// `unauthorized_client`, `invalid_grant` when the token is unknown, over, revoked, another
    /// application's or exchanged before, `invalid_scope`, `invalid_target`, `temporarily_unavailable`, also with
    /// the wait for a session that is refreshed too often.
    pub async fn refresh(&self, asked: &Refresh<'_>) -> Result<Secret, OAuthError> {
        asked.client.may_use(GrantType::RefreshToken)?;
        let token = PlatformToken::parse(asked.token.expose()).map_err(|_| no_good())?;
        if token.kind() != TokenKind::Refresh {
            return Err(no_good());
        }
        for _ in 0..ATTEMPTS {
            let now = self.now();
            let row = self.inner.store.refresh_token(&token.hash()).await?.ok_or_else(no_good)?;
            if row.revoked || now >= row.ends_at {
                return Err(no_good());
            }
            if let Some(rotation) = &row.rotation {
                return self.again(asked, &token, &row, rotation, now).await;
            }
            if row.client != asked.client.id {
                return Err(no_good());
            }
            if let Some(answer) = self.exchange(asked, &token, &row, now).await? {
                return Ok(answer);
            }
        }
        Err(OAuthError::new(OAuthCode::TemporarilyUnavailable, "Too much happens at once. Try again.")
            .retry_in(1))
    }

    /// Exchanges it, unless somebody else does at the same moment.
    async fn exchange(
        &self,
        asked: &Refresh<'_>,
        token: &PlatformToken,
        row: &RefreshRow,
        now: Timestamp,
    ) -> Result<Option<Secret>, OAuthError> {
        self.mark_for(asked.client, asked.marks, row.user).await?;
        let (scope, audience) = self.wanted_of(asked, row)?;
        let terms = PairTerms {
            grant: row.grant,
            user: row.user,
            organization: row.organization,
            scope,
            audience,
            ends_at: row.ends_at,
            refreshes: true,
        };
        let pair = Pair::mint(&terms, now);
        let (answer, hashes) = (pair.answer(scope, None, None)?, pair.hashes());
        let id = row.id.to_string();
        let rotation = NewRotation {
            token: row.id,
            grant: row.grant,
            organization: row.organization,
            successor: pair.refresh_id().ok_or_else(failed)?,
            tokens: pair.tokens,
            answer: seal_under(token, &place(&id), &answer),
            at: now,
            remembered_until: now.plus_seconds(REMEMBERED_SECONDS),
        };
        match self.inner.store.rotate_refresh(&rotation, &MOST_ROTATIONS).await? {
            Exchange::Made => {
                self.inner.cache.distrust(hashes);
                Ok(Some(answer))
            }
            Exchange::Lost => Ok(None),
            Exchange::FullUntil(until) => Err(OAuthError::new(
                OAuthCode::TooManyRequests,
                "The session was refreshed 60 times within an hour. An access token is good for an hour; keep it.",
            )
            .retry_in(seconds_until(until, now))),
        }
    }

    /// What the next tokens are to be good for.
    fn wanted_of(
        &self,
        asked: &Refresh<'_>,
        row: &RefreshRow,
    ) -> Result<(SessionScope, Option<String>), OAuthError> {
        let identity = IdentityScopes::from_stored(&row.identity_scopes);
        let scope = SessionScope { platform: row.scopes, identity }.narrowed(asked.scope)?;
        let audience = match asked.resources {
            [] => row.audience.clone(),
            resources => self.inner.resources.chosen(&row.resources, resources)?,
        };
        Ok((scope, audience))
    }

    /// Somebody presents a token that was exchanged before.
    async fn again(
        &self,
        asked: &Refresh<'_>,
        token: &PlatformToken,
        row: &RefreshRow,
        rotation: &Rotation,
        now: Timestamp,
    ) -> Result<Secret, OAuthError> {
        let in_time = now.millis_since(rotation.at) < REPLAY_MS;
        if in_time && row.client == asked.client.id {
            let answer = rotation.answer.as_ref().filter(|_| !rotation.succeeded).ok_or_else(no_good)?;
            self.same_wanted(asked, row, rotation)?;
            return open_under(token, &place(&row.id.to_string()), answer).map_err(|_| no_good());
        }
        self.end(row.organization, row.grant).await?;
        tracing::warn!(
            event = "refresh_reuse",
            session.id = %row.grant,
            user.id = %row.user,
            client.id = %asked.client.id,
            client.address = %asked.address,
            "a refresh token of the session {} was used again, so the session was ended", row.grant
        );
        Err(no_good())
    }

    /// The same answer goes to the same request only: another resource would be sent a token that is not for it.
    fn same_wanted(
        &self,
        asked: &Refresh<'_>,
        row: &RefreshRow,
        rotation: &Rotation,
    ) -> Result<(), OAuthError> {
        let (scope, audience) = self.wanted_of(asked, row)?;
        if audience != rotation.audience {
            return Err(OAuthError::new(
                OAuthCode::InvalidTarget,
                "The refresh token was exchanged a moment ago, for another resource. Use the one that came instead.",
            ));
        }
        let identity = IdentityScopes::from_stored(&rotation.identity_scopes);
        if scope != (SessionScope { platform: rotation.scopes, identity }) {
            return Err(OAuthError::new(
                OAuthCode::InvalidScope,
                "The refresh token was exchanged a moment ago, for another scope. Use the one that came instead.",
            ));
        }
        Ok(())
    }

    /// Wipes the answers that are kept for repeated refreshes, once nobody gets them any more.
    ///
    /// # Errors
    /// `STORAGE_UNAVAILABLE`; the next call wipes them.
    pub async fn wipe_refresh_answers(&self) -> Result<u64, keywright_protocol::ApiError> {
        let before = self.now().plus_millis(-REPLAY_MS);
        self.inner.store.wipe_answers(before).await.map_err(|error| store_failed(&error))
    }
}

fn place(id: &str) -> Place<'_> {
    Place { table: "rotations", row: id, column: "answer" }
}

fn no_good() -> OAuthError {
    OAuthError::new(
        OAuthCode::InvalidGrant,
        "The refresh token is unknown, over, revoked, used before or of another application. Sign in again.",
    )
}

/// How long the same answer is given again.
const REPLAY_MS: i64 = 10_000;
/// How long a token that was exchanged is known as such; afterwards it is as unknown as any other.
const REMEMBERED_SECONDS: i64 = 30 * 86_400;
/// Each further one takes another request that is elected between a read and a write.
const ATTEMPTS: u32 = 8;
/// Each leaves a row for a month.
const MOST_ROTATIONS: RotationLimit = RotationLimit { most: 60, window_seconds: 3_600 };
