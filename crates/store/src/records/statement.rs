//! The SQL of the writer. The insert and the update exist once for each engine, for speed: SQLite binds
//! eight rows to one statement, PostgreSQL takes whole columns in one round trip. The others serve both;
//! their placeholders stand in the order of their numbers, because rusqlite counts and does not read them.

/// The tables, for tests that open a file without the migrator.
#[cfg(test)]
pub(super) const SCHEMA: &str = concat!(
    include_str!("../../migrations/0002_records.sql"),
    include_str!("../../migrations/0004_records_notes.sql"),
    include_str!("../../migrations/0006_records_moved.sql")
);

/// How many rows [`insert_rows`] takes when it takes many.
pub(super) const ROWS: usize = 8;

/// How many values a row of [`insert_rows`] has.
pub(super) const COLUMNS: usize = 17;

/// The most rows that one turn of deletion removes, or one of moving changes.
pub(super) const TURN: i64 = 1000;

/// What [`super::sqlite`] inserts: as many rows as asked for.
pub(super) fn insert_rows(rows: usize) -> String {
    let row = format!("({})", ["?"; COLUMNS].join(", "));
    let rows = vec![row; rows].join(", ");
    format!(
        "INSERT INTO requests (id, server, organization_id, user_id, key_id, root_key_id, started_at, \
         dialect, route, provider, model, client, session_id, stream, request_bytes, credential, \
         credential_hint) VALUES {rows} ON CONFLICT (id) DO NOTHING"
    )
}

/// What [`super::sqlite`] writes at the end of a call.
pub(super) const END_ROW: &str = "UPDATE requests SET outcome = ?, status = ?, error_code = ?, \
     first_byte_ms = ?, duration_ms = ?, response_bytes = ?, input_tokens = ?, output_tokens = ?, \
     cache_read_tokens = ?, cache_write_tokens = ?, usage_estimated = ?, upstream_request_id = ?, \
     response_id = ? WHERE id = ?";

/// What [`super::postgres`] inserts: the number of the server, and a column of each other value.
pub(super) const INSERT_COLUMNS: &str = "INSERT INTO requests (server, id, organization_id, user_id, \
     key_id, root_key_id, started_at, dialect, route, provider, model, client, session_id, stream, \
     request_bytes, credential, credential_hint) \
     SELECT CAST($1 AS BIGINT), begun.* FROM UNNEST($2::TEXT[], $3::TEXT[], $4::TEXT[], $5::TEXT[], \
     $6::TEXT[], $7::BIGINT[], $8::TEXT[], $9::TEXT[], $10::TEXT[], $11::TEXT[], $12::TEXT[], \
     $13::TEXT[], $14::BOOLEAN[], $15::BIGINT[], $16::TEXT[], $17::TEXT[]) AS begun \
     ON CONFLICT (id) DO NOTHING";

/// What [`super::postgres`] writes at the end of calls: a column of each value.
pub(super) const END_COLUMNS: &str = "UPDATE requests SET outcome = ended.outcome, \
     status = ended.status, error_code = ended.error_code, first_byte_ms = ended.first_byte_ms, \
     duration_ms = ended.duration_ms, response_bytes = ended.response_bytes, \
     input_tokens = ended.input_tokens, output_tokens = ended.output_tokens, \
     cache_read_tokens = ended.cache_read_tokens, cache_write_tokens = ended.cache_write_tokens, \
     usage_estimated = ended.usage_estimated, upstream_request_id = ended.upstream_request_id, \
     response_id = ended.response_id \
     FROM UNNEST($1::TEXT[], $2::TEXT[], $3::BIGINT[], $4::TEXT[], $5::BIGINT[], $6::BIGINT[], \
     $7::BIGINT[], $8::BIGINT[], $9::BIGINT[], $10::BIGINT[], $11::BIGINT[], $12::BOOLEAN[], \
     $13::TEXT[], $14::TEXT[]) AS ended (id, outcome, status, error_code, first_byte_ms, duration_ms, \
     response_bytes, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, \
     usage_estimated, upstream_request_id, response_id) WHERE requests.id = ended.id";

/// Counts one refusal of a minute up, or several.
pub(super) const COUNT_REFUSALS: &str = "INSERT INTO refusals (minute, address, code, count) \
     VALUES ($1, $2, $3, $4) \
     ON CONFLICT (minute, address, code) DO UPDATE SET count = refusals.count + excluded.count";

/// The same from columns.
pub(super) const COUNT_REFUSAL_COLUMNS: &str = "INSERT INTO refusals (minute, address, code, count) \
     SELECT counted.* FROM UNNEST($1::BIGINT[], $2::TEXT[], $3::TEXT[], $4::BIGINT[]) AS counted \
     ON CONFLICT (minute, address, code) DO UPDATE SET count = refusals.count + excluded.count";

/// Deletes what is old among the oldest rows. Ids are in order of arrival, so no index on the time is
/// needed, and the time is looked at all the same: nothing newer can go.
pub(super) const DELETE_REQUESTS: &str = "DELETE FROM requests \
     WHERE id IN (SELECT id FROM requests ORDER BY id LIMIT $1) AND started_at < $2";

/// The same for counted refusals.
pub(super) const DELETE_REFUSALS: &str = "DELETE FROM refusals WHERE (minute, address, code) IN \
     (SELECT minute, address, code FROM refusals WHERE minute < $1 ORDER BY minute LIMIT $2)";

/// Gives records of one organization to another and to one of its users.
pub(super) const MOVE_REQUESTS: &str = "UPDATE requests SET moved_from = COALESCE(moved_from, organization_id), \
     organization_id = $1, user_id = $2 \
     WHERE id IN (SELECT id FROM requests WHERE organization_id = $3 LIMIT $4)";

/// Marks what one ended server left open.
pub(super) const INTERRUPT_SERVER: &str =
    "UPDATE requests SET outcome = 'interrupted' WHERE outcome = 'running' AND server = $1";

/// The servers that have open rows.
pub(super) const SERVERS: &str = "SELECT DISTINCT server FROM requests WHERE outcome = 'running'";

/// Says for the life of the connection that this server lives.
pub(super) const LIVE: &str = "SELECT pg_advisory_lock_shared($1)";

/// Whether a server has ended: nobody holds its lock. Held until the end of the transaction.
pub(super) const HAS_ENDED: &str = "SELECT pg_try_advisory_xact_lock($1)";
