//! Who is in an organization: listed, made something else, taken out, leaving.

use keywright_protocol::wire::{Member, Members, RemovedMember, UserKind};
use keywright_protocol::{ApiError, ErrorCode, OrganizationId, Principal, Role, Scope, Scopes, UserId};
use keywright_store::{CallerFacts, MemberFacts, OrganizationChange};

use super::{made, refuse_more_organizations, refuse_narrow};
use crate::failure::store_failed;
use crate::keys::fields::refuse_wider;
use crate::require::require_role;
use crate::{Identity, require};

impl Identity {
    /// The members of the organization that the caller acts in, the first to come first. Every member may see
    /// them.
    ///
    /// # Errors
    /// `NOT_FOUND` for any other, `INSUFFICIENT_SCOPE` without `projects:read`, `STORAGE_UNAVAILABLE`.
    pub async fn members(
        &self,
        principal: &Principal,
        organization: OrganizationId,
    ) -> Result<Members, ApiError> {
        let now = self.reading(principal, organization)?.at;
        let members = self.inner.store.members(organization, now).await;
        Ok(Members { members: members.map_err(|error| store_failed(&error))? })
    }

    /// Makes a member something else, from its next request on. What it is doing is not cut.
    ///
    /// # Errors
    /// `NOT_FOUND` for another organization and for who is not in it, `FORBIDDEN` for a member and for a child,
    /// for an admin where an owner is or becomes, and for a service account as an owner, `LAST_OWNER`,
    /// `MAX_ORGANIZATIONS_REACHED`, `INSUFFICIENT_SCOPE` without every scope.
    pub async fn change_role(
        &self,
        principal: &Principal,
        organization: OrganizationId,
        user: UserId,
        role: Role,
    ) -> Result<Member, ApiError> {
        let acting = self.changing_here(principal, organization)?;
        refuse_narrow(principal.scopes)?;
        require_role(principal.role, Role::Admin, CHANGE)?;
        let identity = self.clone();
        let changing = self.lasting(async move {
            let judge = |caller: &CallerFacts, member: &MemberFacts| judge_role(caller, member, role);
            let change = identity.inner.store.change_role(&acting, user, role, judge).await?;
            if let OrganizationChange::Made(changed) = &change {
                identity.inner.cache.distrust(changed.iter().copied());
            }
            Ok(change)
        });
        made(changing.await?)?;
        tracing::info!(user.id = %user, org.id = %organization, "the user {user} is {role} of {organization} now");
        let member = self.inner.store.member(organization, user, acting.at).await;
        // It may have left since.
        member.map_err(|error| store_failed(&error))?.ok_or_else(|| ErrorCode::NotFound.into())
    }

    /// Takes a member out of the organization that the caller acts in, or lets the caller's user leave. When
    /// this answers, none of the member's tokens of this organization opens anything, and what they were doing
    /// is cut. A service account is deleted.
    ///
    /// # Errors
    /// `NOT_FOUND` for another organization and for who is not in it, `FORBIDDEN` for a member who is another,
    /// for an admin where an owner goes, and for a child, `LAST_OWNER`, `INSUFFICIENT_SCOPE` without
    /// `projects:create`, and without `api-keys:manage` for another member.
    pub async fn remove_member(
        &self,
        principal: &Principal,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<RemovedMember, ApiError> {
        let acting = self.changing_here(principal, organization)?;
        if user != principal.user {
            require(principal, Scope::ApiKeysManage)?;
            require_role(principal.role, Role::Admin, REMOVE)?;
        }
        let identity = self.clone();
        let removing = self.lasting(async move {
            let change = identity.inner.store.remove_member(&acting, user, judge_removal).await?;
            if let OrganizationChange::Made(ended) = &change {
                identity.inner.cache.bury(ended.iter().map(|token| token.hash));
            }
            Ok(change)
        });
        let ended = made(removing.await?)?;
        tracing::info!(user.id = %user, org.id = %organization, "the user {user} is out of {organization}");
        Ok(RemovedMember { user_id: user, revoked_tokens: ended.len() as i64 })
    }
}

/// Whether `caller` may make `member` that.
fn judge_role(caller: &CallerFacts, member: &MemberFacts, role: Role) -> Result<(), ApiError> {
    refuse_narrow(caller.scopes)?;
    require_role(caller.role, Role::Admin, CHANGE)?;
    if member.role == role {
        return Ok(());
    }
    if member.role == Role::Owner || role == Role::Owner {
        require_role(caller.role, Role::Owner, "make or unmake an owner")?;
    }
    if role == Role::Owner {
        if member.kind == UserKind::Service {
            return Err(ApiError::new(ErrorCode::Forbidden)
                .because("A service account owns no organization: nobody could sign in as its owner.")
                .next("Make it an admin, or make a person an owner."));
        }
        return refuse_more_organizations(member.owned);
    }
    refuse_last_owner(member)
}

/// Whether `caller` may take `member` out.
fn judge_removal(caller: &CallerFacts, member: &MemberFacts) -> Result<(), ApiError> {
    if member.user != caller.user {
        refuse_wider(caller.scopes, Scopes::of(&[Scope::ApiKeysManage]))?;
        require_role(caller.role, Role::Admin, REMOVE)?;
        if member.role == Role::Owner {
            require_role(caller.role, Role::Owner, "remove an owner")?;
        }
    }
    refuse_last_owner(member)
}

fn refuse_last_owner(member: &MemberFacts) -> Result<(), ApiError> {
    match member.role == Role::Owner && member.owners < 2 {
        true => Err(ErrorCode::LastOwner.into()),
        false => Ok(()),
    }
}

const CHANGE: &str = "change what a member is";
const REMOVE: &str = "remove another member";
