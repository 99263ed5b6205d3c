//! API keys: create, list, show, delete.

mod change;
pub(crate) mod fields;

use keywright_protocol::wire::{ApiKey, ApiKeys, CreateKey, DeletedKey, UserKind};
use keywright_protocol::{
    ApiError, ErrorCode, KeyId, Lifetime, OrganizationId, Principal, Role, Scope, Scopes, Timestamp, UserId,
};
use keywright_secret::{PlatformToken, TokenKind};
use keywright_store::{CallerFacts, KeyInsertion, KeyRow, NewToken, OrganizationChange, TargetKey};

use crate::failure::store_failed;
use crate::require::require_role;
use crate::{Identity, Unproven, require, restricted_to};
use fields::{KeyName, granted, lifetime, refuse_wider};

impl Identity {
    /// Creates an API key for the caller's user or, by an admin, for a service account. The answer leaves `raw`
    /// out: the token beside it is the only copy.
    ///
    /// # Errors
    /// What is wrong with the name, the scopes or the expiry, `NAME_TAKEN`, `MAX_API_KEYS_REACHED`,
    /// `INSUFFICIENT_SCOPE` without `api-keys:manage` or for scopes that the caller lacks itself, `FORBIDDEN`
    /// for another person or by a member, `NOT_FOUND` for a user who is not here.
    pub async fn create_key(
        &self,
        principal: &Principal,
        request: CreateKey,
    ) -> Result<(PlatformToken, ApiKey), ApiError> {
        let now = self.still_standing(principal)?;
        require(principal, Scope::ApiKeysManage)?;
        let user = request.user_id.unwrap_or(principal.user);
        if user != principal.user {
            require_role(principal.role, Role::Admin, FOR_SERVICES)?;
        }
        let name = KeyName::parse(request.name)?;
        let lifetime = lifetime(request.expires_in_days.as_ref(), request.lifetime_seconds.as_ref())?;
        let scopes = granted(principal, request.scopes.as_deref())?;
        let (token, key) = mint_key(user, principal.organization, name, scopes, lifetime, now);
        let judge = |caller: &CallerFacts, kind: Option<UserKind>| {
            refuse_wider(caller.scopes, scopes)?;
            if user == caller.user { Ok(()) } else { judge_service(caller, kind) }
        };
        let insertion = self.inner.store.insert_key(&key, principal.token, MOST_KEYS.into(), judge).await;
        match insertion.map_err(|error| store_failed(&error))? {
            KeyInsertion::Inserted => {
                self.inner.cache.distrust([key.hash]);
                let account_end = self.inner.store.account_end(user).await;
                Ok((token, created(key, account_end.map_err(|error| store_failed(&error))?)))
            }
            KeyInsertion::Refused(refusal) => Err(refusal),
            KeyInsertion::NameTaken => Err(ErrorCode::NameTaken.into()),
            KeyInsertion::TooMany => Err(too_many_keys()),
            KeyInsertion::CreatorRevoked => Err(Unproven::Revoked.into()),
        }
    }

    /// The active keys of the caller's organization, for a member its own, newest first.
    ///
    /// # Errors
    /// `INSUFFICIENT_SCOPE` without `api-keys:manage`, `STORAGE_UNAVAILABLE`.
    pub async fn list_keys(&self, principal: &Principal) -> Result<ApiKeys, ApiError> {
        let now = self.still_standing(principal)?;
        require(principal, Scope::ApiKeysManage)?;
        let rows = self.inner.store.active_keys(principal.organization, restricted_to(principal), now).await;
        let rows = rows.map_err(|error| store_failed(&error))?;
        Ok(ApiKeys { keys: rows.into_iter().map(listed).collect(), limit: MOST_KEYS })
    }

    /// One active key of the caller's organization.
    ///
    /// # Errors
    /// `NOT_FOUND` when it is not there, has ended, is of another organization or, for a member, of another
    /// user, `INSUFFICIENT_SCOPE`
    /// without `api-keys:manage`, `STORAGE_UNAVAILABLE`.
    pub async fn view_key(&self, principal: &Principal, key: KeyId) -> Result<ApiKey, ApiError> {
        let now = self.still_standing(principal)?;
        require(principal, Scope::ApiKeysManage)?;
        self.active_key(principal, key, now).await
    }

    async fn active_key(
        &self,
        principal: &Principal,
        key: KeyId,
        now: Timestamp,
    ) -> Result<ApiKey, ApiError> {
        let row = self.inner.store.active_key(principal.organization, restricted_to(principal), key, now);
        row.await.map_err(|error| store_failed(&error))?.map(listed).ok_or_else(|| ErrorCode::NotFound.into())
    }

    /// Deletes a token of the caller's organization, of any kind, the caller's own included, with all
    /// its children, and the key that it took the place of, if that still lives. When this answers, none of
    /// them opens anything here any more.
    ///
    /// # Errors
    /// `NOT_FOUND` when it is not there, dead already, of another organization or, for a member, of another
    /// user, `INSUFFICIENT_SCOPE` without `api-keys:manage`, `STORAGE_UNAVAILABLE`.
    pub async fn revoke_key(&self, principal: &Principal, key: KeyId) -> Result<DeletedKey, ApiError> {
        self.still_standing(principal)?;
        require(principal, Scope::ApiKeysManage)?;
        self.end_token(principal, key).await
    }

