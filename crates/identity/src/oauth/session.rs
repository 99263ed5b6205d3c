//! Sessions of applications: how one begins, which there are, and how one ends.

use keywright_protocol::wire::LoginUpgrade;
use keywright_protocol::{ApiError, ErrorCode, KeyId, OrganizationId, Principal, Timestamp, UserId};
use keywright_secret::{PlatformToken, Secret, TokenHash, TokenKind, fill_random};
use keywright_store::{GrantRow, GrantToken, NewGrant, NewToken};
use serde::Serialize;

use crate::Identity;
use crate::failure::store_failed;
use crate::oauth::signing::IdClaims;
use crate::oauth::{Client, GrantType, IdentityScopes, OAuthCode, OAuthError, SessionScope};

/// A sign-in that was granted.
pub(crate) struct SignIn<'a> {
    pub(crate) client: &'a Client,
    pub(crate) user: UserId,
    pub(crate) organization: OrganizationId,
    pub(crate) scope: SessionScope,
    /// What its tokens may be for, with blanks between.
    pub(crate) resources: &'a str,
    /// What the first one is for.
    pub(crate) audience: Option<String>,
    pub(crate) machine: Option<String>,
    pub(crate) address: String,
    pub(crate) signed_in_at: Timestamp,
    pub(crate) nonce: Option<&'a str>,
    /// Seconds.
    pub(crate) lifetime: i64,
    /// What became of the temporary account that came along.
    pub(crate) upgrade: Option<LoginUpgrade>,
}

/// A session that is to be stored, and what its application is told.
pub(crate) struct Opening {
    pub(crate) grant: NewGrant,
    pub(crate) tokens: Vec<GrantToken>,
    pub(crate) answer: Secret,
}

/// The access token and, where there is one, the refresh token that a request gives.
pub(crate) struct Pair {
    access: PlatformToken,
    refresh: Option<PlatformToken>,
    pub(crate) tokens: Vec<GrantToken>,
    expires_in: i64,
}

/// Whose tokens they are to be.
pub(crate) struct PairTerms {
    pub(crate) grant: KeyId,
    pub(crate) user: UserId,
    pub(crate) organization: OrganizationId,
    pub(crate) scope: SessionScope,
    pub(crate) audience: Option<String>,
    pub(crate) ends_at: Timestamp,
    pub(crate) refreshes: bool,
}

#[derive(Serialize)]
struct TokenAnswer<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upgrade: Option<LoginUpgrade>,
}

impl Identity {
    /// Makes ready what a sign-in gives; nothing is stored yet.
    pub(crate) async fn opening(&self, sign_in: &SignIn<'_>, now: Timestamp) -> Result<Opening, OAuthError> {
        let SignIn { client, user, organization, scope, .. } = *sign_in;
        let id = KeyId::new();
        let ends_at = now.plus_seconds(sign_in.lifetime);
        let refreshes = client.grants.contains(&GrantType::RefreshToken);
        let audience = sign_in.audience.clone();
        let terms = PairTerms { grant: id, user, organization, scope, audience, ends_at, refreshes };
        let pair = Pair::mint(&terms, now);
        let id_token = match scope.identity.covers(IdentityScopes::OPENID) {
            true => Some(self.id_token(sign_in, now).await?),
            false => None,
        };
        let answer = pair.answer(scope, id_token.as_ref(), sign_in.upgrade)?;
        let grant = NewGrant {
            id,
            hash: nobodys_hash()?,
            client: client.id.clone(),
            client_name: client.name.clone(),
            user,
            organization,
            scopes: scope.platform,
            identity_scopes: scope.identity.to_stored(),
            resources: sign_in.resources.to_owned(),
            machine: sign_in.machine.clone(),
            address: sign_in.address.clone(),
            created_at: now,
            expires_at: ends_at,
        };
        Ok(Opening { grant, tokens: pair.tokens, answer })
    }

    async fn id_token(&self, sign_in: &SignIn<'_>, now: Timestamp) -> Result<Secret, OAuthError> {
        let person = self.person(sign_in.user, sign_in.scope.identity).await?;
        let claims = IdClaims {
            iss: &self.inner.settings.issuer,
            sub: sign_in.user,
            aud: &sign_in.client.id,
            iat: now.0.div_euclid(1_000),
            exp: now.0.div_euclid(1_000) + ID_TOKEN_SECONDS,
            auth_time: sign_in.signed_in_at.0.div_euclid(1_000),
            nonce: sign_in.nonce,
            org_id: sign_in.organization,
            email: person.email.as_deref(),
            email_verified: person.email.is_some().then_some(true),
        };
        self.sign(&claims, now).await
    }

    /// The living sessions of the caller's user, newest first.
    ///
    /// # Errors
    /// `STORAGE_UNAVAILABLE`.
    pub async fn sessions(&self, user: UserId) -> Result<Vec<GrantRow>, ApiError> {
        self.inner.store.grants_of(user, self.now()).await.map_err(|error| store_failed(&error))
    }

    /// Ends a session of that user, with all that was made in it.
    ///
    /// # Errors
    /// `NOT_FOUND` when the user has no such session, `STORAGE_UNAVAILABLE`.
    pub async fn end_session(&self, user: UserId, session: KeyId) -> Result<(), ApiError> {
        let found = self.inner.store.grant_of(user, session, self.now()).await;
        let found = found.map_err(|error| store_failed(&error))?.ok_or(ErrorCode::NotFound)?;
        self.end(found.organization, session).await?;
        tracing::info!(session.id = %session, user.id = %user, "the session {session} was ended");
        Ok(())
    }

