//! The writer's thread, over rusqlite.

use std::fmt::Write;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use keywright_protocol::Timestamp;
use keywright_protocol::record::{CredentialKind, Intent, Outcome, RecordOp};
use rusqlite::types::ToSql;
use rusqlite::{Connection, Statement, TransactionBehavior};

use super::RecordsMove;
use super::checkpoint::Checkpointer;
use super::group::{Group, storable, storable_option, tokens};
use super::inbox::Inbox;
use super::notes::{NOTE, error_words, shadowed_text};
use super::statement::{
    COLUMNS, COUNT_REFUSALS, DELETE_REFUSALS, DELETE_REQUESTS, END_ROW, INTERRUPT_SERVER, MOVE_REQUESTS,
    ROWS, TURN, insert_rows,
};
use crate::StoreError;

/// The one connection that writes. Its thread has it most of the time; see [`Direct::try_write`].
#[derive(Debug)]
pub(super) struct Direct(Mutex<Option<SqliteWriter>>);

impl Direct {
    /// Writes one beginning or end here and now, and says whether that was done. It is not when somebody
    /// else is writing, when another process holds the file, or when anything fails: the thread has time to
    /// wait, to try again and to tell.
    pub(super) fn try_write(&self, op: &RecordOp) -> bool {
        let Ok(mut place) = self.0.try_lock() else { return false };
        place.as_mut().is_some_and(|writer| writer.write_one(op).unwrap_or(false))
    }

    /// `None` once it is closed.
    fn with<T>(&self, use_it: impl FnOnce(&mut SqliteWriter) -> T) -> Option<T> {
        // A panic in a write has rolled back; the connection is as good as before.
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        place.as_mut().map(use_it)
    }

    fn close(&self) {
        let writer = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            writer.close();
        }
    }
}

/// Opens the file and starts the thread. `server` is the number of this run: [`ALONE`], or in a file that
/// several runs write the one that says which of them a row belongs to.
pub(super) fn start(path: &Path, server: i64, inbox: Inbox) -> Result<Arc<Direct>, StoreError> {
    let unusable = |source| StoreError::Folder { path: path.to_owned(), source };
    let writer = SqliteWriter::open(path, server).map_err(|error| unusable(io::Error::other(error)))?;
    let checkpointer = Checkpointer::start(path).map_err(unusable)?;
    let direct = Arc::new(Direct(Mutex::new(Some(writer))));
    let shared = Arc::clone(&direct);
    std::thread::Builder::new()
        .name("records".to_owned())
        .spawn(move || run(&shared, checkpointer, inbox))
        .map_err(unusable)?;
    Ok(direct)
}

fn run(writer: &Direct, checkpointer: Checkpointer, mut inbox: Inbox) {
    while let Some(batches) = inbox.next_blocking() {
        if !batches.is_empty() {
            let group = batches.iter().flat_map(|batch| batch.ops.iter()).collect();
            if let Some(result) = writer.with(|writer| writer.write(&group)) {
                inbox.answer(batches, result);
            }
        }
        if let Some(before) = inbox.delete_before
            && let Some(deleted) = writer.with(|writer| writer.delete_turn(before))
        {
            inbox.deleted(deleted);
        }
        if let Some(next) = inbox.next_move()
            && let Some(moved) = writer.with(|writer| writer.move_turn(&next))
        {
            inbox.moved(moved);
        }
    }
    checkpointer.stop();
    writer.close();
    inbox.ended();
}

#[derive(Debug)]
struct SqliteWriter {
    connection: Connection,
    server: i64,
    insert_one: String,
    insert_many: String,
}

