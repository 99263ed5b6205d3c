//! The script of the guide for agents, as it stands there, in the shells that there are.

use std::path::Path;
use std::process::Command;

use keywright_protocol::ErrorCode;
use serde_json::{Value, json};

use super::scene::{EMAIL, LOGIN_COMPLETE, LOGIN_REQUEST, SIGNUP_COMPLETE, SIGNUP_REQUEST};
use crate::cli::Ended;
use crate::home::Home;
use crate::postbox;
use crate::scripted::{Scripted, code_requested, refused, signed_in};
use crate::served::Served;

const SHELLS: [&[&str]; 3] = [&["sh"], &["dash"], &["bash", "--posix"]];

/// The one block of the guide that is a script.
fn script() -> String {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/agents.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let section =
        guide.split("\n## An agent gets its own key\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let begun = section.split("```sh\n#!/bin/sh\n").nth(1).unwrap();
    format!("#!/bin/sh\n{}", begun.split("```").next().unwrap())
}

/// Runs it for that mailbox.
fn run(home: &Home, shell: &[&str], url: &str, read_code: &str, arguments: &[&str]) -> Ended {
    let file = home.path().join("get-key.sh");
    std::fs::write(&file, script()).unwrap();
    let own = Path::new(env!("CARGO_BIN_EXE_keywright")).parent().unwrap().display();
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).arg(&file).args(arguments).env_clear().env("HOME", home.path());
    command.env("PATH", format!("{own}:/usr/bin:/bin")).env("KEYWRIGHT_SERVER", url);
    Ended::of(command.env("READ_CODE", read_code))
}

/// The same against a server that was told what to answer, in each shell.
fn each(tell: impl Fn(&Scripted), arguments: &[&str], check: impl Fn(&Scripted, Ended)) {
    for shell in SHELLS {
        let server = Scripted::start();
        tell(&server);
        let ended = run(&Home::new(), shell, &server.url, "echo 012345", arguments);
        check(&server, ended);
    }
}

#[test]
fn a_new_mailbox_is_signed_up_and_a_known_one_signed_in() {
    let server_home = Home::new();
    let served = Served::demo(&server_home);
    let outbox = server_home.data("outbox");
    for (number, shell) in SHELLS.iter().enumerate() {
        let mailbox = format!("agent{number}@mail.example");
        // As a person does: the last number of six digits in the newest mail.
        let read_code = format!("cat {}/*.eml | grep -owE '[0-9]{{6}}' | tail -n 1", outbox.display());
        for is_new in [true, false] {
            let home = Home::new();
            let ended = run(&home, shell, &served.url(), &read_code, &[&mailbox]).with_code(0);
            let data = ended.json()["data"].clone();
            assert_eq!(data["isNewUser"], is_new);
            let who = home.run(["whoami", "--json"]).with_code(0).json();
            assert_eq!(who["data"]["email"], mailbox);
        }
        let mails = postbox::mails(&outbox, &mailbox);
        assert_eq!(mails.len(), 2, "one for each: nothing was asked for twice");
    }
}

#[test]
fn a_sign_up_that_lost_a_race_becomes_a_sign_in() {
    let tell = |server: &Scripted| {
        server.answers(SIGNUP_REQUEST, code_requested(EMAIL));
        server.answers(SIGNUP_COMPLETE, refused(ErrorCode::UserAlreadyHasOrganization, []));
        server.answers(LOGIN_REQUEST, refused(ErrorCode::OtpResendCooldown, [("retryInSeconds", json!(1))]));
        server.answers(LOGIN_REQUEST, code_requested(EMAIL));
        server.answers(LOGIN_COMPLETE, signed_in("Acme").0);
    };
    each(tell, &[EMAIL], |server, ended| {
        assert_eq!(ended.with_code(0).json()["data"]["profileName"], "acme");
        let order = ["signup-request", "signup-complete", "login-request", "login-request", "login-complete"];
        assert_eq!(server.order(), order);
        assert_eq!(server.seen()[4].body["code"], "012345");
    });
}

