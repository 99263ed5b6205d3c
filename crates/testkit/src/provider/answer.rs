//! The script of one answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::watch;

/// Something that a test lets happen.
#[derive(Clone, Debug)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    /// A closed gate.
    pub fn closed() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Opens it for good.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    pub(super) async fn opened(&self) {
        // The gate itself keeps the sender alive.
        let _ = self.0.subscribe().wait_for(|open| *open).await;
    }
}

/// What is done for one request, step by step. Each step that writes is written at once.
#[derive(Clone, Debug)]
pub struct Answer {
    head: Option<Head>,
    /// What the head waits for.
    pub(super) after: Option<Gate>,
    pub(super) steps: Vec<Step>,
    chunked: bool,
}

#[derive(Clone, Debug)]
struct Head {
    status: u16,
    headers: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Write(Bytes),
    Pause(Duration),
    Until(Gate),
    /// Nothing more, until the other side closes.
    Silence,
    /// A broken connection, as of a machine that was switched off.
    Reset,
    /// A connection closed in good order.
    HangUp,
}

impl Answer {
    /// An answer with this body and its length.
    pub fn whole(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let headers = vec![
            ("content-type".to_owned(), content_type.to_owned()),
            ("content-length".to_owned(), body.len().to_string()),
        ];
        Self {
            head: Some(Head { status, headers }),
            after: None,
            steps: vec![Step::Write(body)],
            chunked: false,
        }
    }

    /// A JSON answer.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::whole(status, "application/json", body.to_string())
    }

    /// The head of a good answer that is a stream of events; [`chunk`](Self::chunk)s follow.
    pub fn events() -> Self {
        Self::chunked(200, "text/event-stream; charset=utf-8")
    }

    /// The head of an answer in chunks.
    pub fn chunked(status: u16, content_type: &str) -> Self {
        let headers = vec![
            ("content-type".to_owned(), content_type.to_owned()),
            ("transfer-encoding".to_owned(), "chunked".to_owned()),
        ];
        Self { head: Some(Head { status, headers }), after: None, steps: Vec::new(), chunked: true }
    }

    /// The head of an answer that announces `length` bytes; [`chunk`](Self::chunk)s follow as they are.
    pub fn announcing(status: u16, content_type: &str, length: usize) -> Self {
        let headers = vec![
            ("content-type".to_owned(), content_type.to_owned()),
            ("content-length".to_owned(), length.to_string()),
        ];
        Self { head: Some(Head { status, headers }), after: None, steps: Vec::new(), chunked: false }
    }

    /// Exactly these bytes, whether they are HTTP or not; then the connection is closed.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self { head: None, after: None, steps: vec![Step::Write(bytes.into()), Step::HangUp], chunked: false }
    }

    /// No answer at all.
    pub fn none() -> Self {
        Self { head: None, after: None, steps: Vec::new(), chunked: false }
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let head = self.head.as_mut().expect("an answer with a head");
        head.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Not before the gate opens.
    #[must_use]
    pub fn after(mut self, gate: &Gate) -> Self {
        self.after = Some(gate.clone());
        self
    }

    /// Then a piece of the body.
    #[must_use]
    pub fn chunk(mut self, piece: impl Into<Bytes>) -> Self {
        let piece = piece.into();
        let framed = if self.chunked {
            let mut framed = format!("{:x}\r\n", piece.len()).into_bytes();
            framed.extend_from_slice(&piece);
            framed.extend_from_slice(b"\r\n");
            Bytes::from(framed)
        } else {
            piece
        };
        self.steps.push(Step::Write(framed));
        self
    }

    /// Then several pieces.
    #[must_use]
    pub fn chunks(self, pieces: &[&str]) -> Self {
        pieces.iter().fold(self, |answer, piece| answer.chunk((*piece).to_owned()))
    }

    /// Then the end of the chunks.
    #[must_use]
    pub fn end(mut self) -> Self {
        assert!(self.chunked, "only an answer in chunks has an end of its own");
        self.steps.push(Step::Write(Bytes::from_static(b"0\r\n\r\n")));
        self
    }

    /// Then nothing for this long.
    #[must_use]
    pub fn pause(self, time: Duration) -> Self {
        self.step(Step::Pause(time))
    }

    /// Then nothing until the gate opens.
    #[must_use]
    pub fn until(self, gate: &Gate) -> Self {
        self.step(Step::Until(gate.clone()))
    }

    /// Then nothing until the other side closes.
    #[must_use]
    pub fn silence(self) -> Self {
        self.step(Step::Silence)
    }

    /// Then a broken connection.
    #[must_use]
    pub fn reset(self) -> Self {
        self.step(Step::Reset)
    }

    /// Then a connection closed in good order.
    #[must_use]
    pub fn hang_up(self) -> Self {
        self.step(Step::HangUp)
    }

    fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    pub(super) fn head(&self) -> Bytes {
        let Some(head) = &self.head else { return Bytes::new() };
        let mut text = format!("HTTP/1.1 {} Scripted\r\n", head.status);
        for (name, value) in &head.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        Bytes::from(text)
    }
}
