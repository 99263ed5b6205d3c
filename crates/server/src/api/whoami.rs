//! Who is calling.

use std::sync::Arc;

use axum::extract::State;
use keywright_protocol::wire::WhoAmI;

use crate::api::caller::Caller;
use crate::api::reply::Reply;
use crate::api::{Api, Refusal};

/// `GET /api/v1/whoami`
pub(super) async fn whoami(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
) -> Result<Reply<WhoAmI>, Refusal> {
    Ok(Reply(api.identity.whoami(&principal).await?))
}
