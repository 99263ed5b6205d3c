//! The models of all providers, as far as the router has to do with them.

use keywright_protocol::wire::{Models, Success};
use keywright_protocol::{ErrorCode, Scope, routes};

use crate::api::Refusal;

/// List the models of all providers
// The data plane answers this, where the connections to providers are, before the router is asked; here it
// stands for its description, and for what other methods are told.
#[utoipa::path(
    get,
    path = routes::MODELS,
    operation_id = "listModels",
    tag = "models",
    responses((status = 200, description = "The models, by provider.", body = Success<Models>)),
    security(("token" = [Scope::ModelsUse])),
    extensions(("x-errors" = json!(["MODELS_UNAVAILABLE", "AUDIT_UNAVAILABLE", "TEMPORARY_RATE_LIMITED", "PROVIDER_NOT_CONFIGURED", "NO_PROVIDER_KEY", "LOOP_DETECTED", "UPGRADE_REQUIRED"]))),
)]
pub(super) async fn list() -> Refusal {
    ErrorCode::Internal.into()
}
