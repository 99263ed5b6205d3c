//! A request body on its way up: taken in whole, up to a limit, then sent on frame by frame as it came.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use keywright_protocol::{ApiError, ErrorCode};

/// What all request bodies together may hold in memory.
#[derive(Clone, Debug)]
pub struct BufferBudget {
    used: Arc<AtomicUsize>,
    limit: usize,
}

impl BufferBudget {
    /// A budget of `limit` bytes for the whole process.
    pub fn new(limit: usize) -> Self {
        Self { used: Arc::default(), limit }
    }

    fn take(&self, bytes: usize) -> Option<Share> {
        let before = self.used.fetch_add(bytes, Ordering::Relaxed);
        let share = Share { budget: self.clone(), bytes };
        // A share that goes too far is given back when it is dropped here.
        (before + bytes <= self.limit).then_some(share)
    }
}

/// A part of the budget, given back when dropped.
#[derive(Debug)]
struct Share {
    budget: BufferBudget,
    bytes: usize,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A whole request body.
#[derive(Debug, Default)]
pub(crate) struct Upload {
    frames: VecDeque<Bytes>,
    left: u64,
    shares: Vec<Share>,
}

impl Upload {
    /// Takes in `body`, of at most `limit` bytes, and hands each piece to `read` as it comes.
    pub(crate) async fn take_in<B: Body<Data = Bytes> + Unpin>(
        headers: &HeaderMap,
        mut body: B,
        limit: usize,
        budget: &BufferBudget,
        mut read: impl FnMut(&[u8]) -> Result<(), ApiError>,
    ) -> Result<Self, ApiError> {
        let too_large = || ApiError::new(ErrorCode::BodyTooLarge).detail("limitBytes", limit);
        let announced = announced_length(headers);
        if announced.is_some_and(|length| length > limit as u64) {
            discard(body).await;
            return Err(too_large());
        }
        let mut upload = Self::default();
        while let Some(frame) = tokio::time::timeout(STALL, body.frame()).await.map_err(|_| stalled())? {
            let Ok(data) = frame.map_err(|_| broken_off())?.into_data() else { continue };
            if upload.left + data.len() as u64 > limit as u64 {
                drop(upload);
                discard(body).await;
                return Err(too_large());
            }
            let Some(share) = budget.take(data.len()) else {
                drop(upload);
                discard(body).await;
                return Err(ApiError::new(ErrorCode::BuffersFull).retry_in(1));
            };
            read(&data)?;
            upload.left += data.len() as u64;
            upload.frames.push_back(data);
            upload.shares.push(share);
        }
        Ok(upload)
    }

    /// How many bytes are in it.
    pub(crate) fn len(&self) -> u64 {
        self.left
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        Poll::Ready(this.frames.pop_front().map(|data| {
            this.left -= data.len() as u64;
            Ok(Frame::data(data))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// Reads what a refused client is still sending, for a short while, so that it comes to read the answer
/// and does not meet a closed connection instead.
pub(crate) async fn discard<B: Body<Data = Bytes> + Unpin>(mut body: B) {
    let mut left = MOST_DISCARDED;
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                return;
            }
        }
    };
    // Whether it ended or not: the answer goes out next, and hyper closes what is left unread.
    let _ = tokio::time::timeout(DISCARD_TIME, reading).await;
}

fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn stalled() -> ApiError {
    ApiError::new(ErrorCode::InvalidRequest)
        .because("The request body stopped coming.")
        .next("Send the whole body without a pause of 30 seconds.")
}

fn broken_off() -> ApiError {
    ApiError::new(ErrorCode::InvalidRequest)
        .because("The request body broke off.")
        .next("Send the whole body.")
}

const STALL: Duration = Duration::from_secs(30);
const MOST_DISCARDED: usize = 64 * 1024 * 1024;
const DISCARD_TIME: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use http_body_util::{Full, StreamBody};

    use super::*;

    fn pieces(count: usize, size: usize) -> impl Body<Data = Bytes, Error = Infallible> + Unpin {
        let frame = move |_| Ok(Frame::data(Bytes::from(vec![b'x'; size])));
        StreamBody::new(futures(count, frame))
    }

    fn futures<T>(
        count: usize,
        make: impl Fn(usize) -> T + Unpin,
    ) -> impl futures_util::Stream<Item = T> + Unpin {
        futures_util::stream::iter((0..count).map(make).collect::<Vec<_>>())
    }

    async fn take_in(
        body: impl Body<Data = Bytes, Error = Infallible> + Unpin,
        limit: usize,
        budget: &BufferBudget,
    ) -> Result<Upload, ErrorCode> {
        Upload::take_in(&HeaderMap::new(), body, limit, budget, |_| Ok(())).await.map_err(|error| error.code)
    }

    #[tokio::test]
    async fn a_body_passes_frame_by_frame_and_gives_its_memory_back() {
        let budget = BufferBudget::new(1000);
        let upload = take_in(pieces(3, 100), 300, &budget).await.expect("fits");
        assert_eq!((upload.len(), upload.size_hint().exact()), (300, Some(300)));
        assert_eq!(budget.used.load(Ordering::Relaxed), 300);
        let whole = upload.collect().await.expect("infallible").to_bytes();
        assert_eq!(whole.len(), 300);
        assert_eq!(budget.used.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_with_and_without_a_length() {
        let budget = BufferBudget::new(1000);
        assert_eq!(take_in(pieces(4, 100), 399, &budget).await.err(), Some(ErrorCode::BodyTooLarge));
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_LENGTH, http::HeaderValue::from_static("400"));
        let body = Full::new(Bytes::from_static(b"short"));
        let outcome = Upload::take_in(&headers, body, 399, &budget, |_| Ok(())).await;
        assert_eq!(outcome.err().map(|error| error.code), Some(ErrorCode::BodyTooLarge));
        assert_eq!(budget.used.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn all_bodies_together_are_bounded() {
        let budget = BufferBudget::new(250);
        let first = take_in(pieces(2, 100), 1000, &budget).await.expect("fits");
        assert_eq!(take_in(pieces(1, 100), 1000, &budget).await.err(), Some(ErrorCode::BuffersFull));
        drop(first);
        assert!(take_in(pieces(1, 100), 1000, &budget).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stalls_is_given_up() {
        let body = StreamBody::new(futures_util::stream::pending::<Result<Frame<Bytes>, Infallible>>());
        assert_eq!(
            take_in(body, 1000, &BufferBudget::new(1000)).await.err(),
            Some(ErrorCode::InvalidRequest)
        );
    }
}
