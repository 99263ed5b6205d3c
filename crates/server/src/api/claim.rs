//! Becoming the administrator.

use std::sync::Arc;

use axum::extract::State;
use http::HeaderMap;
use keywright_protocol::wire::{ClaimAdministrator, Success, WhoAmI};
use keywright_protocol::{Scope, routes};
use keywright_secret::Secret;

use crate::api::caller::{Caller, prove};
use crate::api::read::Body;
use crate::api::reply::Reply;
use crate::api::{Api, Refusal};

/// Become the administrator, with the one-time code
#[utoipa::path(
    post,
    path = routes::CLAIM,
    operation_id = "claimAdministrator",
    tag = "administration",
    request_body = ClaimAdministrator,
    responses((status = 200, description = "Who is calling, an administrator from now on.", body = Success<WhoAmI>)),
    security(("token" = [Scope::ApiKeysManage])),
    extensions(("x-errors" = json!(["CLAIM_INVALID", "CLAIM_USED", "CLAIM_LOCKED", "FORBIDDEN"]))),
)]
pub(super) async fn claim(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
    headers: HeaderMap,
    Body(asked): Body<ClaimAdministrator>,
) -> Result<Reply<WhoAmI>, Refusal> {
    api.identity.claim(&principal, &Secret::new(asked.code)).await?;
    // The code is void; a file that cannot be removed is of no use to anybody.
    let _ = std::fs::remove_file(&api.claim_file);
    // The caller is somebody else now than it was when it asked.
    let Caller(principal) = prove(&headers, &api).await?;
    Ok(Reply(api.identity.whoami(&principal).await?))
}
