//! Invitations into organizations.

use std::sync::Arc;

use axum::extract::{Path, State};
use keywright_protocol::wire::{
    AcceptInvitation, EnteredOrganization, Invitation, Invitations, InviteMember, Success,
};
use keywright_protocol::{InvitationId, OrganizationId, Scope, routes};

use crate::api::caller::Caller;
use crate::api::read::{Body, read_id};
use crate::api::reply::Reply;
use crate::api::{Api, Refusal};

/// List the open invitations into the organization; takes an admin
#[utoipa::path(
    get,
    path = routes::ORGANIZATION_INVITATIONS,
    operation_id = "listOrganizationInvitations",
    tag = "organizations",
    params(("id" = OrganizationId, Path, description = "The id of the organization.")),
    responses((status = 200, description = "The invitations, newest first.", body = Success<Invitations>)),
    security(("token" = [Scope::ProjectsRead])),
    extensions(("x-errors" = json!(["NOT_FOUND", "FORBIDDEN"]))),
)]
pub(super) async fn list_of_organization(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
    Path(id): Path<String>,
) -> Result<Reply<Invitations>, Refusal> {
    Ok(Reply(api.identity.organization_invitations(&principal, read_id(&id)?).await?))
}

/// Invite a mailbox; takes an admin, and an owner to invite an owner
#[utoipa::path(
    post,
    path = routes::ORGANIZATION_INVITATIONS,
    operation_id = "inviteMember",
    tag = "organizations",
    params(("id" = OrganizationId, Path, description = "The id of the organization.")),
    request_body = InviteMember,
    responses((status = 200, description = "The invitation, which was mailed. Whether the mailbox has an account is not told.", body = Success<Invitation>)),
    security(("token" = [Scope::ProjectsCreate])),
    extensions(("x-errors" = json!(["NOT_FOUND", "FORBIDDEN", "EMAIL_REQUIRED", "EMAIL_INVALID", "ALREADY_MEMBER", "MAX_MEMBERS_REACHED", "EMAIL_RATE_LIMITED", "MAIL_UNAVAILABLE"]))),
)]
pub(super) async fn invite(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    Body(asked): Body<InviteMember>,
) -> Result<Reply<Invitation>, Refusal> {
    Ok(Reply(api.identity.invite(&principal, read_id(&id)?, asked).await?))
}

/// List the open invitations of the caller's mailbox
#[utoipa::path(
    get,
    path = routes::INVITATIONS,
    operation_id = "listInvitations",
    tag = "organizations",
    responses((status = 200, description = "The invitations, newest first.", body = Success<Invitations>)),
    security(("token" = [Scope::ProjectsRead])),
)]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
) -> Result<Reply<Invitations>, Refusal> {
    Ok(Reply(api.identity.invitations(&principal).await?))
}

/// Withdraw an invitation of the organization, which takes an admin, or decline one's own
#[utoipa::path(
    delete,
    path = routes::INVITATION,
    operation_id = "closeInvitation",
    tag = "organizations",
    params(("id" = InvitationId, Path, description = "The id of the invitation.")),
    responses((status = 200, description = "The invitation as it was.", body = Success<Invitation>)),
    security(("token" = [Scope::ProjectsCreate])),
    extensions(("x-errors" = json!(["NOT_FOUND", "FORBIDDEN"]))),
)]
pub(super) async fn close(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
    Path(id): Path<String>,
) -> Result<Reply<Invitation>, Refusal> {
    Ok(Reply(api.identity.close_invitation(&principal, read_id(&id)?).await?))
}

/// Accept an invitation: become a member, with a key in that organization
#[utoipa::path(
    post,
    path = routes::ACCEPT_INVITATION,
    operation_id = "acceptInvitation",
    tag = "organizations",
    params(("id" = InvitationId, Path, description = "The id of the invitation.")),
    request_body = AcceptInvitation,
    responses((status = 200, description = "The organization, and a key in it, shown this once.", body = Success<EnteredOrganization>)),
    security(("token" = [Scope::ProjectsCreate])),
    extensions(("x-errors" = json!(["NOT_FOUND", "FORBIDDEN", "INVALID_NAME", "INVALID_EXPIRES_IN_DAYS", "ALREADY_MEMBER", "MAX_API_KEYS_REACHED", "MAX_ORGANIZATIONS_REACHED"]))),
)]
pub(super) async fn accept(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    Body(asked): Body<AcceptInvitation>,
) -> Result<Reply<EnteredOrganization>, Refusal> {
    let (token, mut entered) = api.identity.accept_invitation(&principal, read_id(&id)?, asked).await?;
    // The one time that it is shown.
    entered.api_key.raw = Some(token.expose().to_owned());
    Ok(Reply(entered))
}
