//! What the provider heard.

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::watch;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Received {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Every header line in order; names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, its framing taken off.
    pub body: Bytes,
    /// When it was there whole.
    pub at: Instant,
    pub(crate) closed: watch::Receiver<bool>,
}

impl Received {
    /// The path.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The query, without the question mark.
    pub fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    /// The value of a header that was sent once at most.
    pub fn header(&self, name: &str) -> Option<&str> {
        let values = self.all(name);
        assert!(values.len() < 2, "{name} was sent {} times", values.len());
        values.first().copied()
    }

    /// All values of a header.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(given, _)| given == name);
        named.map(|(_, value)| std::str::from_utf8(value).expect("a text")).collect()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// Whether its connection has been closed by the other side, as far as is known yet.
    pub fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    /// Waits until the other side has closed its connection.
    ///
    /// # Panics
    /// When that takes longer than `deadline`.
    pub async fn wait_closed(&self, deadline: Duration) {
        let mut closed = self.closed.clone();
        let waiting = closed.wait_for(|closed| *closed);
        // An error says that the connection is gone altogether.
        let _ = tokio::time::timeout(deadline, waiting).await.expect("the upstream side closes in time");
    }
}
