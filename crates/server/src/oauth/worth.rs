//! Giving a token back (RFC 7009), and what one is worth (RFC 7662).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use keywright_identity::oauth::{OAuthCode, OAuthError};
use serde_json::json;

use crate::api::Api;
use crate::oauth::caller::client;
use crate::oauth::form::Form;
use crate::oauth::respond::{OAuthRefusal, shut};

/// Ends a token of the application's own. A hint is not needed to find it.
pub(super) async fn revoke(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, OAuthRefusal> {
    let client = client(&api.identity, &headers, &form).await?;
    api.identity.give_back(&client, form.required("token")?.expose()).await?;
    let mut response = StatusCode::OK.into_response();
    shut(&mut response);
    Ok(response)
}

/// Says what a token is worth, to an application with a secret.
pub(super) async fn introspect(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, OAuthRefusal> {
    let client = client(&api.identity, &headers, &form).await?;
    api.introspections.check_key(&client.id).map_err(|until| {
        let wait = until.wait_time_from(api.clock.steady());
        let seconds = i64::try_from(wait.as_secs()).unwrap_or(i64::MAX).saturating_add(1);
        OAuthError::new(OAuthCode::TooManyRequests, "The application asks too often.").retry_in(seconds)
    })?;
    let known = api.identity.introspect(&client, form.required("token")?.expose()).await?;
    let mut response = match known {
        Some(known) => Json(known).into_response(),
        None => Json(json!({ "active": false })).into_response(),
    };
    shut(&mut response);
    Ok(response)
}
