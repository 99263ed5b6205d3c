//! `keywright status` of somebody who is signed in.

use keywright_secret::{PlatformToken, TokenKind};

use crate::home::Ended;
use crate::signed_in::{SignedIn, write};

#[test]
fn status_names_source_person_organization_and_end() {
    let signed_in = SignedIn::ending_in(3600);
    let text = signed_in.run(["status"]).with_code(0).stdout;
    for part in ["from the session", "of person@example.com", "usr_", "org_", "Example", "ends "] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let data = signed_in.run(["status", "--json"]).with_code(0).json()["data"].take();
    assert_eq!(data["credential"]["source"], "session");
    assert_eq!(data["credential"]["email"], "person@example.com");
    assert!(data["credential"]["expiresAt"].is_string());
    assert_eq!(data["account"]["email"], "person@example.com");
    assert_eq!((&data["warnings"], &data["signedOut"]), (&serde_json::json!([]), &false.into()));
}

#[test]
fn each_credential_that_is_shadowed_or_cannot_be_used_has_a_warning() {
    let signed_in = SignedIn::ending_in(3600);
    signed_in.store_key();
    let key = PlatformToken::mint(TokenKind::ApiKey);
    signed_in.issuer.state().access.insert(key.expose().to_owned());
    let path = signed_in.home.credentials();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(
        &path,
        text.replace("\"clientId\"", "\"endedAt\":\"2026-01-01T00:00:00.000Z\",\"clientId\""),
    )
    .unwrap();
    let mut command = signed_in.command(["status", "--json"]);
    let data = Ended::of(command.env("KEYWRIGHT_API_KEY", key.expose())).with_code(0).json()["data"].take();
    assert_eq!(data["credential"]["source"], "environment");
    let warnings: Vec<&str> =
        data["warnings"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("KEYWRIGHT_API_KEY shadows the stored API key"), "{warnings:?}");
    assert!(warnings[1].contains("shadows the session") && warnings[1].contains("has ended"), "{warnings:?}");
    // One that the server does not take.
    let stranger = PlatformToken::mint(TokenKind::ApiKey);
    let mut command = signed_in.command(["status", "--json"]);
    let data =
        Ended::of(command.env("KEYWRIGHT_API_KEY", stranger.expose())).with_code(0).json()["data"].take();
    assert_eq!(data["warnings"].as_array().unwrap().len(), 3);
    assert!(data["credentialProblem"].is_string() && data["account"].is_null());
}

#[test]
fn offline_is_said_and_what_is_known_is_shown_all_the_same() {
    let signed_in = SignedIn::nobody();
    let offline = "http://127.0.0.1:1";
    write(&signed_in.home.credentials(), offline, &signed_in.issuer.sign_in(), 3600);
    let ended = Ended::of(signed_in.command(["status"]).env("KEYWRIGHT_SERVER", offline)).with_code(0);
    assert!(ended.stdout.contains("cannot be reached"), "{}", ended.stdout);
    assert!(ended.stdout.contains("of person@example.com"), "{}", ended.stdout);
}

#[test]
fn a_session_that_has_ended_and_being_signed_out_are_told() {
    let signed_in = SignedIn::ending_in(-5);
    signed_in.issuer.state().faults.push_back(keywright_testkit::Fault::Error("invalid_grant"));
    signed_in.run(["status"]).with_code(0);
    let text = signed_in.run(["status"]).with_code(0).stdout;
    assert!(text.contains("the session has ended"), "{text}");
    signed_in.run(["logout"]).with_code(0);
    let text = signed_in.run(["status"]).with_code(0).stdout;
    assert!(text.contains("signed out"), "{text}");
    assert_eq!(signed_in.run(["status", "--json"]).json()["data"]["signedOut"], true);
}
