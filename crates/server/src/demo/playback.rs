//! Bodies that are played: pieces, pauses, and the faults that were ordered.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use keywright_providers::Dialect;
use serde_json::Value;
use tokio::time::Sleep;

use super::orders::Orders;
use super::turn;
use super::wire::Wire;

/// The body of an answer. It ends in an error when a cut was ordered, so that the connection breaks.
pub type DemoBody = BoxBody<Bytes, io::Error>;

/// An answer in one piece with nothing wrong about it.
pub(super) fn json(dialect: Dialect, value: &Value) -> Response<DemoBody> {
    whole(dialect, value, &Orders::default())
}

/// An answer in one piece.
pub(super) fn whole(dialect: Dialect, value: &Value, orders: &Orders) -> Response<DemoBody> {
    let bytes = Bytes::from(value.to_string());
    let steps = if orders.silent {
        vec![Step::Silence]
    } else if orders.cut {
        broken(&bytes)
    } else {
        vec![Step::Send(bytes)]
    };
    respond(dialect, "application/json", steps)
}

/// An answer as a stream of events.
pub(super) fn stream(wire: &impl Wire, events: Vec<Bytes>, orders: &Orders) -> Response<DemoBody> {
    let gap = orders.gap.unwrap_or(USUAL_GAP);
    let half = events.len() / 2;
    let mut steps = Vec::with_capacity(events.len() * 2);
    for (index, event) in events.into_iter().enumerate() {
        if orders.cut && index == half {
            steps.extend(broken(&event));
            break;
        }
        steps.push(Step::Send(event));
        steps.push(Step::Wait(gap));
    }
    if orders.silent {
        steps = vec![Step::Silence];
    }
    let mut response = respond(wire.dialect(), wire.stream_type(), steps);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// Half of `bytes`, and then the end of the connection.
fn broken(bytes: &Bytes) -> Vec<Step> {
    // The pause lets the half go out: what is not yet written when a body fails is thrown away.
    vec![Step::Send(bytes.slice(..bytes.len() / 2)), Step::Wait(USUAL_GAP), Step::Break]
}

fn respond(dialect: Dialect, media_type: &'static str, steps: Vec<Step>) -> Response<DemoBody> {
    let mut response = Response::new(Playback { steps: steps.into(), pause: None }.boxed());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    let request_id = match dialect {
        Dialect::Anthropic => Some("request-id"),
        Dialect::OpenAi => Some("x-request-id"),
        Dialect::Gemini => None,
    };
    if let Some((name, id)) = request_id.zip(HeaderValue::from_str(&turn::id("req_")).ok()) {
        headers.insert(name, id);
    }
    response
}

enum Step {
    Send(Bytes),
    Wait(Duration),
    Break,
    Silence,
}

struct Playback {
    steps: VecDeque<Step>,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Body for Playback {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        loop {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(context));
                self.pause = None;
            }
            match self.steps.pop_front() {
                None => return Poll::Ready(None),
                Some(Step::Send(bytes)) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Some(Step::Wait(length)) => self.pause = Some(Box::pin(tokio::time::sleep(length))),
                Some(Step::Break) => {
                    self.steps.clear();
                    let broken = io::Error::new(io::ErrorKind::ConnectionAborted, "cut as ordered");
                    return Poll::Ready(Some(Err(broken)));
                }
                Some(Step::Silence) => {
                    // Nobody wakes this: it ends when the caller leaves.
                    self.steps.push_front(Step::Silence);
                    return Poll::Pending;
                }
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        let mut total = 0;
        for step in &self.steps {
            match step {
                Step::Send(bytes) => total += bytes.len() as u64,
                Step::Wait(_) | Step::Break | Step::Silence => return SizeHint::default(),
            }
        }
        SizeHint::with_exact(total)
    }
}

const USUAL_GAP: Duration = Duration::from_millis(20);
