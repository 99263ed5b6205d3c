//! Tickets with which a person takes a temporary account over while signing in at the pages. They stand for the
//! account's token, which may not be in a URL, and are good for nothing else.

use keywright_protocol::{KeyId, OrganizationId, Timestamp};

use crate::engine::{transaction, values};
use crate::statement::statements;
use crate::tokens::take_turn;
use crate::{Store, StoreError};

/// A ticket that is to be given out.
#[derive(Clone, Debug)]
pub struct NewUpgradeTicket {
    /// SHA-256 of it.
    pub hash: [u8; 32],
    /// The token of the temporary account.
    pub token: KeyId,
    /// The organization of that.
    pub organization: OrganizationId,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
}

impl Store {
    /// Stores a ticket; the oldest of its account make room where there are more than `most`. `false` when the
    /// account's token has ended.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn insert_upgrade_ticket(
        &self,
        ticket: &NewUpgradeTicket,
        most: i64,
    ) -> Result<bool, StoreError> {
        let token = ticket.token.to_string();
        let row = values![&ticket.hash[..], &token, ticket.created_at, ticket.expires_at];
        transaction!(self, |open| {
            take_turn(open, ticket.organization).await?;
            let stored = open.execute(INSERT, row).await? == 1;
            open.execute(MAKE_ROOM, values![&token, most]).await?;
            stored
        })
    }
}

statements! {
    /// The empty half of the union gives the placeholders their types.
    INSERT = "INSERT INTO upgrade_tickets (hash, token_id, created_at, expires_at) \
              SELECT hash, token_id, created_at, expires_at FROM upgrade_tickets WHERE FALSE UNION ALL \
              SELECT $1, $2, $3, $4 FROM tokens WHERE id = $2 AND revoked_at IS NULL";
    MAKE_ROOM = "DELETE FROM upgrade_tickets WHERE hash IN (SELECT hash FROM upgrade_tickets \
                 WHERE token_id = $1 ORDER BY created_at DESC, hash LIMIT 1000 OFFSET $2)";
}
