//! API keys.

use std::sync::Arc;

use axum::extract::{Path, State};
use keywright_protocol::wire::{
    ApiKey, ApiKeys, CreateKey, DeletedKey, RotateKey, RotatedKey, Success, UpdateKey,
};
use keywright_protocol::{KeyId, Scope, routes};

use crate::api::caller::Caller;
use crate::api::read::{Body, read_id};
use crate::api::reply::Reply;
use crate::api::{Api, Refusal};

/// Make an API key, shown this once
#[utoipa::path(
    post,
    path = routes::KEYS,
    operation_id = "createKey",
    tag = "keys",
    request_body = CreateKey,
    responses((status = 200, description = "The key; `raw` is the key itself.", body = Success<ApiKey>)),
    security(("token" = [Scope::ApiKeysManage])),
    extensions(("x-errors" = json!(["INVALID_NAME", "NAME_TAKEN", "INVALID_SCOPE", "INVALID_EXPIRES_IN_DAYS", "INVALID_LIFETIME", "MAX_API_KEYS_REACHED", "FORBIDDEN", "NOT_FOUND"]))),
)]
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
    Body(asked): Body<CreateKey>,
) -> Result<Reply<ApiKey>, Refusal> {
    let (token, mut key) = api.identity.create_key(&principal, asked).await?;
    // The one time that it is shown.
    key.raw = Some(token.expose().to_owned());
    Ok(Reply(key))
}

/// List the active API keys: a member's own, the organization's for an admin
#[utoipa::path(
    get,
    path = routes::KEYS,
    operation_id = "listKeys",
    tag = "keys",
    responses((status = 200, description = "The keys, newest first.", body = Success<ApiKeys>)),
    security(("token" = [Scope::ApiKeysManage])),
)]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
) -> Result<Reply<ApiKeys>, Refusal> {
    Ok(Reply(api.identity.list_keys(&principal).await?))
}

/// Show an active API key
#[utoipa::path(
    get,
    path = routes::KEY,
    operation_id = "viewKey",
    tag = "keys",
    params(("id" = KeyId, Path, description = "The id of the key.")),
    responses((status = 200, description = "The key, without `raw`.", body = Success<ApiKey>)),
    security(("token" = [Scope::ApiKeysManage])),
    extensions(("x-errors" = json!(["NOT_FOUND"]))),
)]
pub(super) async fn view(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
    Path(id): Path<String>,
) -> Result<Reply<ApiKey>, Refusal> {
    Ok(Reply(api.identity.view_key(&principal, read_id(&id)?).await?))
}

/// Rename an API key, narrow its scopes or set its end
#[utoipa::path(
    patch,
    path = routes::KEY,
    operation_id = "updateKey",
    tag = "keys",
    params(("id" = KeyId, Path, description = "The id of the key.")),
    request_body = UpdateKey,
    responses((status = 200, description = "The key as it is now.", body = Success<ApiKey>)),
    security(("token" = [Scope::ApiKeysManage])),
    extensions(("x-errors" = json!(["NOT_FOUND", "INVALID_NAME", "NAME_TAKEN", "INVALID_SCOPE", "INVALID_EXPIRES_IN_DAYS", "INVALID_LIFETIME", "KEY_ALREADY_ROTATED", "FORBIDDEN"]))),
)]
pub(super) async fn update(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    Body(asked): Body<UpdateKey>,
) -> Result<Reply<ApiKey>, Refusal> {
    Ok(Reply(api.identity.update_key(&principal, read_id(&id)?, asked).await?))
}

/// Delete an API key, dead before this answers
#[utoipa::path(
    delete,
    path = routes::KEY,
    operation_id = "deleteKey",
    tag = "keys",
    params(("id" = KeyId, Path, description = "The id of the key.")),
    responses((status = 200, description = "What was deleted.", body = Success<DeletedKey>)),
    security(("token" = [Scope::ApiKeysManage])),
    extensions(("x-errors" = json!(["NOT_FOUND"]))),
)]
pub(super) async fn remove(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
    Path(id): Path<String>,
) -> Result<Reply<DeletedKey>, Refusal> {
    Ok(Reply(api.identity.revoke_key(&principal, read_id(&id)?).await?))
}

/// Put a new API key in the place of one
#[utoipa::path(
    post,
    path = routes::ROTATE,
    operation_id = "rotateKey",
    tag = "keys",
    params(("id" = KeyId, Path, description = "The id of the key.")),
    request_body = RotateKey,
    responses((status = 200, description = "The new key, shown this once, and when the old one ends.", body = Success<RotatedKey>)),
    security(("token" = [Scope::ApiKeysManage])),
    extensions(("x-errors" = json!(["NOT_FOUND", "INVALID_OVERLAP", "KEY_ALREADY_ROTATED", "ROTATION_IN_PROGRESS", "FORBIDDEN"]))),
)]
pub(super) async fn rotate(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    Body(asked): Body<RotateKey>,
) -> Result<Reply<RotatedKey>, Refusal> {
    let (token, mut rotated) = api.identity.rotate_key(&principal, read_id(&id)?, &asked).await?;
    // The one time that it is shown.
    rotated.api_key.raw = Some(token.expose().to_owned());
    Ok(Reply(rotated))
}
