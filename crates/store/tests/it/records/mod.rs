//! Records, on both engines.
// The allowance for tests does not reach their helpers.
#![allow(clippy::expect_used)]

mod ending;
mod local;
mod moving;
mod reading;
mod unreachable;
mod writing;

use std::sync::Arc;
use std::time::Duration;

use keywright_protocol::record::{CredentialKind, Intent, Outcome, OutcomeKind, RecordOp};
use keywright_protocol::wire::{RequestRecord, TokenUsage};
use keywright_protocol::{KeyId, OrganizationId, RequestId, Timestamp, UserId};
use keywright_store::testing::Scene;
use keywright_store::{Database, RecordsFailure, RecordsReader, RecordsWriter, RequestFilter, Store};
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, PgConnection, SqliteConnection};
use tokio::sync::oneshot;

/// 2026-11-18T11:06:00Z.
const NOW: Timestamp = Timestamp(1_794_999_960_000);

async fn writer(store: &Store) -> RecordsWriter {
    RecordsWriter::open(store).await.expect("the writer opens")
}

async fn reader(store: &Store) -> RecordsReader {
    RecordsReader::open(store).await.expect("the reader opens")
}

/// Submits a batch; what its caller hears.
fn submit(writer: &RecordsWriter, batch: Vec<RecordOp>) -> oneshot::Receiver<Result<(), RecordsFailure>> {
    let (done, heard) = oneshot::channel();
    writer.submit(batch, move |result| done.send(result).expect("the test listens"));
    heard
}

async fn write(writer: &RecordsWriter, batch: Vec<RecordOp>) -> Result<(), RecordsFailure> {
    tokio::time::timeout(Duration::from_secs(10), submit(writer, batch))
        .await
        .expect("every batch is answered")
        .expect("every batch is answered")
}

fn intent(organization: OrganizationId) -> Intent {
    Intent {
        id: RequestId::new(),
        started_at: NOW,
        user: UserId::new(),
        organization,
        key: KeyId::new(),
        parent_key: None,
        dialect: "anthropic",
        route: "POST /v1/messages",
        provider: Some("anthropic".to_owned()),
        model: Some("claude-opus-4-5".to_owned()),
        client: Some("claude-code"),
        session_id: Some("session-1".to_owned()),
        stream: true,
        request_bytes: 4321,
        credential: Some(CredentialKind::Central),
        credential_hint: Some("sk-ant-...abcd".to_owned()),
    }
}

fn outcome(id: RequestId, kind: OutcomeKind) -> Outcome {
    Outcome {
        id,
        kind,
        status: Some(200),
        error: None,
        first_byte_ms: Some(120),
        duration_ms: 3400,
        response_bytes: 98_765,
        usage: TokenUsage {
            input_tokens: 10,
            output_tokens: 20,
            cache_read_tokens: 30,
            cache_write_tokens: 40,
            estimated: false,
        },
        upstream_request_id: Some("req_upstream".to_owned()),
        response_id: None,
        notes: None,
    }
}

fn begin(intent: &Intent) -> RecordOp {
    RecordOp::Begin(Arc::new(intent.clone()))
}

fn end(outcome: Outcome) -> RecordOp {
    RecordOp::End(Box::new(outcome))
}

/// A call that succeeded, as one write.
fn whole(intent: Intent) -> RecordOp {
    let outcome = outcome(intent.id, OutcomeKind::Succeeded);
    RecordOp::Whole(Arc::new(intent), Box::new(outcome))
}

async fn all(reader: &RecordsReader, organization: OrganizationId) -> Vec<RequestRecord> {
    let filter = RequestFilter { limit: Some(RequestFilter::MOST), ..Default::default() };
    reader.page(organization, &filter).await.expect("a page").requests
}

async fn only(reader: &RecordsReader, organization: OrganizationId) -> RequestRecord {
    let mut records = all(reader, organization).await;
    assert_eq!(records.len(), 1);
    records.remove(0)
}

/// A connection beside those of the store, to do what no part of the product does.
enum Meddler {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Meddler {
    async fn at(scene: &Scene) -> Self {
        match &scene.database {
            Database::Sqlite { folder } => {
                let options = SqliteConnectOptions::new().filename(folder.join("records.db"));
                Self::Sqlite(options.connect().await.expect("the file opens"))
            }
            Database::Postgres { url } => {
                let options: PgConnectOptions = url.expose().parse().expect("a URL");
                Self::Postgres(options.connect().await.expect("PostgreSQL answers"))
            }
        }
    }

    async fn run(&mut self, sqlite: &'static str, postgres: &'static str) {
        match self {
            Self::Sqlite(open) => drop(sqlx::raw_sql(sqlite).execute(open).await.expect("it obeys")),
            Self::Postgres(open) => drop(sqlx::raw_sql(postgres).execute(open).await.expect("it obeys")),
        }
    }
}
