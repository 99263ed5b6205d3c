//! Calls of the JSON API and forms, one after the other on a connection that stays open.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use super::Fallible;
use crate::wire::{Chunks, Head};

/// An answer to a form.
#[derive(Debug)]
pub(super) struct Answer {
    /// The status.
    pub(super) status: u16,
    /// The body.
    pub(super) body: String,
    head: String,
}

impl Answer {
    /// The value of a header, empty when there is none.
    pub(super) fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value.trim())
    }
}

/// A connection.
#[derive(Debug)]
pub(super) struct Session {
    address: SocketAddr,
    stream: TcpStream,
}

impl Session {
    /// Connects.
    pub(super) fn open(address: SocketAddr) -> Fallible<Self> {
        let connect = || {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(Duration::from_secs(60)))?;
            Ok(Self { address, stream })
        };
        connect().map_err(|error: io::Error| format!("no connection to {address}: {error}"))
    }

    /// Sends a request and gives the `data` of the answer's envelope.
    ///
    /// # Errors
    /// No answer, or one that is no success, with its text.
    pub(super) fn call(
        &mut self,
        method: &str,
        path: &str,
        token: &str,
        body: Option<&Value>,
    ) -> Fallible<Value> {
        let (_, answer) = self.ask(method, path, token, body)?;
        let text = || format!("{method} {path}: {}", String::from_utf8_lossy(&answer));
        let mut envelope: Value = serde_json::from_slice(&answer).map_err(|_| text())?;
        if envelope["success"] == Value::Bool(true) { Ok(envelope["data"].take()) } else { Err(text()) }
    }

    /// The same for whoever is behind a trusted proxy at `client`, without a token: status and answer,
    /// whatever they are.
    ///
    /// # Errors
    /// No answer, or one that is no JSON.
    pub(super) fn call_from(&mut self, client: &str, path: &str, body: &Value) -> Fallible<(u16, Value)> {
        let head = format!("x-forwarded-for: {client}\r\n");
        let answer = self.exchange_json("POST", path, &head, Some(body));
        let (status, answer) = answer.map_err(|error| format!("POST {path}: {error}"))?;
        let answer = serde_json::from_slice(&answer).map_err(|error| format!("POST {path}: {error}"))?;
        Ok((status, answer))
    }

    /// Calls a model, with the token where every part of the bench looks for it.
    pub(super) fn message(&mut self, token: &str, body: &Value) -> Fallible<u16> {
        let credential = format!("x-api-key: {token}\r\n");
        let answer = self.exchange_json("POST", "/v1/messages", &credential, Some(body));
        answer.map(|(status, _)| status).map_err(|error| format!("a model call: {error}"))
    }

    /// Sends a form with more header lines.
    ///
    /// # Errors
    /// No answer.
    pub(super) fn form(&mut self, path: &str, headers: &str, fields: &[(&str, &str)]) -> Fallible<Answer> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let headers = format!("{headers}content-type: application/x-www-form-urlencoded\r\n");
        self.exchange("POST", path, &headers, &body).map_err(|error| format!("POST {path}: {error}"))
    }

    /// Opens a page with more header lines.
    ///
    /// # Errors
    /// No answer.
    pub(super) fn page(&mut self, path: &str, headers: &str) -> Fallible<Answer> {
        self.exchange("GET", path, headers, "").map_err(|error| format!("GET {path}: {error}"))
    }

    /// Sends a request and gives status and body of the answer, whatever they are.
    ///
    /// # Errors
    /// No answer.
    fn ask(
        &mut self,
        method: &str,
        path: &str,
        token: &str,
        body: Option<&Value>,
    ) -> Fallible<(u16, Vec<u8>)> {
        let credential =
            if token.is_empty() { String::new() } else { format!("authorization: Bearer {token}\r\n") };
        self.exchange_json(method, path, &credential, body)
            .map_err(|error| format!("{method} {path}: {error}"))
    }

    fn exchange_json(
        &mut self,
        method: &str,
        path: &str,
        credential: &str,
        body: Option<&Value>,
    ) -> io::Result<(u16, Vec<u8>)> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let headers = format!("{credential}content-type: application/json\r\n");
        let answer = self.exchange(method, path, &headers, &body)?;
        Ok((answer.status, answer.body.into_bytes()))
    }

    fn exchange(&mut self, method: &str, path: &str, headers: &str, body: &str) -> io::Result<Answer> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\n{headers}content-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        self.stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        let head = loop {
            self.more(&mut answer)?;
            if let Some(head) = Head::parse(&answer) {
                break head;
            }
        };
        let mut rest = answer.split_off(head.length);
        let status = head.status.unwrap_or_default();
        let text = |bytes| String::from_utf8(bytes).map_err(|_| io::Error::from(io::ErrorKind::InvalidData));
        let lines = text(answer)?;
        if !head.chunked {
            while rest.len() < head.body.unwrap_or(0) {
                self.more(&mut rest)?;
            }
            return Ok(Answer { status, head: lines, body: text(rest)? });
        }
        let (mut chunks, mut whole) = (Chunks::default(), Vec::new());
        loop {
            chunks.take(&rest, |data| whole.extend_from_slice(data));
            if chunks.done() {
                return Ok(Answer { status, head: lines, body: text(whole)? });
            }
            rest.clear();
            self.more(&mut rest)?;
        }
    }

    fn more(&mut self, into: &mut Vec<u8>) -> io::Result<()> {
        let mut piece = [0; 16 * 1024];
        match self.stream.read(&mut piece)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                into.extend_from_slice(&piece[..read]);
                Ok(())
            }
        }
    }
}
