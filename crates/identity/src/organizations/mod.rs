//! Organizations: made, shown, renamed, deleted. Who is in them is in the modules below.
//!
//! A token acts in one organization, and every other is not there for it. The order of what is asked is the same
//! everywhere: whether the token lives, what it may do, whether it is that organization, what its user is in it.
//! The last is asked again in the transaction that makes the change.

mod invitations;
mod members;
mod name;
mod services;

use keywright_protocol::wire::{
    CreateOrganization, DeletedOrganization, EnteredOrganization, Organization, Organizations,
    UpdateOrganization, UserKind,
};
use keywright_protocol::{ApiError, ErrorCode, OrganizationId, Principal, Role, Scope, Scopes};
use keywright_secret::PlatformToken;
use keywright_store::{
    Acting, CallerFacts, NewOrganization, OrganizationChange, OrganizationRow, OrganizationUpdate,
};

use crate::failure::store_failed;
use crate::keys::fields::{asked_key, missing_scopes, refuse_wider};
use crate::keys::{created, mint_key};
use crate::require::{refuse_child, require_role};
use crate::{Identity, Unproven, require};
pub(crate) use name::{OrganizationDescription, OrganizationName, misleads};

impl Identity {
    /// The organizations of the caller's user, oldest first.
    ///
    /// # Errors
    /// `INSUFFICIENT_SCOPE` without `projects:read`, `STORAGE_UNAVAILABLE`.
    pub async fn organizations(&self, principal: &Principal) -> Result<Organizations, ApiError> {
        self.still_standing(principal)?;
        require(principal, Scope::ProjectsRead)?;
        let rows = self.inner.store.organizations_of(principal.user).await;
        let rows = rows.map_err(|error| store_failed(&error))?;
        let shown = rows.into_iter().map(|row| shown(row, principal)).collect();
        Ok(Organizations { organizations: shown })
    }

    /// The organization that the caller acts in.
    ///
    /// # Errors
    /// `NOT_FOUND` for any other, `INSUFFICIENT_SCOPE` without `projects:read`, `STORAGE_UNAVAILABLE`.
    pub async fn view_organization(
        &self,
        principal: &Principal,
        organization: OrganizationId,
    ) -> Result<Organization, ApiError> {
        self.reading(principal, organization)?;
        let row = self.inner.store.organization_of(principal.user, organization).await;
        let row = row.map_err(|error| store_failed(&error))?;
        // Whoever is no member any more has no token here either.
        Ok(shown(row.ok_or(Unproven::Revoked)?, principal))
    }

    /// Makes an organization that the caller's user owns, with a key that acts in it and may do what the
    /// caller may. The answer leaves `raw` out: the token beside it is the only copy.
    ///
    /// # Errors
    /// `INVALID_NAME`, `COMPANY_NAME_TOO_LONG`, `INVALID_REQUEST` for a description, `INVALID_EXPIRES_IN_DAYS`,
    /// `MAX_ORGANIZATIONS_REACHED`, `INSUFFICIENT_SCOPE` without `projects:create`, `FORBIDDEN` for a child and
    /// for a service account.
    pub async fn create_organization(
        &self,
        principal: &Principal,
        request: CreateOrganization,
    ) -> Result<(PlatformToken, EnteredOrganization), ApiError> {
        let acting = self.changing(principal)?;
        let name = OrganizationName::parse(&request.name)?.into_text();
        let description = request.description.as_deref().map(OrganizationDescription::parse).transpose()?;
        let (key_name, lifetime) = asked_key(request.api_key)?;
        let (organization, scopes) = (OrganizationId::new(), principal.scopes);
        let (token, key) = mint_key(principal.user, organization, key_name, scopes, lifetime, acting.at);
        let description = description.map(OrganizationDescription::into_text).filter(|text| !text.is_empty());
        let new = NewOrganization { key, name, description };
        let judge = |caller: &CallerFacts, owned: i64| {
            refuse_wider(caller.scopes, scopes)?;
            refuse_service(caller)?;
            refuse_more_organizations(owned)
        };
        let change = self.inner.store.insert_organization(&new, &acting, judge).await;
        made(change.map_err(|error| store_failed(&error))?)?;
        self.inner.cache.distrust([new.key.hash]);
        tracing::info!(org.id = %organization, user.id = %principal.user, "the organization {organization} was made");
        let made = Organization {
            organization_id: organization,
            name: new.name,
            description: new.description,
            role: Role::Owner,
            current: false,
            created_at: acting.at,
        };
        Ok((token, EnteredOrganization { organization: made, api_key: created(new.key, None) }))
    }

    /// Renames or describes the organization that the caller acts in.
    ///
    /// # Errors
    /// `NOT_FOUND` for any other, `FORBIDDEN` for a member and for a child, `INVALID_NAME`,
    /// `COMPANY_NAME_TOO_LONG`, `INVALID_REQUEST`, `INSUFFICIENT_SCOPE` without `projects:create`.
    pub async fn update_organization(
        &self,
        principal: &Principal,
        organization: OrganizationId,
        request: UpdateOrganization,
    ) -> Result<Organization, ApiError> {
        let acting = self.changing_here(principal, organization)?;
        require_role(principal.role, Role::Admin, CHANGE)?;
        let name = request.name.as_deref().map(OrganizationName::parse).transpose()?;
        let description = request.description.as_deref().map(OrganizationDescription::parse).transpose()?;
        if name.is_none() && description.is_none() {
            return Err(ApiError::new(ErrorCode::InvalidRequest)
                .because("The body changes nothing.")
                .next("Send `name` or `description`."));
        }
        let update = OrganizationUpdate {
            name: name.map(OrganizationName::into_text),
            description: description.map(OrganizationDescription::into_text),
        };
        let judge = |caller: &CallerFacts| require_role(caller.role, Role::Admin, CHANGE);
        let change = self.inner.store.update_organization(&acting, &update, judge).await;
        made(change.map_err(|error| store_failed(&error))?)?;
        tracing::info!(org.id = %organization, "the organization {organization} was changed");
        let row = self.inner.store.organization_of(principal.user, organization).await;
        Ok(shown(row.map_err(|error| store_failed(&error))?.ok_or(Unproven::Revoked)?, principal))
    }

