//! How full an organization is.

use keywright_protocol::{OrganizationId, Timestamp};

use crate::StoreError;
use crate::engine::{Transaction, values};
use crate::statement::statements;

/// What of an organization is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Members and open invitations.
    pub seats: i64,
    /// Active keys, of two that overlap only the newer.
    pub keys: i64,
}

/// Counts. What is counted stays true until the commit, because the organization's turn is taken.
pub(crate) async fn room(
    open: &mut Transaction,
    organization: OrganizationId,
    now: Timestamp,
) -> Result<Room, StoreError> {
    let organization = organization.to_string();
    let seats: Option<(i64,)> = open.first(COUNT_SEATS, values![&organization, now]).await?;
    let keys: Option<(i64,)> = open.first(COUNT_KEYS, values![&organization, now]).await?;
    Ok(Room { seats: seats.map_or(0, |(count,)| count), keys: keys.map_or(0, |(count,)| count) })
}

statements! {
    COUNT_SEATS = "SELECT (SELECT COUNT(*) FROM memberships WHERE organization_id = $1) \
                   + (SELECT COUNT(*) FROM invitations WHERE organization_id = $1 AND expires_at > $2)";
    COUNT_KEYS = "SELECT COUNT(*) FROM tokens WHERE organization_id = $1 AND kind = 'sk' \
                  AND revoked_at IS NULL AND replaced_by IS NULL AND (expires_at IS NULL OR expires_at > $2)";
}
