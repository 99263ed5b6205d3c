//! A home in which somebody is signed in at an issuer in the test.

use std::ffi::OsStr;
use std::process::Command;

use keywright_protocol::{Clock, SystemClock};
use keywright_secret::{PlatformToken, TokenKind};
use keywright_testkit::{FakeIssuer, Issued};
use serde_json::{Value, json};

use crate::home::{Ended, Home};

/// The home and the issuer.
pub(crate) struct SignedIn {
    pub(crate) home: Home,
    pub(crate) issuer: FakeIssuer,
}

impl SignedIn {
    /// Nobody is signed in yet.
    pub(crate) fn nobody() -> Self {
        Self { home: Home::new(), issuer: FakeIssuer::start() }
    }

    /// Somebody is, and the access token ends in so many seconds.
    pub(crate) fn ending_in(seconds: i64) -> Self {
        let signed_in = Self::nobody();
        let issued = signed_in.issuer.sign_in();
        signed_in.write(&issued, seconds);
        signed_in
    }

    /// Puts a session where the command line keeps it.
    pub(crate) fn write(&self, issued: &Issued, seconds: i64) {
        write(&self.home.credentials(), &self.issuer.url, issued, seconds);
    }

    /// The binary, told of the server.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.home.command(arguments);
        command.env("KEYWRIGHT_SERVER", &self.issuer.url);
        command
    }

    /// Runs it to its end. Whatever it says, no token is in it.
    #[track_caller]
    pub(crate) fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Ended {
        let ended = Ended::of(&mut self.command(arguments));
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(!keywright_secret::mentions_token(said.as_bytes()), "{said}");
        ended
    }

    /// Puts an API key that the issuer takes beside what is stored.
    pub(crate) fn store_key(&self) -> String {
        let key = PlatformToken::mint(TokenKind::ApiKey).expose().to_owned();
        self.issuer.state().access.insert(key.clone());
        let path = self.home.credentials();
        let mut file: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        file["profiles"]["default"]["servers"][&self.issuer.url]["apiKey"] = json!({ "raw": key });
        std::fs::write(path, file.to_string()).unwrap();
        key
    }

    /// What is stored for the server.
    pub(crate) fn stored(&self) -> Value {
        let text = std::fs::read_to_string(self.home.credentials()).unwrap();
        let file: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("not parseable: {text}"));
        file["profiles"]["default"]["servers"][&self.issuer.url].clone()
    }

    /// The refresh token that is stored.
    pub(crate) fn stored_refresh(&self) -> String {
        self.stored()["session"]["refreshToken"].as_str().unwrap().to_owned()
    }
}

/// Writes a file with one session.
pub(crate) fn write(path: &std::path::Path, issuer: &str, issued: &Issued, seconds: i64) {
    let session = json!({
        "accessToken": issued.access,
        "refreshToken": issued.refresh,
        "expiresAt": SystemClock.now().plus_seconds(seconds).to_string(),
        "email": "person@example.com",
        "clientId": "keywright-cli",
        "issuer": issuer,
        "laterField": 1,
    });
    let mut servers = serde_json::Map::new();
    servers.insert(issuer.to_owned(), json!({ "session": session }));
    let file = json!({ "profiles": { "default": { "servers": servers } } });
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, file.to_string()).unwrap();
}
