//! A home, and a server that answers as it is told.

use std::io::Write;
use std::process::{Command, Stdio};

use keywright_protocol::ErrorCode;
use serde_json::{Value, json};

use crate::cli::Ended;
use crate::home::Home;
use crate::scripted::{Scripted, code_requested, refused, signed_in};

pub(super) const EMAIL: &str = "ann@mail.example";
pub(super) const SIGNUP_REQUEST: &str = "/api/v1/auth/signup-request";
pub(super) const SIGNUP_COMPLETE: &str = "/api/v1/auth/signup-complete";
pub(super) const LOGIN_REQUEST: &str = "/api/v1/auth/login-request";
pub(super) const LOGIN_COMPLETE: &str = "/api/v1/auth/login-complete";
pub(super) const TEMPORARY: &str = "/api/v1/auth/temporary";

/// A home, and a server that mails codes and takes them.
pub(super) struct Scene {
    pub(super) home: Home,
    pub(super) server: Scripted,
    /// The key that it makes.
    pub(super) key: String,
}

impl Scene {
    pub(super) fn new() -> Self {
        let server = Scripted::start();
        let (answer, key) = signed_in("Acme, Inc.");
        for path in [SIGNUP_REQUEST, LOGIN_REQUEST] {
            server.answers(path, code_requested(EMAIL));
        }
        for path in [SIGNUP_COMPLETE, LOGIN_COMPLETE] {
            server.answers(path, answer.clone());
        }
        Self { home: Home::new(), server, key }
    }

    /// Instead of what it answers there.
    pub(super) fn refusing<const N: usize>(path: &str, code: ErrorCode, details: [(&str, Value); N]) -> Self {
        let server = Scripted::start();
        server.answers(path, refused(code, details));
        Self { home: Home::new(), server, key: String::new() }
    }

    /// `keywright auth` with these arguments and, behind them, the mailbox.
    pub(super) fn auth(&self, arguments: &[&str]) -> Ended {
        Ended::of(&mut self.command(arguments))
    }

    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.home.command(["auth"]);
        command.args(arguments).args(["--email", EMAIL]).env("KEYWRIGHT_SERVER", &self.server.url);
        command
    }

    /// Makes a temporary account in the default profile, and two keys of it.
    pub(super) fn with_temporary(&self, token: &str) {
        let account = json!({"userId": "usr_01a1fb1b61707227bd0532ecdd9c09ba",
            "organizationId": "org_01a1fb1b61707227bd0532ecdd9c09ba"});
        let minted = ["key_00000000000000000000000000000001", "key_00000000000000000000000000000002"];
        let entry = json!({"temporary": {"token": token, "account": account}, "mintedKeys": minted});
        let content = json!({"profiles": {"default": {"servers": {(&self.server.url): entry}}}});
        std::fs::create_dir_all(self.home.credentials().parent().unwrap()).unwrap();
        std::fs::write(self.home.credentials(), content.to_string()).unwrap();
    }

    pub(super) fn stored(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.home.credentials()).unwrap()).unwrap()
    }
}

/// Gives `typed` to the command on standard input.
pub(super) fn typing(mut command: Command, typed: &str) -> Ended {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}
