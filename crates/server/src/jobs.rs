//! What is done now and then: accounts that are over are swept, last uses are written, old records and mails go.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use keywright_identity::Identity;
use keywright_protocol::{Clock, Timestamp};
use keywright_store::RecordsWriter;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::mail::Outbox;

/// The jobs; they end when this is dropped.
pub(crate) struct Jobs {
    identity: Identity,
    _running: JoinSet<()>,
}

impl Jobs {
    /// Starts them on the current runtime.
    pub(crate) fn start(
        identity: &Identity,
        writer: &RecordsWriter,
        outbox: Outbox,
        clock: &Arc<dyn Clock>,
        retention: Option<Duration>,
    ) -> Self {
        let mut running = JoinSet::new();
        let sweeping = identity.clone();
        running.spawn(every(SWEEP, move || sweep(sweeping.clone())));
        let flushing = identity.clone();
        running.spawn(every(LAST_USED, move || flush(flushing.clone())));
        let wiping = identity.clone();
        running.spawn(every(WIPE, move || wipe(wiping.clone())));
        running.spawn(move_records(identity.clone(), writer.clone()));
        let of_mails = Arc::clone(clock);
        running.spawn(every(OUTBOX, move || sweep_outbox(outbox.clone(), of_mails.now())));
        if let Some(retention) = retention {
            let (writer, clock) = (writer.clone(), Arc::clone(clock));
            let kept = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
            running.spawn(every(RETENTION, move || {
                writer.delete_older_than(clock.now().plus_millis(-kept));
                std::future::ready(())
            }));
        }
        Self { identity: identity.clone(), _running: running }
    }

    /// Ends them, and writes what only memory knows.
    pub(crate) async fn end(self) {
        flush(self.identity.clone()).await;
    }
}

async fn every<F: Future<Output = ()>>(period: Duration, mut job: impl FnMut() -> F) {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        job().await;
    }
}

async fn sweep(identity: Identity) {
    match identity.sweep().await {
        Ok(0) => {}
        Ok(count) => tracing::info!("swept {count} accounts and tokens whose time was over"),
        Err(error) => tracing::warn!("what is over cannot be swept: {error}"),
    }
}

/// Lets records follow accounts that became part of others: at once when that was decided here, within a
/// minute when it was elsewhere.
async fn move_records(identity: Identity, writer: RecordsWriter) {
    loop {
        match identity.record_moves().await {
            Ok(moves) => moves.into_iter().for_each(|next| writer.move_records(next)),
            Err(error) => tracing::warn!("what records are to move cannot be read: {error}"),
        }
        // Late or early, the next turn asks for everything again.
        let _ = timeout(SWEEP, identity.moves_decided()).await;
    }
}

async fn sweep_outbox(outbox: Outbox, now: Timestamp) {
    match outbox.sweep(now).await {
        Ok(0) => {}
        Ok(count) => tracing::info!("removed {count} files from the outbox that were too old"),
        Err(error) => tracing::warn!("old mails cannot be removed from the outbox: {error}"),
    }
}

async fn wipe(identity: Identity) {
    if let Err(error) = identity.wipe_refresh_answers().await {
        tracing::warn!("answers that were kept for repeated refreshes cannot be wiped: {error}");
    }
}

async fn flush(identity: Identity) {
    if let Err(error) = identity.flush_last_used().await {
        tracing::warn!(error = &error as &(dyn std::error::Error + 'static), "last uses cannot be written");
    }
}

const SWEEP: Duration = Duration::from_secs(60);
/// Answers are given again for 10 s, and gone a moment later.
const WIPE: Duration = Duration::from_secs(2);
/// Last uses are at most 60 s behind; the rest of the minute is for a slow database.
const LAST_USED: Duration = Duration::from_secs(20);
const OUTBOX: Duration = Duration::from_secs(600);
const RETENTION: Duration = Duration::from_secs(600);
