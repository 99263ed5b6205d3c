//! Exchanging the code of the authorization page for tokens: OAuth 2.1 section 4.1.3.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keywright_protocol::Timestamp;
use keywright_secret::Secret;
use keywright_store::{AuthorizationCode, CodeRedemption, GrantToken, NewGrant, StoreError};
use sha2::{Digest, Sha256};

use crate::Identity;
use crate::oauth::authorize::{hash, is_pkce_text};
use crate::oauth::session::SignIn;
use crate::oauth::{Client, GrantType, IdentityScopes, OAuthCode, OAuthError, SessionScope};
use crate::temporary::counted_as;

/// An application presents a code.
#[derive(Debug)]
pub struct CodeExchange<'a> {
    /// Who.
    pub client: &'a Client,
    /// The code.
    pub code: &'a Secret,
    /// Where it was sent, if the application repeats that.
    pub redirect_uri: Option<&'a str>,
    /// What hashes to the challenge.
    pub verifier: Option<&'a Secret>,
    /// The resource that the access token is to be for.
    pub resources: &'a [String],
    /// Where the request came from.
    pub address: IpAddr,
    /// Whether the account is to be marked for essential traffic only.
    pub marks: bool,
}

impl Identity {
    /// Begins the session that a person consented to: the JSON with its tokens. Whatever is wrong with the
    /// request uses the code up, and a second request ends what the first one gave.
    ///
    /// # Errors
    /// `unauthorized_client`, `invalid_grant`, `invalid_target`, `temporarily_unavailable`.
    pub async fn exchange_code(&self, asked: &CodeExchange<'_>) -> Result<Secret, OAuthError> {
        asked.client.may_use(GrantType::AuthorizationCode)?;
        let (now, hash) = (self.now(), hash(asked.code));
        let code = self.inner.store.authorization_code(&hash).await?.ok_or_else(no_good)?;
        let good = now < code.expires_at && fits(&code, asked);
        let audience = self.inner.resources.chosen(&code.resources, asked.resources);
        let (true, Ok(audience)) = (good, &audience) else {
            self.redeem(&code, None, now).await?;
            return Err(audience.err().filter(|_| good).unwrap_or_else(no_good));
        };
        let sign_in = SignIn {
            client: asked.client,
            user: code.user,
            organization: code.organization,
            scope: SessionScope {
                platform: code.scopes,
                identity: IdentityScopes::from_stored(&code.identity_scopes),
            },
            resources: &code.resources,
            audience: audience.clone(),
            machine: code.machine.clone(),
            address: counted_as(asked.address),
            signed_in_at: code.signed_in_at,
            nonce: code.nonce.as_deref(),
            lifetime: code.lifetime,
            upgrade: code.upgrade,
        };
        self.mark_for(asked.client, asked.marks, code.user).await?;
        let opening = self.opening(&sign_in, now).await?;
        let id = opening.grant.id;
        let hashes: Vec<_> = opening.tokens.iter().map(|token| token.token.hash).collect();
        match self.redeem(&code, Some((opening.grant, opening.tokens)), now).await? {
            CodeRedemption::Begun => {
                self.inner.cache.distrust(hashes);
                tracing::info!(
                    session.id = %id,
                    user.id = %code.user,
                    client.id = %asked.client.id,
                    "the session {id} began, by the authorization page"
                );
                Ok(opening.answer)
            }
            CodeRedemption::Replayed(_) | CodeRedemption::Gone => Err(no_good()),
        }
    }

    /// Uses the code up, with what it gives or for nothing.
    async fn redeem(
        &self,
        code: &AuthorizationCode,
        session: Option<(NewGrant, Vec<GrantToken>)>,
        now: Timestamp,
    ) -> Result<CodeRedemption, OAuthError> {
        let (identity, hash, organization) = (self.clone(), code.hash, code.organization);
        let redeeming = self.lasting(async move {
            let session = session.as_ref().map(|(grant, tokens)| (grant, tokens.as_slice()));
            let outcome =
                identity.inner.store.redeem_authorization_code(&hash, organization, session, now).await?;
            if let CodeRedemption::Replayed(ended) = &outcome {
                identity.inner.cache.bury(ended.iter().map(|token| token.hash));
            }
            Ok::<_, StoreError>(outcome)
        });
        let outcome = redeeming.await?;
        if matches!(&outcome, CodeRedemption::Replayed(ended) if !ended.is_empty()) {
            tracing::warn!(
                event = "code_reuse",
                user.id = %code.user,
                client.id = %code.client,
                "a code was used twice, so the session that it began was ended"
            );
        }
        Ok(outcome)
    }
}

fn fits(code: &AuthorizationCode, asked: &CodeExchange<'_>) -> bool {
    // The URI is bound to the code by the challenge as well; an application that repeats it must be right.
    let redirect = asked.redirect_uri.is_none_or(|uri| uri == code.redirect_uri);
    let verifier = asked.verifier.is_some_and(|verifier| {
        let hashed = Secret::new(URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose().as_bytes())));
        is_pkce_text(verifier.expose()) && hashed == Secret::new(code.challenge.clone())
    });
    code.client == asked.client.id && redirect && verifier
}

fn no_good() -> OAuthError {
    OAuthError::new(
        OAuthCode::InvalidGrant,
        "The code is unknown, used, older than a minute, of another application, or does not fit its verifier or \
         redirect URI. Sign in again.",
    )
}
