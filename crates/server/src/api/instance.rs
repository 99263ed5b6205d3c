//! The proof that this server belongs to whoever can read its data folder.

use std::sync::Arc;

use axum::Extension;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use hmac::{Hmac, KeyInit, Mac};
use keywright_protocol::wire::{InstanceProof, Success};
use keywright_protocol::{ApiError, Clock as _, ErrorCode, SystemClock, Timestamp, routes};
use keywright_secret::{Secret, hex};
use sha2::Sha256;

use crate::api::read::Parameters;
use crate::api::reply::Reply;
use crate::api::{Api, Refusal};
use crate::plane::Peer;

/// Prove which installation answers on a loopback address
#[utoipa::path(
    get,
    path = routes::INSTANCE,
    operation_id = "proveInstance",
    tag = "operations",
    params(("challenge" = String, Query, description = "Random, so that no old proof fits.", pattern = "^[0-9A-Fa-f]{64}$")),
    responses((status = 200, description = "The proof.", body = Success<InstanceProof>)),
)]
pub(super) async fn prove(
    State(api): State<Arc<Api>>,
    Extension(peer): Extension<Peer>,
    parameters: Parameters,
) -> Result<Reply<InstanceProof>, Refusal> {
    answer(&api.instance, api.clock.now(), peer, parameters)
}

/// The same for a server whose secret is another.
pub(super) fn route(secret: Secret) -> Router {
    let prove = async move |Extension(peer): Extension<Peer>, parameters: Parameters| {
        answer(&secret, SystemClock.now(), peer, parameters)
    };
    Router::new().route(routes::INSTANCE, get(prove))
}

fn answer(
    secret: &Secret,
    now: Timestamp,
    peer: Peer,
    mut parameters: Parameters,
) -> Result<Reply<InstanceProof>, Refusal> {
    let challenge = parameters.take("challenge").unwrap_or_default();
    parameters.finish()?;
    if challenge.len() != 64 || !challenge.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(ApiError::new(ErrorCode::InvalidRequest)
            .because("`challenge` must be 64 hexadecimal digits.")
            .into());
    }
    // The address is the one that the question arrived at, so that nobody can pass it on from another.
    let message = format!("keywright-instance\n{challenge}\n{}", peer.local);
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).map_err(|_| ErrorCode::Internal)?;
    mac.update(message.as_bytes());
    let proof = hex(&mac.finalize().into_bytes());
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Ok(Reply(InstanceProof { proof, version, now: Some(now) }))
}
