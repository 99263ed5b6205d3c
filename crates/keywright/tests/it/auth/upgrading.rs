//! What becomes of the temporary account of the profile in use.

use std::process::Command;

use keywright_protocol::ErrorCode;
use serde_json::json;

use super::scene::*;
use crate::cli::Ended;
use crate::home::Home;
use crate::scripted::{Scripted, refused, signed_in};

#[test]
fn a_temporary_account_that_this_program_made_goes_along_and_is_forgotten() {
    for (command, path, outcome) in
        [("signup-complete", SIGNUP_COMPLETE, "upgraded"), ("login-complete", LOGIN_COMPLETE, "merged")]
    {
        let scene = Scene { home: Home::new(), server: Scripted::start(), key: String::new() };
        scene.with_temporary("tmp_kw_mine");
        let ((status, mut answer), _) = signed_in("Acme");
        answer["data"]["upgrade"] = json!({"outcome": outcome, "keptKeys": [], "endedCredentials": 3});
        scene.server.answers(path, (status, answer));
        let said = scene.auth(&[command, "--code", "012345"]).with_code(0).stderr;
        let seen = &scene.server.seen()[0];
        assert_eq!(seen.token.as_deref(), Some("tmp_kw_mine"));
        assert_eq!(
            (&seen.body["upgrade"], seen.body["keepKeys"].as_array().unwrap().len()),
            (&json!(true), 2)
        );
        let words: &[&str] = match outcome {
            "merged" => &[
                "This will move the records of your temporary account of 2026-11-20",
                "end its 2 keys",
                "--no-upgrade",
                "are in this account now; 3 credentials of it ended",
            ],
            _ => &["Your temporary account of 2026-11-20 is this account now; 3 credentials of it ended."],
        };
        for word in words {
            assert!(said.contains(word), "{word} in {said}");
        }
        let left = &scene.stored()["profiles"]["default"]["servers"][&scene.server.url];
        assert!(left.get("temporary").is_none() && left.get("mintedKeys").is_none(), "{left}");
    }
}

#[test]
fn a_planted_token_is_never_upgraded() {
    let scene = Scene::new();
    let mut command = scene.command(&["signup-complete", "--code", "012345"]);
    let said = Ended::of(command.env("KEYWRIGHT_API_KEY", "tmp_kw_planted")).with_code(0).stderr;
    assert!(said.contains("KEYWRIGHT_API_KEY is set"), "{said}");
    scene.auth(&["signup-complete", "--code", "012345", "--api-key", "tmp_kw_planted"]).with_code(0);
    // One that this program made, but at another server.
    let elsewhere = Scene::new();
    elsewhere.with_temporary("tmp_kw_elsewhere");
    let mut command = elsewhere.command(&["signup-complete", "--code", "012345"]);
    Ended::of(command.env("KEYWRIGHT_SERVER", &scene.server.url)).with_code(0);
    for seen in scene.server.seen() {
        assert_eq!((seen.token, seen.body.get("upgrade")), (None, None));
    }
}

#[test]
fn without_a_wish_to_upgrade_the_account_stays_as_it_is() {
    let scene = Scene::new();
    scene.with_temporary("tmp_kw_mine");
    for command in ["signup-complete", "login-complete"] {
        scene.auth(&[command, "--code", "012345", "--no-upgrade"]).with_code(0);
    }
    assert!(
        scene.server.seen().iter().all(|seen| seen.token.is_none() && seen.body.get("upgrade").is_none())
    );
    let kept = &scene.stored()["profiles"]["default"]["servers"][&scene.server.url]["temporary"]["token"];
    assert_eq!(kept, "tmp_kw_mine");
}

#[test]
fn where_the_account_cannot_come_along_the_code_is_presented_once_more_without_it() {
    for code in
        [ErrorCode::UpgradeRefused, ErrorCode::KeyRevoked, ErrorCode::KeyExpired, ErrorCode::KeyUnknown]
    {
        let scene = Scene { home: Home::new(), server: Scripted::start(), key: String::new() };
        scene.with_temporary("tmp_kw_dead");
        scene
            .server
            .answers(SIGNUP_COMPLETE, refused(code, []))
            .answers(SIGNUP_COMPLETE, signed_in("Acme").0);
        let said = scene.auth(&["signup-complete", "--code", "012345"]).with_code(0).stderr;
        assert!(said.contains("without the temporary account"), "{said}");
        let tokens: Vec<_> = scene.server.seen().into_iter().map(|seen| seen.token).collect();
        assert_eq!(tokens, [Some("tmp_kw_dead".to_owned()), None]);
    }
    // Anything else is for the person.
    let scene = Scene::refusing(SIGNUP_COMPLETE, ErrorCode::OtpInvalid, []);
    scene.with_temporary("tmp_kw_mine");
    scene.auth(&["signup-complete", "--code", "012345"]).with_code(1);
    assert_eq!(scene.server.seen().len(), 1);
}

/// `script` gives the command a terminal, on which somebody types.
#[test]
fn on_a_terminal_signing_in_asks_what_becomes_of_the_temporary_account() {
    for (typed, token) in [("n", None), ("y", Some("tmp_kw_mine"))] {
        let scene = Scene::new();
        scene.with_temporary("tmp_kw_mine");
        let line =
            format!("{} auth login-complete --email {EMAIL} --code -", env!("CARGO_BIN_EXE_keywright"));
        let mut command = Command::new("script");
        command.args(["-qec", &line, "/dev/null"]).env_clear().env("PATH", "/usr/bin:/bin");
        command.env("HOME", scene.home.path()).env("KEYWRIGHT_SERVER", &scene.server.url).env("TERM", "dumb");
        let seen = typing(command, &format!("012345\n{typed}\n")).with_code(0).stdout;
        assert!(seen.contains("Type the code from the mail to ann@mail.example"), "{seen}");
        assert!(seen.contains("Move the records of your temporary account of 2026-11-20"), "{seen}");
        let sent = &scene.server.seen()[0];
        assert_eq!((sent.token.as_deref(), &sent.body["code"]), (token, &json!("012345")));
    }
}
