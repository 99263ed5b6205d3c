//! Rows by the million, in SQLite files that no server has open: copies of a row that is there.

use std::path::Path;

use keywright_protocol::{Clock, KeyId, SystemClock};
use keywright_secret::TokenHash;
use rusqlite::{Connection, params};

use crate::database::{IDENTITY_FILE, RECORDS_FILE};

/// Copies the token with the hash `pattern` for each of `tokens`.
///
/// # Panics
/// When there is no such token, or the file cannot be written.
pub fn fill_tokens(folder: &Path, pattern: &TokenHash, tokens: impl IntoIterator<Item = (KeyId, TokenHash)>) {
    let mut connection = Connection::open(folder.join(IDENTITY_FILE)).expect("the identity database");
    connection.execute(PATTERN_TOKEN, [pattern.as_bytes()]).expect("a token to copy");
    let sql = copy(&connection, "tokens", &[("id", "?1"), ("hash", "?2"), ("name", "?1")]);
    let open = connection.transaction().expect("a transaction");
    {
        let mut insert = open.prepare(&sql).expect("a statement");
        for (id, hash) in tokens {
            let copied = insert.execute(params![id.to_string(), hash.as_bytes()]).expect("a row");
            assert_eq!(copied, 1, "there is no token to copy");
        }
    }
    open.commit().expect("committed");
}

/// Copies the newest record `count` times, as calls of the last day.
///
/// # Panics
/// When there is no record, or the file cannot be written.
pub fn fill_records(folder: &Path, count: usize) {
    let mut connection = Connection::open(folder.join(RECORDS_FILE)).expect("the records");
    connection.execute(PATTERN_RECORD, []).expect("a record to copy");
    // As in a UUID of version 7, the milliseconds come first.
    let id = "printf('req_%012x7%03x8%015x', ?1, ?2 & 4095, ?2)";
    let sql = copy(&connection, "requests", &[("id", id), ("started_at", "?1")]);
    let (now, count) = (SystemClock.now().0, i64::try_from(count).expect("a number of rows"));
    for begin in (0..count).step_by(TURN) {
        // In turns, so that the log beside the file does not become as large as the file.
        let open = connection.transaction().expect("a transaction");
        {
            let mut insert = open.prepare(&sql).expect("a statement");
            for number in begin..count.min(begin + TURN as i64) {
                let at = now - DAY + DAY * number / count;
                assert_eq!(insert.execute([at, number]).expect("a row"), 1, "there is no record to copy");
            }
        }
        open.commit().expect("committed");
    }
}

/// The statement that copies the one row of `pattern` into `table`, but for the columns that are `given`.
fn copy(connection: &Connection, table: &str, given: &[(&str, &str)]) -> String {
    let mut names = connection.prepare(COLUMNS).expect("a statement");
    let names: Vec<String> =
        names.query_map([table], |row| row.get(0)).and_then(Iterator::collect).expect("the columns");
    let values: Vec<&str> = names
        .iter()
        .map(|name| given.iter().find(|(of, _)| of == name).map_or(name.as_str(), |(_, value)| *value))
        .collect();
    format!("INSERT INTO {table} ({}) SELECT {} FROM pattern", names.join(", "), values.join(", "))
}

const TURN: usize = 200_000;
/// In milliseconds.
const DAY: i64 = 24 * 60 * 60 * 1000;

const PATTERN_TOKEN: &str = "CREATE TEMP TABLE pattern AS SELECT * FROM tokens WHERE hash = ?";
const PATTERN_RECORD: &str = "CREATE TEMP TABLE pattern AS SELECT * FROM requests ORDER BY id DESC LIMIT 1";
const COLUMNS: &str = "SELECT name FROM pragma_table_info(?)";