#[test]
fn it_never_switches_twice() {
    let sent_back = |server: &Scripted| {
        server.answers(SIGNUP_REQUEST, refused(ErrorCode::UserAlreadyHasOrganization, []));
        server.answers(LOGIN_REQUEST, refused(ErrorCode::UserNotFound, []));
    };
    each(sent_back, &[EMAIL], |server, ended| {
        assert_eq!(ended.with_code(1).json()["error"]["code"], "USER_NOT_FOUND");
        assert_eq!(server.order(), ["signup-request", "login-request"]);
    });
    // Where accounts are hidden, it is the code that tells.
    let later = |server: &Scripted| {
        server.answers(SIGNUP_REQUEST, code_requested(EMAIL)).answers(LOGIN_REQUEST, code_requested(EMAIL));
        server.answers(SIGNUP_COMPLETE, refused(ErrorCode::UserAlreadyHasOrganization, []));
        server.answers(LOGIN_COMPLETE, refused(ErrorCode::UserHasNoOrganization, []));
    };
    each(later, &[EMAIL], |server, ended| {
        assert_eq!(ended.with_code(1).json()["error"]["code"], "USER_HAS_NO_ORGANIZATION");
        assert_eq!(server.order(), ["signup-request", "signup-complete", "login-request", "login-complete"]);
    });
}

#[test]
fn a_wrong_code_is_read_again_and_a_dead_one_asked_for_again_but_not_for_ever() {
    let tell = |server: &Scripted| {
        server.answers(SIGNUP_REQUEST, code_requested(EMAIL));
        for code in [ErrorCode::OtpInvalid, ErrorCode::OtpExpired] {
            server.answers(SIGNUP_COMPLETE, refused(code, []));
        }
        server.answers(SIGNUP_COMPLETE, signed_in("Acme").0);
    };
    each(tell, &[EMAIL], |server, ended| {
        ended.with_code(0);
        let (request, complete) = ("signup-request", "signup-complete");
        assert_eq!(server.order(), [request, complete, complete, request, complete]);
    });
    for (code, exit, completes) in
        [(ErrorCode::OtpInvalid, 1, 18), (ErrorCode::OtpLockedOut, 5, 6), (ErrorCode::OtpNotFound, 1, 6)]
    {
        let server = Scripted::start();
        server.answers(SIGNUP_REQUEST, code_requested(EMAIL)).answers(SIGNUP_COMPLETE, refused(code, []));
        let ended = run(&Home::new(), &["sh"], &server.url, "echo 012345", &[EMAIL]).with_code(exit);
        assert_eq!(ended.json()["error"]["code"], code.as_str());
        let order = server.order();
        assert_eq!(order.iter().filter(|last| *last == "signup-complete").count(), completes);
        assert_eq!(order.iter().filter(|last| *last == "signup-request").count(), 6);
    }
}

#[test]
fn an_organization_that_is_named_is_joined_or_nothing_is() {
    let invited = |server: &Scripted| {
        server.answers(LOGIN_REQUEST, code_requested(EMAIL));
        server.answers(LOGIN_COMPLETE, signed_in("Acme").0);
    };
    each(invited, &[EMAIL, "org_b"], |server, ended| {
        ended.with_code(0);
        assert_eq!(server.order(), ["login-request", "login-complete"]);
        assert_eq!(server.seen()[1].body["organizationId"], "org_b");
    });
    for code in [ErrorCode::UserNotFound, ErrorCode::UserHasNoOrganization] {
        let unknown = |server: &Scripted| {
            server.answers(LOGIN_REQUEST, refused(code, []));
        };
        each(unknown, &[EMAIL, "org_b"], |server, ended| {
            assert_eq!(ended.with_code(1).json()["error"]["code"], code.as_str());
            assert_eq!(server.order(), ["login-request"], "a sign-up would make another organization");
        });
    }
}

#[test]
fn who_was_invited_is_not_signed_up_past_the_invitations() {
    let invitations = json!([{"id": "org_a", "name": "Acme"}]);
    let tell = |server: &Scripted| {
        server.answers(SIGNUP_REQUEST, refused(ErrorCode::UserAlreadyHasOrganization, []));
        server.answers(LOGIN_REQUEST, code_requested(EMAIL));
        let refusal = refused(ErrorCode::UserHasNoOrganization, [("invitations", invitations.clone())]);
        server.answers(LOGIN_COMPLETE, refusal);
    };
    each(tell, &[EMAIL], |server, ended| {
        assert_eq!(ended.with_code(1).json()["error"]["details"]["invitations"], invitations);
        assert_eq!(server.order().len(), 3);
    });
}

