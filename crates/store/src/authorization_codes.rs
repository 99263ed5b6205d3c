//! Codes that the authorization page gives to an application: good once, for a minute.

use keywright_protocol::wire::LoginUpgrade;
use keywright_protocol::{KeyId, OrganizationId, Scopes, Timestamp, UserId};
use sqlx::FromRow;

use crate::engine::{transaction, values};
use crate::generation::count_up;
use crate::grants::{GrantToken, NewGrant, begin};
use crate::statement::statements;
use crate::tokens::{RevokedToken, read_id, revoke, take_turn};
use crate::upgrade_tickets::{TicketDecision, TicketOutcome, settle, take_turns};
use crate::{Store, StoreError};

/// A code and what it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationCode {
    /// SHA-256 of the code.
    pub hash: [u8; 32],
    /// The application that it is for.
    pub client: String,
    /// Where it was sent.
    pub redirect_uri: String,
    /// What the verifier must hash to.
    pub challenge: String,
    /// Who consented.
    pub user: UserId,
    /// The organization that was chosen.
    pub organization: OrganizationId,
    /// What may be done.
    pub scopes: Scopes,
    /// What may be known of the user: names with blanks between.
    pub identity_scopes: String,
    /// The resources that were asked for, with blanks between.
    pub resources: String,
    /// What the ID token repeats.
    pub nonce: Option<String>,
    /// The machine, as the application called it.
    pub machine: Option<String>,
    /// Seconds that the session lives.
    pub lifetime: i64,
    /// What became of the temporary account that came along; known once it is stored.
    pub upgrade: Option<LoginUpgrade>,
    /// When the person last proved the mailbox.
    pub signed_in_at: Timestamp,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
}

/// What became of a code that was presented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodeRedemption {
    /// The session has begun.
    Begun,
    /// It was used before. What that gave is ended; these are the tokens.
    Replayed(Vec<RevokedToken>),
    /// Its user is there no more.
    Gone,
}

impl Store {
    /// Stores a code, and does with the temporary account that came along as the person decided: both, or
    /// neither. The oldest unused codes of the person make room where there are more than `most`.
    ///
    /// # Errors
    /// When the database does not answer. Whether it is stored is unknown then.
    pub async fn insert_authorization_code(
        &self,
        code: &AuthorizationCode,
        ticket: Option<&TicketDecision>,
        most: i64,
    ) -> Result<TicketOutcome, StoreError> {
        let (user, organization) = (code.user.to_string(), code.organization.to_string());
        let (scopes, now) = (code.scopes.to_stored(), code.created_at);
        transaction!(self, |open| {
            let terms = take_turns(open, ticket, code.organization, now).await?;
            let outcome = settle(open, ticket, terms.as_ref(), code.user, code.organization, now).await?;
            let upgrade = outcome.upgrade.map(|upgrade| upgrade.as_str().to_owned());
            let row = values![
                &code.hash[..],
                &code.client,
                &code.redirect_uri,
                &code.challenge,
                &user,
                &organization,
                &scopes,
                &code.identity_scopes,
                &code.resources,
                &code.nonce,
                &code.machine,
                code.signed_in_at,
                code.created_at,
                code.expires_at,
                code.lifetime,
                &upgrade,
            ];
            open.execute(INSERT, row).await?;
            open.execute(MAKE_ROOM, values![&user, most]).await?;
            outcome
        })
    }

    /// The code of that hash, used or not, over or not.
    ///
    /// # Errors
    /// When the database does not answer, or the row was tampered with.
    pub async fn authorization_code(&self, hash: &[u8; 32]) -> Result<Option<AuthorizationCode>, StoreError> {
        let stored: Option<StoredCode> = self.first(FIND, values![&hash[..]]).await?;
        stored.map(|stored| stored.read(*hash)).transpose()
    }

    /// Uses a code up and begins a session with it; without `session` it is used up for nothing. Of many
    /// that try at once one succeeds, and whoever comes later ends what that one got.
    ///
    /// # Errors
    /// When the database does not answer. Whether the code is used is unknown then.
    pub async fn redeem_authorization_code(
        &self,
        hash: &[u8; 32],
        organization: OrganizationId,
        session: Option<(&NewGrant, &[GrantToken])>,
        at: Timestamp,
    ) -> Result<CodeRedemption, StoreError> {
        let grant_id = session.map(|(grant, _)| grant.id.to_string());
        transaction!(self, |open| {
            take_turn(open, organization).await?;
            if open.execute(USE, values![&hash[..], at, &grant_id]).await? == 1 {
                match session {
                    Some((grant, tokens)) if begin(open, grant, tokens).await? => CodeRedemption::Begun,
                    _ => CodeRedemption::Gone,
                }
            } else {
                let gave: Option<(Option<String>,)> = open.first(GAVE, values![&hash[..]]).await?;
                let mut ended = Vec::new();
                if let Some((Some(grant),)) = gave {
                    let grant: KeyId = read_id(&grant, "authorization_codes.grant_id")?;
                    ended = revoke(open, organization, grant, at).await?;
                    count_up(open).await?;
                }
                CodeRedemption::Replayed(ended)
            }
        })
    }
}

#[derive(FromRow)]
struct StoredCode {
    client_id: String,
    redirect_uri: String,
    challenge: String,
    user_id: String,
    organization_id: String,
    scopes: String,
    identity_scopes: String,
    resources: String,
    nonce: Option<String>,
    machine: Option<String>,
    lifetime: i64,
    upgrade: Option<String>,
    signed_in_at: i64,
    created_at: i64,
    expires_at: i64,
}

impl StoredCode {
    fn read(self, hash: [u8; 32]) -> Result<AuthorizationCode, StoreError> {
        Ok(AuthorizationCode {
            hash,
            client: self.client_id,
            redirect_uri: self.redirect_uri,
            challenge: self.challenge,
            user: read_id(&self.user_id, "authorization_codes.user_id")?,
            organization: read_id(&self.organization_id, "authorization_codes.organization_id")?,
            scopes: Scopes::from_stored(&self.scopes),
            identity_scopes: self.identity_scopes,
            resources: self.resources,
            nonce: self.nonce,
            machine: self.machine,
            lifetime: self.lifetime,
            upgrade: self.upgrade.as_deref().and_then(LoginUpgrade::from_name),
            signed_in_at: Timestamp(self.signed_in_at),
            created_at: Timestamp(self.created_at),
            expires_at: Timestamp(self.expires_at),
        })
    }
}

statements! {
    INSERT = "INSERT INTO authorization_codes (hash, client_id, redirect_uri, challenge, user_id, \
              organization_id, scopes, identity_scopes, resources, nonce, machine, signed_in_at, created_at, \
              expires_at, lifetime, upgrade) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, \
              $12, $13, $14, $15, $16)";
    FIND = "SELECT client_id, redirect_uri, challenge, user_id, organization_id, scopes, identity_scopes, \
            resources, nonce, machine, lifetime, upgrade, signed_in_at, created_at, expires_at \
            FROM authorization_codes WHERE hash = $1";
    MAKE_ROOM = "DELETE FROM authorization_codes WHERE hash IN (SELECT hash FROM authorization_codes \
                 WHERE user_id = $1 AND used_at IS NULL ORDER BY created_at DESC, hash LIMIT 1000 OFFSET $2) \
                 AND used_at IS NULL";
    USE = "UPDATE authorization_codes SET used_at = $2, grant_id = CAST($3 AS TEXT) \
           WHERE hash = $1 AND used_at IS NULL";
    GAVE = "SELECT grant_id FROM authorization_codes WHERE hash = $1";
}
