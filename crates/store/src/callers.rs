//! Who asks for a change: read in the middle of the transaction that makes it, so that it is judged by what is
//! true at the commit.

use keywright_protocol::wire::UserKind;
use keywright_protocol::{KeyId, Mailbox, OrganizationId, Role, Scopes, Timestamp, UserId};
use sqlx::FromRow;

use crate::StoreError;
use crate::engine::{Transaction, values};
use crate::members::read_kind;
use crate::statement::statements;
use crate::tokens::{read_id, take_turn};

/// Which token asks for a change of its organization.
#[derive(Clone, Copy, Debug)]
pub struct Acting {
    /// The token.
    pub token: KeyId,
    /// The organization that it acts in.
    pub organization: OrganizationId,
    /// Now.
    pub at: Timestamp,
}

/// What is true of the token that asks.
#[derive(Clone, Debug)]
pub struct CallerFacts {
    /// Whose it is.
    pub user: UserId,
    /// What kind of user that is.
    pub kind: UserKind,
    /// What the user is in the organization.
    pub role: Role,
    /// The user's mailbox.
    pub mailbox: Option<Mailbox>,
    /// What the token may do.
    pub scopes: Scopes,
    /// Whether it acts as an administrator where its user is one.
    pub administrator: bool,
}

/// What became of a change of an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrganizationChange<T, E> {
    /// It is made.
    Made(T),
    /// It was not allowed.
    Refused(E),
    /// There is no such member or invitation.
    NotThere,
    /// The token of whoever asked has ended meanwhile.
    CallerEnded,
}

/// Takes the organization's turn and reads who asks; `None` when the token has ended.
pub(crate) async fn begin_acting(
    open: &mut Transaction,
    acting: &Acting,
) -> Result<Option<CallerFacts>, StoreError> {
    take_turn(open, acting.organization).await?;
    caller_facts(open, acting.token, acting.at).await
}

/// What is true of a token that lives, its user and its membership; `None` of any other.
pub(crate) async fn caller_facts(
    open: &mut Transaction,
    token: KeyId,
    at: Timestamp,
) -> Result<Option<CallerFacts>, StoreError> {
    let found: Option<StoredCaller> = open.first(CALLER, values![&token.to_string(), at]).await?;
    found.map(StoredCaller::read).transpose()
}

/// Reads a stored role.
pub(crate) fn read_role(name: &str, column: &'static str) -> Result<Role, StoreError> {
    Role::from_name(name).ok_or(StoreError::Unreadable { column })
}

#[derive(FromRow)]
struct StoredCaller {
    user_id: String,
    user_kind: String,
    role: String,
    mailbox: Option<String>,
    scopes: String,
    administrator: bool,
}

impl StoredCaller {
    fn read(self) -> Result<CallerFacts, StoreError> {
        Ok(CallerFacts {
            user: read_id(&self.user_id, "tokens.user_id")?,
            kind: read_kind(&self.user_kind)?,
            role: read_role(&self.role, "memberships.role")?,
            mailbox: self.mailbox.map(|text| read_id(&text, "users.mailbox")).transpose()?,
            scopes: Scopes::from_stored(&self.scopes),
            administrator: self.administrator,
        })
    }
}

statements! {
    CALLER = "SELECT t.user_id, u.kind AS user_kind, m.role, u.mailbox, t.scopes, t.administrator FROM tokens t \
              JOIN users u ON u.id = t.user_id AND u.status = 'active' \
              JOIN memberships m ON m.user_id = t.user_id AND m.organization_id = t.organization_id \
              WHERE t.id = $1 AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > $2)";
}
