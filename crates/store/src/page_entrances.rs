//! Where a person who is signed in at the pages comes in: an organization that invited the mailbox, or a new one.
//! No key is made by that; what the person lets in gets a session.

use keywright_protocol::{OrganizationId, Role, Timestamp, UserId};

use crate::accounts::{insert_organization, join};
use crate::callers::read_role;
use crate::engine::{transaction, values};
use crate::organizations::owned_by;
use crate::statement::statements;
use crate::tokens::take_turn;
use crate::{Store, StoreError};

/// What became of an invitation that a person answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered<E> {
    /// The person is in.
    In(Role),
    /// It is declined.
    Declined,
    /// Whoever judges does not let the person in; the invitation stays open.
    Refused(E),
    /// There is no such invitation for the mailbox of the person, or it is over.
    NotThere,
}

impl Store {
    /// Makes a user a member of an organization that invited its mailbox. `judge` is told as what, and how many
    /// organizations the user owns.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn accept_at_page<E>(
        &self,
        user: UserId,
        organization: OrganizationId,
        at: Timestamp,
        judge: impl Fn(Role, i64) -> Result<(), E>,
    ) -> Result<Answered<E>, StoreError> {
        let (user_id, into) = (user.to_string(), organization.to_string());
        transaction!(self, |open| {
            take_turn(open, organization).await?;
            let found: Option<(String, String)> = open.first(FIND, values![&user_id, &into, at]).await?;
            let member: Option<(String,)> = open.first(MEMBER, values![&user_id, &into]).await?;
            match found.filter(|_| member.is_none()) {
                None => Answered::NotThere,
                Some((id, role)) => {
                    let role = read_role(&role, "invitations.role")?;
                    match judge(role, owned_by(open, user).await?) {
                        Err(refusal) => Answered::Refused(refusal),
                        // Somebody withdrew it at this moment.
                        Ok(()) if open.execute(DELETE, values![&id]).await? == 0 => Answered::NotThere,
                        Ok(()) => {
                            join(open, user, organization, role, at).await?;
                            Answered::In(role)
                        }
                    }
                }
            }
        })
    }

    /// Declines the invitation of the user's mailbox into an organization.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn decline_at_page<E>(
        &self,
        user: UserId,
        organization: OrganizationId,
        at: Timestamp,
    ) -> Result<Answered<E>, StoreError> {
        let (user, into) = (user.to_string(), organization.to_string());
        transaction!(self, |open| {
            let found: Option<(String, String)> = open.first(FIND, values![&user, &into, at]).await?;
            match found {
                Some((id, _)) if open.execute(DELETE, values![&id]).await? == 1 => Answered::Declined,
                _ => Answered::NotThere,
            }
        })
    }

    /// Makes an organization for a user who is in none. `None` when the user is in one already.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn found_at_page(
        &self,
        user: UserId,
        name: &str,
        at: Timestamp,
    ) -> Result<Option<OrganizationId>, StoreError> {
        let user_id = user.to_string();
        transaction!(self, |open| {
            open.execute(LOCK, values![&user_id]).await?;
            let other: Option<(String,)> = open.first(ANY, values![&user_id]).await?;
            if other.is_some() {
                None
            } else {
                let organization = OrganizationId::new();
                insert_organization(open, organization, name, &None, at).await?;
                join(open, user, organization, Role::Owner, at).await?;
                Some(organization)
            }
        })
    }

    /// Ends all that a user has open at the pages: the browsers, and what was let in but has not come for its
    /// session yet.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn end_pages_of(&self, user: UserId, at: Timestamp) -> Result<(), StoreError> {
        let user = user.to_string();
        transaction!(self, |open| {
            open.execute(END_BROWSERS, values![&user]).await?;
            open.execute(END_CODES, values![&user, at]).await?;
            open.execute(END_DEVICES, values![&user]).await?;
        })
    }
}

statements! {
    FIND = "SELECT i.id, i.role FROM invitations i JOIN users u ON u.mailbox = i.mailbox \
            JOIN organizations o ON o.id = i.organization_id WHERE u.id = $1 AND u.status = 'active' \
            AND i.organization_id = $2 AND i.expires_at > $3 AND o.deleted_at IS NULL";
    MEMBER = "SELECT role FROM memberships WHERE user_id = $1 AND organization_id = $2";
    DELETE = "DELETE FROM invitations WHERE id = $1";
    /// Two who make one at once wait for each other.
    LOCK = "UPDATE users SET status = status WHERE id = $1";
    ANY = "SELECT m.role FROM memberships m JOIN organizations o ON o.id = m.organization_id \
           WHERE m.user_id = $1 AND o.deleted_at IS NULL LIMIT 1";
    END_BROWSERS = "DELETE FROM page_sessions WHERE user_id = $1";
    END_CODES = "UPDATE authorization_codes SET used_at = $2 WHERE user_id = $1 AND used_at IS NULL";
    END_DEVICES = "UPDATE device_codes SET state = 'denied' WHERE user_id = $1 AND state = 'approved'";
}
