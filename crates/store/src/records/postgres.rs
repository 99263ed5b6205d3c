//! The writer's task, over a PostgreSQL connection of its own: no reader can keep it from writing, and
//! the lock that the connection holds says that this server lives.

use std::time::Duration;

use keywright_protocol::Timestamp;
use keywright_protocol::record::{CredentialKind, Intent, Outcome};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};

use super::RecordsMove;
use super::group::{Group, storable, storable_option, tokens};
use super::inbox::{Batch, Inbox};
use super::notes::{NOTE_COLUMNS, error_words, shadowed_text};
use super::statement::{
    COUNT_REFUSAL_COLUMNS, DELETE_REFUSALS, DELETE_REQUESTS, END_COLUMNS, HAS_ENDED, INSERT_COLUMNS,
    INTERRUPT_SERVER, LIVE, MOVE_REQUESTS, SERVERS, TURN,
};
use crate::StoreError;

/// Marks what ended servers left open, and starts the task.
pub(super) async fn start(options: &PgConnectOptions, inbox: Inbox) -> Result<(), StoreError> {
    let number = getrandom::u64().map_err(|error| sqlx::Error::Io(error.into()))?;
    let mut writer =
        PostgresWriter { options: options.clone(), server: (number >> 2).cast_signed(), connection: None };
    writer.interrupt().await?;
    tokio::spawn(writer.run(inbox));
    Ok(())
}

struct PostgresWriter {
    options: PgConnectOptions,
    server: i64,
    /// Taken out for as long as it is used, so that one that failed, or was given up, is not used again.
    connection: Option<PgConnection>,
}

impl PostgresWriter {
    async fn run(mut self, mut inbox: Inbox) {
        while let Some(batches) = inbox.next().await {
            if !batches.is_empty() {
                let group = batches.iter().flat_map(|batch| batch.ops.iter()).collect();
                let result = within(patience(&batches), self.write(&group)).await;
                inbox.answer(batches, result);
            }
            if let Some(before) = inbox.delete_before {
                inbox.deleted(within(WITHIN, self.delete_turn(before)).await);
            }
            if let Some(next) = inbox.next_move() {
                inbox.moved(within(WITHIN, self.move_turn(&next)).await);
            }
        }
        if let Some(connection) = self.connection {
            // What was acknowledged is committed: nothing depends on a clean good-bye.
            let _ = within(WITHIN, async { Ok(connection.close().await?) }).await;
        }
        inbox.ended();
    }

    /// Writes a group or nothing of it. All but the counted refusals can be written twice without harm,
    /// so it is tried again even when the connection broke during the commit.
    async fn write(&mut self, group: &Group<'_>) -> Result<(), StoreError> {
        let mut attempt = 0;
        loop {
            match self.write_once(group).await {
                Err(StoreError::Conflict(_) | StoreError::Unavailable(_)) if attempt < RETRIES => {
                    attempt += 1;
                    tokio::time::sleep(Duration::from_millis(10 << attempt)).await;
                }
                result => return result,
            }
        }
    }

    async fn write_once(&mut self, group: &Group<'_>) -> Result<(), StoreError> {
        let mut connection = self.connection().await?;
        let mut open = connection.begin().await?;
        if !group.begins.is_empty() {
            insert(&mut open, self.server, &group.begins).await?;
        }
        if !group.ends.is_empty() {
            end(&mut open, &group.ends).await?;
        }
        if !group.notes.is_empty() {
            note(&mut open, group).await?;
        }
        if !group.refusals.is_empty() {
            count(&mut open, group).await?;
        }
        open.commit().await?;
        self.connection = Some(connection);
        Ok(())
    }

    /// Deletes at most [`TURN`] rows; how many it were.
    async fn delete_turn(&mut self, before: Timestamp) -> Result<u64, StoreError> {
        let mut connection = self.connection().await?;
        let requests =
            sqlx::query(DELETE_REQUESTS).bind(TURN).bind(before.0).execute(&mut connection).await?;
        let mut rows = requests.rows_affected();
        if rows == 0 {
            let refusals =
                sqlx::query(DELETE_REFUSALS).bind(before.0).bind(TURN).execute(&mut connection).await?;
            rows = refusals.rows_affected();
        }
        self.connection = Some(connection);
        Ok(rows)
    }

    /// Moves at most [`TURN`] rows; how many it were.
    async fn move_turn(&mut self, asked: &RecordsMove) -> Result<u64, StoreError> {
        let mut connection = self.connection().await?;
        let moving = sqlx::query(MOVE_REQUESTS)
            .bind(asked.to.to_string())
            .bind(asked.user.to_string())
            .bind(asked.from.to_string())
            .bind(TURN);
        let rows = moving.execute(&mut connection).await?.rows_affected();
        self.connection = Some(connection);
        Ok(rows)
    }

    /// Marks the open rows of servers that have ended.
    async fn interrupt(&mut self) -> Result<(), StoreError> {
        let mut connection = self.connection().await?;
        let mut open = connection.begin().await?;
        let servers: Vec<i64> = sqlx::query_scalar(SERVERS).fetch_all(&mut *open).await?;
        for server in servers {
            if sqlx::query_scalar(HAS_ENDED).bind(server).fetch_one(&mut *open).await? {
                sqlx::query(INTERRUPT_SERVER).bind(server).execute(&mut *open).await?;
            }
        }
        open.commit().await?;
        self.connection = Some(connection);
        Ok(())
    }

