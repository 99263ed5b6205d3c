//! The binary as a server: started, talked to, ended.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use serde_json::{Value, json};

use crate::call::{Answer, Call};
use crate::home::{Ended, Home};

/// A server that runs until this is dropped.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) operations: SocketAddr,
    /// How long it took until it said that it listens.
    pub(crate) start: Duration,
    child: Child,
    log: Arc<Mutex<String>>,
    reading: Option<JoinHandle<()>>,
}

/// What makes a server choose its ports.
pub(crate) const FREE_PORTS: [&str; 4] = ["--listen", "127.0.0.1:0", "--operations-listen", "127.0.0.1:0"];

impl Served {
    /// Starts `keywright serve --demo` in `home`.
    pub(crate) fn demo(home: &Home) -> Self {
        Self::with(home, ["--demo"])
    }

    /// Starts `keywright serve` in `home` with more arguments.
    pub(crate) fn with<S: AsRef<OsStr>>(home: &Home, arguments: impl IntoIterator<Item = S>) -> Self {
        let mut command = home.command(["serve"]);
        Self::start(command.args(FREE_PORTS).args(arguments))
    }

    /// Starts a command that serves, and waits until it listens.
    pub(crate) fn start(command: &mut Command) -> Self {
        let begun = Instant::now();
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (stderr, shared) = (BufReader::new(child.stderr.take().unwrap()), Arc::clone(&log));
        let reading = std::thread::spawn(move || {
            for line in stderr.lines() {
                let mut log = shared.lock().unwrap();
                log.push_str(&line.unwrap());
                log.push('\n');
            }
        });
        let address = "0.0.0.0:0".parse().unwrap();
        let mut served =
            Self { address, operations: address, start: Duration::ZERO, child, log, reading: Some(reading) };
        served.wait_for("Next, in another terminal");
        served.start = begun.elapsed();
        served.address = served.said("Keywright listens on ");
        served.operations = served.said("Metrics are at ");
        served
    }

    /// The address as the command line takes it.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All that it has written to standard error.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits until it has written `text`.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) {
        let begun = Instant::now();
        while !self.log().contains(text) {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() && begun.elapsed() < PATIENCE, "no “{text}”: {ended:?}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Lets it have no more than so many files and connections open.
    pub(crate) fn limit_files(&self, most: u64) {
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        prlimit(Some(Pid::from_child(&self.child)), Resource::Nofile, limit).unwrap();
    }

    /// Lets no file of its grow beyond so many bytes, as a full disk would not; `None` gives it room again.
    /// It must have been started with the signal for that ignored.
    pub(crate) fn limit_file_size(&self, most: Option<u64>) {
        let limit = Rlimit { current: most, maximum: None };
        prlimit(Some(Pid::from_child(&self.child)), Resource::Fsize, limit).unwrap();
    }

    /// Waits until it has ended; how, and all that it wrote.
    #[track_caller]
    pub(crate) fn ended(mut self) -> (ExitStatus, String) {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(2));
        };
        // Standard error is at its end now.
        self.reading.take().unwrap().join().unwrap();
        (status, self.log())
    }

    /// Ends it as an operator does.
    #[track_caller]
    pub(crate) fn stop(self) -> String {
        self.signal(Signal::TERM);
        let (status, log) = self.ended();
        assert_eq!(status.code(), Some(0), "{log}");
        log
    }

    /// Runs the command line against this server.
    pub(crate) fn cli<S: AsRef<OsStr>>(&self, home: &Home, arguments: impl IntoIterator<Item = S>) -> Ended {
        Ended::of(&mut self.command(home, arguments))
    }

    /// The command line, told of this server.
    pub(crate) fn command<S: AsRef<OsStr>>(
        &self,
        home: &Home,
        arguments: impl IntoIterator<Item = S>,
    ) -> Command {
        let mut command = home.command(arguments);
        command.env("KEYWRIGHT_SERVER", self.url());
        command
    }

    pub(crate) fn get(&self, path: &str) -> Call {
        Call::get(self.address, path)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Call {
        Call::post(self.address, path, body)
    }

    pub(crate) fn delete(&self, path: &str) -> Call {
        Call::delete(self.address, path)
    }

    /// A new temporary account's token.
    pub(crate) fn temporary(&self) -> String {
        let answer = self.post("/api/v1/auth/temporary", &json!({})).send();
        answer.with_status(200).data()["token"].as_str().unwrap().to_owned()
    }

    /// A new key with the gateway's scope: its id and itself.
    pub(crate) fn key(&self, token: &str, name: &str) -> (String, String) {
        let made = self.post("/api/v1/keys", &json!({ "name": name })).token(token).send();
        let made = made.with_status(200).data();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        (text("keyId"), text("raw"))
    }

    /// A call of the demo provider in Anthropic's dialect.
    pub(crate) fn message(&self, token: &str, text: &str, stream: bool) -> Call {
        let messages = json!([{ "role": "user", "content": text }]);
        let body =
            json!({ "model": "demo-small", "max_tokens": 100_000, "stream": stream, "messages": messages });
        self.post("/v1/messages", &body).header("x-api-key", token)
    }

    /// The account's records, newest first.
    pub(crate) fn requests(&self, token: &str) -> Vec<Value> {
        let answer: Answer = self.get("/api/v1/requests?limit=100").token(token).send();
        answer.with_status(200).data()["requests"].as_array().unwrap().clone()
    }

    /// The same, once no call is running: a call that was cut off is recorded just after it.
    #[track_caller]
    pub(crate) fn settled(&self, token: &str) -> Vec<Value> {
        let begun = Instant::now();
        loop {
            let requests = self.requests(token);
            if requests.iter().all(|request| request["outcome"] != "running") {
                return requests;
            }
            assert!(begun.elapsed() < PATIENCE, "calls are still running: {requests:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn said(&self, before: &str) -> SocketAddr {
        let log = self.log();
        let url = log.split(before).nth(1).unwrap_or_else(|| panic!("no “{before}”: {log}"));
        let address = url.split("://").nth(1).unwrap().split(['/', '\n']).next().unwrap();
        address.parse().unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Refused when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Far longer than anything takes, on a machine that does much else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
