//! Becoming the administrator.

use std::sync::Arc;

use axum::extract::State;
use keywright_protocol::wire::{ClaimAdministrator, WhoAmI};
use keywright_secret::Secret;

use crate::api::caller::Caller;
use crate::api::read::Body;
use crate::api::reply::Reply;
use crate::api::{Api, Refusal};

/// `POST /api/v1/admin/claim`
pub(super) async fn claim(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
    Body(asked): Body<ClaimAdministrator>,
) -> Result<Reply<WhoAmI>, Refusal> {
    api.identity.claim(&principal, &Secret::new(asked.code)).await?;
    Ok(Reply(api.identity.whoami(&principal).await?))
}