    /// Deletes the organization that the caller acts in, with all tokens, memberships, invitations and service
    /// accounts. When this answers, none of its tokens opens anything, and what they were doing is cut.
    ///
    /// # Errors
    /// `NOT_FOUND` for any other, `FORBIDDEN` for who is no owner and for a child, `INSUFFICIENT_SCOPE` without
    /// `projects:create` and `api-keys:manage`, `STORAGE_UNAVAILABLE`.
    pub async fn delete_organization(
        &self,
        principal: &Principal,
        organization: OrganizationId,
    ) -> Result<DeletedOrganization, ApiError> {
        let acting = self.changing_here(principal, organization)?;
        // It ends every key.
        require(principal, Scope::ApiKeysManage)?;
        require_role(principal.role, Role::Owner, DELETE)?;
        let identity = self.clone();
        let deleting = self.lasting(async move {
            let judge = |caller: &CallerFacts| require_role(caller.role, Role::Owner, DELETE);
            let change = identity.inner.store.delete_organization(&acting, judge).await?;
            if let OrganizationChange::Made(ended) = &change {
                identity.inner.cache.bury(ended.iter().map(|token| token.hash));
            }
            Ok(change)
        });
        let ended = made(deleting.await?)?;
        tracing::info!(org.id = %organization, user.id = %principal.user, "the organization {organization} was deleted");
        Ok(DeletedOrganization { organization_id: organization, revoked_tokens: ended.len() as i64 })
    }

    /// Whether the caller may read of that organization.
    fn reading(&self, principal: &Principal, organization: OrganizationId) -> Result<Acting, ApiError> {
        let at = self.still_standing(principal)?;
        require(principal, Scope::ProjectsRead)?;
        acts_in(principal, organization)?;
        Ok(Acting { token: principal.token, organization, at })
    }

    /// Whether the caller's token is of those that change organizations at all.
    fn changing(&self, principal: &Principal) -> Result<Acting, ApiError> {
        let at = self.still_standing(principal)?;
        refuse_child(principal)?;
        require(principal, Scope::ProjectsCreate)?;
        Ok(Acting { token: principal.token, organization: principal.organization, at })
    }

    /// The same for one of that organization.
    fn changing_here(&self, principal: &Principal, organization: OrganizationId) -> Result<Acting, ApiError> {
        let acting = self.changing(principal)?;
        acts_in(principal, organization)?;
        Ok(acting)
    }
}

fn acts_in(principal: &Principal, organization: OrganizationId) -> Result<(), ApiError> {
    if principal.organization == organization {
        return Ok(());
    }
    Err(ApiError::new(ErrorCode::NotFound)
        .because("There is no such organization for this token, which acts in one alone.")
        .next("See `keywright orgs list`, and use a key that was made in that organization."))
}

/// Whoever comes in, or becomes more, may do all of that by signing in. A token that may not do everything
/// itself would make itself a wider one that way.
fn refuse_narrow(scopes: Scopes) -> Result<(), ApiError> {
    match missing_scopes(scopes, Scopes::EVERY) {
        None => Ok(()),
        Some(missing) => Err(ApiError::new(ErrorCode::InsufficientScope)
            .because(
                "Only a token with every scope lets somebody in or raises a member, who could do everything.",
            )
            .detail("required", missing)),
    }
}

/// Nobody could sign in as the owner, and it would outlive the account.
fn refuse_service(caller: &CallerFacts) -> Result<(), ApiError> {
    match caller.kind {
        UserKind::Service => Err(ApiError::new(ErrorCode::Forbidden)
            .because("A service account owns no organization: nobody could sign in as its owner.")
            .next("Make it with the key of a person.")),
        UserKind::Person | UserKind::Temporary => Ok(()),
    }
}

pub(crate) fn refuse_more_organizations(owned: i64) -> Result<(), ApiError> {
    match owned < MOST_OWNED {
        true => Ok(()),
        false => Err(ApiError::new(ErrorCode::MaxOrganizationsReached).detail("limit", MOST_OWNED)),
    }
}

fn shown(row: OrganizationRow, principal: &Principal) -> Organization {
    Organization {
        organization_id: row.id,
        name: row.name,
        description: row.description,
        role: row.role,
        current: row.id == principal.organization,
        created_at: row.created_at,
    }
}

fn made<T>(change: OrganizationChange<T, ApiError>) -> Result<T, ApiError> {
    match change {
        OrganizationChange::Made(made) => Ok(made),
        OrganizationChange::Refused(refusal) => Err(refusal),
        OrganizationChange::NotThere => Err(ErrorCode::NotFound.into()),
        OrganizationChange::CallerEnded => Err(Unproven::Revoked.into()),
    }
}

const CHANGE: &str = "change its name or description";
const DELETE: &str = "delete it";
/// How many organizations a user may own.
const MOST_OWNED: i64 = 20;
/// How many members and open invitations an organization may have.
const MOST_SEATS: i64 = 500;
