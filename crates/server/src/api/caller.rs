//! Who calls the API: the same slots as at the gateway, for Keywright tokens only.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;
use keywright_gateway::platform_token;
use keywright_identity::Unproven;
use keywright_protocol::Principal;

use crate::api::{Api, Refusal};

/// A proven caller.
pub(crate) struct Caller(pub(crate) Arc<Principal>);

impl FromRequestParts<Arc<Api>> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Refusal> {
        prove(&parts.headers, api).await
    }
}

/// Who sent a request with these headers, as things stand now.
pub(crate) async fn prove(headers: &HeaderMap, api: &Api) -> Result<Caller, Refusal> {
    let token = platform_token(headers)?;
    let principal = match api.identity.cached(&token) {
        Some(known) => known,
        None => api.identity.verify(&token).await,
    };
    principal.map(Caller).map_err(|unproven: Unproven| unproven.code().into())
}
