//! What may be shown of a token long after its call.

use keywright_protocol::wire::KeyCard;
use keywright_protocol::{KeyId, OrganizationId, Timestamp};
use sqlx::FromRow;

use crate::engine::values;
use crate::statement::statements;
use crate::tokens::read_id;
use crate::{Store, StoreError};

impl Store {
    /// A token of an organization, of any kind, dead or alive; `None` once it is forgotten.
    ///
    /// # Errors
    /// When the database does not answer, or a row was tampered with.
    pub async fn token_card(
        &self,
        organization: OrganizationId,
        token: KeyId,
    ) -> Result<Option<KeyCard>, StoreError> {
        let (token, organization) = (token.to_string(), organization.to_string());
        let row: Option<StoredCard> = self.first(CARD, values![&token, &organization]).await?;
        row.map(StoredCard::read).transpose()
    }
}

#[derive(FromRow)]
struct StoredCard {
    id: String,
    kind: String,
    name: String,
    hint: String,
    revoked_at: Option<i64>,
}

impl StoredCard {
    fn read(self) -> Result<KeyCard, StoreError> {
        Ok(KeyCard {
            key_id: read_id(&self.id, "tokens.id")?,
            kind: self.kind,
            name: self.name,
            key_prefix: self.hint,
            revoked_at: self.revoked_at.map(Timestamp),
        })
    }
}

statements! {
    CARD = "SELECT id, kind, name, hint, revoked_at FROM tokens WHERE id = $1 AND organization_id = $2";
}
