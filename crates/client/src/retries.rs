//! When a call is made again, and after what wait.

use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{Method, Response};
use keywright_dial::DialError;

use crate::ClientError;

/// How patient a client is. One that was not told otherwise makes each call once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// How often a call is made again at most.
    pub times: u32,
    /// The longest wait between two. A server that asks for a longer one gets no second call: its refusal is
    /// the answer.
    pub longest_wait: Duration,
}

impl Default for Retries {
    /// Three times, half a minute at most between two.
    fn default() -> Self {
        Self { times: 3, longest_wait: Duration::from_secs(30) }
    }
}

impl Retries {
    /// Each call once.
    pub const NONE: Self = Self { times: 0, longest_wait: Duration::ZERO };

    /// How long to wait before the call is made again; `None` when it is not. `made` says how often it was
    /// made again already.
    pub(crate) fn wait(
        &self,
        made: u32,
        method: &Method,
        outcome: &Result<Response<Bytes>, ClientError>,
    ) -> Option<Duration> {
        if made >= self.times {
            return None;
        }
        let repeatable = method.is_safe();
        let backoff = FIRST_WAIT * 2u32.saturating_pow(made);
        let wait = match outcome {
            Ok(answer) => match (answer.status().as_u16(), retry_after(answer)) {
                _ if should_not(answer) => None,
                // It has refused before it did anything, and says when it will not.
                (429 | 503, Some(wait)) => Some(wait),
                (502..=504, None) if repeatable => Some(backoff),
                _ => None,
            },
            Err(ClientError::Unreachable { source, .. }) => match source {
                // Nothing was sent.
                DialError::Connect(_) => Some(backoff),
                DialError::TimedOut | DialError::Broken if repeatable => Some(backoff),
                _ => None,
            },
            Err(_) => None,
        };
        wait.filter(|wait| *wait <= self.longest_wait)
    }
}

fn retry_after(answer: &Response<Bytes>) -> Option<Duration> {
    let text = answer.headers().get(RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

fn should_not(answer: &Response<Bytes>) -> bool {
    answer.headers().get("x-should-retry").is_some_and(|value| value == "false")
}

const FIRST_WAIT: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)]) -> Result<Response<Bytes>, ClientError> {
        let mut answer = Response::builder().status(status);
        for (name, value) in headers {
            answer = answer.header(*name, *value);
        }
        Ok(answer.body(Bytes::new()).unwrap())
    }

    fn failed(source: DialError) -> Result<Response<Bytes>, ClientError> {
        Err(ClientError::Unreachable { server: "s".into(), source })
    }

    #[test]
    fn a_server_that_names_a_wait_is_obeyed_unless_it_is_too_long() {
        let retries = Retries::default();
        for (headers, wait) in [
            (&[("retry-after", "2")][..], Some(2)),
            (&[("retry-after", "30")], Some(30)),
            (&[("retry-after", "31")], None),
            (&[("retry-after", "2"), ("x-should-retry", "false")], None),
            (&[("retry-after", "soon")], None),
            (&[], None),
        ] {
            let wait = wait.map(Duration::from_secs);
            assert_eq!(retries.wait(0, &Method::POST, &answer(429, headers)), wait, "{headers:?}");
        }
        assert_eq!(retries.wait(3, &Method::GET, &answer(429, &[("retry-after", "1")])), None);
        assert_eq!(Retries::NONE.wait(0, &Method::GET, &answer(429, &[("retry-after", "0")])), None);
    }

    #[test]
    fn what_may_have_been_done_is_not_done_again() {
        let retries = Retries::default();
        for (outcome, get, post) in [
            (answer(503, &[]), true, false),
            (answer(502, &[]), true, false),
            (answer(500, &[]), false, false),
            (answer(401, &[]), false, false),
            (failed(DialError::Broken), true, false),
            (failed(DialError::TimedOut), true, false),
            (failed(DialError::Connect(std::io::ErrorKind::ConnectionRefused.into())), true, true),
            (failed(DialError::Unresolved), false, false),
        ] {
            assert_eq!(retries.wait(0, &Method::GET, &outcome).is_some(), get, "{outcome:?}");
            assert_eq!(retries.wait(0, &Method::POST, &outcome).is_some(), post, "{outcome:?}");
        }
    }

    #[test]
    fn waits_grow() {
        let waits = (0..3).map(|made| Retries::default().wait(made, &Method::GET, &answer(504, &[])));
        let waits: Vec<u128> = waits.map(|wait| wait.unwrap().as_millis()).collect();
        assert_eq!(waits, [250, 500, 1000]);
    }
}
