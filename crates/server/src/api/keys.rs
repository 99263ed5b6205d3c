//! API keys.

use std::sync::Arc;

use axum::extract::{Path, State};
use keywright_protocol::ErrorCode;
use keywright_protocol::wire::{ApiKey, ApiKeys, CreateKey, DeletedKey};

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

/// `DELETE /api/v1/keys/{id}`
pub(super) async fn remove(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
    Path(id): Path<String>,
) -> Result<Reply<DeletedKey>, Refusal> {
    let key = id.parse().map_err(|_| ErrorCode::NotFound)?;
    Ok(Reply(api.identity.revoke_key(&principal, key).await?))
}
