//! A `keywright login` that is under way.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use crate::home::Ended;
use crate::signed_in::SignedIn;

/// The command, with its lines as they come.
pub(crate) struct SigningIn {
    child: Child,
    out: Receiver<String>,
    err: Receiver<String>,
}

impl SigningIn {
    pub(crate) fn start(signed_in: &SignedIn, arguments: &[&str]) -> Self {
        Self::of(signed_in.command(["login"]).args(arguments))
    }

    pub(crate) fn of(command: &mut Command) -> Self {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (out, err): (ChildStdout, ChildStderr) =
            (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        Self { child, out: lines(out), err: lines(err) }
    }

    /// The next event.
    pub(crate) fn event(&self) -> Value {
        let line = self.out.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            panic!("no event; it says {:?}", self.err.try_iter().collect::<Vec<_>>());
        });
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("not one line of JSON: {line}"))
    }

    /// The next line of what it says that contains `part`.
    pub(crate) fn said(&self, part: &str) -> String {
        let mut seen = Vec::new();
        while let Ok(line) = self.err.recv_timeout(PATIENCE) {
            if line.contains(part) {
                return line;
            }
            seen.push(line);
        }
        panic!("{part} was not said: {seen:?}");
    }

    /// Types a line.
    pub(crate) fn paste(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        drop(self.child.stdin.take());
        let code = self.child.wait().unwrap().code();
        let all = |lines: &Receiver<String>| lines.iter().map(|line| line + "\n").collect::<String>();
        let ended = Ended { code, stdout: all(&self.out), stderr: all(&self.err) };
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(!keywright_secret::mentions_token(said.as_bytes()), "{said}");
        ended
    }
}

fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

const PATIENCE: Duration = Duration::from_secs(30);
