//! Whose session it is, OpenID Connect Core section 5.3.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use crate::api::{Api, Caller, Refusal};
use crate::oauth::respond::shut;

/// Says whose session the token is of.
pub(super) async fn userinfo(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
) -> Result<Response, Refusal> {
    let mut response = Json(api.identity.userinfo(&principal).await?).into_response();
    shut(&mut response);
    Ok(response)
}
