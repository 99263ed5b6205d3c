//! As much of HTTP/1.1 as provider and load generator of the bench speak with each other.

use memchr::memmem;

/// The head of a request or an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// Its length, the empty line included.
    pub(crate) length: usize,
    /// The status, of an answer.
    pub(crate) status: Option<u16>,
    /// The length of the body, unless it comes in chunks.
    pub(crate) body: Option<usize>,
    /// Whether the body comes in chunks.
    pub(crate) chunked: bool,
}

impl Head {
    /// The head at the beginning of `bytes`, once it is whole.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let length = memmem::find(bytes, b"\r\n\r\n")? + 4;
        let mut head = Self { length, status: None, body: None, chunked: false };
        let mut lines = bytes[..length].split(|byte| *byte == b'\n');
        if let Some(status) = lines.next().and_then(|first| first.strip_prefix(b"HTTP/1.1 ")) {
            head.status = number(status.get(..3)?);
        }
        for line in lines {
            if let Some(value) = value(line, b"content-length") {
                head.body = number(value);
            } else if value(line, b"transfer-encoding").is_some() {
                head.chunked = true;
            }
        }
        Some(head)
    }
}

fn value<'l>(line: &'l [u8], name: &[u8]) -> Option<&'l [u8]> {
    let (given, rest) = line.split_at_checked(name.len())?;
    given.eq_ignore_ascii_case(name).then(|| rest.strip_prefix(b":").unwrap_or(rest).trim_ascii())
}

fn number<T: std::str::FromStr>(digits: &[u8]) -> Option<T> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Writes `data` as one chunk.
pub(crate) fn chunk(out: &mut Vec<u8>, data: &[u8]) {
    out.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
    out.extend_from_slice(data);
    out.extend_from_slice(b"\r\n");
}

/// Takes the chunks apart, however they are cut into reads.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// The digits read so far, and whether an extension is being skipped.
    Size(usize),
    Data(usize),
    /// The line end after data.
    Line,
    /// After the last chunk: what stands before the final line end.
    Trailer,
    Done,
}

impl Default for State {
    fn default() -> Self {
        Self::Size(0)
    }
}

impl Chunks {
    /// Whether the last chunk was seen.
    pub(crate) fn done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Hands each piece of data in `bytes` to `each`.
    pub(crate) fn take(&mut self, mut bytes: &[u8], mut each: impl FnMut(&[u8])) {
        while let Some((&byte, rest)) = bytes.split_first() {
            self.state = match self.state {
                State::Data(missing) => {
                    let (data, after) = bytes.split_at(missing.min(bytes.len()));
                    each(data);
                    bytes = after;
                    self.state =
                        if data.len() == missing { State::Line } else { State::Data(missing - data.len()) };
                    continue;
                }
                State::Size(0) if byte == b'\n' => State::Trailer,
                State::Size(size) if byte == b'\n' => State::Data(size),
                State::Size(size) => {
                    let digit = char::from(byte).to_digit(16).map(|digit| digit as usize);
                    State::Size(digit.map_or(size, |digit| size * 16 + digit))
                }
                State::Line if byte == b'\n' => State::Size(0),
                State::Trailer if byte == b'\n' => State::Done,
                state => state,
            };
            bytes = rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_in_any_case() {
        let answer = b"HTTP/1.1 401 No\r\nContent-Length: 17\r\n\r\nrest";
        let head = Head::parse(answer).expect("whole");
        assert_eq!(
            head,
            Head { length: answer.len() - 4, status: Some(401), body: Some(17), chunked: false }
        );
        let request = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";
        let head = Head::parse(request).expect("whole");
        assert_eq!((head.status, head.chunked, head.length), (None, true, request.len()));
        assert_eq!(Head::parse(b"HTTP/1.1 200 OK\r\n"), None);
    }

    #[test]
    fn chunks_are_taken_apart_wherever_reads_cut_them() {
        let mut wire = Vec::new();
        chunk(&mut wire, b"hello ");
        chunk(&mut wire, &[b'x'; 300]);
        wire.extend_from_slice(b"0\r\n\r\n");
        for size in 1..wire.len() {
            let (mut chunks, mut data) = (Chunks::default(), Vec::new());
            for part in wire.chunks(size) {
                assert!(!chunks.done());
                chunks.take(part, |bytes| data.extend_from_slice(bytes));
            }
            assert!(chunks.done());
            assert_eq!((data.len(), &data[..7]), (306, &b"hello x"[..]), "{size}");
        }
    }
}