#[test]
fn a_wait_that_comes_last_does_not_hide_why_codes_were_refused() {
    let server = Scripted::start();
    server.answers(SIGNUP_REQUEST, code_requested(EMAIL));
    server.answers(SIGNUP_REQUEST, refused(ErrorCode::OtpResendCooldown, [("retryInSeconds", json!(0))]));
    server.answers(SIGNUP_COMPLETE, refused(ErrorCode::OtpLockedOut, []));
    let ended = run(&Home::new(), &["sh"], &server.url, "echo 012345", &[EMAIL]).with_code(5);
    assert_eq!(ended.json()["error"]["code"], "OTP_LOCKED_OUT");
}

#[test]
fn an_invited_mailbox_joins_the_organization_that_it_names() {
    let server_home = Home::new();
    let served = Served::demo(&server_home);
    let outbox = server_home.data("outbox");
    let read_code = format!("cat {}/*.eml | grep -owE '[0-9]{{6}}' | tail -n 1", outbox.display());
    let owner = Home::new();
    let made = run(&owner, &["sh"], &served.url(), &read_code, &["owner@mail.example"]).with_code(0).json();
    let organization = made["data"]["organizationId"].as_str().unwrap().to_owned();
    owner.run(["orgs", "invite", "guest@mail.example"]).with_code(0);
    // The invitation has no code in it.
    let guest = Home::new();
    let joined = run(&guest, &["sh"], &served.url(), &read_code, &["guest@mail.example", &organization]);
    assert_eq!(joined.with_code(0).json()["data"]["organizationId"], organization);
    for (command, role) in [("whoami", "member"), ("status", "member")] {
        let text = guest.run([command]).with_code(0).stdout;
        for word in ["guest@mail.example", role, &served.url(), &organization] {
            assert!(text.contains(word), "{word} in {text}");
        }
    }
    assert!(!guest.run(["tokens", "list"]).stdout.contains("OWNER"), "they are all the caller's");
    let keys = owner.run(["tokens", "list"]).with_code(0).stdout;
    for word in ["OWNER", "guest@mail.example", "owner@mail.example"] {
        assert!(keys.contains(word), "{word} in {keys}");
    }
}

#[test]
fn what_only_a_person_can_mend_is_shown_and_ends_it() {
    let organizations =
        json!([{"id": "org_a", "name": "Acme"}, {"id": "org_b", "name": "a \"code\": \"X\""}]);
    let tell = |server: &Scripted| {
        server.answers(SIGNUP_REQUEST, refused(ErrorCode::UserAlreadyHasOrganization, []));
        server.answers(LOGIN_REQUEST, code_requested(EMAIL));
        let several = refused(ErrorCode::MultipleOrganizations, [("organizations", organizations.clone())]);
        server.answers(LOGIN_COMPLETE, several);
    };
    each(tell, &[EMAIL], |server, ended| {
        assert_eq!(ended.with_code(1).json()["error"]["details"]["organizations"], organizations);
        assert_eq!(server.order().len(), 3);
    });
    each(tell, &[EMAIL, "org_b"], |server, _| {
        let bodies: Vec<Value> = server.seen().into_iter().map(|seen| seen.body).collect();
        assert_eq!(bodies[1]["organizationId"], "org_b");
    });
    let down = |server: &Scripted| {
        server.answers(SIGNUP_REQUEST, refused(ErrorCode::MailUnavailable, []));
    };
    each(down, &[EMAIL], |server, ended| {
        assert_eq!(ended.with_code(6).json()["error"]["code"], "MAIL_UNAVAILABLE");
        assert_eq!(server.order().len(), 1);
    });
    // No code comes: nothing is sent.
    let server = Scripted::start();
    server.answers(SIGNUP_REQUEST, code_requested(EMAIL));
    run(&Home::new(), &["sh"], &server.url, "exit 9", &[EMAIL]).with_code(9);
    assert_eq!(server.order(), ["signup-request"]);
}
