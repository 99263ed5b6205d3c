//! The token endpoint.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use keywright_identity::oauth::{CodeExchange, GrantType, OAuthCode, OAuthError, Refresh};
use keywright_protocol::oauth_routes as routes;

use crate::api::Api;
use crate::oauth::caller::client;
use crate::oauth::form::Form;
use crate::oauth::respond::{OAuthRefusal, answered};
use crate::plane::Peer;

/// Gives tokens for a code, a refresh token or a device code.
pub(super) async fn token(
    State(api): State<Arc<Api>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, OAuthRefusal> {
    let (identity, address) = (&api.identity, peer.client);
    let client = client(identity, &headers, &form).await?;
    let grant = GrantType::from_name(form.required("grant_type")?.expose()).ok_or_else(|| {
        OAuthError::new(
            OAuthCode::UnsupportedGrantType,
            "grant_type must be authorization_code, refresh_token or \
             urn:ietf:params:oauth:grant-type:device_code.",
        )
    })?;
    let marks = match form.text(routes::ESSENTIAL_TRAFFIC_ONLY) {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => {
            let text = "essential_traffic_only must be true or false.";
            return Err(OAuthError::new(OAuthCode::InvalidRequest, text).into());
        }
    };
    let answer = match grant {
        GrantType::AuthorizationCode => {
            let exchange = CodeExchange {
                client: &client,
                code: form.required("code")?,
                redirect_uri: form.text("redirect_uri"),
                verifier: form.secret("code_verifier"),
                resources: form.resources(),
                address,
                marks,
            };
            identity.exchange_code(&exchange).await?
        }
        GrantType::RefreshToken => {
            let refresh = Refresh {
                client: &client,
                token: form.required("refresh_token")?,
                scope: form.text("scope"),
                resources: form.resources(),
                address,
                marks,
            };
            identity.refresh(&refresh).await?
        }
        GrantType::DeviceCode => {
            let code = form.required("device_code")?;
            identity.poll_device(&client, code, form.resources(), address, marks).await?
        }
    };
    Ok(answered(&answer))
}
