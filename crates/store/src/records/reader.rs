//! The lists: read-only, and always of one organization, or of one user in it.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use keywright_protocol::record::OutcomeKind;
use keywright_protocol::wire::{
    ModelUsage, RequestPage, RequestRecord, ShadowedCredential, UpstreamError, UsageReport,
};
use keywright_protocol::{Cursor, KeyId, OrganizationId, RequestId, Timestamp, UserId};
use sqlx::postgres::{PgArguments, PgPool};
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqlitePool, SqlitePoolOptions};

use super::LocalRecords;
use super::group::minute;
use super::row::{CallRow, RequestRow, SumRow, request_columns, sum_columns};
use crate::StoreError;
use crate::database::{Pools, Store};
use crate::engine::{Row, Value, bound, values};
use crate::migration::sqlite_options;

/// Reads records, beside the writer and never in its way. Clones share its connections.
#[derive(Clone, Debug)]
pub struct RecordsReader(Source);

#[derive(Clone, Debug)]
enum Source {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// Whose records to read: an organization's, or those of one user in it.
#[derive(Clone, Copy, Debug)]
pub struct RecordsOf {
    /// The organization.
    pub organization: OrganizationId,
    /// The user; everybody in the organization when left out.
    pub user: Option<UserId>,
}

impl From<OrganizationId> for RecordsOf {
    fn from(organization: OrganizationId) -> Self {
        Self { organization, user: None }
    }
}

impl RecordsOf {
    /// Both as they are stored.
    fn stored(self) -> (String, Option<String>) {
        (self.organization.to_string(), self.user.map(|user| user.to_string()))
    }
}

/// Which records to show. The default is the newest hundred.
#[derive(Clone, Debug, Default)]
pub struct RequestFilter {
    /// Only those before it: the next page.
    pub cursor: Option<Cursor>,
    /// How many, at most [`RequestFilter::MOST`]; 100 when left out.
    pub limit: Option<u32>,
    /// Only of this model, as it was asked for.
    pub model: Option<String>,
    /// Only of this provider.
    pub provider: Option<String>,
    /// Only of this session of the client.
    pub session_id: Option<String>,
    /// Only those that ended so.
    pub outcome: Option<OutcomeFilter>,
    /// Only of this token and its children.
    pub key: Option<KeyId>,
    /// Only those that arrived then or later.
    pub since: Option<Timestamp>,
    /// Only those that arrived before it.
    pub until: Option<Timestamp>,
}

impl RequestFilter {
    /// The most records of one page.
    pub const MOST: u32 = 1000;

    fn size(&self) -> u32 {
        self.limit.unwrap_or(100).clamp(1, Self::MOST)
    }

    /// No record holds a NUL, and PostgreSQL would refuse the question.
    fn asks_for_nul(&self) -> bool {
        [&self.model, &self.provider, &self.session_id].into_iter().flatten().any(|text| text.contains('\0'))
    }
}

/// An outcome to look for: calls may also be running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutcomeFilter {
    /// Not ended yet.
    Running,
    /// Ended in that way.
    Ended(OutcomeKind),
}

impl OutcomeFilter {
    /// The word used in the database and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Ended(kind) => kind.as_str(),
        }
    }
}

impl FromStr for OutcomeFilter {
    type Err = UnknownOutcome;

    fn from_str(word: &str) -> Result<Self, UnknownOutcome> {
        let ended = OutcomeKind::ALL.into_iter().map(Self::Ended);
        std::iter::once(Self::Running).chain(ended).find(|known| known.as_str() == word).ok_or(UnknownOutcome)
    }
}

/// No call ends in such a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`outcome` must be one of running, succeeded, refused, upstream_error, cut, client_aborted, revoked, \
     interrupted"
)]
pub struct UnknownOutcome;

/// One call with all that is recorded of it.
#[derive(Clone, Debug)]
pub struct RecordedCall {
    /// What the lists show too.
    pub record: RequestRecord,
    /// The token that called, or the one that it was a child of.
    pub root_key: KeyId,
    /// Own provider credentials that came along and were not used.
    pub shadowed: Vec<ShadowedCredential>,
    /// How the upstream names its error.
    pub upstream_error: Option<UpstreamError>,
}

/// How often nobody could be proven from one place, for one reason, in one minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusalCount {
    /// The beginning of the minute.
    pub minute: Timestamp,
    /// An IPv4 address, or the /64 of an IPv6 address.
    pub address: String,
    /// The error code.
    pub code: String,
    /// How often.
    pub count: i64,
}

