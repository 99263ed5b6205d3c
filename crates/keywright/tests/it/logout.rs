//! `keywright logout`: what is forgotten, what is revoked, and what is said of the rest.

use keywright_secret::{PlatformToken, TokenKind};

use crate::cli::Cli;
use crate::home::Ended;
use crate::signed_in::{SignedIn, write};

#[test]
fn the_session_is_forgotten_and_ended_at_the_server() {
    let signed_in = SignedIn::ending_in(3600);
    let refresh = signed_in.stored_refresh();
    let ended = signed_in.run(["logout"]).with_code(0);
    assert!(ended.stdout.contains("forgotten: the session"), "{}", ended.stdout);
    assert_eq!(signed_in.issuer.state().revoked, [refresh]);
    let stored = signed_in.stored();
    assert_eq!((&stored["session"], &stored["signedOut"]), (&serde_json::Value::Null, &true.into()));
    let after = signed_in.run(["whoami"]).with_code(3);
    assert!(
        after.stderr.contains("signed out") && after.stderr.contains("keywright login"),
        "{}",
        after.stderr
    );
    assert!(signed_in.run(["logout"]).with_code(0).stdout.contains("Nobody was signed in"));
    assert!(signed_in.issuer.state().calls.iter().all(|(path, _)| path != "/api/v1/auth/temporary"));
}

#[test]
fn a_server_that_does_not_answer_keeps_nobody_signed_in_here() {
    let signed_in = SignedIn::ending_in(3600);
    let offline = "http://127.0.0.1:1";
    write(&signed_in.home.credentials(), offline, &signed_in.issuer.sign_in(), 3600);
    let mut command = signed_in.command(["logout", "--json"]);
    let ended = Ended::of(command.env("KEYWRIGHT_SERVER", offline)).with_code(0);
    let data = &ended.json()["data"];
    assert_eq!((&data["session"], &data["sessionRevoked"]), (&true.into(), &false.into()));
    assert!(ended.stderr.contains("stays good there"), "{}", ended.stderr);
    let text = std::fs::read_to_string(signed_in.home.credentials()).unwrap();
    assert!(!text.contains("refreshToken"), "{text}");
}

#[test]
fn a_stored_key_is_forgotten_and_deleted_only_when_asked() {
    let signed_in = SignedIn::ending_in(3600);
    let key = signed_in.store_key();
    let ended = signed_in.run(["logout"]).with_code(0);
    assert!(ended.stdout.contains("the session, the stored key"), "{}", ended.stdout);
    assert!(ended.stderr.contains("--revoke"), "{}", ended.stderr);
    assert!(signed_in.issuer.state().access.contains(&key));
    assert_eq!(signed_in.stored()["apiKey"], serde_json::Value::Null);

    let signed_in = SignedIn::ending_in(3600);
    let key = signed_in.store_key();
    let data = signed_in.run(["logout", "--revoke", "--json"]).with_code(0).json()["data"].take();
    assert_eq!(data["apiKeyRevoked"], true);
    assert!(!signed_in.issuer.state().access.contains(&key));
}

#[test]
fn a_key_that_cannot_be_deleted_is_not_forgotten() {
    let signed_in = SignedIn::ending_in(3600);
    signed_in.store_key();
    let offline = "http://127.0.0.1:1";
    let text = std::fs::read_to_string(signed_in.home.credentials()).unwrap();
    std::fs::write(signed_in.home.credentials(), text.replace(&signed_in.issuer.url, offline)).unwrap();
    let mut command = signed_in.command(["logout", "--revoke"]);
    Ended::of(command.env("KEYWRIGHT_SERVER", offline)).with_code(6);
    let text = std::fs::read_to_string(signed_in.home.credentials()).unwrap();
    assert!(text.contains("apiKey") && text.contains("refreshToken"));
}

#[test]
fn a_temporary_account_is_not_dropped_without_a_yes() {
    let cli = Cli::new();
    cli.run(["whoami"]).with_code(0);
    let ended = cli.run(["logout"]).with_code(2);
    assert!(ended.stderr.contains("--yes"), "{}", ended.stderr);
    cli.run(["whoami"]).with_code(0);
    assert!(cli.run(["logout", "--yes"]).with_code(0).stdout.contains("the temporary account"));
    cli.run(["whoami"]).with_code(3);
    assert_eq!(cli.api.calls_to("/api/v1/auth/temporary"), 1);
    // Until somebody asks for one.
    assert!(cli.run(["login", "--temporary"]).with_code(0).stdout.contains("temporary account is used"));
    cli.run(["whoami"]).with_code(0);
    assert_eq!(cli.api.calls_to("/api/v1/auth/temporary"), 2);
    cli.run(["login", "--temporary", "--json"]).with_code(0);
    assert_eq!(cli.api.calls_to("/api/v1/auth/temporary"), 2);
}

#[test]
fn no_temporary_account_is_made_where_that_is_switched_off() {
    let cli = Cli::new();
    cli.run(["login", "--temporary", "--no-temporary"]).with_code(3);
    assert_eq!(cli.api.calls_to("/api/v1/auth/temporary"), 0);
}

#[test]
fn a_damaged_file_is_set_aside_and_what_the_environment_holds_is_said() {
    let signed_in = SignedIn::nobody();
    std::fs::create_dir_all(signed_in.home.credentials().parent().unwrap()).unwrap();
    std::fs::write(signed_in.home.credentials(), "{\"canary").unwrap();
    let key = PlatformToken::mint(TokenKind::ApiKey);
    let mut command = signed_in.command(["logout"]);
    let ended = Ended::of(command.env("KEYWRIGHT_API_KEY", key.expose())).with_code(0);
    assert!(ended.stderr.contains(".corrupt-") && !ended.stderr.contains("canary"), "{}", ended.stderr);
    assert!(ended.stderr.contains("KEYWRIGHT_API_KEY is still set"));
    assert_eq!(signed_in.stored()["signedOut"], true);
}

#[test]
fn forgetting_a_profile_ends_its_session_only_when_asked() {
    let signed_in = SignedIn::ending_in(3600);
    let refresh = signed_in.stored_refresh();
    let ended = signed_in.run(["profiles", "rm", "default", "--yes"]).with_code(0);
    assert!(ended.stderr.contains("its session stays good"), "{}", ended.stderr);
    assert!(signed_in.issuer.state().revoked.is_empty());
    let signed_in = SignedIn { home: crate::home::Home::new(), issuer: signed_in.issuer };
    signed_in.write(&keywright_testkit::Issued { access: "at".into(), refresh: refresh.clone() }, 3600);
    signed_in.run(["profiles", "rm", "default", "--yes", "--revoke"]).with_code(0);
    assert_eq!(signed_in.issuer.state().revoked, [refresh]);
}

#[test]
fn auth_has_the_same_commands() {
    let signed_in = SignedIn::ending_in(3600);
    let status = signed_in.run(["auth", "status", "--json"]).with_code(0).json();
    assert_eq!(status["data"]["credential"]["source"], "session");
    signed_in.run(["auth", "logout"]).with_code(0);
    assert_eq!(signed_in.stored()["signedOut"], true);
    signed_in.issuer.state().without_oauth = true;
    assert!(signed_in.run(["auth", "login"]).with_code(1).stderr.contains("offers no sign-in"));
}