    /// Ends the child token that is calling: it may do that much for itself.
    ///
    /// # Errors
    /// `FORBIDDEN` for a token that is no child, `STORAGE_UNAVAILABLE`.
    pub async fn end_child(&self, principal: &Principal) -> Result<DeletedKey, ApiError> {
        self.still_standing(principal)?;
        if principal.parent.is_none() {
            return Err(ApiError::new(ErrorCode::Forbidden)
                .because("Only a token that was made for an agent ends itself this way.")
                .next("Delete a key with `keywright tokens rm NAME`."));
        }
        self.end_token(principal, principal.token).await
    }

    async fn end_token(&self, principal: &Principal, key: KeyId) -> Result<DeletedKey, ApiError> {
        let at = self.now();
        let (identity, organization) = (self.clone(), principal.organization);
        let target = TargetKey { key, organization, caller: principal.token, at };
        let ending = self.lasting(async move {
            let judge = |caller: &CallerFacts, owner: UserId| {
                let may = owner == caller.user || caller.role >= Role::Admin;
                if may { Ok(()) } else { Err(ApiError::from(ErrorCode::NotFound)) }
            };
            let change = identity.inner.store.revoke_token(&target, judge).await?;
            if let OrganizationChange::Made(ended) = &change {
                identity.inner.cache.bury(ended.iter().map(|token| token.hash));
            }
            Ok(change)
        });
        match ending.await? {
            OrganizationChange::Made(_) => {
                tracing::info!(key.id = %key, org.id = %organization, "the token {key} was revoked");
                Ok(DeletedKey { key_id: key, revoked_at: at })
            }
            OrganizationChange::Refused(refusal) => Err(refusal),
            OrganizationChange::NotThere => Err(ErrorCode::NotFound.into()),
            OrganizationChange::CallerEnded => Err(Unproven::Revoked.into()),
        }
    }
}

/// Whether `caller` may make a key for another user, of that kind, if it is a member.
fn judge_service(caller: &CallerFacts, kind: Option<UserKind>) -> Result<(), ApiError> {
    require_role(caller.role, Role::Admin, FOR_SERVICES)?;
    match kind {
        Some(UserKind::Service) => Ok(()),
        Some(UserKind::Person | UserKind::Temporary) => Err(ApiError::new(ErrorCode::Forbidden)
            .because("That user is a person, for whom the key would speak.")
            .next("Leave out `userId` for a key of your own; a person makes its own keys.")),
        None => Err(ApiError::new(ErrorCode::NotFound)
            .because("The organization has no such service account.")
            .next("See `keywright orgs services`.")),
    }
}

/// A new key, and how it is stored.
pub(crate) fn mint_key(
    user: UserId,
    organization: OrganizationId,
    name: KeyName,
    scopes: Scopes,
    lifetime: Option<Lifetime>,
    now: Timestamp,
) -> (PlatformToken, NewToken) {
    let token = PlatformToken::mint(TokenKind::ApiKey);
    let key = NewToken {
        id: KeyId::new(),
        hash: token.hash(),
        kind: token.kind(),
        hint: token.hint(),
        user,
        organization,
        parent: None,
        name: name.into_text(),
        scopes,
        created_at: now,
        expires_at: lifetime.map(|lifetime| now.plus_seconds(lifetime.seconds())),
    };
    (token, key)
}

/// `MAX_API_KEYS_REACHED`.
pub(crate) fn too_many_keys() -> ApiError {
    ApiError::new(ErrorCode::MaxApiKeysReached).detail("limit", MOST_KEYS)
}

/// A key that was just made, as it is shown.
pub(crate) fn created(key: NewToken, account_end: Option<Timestamp>) -> ApiKey {
    ApiKey {
        key_id: key.id,
        raw: None,
        key_prefix: key.hint,
        name: key.name,
        scopes: key.scopes,
        created_at: key.created_at,
        expires_at: earlier(key.expires_at, account_end),
        last_used_at: None,
        user_id: key.user,
        replaced_by: None,
        replaces: None,
    }
}

fn listed(row: KeyRow) -> ApiKey {
    ApiKey {
        key_id: row.id,
        raw: None,
        key_prefix: row.hint,
        name: row.name,
        scopes: row.scopes,
        created_at: row.created_at,
        expires_at: earlier(row.expires_at, row.account_expires_at),
        last_used_at: row.last_used_at,
        user_id: row.user,
        replaced_by: row.replaced_by,
        replaces: row.replaces,
    }
}

/// A key ends when its own time is over or its account's, whichever comes first.
fn earlier(key: Option<Timestamp>, account: Option<Timestamp>) -> Option<Timestamp> {
    key.into_iter().chain(account).min()
}

/// How many active keys an organization may have.
pub(crate) const MOST_KEYS: u32 = 20;
/// What takes an admin.
const FOR_SERVICES: &str = "make a key for somebody else, which must be a service account";