    async fn connection(&mut self) -> Result<PgConnection, StoreError> {
        if let Some(connection) = self.connection.take() {
            return Ok(connection);
        }
        let mut connection = self.options.connect().await?;
        sqlx::query(LIVE).bind(self.server).execute(&mut connection).await?;
        Ok(connection)
    }
}

/// How long a group may take. Those that waited while the database was away are not made to wait for as
/// long again.
fn patience(batches: &[Batch]) -> Duration {
    let waited = batches.iter().map(|batch| batch.submitted.elapsed()).max().unwrap_or_default();
    WITHIN.saturating_sub(waited).max(AT_LEAST)
}

/// What does not end in time failed. Its connection is dropped with it.
async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(limit, work).await {
        Ok(result) => result,
        Err(late) => Err(StoreError::Unavailable(sqlx::Error::Io(late.into()))),
    }
}

async fn insert(open: &mut PgConnection, server: i64, intents: &[&Intent]) -> Result<(), sqlx::Error> {
    macro_rules! column {
        (|$intent:ident| $value:expr) => {
            intents.iter().map(|$intent| $value).collect::<Vec<_>>()
        };
    }
    sqlx::query(INSERT_COLUMNS)
        .bind(server)
        .bind(column!(|intent| intent.id.to_string()))
        .bind(column!(|intent| intent.organization.to_string()))
        .bind(column!(|intent| intent.user.to_string()))
        .bind(column!(|intent| intent.key.to_string()))
        .bind(column!(|intent| intent.parent_key.unwrap_or(intent.key).to_string()))
        .bind(column!(|intent| intent.started_at.0))
        .bind(column!(|intent| intent.dialect))
        .bind(column!(|intent| intent.route))
        .bind(column!(|intent| storable_option(&intent.provider)))
        .bind(column!(|intent| storable_option(&intent.model)))
        .bind(column!(|intent| intent.client))
        .bind(column!(|intent| storable_option(&intent.session_id)))
        .bind(column!(|intent| intent.stream))
        .bind(column!(|intent| intent.request_bytes))
        .bind(column!(|intent| intent.credential.map(CredentialKind::as_str)))
        .bind(column!(|intent| storable_option(&intent.credential_hint)))
        .execute(open)
        .await?;
    Ok(())
}

async fn end(open: &mut PgConnection, outcomes: &[&Outcome]) -> Result<(), sqlx::Error> {
    macro_rules! column {
        (|$outcome:ident| $value:expr) => {
            outcomes.iter().map(|$outcome| $value).collect::<Vec<_>>()
        };
    }
    sqlx::query(END_COLUMNS)
        .bind(column!(|outcome| outcome.id.to_string()))
        .bind(column!(|outcome| outcome.kind.as_str()))
        .bind(column!(|outcome| outcome.status.map(i64::from)))
        .bind(column!(|outcome| outcome.error.map(|code| code.as_str())))
        .bind(column!(|outcome| outcome.first_byte_ms))
        .bind(column!(|outcome| outcome.duration_ms))
        .bind(column!(|outcome| outcome.response_bytes))
        .bind(column!(|outcome| tokens(outcome.usage.input_tokens)))
        .bind(column!(|outcome| tokens(outcome.usage.output_tokens)))
        .bind(column!(|outcome| tokens(outcome.usage.cache_read_tokens)))
        .bind(column!(|outcome| tokens(outcome.usage.cache_write_tokens)))
        .bind(column!(|outcome| outcome.usage.estimated))
        .bind(column!(|outcome| outcome.upstream_request_id.as_deref().map(storable)))
        .bind(column!(|outcome| outcome.response_id.as_deref().map(storable)))
        .execute(open)
        .await?;
    Ok(())
}

async fn note(open: &mut PgConnection, group: &Group<'_>) -> Result<(), sqlx::Error> {
    let shadowed: Vec<Option<String>> = group.notes.iter().map(|(_, notes)| shadowed_text(notes)).collect();
    let (kinds, codes): (Vec<_>, Vec<_>) = group.notes.iter().map(|(_, notes)| error_words(notes)).unzip();
    sqlx::query(NOTE_COLUMNS)
        .bind(group.notes.iter().map(|(id, _)| id.to_string()).collect::<Vec<_>>())
        .bind(shadowed.iter().map(storable_option).collect::<Vec<_>>())
        .bind(kinds.into_iter().map(|kind| kind.map(storable)).collect::<Vec<_>>())
        .bind(codes.into_iter().map(|code| code.map(storable)).collect::<Vec<_>>())
        .execute(open)
        .await?;
    Ok(())
}

async fn count(open: &mut PgConnection, group: &Group<'_>) -> Result<(), sqlx::Error> {
    macro_rules! column {
        (|$refusal:pat_param| $value:expr) => {
            group.refusals.iter().map(|$refusal| $value).collect::<Vec<_>>()
        };
    }
    sqlx::query(COUNT_REFUSAL_COLUMNS)
        .bind(column!(|((minute, _, _), _)| *minute))
        .bind(column!(|((_, address, _), _)| address.to_string()))
        .bind(column!(|((_, _, code), _)| *code))
        .bind(column!(|(_, count)| *count))
        .execute(open)
        .await?;
    Ok(())
}

const RETRIES: u32 = 3;

/// Below the five seconds after which a final commit counts as failed.
const WITHIN: Duration = Duration::from_secs(4);

/// What a group gets even when its oldest batch waited long.
const AT_LEAST: Duration = Duration::from_millis(500);
