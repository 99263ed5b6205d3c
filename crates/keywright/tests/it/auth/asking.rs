//! What is asked, where, and what is said when it is refused.

use std::process::Command;

use super::scene::*;
use crate::cli::Ended;
use crate::home::Home;
use crate::scripted::{Scripted, code_requested, refused, signed_in};
use keywright_protocol::ErrorCode;
use serde_json::json;

#[test]
fn a_request_says_what_comes_next_and_as_json_what_seed_002_has() {
    let scene = Scene::new();
    for (arguments, next) in [("signup-request", "signup-complete"), ("login-request", "login-complete")] {
        let said = scene.auth(&[arguments]).with_code(0);
        assert_eq!(said.stdout, "A code was mailed to ann@mail.example; it is good for 10 minutes.\n");
        assert_eq!(said.stderr, format!("Next: keywright auth {next} --email ann@mail.example --code -\n"));
        let json = scene.auth(&[arguments, "--json"]).with_code(0).json();
        let data = json["data"].as_object().unwrap();
        assert_eq!((json["success"].as_bool(), data["email"].as_str()), (Some(true), Some(EMAIL)));
        assert_eq!((data["expiresInSeconds"].as_i64(), data.len()), (Some(600), 3));
        assert!(data["requestId"].as_str().unwrap().starts_with("otp_"));
    }
    let sent = &scene.server.seen()[0];
    assert_eq!((&sent.body["email"], &sent.token), (&json!(EMAIL), &None));
    let machine = sent.body["machine"].as_str().unwrap();
    assert!(machine.len() <= 64 && machine.bytes().all(|byte| byte.is_ascii_graphic()), "{machine}");
}

#[test]
fn the_next_command_asks_the_same_server_and_survives_a_shell() {
    let scene = Scene::new();
    let mut command = scene.home.command(["auth", "signup-request", "--email", "it's@mail.example"]);
    let said = Ended::of(command.args(["--base-url", &scene.server.url])).with_code(0).stderr;
    let next = said.trim_end().strip_prefix("Next: keywright ").unwrap();
    let words = Command::new("sh").args(["-c", &format!("printf '%s\\n' {next}")]).output().unwrap();
    let words = String::from_utf8(words.stdout).unwrap();
    let expected = format!(
        "auth\nsignup-complete\n--email\nit's@mail.example\n--code\n-\n--base-url\n{}\n",
        scene.server.url
    );
    assert_eq!(words, expected);
}

#[test]
fn the_next_command_names_the_profile_that_this_one_named() {
    let scene = Scene::new();
    let folder = scene.home.path().join(".config/keywright");
    std::fs::create_dir_all(&folder).unwrap();
    let settings = format!("[profiles.work]\nserver = \"{}\"\n", scene.server.url);
    std::fs::write(folder.join("config.toml"), settings).unwrap();
    let said = scene.home.run(["auth", "login-request", "--email", EMAIL, "--profile", "work", "--insecure"]);
    let said = said.with_code(0).stderr;
    assert!(said.ends_with("--code - --profile work --insecure\n"), "{said}");
}

#[test]
fn where_it_cannot_be_remembered_the_command_goes_on_aloud() {
    let scene = Scene::new();
    std::fs::create_dir_all(scene.home.credentials().parent().unwrap().join("pending.json.lock")).unwrap();
    let said = scene.auth(&["signup-request"]).with_code(0).stderr;
    assert!(said.contains("could not be noted") && said.contains("Next: "), "{said}");
}

#[test]
fn a_refusal_is_the_servers_own_and_exits_by_its_code() {
    let organizations =
        json!([{"id": "org_abc", "name": "Acme"}, {"id": "org_def", "name": "Beta \u{1b}[31m"}]);
    let scene = Scene::refusing(
        LOGIN_COMPLETE,
        ErrorCode::MultipleOrganizations,
        [("organizations", organizations.clone())],
    );
    let json = scene.auth(&["login-complete", "--code", "1", "--json"]).with_code(1).json();
    let expected = refused(ErrorCode::MultipleOrganizations, [("organizations", organizations)]).1;
    assert_eq!(json, expected);
    let text = scene.auth(&["login-complete", "--code", "1"]).with_code(1).stderr;
    for line in [
        "    org_abc  Acme\n",
        "    org_def  Beta ?[31m\n",
        "`--organization-id ID`, one of the organizations above;",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }

    for (path, command, code, exit) in [
        (SIGNUP_REQUEST, "signup-request", ErrorCode::UserAlreadyHasOrganization, 1),
        (SIGNUP_REQUEST, "signup-request", ErrorCode::OtpResendCooldown, 5),
        (SIGNUP_REQUEST, "signup-request", ErrorCode::EmailRateLimited, 5),
        (SIGNUP_REQUEST, "signup-request", ErrorCode::SignupClosed, 4),
        (SIGNUP_REQUEST, "signup-request", ErrorCode::MailUnavailable, 6),
        (LOGIN_REQUEST, "login-request", ErrorCode::UserNotFound, 1),
        (SIGNUP_COMPLETE, "signup-complete", ErrorCode::OtpExpired, 7),
        (SIGNUP_COMPLETE, "signup-complete", ErrorCode::OtpLockedOut, 5),
        (SIGNUP_COMPLETE, "signup-complete", ErrorCode::InvalidExpiresInDays, 1),
        (LOGIN_COMPLETE, "login-complete", ErrorCode::OrganizationNotMember, 4),
        (LOGIN_COMPLETE, "login-complete", ErrorCode::MaxApiKeysReached, 5),
    ] {
        let scene = Scene::refusing(path, code, []);
        let arguments: &[&str] =
            if command.ends_with("complete") { &[command, "--code", "1"] } else { &[command] };
        let ended = scene.auth(arguments).with_code(exit);
        let named = format!("({})\n", code.as_str());
        assert!(ended.stderr.contains(&named) && ended.stderr.contains("next: "), "{}", ended.stderr);
        assert!(ended.stdout.is_empty() && !ended.stderr.contains("details."), "{}", ended.stderr);
    }
}

