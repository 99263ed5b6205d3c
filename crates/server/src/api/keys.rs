//! API keys.

use std::sync::Arc;

use axum::extract::{Path, State};
use keywright_protocol::wire::{ApiKey, ApiKeys, CreateKey, DeletedKey, Success};
use keywright_protocol::{ErrorCode, KeyId, Scope, routes};

use crate::api::caller::Caller;
use crate::api::read::Body;
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
    extensions(("x-errors" = json!(["INVALID_NAME", "NAME_TAKEN", "INVALID_SCOPE", "INVALID_EXPIRES_IN_DAYS", "INVALID_LIFETIME", "MAX_API_KEYS_REACHED"]))),
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

/// List the active API keys of the organization
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
    let key = id.parse().map_err(|_| ErrorCode::NotFound)?;
    Ok(Reply(api.identity.revoke_key(&principal, key).await?))
}
