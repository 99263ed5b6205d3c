//! API keys.

use std::sync::Arc;

use axum::extract::{Path, State};
use keywright_protocol::wire::{ApiKey, ApiKeys, CreateKey, DeletedKey, RotateKey, RotatedKey, UpdateKey};
use keywright_protocol::{ErrorCode, KeyId};

use crate::api::caller::Caller;
use crate::api::read::Body;
use crate::api::reply::Reply;
use crate::api::{Api, Refusal};

/// `POST /api/v1/keys`
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

/// `GET /api/v1/keys`
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
) -> Result<Reply<ApiKeys>, Refusal> {
    Ok(Reply(api.identity.list_keys(&principal).await?))
}

/// `GET /api/v1/keys/{id}`
pub(super) async fn view(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
    Path(id): Path<String>,
) -> Result<Reply<ApiKey>, Refusal> {
    Ok(Reply(api.identity.view_key(&principal, read_id(&id)?).await?))
}

/// `PATCH /api/v1/keys/{id}`
pub(super) async fn update(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    Body(asked): Body<UpdateKey>,
) -> Result<Reply<ApiKey>, Refusal> {
    Ok(Reply(api.identity.update_key(&principal, read_id(&id)?, asked).await?))
}

/// `DELETE /api/v1/keys/{id}`
pub(super) async fn remove(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
    Path(id): Path<String>,
) -> Result<Reply<DeletedKey>, Refusal> {
    Ok(Reply(api.identity.revoke_key(&principal, read_id(&id)?).await?))
}

/// `POST /api/v1/keys/{id}/rotate`
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

/// What is no id is the id of nothing.
fn read_id(id: &str) -> Result<KeyId, ErrorCode> {
    id.parse().map_err(|_| ErrorCode::NotFound)
}