#[test]
fn what_a_server_says_steers_no_terminal() {
    let scene = Scene { home: Home::new(), server: Scripted::start(), key: String::new() };
    let error = json!({"code": "OTP\u{1b}[8m", "message": "No\u{1b}[2J.", "nextAction": "Do\u{202e}.",
        "details": {"a\u{7}": "b\u{8}"}});
    scene.server.answers(SIGNUP_REQUEST, (400, json!({"success": false, "status": 400, "error": error})));
    let said = scene.auth(&["signup-request"]).with_code(1).stderr;
    assert_eq!(said, "error: No?[2J. (OTP?[8m)\n  a?: b?\nnext: Do?.\n");
    let json = scene.auth(&["signup-request", "--json"]).with_code(1).json();
    assert_eq!(json["error"], error, "for programs nothing is changed");
}

#[test]
fn a_failure_without_a_server_has_the_same_form() {
    let home = Home::new();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let ended = home.run(["auth", "signup-request", "--email", EMAIL, "--base-url", &url, "--json"]);
    let json = ended.with_code(6).json();
    assert_eq!((&json["success"], &json["status"]), (&json!(false), &json!(0)));
    assert_eq!(json["error"]["code"], "SERVER_UNREACHABLE");
    assert!(json["error"]["nextAction"].is_string());
    // The usual address is used only where a server of this user has ever been.
    let ended = home.run(["auth", "signup-request", "--email", EMAIL, "--json"]).with_code(6);
    assert_eq!(ended.json()["error"]["code"], "NO_SERVER");
    for missing in [&["auth", "signup-request"][..], &["auth", "signup-complete", "--email", EMAIL]] {
        home.run(missing).with_code(2);
    }
}

#[test]
fn people_read_how_long_to_wait_and_programs_the_name_of_the_field() {
    let scene =
        Scene::refusing(SIGNUP_REQUEST, ErrorCode::OtpResendCooldown, [("retryInSeconds", json!(23))]);
    let text = scene.auth(&["signup-request"]).with_code(5).stderr;
    assert!(text.contains("next: Wait for 23 seconds; a code from before"), "{text}");
    assert!(text.contains("(OTP_RESEND_COOLDOWN)\n") && !text.contains("retryInSeconds"), "{text}");
    let json = scene.auth(&["signup-request", "--json"]).with_code(5).json();
    assert_eq!(json["error"]["nextAction"], ErrorCode::OtpResendCooldown.next_action());
    assert_eq!(json["error"]["details"]["retryInSeconds"], 23);
    assert_eq!(scene.server.seen().len(), 2, "nothing is asked again by itself");
}

#[test]
fn an_endpoint_of_its_own_is_posted_to_as_given_and_names_the_server_of_the_profile() {
    let home = Home::new();
    let server = Scripted::start();
    let (answer, key) = signed_in("Acme");
    server.answers("/f/request?x=1", code_requested(EMAIL)).answers("/f/complete", answer);
    let run = |endpoint: &str, arguments: &[&str]| {
        let mut command = home.command(["auth"]);
        command.args(arguments).args(["--email", EMAIL, "--api-url", &format!("{}{endpoint}", server.url)]);
        // What it overrides.
        Ended::of(command.args(["--base-url", "https://other.example"]))
    };
    let said = run("/f/request?x=1", &["signup-request"]).with_code(0).stderr;
    assert!(said.contains("--code - --api-url URL"), "{said}");
    run("/f/complete", &["signup-complete", "--code", "012345"]).with_code(0);
    assert_eq!(server.seen().len(), 2);
    let settings = std::fs::read_to_string(home.path().join(".config/keywright/config.toml")).unwrap();
    assert!(settings.contains(&format!("server = \"{}\"", server.url)), "{settings}");
    let stored = std::fs::read_to_string(home.credentials()).unwrap();
    assert!(stored.contains(&key));
}

#[test]
fn addresses_that_would_show_a_code_or_key_to_others_are_refused_before_anything_is_sent() {
    let home = Home::new();
    for (flag, value, word) in [
        ("--api-url", "http://192.0.2.1/x", "--insecure"),
        ("--base-url", "http://192.0.2.1", "--insecure"),
        ("--api-url", "https://a:canary@k.example/x", "user name or password"),
        ("--api-url", "https://k.example/x#canary", "`#`"),
        ("--api-url", "https://k.example", "--base-url"),
        ("--api-url", "ftp://k.example/x", "https://"),
        ("--base-url", "https://k.example/canary", "ends after host and port"),
    ] {
        let ended =
            home.run(["auth", "signup-request", "--email", EMAIL, flag, value, "--json"]).with_code(1);
        assert_eq!(ended.json()["error"]["code"], "SERVER_INVALID", "{value}");
        assert!(ended.stdout.contains(flag) && ended.stdout.contains(word), "{}", ended.stdout);
        assert!(!ended.stdout.contains("canary"), "{}", ended.stdout);
    }
    let both = [
        "--server",
        "http://127.0.0.1:1",
        "auth",
        "signup-request",
        "--email",
        EMAIL,
        "--base-url",
        "http://127.0.0.1:1",
    ];
    home.run(both).with_code(2);
}

#[test]
fn no_account_is_made_on_the_way() {
    let scene = Scene::new();
    scene.auth(&["signup-request"]).with_code(0);
    scene.auth(&["signup-complete", "--code", "012345"]).with_code(0);
    assert!(scene.server.seen().iter().all(|seen| seen.target != TEMPORARY));
}
