//! `keywright login` at the real server.

use std::time::Duration;

use rustix::process::Signal;

use super::{Scene, comes_back, serve};
use crate::home::Ended;
use crate::signing_in::SigningIn;

#[test]
fn somebody_new_signs_in_by_browser_and_acts_in_an_organization() {
    let scene = Scene::new();
    let event = scene.signs_in(&mut scene.person("ada@example.com"), &[]);
    assert_eq!(event["email"], "ada@example.com");
    assert!(event["organizationId"].as_str().unwrap().starts_with("org_"), "{event}");
    assert_eq!(event["server"], scene.relay.url());
    let who = scene.run(["whoami", "--json"]).with_code(0).json()["data"].take();
    assert_eq!((&who["tokenKind"], &who["email"]), (&"at".into(), &"ada@example.com".into()));
    assert_eq!(who["temporary"], false);
    let made = scene.run(["tokens", "create", "-n", "from-a-session", "--json"]).with_code(0).json();
    scene.model_call(made["data"]["raw"].as_str().unwrap()).unwrap();
    // The profile remembers its server: no variable names it.
    let ended = Ended::of(&mut scene.home.command(["whoami"])).with_code(0);
    assert!(ended.stdout.contains("ada@example.com"), "{}", ended.stdout);
}

#[test]
fn a_person_who_says_no_in_the_browser_is_told_apart() {
    let scene = Scene::new();
    let (login, url) = scene.begins(&[]);
    comes_back(&scene.person("ada@example.com").decides(&url, &[("decision", "deny")]));
    assert_eq!(login.event()["error"]["code"], "SIGN_IN_REFUSED");
    login.end().with_code(4);
    assert!(!scene.home.credentials().exists());
}

#[test]
fn a_device_is_let_in_where_the_page_names_this_machine_and_its_code() {
    let scene = Scene::new();
    let login = SigningIn::of(&mut scene.command(["login", "--device", "--json"]));
    let event = login.event();
    let code = event["userCode"].as_str().unwrap();
    assert_eq!(event["verificationUri"], format!("{}/device", scene.relay.url()));
    let mut person = scene.person("ada@example.com");
    let page = person.looks_up(code);
    let system = rustix::system::uname();
    for part in [code, &system.nodename().to_string_lossy(), "Keywright command line", "ada@example.com"] {
        assert!(page.text().contains(part), "{part}: {}", page.text());
    }
    person.presses(&page, "/device", &[("decision", "allow")]);
    assert_eq!(login.event()["email"], "ada@example.com");
    login.end().with_code(0);
    scene.run(["whoami"]).with_code(0);
    let account = person.goes_to("/account");
    assert!(account.text().contains(&*system.nodename().to_string_lossy()), "{}", account.text());
}

#[test]
fn the_page_of_the_browser_names_this_machine_as_well() {
    let scene = Scene::new();
    let (login, url) = scene.begins(&[]);
    let mut person = scene.person("ada@example.com");
    let page = person.goes_to(&url[url::Position::BeforePath..]);
    let system = rustix::system::uname();
    assert!(page.text().contains(&*system.nodename().to_string_lossy()), "{}", page.text());
    comes_back(&person.lets_in(&url));
    assert_eq!(login.event()["event"], "signed_in");
    login.end().with_code(0);
}

#[test]
fn a_session_may_be_proposed_to_live_shorter() {
    let scene = Scene::new();
    let (login, url) = scene.begins(&["--lifetime", "8h"]);
    let mut person = scene.person("ada@example.com");
    let page = person.goes_to(&url[url::Position::BeforePath..]);
    assert!(page.text().contains("8 hours") && !page.text().contains("90 days"), "{}", page.text());
    comes_back(&person.lets_in(&url));
    assert_eq!(login.event()["event"], "signed_in");
    login.end().with_code(0);
}

#[test]
fn a_device_that_is_turned_away_gets_nothing_and_says_so() {
    let scene = Scene::new();
    let login = SigningIn::of(&mut scene.command(["login", "--device", "--json"]));
    let code = login.event()["userCode"].as_str().unwrap().to_owned();
    let mut person = scene.person("ada@example.com");
    let page = person.looks_up(&code);
    person.presses(&page, "/device", &[("decision", "deny")]);
    assert_eq!(login.event()["error"]["code"], "SIGN_IN_REFUSED");
    login.end().with_code(4);
}

/// Case 56: what was approved holds, and the command line outlives the restart as well.
#[test]
fn a_server_that_is_restarted_between_approval_and_poll_lets_the_device_in() {
    let mut scene = Scene::new();
    let login = SigningIn::of(&mut scene.command(["login", "--device", "--json"]));
    let code = login.event()["userCode"].as_str().unwrap().to_owned();
    scene.person("ada@example.com").approves(&code);
    scene.served.signal(Signal::KILL);
    // Long enough for a poll to find nobody there.
    std::thread::sleep(Duration::from_secs(5));
    scene.served = serve(&scene.server_home, scene.served.address, &scene.relay);
    assert_eq!(login.event()["event"], "signed_in");
    login.end().with_code(0);
    scene.run(["whoami"]).with_code(0);
}

#[test]
fn signing_in_again_ends_the_session_before_at_the_server() {
    let scene = Scene::signed_in("ada@example.com");
    let old = scene.access_token();
    scene.model_call(&old).unwrap();
    let event = scene.signs_in(&mut scene.person("ada@example.com"), &[]);
    assert_eq!(event["isNew"], false);
    assert!(scene.model_call(&old).unwrap_err().contains("revoked"));
    scene.model_call(&scene.access_token()).unwrap();
}
