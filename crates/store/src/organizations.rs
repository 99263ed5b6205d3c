//! Organizations: made, listed, renamed, deleted.

use keywright_protocol::{OrganizationId, Role, Timestamp, UserId};
use sqlx::FromRow;

use crate::accounts::{insert_organization, join};
use crate::callers::{Acting, CallerFacts, OrganizationChange, begin_acting, read_role};
use crate::engine::{Transaction, transaction, values};
use crate::generation::count_up;
use crate::statement::statements;
use crate::tokens::{NewToken, RevokedToken, read_id, read_revoked};
use crate::{Store, StoreError};

/// An organization, as one of its members sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganizationRow {
    /// Its id.
    pub id: OrganizationId,
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: Option<String>,
    /// What the member is in it.
    pub role: Role,
    /// Since when there is such an organization.
    pub created_at: Timestamp,
}

/// An organization as it is to be stored.
#[derive(Clone, Debug)]
pub struct NewOrganization {
    /// A key that acts in it; it names the organization and the user who owns it.
    pub key: NewToken,
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: Option<String>,
}

/// What is to change of an organization.
#[derive(Clone, Debug, Default)]
pub struct OrganizationUpdate {
    /// Its name.
    pub name: Option<String>,
    /// What it is; an empty text takes it away.
    pub description: Option<String>,
}

impl Store {
    /// The organizations of a user, oldest first.
    ///
    /// # Errors
    /// When the database does not answer, or a row was tampered with.
    pub async fn organizations_of(&self, user: UserId) -> Result<Vec<OrganizationRow>, StoreError> {
        let rows: Vec<StoredOrganization> = self.all(OF_USER, values![&user.to_string()]).await?;
        rows.into_iter().map(StoredOrganization::read).collect()
    }

    /// One of them.
    ///
    /// # Errors
    /// When the database does not answer, or the row was tampered with.
    pub async fn organization_of(
        &self,
        user: UserId,
        organization: OrganizationId,
    ) -> Result<Option<OrganizationRow>, StoreError> {
        let (user, organization) = (user.to_string(), organization.to_string());
        let row: Option<StoredOrganization> = self.first(ONE_OF_USER, values![&user, &organization]).await?;
        row.map(StoredOrganization::read).transpose()
    }

    /// Stores an organization with its owner and a key. `judge` hears how many the owner has already: exact
    /// however many ask at once, on however many servers.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn insert_organization<E>(
        &self,
        new: &NewOrganization,
        creator: &Acting,
        judge: impl Fn(&CallerFacts, i64) -> Result<(), E>,
    ) -> Result<OrganizationChange<(), E>, StoreError> {
        transaction!(self, |open| {
            match begin_acting(open, creator).await? {
                None => OrganizationChange::CallerEnded,
                Some(caller) => match judge(&caller, owned_by(open, new.key.user).await?) {
                    Err(refusal) => OrganizationChange::Refused(refusal),
                    Ok(()) => {
                        let (user, organization) = (new.key.user, new.key.organization);
                        insert_organization(open, organization, &new.name, &new.description, creator.at)
                            .await?;
                        join(open, user, organization, Role::Owner, creator.at).await?;
                        new.key.insert_plainly(open).await?;
                        OrganizationChange::Made(())
                    }
                },
            }
        })
    }

    /// Changes the name or the description of the organization that the caller acts in.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn update_organization<E>(
        &self,
        acting: &Acting,
        update: &OrganizationUpdate,
        judge: impl Fn(&CallerFacts) -> Result<(), E>,
    ) -> Result<OrganizationChange<(), E>, StoreError> {
        let organization = acting.organization.to_string();
        transaction!(self, |open| {
            match begin_acting(open, acting).await?.map(|caller| judge(&caller)) {
                None => OrganizationChange::CallerEnded,
                Some(Err(refusal)) => OrganizationChange::Refused(refusal),
                Some(Ok(())) => {
                    open.execute(UPDATE, values![&organization, &update.name, &update.description]).await?;
                    OrganizationChange::Made(())
                }
            }
        })
    }

    /// Deletes the organization that the caller acts in: every token in it ends, and memberships, invitations
    /// and service accounts go. Its row stays, because records refer to it. What has ended.
    ///
    /// # Errors
    /// When the database does not answer. Whether the organization lives is unknown then.
    pub async fn delete_organization<E>(
        &self,
        acting: &Acting,
        judge: impl Fn(&CallerFacts) -> Result<(), E>,
    ) -> Result<OrganizationChange<Vec<RevokedToken>, E>, StoreError> {
        transaction!(self, |open| {
            match begin_acting(open, acting).await?.map(|caller| judge(&caller)) {
                None => OrganizationChange::CallerEnded,
                Some(Err(refusal)) => OrganizationChange::Refused(refusal),
                Some(Ok(())) => {
                    let ended = dissolve(open, acting).await?;
                    count_up(open).await?;
                    OrganizationChange::Made(ended)
                }
            }
        })
    }
}