impl SqliteWriter {
    fn open(path: &Path, server: i64) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(PATIENCE)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "normal")?;
        // Not in the way of a commit: `Checkpointer` does it.
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        // A log that once grew gives its room back when it starts over.
        connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
        if server == ALONE {
            connection.execute(INTERRUPT_SERVER, [ALONE])?;
        }
        Ok(Self { connection, server, insert_one: insert_rows(1), insert_many: insert_rows(ROWS) })
    }

    /// Writes a group, or nothing of it.
    fn write(&mut self, group: &Group<'_>) -> rusqlite::Result<()> {
        // Dropped without a commit it rolls back, also when SQLite has done so by itself (disk full).
        let open = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        begin_rows(&open, &self.insert_many, &self.insert_one, self.server, &group.begins)?;
        if !group.ends.is_empty() {
            let mut end = open.prepare_cached(END_ROW)?;
            for outcome in &group.ends {
                end_row(&mut end, outcome)?;
            }
        }
        for (id, notes) in &group.notes {
            let shadowed = shadowed_text(notes);
            let (kind, code) = error_words(notes);
            let shadowed = storable_option(&shadowed);
            open.prepare_cached(NOTE)?.execute((
                shadowed,
                kind.map(storable),
                code.map(storable),
                id.to_string(),
            ))?;
        }
        if !group.refusals.is_empty() {
            let mut count = open.prepare_cached(COUNT_REFUSALS)?;
            for ((minute, address, code), counted) in &group.refusals {
                count.execute((minute, address.to_string(), code, counted))?;
            }
        }
        open.commit()
    }

    /// Writes a beginning or an end without waiting for anybody; `false` for what takes more than one
    /// statement.
    fn write_one(&mut self, op: &RecordOp) -> rusqlite::Result<bool> {
        self.connection.busy_timeout(Duration::ZERO)?;
        let written = self.write_row(op);
        // Whatever came of it: the thread's writes wait for other processes.
        self.connection.busy_timeout(PATIENCE)?;
        written
    }

    fn write_row(&self, op: &RecordOp) -> rusqlite::Result<bool> {
        match op {
            RecordOp::Begin(intent) => {
                begin_rows(&self.connection, "", &self.insert_one, self.server, &[intent]).map(|()| true)
            }
            RecordOp::End(outcome) if outcome.notes.is_none() => {
                let mut end = self.connection.prepare_cached(END_ROW)?;
                end_row(&mut end, outcome).map(|_| true)
            }
            RecordOp::End(..) | RecordOp::Whole(..) | RecordOp::Unproven { .. } => Ok(false),
        }
    }

    /// Deletes at most [`TURN`] rows; how many it were.
    fn delete_turn(&mut self, before: Timestamp) -> rusqlite::Result<u64> {
        let mut rows = self.connection.prepare_cached(DELETE_REQUESTS)?.execute((TURN, before.0))?;
        if rows == 0 {
            rows = self.connection.prepare_cached(DELETE_REFUSALS)?.execute((before.0, TURN))?;
        }
        Ok(rows as u64)
    }

    /// Moves at most [`TURN`] rows; how many it were.
    fn move_turn(&mut self, asked: &RecordsMove) -> rusqlite::Result<u64> {
        let (to, user, from) = (asked.to.to_string(), asked.user.to_string(), asked.from.to_string());
        let rows = self.connection.prepare_cached(MOVE_REQUESTS)?.execute((to, user, from, TURN))?;
        Ok(rows as u64)
    }

    fn close(self) {
        // Another run may be reading: folding the log is not worth waiting for, the last one does it.
        let _ = self.connection.busy_timeout(Duration::from_millis(100));
        let folded = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        if let Err(error) = folded {
            tracing::warn!(%error, "the log of the records stays beside them until the next start");
        }
    }
}

fn begin_rows(
    open: &Connection,
    many: &str,
    one: &str,
    server: i64,
    intents: &[&Intent],
) -> rusqlite::Result<()> {
    let mut ids = Ids::default();
    let mut insert = |sql, chunks: std::slice::Chunks<'_, &Intent>| {
        let mut insert = open.prepare_cached(sql)?;
        for chunk in chunks {
            for (row, intent) in chunk.iter().enumerate() {
                bind_intent(&mut insert, row * COLUMNS, server, intent, &mut ids)?;
            }
            insert.raw_execute()?;
        }
        Ok(())
    };
    let (whole, rest) = intents.split_at(intents.len() - intents.len() % ROWS);
    insert(many, whole.chunks(ROWS))?;
    insert(one, rest.chunks(1))
}

fn bind_intent(
    insert: &mut Statement<'_>,
    before: usize,
    server: i64,
    intent: &Intent,
    ids: &mut Ids,
) -> rusqlite::Result<()> {
    let [id, organization, user, key, root] = ids.of(intent);
    let provider = storable_option(&intent.provider);
    let model = storable_option(&intent.model);
    let session = storable_option(&intent.session_id);
    let hint = storable_option(&intent.credential_hint);
    let values: [&dyn ToSql; COLUMNS] = [
        &id,
        &server,
        &organization,
        &user,
        &key,
        &root,
        &intent.started_at.0,
        &intent.dialect,
        &intent.route,
        &provider.as_deref(),
        &model.as_deref(),
        &intent.client,
        &session.as_deref(),
        &intent.stream,
        &intent.request_bytes,
        &intent.credential.map(CredentialKind::as_str),
        &hint.as_deref(),
    ];
    for (place, value) in values.into_iter().enumerate() {
        insert.raw_bind_parameter(before + place + 1, value)?;
    }
    Ok(())
}

