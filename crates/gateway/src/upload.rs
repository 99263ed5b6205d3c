//! A request body on its way up: taken in whole, up to a limit, then sent on frame by frame as it came.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
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

    fn share(&self) -> Share {
        Share { budget: self.clone(), bytes: 0 }
    }
}

/// A part of the budget, given back when dropped.
#[derive(Debug)]
struct Share {
    budget: BufferBudget,
    bytes: usize,
}

impl Share {
    /// Takes so many bytes more; `false`, and nothing taken, when there are not so many left.
    fn grow(&mut self, bytes: usize) -> bool {
        let before = self.budget.used.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes > self.budget.limit {
            self.budget.used.fetch_sub(bytes, Ordering::Relaxed);
            return false;
        }
        self.bytes += bytes;
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// An extension of a request whose body is said to end in two places, by a Content-Length and by
/// chunks. Whoever reads the connection sets it: what hyper hands on has one length only.
#[derive(Clone, Copy, Debug)]
pub struct TwoLengths;

impl TwoLengths {
    /// What such a request is answered.
    pub fn refusal(self) -> ApiError {
        ApiError::new(ErrorCode::InvalidRequest)
            .because("Content-Length and Transfer-Encoding stand beside each other.")
            .next("Send one of them. If you sent one, a proxy on the way added the other.")
    }
}

/// A whole request body.
#[derive(Debug)]
pub(crate) struct Upload {
    frames: VecDeque<Bytes>,
    /// Small frames, gathered: each frame by itself would hold far more memory than its bytes.
    block: BytesMut,
    left: u64,
    share: Share,
}

impl Upload {
    /// Nothing.
    pub(crate) fn empty(budget: &BufferBudget) -> Self {
        Self { frames: VecDeque::new(), block: BytesMut::new(), left: 0, share: budget.share() }
    }

    /// Takes in `body`, of at most `limit` bytes, and hands each piece to `read` as it comes.
    pub(crate) async fn take_in<B: Body<Data = Bytes> + Unpin>(
        headers: &HeaderMap,
        mut body: B,
        limit: usize,
        budget: &BufferBudget,
        read: impl FnMut(&[u8]),
    ) -> Result<Self, ApiError> {
        let announced = announced_length(headers);
        let taken = if announced.is_some_and(|length| length > limit as u64) {
            Err(too_large(limit))
        } else {
            let gathering = Self::gather(&mut body, announced, limit, budget, read);
            tokio::time::timeout(LONGEST_UPLOAD, gathering).await.unwrap_or_else(|_| Err(stalled()))
        };
        if let Err(error) = &taken
            && matches!(error.code, ErrorCode::BodyTooLarge | ErrorCode::BuffersFull)
        {
            discard(body).await;
        }
        taken
    }

    async fn gather<B: Body<Data = Bytes> + Unpin>(
        body: &mut B,
        announced: Option<u64>,
        limit: usize,
        budget: &BufferBudget,
        mut read: impl FnMut(&[u8]),
    ) -> Result<Self, ApiError> {
        let mut upload = Self::empty(budget);
        while let Some(frame) = tokio::time::timeout(STALL, body.frame()).await.map_err(|_| stalled())? {
            let Ok(data) = frame.map_err(|_| broken_off())?.into_data() else { continue };
            if upload.left + data.len() as u64 > limit as u64 {
                return Err(too_large(limit));
            }
            read(&data);
            upload.left += data.len() as u64;
            // One that is the whole body is not worth a copy.
            let whole = announced == Some(data.len() as u64);
            if !upload.keep(data, whole) {
                return Err(ApiError::new(ErrorCode::BuffersFull).retry_in(1));
            }
        }
        upload.close_block();
        Ok(upload)
    }

    /// Keeps a frame; `false` when the budget has no room for it.
    fn keep(&mut self, data: Bytes, whole: bool) -> bool {
        if whole || data.len() >= BLOCK / 4 {
            self.close_block();
            let room = self.share.grow(data.len());
            self.frames.push_back(data);
            return room;
        }
        if self.block.capacity() - self.block.len() < data.len() {
            self.close_block();
            if !self.share.grow(BLOCK) {
                return false;
            }
            self.block = BytesMut::with_capacity(BLOCK);
        }
        self.block.extend_from_slice(&data);
        true
    }

    fn close_block(&mut self) {
        if !self.block.is_empty() {
            self.frames.push_back(std::mem::take(&mut self.block).freeze());
        }
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

fn too_large(limit: usize) -> ApiError {
    ApiError::new(ErrorCode::BodyTooLarge).detail("limitBytes", limit)
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
/// However steadily it trickles.
const LONGEST_UPLOAD: Duration = Duration::from_secs(600);
/// Small frames are gathered into blocks of this size.
const BLOCK: usize = 64 * 1024;
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
        Upload::take_in(&HeaderMap::new(), body, limit, budget, |_| ()).await.map_err(|error| error.code)
    }

    #[tokio::test]
    async fn a_body_passes_frame_by_frame_and_gives_its_memory_back() {
        let budget = BufferBudget::new(BLOCK);
        let upload = take_in(pieces(3, 100), 300, &budget).await.expect("fits");
        assert_eq!((upload.len(), upload.size_hint().exact()), (300, Some(300)));
        assert_eq!(budget.used.load(Ordering::Relaxed), BLOCK);
        let whole = upload.collect().await.expect("infallible").to_bytes();
        assert_eq!(whole.len(), 300);
        assert_eq!(budget.used.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_with_and_without_a_length() {
        let budget = BufferBudget::new(1_000_000);
        assert_eq!(take_in(pieces(4, 100), 399, &budget).await.err(), Some(ErrorCode::BodyTooLarge));
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_LENGTH, http::HeaderValue::from_static("400"));
        let body = Full::new(Bytes::from_static(b"short"));
        let outcome = Upload::take_in(&headers, body, 399, &budget, |_| ()).await;
        assert_eq!(outcome.err().map(|error| error.code), Some(ErrorCode::BodyTooLarge));
        assert_eq!(budget.used.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn all_bodies_together_are_bounded() {
        let budget = BufferBudget::new(5 * BLOCK / 2);
        let first = take_in(pieces(2, BLOCK), 1_000_000, &budget).await.expect("fits");
        assert_eq!(take_in(pieces(1, BLOCK), 1_000_000, &budget).await.err(), Some(ErrorCode::BuffersFull));
        drop(first);
        assert!(take_in(pieces(1, BLOCK), 1_000_000, &budget).await.is_ok());
    }

    #[tokio::test]
    async fn tiny_frames_take_no_more_memory_than_their_bytes() {
        let budget = BufferBudget::new(1_000_000);
        let upload = take_in(pieces(100_000, 1), 1_000_000, &budget).await.expect("fits");
        assert_eq!((upload.frames.len(), upload.len()), (2, 100_000));
        assert_eq!(budget.used.load(Ordering::Relaxed), 2 * BLOCK);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_for_ever_is_given_up() {
        let ticks = futures_util::stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(20)).await;
            Some((Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"x"))), ()))
        });
        let body = StreamBody::new(Box::pin(ticks));
        let outcome = take_in(body, 1000, &BufferBudget::new(1_000_000)).await;
        assert_eq!(outcome.err(), Some(ErrorCode::InvalidRequest));
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
