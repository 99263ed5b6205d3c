//! Bytes to the server and bytes back, for shapes that no client library would send.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::audit::Seen;

/// A plain connection to the server.
pub struct RawConnection {
    stream: TcpStream,
    seen: Arc<Seen>,
    read: Vec<u8>,
}

/// An answer as it came.
#[derive(Clone, Debug)]
pub struct RawAnswer {
    /// The status.
    pub status: u16,
    /// Every header line; names in lower case.
    pub headers: Vec<(String, String)>,
    /// Everything behind the head, framing and all.
    pub body: Vec<u8>,
}

impl RawConnection {
    /// A connection to any listener.
    pub async fn to(address: SocketAddr) -> Self {
        Self::open(address, &Arc::default()).await
    }

    pub(crate) async fn open(address: SocketAddr, seen: &Arc<Seen>) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server listens");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, seen: Arc::clone(seen), read: Vec::new() }
    }

    /// Sends these bytes at once. A server that has closed already is not an error here: what it
    /// answered shows why.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// Reads until `text` has come, and returns all that was read so far.
    ///
    /// # Panics
    /// When the connection ends before, or nothing comes for 20 s.
    pub async fn until(&mut self, text: &str) -> String {
        while memchr::memmem::find(&self.read, text.as_bytes()).is_none() {
            assert!(self.more().await, "ended before {text:?}: {}", String::from_utf8_lossy(&self.read));
        }
        String::from_utf8_lossy(&self.read).into_owned()
    }

    /// Reads until the server closes the connection.
    pub async fn to_end(mut self) -> Vec<u8> {
        while self.more().await {}
        std::mem::take(&mut self.read)
    }

    /// Reads one answer, whose length is announced or which the server closes after.
    pub async fn answer(&mut self) -> RawAnswer {
        self.until("\r\n\r\n").await;
        let end = memchr::memmem::find(&self.read, b"\r\n\r\n").expect("a head") + 4;
        let head = String::from_utf8_lossy(&self.read[..end]).into_owned();
        self.read.drain(..end);
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length");
        match length.and_then(|(_, value)| value.parse::<usize>().ok()) {
            Some(length) => while self.read.len() < length && self.more().await {},
            None => while self.more().await {},
        }
        RawAnswer { status: status.expect("a status"), headers, body: std::mem::take(&mut self.read) }
    }

    async fn more(&mut self) -> bool {
        let mut piece = [0; 16 * 1024];
        let reading = tokio::time::timeout(Duration::from_secs(20), self.stream.read(&mut piece));
        // A reset ends it as well.
        let count = reading.await.expect("the server goes on").unwrap_or(0);
        self.seen.came_down(&piece[..count]);
        self.read.extend_from_slice(&piece[..count]);
        count > 0
    }
}