fn end_row(end: &mut Statement<'_>, outcome: &Outcome) -> rusqlite::Result<usize> {
    end.execute((
        outcome.kind.as_str(),
        outcome.status,
        outcome.error.map(|code| code.as_str()),
        outcome.first_byte_ms,
        outcome.duration_ms,
        outcome.response_bytes,
        tokens(outcome.usage.input_tokens),
        tokens(outcome.usage.output_tokens),
        tokens(outcome.usage.cache_read_tokens),
        tokens(outcome.usage.cache_write_tokens),
        outcome.usage.estimated,
        outcome.upstream_request_id.as_deref().map(storable),
        outcome.response_id.as_deref().map(storable),
        outcome.id.to_string(),
    ))
}

/// The number of a server whose file is its own.
pub(super) const ALONE: i64 = 0;

/// The ids of a row as text, in a buffer that all rows share.
#[derive(Default)]
struct Ids(String);

impl Ids {
    /// Request, organization, user, key, and the key that it is a child of or itself.
    fn of(&mut self, intent: &Intent) -> [&str; 5] {
        let root = intent.parent_key.unwrap_or(intent.key);
        self.0.clear();
        // Writing to a String cannot fail.
        let _ = write!(self.0, "{}{}{}{}{}", intent.id, intent.organization, intent.user, intent.key, root);
        std::array::from_fn(|place| &self.0[place * ID_LENGTH..][..ID_LENGTH])
    }
}

const ID_LENGTH: usize = 36;

/// How long a group waits for another process. Below the five seconds after which a final commit counts as
/// failed.
const PATIENCE: Duration = Duration::from_secs(4);

#[cfg(test)]
mod tests {
    use keywright_protocol::record::{Notes, OutcomeKind};
    use keywright_protocol::wire::{TokenUsage, UpstreamError};
    use keywright_protocol::{ErrorCode, KeyId, OrganizationId, RequestId, UserId};

    use super::*;
    use crate::records::statement::SCHEMA;

    fn opened(folder: &tempfile::TempDir) -> SqliteWriter {
        let path = folder.path().join("records.db");
        Connection::open(&path).expect("opens").execute_batch(SCHEMA).expect("the schema");
        SqliteWriter::open(&path, ALONE).expect("opens")
    }

    fn begun(at: i64) -> RecordOp {
        RecordOp::Begin(Arc::new(Intent {
            id: RequestId::new(),
            started_at: Timestamp(at),
            user: UserId::new(),
            organization: OrganizationId::new(),
            key: KeyId::new(),
            parent_key: None,
            dialect: "openai",
            route: "POST /v1/responses",
            provider: None,
            model: Some("m".repeat(500)),
            client: None,
            session_id: None,
            stream: false,
            request_bytes: 0,
            credential: None,
            credential_hint: None,
        }))
    }

    fn refused(minute: i64) -> RecordOp {
        RecordOp::Unproven {
            address: [127, 0, 0, 1].into(),
            error: ErrorCode::KeyMissing,
            at: Timestamp(minute * 60_000),
        }
    }

    fn ended(begun: &RecordOp, notes: Option<Box<Notes>>) -> RecordOp {
        let RecordOp::Begin(intent) = begun else { panic!("no beginning") };
        RecordOp::End(Box::new(Outcome {
            id: intent.id,
            kind: OutcomeKind::UpstreamError,
            status: Some(529),
            error: None,
            first_byte_ms: None,
            duration_ms: 1,
            response_bytes: 0,
            usage: TokenUsage::default(),
            upstream_request_id: None,
            response_id: None,
            notes,
        }))
    }

    fn rows(writer: &SqliteWriter) -> i64 {
        let count = "SELECT (SELECT COUNT(*) FROM requests) + (SELECT COUNT(*) FROM refusals)";
        writer.connection.query_row(count, [], |row| row.get(0)).expect("a count")
    }

