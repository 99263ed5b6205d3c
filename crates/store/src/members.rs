//! Who is in an organization, and as what.

use keywright_protocol::wire::{Member, UserKind};
use keywright_protocol::{Mailbox, OrganizationId, Role, Timestamp, UserId};
use keywright_secret::TokenHash;
use sqlx::FromRow;

use crate::callers::{Acting, CallerFacts, OrganizationChange, begin_acting, read_role};
use crate::engine::{Transaction, transaction, values};
use crate::generation::count_up;
use crate::organizations::owned_by;
use crate::statement::statements;
use crate::tokens::{RevokedToken, read_hash, read_id, read_revoked};
use crate::{Store, StoreError};

/// What is true of a member who is to change or to go.
#[derive(Clone, Debug)]
pub struct MemberFacts {
    /// The user.
    pub user: UserId,
    /// What kind of user.
    pub kind: UserKind,
    /// What the user is here.
    pub role: Role,
    /// How many owners the organization has.
    pub owners: i64,
    /// How many organizations the user owns.
    pub owned: i64,
}

impl Store {
    /// The members of an organization, the first to come first.
    ///
    /// # Errors
    /// When the database does not answer, or a row was tampered with.
    pub async fn members(
        &self,
        organization: OrganizationId,
        now: Timestamp,
    ) -> Result<Vec<Member>, StoreError> {
        let rows: Vec<StoredMember> = self.all(MEMBERS, values![&organization.to_string(), now]).await?;
        rows.into_iter().map(StoredMember::read).collect()
    }

    /// One of them.
    ///
    /// # Errors
    /// When the database does not answer, or the row was tampered with.
    pub async fn member(
        &self,
        organization: OrganizationId,
        user: UserId,
        now: Timestamp,
    ) -> Result<Option<Member>, StoreError> {
        let (organization, user) = (organization.to_string(), user.to_string());
        let row: Option<StoredMember> = self.first(MEMBER, values![&organization, now, &user]).await?;
        row.map(StoredMember::read).transpose()
    }

    /// Makes a member something else. Open invitations that the member could no longer make are withdrawn.
    /// The hashes of the member's tokens here, of which something else is true now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn change_role<E>(
        &self,
        acting: &Acting,
        user: UserId,
        role: Role,
        judge: impl Fn(&CallerFacts, &MemberFacts) -> Result<(), E>,
    ) -> Result<OrganizationChange<Vec<TokenHash>, E>, StoreError> {
        let (organization, user_id) = (acting.organization.to_string(), user.to_string());
        transaction!(self, |open| {
            match judged(open, acting, user, &judge).await? {
                Err(refused) => refused,
                Ok(()) => {
                    open.execute(SET_ROLE, values![&organization, &user_id, role.as_str()]).await?;
                    withdraw_beyond(open, acting.organization, user, Some(role)).await?;
                    let rows: Vec<(Vec<u8>,)> = open.all(TOKENS, values![&organization, &user_id]).await?;
                    count_up(open).await?;
                    let changed = rows.iter().map(|(hash,)| read_hash(hash)).collect::<Result<_, _>>()?;
                    OrganizationChange::Made(changed)
                }
            }
        })
    }

    /// Takes a member out: its tokens here end, and the open invitations that it made are withdrawn. A service
    /// account is deleted altogether. What has ended.
    ///
    /// # Errors
    /// When the database does not answer. Whether the tokens live is unknown then.
    pub async fn remove_member<E>(
        &self,
        acting: &Acting,
        user: UserId,
        judge: impl Fn(&CallerFacts, &MemberFacts) -> Result<(), E>,
    ) -> Result<OrganizationChange<Vec<RevokedToken>, E>, StoreError> {
        let (organization, user_id) = (acting.organization.to_string(), user.to_string());
        transaction!(self, |open| {
            match judged(open, acting, user, &judge).await? {
                Err(refused) => refused,
                Ok(()) => {
                    let ended: Vec<(String, Vec<u8>)> =
                        open.all(END_TOKENS, values![&organization, &user_id, acting.at]).await?;
                    withdraw_beyond(open, acting.organization, user, None).await?;
                    open.execute(LEAVE, values![&organization, &user_id]).await?;
                    open.execute(DELETE_SERVICE, values![&user_id]).await?;
                    count_up(open).await?;
                    let ended = ended.into_iter().map(read_revoked).collect::<Result<_, _>>()?;
                    OrganizationChange::Made(ended)
                }
            }
        })
    }
}

