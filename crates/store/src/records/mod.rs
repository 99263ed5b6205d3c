//! Request records: one row per proxied call, written in groups, read newest first.
//!
//! - [`RecordsWriter`] takes batches from the loops of the data plane without ever blocking them. One
//!   thread (SQLite) or one task (PostgreSQL) commits all that waits in one transaction and only then
//!   says so to each batch.
//! - [`RecordsReader`] answers the lists. It never shows one organization what belongs to another.
//!
//! [`LocalRecords`] is a file of its own for local mode, which several processes write at a time.
//!
//! On SQLite the records have a file of their own, so that recording never waits on identity. It is
//! written by rusqlite, not sqlx: a third of the time for each row, and this is the one statement that
//! every call pays for.
//!
//! Committed means: survives `kill -9` of the server, not the loss of power.

mod checkpoint;
mod group;
mod inbox;
mod local;
mod moves;
mod notes;
mod postgres;
mod reader;
mod row;
mod sqlite;
mod statement;
mod writer;

pub use local::LocalRecords;
pub use moves::RecordsMove;
#[cfg(any(test, feature = "testing"))]
pub(crate) use moves::STATEMENTS as MOVE_STATEMENTS;
pub use reader::{
    OutcomeFilter, RecordedCall, RecordsOf, RecordsReader, RefusalCount, RequestFilter, UnknownOutcome,
};
pub use writer::{RecordsFailure, RecordsWriter, SLOTS, Slot};
