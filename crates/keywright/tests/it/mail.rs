//! Mails of the real server: into the outbox and out of it, and by a real mail server.

use std::os::unix::fs::PermissionsExt;

use keywright_testkit::{MailManner, MailServer, code_in};
use serde_json::{Value, json};

use crate::home::Home;
use crate::served::Served;

const MAILBOX: &str = "agent@example.com";
const PASSWORD: &str = "canary:of/the@login";

#[test]
fn the_outbox_shows_the_code_beside_a_running_server() {
    let home = Home::new();
    let served = Served::with(&home, ["--demo"]);
    for mailbox in [MAILBOX, "other@example.com"] {
        served.post("/api/v1/auth/signup-request", &json!({ "email": mailbox })).send().with_status(200);
    }
    let shown = home.run(["admin", "outbox"]).with_code(0).stdout;
    assert!(
        shown.find("To: agent@").unwrap() < shown.find("To: other@").unwrap(),
        "the newest last: {shown}"
    );
    let last = home.run(["admin", "outbox", "--last"]).with_code(0).stdout;
    assert!(last.contains("To: other@example.com") && !last.contains(MAILBOX), "{last}");

    let mail =
        home.run(["admin", "outbox", "--last", "--to", "Agent@Example.com", "--json"]).json()["data"].clone();
    let fields: Vec<&String> = mail.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["at", "file", "subject", "text", "to"]);
    assert_eq!(
        (mail["to"].as_str(), mail["subject"].as_str()),
        (Some(MAILBOX), Some("Your code to sign up"))
    );
    let file = std::path::Path::new(mail["file"].as_str().unwrap());
    assert_eq!(file.parent().unwrap(), home.data("outbox"));
    assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    let all = home.run(["admin", "outbox", "--json"]).json();
    assert_eq!(all["data"]["mails"].as_array().map(Vec::len), Some(2));

    let code = code_in(mail["text"].as_str().unwrap());
    let signed_up = json!({ "email": MAILBOX, "code": code });
    let made = served.post("/api/v1/auth/signup-complete", &signed_up).send().with_status(200).data();
    assert_eq!(made["isNewUser"], true);
    assert!(!served.log().contains(&code), "{}", served.log());
}

#[test]
fn an_empty_outbox_says_why() {
    let home = Home::new();
    for folder in [&[][..], &["--data-dir", "/nonexistent"]] {
        let nothing = home.run(["admin", "outbox"].iter().chain(folder)).with_code(1);
        assert_eq!(nothing.stdout, "");
        assert!(nothing.stderr.contains("No server has been started on this folder"), "{}", nothing.stderr);
    }
    let last = home.run(["admin", "outbox", "--last", "--json"]).with_code(1).json();
    assert_eq!(last["error"]["code"], "OUTBOX_EMPTY");
    let smtp = ["--mail-smtp", "smtp://localhost", "--mail-from", "k@example.com"];
    let elsewhere = home.run(["admin", "outbox", "--last"].into_iter().chain(smtp)).with_code(1);
    assert!(elsewhere.stderr.contains("the mail server that `mail.smtp` names"), "{}", elsewhere.stderr);
    drop(Served::with(&home, ["--demo"]));
    let none = home.run(["admin", "outbox", "--to", MAILBOX]).with_code(0);
    assert!(none.stderr.contains("No mail to agent@example.com is in "), "{}", none.stderr);
    assert_eq!(home.run(["admin", "outbox", "--json"]).json()["data"], json!({ "mails": [] }));
    std::fs::write(home.data("outbox"), "in the way").unwrap();
    assert!(home.run(["admin", "outbox"]).with_code(1).stderr.contains("outbox cannot be read"));
}

#[test]
fn a_wrong_login_is_told_in_the_log_without_the_password_or_the_code() {
    let home = Home::new();
    let mails = MailServer::start(MailManner::plain().login("me", "another"));
    let served = Served::start(&mut serve(&home, &mails));
    let refused = ask(&served).with_status(503).json();
    assert_eq!(refused["error"]["code"], "MAIL_UNAVAILABLE");
    let log = served.log();
    assert!(log.contains("takes no login: it answers 535"), "{log}");
    for secret in [PASSWORD, "canary", "AG1lAGNhbmFyeT"] {
        assert!(!log.contains(secret), "{log}");
    }
    assert_eq!(log.matches("could not be mailed").count(), 1, "told once: {log}");
}

#[test]
fn a_code_by_smtp_is_in_no_log_and_in_no_file() {
    let home = Home::new();
    let mails = MailServer::start(MailManner::plain().login("me", PASSWORD));
    let mut command = serve(&home, &mails);
    let served = Served::start(command.env("RUST_LOG", "trace"));
    ask(&served).with_status(200);
    let code = mails.next_code(MAILBOX);
    let log = served.log();
    assert!(!log.contains(&code) && !log.contains("canary"), "{log}");
    assert_eq!(home.run(["admin", "outbox", "--json"]).json()["data"]["mails"], Value::Array(vec![]));
}

#[test]
fn a_mail_server_that_is_none_refuses_to_start_without_showing_the_login() {
    let home = Home::new();
    let ended = home.run(["serve", "--mail-smtp", "smtp://me:canary@mail.example/path"]).with_code(1);
    assert!(
        ended.stderr.contains("`mail.smtp` from --mail-smtp: Expected a URL like smtp://"),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("needs `mail.from`") && !ended.stderr.contains("canary"),
        "{}",
        ended.stderr
    );
}

fn serve(home: &Home, mails: &MailServer) -> std::process::Command {
    let mut command = home.command(["serve", "--demo"]);
    command.args(crate::served::FREE_PORTS).env("KEYWRIGHT_MAIL_FROM", "keywright@mail.example");
    let login = "me:canary%3Aof%2Fthe%40login";
    command.env("KEYWRIGHT_MAIL_SMTP", format!("smtp://{login}@127.0.0.1:{}", mails.port()));
    command
}

fn ask(served: &Served) -> crate::call::Answer {
    served.post("/api/v1/auth/signup-request", &json!({ "email": MAILBOX })).send()
}