    /// Signs a user out everywhere: every session, every browser at the pages, and what was let in but has not
    /// come for its session yet. API keys live on. How many sessions ended.
    ///
    /// # Errors
    /// `STORAGE_UNAVAILABLE`; what was ended by then stays so.
    pub async fn end_all_sessions(&self, user: UserId) -> Result<usize, ApiError> {
        // First what new ones could come from.
        let ended = self.inner.store.end_pages_of(user, self.now()).await;
        ended.map_err(|error| store_failed(&error))?;
        let sessions = self.sessions(user).await?;
        for session in &sessions {
            self.end(session.organization, session.id).await?;
        }
        tracing::info!(user.id = %user, "the user {user} was signed out everywhere");
        Ok(sessions.len())
    }

    /// Ends a token or a session, with all that was made in it.
    pub(crate) async fn end(&self, organization: OrganizationId, token: KeyId) -> Result<(), ApiError> {
        let (identity, now) = (self.clone(), self.now());
        let ending = self.lasting(async move {
            let ended = identity.inner.store.end_of_grant(organization, token, now).await?;
            identity.inner.cache.bury(ended.iter().map(|token| token.hash));
            Ok(())
        });
        ending.await
    }

    /// What the caller may know of its user.
    ///
    /// # Errors
    /// `INSUFFICIENT_SCOPE` for a token without `openid`, `STORAGE_UNAVAILABLE`.
    pub async fn userinfo(&self, principal: &Principal) -> Result<UserInfo, ApiError> {
        let refused = || {
            ApiError::new(ErrorCode::InsufficientScope)
                .because("The token is none that a sign-in with the scope `openid` gave.")
                .detail("required", vec!["openid"])
        };
        // A session may know more than this token of it.
        let scopes = self.inner.store.identity_scopes_of(principal.token).await;
        let scopes = IdentityScopes::from_stored(&scopes.map_err(|error| store_failed(&error))?);
        if !scopes.covers(IdentityScopes::OPENID) {
            return Err(refused());
        }
        self.person(principal.user, scopes).await
    }

    /// What of a user those scopes let know.
    async fn person(&self, user: UserId, scopes: IdentityScopes) -> Result<UserInfo, ApiError> {
        let mut info = UserInfo { sub: user, email: None, email_verified: None };
        if scopes.covers(IdentityScopes::EMAIL) {
            let mailbox = self.inner.store.mailbox_of(user).await;
            info.email = mailbox.map_err(|error| store_failed(&error))?;
            info.email_verified = info.email.is_some().then_some(true);
        }
        Ok(info)
    }
}

/// What is told of a user, by OpenID Connect Core 5.3.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UserInfo {
    /// The user.
    pub sub: UserId,
    /// The mailbox, if the session may know it and there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Every mailbox was proven.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<bool>,
}

impl Pair {
    /// Mints what those terms say.
    pub(crate) fn mint(terms: &PairTerms, now: Timestamp) -> Self {
        let end = now.plus_seconds(ACCESS_SECONDS).min(terms.ends_at);
        let access = PlatformToken::mint(TokenKind::Access);
        let refresh = terms.refreshes.then(|| PlatformToken::mint(TokenKind::Refresh));
        let mut tokens = vec![stored(terms, &access, now, end)];
        tokens.extend(refresh.as_ref().map(|token| stored(terms, token, now, terms.ends_at)));
        Self { access, refresh, tokens, expires_in: end.millis_since(now).div_euclid(1_000) }
    }

    /// The id of the refresh token.
    pub(crate) fn refresh_id(&self) -> Option<KeyId> {
        self.tokens.get(1).map(|token| token.token.id)
    }

    /// The hashes of both.
    pub(crate) fn hashes(&self) -> Vec<TokenHash> {
        self.tokens.iter().map(|token| token.token.hash).collect()
    }

    /// What the application is told, to the byte.
    pub(crate) fn answer(
        &self,
        scope: SessionScope,
        id_token: Option<&Secret>,
        upgrade: Option<LoginUpgrade>,
    ) -> Result<Secret, OAuthError> {
        let answer = TokenAnswer {
            access_token: self.access.expose(),
            token_type: "Bearer",
            expires_in: self.expires_in,
            refresh_token: self.refresh.as_ref().map(PlatformToken::expose),
            scope: scope.to_string(),
            id_token: id_token.map(Secret::expose),
            upgrade,
        };
        let text = serde_json::to_string(&answer).map_err(|_| failed())?;
        Ok(Secret::new(text))
    }
}

fn stored(terms: &PairTerms, token: &PlatformToken, now: Timestamp, end: Timestamp) -> GrantToken {
    let token = NewToken {
        id: KeyId::new(),
        hash: token.hash(),
        kind: token.kind(),
        hint: token.hint(),
        user: terms.user,
        organization: terms.organization,
        parent: Some(terms.grant),
        name: String::new(),
        scopes: terms.scope.platform,
        created_at: now,
        expires_at: Some(end),
    };
    GrantToken { token, audience: terms.audience.clone(), identity_scopes: terms.scope.identity.to_stored() }
}

/// A session is no token: its row must not be found by any.
fn nobodys_hash() -> Result<TokenHash, OAuthError> {
    let mut bytes = [0u8; 32];
    fill_random(&mut bytes);
    TokenHash::from_bytes(&bytes).ok_or_else(failed)
}

pub(crate) fn failed() -> OAuthError {
    OAuthError::new(OAuthCode::ServerError, "Something failed inside the server; its log says what.")
}

/// How long an access token is good.
const ACCESS_SECONDS: i64 = 3_600;
const ID_TOKEN_SECONDS: i64 = 3_600;
