//! A temporary account on first need.

use std::os::unix::fs::PermissionsExt;

use keywright_protocol::ErrorCode;

use crate::cli::{Cli, Ended};

#[test]
fn the_first_command_makes_an_account_says_so_and_the_second_uses_it() {
    let cli = Cli::new();
    let first = cli.run(["whoami"]).with_code(0);
    assert!(first.stderr.contains("Made a temporary account"), "{}", first.stderr);
    let second = cli.run(["whoami"]).with_code(0);
    assert!(second.stderr.is_empty(), "{}", second.stderr);
    assert_eq!(cli.api.calls_to("/api/v1/auth/temporary"), 1);
    let mode = cli.credentials().metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn no_account_is_made_when_that_is_switched_off() {
    let cli = Cli::new();
    let ended = cli.run(["--no-temporary", "whoami"]).with_code(3);
    assert!(ended.stderr.contains("KEYWRIGHT_API_KEY"));
    let ended = Ended::of(cli.command(["whoami", "--json"]).env("KEYWRIGHT_NO_TEMPORARY", "1")).with_code(3);
    assert_eq!(ended.json()["error"]["code"], "KEY_MISSING");
    assert_eq!(cli.api.calls_to("/api/v1/auth/temporary"), 0);
}

#[test]
fn after_signing_out_no_account_is_made() {
    let cli = Cli::new();
    std::fs::create_dir_all(cli.credentials().parent().unwrap()).unwrap();
    let content = format!(
        "{{\"profiles\":{{\"default\":{{\"servers\":{{\"{}\":{{\"signedOut\":true}}}}}}}}}}",
        cli.api.url
    );
    std::fs::write(cli.credentials(), content).unwrap();
    assert!(cli.run(["whoami"]).with_code(3).stderr.contains("signed out"));
}

#[test]
fn an_account_that_the_server_forgot_is_replaced_aloud() {
    let cli = Cli::new();
    cli.run(["whoami"]).with_code(0);
    cli.api.state.lock().unwrap().accounts.clear();
    let ended = cli.run(["whoami"]).with_code(0);
    assert!(ended.stderr.contains("has ended; made a new one"), "{}", ended.stderr);
}

#[test]
fn an_account_that_was_revoked_is_not_replaced() {
    let cli = Cli::new();
    cli.run(["whoami"]).with_code(0);
    cli.api.state.lock().unwrap().refuse = Some(ErrorCode::KeyRevoked);
    cli.run(["whoami"]).with_code(3);
    assert_eq!(cli.api.calls_to("/api/v1/auth/temporary"), 1);
}

#[test]
fn a_refusal_of_the_server_is_shown_with_its_next_action() {
    let cli = Cli::new();
    cli.api.state.lock().unwrap().closed = true;
    let ended = cli.run(["whoami"]).with_code(4);
    assert!(ended.stderr.contains(ErrorCode::TemporaryDisabled.next_action()));
    let json = cli.run(["whoami", "--json"]).with_code(4).json();
    assert_eq!(json["error"]["code"], "TEMPORARY_DISABLED");
    assert_eq!((json["status"].as_u64(), json["requestId"].as_str()), (Some(403), Some("req_test")));
}

#[test]
fn a_credential_goes_to_the_server_that_issued_it_only() {
    let cli = Cli::new();
    cli.run(["whoami"]).with_code(0);
    let stranger = crate::fake_api::FakeApi::start();
    cli.run(["--server", &stranger.url, "whoami"]).with_code(0);
    let state = cli.api.state.lock().unwrap();
    let issued: Vec<_> = state.accounts.keys().collect();
    let sent = stranger.state.lock().unwrap();
    assert!(
        sent.calls.iter().all(|(_, _, token)| token.as_ref().is_none_or(|token| !issued.contains(&token)))
    );
}
