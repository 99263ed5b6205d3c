//! Records that go from one organization to another: those of a temporary account that became part of
//! another account.
//!
//! What moves is decided in the identity database, in the transaction that ends the temporary account; this
//! is where the records follow. Moving the same twice changes nothing, and a call that was let in just
//! before the end may still write to the old place, so every move is made again for a day.

use keywright_protocol::{OrganizationId, Timestamp, UserId};

use crate::engine::values;
use crate::statement::statements;
use crate::tokens::read_id;
use crate::{Store, StoreError};

/// Whose records go where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordsMove {
    /// The organization that has them.
    pub from: OrganizationId,
    /// The organization that gets them.
    pub to: OrganizationId,
    /// The user that they count as from then on.
    pub user: UserId,
}

impl Store {
    /// The moves that were decided after `since`, oldest first. Older ones are forgotten.
    ///
    /// # Errors
    /// When the database does not answer, or a row was tampered with.
    pub async fn record_moves(&self, since: Timestamp) -> Result<Vec<RecordsMove>, StoreError> {
        let rows: Vec<(String, String, String)> = self.all(MOVES, values![since]).await?;
        let read = |(from, to, user): (String, String, String)| {
            Ok(RecordsMove {
                from: read_id(&from, "record_moves.from_organization")?,
                to: read_id(&to, "record_moves.to_organization")?,
                user: read_id(&user, "record_moves.to_user")?,
            })
        };
        rows.into_iter().map(read).collect()
    }
}

statements! {
    MOVES = "SELECT from_organization, to_organization, to_user FROM record_moves WHERE at > $1 ORDER BY at";
}
