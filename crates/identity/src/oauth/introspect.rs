//! What a token is worth (RFC 7662), and giving one back (RFC 7009).

use keywright_protocol::{OrganizationId, Timestamp, UserId};
use keywright_secret::{PlatformToken, TokenKind};
use serde::Serialize;

use crate::Identity;
use crate::oauth::{Authentication, Client, IdentityScopes, OAuthCode, OAuthError, SessionScope, Trust};

/// What is told of a living token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Introspection {
    active: bool,
    scope: String,
    client_id: String,
    sub: UserId,
    org_id: OrganizationId,
    exp: i64,
    aud: String,
    iss: String,
    token_type: &'static str,
}

/// A living token of an application's session.
struct Known {
    token: keywright_protocol::KeyId,
    session: keywright_protocol::KeyId,
    client: String,
    user: UserId,
    organization: OrganizationId,
    scope: SessionScope,
    audience: Option<String>,
    ends_at: Timestamp,
    refresh: bool,
    /// Whether it was exchanged for another.
    exchanged: bool,
}

impl Identity {
    /// What a token is worth; `None` for one that is no good, or none of the client's business: an application
    /// asks for its own, and one that an administrator registered for those of all.
    ///
    /// # Errors
    /// `invalid_client` for an application without a secret, `temporarily_unavailable`.
    pub async fn introspect(
        &self,
        client: &Client,
        token: &str,
    ) -> Result<Option<Introspection>, OAuthError> {
        if client.authentication == Authentication::None {
            return Err(OAuthError::new(
                OAuthCode::InvalidClient,
                "Only an application with a secret may ask what a token is worth.",
            ));
        }
        let known = self.known(token).await?.filter(|known| !known.exchanged);
        let Some(known) = known else { return Ok(None) };
        if known.client != client.id && client.trust != Trust::Approved {
            return Ok(None);
        }
        Ok(Some(Introspection {
            active: true,
            scope: known.scope.to_string(),
            client_id: known.client,
            sub: known.user,
            org_id: known.organization,
            exp: known.ends_at.0.div_euclid(1_000),
            aud: known.audience.unwrap_or_else(|| self.inner.settings.issuer.clone()),
            iss: self.inner.settings.issuer.clone(),
            token_type: if known.refresh { "refresh_token" } else { "Bearer" },
        }))
    }

    /// Ends a token of the client: a refresh token with its whole session, an access token alone. One that was
    /// exchanged will do: the answer may have been lost. What is unknown or another's stays as it is, and the
    /// client is not told.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn give_back(&self, client: &Client, token: &str) -> Result<(), OAuthError> {
        let Some(known) = self.known(token).await? else { return Ok(()) };
        if known.client == client.id {
            let ended = if known.refresh { known.session } else { known.token };
            self.end(known.organization, ended).await?;
            tracing::info!(session.id = %known.session, client.id = %client.id, "a token was given back");
        }
        Ok(())
    }

    async fn known(&self, token: &str) -> Result<Option<Known>, OAuthError> {
        let Ok(token) = PlatformToken::parse(token) else { return Ok(None) };
        let now = self.now();
        if token.kind() == TokenKind::Refresh {
            let row = self.inner.store.refresh_token(&token.hash()).await?;
            let good = row.filter(|row| !row.revoked && now < row.ends_at);
            return Ok(good.map(|row| Known {
                token: row.id,
                session: row.grant,
                client: row.client,
                user: row.user,
                organization: row.organization,
                scope: SessionScope {
                    platform: row.scopes,
                    identity: IdentityScopes::from_stored(&row.identity_scopes),
                },
                audience: row.audience,
                ends_at: row.ends_at,
                refresh: true,
                exchanged: row.rotation.is_some(),
            }));
        }
        let row = self.inner.store.token(&token.hash()).await?;
        let Some(row) = row.filter(|row| !row.revoked && row.expires_at.is_some_and(|end| now < end)) else {
            return Ok(None);
        };
        // One that was made for an agent hangs on the session as well.
        let Some(session) = row.session.map(|session| session.id).or(row.parent) else { return Ok(None) };
        let Some(facts) = self.inner.store.grant_facts(session).await? else { return Ok(None) };
        let identity = self.inner.store.identity_scopes_of(row.id).await?;
        let identity = IdentityScopes::from_stored(&identity);
        Ok(Some(Known {
            token: row.id,
            session,
            client: facts.client,
            user: row.user,
            organization: row.organization,
            scope: SessionScope { platform: row.scopes, identity },
            audience: row.audience,
            ends_at: row.expires_at.unwrap_or(now),
            refresh: false,
            exchanged: false,
        }))
    }
}
