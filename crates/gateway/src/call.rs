//! One call and its record: begun at most once, ended exactly once, whatever happens to it.

use std::rc::Rc;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use keywright_protocol::record::{Intent, Notes, Outcome, OutcomeKind, RecordOp};
use keywright_protocol::wire::{ShadowedCredential, UpstreamError};
use keywright_protocol::{ApiError, ErrorCode};
use keywright_providers::Dialect;
use metrics::Counter;
use tokio::time::timeout;

use crate::meter::Reading;
use crate::traits::{Committed, NotRecorded, Recorder};

/// A call by a known caller. When it is dropped without an end, the client has left.
pub(crate) struct Call {
    recorder: Rc<dyn Recorder>,
    started: Instant,
    /// What is known so far; handed over when the call is begun or refused.
    pub(crate) intent: Arc<Intent>,
    begun: bool,
    ended: bool,
    /// Own provider credentials that came along and are not used.
    pub(crate) shadowed: Vec<ShadowedCredential>,
    /// What is seen of the answer.
    pub(crate) seen: Seen,
}

/// What is seen of an answer as it passes.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) status: Option<u16>,
    pub(crate) upstream_request_id: Option<String>,
    pub(crate) first_byte_ms: Option<i64>,
    pub(crate) response_bytes: i64,
    pub(crate) upstream_error: Option<UpstreamError>,
}

impl Call {
    /// A call whose end can be recorded; `None` when the recorder has no place for it.
    pub(crate) fn new(recorder: Rc<dyn Recorder>, started: Instant, intent: Intent) -> Option<Self> {
        recorder.reserve().then(|| Self {
            recorder,
            started,
            intent: Arc::new(intent),
            begun: false,
            ended: false,
            shadowed: Vec::new(),
            seen: Seen::default(),
        })
    }

    /// What is known so far, to add to it. To be used before the call is begun: then nobody shares it.
    pub(crate) fn intent_mut(&mut self) -> &mut Intent {
        Arc::make_mut(&mut self.intent)
    }

    /// Records that the call is about to be sent on.
    pub(crate) async fn begin(&mut self) -> Result<(), NotRecorded> {
        let committed = self.recorder.record(RecordOp::Begin(Arc::clone(&self.intent)));
        timeout(COMMIT_TIME, committed).await.unwrap_or(Err(NotRecorded))?;
        self.begun = true;
        Ok(())
    }

    /// Notes that bytes of the answer's body pass.
    pub(crate) fn pass(&mut self, bytes: usize) {
        if self.seen.first_byte_ms.is_none() {
            self.seen.first_byte_ms = Some(self.elapsed());
        }
        self.seen.response_bytes += i64::try_from(bytes).unwrap_or(i64::MAX);
    }

    /// Records that the call was refused or failed with an answer of our own.
    pub(crate) fn fail(&mut self, error: &ApiError) -> Committed {
        self.seen.status = Some(error.code.status());
        let kind = match error.code {
            ErrorCode::KeyRevoked if self.begun => OutcomeKind::Revoked,
            _ if error.code.as_str().starts_with("UPSTREAM_") => OutcomeKind::UpstreamError,
            _ => OutcomeKind::Refused,
        };
        self.end(kind, Some(error.code), Reading::default())
    }

    /// Records how the call ended.
    pub(crate) fn end(&mut self, kind: OutcomeKind, error: Option<ErrorCode>, reading: Reading) -> Committed {
        debug_assert!(!self.ended, "a call ends once");
        self.ended = true;
        let outcome = Box::new(Outcome {
            id: self.intent.id,
            kind,
            status: self.seen.status,
            error,
            first_byte_ms: self.seen.first_byte_ms,
            duration_ms: self.elapsed(),
            response_bytes: self.seen.response_bytes,
            usage: reading.usage,
            upstream_request_id: self.seen.upstream_request_id.take(),
            response_id: reading.response_id,
            notes: Notes::of(std::mem::take(&mut self.shadowed), self.seen.upstream_error.take()),
        });
        count(self.intent.dialect, kind);
        self.recorder.record(if self.begun {
            RecordOp::End(outcome)
        } else {
            RecordOp::Whole(Arc::clone(&self.intent), outcome)
        })
    }

    /// Whether its end has been recorded.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    fn elapsed(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.ended {
            // Nobody is left to wait for it; the write happens all the same.
            drop(self.end(OutcomeKind::ClientAborted, None, Reading::default()));
        }
    }
}

fn count(dialect: &'static str, kind: OutcomeKind) {
    let place =
        |(counted, outcome, _): &&(&str, OutcomeKind, Counter)| *counted == dialect && *outcome == kind;
    if let Some((_, _, counter)) = COUNTERS.iter().find(place) {
        counter.increment(1);
    }
}

/// One for each dialect and outcome: looking one up by its labels costs more than all else in a count.
static COUNTERS: LazyLock<Vec<(&'static str, OutcomeKind, Counter)>> = LazyLock::new(|| {
    let counter = |dialect: Dialect, kind: OutcomeKind| {
        let (dialect, outcome) = (dialect.as_str(), kind.as_str());
        let counter =
            metrics::counter!("keywright_requests_total", "dialect" => dialect, "outcome" => outcome);
        (dialect, kind, counter)
    };
    let kinds = |dialect| OutcomeKind::ALL.map(|kind| counter(dialect, kind));
    Dialect::ALL.into_iter().flat_map(kinds).collect()
});

/// How long a call waits for a record.
pub(crate) const COMMIT_TIME: Duration = Duration::from_secs(5);
