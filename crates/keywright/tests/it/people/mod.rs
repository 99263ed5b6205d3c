//! Signing in, staying in and leaving, at `keywright serve`: the pages, the authorization server and the gateway are
//! the real ones, and only the browser is the test's.

mod chromium;
mod essential;
mod leaving;
mod person;
mod relay;
mod secrecy;
mod signing_in;
mod staying;
mod taking_over;
mod token;

use std::ffi::OsStr;
use std::net::{SocketAddr, TcpListener};
use std::process::Command;

use keywright_protocol::{Clock, SystemClock};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use url::Url;

use crate::call::Call;
use crate::home::{Ended, Home};
use crate::served::Served;
use crate::signing_in::SigningIn;
use person::Person;
use relay::Relay;

/// A server and the machine of somebody who uses it, with all calls in between seen.
pub(crate) struct Scene {
    pub(crate) home: Home,
    pub(crate) server_home: Home,
    pub(crate) served: Served,
    pub(crate) relay: Relay,
}

impl Scene {
    /// A server with the demo provider. Nobody is signed in.
    pub(crate) fn new() -> Self {
        let (server_home, relay) = (Home::new(), Relay::new());
        let served = serve(&server_home, free_port(), &relay);
        relay.leads_to(served.address);
        Self { home: Home::new(), server_home, served, relay }
    }

    /// The same, and that mailbox is signed in.
    pub(crate) fn signed_in(mailbox: &str) -> Self {
        let scene = Self::new();
        scene.signs_in(&mut scene.person(mailbox), &[]);
        scene
    }

    pub(crate) fn person(&self, mailbox: &str) -> Person<'_> {
        Person::new(self.served.address, &self.server_home, mailbox)
    }

    /// The command line, told of the server.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.home.command(arguments);
        command.env("KEYWRIGHT_SERVER", self.relay.url());
        command
    }

    pub(crate) fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Ended {
        Ended::of(&mut self.command(arguments))
    }

    /// Signs that person in by browser; the last event.
    #[track_caller]
    pub(crate) fn signs_in(&self, person: &mut Person<'_>, arguments: &[&str]) -> Value {
        let (login, url) = self.begins(arguments);
        comes_back(&person.lets_in(&url));
        let event = login.event();
        assert_eq!(event["event"], "signed_in", "{event}");
        login.end().with_code(0);
        event
    }

    /// A login by browser that waits, and the address that it wants opened.
    #[track_caller]
    pub(crate) fn begins(&self, arguments: &[&str]) -> (SigningIn, Url) {
        let login = SigningIn::of(self.command(["login", "--browser", "--json"]).args(arguments));
        let event = login.event();
        assert_eq!(event["event"], "url", "{event}");
        let mut url: Url = event["url"].as_str().unwrap().parse().unwrap();
        // The person's browser is not what is counted.
        url.set_port(Some(self.served.address.port())).unwrap();
        (login, url)
    }

    /// What is stored for the server, in whichever profile holds a session.
    pub(crate) fn stored(&self) -> Value {
        let text = std::fs::read_to_string(self.home.credentials()).unwrap();
        let file: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("not parseable: {text}"));
        let profiles = file["profiles"].as_object().unwrap();
        let entries = profiles.values().map(|profile| profile["servers"][self.relay.url()].clone());
        entries.into_iter().find(|entry| entry["session"].is_object()).unwrap_or_default()
    }

    /// The access token that is stored.
    pub(crate) fn access_token(&self) -> String {
        self.stored()["session"]["accessToken"].as_str().unwrap().to_owned()
    }

    /// Lets the session be as if so many seconds were left of its access token.
    pub(crate) fn let_end_in(&self, seconds: i64) {
        let path = self.home.credentials();
        let text = std::fs::read_to_string(&path).unwrap();
        let old = self.stored()["session"]["expiresAt"].as_str().unwrap().to_owned();
        std::fs::write(path, text.replace(&old, &SystemClock.now().plus_seconds(seconds).to_string()))
            .unwrap();
    }

    /// How many refresh tokens the server has exchanged.
    pub(crate) fn exchanged(&self) -> i64 {
        let path = self.server_home.data("keywright.db");
        let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        database.query_row("SELECT COUNT(*) FROM rotations", [], |row| row.get(0)).unwrap()
    }

    /// Whether the gateway answers a call with that token; the code of its refusal.
    pub(crate) fn model_call(&self, token: &str) -> Result<(), String> {
        let answer = self.served.message(token, "hello", false).send();
        if answer.status == 200 { Ok(()) } else { Err(answer.text()) }
    }
}

/// Starts a server that listens there and is reached by the relay.
fn serve(home: &Home, address: SocketAddr, relay: &Relay) -> Served {
    let listen = address.to_string();
    let arguments = ["serve", "--demo", "--operations-listen", "127.0.0.1:0", "--listen", &listen];
    let mut served = Served::start(home.command(arguments).args(["--public-url", &relay.url()]));
    // What it says is its public address.
    served.address = address;
    served
}

fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// The browser follows the way back to the command line.
#[track_caller]
fn comes_back(url: &Url) {
    let address = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap()).parse().unwrap();
    let answer = Call::get(address, &url[url::Position::BeforePath..]).send();
    assert_eq!(answer.status, 200, "{}", answer.text());
}
