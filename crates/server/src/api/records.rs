//! Records and usage of the caller's organization.

use std::sync::Arc;

use axum::extract::{Path, State};
use keywright_identity::require;
use keywright_protocol::wire::{RequestDetail, RequestPage, UsageReport};
use keywright_protocol::{ErrorCode, Scope, Timestamp, verdict};
use keywright_store::{RequestFilter, StoreError};

use crate::api::caller::Caller;
use crate::api::read::Parameters;
use crate::api::reply::Reply;
use crate::api::{Api, Refusal};

/// `GET /api/v1/requests`
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
    let page = api.records.page(principal.organization, &filter).await.map_err(unreadable)?;
    Ok(Reply(page))
}

/// `GET /api/v1/requests/{id}`
pub(super) async fn request(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
    Path(id): Path<String>,
) -> Result<Reply<RequestDetail>, Refusal> {
    require(&principal, Scope::ExecutionsRead)?;
    let id = id.parse().map_err(|_| ErrorCode::NotFound)?;
    let call = api.records.find(principal.organization, id).await.map_err(unreadable)?;
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

/// `GET /api/v1/usage`
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
    let report = api.records.usage(principal.organization, since, until).await.map_err(unreadable)?;
    Ok(Reply(report))
}

fn page_size(text: &str) -> Option<u32> {
    text.parse().ok().filter(|limit| (1..=RequestFilter::MOST).contains(limit))
}

pub(super) fn unreadable(error: StoreError) -> Refusal {
    tracing::error!(error = &error as &(dyn std::error::Error + 'static), "the records cannot be read");
    ErrorCode::StorageUnavailable.into()
}

/// Thirty days.
const DEFAULT_SPAN_SECONDS: i64 = 30 * 86_400;
