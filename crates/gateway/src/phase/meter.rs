//! Phase 7: the answer passes, is counted, and is recorded.
//!
//! A body that is polled and never pumped: each frame goes on as it came. The end of the answer is
//! held back until its record is committed: from the dialect's terminal event on, or the last frame
//! under a Content-Length, or the end of the stream. A stream that broke stays broken.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use hyper::body::Incoming;
use keywright_protocol::record::OutcomeKind;
use keywright_protocol::{ApiError, ErrorCode};
use keywright_providers::Dialect;
use tokio::sync::futures::OwnedNotified;
use tokio::time::{Instant, Sleep, Timeout, timeout};

use crate::call::{COMMIT_TIME, Call};
use crate::meter::{Meter, Reading};
use crate::phase::permit::Permit;
use crate::pool::Lease;
use crate::respond;
use crate::traits::Committed;
use crate::usage::Size;

/// An answer on its way down.
pub(crate) struct Relay {
    /// Gone once nothing more is wanted of it; dropped unread it closes its connection.
    upstream: Option<Incoming>,
    /// What was read of it before the head was given out.
    first: Option<Frame<Bytes>>,
    lease: Option<Lease>,
    call: Call,
    meter: Meter,
    metered: bool,
    dialect: Dialect,
    permit: Permit,
    died: Pin<Box<OwnedNotified>>,
    silence: Pin<Box<Sleep>>,
    idle_timeout: Duration,
    last_heard: Instant,
    /// Since when a frame has been waiting for the client to take it.
    offered_at: Option<Instant>,
    /// Bytes still to come, when the upstream said how many there are.
    left: Option<u64>,
    /// How the call ended, if it ends well.
    good_end: OutcomeKind,
    gathered: Gathered,
    state: State,
}

/// What has been looked at and goes down next.
#[derive(Default)]
struct Gathered {
    first: Bytes,
    /// All of it, once it is more than one piece.
    block: BytesMut,
    /// Whether the last piece came so soon after the one before that one read may have brought both.
    bursting: bool,
    /// How often the upstream had nothing more since the last piece came.
    waits: u8,
}

impl Gathered {
    fn add(&mut self, data: Bytes) {
        if self.is_empty() {
            self.first = data;
        } else if !data.is_empty() {
            self.block.extend_from_slice(&std::mem::take(&mut self.first));
            self.block.extend_from_slice(&data);
        }
    }

    fn is_empty(&self) -> bool {
        self.first.is_empty() && self.block.is_empty()
    }

    fn is_full(&self) -> bool {
        self.first.len() + self.block.len() >= MOST_GATHERED
    }

    fn take(&mut self) -> Option<Bytes> {
        if self.is_empty() {
            return None;
        }
        let Self { first, block, .. } = std::mem::take(self);
        Some(if block.is_empty() { first } else { block.freeze() })
    }
}

enum State {
    Flowing,
    /// The end is held back until its record is committed.
    Committing(Pin<Box<Timeout<Committed>>>, Option<Bytes>),
    /// The record is committed; what is left goes on unwatched.
    Draining,
    /// The answer ends broken: after the event if there is one, and once what was written is flushed.
    Breaking {
        event: Option<Bytes>,
        flushed: bool,
    },
    Done,
}

/// Why an answer ends broken.
#[derive(Debug, thiserror::Error)]
#[error("the answer broke off: {}", .0.as_str())]
pub struct Broken(ErrorCode);

/// What an answer is watched for.
pub(crate) struct Watch {
    pub(crate) meter: Meter,
    /// Whether tokens are counted.
    pub(crate) metered: bool,
    pub(crate) dialect: Dialect,
    pub(crate) permit: Permit,
    pub(crate) idle_timeout: Duration,
    /// How the call ended, if it ends well.
    pub(crate) good_end: OutcomeKind,
}

impl Relay {
    /// An answer of which nothing, or `first`, has been read.
    pub(crate) fn new(
        upstream: Incoming,
        first: Option<Frame<Bytes>>,
        lease: Lease,
        call: Call,
        watch: Watch,
    ) -> Self {
        let Watch { meter, metered, dialect, permit, idle_timeout, good_end } = watch;
        let read = first.as_ref().and_then(Frame::data_ref).map_or(0, Bytes::len) as u64;
        Self {
            left: upstream.size_hint().exact().map(|left| left + read),
            upstream: Some(upstream),
            first,
            lease: Some(lease),
            offered_at: None,
            call,
            meter,
            metered,
            dialect,
            died: Box::pin(permit.principal.liveness.died()),
            permit,
            silence: Box::pin(tokio::time::sleep(idle_timeout)),
            idle_timeout,
            last_heard: Instant::now(),
            good_end,
            gathered: Gathered::default(),
            state: State::Flowing,
        }
    }