impl RecordsReader {
    /// Connects to the records of a store.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub async fn open(store: &Store) -> Result<Self, StoreError> {
        Ok(Self(match store.pools() {
            Pools::Sqlite { records, .. } => Source::Sqlite(pool().connect_with(read_only(records)).await?),
            Pools::Postgres(pool) => Source::Postgres(pool.clone()),
        }))
    }

    /// Reads the records of local mode. Connects when it is first asked something.
    pub fn open_local(local: &LocalRecords) -> Self {
        Self(Source::Sqlite(pool().connect_lazy_with(read_only(local.path()))))
    }

    /// Closes the connections to a records file; those to PostgreSQL are the store's. Before
    /// [`RecordsWriter::shutdown`](super::RecordsWriter::shutdown), so that it can fold the whole log.
    pub async fn close(&self) {
        if let Source::Sqlite(pool) = &self.0 {
            pool.close().await;
        }
    }

    /// A page of records, newest first. A record that comes in meanwhile moves none of
    /// the later pages.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn page(
        &self,
        of: impl Into<RecordsOf>,
        filter: &RequestFilter,
    ) -> Result<RequestPage, StoreError> {
        if filter.asks_for_nul() {
            return Ok(RequestPage { requests: Vec::new(), next_cursor: None });
        }
        let (organization, user) = of.into().stored();
        let cursor = filter.cursor.map(|cursor| cursor.0.to_string());
        let key = filter.key.map(|key| key.to_string());
        let size = filter.size() as usize;
        let values = values![
            &organization,
            // Always a bound, so that the index is always used.
            cursor.as_deref().unwrap_or(AFTER_ALL),
            &filter.model,
            &filter.provider,
            &filter.session_id,
            Value::MaybeText(filter.outcome.map(OutcomeFilter::as_str)),
            &key,
            filter.since,
            filter.until,
            // One more than is shown tells whether there is a next page.
            i64::from(filter.size()) + 1,
            &user,
        ];
        let mut rows: Vec<RequestRow> = self.all(PAGE, values).await?;
        let more = rows.len() > size;
        rows.truncate(size);
        let last = if more { rows.last().map(RequestRow::id).transpose()? } else { None };
        let requests = rows.into_iter().map(RequestRecord::try_from).collect::<Result<_, _>>()?;
        Ok(RequestPage { requests, next_cursor: last.map(|id| id.to_string()) })
    }

    /// One call, with all that is recorded of it.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn find(
        &self,
        of: impl Into<RecordsOf>,
        id: RequestId,
    ) -> Result<Option<RecordedCall>, StoreError> {
        let ((organization, user), id) = (of.into().stored(), id.to_string());
        let rows: Vec<CallRow> = self.all(FIND, values![&id, &organization, &user]).await?;
        rows.into_iter().next().map(RecordedCall::try_from).transpose()
    }

    /// What was used from `since` until before `until`. At most the thousand most called
    /// models have a line of their own; the total is that of all.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn usage(
        &self,
        of: impl Into<RecordsOf>,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<UsageReport, StoreError> {
        let (organization, user) = of.into().stored();
        let values = values![&organization, since, until, &user];
        let lines: Vec<SumRow> = self.all(USAGE_BY_MODEL, values).await?;
        let total: Vec<SumRow> = self.all(USAGE, values).await?;
        let mut models: Vec<ModelUsage> = lines
            .into_iter()
            .map(|line| ModelUsage { total: line.total(), provider: line.provider, model: line.model })
            .collect();
        // The engines do not agree on where NULL belongs.
        models.sort_by(|a, b| {
            let order = b.total.requests.cmp(&a.total.requests);
            order.then_with(|| (&a.provider, &a.model).cmp(&(&b.provider, &b.model)))
        });
        let total = total.first().map(SumRow::total).unwrap_or_default();
        Ok(UsageReport { since, models, total })
    }

    /// Whether one of an organization's calls made that object at an upstream (`resp_...`).
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn holds_response(
        &self,
        organization: OrganizationId,
        response_id: &str,
    ) -> Result<bool, StoreError> {
        // As with `asks_for_nul`.
        if response_id.contains('\0') {
            return Ok(false);
        }
        let organization = organization.to_string();
        let rows: Vec<(i64,)> = self.all(HOLDS_RESPONSE, values![&organization, response_id]).await?;
        Ok(!rows.is_empty())
    }

    /// The refusals of callers nobody could be proven to be, newest first, at most a thousand lines.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn refusals(&self, since: Timestamp) -> Result<Vec<RefusalCount>, StoreError> {
        let rows: Vec<(i64, String, String, i64)> =
            self.all(REFUSALS, values![Timestamp(minute(since))]).await?;
        Ok(rows
            .into_iter()
            .map(|(minute, address, code, count)| RefusalCount {
                minute: Timestamp(minute),
                address,
                code,
                count,
            })
            .collect())
    }

    async fn all<T: Row>(&self, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<T>, StoreError> {
        Ok(match &self.0 {
            Source::Sqlite(pool) => {
                sqlx::query_as_with(sql, bound::<SqliteArguments>(values)?).fetch_all(pool).await?
            }
            Source::Postgres(pool) => {
                sqlx::query_as_with(sql, bound::<PgArguments>(values)?).fetch_all(pool).await?
            }
        })
    }
}