/// Takes the organization's turn and asks whether the change is allowed.
async fn judged<T, E>(
    open: &mut Transaction,
    acting: &Acting,
    user: UserId,
    judge: &impl Fn(&CallerFacts, &MemberFacts) -> Result<(), E>,
) -> Result<Result<(), OrganizationChange<T, E>>, StoreError> {
    let (organization, user_id) = (acting.organization.to_string(), user.to_string());
    let Some(caller) = begin_acting(open, acting).await? else {
        return Ok(Err(OrganizationChange::CallerEnded));
    };
    let found: Option<(String, String)> = open.first(FACTS, values![&organization, &user_id]).await?;
    let Some((role, kind)) = found else { return Ok(Err(OrganizationChange::NotThere)) };
    let owners: Option<(i64,)> = open.first(COUNT_OWNERS, values![&organization]).await?;
    let facts = MemberFacts {
        user,
        kind: read_kind(&kind)?,
        role: read_role(&role, "memberships.role")?,
        owners: owners.map_or(0, |(count,)| count),
        owned: owned_by(open, user).await?,
    };
    Ok(judge(&caller, &facts).map_err(OrganizationChange::Refused))
}

/// Withdraws the open invitations of a member that somebody of that role could not make: an invitation is worth
/// no more than whoever made it.
async fn withdraw_beyond(
    open: &mut Transaction,
    organization: OrganizationId,
    inviter: UserId,
    role: Option<Role>,
) -> Result<(), StoreError> {
    let sql = match role {
        Some(Role::Owner) => return Ok(()),
        Some(Role::Admin) => WITHDRAW_OWNERS,
        Some(Role::Member) | None => WITHDRAW,
    };
    open.execute(sql, values![&organization.to_string(), &inviter.to_string()]).await.map(drop)
}

/// What kind of user, if it is a member.
pub(crate) async fn member_kind(
    open: &mut Transaction,
    organization: OrganizationId,
    user: UserId,
) -> Result<Option<UserKind>, StoreError> {
    let (organization, user) = (organization.to_string(), user.to_string());
    let found: Option<(String, String)> = open.first(FACTS, values![&organization, &user]).await?;
    found.map(|(_, kind)| read_kind(&kind)).transpose()
}

/// Reads a stored kind of user.
pub(crate) fn read_kind(kind: &str) -> Result<UserKind, StoreError> {
    match kind {
        "person" => Ok(UserKind::Person),
        "service" => Ok(UserKind::Service),
        "temporary" => Ok(UserKind::Temporary),
        _ => Err(StoreError::Unreadable { column: "users.kind" }),
    }
}

#[derive(FromRow)]
struct StoredMember {
    user_id: String,
    kind: String,
    mailbox: Option<String>,
    name: Option<String>,
    role: String,
    created_at: i64,
    active_keys: i64,
}

impl StoredMember {
    fn read(self) -> Result<Member, StoreError> {
        let mailbox: Option<Mailbox> =
            self.mailbox.map(|text| read_id(&text, "users.mailbox")).transpose()?;
        Ok(Member {
            user_id: read_id(&self.user_id, "memberships.user_id")?,
            kind: read_kind(&self.kind)?,
            email: mailbox.map(|mailbox| mailbox.as_str().to_owned()),
            name: self.name,
            role: read_role(&self.role, "memberships.role")?,
            joined_at: Timestamp(self.created_at),
            active_keys: self.active_keys,
        })
    }
}

/// `$1` is the organization, `$2` now.
macro_rules! members {
    ($rest:literal) => {
        concat!(
            "SELECT m.user_id, u.kind, u.mailbox, u.name, m.role, m.created_at, \
             (SELECT COUNT(*) FROM tokens t WHERE t.user_id = m.user_id AND t.organization_id = $1 \
             AND t.kind = 'sk' AND t.revoked_at IS NULL AND t.replaced_by IS NULL \
             AND (t.expires_at IS NULL OR t.expires_at > $2)) AS active_keys \
             FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.organization_id = $1 ",
            $rest
        )
    };
}

statements! {
    MEMBERS = members!("ORDER BY m.created_at, m.user_id");
    MEMBER = members!("AND m.user_id = $3");
    FACTS = "SELECT m.role, u.kind FROM memberships m JOIN users u ON u.id = m.user_id \
             WHERE m.organization_id = $1 AND m.user_id = $2";
    COUNT_OWNERS = "SELECT COUNT(*) FROM memberships WHERE organization_id = $1 AND role = 'owner'";
    SET_ROLE = "UPDATE memberships SET role = $3 WHERE organization_id = $1 AND user_id = $2";
    TOKENS = "SELECT hash FROM tokens WHERE organization_id = $1 AND user_id = $2 AND revoked_at IS NULL";
    END_TOKENS = "UPDATE tokens SET revoked_at = $3 WHERE organization_id = $1 AND user_id = $2 \
                  AND revoked_at IS NULL RETURNING id, hash";
    LEAVE = "DELETE FROM memberships WHERE organization_id = $1 AND user_id = $2";
    DELETE_SERVICE = "UPDATE users SET status = 'deleted' WHERE id = $1 AND kind = 'service'";
    WITHDRAW = "DELETE FROM invitations WHERE organization_id = $1 AND invited_by = $2";
    WITHDRAW_OWNERS = "DELETE FROM invitations WHERE organization_id = $1 AND invited_by = $2 \
                       AND role = 'owner'";
}
