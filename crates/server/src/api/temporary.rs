//! Zero signup: temporary accounts, and child tokens for agents.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use http::HeaderMap;
use keywright_protocol::wire::{
    ChildToken, CreateChild, CreateTemporary, DeletedKey, RenewChild, RenewedChild, Success,
    TemporaryAccount, UpgradeTicket,
};
use keywright_protocol::{ApiError, ErrorCode, Scope, routes};

use crate::api::caller::Caller;
use crate::api::read::Body;
use crate::api::reply::Reply;
use crate::api::{Api, Refusal};
use crate::plane::Peer;

/// Make a temporary account, without sign-up
#[utoipa::path(
    post,
    path = routes::TEMPORARY,
    operation_id = "makeTemporaryAccount",
    tag = "accounts",
    request_body = CreateTemporary,
    responses((status = 200, description = "The account and its token, shown this once.", body = Success<TemporaryAccount>)),
    extensions(("x-errors" = json!(["TEMPORARY_DISABLED", "TEMPORARY_RATE_LIMITED", "STORAGE_UNAVAILABLE"]))),
)]
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    Body(asked): Body<CreateTemporary>,
) -> Result<Reply<TemporaryAccount>, Refusal> {
    if !api.temporary {
        return Err(ErrorCode::TemporaryDisabled.into());
    }
    if is_forwarded(&headers) {
        return Err(ApiError::new(ErrorCode::TemporaryDisabled)
            .because("Temporary accounts are only for this machine, and the request came through a proxy.")
            .into());
    }
    let made = api.identity.provision_temporary(peer.client, asked.essential_traffic_only).await?;
    Ok(Reply(TemporaryAccount {
        token: made.token.expose().to_owned(),
        expires_at: made.expires_at,
        account: made.account,
    }))
}

/// Have a ticket with which a person may take this temporary account over while signing in
#[utoipa::path(
    post,
    path = routes::UPGRADE_TICKET,
    operation_id = "makeUpgradeTicket",
    tag = "accounts",
    responses((status = 200, description = "The ticket, shown this once: the parameter `upgrade` of `/oauth/authorize` and `/oauth/device_authorization`.", body = Success<UpgradeTicket>)),
    security(("token" = [])),
    extensions(("x-errors" = json!(["UPGRADE_REFUSED"]))),
)]
pub(super) async fn upgrade_ticket(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
) -> Result<Reply<UpgradeTicket>, Refusal> {
    let (ticket, expires_at) = api.identity.upgrade_ticket(&principal).await?;
    Ok(Reply(UpgradeTicket { ticket: ticket.expose().to_owned(), expires_at }))
}

/// Make a child token for an agent
#[utoipa::path(
    post,
    path = routes::CHILD,
    operation_id = "makeChildToken",
    tag = "accounts",
    request_body = CreateChild,
    responses((status = 200, description = "The token, shown this once.", body = Success<ChildToken>)),
    security(("token" = [Scope::ModelsUse])),
    extensions(("x-errors" = json!(["INVALID_LIFETIME", "MAX_CHILD_TOKENS_REACHED", "FORBIDDEN"]))),
)]
pub(super) async fn child(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
    Body(asked): Body<CreateChild>,
) -> Result<Reply<ChildToken>, Refusal> {
    let (token, expires_at) = api.identity.mint_child(&principal, asked.lifetime_seconds).await?;
    Ok(Reply(ChildToken { token: token.expose().to_owned(), expires_at }))
}

/// Let a child token live on
#[utoipa::path(
    patch,
    path = routes::CHILD,
    operation_id = "renewChildToken",
    tag = "accounts",
    request_body = RenewChild,
    responses((status = 200, description = "How long it lives now.", body = Success<RenewedChild>)),
    security(("token" = [Scope::ModelsUse])),
    extensions(("x-errors" = json!(["FORBIDDEN", "KEY_MALFORMED", "MAX_CHILD_TOKENS_REACHED", "NOT_FOUND"]))),
)]
pub(super) async fn renew_child(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
    Body(asked): Body<RenewChild>,
) -> Result<Reply<RenewedChild>, Refusal> {
    let expires_at = api.identity.renew_child(&principal, &asked.token).await?;
    Ok(Reply(RenewedChild { expires_at }))
}

/// End the child token that is calling
#[utoipa::path(
    delete,
    path = routes::CHILD,
    operation_id = "endChildToken",
    tag = "accounts",
    responses((status = 200, description = "What was ended.", body = Success<DeletedKey>)),
    security(("token" = [])),
    extensions(("x-errors" = json!(["FORBIDDEN", "NOT_FOUND"]))),
)]
pub(super) async fn end_child(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
) -> Result<Reply<DeletedKey>, Refusal> {
    Ok(Reply(api.identity.end_child(&principal).await?))
}

/// Whether somebody passed the request on: then loopback says nothing of where it came from.
fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| {
        let name = name.as_str();
        name == "forwarded" || name == "via" || name.starts_with("x-forwarded-")
    })
}
