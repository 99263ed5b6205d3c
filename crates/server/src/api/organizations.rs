//! Organizations.

use std::sync::Arc;

use axum::extract::{Path, State};
use keywright_protocol::wire::{
    CreateOrganization, DeletedOrganization, EnteredOrganization, Organization, Organizations, Success,
    UpdateOrganization,
};
use keywright_protocol::{OrganizationId, Scope, routes};

use crate::api::caller::Caller;
use crate::api::read::{Body, read_id};
use crate::api::reply::Reply;
use crate::api::{Api, Refusal};

/// List the organizations of the caller's user
#[utoipa::path(
    get,
    path = routes::ORGANIZATIONS,
    operation_id = "listOrganizations",
    tag = "organizations",
    responses((status = 200, description = "The organizations, oldest first.", body = Success<Organizations>)),
    security(("token" = [Scope::ProjectsRead])),
)]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
) -> Result<Reply<Organizations>, Refusal> {
    Ok(Reply(api.identity.organizations(&principal).await?))
}

/// Make an organization, with a key that acts in it
#[utoipa::path(
    post,
    path = routes::ORGANIZATIONS,
    operation_id = "createOrganization",
    tag = "organizations",
    request_body = CreateOrganization,
    responses((status = 200, description = "The organization, and a key in it, shown this once.", body = Success<EnteredOrganization>)),
    security(("token" = [Scope::ProjectsCreate])),
    extensions(("x-errors" = json!(["INVALID_NAME", "COMPANY_NAME_TOO_LONG", "INVALID_EXPIRES_IN_DAYS", "MAX_ORGANIZATIONS_REACHED", "FORBIDDEN"]))),
)]
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
    Body(asked): Body<CreateOrganization>,
) -> Result<Reply<EnteredOrganization>, Refusal> {
    let (token, mut entered) = api.identity.create_organization(&principal, asked).await?;
    // The one time that it is shown.
    entered.api_key.raw = Some(token.expose().to_owned());
    Ok(Reply(entered))
}

/// Show the organization that the token acts in
#[utoipa::path(
    get,
    path = routes::ORGANIZATION,
    operation_id = "viewOrganization",
    tag = "organizations",
    params(("id" = OrganizationId, Path, description = "The id of the organization.")),
    responses((status = 200, description = "The organization.", body = Success<Organization>)),
    security(("token" = [Scope::ProjectsRead])),
    extensions(("x-errors" = json!(["NOT_FOUND"]))),
)]
pub(super) async fn view(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
    Path(id): Path<String>,
) -> Result<Reply<Organization>, Refusal> {
    Ok(Reply(api.identity.view_organization(&principal, read_id(&id)?).await?))
}

/// Rename or describe the organization; takes an admin
#[utoipa::path(
    patch,
    path = routes::ORGANIZATION,
    operation_id = "updateOrganization",
    tag = "organizations",
    params(("id" = OrganizationId, Path, description = "The id of the organization.")),
    request_body = UpdateOrganization,
    responses((status = 200, description = "The organization as it is now.", body = Success<Organization>)),
    security(("token" = [Scope::ProjectsCreate])),
    extensions(("x-errors" = json!(["NOT_FOUND", "INVALID_NAME", "COMPANY_NAME_TOO_LONG", "FORBIDDEN"]))),
)]
pub(super) async fn update(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    Body(asked): Body<UpdateOrganization>,
) -> Result<Reply<Organization>, Refusal> {
    Ok(Reply(api.identity.update_organization(&principal, read_id(&id)?, asked).await?))
}

/// Delete the organization, all its tokens dead before this answers; takes an owner
#[utoipa::path(
    delete,
    path = routes::ORGANIZATION,
    operation_id = "deleteOrganization",
    tag = "organizations",
    params(("id" = OrganizationId, Path, description = "The id of the organization.")),
    responses((status = 200, description = "What was deleted.", body = Success<DeletedOrganization>)),
    security(("token" = [Scope::ProjectsCreate])),
    extensions(("x-errors" = json!(["NOT_FOUND", "FORBIDDEN"]))),
)]
pub(super) async fn remove(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
    Path(id): Path<String>,
) -> Result<Reply<DeletedOrganization>, Refusal> {
    Ok(Reply(api.identity.delete_organization(&principal, read_id(&id)?).await?))
}
