//! Records and usage of the caller's organization; of a member only its own.

use std::sync::Arc;

use axum::extract::{Path, State};
use keywright_identity::{require, restricted_to};
use keywright_protocol::record::OutcomeKind;
use keywright_protocol::wire::{RequestDetail, RequestPage, Success, UsageReport};
use keywright_protocol::{ErrorCode, KeyId, Principal, RequestId, Scope, Timestamp, routes, verdict};
use keywright_store::{RecordsOf, RequestFilter, StoreError};
use utoipa::IntoParams;

use crate::api::caller::Caller;
use crate::api::read::Parameters;
use crate::api::reply::Reply;
use crate::api::{Api, Refusal};

/// List the calls, newest first: a member's own, the organization's for an admin
#[utoipa::path(
    get,
    path = routes::REQUESTS,
    operation_id = "listRequests",
    tag = "records",
    params(RequestsQuery),
    responses((status = 200, description = "A page of records.", body = Success<RequestPage>)),
    security(("token" = [Scope::ExecutionsRead])),
)]
pub(super) async fn requests(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
    mut parameters: Parameters,
) -> Result<Reply<RequestPage>, Refusal> {
    require(&principal, Scope::ExecutionsRead)?;
    let filter = RequestFilter {
        cursor: parameters.parsed("cursor", |text| text.parse().ok())?,
        limit: parameters.parsed("limit", page_size)?,
        model: parameters.take("model"),
        provider: parameters.take("provider"),
        session_id: parameters.take("sessionId"),
        outcome: parameters.parsed("outcome", |text| text.parse().ok())?,
        key: parameters.parsed("keyId", |text| text.parse().ok())?,
        since: parameters.parsed("since", Timestamp::parse)?,
        until: parameters.parsed("until", Timestamp::parse)?,
    };
    parameters.finish()?;
    let page = api.records.page(records_of(&principal), &filter).await.map_err(unreadable)?;
    Ok(Reply(page))
}

/// Explain a call: what is known of it, what came of it, and what would mend it
#[utoipa::path(
    get,
    path = routes::REQUEST,
    operation_id = "explainRequest",
    tag = "records",
    params(("id" = RequestId, Path, description = "The id of the call, as its answer had it in `x-keywright-request-id`.")),
    responses((status = 200, description = "The call.", body = Success<RequestDetail>)),
    security(("token" = [Scope::ExecutionsRead])),
    extensions(("x-errors" = json!(["NOT_FOUND"]))),
)]
pub(super) async fn request(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
    Path(id): Path<String>,
) -> Result<Reply<RequestDetail>, Refusal> {
    require(&principal, Scope::ExecutionsRead)?;
    let id = id.parse().map_err(|_| ErrorCode::NotFound)?;
    let call = api.records.find(records_of(&principal), id).await.map_err(unreadable)?;
    let call = call.ok_or(ErrorCode::NotFound)?;
    let account = api.identity.whoami(&principal).await?;
    let key = api.identity.token_card(principal.organization, call.record.key_id).await?;
    let parent_key = if call.root_key == call.record.key_id {
        None
    } else {
        api.identity.token_card(principal.organization, call.root_key).await?
    };
    let mut shadowed = call.shadowed;
    shadowed.extend(api.providers.unused_keys(&call.record));
    Ok(Reply(RequestDetail {
        organization_id: principal.organization,
        organization_name: account.organization_name,
        key,
        parent_key,
        verdict: verdict(&call.record, &shadowed, call.upstream_error.as_ref()),
        shadowed,
        upstream_error: call.upstream_error,
        request: call.record,
    }))
}

/// Sum the usage by provider and model: a member's own, the organization's for an admin
#[utoipa::path(
    get,
    path = routes::USAGE,
    operation_id = "sumUsage",
    tag = "records",
    params(UsageQuery),
    responses((status = 200, description = "The sums.", body = Success<UsageReport>)),
    security(("token" = [Scope::ExecutionsRead])),
)]
pub(super) async fn usage(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
    mut parameters: Parameters,
) -> Result<Reply<UsageReport>, Refusal> {
    require(&principal, Scope::ExecutionsRead)?;
    let now = api.clock.now();
    let since =
        parameters.parsed("since", Timestamp::parse)?.unwrap_or(now.plus_seconds(-DEFAULT_SPAN_SECONDS));
    let until = parameters.parsed("until", Timestamp::parse)?.unwrap_or(now.plus_millis(1));
    parameters.finish()?;
    let report = api.records.usage(records_of(&principal), since, until).await.map_err(unreadable)?;
    Ok(Reply(report))
}

/// What `requests` reads of the query, for the document alone: a wrong value gets our own refusal.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what `Parameters` takes")]
struct RequestsQuery {
    /// The `nextCursor` of the page before.
    cursor: Option<RequestId>,
    /// How many, 100 when left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Only calls for this model, as it was asked for.
    model: Option<String>,
    /// Only calls of this provider.
    provider: Option<String>,
    /// Only calls of this session of the client.
    session_id: Option<String>,
    /// Only calls that ended so.
    outcome: Option<OutcomeKind>,
    /// Only calls with this token and its children.
    key_id: Option<KeyId>,
    /// Only calls that arrived then or later.
    since: Option<Timestamp>,
    /// Only calls that arrived before it.
    until: Option<Timestamp>,
}

/// The same of `usage`.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what `Parameters` takes")]
struct UsageQuery {
    /// Calls that arrived then or later; thirty days ago when left out.
    since: Option<Timestamp>,
    /// Calls that arrived before it; now when left out.
    until: Option<Timestamp>,
}

fn page_size(text: &str) -> Option<u32> {
    text.parse().ok().filter(|limit| (1..=RequestFilter::MOST).contains(limit))
}

/// Whose records a caller may see.
pub(super) fn records_of(principal: &Principal) -> RecordsOf {
    RecordsOf { organization: principal.organization, user: restricted_to(principal) }
}

pub(super) fn unreadable(error: StoreError) -> Refusal {
    tracing::error!(error = &error as &(dyn std::error::Error + 'static), "the records cannot be read");
    ErrorCode::StorageUnavailable.into()
}

/// Thirty days.
const DEFAULT_SPAN_SECONDS: i64 = 30 * 86_400;
