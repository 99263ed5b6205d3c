//! What stands between the command line and a server, and sees every call.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crate::served::PATIENCE;

/// A call that went by.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) body: String,
}

/// A port that passes every call on.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    listener: TcpListener,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Relay {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self { address: listener.local_addr().unwrap(), listener, seen: Arc::default() }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Passes calls on to that server from now on.
    pub(crate) fn leads_to(&self, server: SocketAddr) {
        let (listener, seen) = (self.listener.try_clone().unwrap(), Arc::clone(&self.seen));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, seen) = (stream.unwrap(), Arc::clone(&seen));
                // A client that was killed, or a server that has stopped, ends one call and no more.
                std::thread::spawn(move || pass_on(stream, server, &seen));
            }
        });
    }

    /// What went by since the last time.
    pub(crate) fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

fn pass_on(mut client: TcpStream, server: SocketAddr, seen: &Mutex<Vec<Seen>>) -> std::io::Result<()> {
    client.set_read_timeout(Some(PATIENCE))?;
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(at) = memchr::memmem::find(&bytes, b"\r\n\r\n") {
            break at;
        }
        read_more(&mut client, &mut bytes)?;
    };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let header = |name: &str| {
        text.lines()
            .find_map(|line| line.split_once(": ").filter(|(known, _)| known.eq_ignore_ascii_case(name)))
    };
    let length: usize = header("content-length").map_or(0, |(_, length)| length.parse().unwrap());
    while bytes.len() < head + 4 + length {
        read_more(&mut client, &mut bytes)?;
    }
    let body = &bytes[head + 4..head + 4 + length];
    let mut words = text.split(' ');
    let mut word = || words.next().unwrap_or_default().to_owned();
    let (method, target) = (word(), word());
    seen.lock().unwrap().push(Seen { method, target, body: String::from_utf8_lossy(body).into_owned() });
    let lines = text.lines().filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let head: String = lines.map(|line| format!("{line}\r\n")).collect();
    let mut upstream = TcpStream::connect(server)?;
    upstream.set_read_timeout(Some(PATIENCE))?;
    upstream.write_all(format!("{head}connection: close\r\n\r\n").as_bytes())?;
    upstream.write_all(body)?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer)?;
    client.write_all(&answer)?;
    client.shutdown(Shutdown::Write)
}

fn read_more(from: &mut TcpStream, bytes: &mut Vec<u8>) -> std::io::Result<()> {
    let mut piece = [0; 8192];
    match from.read(&mut piece)? {
        0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
        length => {
            bytes.extend_from_slice(&piece[..length]);
            Ok(())
        }
    }
}
