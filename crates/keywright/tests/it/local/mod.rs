//! `run` without a server: the gateway inside the command.

mod doctor;
mod ending;
mod keys;
mod records;
mod target;
mod why;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use keywright_testkit::FakeProvider;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::call::Call;
use crate::home::Home;
use crate::served::PATIENCE;

/// The key that the user has.
const KEY: &str = "sk-ant-api03-canary-of-the-laptop-0123456789";

/// A provider on loopback, driven by a runtime of its own.
struct Upstream {
    provider: FakeProvider,
    runtime: tokio::runtime::Runtime,
}

impl Upstream {
    fn start() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let provider = runtime.block_on(FakeProvider::start());
        Self { provider, runtime }
    }

    fn url(&self) -> String {
        format!("http://{}", self.provider.address())
    }

    /// The binary, with this provider as the user's Anthropic.
    fn command(&self, home: &Home, arguments: &[&str]) -> Command {
        let mut command = home.command(arguments);
        command.env("ANTHROPIC_API_KEY", KEY).env("ANTHROPIC_BASE_URL", self.url());
        command
    }
}

/// A program in local mode that does nothing but live until it is told to end.
struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    address: SocketAddr,
    token: String,
}

impl Running {
    /// Starts `command`, a `keywright run ... --` that lacks its program.
    fn start(command: &mut Command) -> Self {
        command.args(["sh", "-c", "echo \"$ANTHROPIC_BASE_URL $ANTHROPIC_API_KEY\"; exec cat"]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let Some((url, token)) = line.trim().split_once(' ') else {
            let mut words = String::new();
            child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
            panic!("it did not start: {line}{words}");
        };
        let address = url.strip_prefix("http://").unwrap().parse().unwrap();
        let stdin = child.stdin.take();
        Self { child, stdin, address, token: token.to_owned() }
    }

    fn message(&self, stream: bool) -> Call {
        let messages = json!([{ "role": "user", "content": "hello" }]);
        let body = json!({ "model": "claude-x", "max_tokens": 64, "stream": stream, "messages": messages });
        Call::post(self.address, "/v1/messages", &body).header("x-api-key", &self.token)
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Lets the program end; the exit code of the run and its words.
    fn end(mut self) -> (Option<i32>, String) {
        drop(self.stdin.take());
        self.ended()
    }

    fn ended(&mut self) -> (Option<i32>, String) {
        let mut words = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
        (self.child.wait().unwrap().code(), words)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Refused when it has ended already; its program ends with its input.
        drop(self.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The calls of local runs, newest first.
fn calls(home: &Home) -> Vec<Value> {
    let page = home.run(["usage", "--local", "--requests", "--json"]).with_code(0).json();
    page["data"]["requests"].as_array().unwrap().clone()
}

/// Writes `providers.json`; where it is.
fn store(home: &Home, text: &str) -> PathBuf {
    let file = home.path().join(".local/state/keywright/providers.json");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::set_permissions(file.parent().unwrap(), PermissionsExt::from_mode(0o700)).unwrap();
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    file
}

/// Waits until something is so.
#[track_caller]
fn wait_until(what: &str, mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < PATIENCE, "{what} does not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}
