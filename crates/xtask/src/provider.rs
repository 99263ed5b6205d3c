//! The provider of the bench: answers in the anthropic dialect as fast as one thread can.
//!
//! Not HTTP in general: it reads what the bench sends, by way of whichever proxy. The model that a
//! request names says how it is answered; see [`Script`].

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use memchr::memmem;
use tokio::io::{self, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::clock;
use crate::wire::{Head, chunk};

/// How a request is to be answered, by the model that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Script {
    /// `json`: a whole answer of about 1 KiB.
    Json,
    /// `burst-EVENTS`: a stream, as fast as it is taken, each event written on its own.
    Burst {
        /// How many events carry text.
        events: u32,
    },
    /// `blocks-EVENTS`: the same with many events in each write.
    Blocks {
        /// How many events carry text.
        events: u32,
    },
    /// `paced-EVENTS-MICROSECONDS`: a stream with a pause before each event but the first, each written
    /// on its own.
    Paced {
        /// How many events carry text.
        events: u32,
        /// The pause.
        gap: Duration,
    },
}

impl Script {
    /// The model that asks for it.
    pub(crate) fn model(self) -> String {
        match self {
            Self::Json => "json".to_owned(),
            Self::Burst { events } => format!("burst-{events}"),
            Self::Blocks { events } => format!("blocks-{events}"),
            Self::Paced { events, gap } => format!("paced-{events}-{}", gap.as_micros()),
        }
    }

    fn of(model: &str) -> Option<Self> {
        let mut words = model.split('-');
        let script = match (words.next()?, words.next(), words.next()) {
            ("json", None, None) => Self::Json,
            ("burst", Some(events), None) => Self::Burst { events: events.parse().ok()? },
            ("blocks", Some(events), None) => Self::Blocks { events: events.parse().ok()? },
            ("paced", Some(events), Some(gap)) => {
                Self::Paced { events: events.parse().ok()?, gap: Duration::from_micros(gap.parse().ok()?) }
            }
            _ => return None,
        };
        Some(script)
    }
}

/// Serves until the process is ended; prints its address first.
pub(crate) fn run() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    runtime.block_on(local.run_until(async {
        let listener = listen()?;
        println!("{}", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::task::spawn_local(async move {
                // A proxy that closes a connection it kept is no concern of ours.
                let _ = serve(stream).await;
            });
        }
    }))
}

/// Thousands of connections arrive at once when streams are opened.
fn listen() -> io::Result<TcpListener> {
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    socket.listen(4096)
}

async fn serve(mut stream: TcpStream) -> io::Result<()> {
    let whole = whole_answer();
    let mut buffer: Vec<u8> = Vec::with_capacity(4096);
    loop {
        buffer.clear();
        let head = loop {
            if let Some(head) = Head::parse(&buffer) {
                break head;
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        // The model stands at the beginning of the body; the rest need not be kept.
        let script = loop {
            let body = &buffer[head.length..];
            if let Some(model) = model(body) {
                break Script::of(model).ok_or(io::ErrorKind::InvalidData)?;
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        };
        let mut missing = (head.length + head.body.unwrap_or(0)).saturating_sub(buffer.len());
        while missing > 0 {
            buffer.clear();
            buffer.reserve(64 * 1024);
            let read = stream.read_buf(&mut buffer).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            missing = missing.saturating_sub(read);
        }
        match script {
            Script::Json => stream.write_all(&whole).await?,
            Script::Burst { events } => burst(&mut stream, events, 1).await?,
            Script::Blocks { events } => burst(&mut stream, events, BLOCK).await?,
            Script::Paced { events, gap } => {
                // What an idle stream keeps should be its own, not the memory of its request.
                buffer = Vec::new();
                paced(&mut stream, events, gap).await?;
            }
        }
    }
}

fn model(body: &[u8]) -> Option<&str> {
    const NAME: &[u8] = b"\"model\":\"";
    let start = memmem::find(body, NAME)? + NAME.len();
    let end = start + memchr::memchr(b'"', &body[start..])?;
    std::str::from_utf8(&body[start..end]).ok()
}

/// Writes whenever there are `block` bytes to write.
async fn burst(stream: &mut TcpStream, events: u32, block: usize) -> io::Result<()> {
    let mut out = Vec::with_capacity(16 * 1024);
    out.extend_from_slice(STREAM_HEAD);
    chunk(&mut out, START);
    for _ in 0..events {
        chunk(&mut out, delta(clock::nanoseconds()).as_bytes());
        if out.len() >= block {
            stream.write_all(&out).await?;
            out.clear();
        }
    }
    end(&mut out);
    stream.write_all(&out).await
}

async fn paced(stream: &mut TcpStream, events: u32, gap: Duration) -> io::Result<()> {
    let mut out = STREAM_HEAD.to_vec();
    chunk(&mut out, START);
    for event in 0..events {
        if event > 0 {
            tokio::time::sleep(gap).await;
        }
        chunk(&mut out, delta(clock::nanoseconds()).as_bytes());
        stream.write_all(&out).await?;
        out = Vec::new();
    }
    end(&mut out);
    stream.write_all(&out).await
}

fn delta(now: u64) -> String {
    format!(
        "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\
         \"delta\":{{\"type\":\"text_delta\",\"text\":\"{}{now:020} and a few words\"}}}}\n\n",
        clock::MARK
    )
}

fn end(out: &mut Vec<u8>) {
    chunk(out, END);
    out.extend_from_slice(b"0\r\n\r\n");
}

fn whole_answer() -> Vec<u8> {
    let text = "words ".repeat(137);
    let body = format!(
        "{{\"id\":\"msg_bench\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"json\",\
         \"content\":[{{\"type\":\"text\",\"text\":\"{text}\"}}],\"stop_reason\":\"end_turn\",\
         \"stop_sequence\":null,\"usage\":{{\"input_tokens\":210,\"output_tokens\":131}}}}"
    );
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nrequest-id: req_bench\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head, body].concat().into_bytes()
}

/// About as much as a provider's TLS record holds.
const BLOCK: usize = 8 * 1024;

const STREAM_HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n\
    request-id: req_bench\r\ntransfer-encoding: chunked\r\n\r\n";

const START: &[u8] =
    b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_bench\",\
    \"type\":\"message\",\"role\":\"assistant\",\"model\":\"bench\",\"content\":[],\
    \"usage\":{\"input_tokens\":210,\"output_tokens\":1}}}\n\n";

const END: &[u8] = b"event: message_delta\ndata: {\"type\":\"message_delta\",\
    \"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":131}}\n\n\
    event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_read_back_from_its_model() {
        for script in [
            Script::Json,
            Script::Burst { events: 7 },
            Script::Blocks { events: 8 },
            Script::Paced { events: 3, gap: Duration::from_millis(20) },
        ] {
            assert_eq!(Script::of(&script.model()), Some(script));
        }
        assert_eq!(Script::of("claude"), None);
    }

    #[test]
    fn the_whole_answer_is_json_of_about_a_kibibyte() {
        let answer = whole_answer();
        let head = Head::parse(&answer).expect("a head");
        let body = &answer[head.length..];
        assert_eq!(head.body, Some(body.len()));
        assert!((1000..1100).contains(&body.len()), "{}", body.len());
        serde_json::from_slice::<serde_json::Value>(body).expect("JSON");
    }
}
