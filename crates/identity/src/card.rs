//! What may be shown of a token of the caller's organization.

use keywright_protocol::wire::KeyCard;
use keywright_protocol::{ApiError, KeyId, OrganizationId};

use crate::Identity;
use crate::failure::store_failed;

impl Identity {
    /// A token of any kind, dead or alive; `None` once it is forgotten, as children soon are.
    ///
    /// # Errors
    /// `STORAGE_UNAVAILABLE`.
    pub async fn token_card(
        &self,
        organization: OrganizationId,
        token: KeyId,
    ) -> Result<Option<KeyCard>, ApiError> {
        self.inner.store.token_card(organization, token).await.map_err(|error| store_failed(&error))
    }
}
