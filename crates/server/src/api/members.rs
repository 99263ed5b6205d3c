//! Members of an organization, service accounts among them.

use std::sync::Arc;

use axum::extract::{Path, State};
use keywright_protocol::wire::{
    CreateServiceAccount, Member, Members, RemovedMember, ServiceAccount, Success, UpdateMember,
};
use keywright_protocol::{OrganizationId, Scope, UserId, routes};

use crate::api::caller::Caller;
use crate::api::read::{Body, read_id};
use crate::api::reply::Reply;
use crate::api::{Api, Refusal};

/// List the members of the organization
#[utoipa::path(
    get,
    path = routes::MEMBERS,
    operation_id = "listMembers",
    tag = "organizations",
    params(("id" = OrganizationId, Path, description = "The id of the organization.")),
    responses((status = 200, description = "The members, the first to come first.", body = Success<Members>)),
    security(("token" = [Scope::ProjectsRead])),
    extensions(("x-errors" = json!(["NOT_FOUND"]))),
)]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
    Path(id): Path<String>,
) -> Result<Reply<Members>, Refusal> {
    Ok(Reply(api.identity.members(&principal, read_id(&id)?).await?))
}

/// Change what a member is; takes an admin, and an owner where owners are made or unmade
#[utoipa::path(
    patch,
    path = routes::MEMBER,
    operation_id = "updateMember",
    tag = "organizations",
    params(
        ("id" = OrganizationId, Path, description = "The id of the organization."),
        ("user" = UserId, Path, description = "The id of the user."),
    ),
    request_body = UpdateMember,
    responses((status = 200, description = "The member as it is now.", body = Success<Member>)),
    security(("token" = [Scope::ProjectsCreate])),
    extensions(("x-errors" = json!(["NOT_FOUND", "FORBIDDEN", "LAST_OWNER", "MAX_ORGANIZATIONS_REACHED"]))),
)]
pub(super) async fn update(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
    Path((id, user)): Path<(String, String)>,
    Body(asked): Body<UpdateMember>,
) -> Result<Reply<Member>, Refusal> {
    let (organization, user) = (read_id(&id)?, read_id(&user)?);
    Ok(Reply(api.identity.change_role(&principal, organization, user, asked.role).await?))
}

/// Remove a member, its tokens here dead before this answers, or leave; another takes an admin, an owner takes an owner
#[utoipa::path(
    delete,
    path = routes::MEMBER,
    operation_id = "removeMember",
    tag = "organizations",
    params(
        ("id" = OrganizationId, Path, description = "The id of the organization."),
        ("user" = UserId, Path, description = "The id of the user."),
    ),
    responses((status = 200, description = "Who was removed.", body = Success<RemovedMember>)),
    security(("token" = [Scope::ProjectsCreate])),
    extensions(("x-errors" = json!(["NOT_FOUND", "FORBIDDEN", "LAST_OWNER"]))),
)]
pub(super) async fn remove(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
    Path((id, user)): Path<(String, String)>,
) -> Result<Reply<RemovedMember>, Refusal> {
    let (organization, user) = (read_id(&id)?, read_id(&user)?);
    Ok(Reply(api.identity.remove_member(&principal, organization, user).await?))
}

/// Make a service account, with a key; takes an admin
#[utoipa::path(
    post,
    path = routes::SERVICE_ACCOUNTS,
    operation_id = "createServiceAccount",
    tag = "organizations",
    params(("id" = OrganizationId, Path, description = "The id of the organization.")),
    request_body = CreateServiceAccount,
    responses((status = 200, description = "The service account, and its key, shown this once.", body = Success<ServiceAccount>)),
    security(("token" = [Scope::ProjectsCreate, Scope::ApiKeysManage])),
    extensions(("x-errors" = json!(["NOT_FOUND", "FORBIDDEN", "INVALID_NAME", "NAME_TAKEN", "COMPANY_NAME_TOO_LONG", "INVALID_SCOPE", "INVALID_EXPIRES_IN_DAYS", "MAX_MEMBERS_REACHED", "MAX_API_KEYS_REACHED"]))),
)]
pub(super) async fn create_service(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    Body(asked): Body<CreateServiceAccount>,
) -> Result<Reply<ServiceAccount>, Refusal> {
    let organization = read_id(&id)?;
    let (token, mut made) = api.identity.create_service_account(&principal, organization, asked).await?;
    // The one time that it is shown.
    made.api_key.raw = Some(token.expose().to_owned());
    Ok(Reply(made))
}
