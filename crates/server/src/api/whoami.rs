//! Who is calling.

use std::sync::Arc;

use axum::extract::State;
use keywright_protocol::routes;
use keywright_protocol::wire::{Success, WhoAmI};

use crate::api::caller::Caller;
use crate::api::reply::Reply;
use crate::api::{Api, Refusal};

/// Show whose credential this is and what it may do
#[utoipa::path(
    get,
    path = routes::WHOAMI,
    operation_id = "whoami",
    tag = "accounts",
    responses((status = 200, description = "Who is calling.", body = Success<WhoAmI>)),
    security(("token" = [])),
)]
pub(super) async fn whoami(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
) -> Result<Reply<WhoAmI>, Refusal> {
    Ok(Reply(api.identity.whoami(&principal).await?))
}