    /// Ready when something is gathered that should go down now, or when the state has changed.
    fn poll_flowing(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.died.as_mut().poll(cx).is_ready() || self.permit.stands().is_err() {
            self.cut(OutcomeKind::Revoked, ErrorCode::KeyRevoked);
            return Poll::Ready(());
        }
        loop {
            match self.poll_upstream(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    let now = Instant::now();
                    // Never before the first piece: nobody waits for that one longer than he must.
                    let follows = self.call.seen.first_byte_ms.is_some();
                    self.gathered.bursting = follows && now - self.last_heard < LONGEST_TURN;
                    self.last_heard = now;
                    self.take(frame);
                    if !matches!(self.state, State::Flowing) || self.gathered.is_full() {
                        return Poll::Ready(());
                    }
                    self.gathered.waits = 0;
                }
                Poll::Ready(Some(Err(_))) => {
                    // Agents retry a stream that breaks; an event of ours, or a clean end, would pass for more.
                    self.end(OutcomeKind::Cut, Some(ErrorCode::UpstreamReset));
                    self.hang_up();
                    self.state = State::Breaking { event: None, flushed: false };
                    return Poll::Ready(());
                }
                Poll::Ready(None) => {
                    self.give_lease_back();
                    self.commit(None);
                    return Poll::Ready(());
                }
                Poll::Pending if self.gathered.is_empty() => {
                    ready!(self.poll_silence(cx));
                    self.cut(OutcomeKind::Cut, ErrorCode::UpstreamTimeout);
                    return Poll::Ready(());
                }
                Poll::Pending if !self.gathered.bursting || self.gathered.waits >= POLLS_OF_A_TURN => {
                    return Poll::Ready(());
                }
                Poll::Pending => {
                    // hyper hands over one chunk of what it has read at a time, on its own task, which runs
                    // before this one does again. So all that one read brought goes down in one write.
                    self.gathered.waits += 1;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
        }
    }

    /// Passes on what comes after the end is recorded, for a short while: usually nothing but the end of
    /// the body.
    fn poll_draining(&mut self, cx: &mut Context<'_>) -> Poll<Option<Frame<Bytes>>> {
        if self.permit.stands().is_err() || self.silence.as_mut().poll(cx).is_ready() {
            self.hang_up();
        }
        match ready!(self.poll_upstream(cx)) {
            Some(Ok(frame)) => return Poll::Ready(frame.into_data().ok().map(Frame::data)),
            Some(Err(_)) => self.state = State::Breaking { event: None, flushed: false },
            None => {
                self.give_lease_back();
                self.state = State::Done;
            }
        }
        Poll::Ready(None)
    }

    /// Ready when the upstream has been silent for too long. One timer, set anew only when it fires.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.silence.as_mut().poll(cx));
            let deadline = self.last_heard + self.idle_timeout;
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            self.silence.as_mut().reset(deadline);
        }
    }

    /// Looks at a frame, and gathers what of it may pass now.
    fn take(&mut self, frame: Frame<Bytes>) {
        // Trailers are dropped: no model API has any, and they could carry what headers may not.
        let Ok(mut data) = frame.into_data() else { return };
        self.call.pass(data.len());
        let terminal = self.meter.feed(&data);
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(data.len() as u64);
        }
        if let Some(at) = terminal {
            let held = data.split_off(at);
            self.commit(Some(held));
        } else if self.left == Some(0) {
            self.give_lease_back();
            self.commit(Some(std::mem::take(&mut data)));
        }
        self.gathered.add(data);
    }

    /// Records a good end, and holds `held` back until that is committed.
    fn commit(&mut self, held: Option<Bytes>) {
        let reading = self.reading(false);
        let committed = self.call.end(self.good_end, None, reading);
        self.state = State::Committing(Box::pin(timeout(COMMIT_TIME, committed)), held);
    }

    /// Ends the answer here, and says so where a client can read it.
    fn cut(&mut self, kind: OutcomeKind, code: ErrorCode) {
        self.end(kind, Some(code));
        self.hang_up();
        self.break_with(code);
    }

    fn break_with(&mut self, code: ErrorCode) {
        let event = self.meter.between_events().then(|| {
            let intent = &self.call.intent;
            respond::error_event(self.dialect, intent.route, &ApiError::new(code), intent.id)
        });
        self.state = State::Breaking { event, flushed: false };
    }

    fn end(&mut self, kind: OutcomeKind, error: Option<ErrorCode>) {
        let reading = self.reading(true);
        // The client waits for nothing any more; the write happens all the same.
        drop(self.call.end(kind, error, reading));
    }

    fn reading(&self, unfinished: bool) -> Reading {
        if self.metered { read(&self.meter, &self.call, unfinished) } else { Reading::default() }
    }

    /// Looks after an answer that nobody polls: a client that takes nothing keeps neither a revoked call
    /// nor an upstream alive. To be called every half second or so.
    pub(crate) fn look_after(&mut self) {
        let stalled = self.offered_at.is_some_and(|since| since.elapsed() >= LONGEST_STALL);
        match self.state {
            State::Flowing if self.permit.stands().is_err() => {
                self.cut(OutcomeKind::Revoked, ErrorCode::KeyRevoked)
            }
            State::Flowing if stalled => {
                self.end(OutcomeKind::ClientAborted, None);
                self.hang_up();
                self.state = State::Breaking { event: None, flushed: false };
            }
            State::Committing(..) if stalled => self.hang_up(),
            State::Draining if stalled || self.permit.stands().is_err() => self.hang_up(),
            _ => {}
        }
    }

    fn poll_upstream(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        match &mut self.upstream {
            Some(upstream) => Pin::new(upstream).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    /// Ends the upstream's part before its end.
    fn hang_up(&mut self) {
        self.upstream = None;
        self.first = None;
        self.lease = None;
    }

    fn give_lease_back(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.give_back();
        }
    }
}

