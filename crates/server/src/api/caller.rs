//! Who calls the API: the same slots as at the gateway, for Keywright tokens only.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use keywright_gateway::platform_token;
use keywright_identity::Unproven;
use keywright_protocol::Principal;

use crate::api::{Api, Refusal};

/// A proven caller.
pub(super) struct Caller(pub(super) Arc<Principal>);

impl FromRequestParts<Arc<Api>> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Refusal> {
        let token = platform_token(&parts.headers)?;
        let principal = match api.identity.cached(&token) {
            Some(known) => known,
            None => api.identity.verify(&token).await,
        };
        principal.map(Self).map_err(|unproven: Unproven| unproven.code().into())
    }
}
