//! API keys that change: another secret in their place, another name, less scope, another end.
//!
//! Each is judged inside the transaction that makes it. What a principal is built from has then changed,
//! so that the cache hears of it before anybody is answered.

use keywright_protocol::wire::{ApiKey, ReplacedKey, RotateKey, RotatedKey, UpdateKey};
use keywright_protocol::{
    ApiError, ErrorCode, KeyId, Lifetime, Overlap, Principal, Role, Scope, Scopes, Timestamp,
};
use keywright_secret::{PlatformToken, TokenKind};
use keywright_store::{CallerFacts, KeyChange, KeyFacts, KeyUpdate, RotationTerms, Successor, TargetKey};

use super::fields::{KeyName, asked_scopes, lifetime, missing_scopes};
use crate::failure::{seconds_until, store_failed};
use crate::{Identity, Unproven, require};

impl Identity {
    /// Puts a new key in the place of one: of the same name, scopes and user, for a term as long as the
    /// last one that the old key was given. The old one lives on for the overlap, 0 unless asked, never
    /// longer than it would have; with none, it and its children are dead when this answers. The answer
    /// leaves `raw` out: the token beside it is the only copy.
    ///
    /// # Errors
    /// `INVALID_OVERLAP`, `NOT_FOUND` for a key that is not there or has ended, `KEY_ALREADY_ROTATED`,
    /// `ROTATION_IN_PROGRESS`, `INSUFFICIENT_SCOPE` without `api-keys:manage` or for a key that may do
    /// more than the caller, `FORBIDDEN` for the key of another person. An admin rotates those of service
    /// accounts.
    pub async fn rotate_key(
        &self,
        principal: &Principal,
        key: KeyId,
        request: &RotateKey,
    ) -> Result<(PlatformToken, RotatedKey), ApiError> {
        let at = self.still_standing(principal)?;
        require(principal, Scope::ApiKeysManage)?;
        let overlap = read_overlap(request)?;
        let token = PlatformToken::mint(TokenKind::ApiKey);
        let successor = Successor { id: KeyId::new(), hash: token.hash(), hint: token.hint() };
        let new = successor.id;
        let target = TargetKey { key, organization: principal.organization, caller: principal.token, at };
        let identity = self.clone();
        let rotation = self.lasting(async move {
            let judge = |key: &KeyFacts, caller: &CallerFacts| {
                refuse_unseen(key, caller)?;
                if key.user != caller.user && !key.of_service {
                    return Err(ApiError::new(ErrorCode::Forbidden)
                        .because("That key belongs to another user, for whom its successor would speak.")
                        .next("Delete it, and make one of your own with `keywright tokens create`."));
                }
                rotation_terms(key, caller, overlap, at)
            };
            let change = identity.inner.store.rotate_key(&target, &successor, judge).await?;
            if let KeyChange::Made(rotated) = &change {
                identity.inner.cache.bury(rotated.ended.iter().map(|token| token.hash));
                identity.inner.cache.distrust(rotated.changed.iter().copied().chain([successor.hash]));
            }
            Ok(change)
        });
        let rotated = made(rotation.await?)?;
        let organization = principal.organization;
        tracing::info!(key.id = %key, org.id = %organization, "the key {key} was rotated to {new}");
        let api_key = self.active_key(principal, new, at).await?;
        // Like every end that is shown, the account's if that is nearer.
        let account_end =
            self.inner.store.account_end(api_key.user_id).await.map_err(|error| store_failed(&error))?;
        let ends_at = account_end.map_or(rotated.old_ends_at, |end| end.min(rotated.old_ends_at));
        let replaced = ReplacedKey { key_id: key, ends_at };
        Ok((token, RotatedKey { api_key, replaced }))
    }

    /// Changes a key: its name, its scopes to some of those it has, its end. The key that it took the
    /// place of, if that still lives, is renamed and narrowed with it and never ends later. What changes
    /// holds for the next request; calls that run are not cut.
    ///
    /// # Errors
    /// What is wrong with the fields, `NAME_TAKEN`, `NOT_FOUND` for a key that is not there or has ended,
    /// `KEY_ALREADY_ROTATED`, `INVALID_SCOPE` for one that the key lacks, `INSUFFICIENT_SCOPE` without
    /// `api-keys:manage` or for one that the caller lacks, `FORBIDDEN` for a later end by a caller who is
    /// no owner, or of the caller's own key.
    pub async fn update_key(
        &self,
        principal: &Principal,
        key: KeyId,
        request: UpdateKey,
    ) -> Result<ApiKey, ApiError> {
        let at = self.still_standing(principal)?;
        require(principal, Scope::ApiKeysManage)?;
        let update = read_update(request, at)?;
        let target = TargetKey { key, organization: principal.organization, caller: principal.token, at };
        let identity = self.clone();
        let updating = self.lasting(async move {
            let judge = |key: &KeyFacts, caller: &CallerFacts| judge_update(key, caller, &target, &update);
            let change = identity.inner.store.update_key(&target, &update, judge).await?;
            if let KeyChange::Made(changed) = &change {
                identity.inner.cache.distrust(changed.iter().copied());
            }
            Ok(change)
        });
        made(updating.await?)?;
        let organization = principal.organization;
        tracing::info!(key.id = %key, org.id = %organization, "the key {key} was changed");
        self.active_key(principal, key, at).await
    }
}

