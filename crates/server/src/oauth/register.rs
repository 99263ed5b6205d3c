//! Registering an application, RFC 7591.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::AUTHORIZATION;
use keywright_identity::oauth::{OAuthCode, OAuthError};
use serde_json::Value;

use crate::api::{Api, prove};
use crate::oauth::form::body;
use crate::oauth::respond::{OAuthRefusal, shut};
use crate::plane::Peer;

/// Registers an application. A token may come along, for a registration that an administrator vouches for.
pub(super) async fn register(
    State(api): State<Arc<Api>>,
    axum::Extension(peer): axum::Extension<Peer>,
    request: Request,
) -> Result<Response, OAuthRefusal> {
    let registrar = match request.headers().contains_key(AUTHORIZATION) {
        false => None,
        true => Some(prove(request.headers(), &api).await.map_err(|_| {
            OAuthError::new(
                OAuthCode::InvalidToken,
                "The token that came along is not good here; leave it out.",
            )
        })?),
    };
    let bytes = body(request, "application/json").await.map_err(unfit)?;
    let metadata: Value = serde_json::from_slice(&bytes)
        .map_err(|_| OAuthError::new(OAuthCode::InvalidClientMetadata, "The body is not JSON."))?;
    let registrar = registrar.as_ref().map(|caller| caller.0.as_ref());
    let answer = api.identity.register_client(&metadata, registrar, peer.client).await;
    let answer = answer.map_err(|error| match error.code {
        // Who asks is known well enough; it is the server that does not want to.
        OAuthCode::AccessDenied => OAuthRefusal::from(error).asking_for("Bearer realm=\"keywright\""),
        _ => error.into(),
    })?;
    let mut response = (StatusCode::CREATED, Json(answer)).into_response();
    shut(&mut response);
    Ok(response)
}

fn unfit(error: OAuthError) -> OAuthError {
    OAuthError { code: OAuthCode::InvalidClientMetadata, ..error }
}
