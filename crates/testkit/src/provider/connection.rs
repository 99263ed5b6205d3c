//! One connection of the provider.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::answer::{Answer, Step};
use super::{Received, Shared};

/// Reads requests and answers them until one side closes.
pub(super) async fn serve(stream: TcpStream, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let (closed, closing) = watch::channel(false);
    // A stream that ends with a reset is told so before it is dropped; TLS hides its socket.
    let ended = match tls {
        None => Connection { stream, read: Vec::new() }.run(&shared, &closing, reset).await,
        Some(acceptor) => {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            Connection { stream, read: Vec::new() }.run(&shared, &closing, |_| {}).await
        }
    };
    // An error is a connection that the other side has broken.
    drop(ended);
    closed.send_replace(true);
}

fn reset(stream: &TcpStream) {
    // Dropped with this, the kernel sends a reset in place of an orderly end.
    SockRef::from(stream).set_linger(Some(Duration::ZERO)).expect("a socket");
}

struct Connection<S> {
    stream: S,
    read: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    async fn run(
        mut self,
        shared: &Shared,
        closing: &watch::Receiver<bool>,
        reset: impl Fn(&S),
    ) -> io::Result<()> {
        while let Some(request) = self.request(closing).await? {
            let answer = shared.answer_to(request);
            if !self.play(answer, &reset).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Reads a whole request; `None` when the connection has ended before it.
    async fn request(&mut self, closing: &watch::Receiver<bool>) -> io::Result<Option<Received>> {
        let head_length = loop {
            if let Some(at) = memchr::memmem::find(&self.read, b"\r\n\r\n") {
                break at + 4;
            }
            if !self.more().await? {
                return Ok(None);
            }
        };
        let head: Vec<u8> = self.read.drain(..head_length).collect();
        let mut lines =
            head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let first = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
        let mut words = first.split(' ').map(str::to_owned);
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let headers: Vec<(String, Vec<u8>)> = lines
            .filter_map(|line| {
                let colon = memchr::memchr(b':', line)?;
                let name = String::from_utf8_lossy(&line[..colon]).to_ascii_lowercase();
                Some((name, line[colon + 1..].trim_ascii().to_vec()))
            })
            .collect();
        let body = self.body(&headers).await?;
        Ok(Some(Received { method, target, headers, body, at: Instant::now(), closed: closing.clone() }))
    }

    async fn body(&mut self, headers: &[(String, Vec<u8>)]) -> io::Result<Bytes> {
        let chunked = headers.iter().any(|(name, _)| name == "transfer-encoding");
        let length = headers.iter().find(|(name, _)| name == "content-length");
        assert!(!chunked || length.is_none(), "Content-Length beside Transfer-Encoding");
        if !chunked {
            let length = length.map_or(0, |(_, value)| number(value, 10));
            return self.take(length).await;
        }
        let mut body = Vec::new();
        loop {
            let line = loop {
                if let Some(at) = memchr::memmem::find(&self.read, b"\r\n") {
                    break self.take(at + 2).await?;
                }
                self.expect_more().await?;
            };
            let length = number(line.trim_ascii(), 16);
            body.extend_from_slice(&self.take(length).await?);
            self.take(2).await?;
            if length == 0 {
                return Ok(body.into());
            }
        }
    }

    async fn take(&mut self, length: usize) -> io::Result<Bytes> {
        while self.read.len() < length {
            self.expect_more().await?;
        }
        Ok(self.read.drain(..length).collect::<Vec<u8>>().into())
    }

    async fn expect_more(&mut self) -> io::Result<()> {
        if self.more().await? { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    /// Reads on; whether there was more.
    async fn more(&mut self) -> io::Result<bool> {
        let mut piece = [0; 16 * 1024];
        let count = self.stream.read(&mut piece).await?;
        self.read.extend_from_slice(&piece[..count]);
        Ok(count > 0)
    }

    /// Answers; whether the connection goes on.
    async fn play(&mut self, answer: Answer, reset: &impl Fn(&S)) -> io::Result<bool> {
        if let Some(gate) = &answer.after
            && !self.watching(gate.opened()).await?
        {
            return Ok(false);
        }
        self.write(&answer.head()).await?;
        for step in answer.steps {
            let wait = async {
                match &step {
                    Step::Pause(time) => tokio::time::sleep(*time).await,
                    Step::Until(gate) => gate.opened().await,
                    Step::Silence => std::future::pending().await,
                    Step::Write(_) | Step::Reset | Step::HangUp => {}
                }
            };
            if !self.watching(wait).await? {
                return Ok(false);
            }
            match &step {
                Step::Write(bytes) => self.write(bytes).await?,
                Step::Reset => {
                    reset(&self.stream);
                    return Ok(false);
                }
                Step::HangUp => {
                    self.stream.shutdown().await?;
                    // Until the other side has read it all: closing at once could destroy it.
                    while self.more().await? {}
                    return Ok(false);
                }
                Step::Pause(_) | Step::Until(_) | Step::Silence => {}
            }
        }
        Ok(true)
    }

    /// Waits, and watches the other side meanwhile; whether it is still there.
    async fn watching(&mut self, wait: impl Future<Output = ()>) -> io::Result<bool> {
        tokio::pin!(wait);
        loop {
            tokio::select! {
                biased;
                () = &mut wait => return Ok(true),
                more = self.more() => if !more? { return Ok(false) },
            }
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }
}

fn number(text: &[u8], radix: u32) -> usize {
    let text = std::str::from_utf8(text).expect("a length");
    usize::from_str_radix(text.trim(), radix).expect("a length")
}
