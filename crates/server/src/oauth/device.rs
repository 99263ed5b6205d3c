//! Where a device without a browser begins, RFC 8628 section 3.1.

use std::sync::Arc;

use axum::Extension;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use keywright_identity::oauth::{DeviceRequest, read_machine};
use keywright_protocol::oauth_routes;
use serde_json::json;

use crate::api::Api;
use crate::oauth::caller::client;
use crate::oauth::form::Form;
use crate::oauth::respond::{OAuthRefusal, shut};
use crate::plane::Peer;

/// Gives a device the code that it polls with and the one that its person enters.
pub(super) async fn begin(
    State(api): State<Arc<Api>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, OAuthRefusal> {
    let client = client(&api.identity, &headers, &form).await?;
    let asked = DeviceRequest {
        client: &client,
        scope: form.text("scope"),
        resources: form.resources(),
        machine: form.text(oauth_routes::MACHINE).and_then(read_machine),
        lifetime: form.text(oauth_routes::LIFETIME),
        upgrade: form.text(oauth_routes::UPGRADE),
        address: peer.client,
    };
    let codes = api.identity.begin_device(&asked).await?;
    let page = format!("{}{}", api.identity.issuer(), oauth_routes::DEVICE);
    let mut response = Json(json!({
        "device_code": codes.device_code.expose(),
        "user_code": codes.user_code,
        "verification_uri": page,
        "verification_uri_complete": format!("{page}?user_code={}", codes.user_code),
        "expires_in": codes.expires_in,
        "interval": codes.interval,
    }))
    .into_response();
    shut(&mut response);
    Ok(response)
}
