//! A small HTTP/1.1 client that shows an answer as it came: piece by piece, and whether it was whole.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use crate::served::PATIENCE;

/// A request.
pub(crate) struct Call {
    address: SocketAddr,
    line: String,
    headers: String,
    body: Vec<u8>,
}

/// An answer, from its head to its end.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
    /// Whether the end was one.
    pub(crate) whole: bool,
}

/// An answer whose head has come.
pub(crate) struct Opened {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    stream: BufReader<TcpStream>,
    framing: Framing,
}

enum Framing {
    Length(usize),
    Chunked,
    Ended,
}

impl Call {
    pub(crate) fn get(address: SocketAddr, path: &str) -> Self {
        Self::new(address, "GET", path, Vec::new())
    }

    pub(crate) fn delete(address: SocketAddr, path: &str) -> Self {
        Self::new(address, "DELETE", path, Vec::new())
    }

    pub(crate) fn post(address: SocketAddr, path: &str, body: &Value) -> Self {
        let call = Self::new(address, "POST", path, body.to_string().into_bytes());
        call.header("content-type", "application/json")
    }

    /// With a form, as a browser or an application of OAuth sends it.
    pub(crate) fn form(address: SocketAddr, path: &str, body: &str) -> Self {
        let call = Self::new(address, "POST", path, body.as_bytes().to_vec());
        call.header("content-type", "application/x-www-form-urlencoded")
    }

    fn new(address: SocketAddr, method: &str, path: &str, body: Vec<u8>) -> Self {
        let headers = format!("host: {address}\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
        Self { address, line: format!("{method} {path} HTTP/1.1\r\n"), headers, body }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    /// With another Host.
    pub(crate) fn host(mut self, host: &str) -> Self {
        let (_, rest) = self.headers.split_once("\r\n").unwrap();
        self.headers = format!("host: {host}\r\n{rest}");
        self
    }

    pub(crate) fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Sends it and reads the answer to its end.
    #[track_caller]
    pub(crate) fn send(self) -> Answer {
        self.try_send().unwrap()
    }

    /// The same, where the server may be gone.
    pub(crate) fn try_send(self) -> Result<Answer> {
        Ok(self.open()?.finish())
    }

    /// Sends it and reads the head of the answer.
    pub(crate) fn open(self) -> Result<Opened> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(format!("{}{}\r\n", self.line, self.headers).as_bytes())?;
        stream.write_all(&self.body)?;
        Opened::read(BufReader::new(stream))
    }
}

impl Opened {
    fn read(mut stream: BufReader<TcpStream>) -> Result<Self> {
        let first = line(&mut stream)?;
        let status = first.split(' ').nth(1).and_then(|text| text.parse().ok());
        let status = status.ok_or(Error::new(ErrorKind::InvalidData, first))?;
        let mut headers = BTreeMap::new();
        loop {
            let line = line(&mut stream)?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or(ErrorKind::InvalidData)?;
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let framing = match headers.get("content-length") {
            Some(length) => Framing::Length(length.parse().map_err(|_| ErrorKind::InvalidData)?),
            None => Framing::Chunked,
        };
        Ok(Self { status, headers, stream, framing })
    }

    /// The next piece of the body as the server sent it; `None` at a clean end, an error at any other.
    pub(crate) fn piece(&mut self) -> Result<Option<Vec<u8>>> {
        let length = match self.framing {
            Framing::Ended | Framing::Length(0) => return Ok(None),
            Framing::Length(length) => length,
            Framing::Chunked => {
                let size = line(&mut self.stream)?;
                usize::from_str_radix(&size, 16).map_err(|_| ErrorKind::InvalidData)?
            }
        };
        let mut piece = vec![0; length];
        self.stream.read_exact(&mut piece)?;
        if !matches!(self.framing, Framing::Chunked) {
            self.framing = Framing::Ended;
        } else if !line(&mut self.stream)?.is_empty() {
            return Err(ErrorKind::InvalidData.into());
        } else if length == 0 {
            self.framing = Framing::Ended;
            return Ok(None);
        }
        Ok(Some(piece))
    }

    /// Reads until the body has `text` in it.
    pub(crate) fn read_until(&mut self, text: &str) -> String {
        let mut read = String::new();
        while !read.contains(text) {
            let piece = self.piece().unwrap().unwrap_or_else(|| panic!("no “{text}” in {read}"));
            read.push_str(&String::from_utf8(piece).unwrap());
        }
        read
    }

    /// Reads what is left.
    pub(crate) fn finish(mut self) -> Answer {
        let mut body = Vec::new();
        let whole = loop {
            match self.piece() {
                Ok(Some(piece)) => body.extend(piece),
                Ok(None) => break true,
                Err(_) => break false,
            }
        };
        Answer { status: self.status, headers: self.headers, body, whole }
    }
}

impl Answer {
    #[track_caller]
    pub(crate) fn with_status(self, status: u16) -> Self {
        assert_eq!((self.status, self.whole), (status, true), "{}", self.text());
        self
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    /// What stands in the envelope.
    #[track_caller]
    pub(crate) fn data(&self) -> Value {
        self.json()["data"].clone()
    }

    /// The code of a refusal.
    #[track_caller]
    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

fn line(stream: &mut BufReader<TcpStream>) -> Result<String> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let whole = line.strip_suffix("\r\n").ok_or(ErrorKind::UnexpectedEof)?;
    Ok(whole.to_owned())
}