/// How many organizations a user owns. Waits for every other transaction that makes it own one, so that what
/// is counted stays true until the commit.
pub(crate) async fn owned_by(open: &mut Transaction, user: UserId) -> Result<i64, StoreError> {
    let user = user.to_string();
    open.execute(LOCK_USER, values![&user]).await?;
    let count: Option<(i64,)> = open.first(COUNT_OWNED, values![&user]).await?;
    Ok(count.map_or(0, |(count,)| count))
}

async fn dissolve(open: &mut Transaction, acting: &Acting) -> Result<Vec<RevokedToken>, StoreError> {
    let organization = acting.organization.to_string();
    let ended: Vec<(String, Vec<u8>)> = open.all(END_TOKENS, values![&organization, acting.at]).await?;
    open.execute(DELETE_INVITATIONS, values![&organization]).await?;
    open.execute(DELETE_SERVICES, values![&organization]).await?;
    open.execute(DELETE_MEMBERSHIPS, values![&organization]).await?;
    open.execute(DELETE, values![&organization, acting.at]).await?;
    ended.into_iter().map(read_revoked).collect()
}

#[derive(FromRow)]
struct StoredOrganization {
    id: String,
    name: String,
    description: Option<String>,
    role: String,
    created_at: i64,
}

impl StoredOrganization {
    fn read(self) -> Result<OrganizationRow, StoreError> {
        Ok(OrganizationRow {
            id: read_id(&self.id, "organizations.id")?,
            name: self.name,
            description: self.description,
            role: read_role(&self.role, "memberships.role")?,
            created_at: Timestamp(self.created_at),
        })
    }
}

macro_rules! of_user {
    ($rest:literal) => {
        concat!(
            "SELECT o.id, o.name, o.description, m.role, o.created_at FROM memberships m \
             JOIN organizations o ON o.id = m.organization_id \
             WHERE m.user_id = $1 AND o.deleted_at IS NULL ",
            $rest
        )
    };
}

statements! {
    OF_USER = of_user!("ORDER BY o.created_at, o.id");
    ONE_OF_USER = of_user!("AND o.id = $2");
    UPDATE = "UPDATE organizations SET name = COALESCE(CAST($2 AS TEXT), name), \
              description = NULLIF(COALESCE(CAST($3 AS TEXT), description), '') WHERE id = $1";
    /// Changes nothing, and holds the row until the commit.
    LOCK_USER = "UPDATE users SET status = status WHERE id = $1";
    COUNT_OWNED = "SELECT COUNT(*) FROM memberships WHERE user_id = $1 AND role = 'owner'";
    END_TOKENS = "UPDATE tokens SET revoked_at = $2 WHERE organization_id = $1 AND revoked_at IS NULL \
                  RETURNING id, hash";
    DELETE_INVITATIONS = "DELETE FROM invitations WHERE organization_id = $1";
    DELETE_SERVICES = "UPDATE users SET status = 'deleted' WHERE kind = 'service' AND id IN \
                       (SELECT user_id FROM memberships WHERE organization_id = $1)";
    DELETE_MEMBERSHIPS = "DELETE FROM memberships WHERE organization_id = $1";
    DELETE = "UPDATE organizations SET deleted_at = $2 WHERE id = $1";
}
