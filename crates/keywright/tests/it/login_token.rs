//! `keywright login token`: a token for another program.

use keywright_secret::{PlatformToken, TokenKind};

use crate::cli::{Cli, Ended};
use crate::signed_in::SignedIn;

#[test]
fn a_child_token_is_all_that_is_printed() {
    let signed_in = SignedIn::ending_in(-5);
    let ended = Ended::of(&mut signed_in.command(["login", "token"])).with_code(0);
    let token = ended.stdout.strip_suffix('\n').unwrap();
    assert_eq!(PlatformToken::parse(token).unwrap().kind(), TokenKind::Access);
    assert!(ended.stderr.is_empty(), "{}", ended.stderr);
    assert_ne!(token, signed_in.stored()["session"]["accessToken"]);
    assert!(signed_in.issuer.state().calls.iter().any(|(path, _)| path == "/api/v1/auth/child"));
    let json = Ended::of(&mut signed_in.command(["login", "token", "--json"])).with_code(0).json();
    assert!(json["data"]["token"].is_string() && json["data"]["expiresAt"].is_string());
}

#[test]
fn the_token_of_the_session_itself_must_be_asked_for_and_is_fresh() {
    let signed_in = SignedIn::ending_in(-5);
    let old = signed_in.stored()["session"]["accessToken"].clone();
    let ended = Ended::of(&mut signed_in.command(["login", "token", "--full"])).with_code(0);
    let token = ended.stdout.trim();
    assert_eq!(token, signed_in.stored()["session"]["accessToken"]);
    assert_ne!(token, old);
    assert!(ended.stderr.contains("give it to nobody"));
    let json = Ended::of(&mut signed_in.command(["login", "token", "--full", "--json"])).with_code(0).json();
    assert_eq!(json["data"]["expiresAt"], signed_in.stored()["session"]["expiresAt"]);
}

#[test]
fn a_temporary_account_gives_a_child_as_well() {
    let cli = Cli::new();
    let ended = cli.run(["login", "token"]).with_code(0);
    assert_eq!(cli.api.state.lock().unwrap().children, [ended.stdout.trim()]);
    assert!(ended.stderr.contains("Made a temporary account"));
}

#[test]
fn nobody_that_is_signed_out_gets_a_token() {
    let signed_in = SignedIn::ending_in(3600);
    signed_in.run(["logout"]).with_code(0);
    let ended = signed_in.run(["login", "token"]).with_code(3);
    assert!(ended.stdout.is_empty() && ended.stderr.contains("keywright login"), "{}", ended.stderr);
}