fn read_only(path: &Path) -> SqliteConnectOptions {
    sqlite_options(path).read_only(true)
}

fn pool() -> SqlitePoolOptions {
    SqlitePoolOptions::new().max_connections(READERS).acquire_timeout(PATIENCE).test_before_acquire(false)
}

/// Every id is smaller.
const AFTER_ALL: &str = "req_ffffffffffffffffffffffffffffffff";
const READERS: u32 = 4;
const PATIENCE: Duration = Duration::from_secs(5);

const PAGE: &str = concat!(
    "SELECT ",
    request_columns!(),
    " FROM requests WHERE organization_id = $1 AND id < $2 \
     AND (CAST($3 AS TEXT) IS NULL OR model = CAST($3 AS TEXT)) \
     AND (CAST($4 AS TEXT) IS NULL OR provider = CAST($4 AS TEXT)) \
     AND (CAST($5 AS TEXT) IS NULL OR session_id = CAST($5 AS TEXT)) \
     AND (CAST($6 AS TEXT) IS NULL OR outcome = CAST($6 AS TEXT)) \
     AND (CAST($7 AS TEXT) IS NULL OR root_key_id = CAST($7 AS TEXT) OR key_id = CAST($7 AS TEXT)) \
     AND (CAST($8 AS BIGINT) IS NULL OR started_at >= CAST($8 AS BIGINT)) \
     AND (CAST($9 AS BIGINT) IS NULL OR started_at < CAST($9 AS BIGINT)) \
     AND (CAST($11 AS TEXT) IS NULL OR user_id = CAST($11 AS TEXT)) \
     ORDER BY id DESC LIMIT $10"
);
const FIND: &str = concat!(
    "SELECT ",
    request_columns!(),
    ", root_key_id, shadowed, upstream_error_type, upstream_error_code \
     FROM requests WHERE id = $1 AND organization_id = $2 \
     AND (CAST($3 AS TEXT) IS NULL OR user_id = CAST($3 AS TEXT))"
);
const USAGE_BY_MODEL: &str = concat!(
    "SELECT provider, model, ",
    sum_columns!(),
    " FROM requests \
     WHERE organization_id = $1 AND started_at >= $2 AND started_at < $3 \
     AND (CAST($4 AS TEXT) IS NULL OR user_id = CAST($4 AS TEXT)) \
     GROUP BY provider, model ORDER BY requests DESC LIMIT 1000"
);
const USAGE: &str = concat!(
    "SELECT CAST(NULL AS TEXT) AS provider, CAST(NULL AS TEXT) AS model, ",
    sum_columns!(),
    " \
     FROM requests WHERE organization_id = $1 AND started_at >= $2 AND started_at < $3 \
     AND (CAST($4 AS TEXT) IS NULL OR user_id = CAST($4 AS TEXT))"
);
const HOLDS_RESPONSE: &str =
    "SELECT CAST(1 AS BIGINT) FROM requests WHERE organization_id = $1 AND response_id = $2 LIMIT 1";
const REFUSALS: &str = "SELECT minute, address, code, count FROM refusals WHERE minute >= $1 \
     ORDER BY minute DESC, count DESC, address, code LIMIT 1000";

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::records::notes::NOTE;
    use crate::records::statement::{DELETE_REQUESTS, INTERRUPT_SERVER, SCHEMA};

    #[test]
    fn what_must_be_quick_at_ten_million_rows_uses_an_index() {
        let connection = Connection::open_in_memory().expect("opens");
        connection.execute_batch(SCHEMA).expect("the schema");
        let plans = [
            (PAGE, "requests_by_organization (organization_id=? AND id<?)"),
            (FIND, "sqlite_autoindex_requests_1 (id=?)"),
            (NOTE, "sqlite_autoindex_requests_1 (id=?)"),
            (USAGE, "requests_by_organization (organization_id=?)"),
            (HOLDS_RESPONSE, "requests_by_response (organization_id=? AND response_id=?)"),
            (REFUSALS, "sqlite_autoindex_refusals_1 (minute>?)"),
            (DELETE_REQUESTS, "COVERING INDEX sqlite_autoindex_requests_1"),
            (INTERRUPT_SERVER, "requests_running (server=?)"),
        ];
        for (sql, index) in plans {
            let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("a plan");
            let steps: Vec<String> =
                plan.raw_query().mapped(|row| row.get(3)).collect::<Result<_, _>>().expect("steps");
            assert!(steps.iter().any(|step| step.contains(index)), "{sql}: {steps:?}");
            assert_ne!(steps.first().map(String::as_str), Some("SCAN requests"), "{sql}");
        }
    }
}
