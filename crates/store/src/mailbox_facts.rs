//! Whose mailbox it is, where that user belongs, and where it is invited.

use keywright_protocol::{InvitationId, Mailbox, OrganizationId, Role, Timestamp, UserId};
use sqlx::FromRow;

use crate::StoreError;
use crate::callers::read_role;
use crate::engine::{Transaction, values};
use crate::statement::statements;
use crate::tokens::read_id;

/// What is true of a mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailboxFacts {
    /// Its user.
    pub user: Option<UserId>,
    /// The organizations that the user is in, first the one that it has been in longest.
    pub organizations: Vec<Belonging>,
    /// The organizations that it is invited into, the oldest invitation first.
    pub invitations: Vec<OpenInvitation>,
}

/// An organization that somebody is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Belonging {
    /// The organization.
    pub organization: OrganizationId,
    /// Its name.
    pub name: String,
    /// What the user is in it.
    pub role: Role,
}

/// An invitation that can be accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenInvitation {
    /// Its id.
    pub id: InvitationId,
    /// The organization.
    pub organization: OrganizationId,
    /// Its name.
    pub name: String,
    /// What whoever accepts will be.
    pub role: Role,
}

impl MailboxFacts {
    /// The organization of that id, if the user is in it.
    pub fn belonging(&self, organization: OrganizationId) -> Option<&Belonging> {
        self.organizations.iter().find(|belonging| belonging.organization == organization)
    }

    /// The invitation into that organization, if there is one.
    pub fn invitation(&self, organization: OrganizationId) -> Option<&OpenInvitation> {
        self.invitations.iter().find(|invitation| invitation.organization == organization)
    }
}

/// What is true of the mailbox in this transaction.
pub(crate) async fn facts_of(
    open: &mut Transaction,
    mailbox: &Mailbox,
    now: Timestamp,
) -> Result<MailboxFacts, StoreError> {
    let user: Option<(String,)> = open.first(USER, values![mailbox.as_str()]).await?;
    let organizations: Vec<StoredBelonging> = match &user {
        Some((user,)) => open.all(BELONGINGS, values![user]).await?,
        None => Vec::new(),
    };
    let invitations: Vec<StoredInvitation> = open.all(INVITATIONS, values![mailbox.as_str(), now]).await?;
    Ok(MailboxFacts {
        user: user.map(|(user,)| read_id(&user, "users.id")).transpose()?,
        organizations: organizations.into_iter().map(StoredBelonging::read).collect::<Result<_, _>>()?,
        invitations: invitations.into_iter().map(StoredInvitation::read).collect::<Result<_, _>>()?,
    })
}

#[derive(FromRow)]
struct StoredBelonging {
    id: String,
    name: String,
    role: String,
}

impl StoredBelonging {
    fn read(self) -> Result<Belonging, StoreError> {
        Ok(Belonging {
            organization: read_id(&self.id, "organizations.id")?,
            name: self.name,
            role: read_role(&self.role, "memberships.role")?,
        })
    }
}

#[derive(FromRow)]
struct StoredInvitation {
    id: String,
    organization_id: String,
    name: String,
    role: String,
}

impl StoredInvitation {
    fn read(self) -> Result<OpenInvitation, StoreError> {
        Ok(OpenInvitation {
            id: read_id(&self.id, "invitations.id")?,
            organization: read_id(&self.organization_id, "invitations.organization_id")?,
            name: self.name,
            role: read_role(&self.role, "invitations.role")?,
        })
    }
}

statements! {
    USER = "SELECT id FROM users WHERE mailbox = $1 AND status = 'active'";
    BELONGINGS = "SELECT o.id, o.name, m.role FROM memberships m JOIN organizations o \
                  ON o.id = m.organization_id WHERE m.user_id = $1 AND o.deleted_at IS NULL \
                  ORDER BY m.created_at, o.id";
    INVITATIONS = "SELECT i.id, i.organization_id, o.name, i.role FROM invitations i JOIN organizations o \
                   ON o.id = i.organization_id WHERE i.mailbox = $1 AND i.expires_at > $2 \
                   AND o.deleted_at IS NULL ORDER BY i.created_at, i.id";
}
