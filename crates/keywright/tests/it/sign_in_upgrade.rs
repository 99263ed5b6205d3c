//! What a server may answer to a temporary account that is offered along with a sign-in.

use serde_json::Value;

use crate::home::Ended;
use crate::signed_in::SignedIn;
use crate::signing_in::SigningIn;

/// Signs in by device code beside a temporary account; the last event, what was said, and what is stored.
fn sign_in(outcome: Option<&'static str>, arguments: &[&str]) -> (Value, Ended, String, SignedIn) {
    let signed_in = SignedIn::nobody();
    signed_in.run(["whoami"]).with_code(0);
    signed_in.issuer.state().upgrade = outcome;
    let login = SigningIn::start(&signed_in, &[&["--device", "--json"], arguments].concat());
    login.event();
    signed_in.issuer.state().devices[0].approved = Some(true);
    let event = login.event();
    assert_eq!(event["event"], "signed_in", "{event}");
    let ended = login.end().with_code(0);
    let stored = std::fs::read_to_string(signed_in.home.credentials()).unwrap();
    (event, ended, stored, signed_in)
}

#[test]
fn an_account_that_was_merged_is_forgotten() {
    let (event, ended, stored, _) = sign_in(Some("merged"), &[]);
    assert_eq!(event["upgrade"], "merged");
    assert!(ended.stderr.contains("are in this account now"), "{}", ended.stderr);
    assert!(!stored.contains("tmp_kw_"), "{stored}");
}

#[test]
fn an_account_that_was_not_merged_is_kept_and_that_is_said() {
    for (outcome, words) in [("declined", "as you decided"), ("unavailable", "could not be taken over")] {
        let (event, ended, stored, _) = sign_in(Some(outcome), &[]);
        assert_eq!(event["upgrade"], outcome);
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
        assert!(ended.stderr.contains("in the profile default"), "{}", ended.stderr);
        assert!(stored.contains("tmp_kw_"), "{stored}");
    }
    let (event, ended, stored, _) = sign_in(Some("turned into a frog"), &[]);
    assert!(event["upgrade"].is_null() && stored.contains("tmp_kw_"), "{event}");
    assert!(ended.stderr.contains("could not be taken over"), "{}", ended.stderr);
}

#[test]
fn a_server_that_gives_no_ticket_keeps_nobody_from_signing_in() {
    let (_, ended, stored, _) = sign_in(None, &[]);
    assert!(ended.stderr.contains("cannot go along"), "{}", ended.stderr);
    assert!(stored.contains("tmp_kw_"), "{stored}");
}

#[test]
fn another_application_offers_no_account() {
    let signed_in = SignedIn::nobody();
    signed_in.run(["whoami"]).with_code(0);
    signed_in.issuer.state().upgrade = Some("merged");
    let mut command = signed_in.command(["login", "--device"]);
    Ended::of(command.env("KEYWRIGHT_CLIENT_ID", "other")).with_code(4);
    let state = signed_in.issuer.state();
    assert!(state.calls.iter().all(|(path, _)| !path.contains("ticket")));
}

#[test]
fn without_a_wish_to_no_ticket_is_asked_for() {
    let (_, ended, stored, signed_in) = sign_in(Some("merged"), &["--no-upgrade"]);
    assert!(!ended.stderr.contains("temporary account"), "{}", ended.stderr);
    assert!(stored.contains("tmp_kw_"), "{stored}");
    let state = signed_in.issuer.state();
    assert!(state.calls.iter().all(|(path, _)| !path.contains("ticket")));
}