impl Relay {
    /// As [`Body::poll_frame`].
    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let polled = self.poll_state(cx);
        self.offered_at = matches!(polled, Poll::Ready(Some(Ok(_)))).then(Instant::now);
        polled
    }

    fn poll_state(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = self;
        loop {
            if matches!(this.state, State::Flowing) {
                ready!(this.poll_flowing(cx));
            }
            // What had passed goes before whatever comes now.
            if let Some(data) = this.gathered.take() {
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            match &mut this.state {
                State::Flowing => {}
                State::Committing(committed, held) => match ready!(committed.as_mut().poll(cx)) {
                    Ok(Ok(())) => {
                        let held = held.take().filter(|held| !held.is_empty());
                        this.silence.as_mut().reset(Instant::now() + LONGEST_TAIL);
                        this.state = State::Draining;
                        if let Some(held) = held {
                            return Poll::Ready(Some(Ok(Frame::data(held))));
                        }
                    }
                    // Unrecorded: the end is not given out, and no clean end in its place.
                    Ok(Err(_)) | Err(_) => this.break_with(ErrorCode::AuditUnavailable),
                },
                State::Draining => {
                    if let Some(frame) = ready!(this.poll_draining(cx)) {
                        return Poll::Ready(Some(Ok(frame)));
                    }
                }
                State::Breaking { event, flushed } => {
                    if let Some(event) = event.take() {
                        return Poll::Ready(Some(Ok(Frame::data(event))));
                    }
                    if !*flushed {
                        // hyper flushes when the body has nothing to give, and not before it fails.
                        *flushed = true;
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    this.state = State::Done;
                    return Poll::Ready(Some(Err(Broken(ErrorCode::UpstreamReset))));
                }
                State::Done => return Poll::Ready(None),
            }
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if !self.call.has_ended() {
            // The client left. What had passed is counted.
            let kind = if self.meter.has_ended() { self.good_end } else { OutcomeKind::ClientAborted };
            self.end(kind, None);
        }
    }
}

/// What `meter` makes of an answer that has passed, or of as much as did.
pub(crate) fn read(meter: &Meter, call: &Call, unfinished: bool) -> Reading {
    let mut reading = meter.settle(Size {
        request_bytes: call.intent.request_bytes,
        response_bytes: call.seen.response_bytes,
        events: None,
        unfinished,
    });
    if !call.intent.route.ends_with("/responses") {
        // Ids of messages and completions are nothing that a later call could refer to.
        reading.response_id = None;
    }
    reading
}

/// Pieces of one read come a turn of the loop apart. Those of a model come further apart, and each goes down
/// at once.
const LONGEST_TURN: Duration = Duration::from_micros(500);
/// How often hyper polls a body before it lets other tasks run. A wrong number here costs time, nothing else.
const POLLS_OF_A_TURN: u8 = 2;
/// Pieces as large as this are not worth gathering.
const MOST_GATHERED: usize = 16 * 1024;
/// How long a client may leave a frame untaken.
const LONGEST_STALL: Duration = Duration::from_secs(60);
/// How long an upstream may go on after its last event.
const LONGEST_TAIL: Duration = Duration::from_secs(5);
