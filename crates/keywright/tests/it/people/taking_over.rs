//! A temporary account that goes along when its person signs in at the pages, by security rule 13.

use serde_json::Value;

use super::{Scene, comes_back};
use crate::home::Ended;
use crate::signing_in::SigningIn;

/// A temporary account of this machine with a call and a key; its token and its key.
fn with_temporary(scene: &Scene) -> (String, String) {
    let made = scene.run(["tokens", "create", "-n", "early", "--json"]).with_code(0).json()["data"].take();
    let key = made["raw"].as_str().unwrap().to_owned();
    scene.model_call(&key).unwrap();
    let text = std::fs::read_to_string(scene.home.credentials()).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let entry = &file["profiles"]["default"]["servers"][scene.relay.url()];
    (entry["temporary"]["token"].as_str().unwrap().to_owned(), key)
}

/// What became of it, as the command line sees it afterwards.
fn assert_taken_over(scene: &Scene, (token, key): &(String, String), records: usize) {
    for dead in [token, key] {
        assert!(scene.model_call(dead).unwrap_err().contains("revoked"));
    }
    let text = std::fs::read_to_string(scene.home.credentials()).unwrap();
    assert!(!text.contains("\"temporary\"") && !text.contains("mintedKeys"), "{text}");
    let who = scene.run(["whoami", "--json"]).with_code(0).json()["data"].take();
    assert_eq!((&who["temporary"], &who["email"]), (&false.into(), &"ada@example.com".into()));
    let calls = scene.run(["usage", "--requests", "--json"]).with_code(0).json()["data"]["requests"].take();
    assert_eq!(calls.as_array().unwrap().len(), records, "not what came along: {calls}");
}

#[test]
fn by_browser_the_page_names_it_and_its_records_come_along() {
    let scene = Scene::new();
    let temporary = with_temporary(&scene);
    let (login, url) = scene.begins(&[]);
    let ticket = url.query_pairs().find(|(name, _)| name == "upgrade").expect("a ticket").1.into_owned();
    assert!(!url.as_str().contains(&temporary.0) && !ticket.contains("_kw_"));
    let mut person = scene.person("ada@example.com");
    let page = person.goes_to(&url[url::Position::BeforePath..]);
    assert!(page.text().contains("temporary account"), "{}", page.text());
    comes_back(&person.lets_in(&url));
    let event = login.event();
    assert_eq!((&event["event"], &event["upgrade"]), (&"signed_in".into(), &"merged".into()), "{event}");
    let said = login.end().with_code(0).stderr;
    for part in ["The page will ask", "with its key", "--no-upgrade", "are in this account now"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_taken_over(&scene, &temporary, 1);
}

#[test]
fn by_device_code_it_goes_along_as_well() {
    let scene = Scene::new();
    let temporary = with_temporary(&scene);
    let login = SigningIn::of(&mut scene.command(["login", "--device", "--json"]));
    let code = login.event()["userCode"].as_str().unwrap().to_owned();
    let mut person = scene.person("ada@example.com");
    let page = person.looks_up(&code);
    assert!(page.text().contains("temporary account"), "{}", page.text());
    person.presses(&page, "/device", &[("decision", "allow")]);
    let event = login.event();
    assert_eq!(event["upgrade"], "merged", "{event}");
    login.end().with_code(0);
    assert_taken_over(&scene, &temporary, 1);
}

#[test]
fn a_person_who_does_not_want_it_at_the_page_keeps_it() {
    let scene = Scene::new();
    let (token, key) = with_temporary(&scene);
    let (login, url) = scene.begins(&[]);
    // What has no value counts as not ticked.
    let mut person = scene.person("ada@example.com");
    comes_back(&person.decides(&url, &[("decision", "allow"), ("take_over", "")]));
    assert_eq!(login.event()["upgrade"], "declined");
    let said = login.end().with_code(0).stderr;
    assert!(said.contains("stays as it was, in the profile default"), "{said}");
    for alive in [&token, &key] {
        scene.model_call(alive).unwrap();
    }
    let who = scene.run(["whoami", "--json", "--profile", "default"]).with_code(0).json()["data"].take();
    assert_eq!(who["temporary"], true);
    // The profile is named to offer it after all.
    let event = scene.signs_in(&mut person, &["--profile", "default"]);
    assert_eq!((&event["upgrade"], &event["isNew"]), (&"merged".into(), &false.into()), "{event}");
    assert_taken_over(&scene, &(token, key), 3);
}

#[test]
fn without_a_wish_to_it_stays_as_it_is() {
    let scene = Scene::new();
    let (token, key) = with_temporary(&scene);
    let event = scene.signs_in(&mut scene.person("ada@example.com"), &["--no-upgrade"]);
    assert!(event["upgrade"].is_null(), "{event}");
    for alive in [&token, &key] {
        scene.model_call(alive).unwrap();
    }
    let text = std::fs::read_to_string(scene.home.credentials()).unwrap();
    assert!(text.contains(&token));
}

/// Security rule 13: whoever plants a token in the environment or on a command line gives nobody an account.
#[test]
fn a_planted_token_is_never_offered() {
    let scene = Scene::new();
    let planted = scene.served.temporary();
    let mut command = scene.command(["login", "--browser", "--json"]);
    let login = SigningIn::of(command.env("KEYWRIGHT_API_KEY", &planted));
    let url: url::Url = login.event()["url"].as_str().unwrap().parse().unwrap();
    assert!(url.query_pairs().all(|(name, _)| name != "upgrade"), "{url}");
    assert!(scene.relay.take().iter().all(|seen| !seen.target.contains("upgrade-ticket")));
    drop(login);
    // One of another server is not offered either, nor sent anywhere.
    let elsewhere = Scene::new();
    Ended::of(&mut elsewhere.command(["whoami"])).with_code(0);
    let mut command = elsewhere.home.command(["login", "--browser", "--json"]);
    let login = SigningIn::of(command.env("KEYWRIGHT_SERVER", scene.relay.url()));
    let url: url::Url = login.event()["url"].as_str().unwrap().parse().unwrap();
    assert!(url.query_pairs().all(|(name, _)| name != "upgrade"), "{url}");
}
