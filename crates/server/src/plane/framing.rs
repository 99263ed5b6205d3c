//! Reads the heads of an HTTP/1 connection beside hyper, for what hyper does not tell: whether a
//! Content-Length stood beside a Transfer-Encoding.
//!
//! hyper takes the length away and goes by the chunks, as RFC 9112 section 6.3 allows. A proxy in front
//! of us may have gone by the length, and two readers that see different requests in the same bytes are
//! how one client's request is smuggled into another's. So such a request is refused.
//!
//! Bodies are counted, not looked at. Behind a body in chunks nothing is known any more, which is why the
//! connection ends with it.

use std::cell::Cell;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use httparse::{Request, Status};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is known of the last head that a connection takes.
#[derive(Debug, Default)]
pub(super) struct Framing {
    two_lengths: Cell<bool>,
}

impl Framing {
    /// Whether the request in chunks that came on this connection named a length too.
    pub(super) fn has_two_lengths(&self) -> bool {
        self.two_lengths.get()
    }
}

/// Wraps a connection before hyper reads it.
pub(super) struct FramingWatch<S> {
    stream: S,
    place: Place,
    framing: Rc<Framing>,
}

/// Where in the stream of requests the next byte stands.
enum Place {
    /// In a head, of which this much has come in earlier reads.
    Head(Vec<u8>),
    /// In a body of which this much is to come.
    Body(u64),
    /// Behind the head of the connection's last request, or what is none.
    Beyond,
}

/// A head, as far as framing goes.
enum Head {
    Partial,
    Bad,
    Length(u64),
    Chunked { two_lengths: bool },
}

impl<S> FramingWatch<S> {
    pub(super) fn new(stream: S) -> (Self, Rc<Framing>) {
        let framing = Rc::new(Framing::default());
        (Self { stream, place: Place::Head(Vec::new()), framing: Rc::clone(&framing) }, framing)
    }

    fn follow(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match &mut self.place {
                Place::Beyond => return,
                Place::Body(left) => {
                    let here = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    *left -= here as u64;
                    bytes = &bytes[here..];
                    if *left == 0 {
                        self.place = Place::Head(Vec::new());
                    }
                }
                Place::Head(begun) => match head_behind(begun, bytes) {
                    (Head::Partial, _) => return,
                    (Head::Bad, _) => self.place = Place::Beyond,
                    (Head::Length(length), rest) => {
                        self.place = Place::Body(length);
                        bytes = rest;
                        if length == 0 {
                            self.place = Place::Head(Vec::new());
                        }
                    }
                    (Head::Chunked { two_lengths }, _) => {
                        self.framing.two_lengths.set(two_lengths);
                        self.place = Place::Beyond;
                    }
                },
            }
        }
    }
}

/// The head that `begun` and `bytes` make together, and what of `bytes` is behind it. What is only a part
/// of one is kept in `begun`.
fn head_behind<'b>(begun: &mut Vec<u8>, bytes: &'b [u8]) -> (Head, &'b [u8]) {
    if begun.is_empty() {
        // Empty lines before a request are allowed (RFC 9112 section 2.2), and must not pile up here.
        let first = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
        let bytes = &bytes[first..];
        let (head, length) = read_head(bytes);
        if matches!(head, Head::Partial) {
            begun.extend_from_slice(bytes);
        }
        return (head, &bytes[length..]);
    }
    let earlier = begun.len();
    begun.extend_from_slice(bytes);
    // A head ends with a line, so nothing else need be read anew.
    if !bytes.contains(&b'\n') {
        let head = if begun.len() > LARGEST { Head::Bad } else { Head::Partial };
        return (head, &[]);
    }
    let (head, length) = read_head(begun);
    (head, &bytes[length.saturating_sub(earlier)..])
}

/// The head at the start of `bytes` and its length, which is 0 unless it is whole and good.
fn read_head(bytes: &[u8]) -> (Head, usize) {
    let mut headers = [const { MaybeUninit::uninit() }; MOST_HEADERS];
    let mut request = Request::new(&mut []);
    let length = match request.parse_with_uninit_headers(bytes, &mut headers) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) if bytes.len() <= LARGEST => return (Head::Partial, 0),
        // hyper refuses it too, and ends the connection.
        Ok(Status::Partial) | Err(_) => return (Head::Bad, 0),
    };
    let value = |name: &str| {
        request
            .headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value)
    };
    let said = value("content-length");
    let head = match (value("transfer-encoding"), said) {
        (Some(_), said) => Head::Chunked { two_lengths: said.is_some() },
        (None, None) => Head::Length(0),
        (None, Some(said)) => {
            let length = std::str::from_utf8(said).ok().and_then(|said| said.parse().ok());
            length.map_or(Head::Bad, Head::Length)
        }
    };
    (head, length)
}

impl<S: AsyncRead + Unpin> AsyncRead for FramingWatch<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.follow(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FramingWatch<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// As hyper's own.
const MOST_HEADERS: usize = 100;
const LARGEST: usize = super::connection::LARGEST_HEAD;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is found when `stream` arrives in pieces of `size`.
    fn found(stream: &str, size: usize) -> bool {
        let (mut watch, framing) = FramingWatch::new(());
        for piece in stream.as_bytes().chunks(size) {
            watch.follow(piece);
        }
        framing.has_two_lengths()
    }

    const PLAIN: &str = "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 59\r\n\r\n\
                         GET / HTTP/1.1\r\nTransfer-Encoding: x\r\nContent-Length: 1\r\n\r\n";

    #[test]
    fn both_ways_to_say_a_length_are_seen_in_any_order_case_and_cut() {
        for head in [
            "POST / HTTP/1.1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nTRANSFER-ENCODING: chunked\r\nx: y\r\nContent-LENGTH: 3\r\n\r\n0\r\n\r\n",
            "\r\n\n\r\nPOST / HTTP/1.1\nTransfer-Encoding: chunked\nContent-Length: 3\n\n",
        ] {
            for before in ["", PLAIN, "GET /v1 HTTP/1.1\r\n\r\n\r\n"] {
                let stream = format!("{before}{head}");
                for size in 1..=stream.len() {
                    assert!(found(&stream, size), "{stream:?} in pieces of {size}");
                }
            }
        }
    }

    #[test]
    fn bodies_and_good_requests_are_nothing_to_find() {
        assert_eq!(PLAIN.split_once("\r\n\r\n").map(|(_, body)| body.len()), Some(59));
        for stream in [
            PLAIN,
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\n\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nx-content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
            "not http at all\r\n\r\nPOST / HTTP/1.1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
        ] {
            for size in 1..=stream.len() {
                assert!(!found(stream, size), "{stream:?} in pieces of {size}");
            }
        }
    }

    #[test]
    fn a_head_that_never_ends_is_not_kept() {
        let (mut watch, _) = FramingWatch::new(());
        watch.follow(b"GET / HTTP/1.1\r\nx: ");
        for _ in 0..LARGEST / 1024 + 1 {
            watch.follow(&[b'x'; 1024]);
        }
        assert!(matches!(watch.place, Place::Beyond));
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(pieces in proptest::collection::vec(any::<Vec<u8>>(), 0..8)) {
            let (mut watch, framing) = FramingWatch::new(());
            for piece in &pieces {
                watch.follow(piece);
            }
            let whole = pieces.concat().to_ascii_lowercase();
            let said = |name: &[u8]| whole.windows(name.len()).any(|window| window == name);
            prop_assert!(!framing.has_two_lengths() || said(b"transfer-encoding"));
        }
    }
}
