//! A connection that sends one request after the other and reads the answers.

use std::cell::Cell;
use std::io;
use std::time::Instant;

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Count, Order, nanoseconds};
use crate::clock;
use crate::wire::{Chunks, Head};

/// The requests of an order, which differ only in their tokens.
pub(super) struct Requests {
    heads: Vec<String>,
    body: String,
    next: Cell<usize>,
}

impl Requests {
    pub(super) fn of(order: &Order) -> Self {
        let mut body = format!(
            "{{\"model\":\"{}\",\"max_tokens\":1024,\"stream\":{},\"messages\":[{{\"role\":\"user\",\"content\":\"",
            order.model, order.stream
        );
        while body.len() + 4 < order.body {
            body.push_str("some words of a prompt ");
        }
        body.push_str("\"}]}");
        let head = |token: &String| {
            format!(
                "POST /v1/messages HTTP/1.1\r\nhost: {}\r\nx-api-key: {token}\r\n\
                 anthropic-version: 2023-06-01\r\ncontent-type: application/json\r\n\
                 accept: application/json\r\nuser-agent: keywright-bench\r\ncontent-length: {}\r\n\r\n",
                order.target,
                body.len()
            )
        };
        Self { heads: order.tokens.iter().map(head).collect(), body, next: Cell::new(0) }
    }

    /// Writes the next request into `out`.
    fn write(&self, out: &mut Vec<u8>) {
        let next = self.next.get();
        self.next.set((next + 1) % self.heads.len());
        out.clear();
        out.extend_from_slice(self.heads[next].as_bytes());
        out.extend_from_slice(self.body.as_bytes());
    }
}

/// One connection.
pub(super) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(super) async fn open(order: &Order) -> io::Result<Self> {
        let stream = TcpStream::connect(order.target).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// Sends the next request and reads the answer to its end. `due` is when the request was to be sent;
    /// `opened` is told when the first of a stream is there.
    ///
    /// # Errors
    /// The answer broke off, or had another status than the order says.
    pub(super) async fn ask(
        &mut self,
        requests: &Requests,
        order: &Order,
        count: &Count,
        due: Instant,
        opened: impl FnOnce(),
    ) -> io::Result<()> {
        requests.write(&mut self.buffer);
        self.stream.write_all(&self.buffer).await?;
        let head = self.head().await?;
        if head.status != Some(order.status) {
            let text = String::from_utf8_lossy(&self.buffer);
            return Err(io::Error::other(format!("expected {}, got {text}", order.status)));
        }
        if head.chunked {
            self.chunks(head, Events::new(count, due, opened)).await?;
        } else {
            let whole = head.length + head.body.unwrap_or(0);
            while self.buffer.len() < whole {
                self.more().await?;
            }
        }
        count.answered(due);
        Ok(())
    }

    async fn head(&mut self) -> io::Result<Head> {
        self.buffer.clear();
        loop {
            self.more().await?;
            if let Some(head) = Head::parse(&self.buffer) {
                return Ok(head);
            }
        }
    }

    async fn chunks(&mut self, head: Head, mut events: Events<'_, impl FnOnce()>) -> io::Result<()> {
        let mut chunks = Chunks::default();
        chunks.take(&self.buffer[head.length..], |data| events.take(data));
        while !chunks.done() {
            self.buffer.clear();
            self.more().await?;
            chunks.take(&self.buffer, |data| events.take(data));
        }
        // A stream without its last event was cut by somebody who ended it well.
        if events.ended { Ok(()) } else { Err(io::Error::other("the stream has no last event")) }
    }

    async fn more(&mut self) -> io::Result<()> {
        self.buffer.reserve(READ);
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// Counts the events of a stream. One that a proxy cuts in two is missed: one in thousands.
struct Events<'c, F> {
    count: &'c Count,
    asked: Instant,
    opened: Option<F>,
    ended: bool,
}

impl<'c, F: FnOnce()> Events<'c, F> {
    fn new(count: &'c Count, asked: Instant, opened: F) -> Self {
        Self { count, asked, opened: Some(opened), ended: false }
    }

    fn take(&mut self, data: &[u8]) {
        if let Some(opened) = self.opened.take() {
            opened();
            self.count.first_events.borrow_mut().push(nanoseconds(self.asked.elapsed()));
        }
        let now = clock::nanoseconds();
        let mark = clock::MARK.as_bytes();
        for at in memmem::find_iter(data, mark) {
            if self.count.counting.get() {
                self.count.outcome.borrow_mut().events += 1;
                let sent = data.get(at + mark.len()..at + mark.len() + 20);
                let sent = sent.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u64>().ok());
                self.count.delays.borrow_mut().extend(sent.map(|sent| now.saturating_sub(sent)));
            }
        }
        self.ended |= memmem::find(data, b"message_stop").is_some();
    }
}

const READ: usize = 16 * 1024;
