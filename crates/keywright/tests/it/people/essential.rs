//! Essential traffic only: every call to the server is counted.

use serde_json::Value;
use url::form_urlencoded::parse;

use super::{Scene, comes_back};
use crate::home::Ended;
use crate::signing_in::SigningIn;

#[test]
fn a_temporary_account_is_marked_when_it_is_made_and_nothing_else_is_sent() {
    for (variable, marked) in
        [("KEYWRIGHT_ESSENTIAL_TRAFFIC_ONLY", true), ("DO_NOT_TRACK", true), ("OTHER", false)]
    {
        let scene = Scene::new();
        let ended = Ended::of(scene.command(["whoami", "--json"]).env(variable, "1")).with_code(0);
        assert_eq!(ended.json()["data"]["essentialTrafficOnly"], marked, "{variable}");
        let seen = scene.relay.take();
        let calls: Vec<(&str, &str)> =
            seen.iter().map(|seen| (seen.method.as_str(), seen.target.as_str())).collect();
        assert_eq!(calls, [("POST", "/api/v1/auth/temporary"), ("GET", "/api/v1/whoami")]);
        let body: Value = serde_json::from_str(&seen[0].body).unwrap();
        let expected =
            if marked { serde_json::json!({ "essentialTrafficOnly": true }) } else { serde_json::json!({}) };
        assert_eq!(body, expected);
        // It is said once.
        Ended::of(scene.command(["whoami"]).env(variable, "1")).with_code(0);
        let again = scene.relay.take();
        assert_eq!(again.len(), 1, "{again:?}");
    }
}

#[test]
fn a_sign_in_marks_the_account_once_and_makes_the_calls_that_it_needs_and_no_more() {
    let scene = Scene::new();
    let settings = scene.home.path().join(".config/keywright/config.toml");
    std::fs::create_dir_all(settings.parent().unwrap()).unwrap();
    std::fs::write(&settings, "essential_traffic_only = true\n").unwrap();
    let (login, url) = scene.begins(&[]);
    comes_back(&scene.person("ada@example.com").lets_in(&url));
    let event = login.event();
    assert_eq!((&event["event"], &event["essentialTrafficOnly"]), (&"signed_in".into(), &true.into()));
    let ended = login.end().with_code(0);
    assert!(ended.stderr.contains("the account is marked"), "{}", ended.stderr);
    let seen = scene.relay.take();
    let calls: Vec<&str> = seen.iter().map(|seen| seen.target.as_str()).collect();
    assert_eq!(calls, ["/.well-known/oauth-authorization-server", "/oauth/token", "/api/v1/whoami"]);
    let says = |body: &str| {
        parse(body.as_bytes()).any(|(name, value)| name == "essential_traffic_only" && value == "true")
    };
    assert!(says(&seen[1].body), "it was not said");
    let who = scene.run(["whoami", "--json"]).with_code(0).json()["data"].take();
    assert_eq!(who["essentialTrafficOnly"], true);
    scene.relay.take();
    scene.let_end_in(-5);
    scene.run(["whoami"]).with_code(0);
    let seen = scene.relay.take();
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert!(!says(&seen[0].body), "it was said again");
    let text = scene.run(["status"]).with_code(0).stdout;
    assert!(text.contains("essential"), "{text}");
}

#[test]
fn a_sign_in_by_device_marks_the_account_as_well() {
    let scene = Scene::new();
    let mut command = scene.command(["login", "--device", "--json"]);
    let login = SigningIn::of(command.env("DO_NOT_TRACK", "on"));
    let code = login.event()["userCode"].as_str().unwrap().to_owned();
    scene.person("ada@example.com").approves(&code);
    assert_eq!(login.event()["event"], "signed_in");
    login.end().with_code(0);
    assert_eq!(scene.run(["whoami", "--json"]).with_code(0).json()["data"]["essentialTrafficOnly"], true);
}
