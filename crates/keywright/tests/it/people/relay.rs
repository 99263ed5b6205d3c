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
    memory: Arc<Mutex<Memory>>,
}

#[derive(Default)]
struct Memory {
    seen: Vec<Seen>,
    lose: Option<&'static str>,
}

impl Relay {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self { address: listener.local_addr().unwrap(), listener, memory: Arc::default() }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Passes calls on to that server from now on.
    pub(crate) fn leads_to(&self, server: SocketAddr) {
        let (listener, memory) = (self.listener.try_clone().unwrap(), Arc::clone(&self.memory));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, memory) = (stream.unwrap(), Arc::clone(&memory));
                // A client that was killed, or a server that has stopped, ends one call and no more.
                std::thread::spawn(move || pass_on(stream, server, &memory));
            }
        });
    }

    /// What went by since the last time.
    pub(crate) fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.memory.lock().unwrap().seen)
    }

    /// Loses the next answer to a call of that path: the server does its work, and nobody hears of it.
    pub(crate) fn lose_answer(&self, path: &'static str) {
        self.memory.lock().unwrap().lose = Some(path);
    }
}

fn pass_on(mut client: TcpStream, server: SocketAddr, memory: &Mutex<Memory>) -> std::io::Result<()> {
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
    let is_lost = {
        let mut memory = memory.lock().unwrap();
        let is_lost = memory.lose.take_if(|path| *path == target).is_some();
        memory.seen.push(Seen { method, target, body: String::from_utf8_lossy(body).into_owned() });
        is_lost
    };
    let lines = text.lines().filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let head: String = lines.map(|line| format!("{line}\r\n")).collect();
    let mut upstream = TcpStream::connect(server)?;
    upstream.set_read_timeout(Some(PATIENCE))?;
    upstream.write_all(format!("{head}connection: close\r\n\r\n").as_bytes())?;
    upstream.write_all(body)?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer)?;
    if is_lost {
        return Ok(());
    }
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
