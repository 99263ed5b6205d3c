//! Where a person who is signed in at the pages comes in: organizations that it is in, that invited its mailbox,
//! or a new one for whoever is in none.

use keywright_protocol::wire::Invitation;
use keywright_protocol::{ApiError, ErrorCode, Mailbox, OrganizationId, Role, UserId};
use keywright_store::{Answered, Belonging};

use crate::Identity;
use crate::failure::store_failed;
use crate::mailbox::fields::DEFAULT_ORGANIZATION;
use crate::organizations::refuse_more_organizations;

/// What a person may choose from.
#[derive(Clone, Debug)]
pub struct Entrances {
    /// The mailbox.
    pub mailbox: String,
    /// The organizations that the person is in, first the one that it has been in longest.
    pub organizations: Vec<Belonging>,
    /// Open invitations of the mailbox, newest first.
    pub invitations: Vec<Invitation>,
    /// Whether an organization may be made, because the person is in none.
    pub may_found: bool,
}

/// What a person chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntranceChoice {
    /// An organization that it is in or invited into.
    Organization(OrganizationId),
    /// A new one.
    New,
}

impl Identity {
    /// What a person may choose from.
    ///
    /// # Errors
    /// `NOT_FOUND` for who has no mailbox, `STORAGE_UNAVAILABLE`.
    pub async fn entrances(&self, user: UserId) -> Result<Entrances, ApiError> {
        let store = &self.inner.store;
        let failed = |error| store_failed(&error);
        let mailbox: String = store.mailbox_of(user).await.map_err(failed)?.ok_or(ErrorCode::NotFound)?;
        let organizations = store.organizations_of_user(user).await.map_err(failed)?;
        let mut invitations = store.invitations_of(user, self.now()).await.map_err(failed)?;
        invitations.retain(|invitation| {
            !organizations.iter().any(|belonging| belonging.organization == invitation.organization_id)
        });
        let open =
            mailbox.parse().is_ok_and(|mailbox: Mailbox| self.inner.settings.signup_is_open_to(&mailbox));
        let may_found = organizations.is_empty() && (open || !invitations.is_empty());
        Ok(Entrances { mailbox, organizations, invitations, may_found })
    }

    /// Brings a person into what it chose, of what it may choose from: accepts an invitation or makes an
    /// organization where that is needed.
    ///
    /// # Errors
    /// `NOT_FOUND` for anything else, `MAX_ORGANIZATIONS_REACHED` for a further owner, `STORAGE_UNAVAILABLE`.
    pub async fn enter(&self, user: UserId, choice: EntranceChoice) -> Result<OrganizationId, ApiError> {
        let offered = self.entrances(user).await?;
        match choice {
            EntranceChoice::Organization(chosen)
                if offered.organizations.iter().any(|belonging| belonging.organization == chosen) =>
            {
                Ok(chosen)
            }
            EntranceChoice::Organization(chosen) => self.accept_at_page(user, chosen).await.map(|()| chosen),
            EntranceChoice::New if offered.may_found => {
                let made = self.inner.store.found_at_page(user, DEFAULT_ORGANIZATION, self.now()).await;
                let made = made.map_err(|error| store_failed(&error))?.ok_or(ErrorCode::NotFound)?;
                tracing::info!(user.id = %user, org.id = %made, "the user {user} made the organization {made}");
                Ok(made)
            }
            EntranceChoice::New => Err(ErrorCode::NotFound.into()),
        }
    }

    /// Makes a person a member of an organization that invited its mailbox.
    ///
    /// # Errors
    /// `NOT_FOUND`, `MAX_ORGANIZATIONS_REACHED` for a further owner, `STORAGE_UNAVAILABLE`.
    pub async fn accept_at_page(&self, user: UserId, organization: OrganizationId) -> Result<(), ApiError> {
        let judge = |role, owned| match role {
            Role::Owner => refuse_more_organizations(owned),
            Role::Admin | Role::Member => Ok(()),
        };
        let answered = self.inner.store.accept_at_page(user, organization, self.now(), judge).await;
        match answered.map_err(|error| store_failed(&error))? {
            Answered::In(role) => {
                tracing::info!(
                    user.id = %user,
                    org.id = %organization,
                    "the user {user} came into {organization} as {role}"
                );
                Ok(())
            }
            Answered::Refused(why) => Err(why),
            Answered::NotThere | Answered::Declined => Err(ErrorCode::NotFound.into()),
        }
    }

    /// Declines an invitation of the person's mailbox.
    ///
    /// # Errors
    /// `NOT_FOUND`, `STORAGE_UNAVAILABLE`.
    pub async fn decline_at_page(&self, user: UserId, organization: OrganizationId) -> Result<(), ApiError> {
        let answered = self.inner.store.decline_at_page::<ApiError>(user, organization, self.now()).await;
        match answered.map_err(|error| store_failed(&error))? {
            Answered::Declined => {
                tracing::info!(org.id = %organization, "an invitation into {organization} was declined");
                Ok(())
            }
            Answered::In(_) | Answered::Refused(_) | Answered::NotThere => Err(ErrorCode::NotFound.into()),
        }
    }
}
