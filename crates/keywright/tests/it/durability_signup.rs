//! Case 13: killed at any moment of a sign-up, a server has made all of it or nothing, and the same code ends in
//! one account. A tenth of the 200 rounds that a long proof makes.

use std::process::Command;
use std::time::{Duration, Instant};

use keywright_testkit::code_in;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::call::Call;
use crate::home::Home;
use crate::postgres::Postgres;
use crate::served::{FREE_PORTS, Served};

const ROUNDS: usize = 20;
/// How many sign up at once: some before the kill, some in the middle of it, some never.
const TOGETHER: usize = 3;

/// How many times [`ROUNDS`]: 10 for the long proof, which `cargo xtask soak` asks for.
fn rounds() -> usize {
    let times = std::env::var("LONG_PROOFS").ok().and_then(|text| text.parse::<usize>().ok());
    ROUNDS * times.unwrap_or(1)
}

#[test]
fn on_sqlite_a_killed_signup_is_whole_or_not_there() {
    let home = Home::new();
    killed_again_and_again(&home, || home.command(["serve", "--demo"]));
}

#[test]
fn on_postgresql_a_killed_signup_is_whole_or_not_there() {
    let (database, home) = (Postgres::new(), Home::new());
    killed_again_and_again(&home, || {
        let mut command = home.command(["serve", "--demo"]);
        command.env("KEYWRIGHT_DATABASE", database.url());
        command
    });
}

/// One who signs up, from an address of its own.
struct Person {
    email: String,
    address: String,
    code: String,
    /// Whether the server has said that it is done.
    acknowledged: bool,
}

fn killed_again_and_again(home: &Home, serve: impl Fn() -> Command) {
    let start = || Served::start(serve().args(FREE_PORTS).args(["--trusted-proxies", "127.0.0.1"]));
    let mut served = start();
    // How long a sign-up takes here, so that the kills fall into one.
    let begun = Instant::now();
    let first = Person::new(&served, home, usize::MAX);
    assert_eq!(first.complete(&served).send().status, 200);
    let took = begun.elapsed().max(Duration::from_millis(4));
    let mut unanswered = 0;
    for round in 0..rounds() {
        let mut people: Vec<Person> =
            (0..TOGETHER).map(|number| Person::new(&served, home, round * TOGETHER + number)).collect();
        std::thread::scope(|scope| {
            for person in &mut people {
                let served = &served;
                scope.spawn(move || {
                    let answer = person.complete(served).try_send();
                    person.acknowledged = answer.is_ok_and(|answer| answer.whole && answer.status == 200);
                });
            }
            std::thread::sleep(took.mul_f64((round * 7 % ROUNDS) as f64 / ROUNDS as f64));
            served.signal(Signal::KILL);
        });
        served.ended();
        served = start();
        for person in &people {
            unanswered += usize::from(!person.acknowledged);
            person.check(&served, home);
        }
    }
    assert!(unanswered > 0, "no kill came in time");
}

impl Person {
    fn new(served: &Served, home: &Home, number: usize) -> Self {
        let (email, address) =
            (format!("a{number}@example.com"), format!("2001:db8:{:x}::1", number % 0xffff));
        let mut person = Self { email, address, code: String::new(), acknowledged: false };
        person.code = person.mailed(served, home, "signup-request");
        person
    }

    fn post(&self, served: &Served, what: &str, body: &Value) -> Call {
        served.post(&format!("/api/v1/auth/{what}"), body).header("x-forwarded-for", &self.address)
    }

    /// Has a code mailed into the outbox.
    fn mailed(&self, served: &Served, home: &Home, request: &str) -> String {
        self.post(served, request, &json!({ "email": self.email })).send().with_status(200);
        let files = std::fs::read_dir(home.data("outbox")).unwrap().map(|entry| entry.unwrap().path());
        let mut mails: Vec<_> =
            files.filter(|path| path.extension().is_some_and(|end| end == "eml")).collect();
        mails.sort();
        let mut texts = mails.iter().rev().map(|path| std::fs::read_to_string(path).unwrap());
        let mail = texts.find(|text| text.contains(&format!("To: {}\r\n", self.email))).unwrap();
        code_in(mail.split_once("\r\n\r\n").unwrap().1)
    }

    fn complete(&self, served: &Served) -> Call {
        let body = json!({ "email": self.email, "code": self.code, "company": { "name": self.email } });
        self.post(served, "signup-complete", &body)
    }

    /// The same code again: it has done its work, or does it now; then there is one organization with one key.
    fn check(&self, served: &Served, home: &Home) {
        let again = self.complete(served).send();
        if self.acknowledged || again.status != 200 {
            assert_eq!(again.status, 409, "{}", self.email);
            let body: Value = serde_json::from_slice(&again.body).unwrap();
            assert_eq!(body["error"]["code"], "OTP_ALREADY_USED");
        }
        // A sign-up that is whole lets its mailbox ask again at once, and a second organization would be asked for.
        let code = self.mailed(served, home, "login-request");
        let body = json!({ "email": self.email, "code": code });
        let signed_in = self.post(served, "login-complete", &body).send().with_status(200).data();
        assert_eq!(signed_in["organizationName"], self.email.as_str());
        let key = signed_in["apiKey"]["raw"].as_str().unwrap();
        let keys = served.get("/api/v1/keys").token(key).send().with_status(200).data();
        let names: Vec<&str> =
            keys["keys"].as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["CLI default key (2)", "CLI default key"]);
    }
}