    #[test]
    fn a_full_disk_keeps_nothing_of_the_group_and_later_ones_are_written() {
        let folder = tempfile::tempdir().expect("folder");
        let mut writer = opened(&folder);
        let ops: Vec<_> = (0..500).map(begun).collect();
        writer.write(&ops[..9].iter().collect()).expect("written");
        writer.connection.pragma_update(None, "max_page_count", 40).expect("set");
        let error = writer.write(&ops[9..].iter().collect()).expect_err("full");
        assert_eq!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::DiskFull));
        assert_eq!(rows(&writer), 9);
        writer.connection.pragma_update(None, "max_page_count", 1_000_000).expect("set");
        writer.write(&ops[9..].iter().collect()).expect("there is room again");
        assert_eq!(rows(&writer), 500);
    }

    #[test]
    fn a_single_row_is_written_at_once_or_left_to_the_thread() {
        let folder = tempfile::tempdir().expect("folder");
        let direct = Direct(Mutex::new(Some(opened(&folder))));
        let count = || direct.with(|writer| rows(writer)).expect("open");
        assert!(direct.try_write(&begun(1)));
        assert!(!direct.try_write(&refused(1)), "not one statement of one row");
        assert_eq!(count(), 1);
        {
            let _held = direct.0.lock().expect("free");
            assert!(!direct.try_write(&begun(2)), "somebody is writing");
        }
        let other = Connection::open(folder.path().join("records.db")).expect("opens");
        other.execute_batch("BEGIN IMMEDIATE").expect("another process writes");
        let before = std::time::Instant::now();
        assert!(!direct.try_write(&begun(3)));
        assert!(before.elapsed() < PATIENCE, "it does not wait");
        other.execute_batch("COMMIT").expect("done");
        assert!(direct.try_write(&begun(4)));
        assert_eq!(count(), 2);
        direct.close();
        assert!(!direct.try_write(&begun(5)));
    }

    #[test]
    fn a_row_that_cannot_be_written_at_once_leaves_the_thread_its_patience() {
        let folder = tempfile::tempdir().expect("folder");
        let mut writer = opened(&folder);
        let first = begun(1);
        assert!(writer.write_one(&first).expect("written"));
        writer.connection.execute_batch("ALTER TABLE requests RENAME TO gone").expect("renamed");
        writer.write_one(&ended(&first, None)).expect_err("there is no such table");
        let patience = "PRAGMA busy_timeout";
        let left: i64 = writer.connection.query_row(patience, [], |row| row.get(0)).expect("a time");
        assert_eq!(u128::try_from(left).expect("a time"), PATIENCE.as_millis());
    }

    #[test]
    fn an_end_with_notes_is_left_to_the_thread_which_writes_both() {
        let folder = tempfile::tempdir().expect("folder");
        let direct = Direct(Mutex::new(Some(opened(&folder))));
        let (first, second) = (begun(1), begun(2));
        assert!(direct.try_write(&first) && direct.try_write(&second));
        let error = UpstreamError { kind: Some("overloaded_error".to_owned()), code: None };
        let noted = ended(&first, Notes::of(Vec::new(), Some(error)));
        assert!(!direct.try_write(&noted), "a second statement");
        assert!(direct.try_write(&ended(&second, None)));
        let left = "SELECT COUNT(*) FROM requests WHERE outcome = 'running'";
        let told = "SELECT COUNT(*) FROM requests WHERE upstream_error_type = 'overloaded_error'";
        direct.with(|writer| {
            let count = |sql| writer.connection.query_row(sql, [], |row| row.get(0)).expect("a count");
            assert_eq!((count(left), count(told)), (1, 0));
        });
        direct.with(|writer| {
            writer.write(&[&noted].into_iter().collect()).expect("written");
            let count = |sql| writer.connection.query_row(sql, [], |row| row.get(0)).expect("a count");
            assert_eq!((count(left), count(told)), (0, 1));
        });
    }

    #[test]
    fn a_turn_of_deletion_is_bounded_and_stops_at_what_is_newer() {
        let folder = tempfile::tempdir().expect("folder");
        let mut writer = opened(&folder);
        let mut ops: Vec<_> = (0..2300).map(begun).collect();
        ops.extend((0..1200).map(|minute| refused(minute - 1200)));
        ops.push(refused(1));
        writer.write(&ops.iter().collect()).expect("written");
        let turns: Vec<u64> = (0..7).map(|_| writer.delete_turn(Timestamp(2290)).expect("a turn")).collect();
        assert_eq!(turns, [1000, 1000, 290, 1000, 200, 0, 0]);
        assert_eq!(rows(&writer), 11);
    }

    #[test]
    fn every_size_of_group_is_written_whole() {
        let folder = tempfile::tempdir().expect("folder");
        let mut writer = opened(&folder);
        let mut written = 0;
        for size in 0..=2 * ROWS + 1 {
            let ops: Vec<_> = (0..size).map(|_| begun(0)).collect();
            writer.write(&ops.iter().collect()).expect("written");
            written += size as i64;
            assert_eq!(rows(&writer), written);
        }
    }
}
