//! Service accounts: members for programs, with keys only. They never sign in.

use keywright_protocol::wire::{CreateServiceAccount, Member, ServiceAccount, UserKind};
use keywright_protocol::{ApiError, ErrorCode, OrganizationId, Principal, Role, Scope, UserId};
use keywright_secret::PlatformToken;
use keywright_store::{CallerFacts, NewServiceAccount, Room};

use super::{MOST_SEATS, OrganizationName, made};
use crate::failure::store_failed;
use crate::keys::fields::{asked_key, granted, refuse_wider};
use crate::keys::{MOST_KEYS, created, mint_key, too_many_keys};
use crate::require::require_role;
use crate::{Identity, require};

impl Identity {
    /// Makes a service account in the organization that the caller acts in, a member with one key. The answer
    /// leaves `raw` out: the token beside it is the only copy.
    ///
    /// # Errors
    /// `NOT_FOUND` for any other organization, `FORBIDDEN` for a member and for a child, `INVALID_NAME`, `NAME_TAKEN`,
    /// `COMPANY_NAME_TOO_LONG`, `INVALID_SCOPE`, `INVALID_EXPIRES_IN_DAYS`, `MAX_MEMBERS_REACHED`,
    /// `MAX_API_KEYS_REACHED`, `INSUFFICIENT_SCOPE` without `projects:create` and `api-keys:manage`, or for
    /// scopes that the caller lacks itself.
    pub async fn create_service_account(
        &self,
        principal: &Principal,
        organization: OrganizationId,
        request: CreateServiceAccount,
    ) -> Result<(PlatformToken, ServiceAccount), ApiError> {
        let acting = self.changing(principal)?;
        require(principal, Scope::ApiKeysManage)?;
        super::acts_in(principal, organization)?;
        require_role(principal.role, Role::Admin, MAKE)?;
        let name = OrganizationName::parse(&request.name)?.into_text();
        let scopes = granted(principal, request.scopes.as_deref())?;
        let (key_name, lifetime) = asked_key(request.api_key)?;
        let (token, key) = mint_key(UserId::new(), organization, key_name, scopes, lifetime, acting.at);
        let mut new = NewServiceAccount { name, key };
        let judge = |caller: &CallerFacts, room: &Room, taken: bool| {
            require_role(caller.role, Role::Admin, MAKE)?;
            refuse_wider(caller.scopes, scopes)?;
            refuse_full(room)?;
            refuse_taken(taken)
        };
        let change = self.inner.store.insert_service_account(&acting, &new, judge).await;
        new.key.name = made(change.map_err(|error| store_failed(&error))?)?;
        self.inner.cache.distrust([new.key.hash]);
        let user = new.key.user;
        tracing::info!(user.id = %user, org.id = %organization, "the service account {user} was made");
        let member = Member {
            user_id: user,
            kind: UserKind::Service,
            email: None,
            name: Some(new.name),
            role: Role::Member,
            joined_at: acting.at,
            active_keys: 1,
        };
        Ok((token, ServiceAccount { member, api_key: created(new.key, None) }))
    }
}

fn refuse_full(room: &Room) -> Result<(), ApiError> {
    if room.seats >= MOST_SEATS {
        Err(ApiError::new(ErrorCode::MaxMembersReached).detail("limit", MOST_SEATS))
    } else if room.keys >= i64::from(MOST_KEYS) {
        Err(too_many_keys())
    } else {
        Ok(())
    }
}

/// By its name a service account is called: two of one name could not be told apart.
fn refuse_taken(taken: bool) -> Result<(), ApiError> {
    match taken {
        false => Ok(()),
        true => Err(ApiError::new(ErrorCode::NameTaken)
            .because("A service account of that name exists.")
            .next("Choose another name, or make it another key: `keywright tokens create --service-account NAME`.")),
    }
}

const MAKE: &str = "make a service account";
