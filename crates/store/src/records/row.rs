//! A row of records as the API shows it.

use keywright_protocol::wire::{RequestRecord, TokenUsage, UsageTotal};
use keywright_protocol::{RequestId, Timestamp};
use sqlx::FromRow;

use super::RecordedCall;
use super::notes::{error_of, shadowed_of};
use crate::StoreError;

/// One call. The organization is not shown: it is the reader's own.
#[derive(FromRow)]
pub(super) struct RequestRow {
    id: String,
    user_id: String,
    key_id: String,
    started_at: i64,
    dialect: String,
    route: String,
    provider: Option<String>,
    model: Option<String>,
    client: Option<String>,
    session_id: Option<String>,
    stream: bool,
    request_bytes: i64,
    credential: Option<String>,
    credential_hint: Option<String>,
    outcome: String,
    status: Option<i64>,
    error_code: Option<String>,
    first_byte_ms: Option<i64>,
    duration_ms: Option<i64>,
    response_bytes: i64,
    input_tokens: i64,
    output_tokens: i64,
    cache_read_tokens: i64,
    cache_write_tokens: i64,
    usage_estimated: bool,
    upstream_request_id: Option<String>,
}

/// The columns of a [`RequestRow`].
macro_rules! request_columns {
    () => {
        "id, user_id, key_id, started_at, dialect, route, provider, model, client, session_id, stream, \
         request_bytes, credential, credential_hint, outcome, status, error_code, first_byte_ms, \
         duration_ms, response_bytes, input_tokens, output_tokens, cache_read_tokens, \
         cache_write_tokens, usage_estimated, upstream_request_id"
    };
}
pub(super) use request_columns;

impl RequestRow {
    pub(super) fn id(&self) -> Result<RequestId, StoreError> {
        parse(&self.id, "requests.id")
    }
}

impl TryFrom<RequestRow> for RequestRecord {
    type Error = StoreError;

    fn try_from(row: RequestRow) -> Result<Self, StoreError> {
        let status = row.status.map(u16::try_from).transpose();
        Ok(Self {
            id: row.id()?,
            started_at: Timestamp(row.started_at),
            user_id: parse(&row.user_id, "requests.user_id")?,
            key_id: parse(&row.key_id, "requests.key_id")?,
            provider: row.provider,
            dialect: row.dialect,
            route: row.route,
            model: row.model,
            client: row.client,
            session_id: row.session_id,
            stream: row.stream,
            status: status.map_err(|_| StoreError::Unreadable { column: "requests.status" })?,
            outcome: row.outcome,
            error_code: row.error_code,
            first_byte_ms: row.first_byte_ms,
            duration_ms: row.duration_ms,
            request_bytes: row.request_bytes,
            response_bytes: row.response_bytes,
            usage: TokenUsage {
                input_tokens: row.input_tokens,
                output_tokens: row.output_tokens,
                cache_read_tokens: row.cache_read_tokens,
                cache_write_tokens: row.cache_write_tokens,
                estimated: row.usage_estimated,
            },
            credential: row.credential,
            credential_hint: row.credential_hint,
            upstream_request_id: row.upstream_request_id,
        })
    }
}

/// One call with all that is recorded of it.
#[derive(FromRow)]
pub(super) struct CallRow {
    #[sqlx(flatten)]
    request: RequestRow,
    root_key_id: String,
    shadowed: Option<String>,
    upstream_error_type: Option<String>,
    upstream_error_code: Option<String>,
}

impl TryFrom<CallRow> for RecordedCall {
    type Error = StoreError;

    fn try_from(row: CallRow) -> Result<Self, StoreError> {
        Ok(Self {
            record: row.request.try_into()?,
            root_key: parse(&row.root_key_id, "requests.root_key_id")?,
            shadowed: shadowed_of(row.shadowed.as_deref()),
            upstream_error: error_of(row.upstream_error_type, row.upstream_error_code),
        })
    }
}

fn parse<T: std::str::FromStr>(text: &str, column: &'static str) -> Result<T, StoreError> {
    text.parse().map_err(|_| StoreError::Unreadable { column })
}

/// Sums over calls, of one model where it is grouped by model.
#[derive(FromRow)]
pub(super) struct SumRow {
    pub(super) provider: Option<String>,
    pub(super) model: Option<String>,
    requests: i64,
    failed: i64,
    input_tokens: i64,
    output_tokens: i64,
    cache_read_tokens: i64,
    cache_write_tokens: i64,
    estimated: i64,
}

/// The sums of a [`SumRow`], which are 0 where there is no call.
macro_rules! sum_columns {
    () => {
        "COUNT(*) AS requests, \
         CAST(COALESCE(SUM(CASE WHEN outcome IN ('succeeded', 'running') THEN 0 ELSE 1 END), 0) AS BIGINT) \
         AS failed, \
         CAST(COALESCE(SUM(input_tokens), 0) AS BIGINT) AS input_tokens, \
         CAST(COALESCE(SUM(output_tokens), 0) AS BIGINT) AS output_tokens, \
         CAST(COALESCE(SUM(cache_read_tokens), 0) AS BIGINT) AS cache_read_tokens, \
         CAST(COALESCE(SUM(cache_write_tokens), 0) AS BIGINT) AS cache_write_tokens, \
         CAST(COALESCE(MAX(CASE WHEN usage_estimated THEN 1 ELSE 0 END), 0) AS BIGINT) AS estimated"
    };
}
pub(super) use sum_columns;

impl SumRow {
    pub(super) fn total(&self) -> UsageTotal {
        UsageTotal {
            requests: self.requests,
            failed: self.failed,
            tokens: TokenUsage {
                input_tokens: self.input_tokens,
                output_tokens: self.output_tokens,
                cache_read_tokens: self.cache_read_tokens,
                cache_write_tokens: self.cache_write_tokens,
                estimated: self.estimated != 0,
            },
        }
    }
}
