//! What a caller may know of itself.

use keywright_protocol::wire::{Account, WhoAmI};
use keywright_protocol::{ApiError, Principal};

use crate::failure::store_failed;
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
}
