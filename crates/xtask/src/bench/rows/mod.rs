//! The rows of the table.

mod calls;
mod command_line;
mod durable;
mod idle;
mod refusals;
mod sign_ins;
mod signups;
mod stored;
mod streams;

use super::Fallible;
use super::scene::Bench;
use super::table::Measure;

/// A row.
pub(crate) struct Row {
    /// Its number in the table of goals.
    pub(crate) id: &'static str,
    /// What it is about.
    pub(crate) figure: &'static str,
    /// Measures it.
    pub(super) measure: fn(&Bench) -> Fallible<Vec<Measure>>,
}

/// All rows, in the order of the table.
pub(crate) const ROWS: &[Row] = &[
    row("G1", "CPU per request, 1 KiB, 64 connections", calls::small),
    row("G4", "CPU per request, body of 128 KiB, 64 connections", calls::large),
    row("G5", "added p50, 1 connection", calls::latency),
    row("G6", "added p99 at 500 requests a second", calls::tail),
    row("G7", "streaming, usage counted: CPU per event", streams::paced_cost),
    row("G8", "burst events a second", streams::burst),
    row("G9", "paced stream: added time to first event, added delay", streams::paced_delay),
    row("G10", "resident memory", idle::memory),
    row("G11", "9,500 idle streams", idle::streams),
    row("G12", "tokens stored, 1,000 to 1,000,000", stored::tokens),
    row("G13", "records stored, 0 to 10 million", stored::records),
    row("G19", "process start to first answered request", command_line::start),
    row("G20", "durable key create and revoke over HTTP", durable::keys),
    row("G21", "refusing a bad token", refusals::bad_token),
    row("G22", "command line without network", command_line::commands),
    row("M1", "1,000 sign-ups by mailbox code, end to end", signups::end_to_end),
    row("M2", "checking a mailbox code", signups::check),
    row("M3", "letting an application in: codes issued", sign_ins::codes),
    row("M4", "token endpoint", sign_ins::tokens),
    row("M5", "introspection", sign_ins::introspection),
];

const fn row(id: &'static str, figure: &'static str, measure: fn(&Bench) -> Fallible<Vec<Measure>>) -> Row {
    Row { id, figure, measure }
}

/// The numbers of all rows.
pub(crate) fn names() -> String {
    ROWS.iter().map(|row| row.id).collect::<Vec<_>>().join(", ")
}
