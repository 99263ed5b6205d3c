//! What a caller may know of itself.

use keywright_protocol::wire::{Account, WhoAmI};
use keywright_protocol::{ApiError, ErrorCode, Principal, UserId};

use crate::failure::store_failed;
use crate::oauth::{IdentityScopes, KEYWRIGHT_CLI};
use crate::{Identity, Unproven};

impl Identity {
    /// Who is calling.
    ///
    /// # Errors
    /// `KEY_REVOKED` or `KEY_EXPIRED` when the token ended meanwhile, `STORAGE_UNAVAILABLE`.
    pub async fn whoami(&self, principal: &Principal) -> Result<WhoAmI, ApiError> {
        self.still_standing(principal)?;
        let names = self.inner.store.account_names(principal.user, principal.organization).await;
        // Users and organizations go only after their last token has.
        let (organization_name, email) =
            names.map_err(|error| store_failed(&error))?.ok_or(Unproven::Revoked)?;
        let email = match self.may_know_mailbox(principal).await? {
            true => email,
            false => None,
        };
        Ok(WhoAmI {
            account: Account { user_id: principal.user, organization_id: principal.organization },
            organization_name,
            role: Some(principal.role),
            email,
            temporary: principal.temporary,
            administrator: principal.administrator,
            essential_traffic_only: principal.essential_traffic_only,
            token_id: principal.token,
            token_kind: principal.kind.as_str().to_owned(),
            scopes: principal.scopes,
            expires_at: principal.expires_at,
        })
    }

    /// Whether the mailbox is told: a session of an application, and what was made in it for agents, learns it if
    /// the person let the application know.
    async fn may_know_mailbox(&self, principal: &Principal) -> Result<bool, ApiError> {
        let Some(session) = principal.session.map(|session| session.id).or(principal.parent) else {
            return Ok(true);
        };
        let store = &self.inner.store;
        let facts = store.grant_facts(session).await.map_err(|error| store_failed(&error))?;
        // A token that an agent's hangs on may be no session: then it is one that the person made.
        let Some(facts) = facts.filter(|facts| facts.client != KEYWRIGHT_CLI) else { return Ok(true) };
        let scopes = match principal.session {
            // The application may have given it up since.
            Some(_) => {
                store.identity_scopes_of(principal.token).await.map_err(|error| store_failed(&error))?
            }
            None => facts.identity_scopes,
        };
        Ok(IdentityScopes::from_stored(&scopes).covers(IdentityScopes::EMAIL))
    }

    /// Whether a user is marked: no content of it is ever captured.
    ///
    /// # Errors
    /// `NOT_FOUND`, `STORAGE_UNAVAILABLE`.
    pub async fn essential_traffic_only(&self, user: UserId) -> Result<bool, ApiError> {
        let marked = self.inner.store.essential_traffic_only(user).await;
        marked.map_err(|error| store_failed(&error))?.ok_or(ErrorCode::NotFound.into())
    }

    /// Marks a user, or takes the mark away. Each of its tokens knows when this answers.
    ///
    /// # Errors
    /// `NOT_FOUND`, `STORAGE_UNAVAILABLE`.
    pub async fn set_essential_traffic_only(&self, user: UserId, marked: bool) -> Result<(), ApiError> {
        // Asked first, so that a program that says it each time does not write each time.
        if self.essential_traffic_only(user).await? == marked {
            return Ok(());
        }
        let identity = self.clone();
        let marking = self.lasting(async move {
            let changed = identity.inner.store.set_essential_traffic_only(user, marked).await?;
            identity.inner.cache.distrust(changed);
            Ok(())
        });
        marking.await?;
        tracing::info!(user.id = %user, "essential traffic only is {marked} for {user} from now on");
        Ok(())
    }
}