/// How a rotation of `key` goes, if `caller` may ask for it. Whoever rotates holds the new key in its hand,
/// and so must be able to do all that the key can.
fn rotation_terms(
    key: &KeyFacts,
    caller: &CallerFacts,
    overlap: Overlap,
    now: Timestamp,
) -> Result<RotationTerms, ApiError> {
    let asked = overlap > Overlap::default();
    refuse_replaced(key)?;
    if let Some(missing) = missing_scopes(caller.scopes, key.scopes) {
        return Err(ApiError::new(ErrorCode::InsufficientScope)
            .because("A key is rotated by a token that may do all that the key may.")
            .detail("required", missing));
    }
    if key.administrator && key.scopes.contains(Scope::ApiKeysManage) && !caller.administrator {
        return Err(ApiError::new(ErrorCode::Forbidden)
            .because("That key administers the server, and the token does not.")
            .next("Rotate it with itself, or with another token of the administrator."));
    }
    if let Some((older, end)) = key.replaces.filter(|_| asked) {
        return Err(ApiError::new(ErrorCode::RotationInProgress)
            .because(format!("The key that it took the place of lives until {end}."))
            .detail("replaces", older.to_string())
            .retry_in(seconds_until(end, now)));
    }
    let term = key.expires_at.map(|end| end.millis_since(key.term_from));
    let until = now.plus_seconds(overlap.seconds());
    Ok(RotationTerms {
        expires_at: term.map(|millis| now.plus_millis(millis)),
        overlap_until: asked.then(|| key.expires_at.map_or(until, |end| end.min(until))),
    })
}

/// Whether `caller` may change `key` so.
fn judge_update(
    key: &KeyFacts,
    caller: &CallerFacts,
    target: &TargetKey,
    update: &KeyUpdate,
) -> Result<(), ApiError> {
    refuse_unseen(key, caller)?;
    refuse_replaced(key)?;
    if let Some(wanted) = update.scopes {
        if missing_scopes(key.scopes, wanted).is_some() {
            let has: Vec<&str> = key.scopes.iter().map(Scope::as_str).collect();
            return Err(ApiError::new(ErrorCode::InvalidScope)
                .because("A key is narrowed and never widened; for more, make another.")
                .detail("validScopes", has));
        }
        if let Some(missing) = missing_scopes(caller.scopes, wanted) {
            return Err(ApiError::new(ErrorCode::InsufficientScope)
                .because("A key cannot be left with scopes that the token lacks which changes it.")
                .detail("required", missing));
        }
    }
    let later = match (update.expires_at, key.expires_at) {
        (Some(new), Some(old)) => new > old,
        _ => false,
    };
    if later && key.id == target.caller {
        return Err(ApiError::new(ErrorCode::Forbidden)
            .because("A key does not prolong its own life.")
            .next("Rotate it, or use another token of an owner."));
    }
    if later && caller.role < Role::Owner {
        return Err(ApiError::new(ErrorCode::Forbidden)
            .because("Only an owner of the organization lets a key live longer.")
            .next("Ask an owner, or rotate the key."));
    }
    Ok(())
}

/// A member sees its own keys and no others.
fn refuse_unseen(key: &KeyFacts, caller: &CallerFacts) -> Result<(), ApiError> {
    let seen = key.user == caller.user || caller.role >= Role::Admin;
    if seen { Ok(()) } else { Err(not_there()) }
}

fn not_there() -> ApiError {
    ApiError::new(ErrorCode::NotFound)
        .because("There is no such key, or it was deleted or has expired.")
        .next(
            "See `keywright tokens list`; a key that has ended is made anew with `keywright tokens create`.",
        )
}

fn refuse_replaced(key: &KeyFacts) -> Result<(), ApiError> {
    match key.replaced_by {
        None => Ok(()),
        Some(successor) => Err(ApiError::new(ErrorCode::KeyAlreadyRotated)
            .because(format!("The key {successor} has taken the place of that one."))
            .detail("replacedBy", successor.to_string())),
    }
}

fn made<T>(change: KeyChange<T, ApiError>) -> Result<T, ApiError> {
    match change {
        KeyChange::Made(made) => Ok(made),
        KeyChange::Refused(refusal) => Err(refusal),
        KeyChange::NameTaken => Err(ErrorCode::NameTaken.into()),
        KeyChange::NotThere => Err(not_there()),
        KeyChange::CallerEnded => Err(Unproven::Revoked.into()),
    }
}

fn read_overlap(request: &RotateKey) -> Result<Overlap, ApiError> {
    // A number with a fraction or an exponent is not an integer, whatever it comes to.
    match &request.overlap_seconds {
        None => Ok(Overlap::default()),
        Some(asked) => {
            let overlap = asked.as_i64().and_then(Overlap::from_seconds);
            overlap.ok_or_else(|| ErrorCode::InvalidOverlap.into())
        }
    }
}

fn read_update(request: UpdateKey, now: Timestamp) -> Result<KeyUpdate, ApiError> {
    let name = request.name.map(KeyName::parse).transpose()?.map(KeyName::into_text);
    let scopes: Option<Scopes> = request.scopes.as_deref().map(asked_scopes).transpose()?;
    let lifetime: Option<Lifetime> =
        lifetime(request.expires_in_days.as_ref(), request.lifetime_seconds.as_ref())?;
    let expires_at = lifetime.map(|lifetime| now.plus_seconds(lifetime.seconds()));
    if name.is_none() && scopes.is_none() && expires_at.is_none() {
        return Err(ApiError::new(ErrorCode::InvalidRequest)
            .because("The body changes nothing.")
            .next("Send `name`, `scopes`, `expiresInDays` or `lifetimeSeconds`."));
    }
    Ok(KeyUpdate { name, scopes, expires_at })
}
