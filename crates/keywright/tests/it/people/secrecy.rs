//! Case 126: whatever is said of a sign-in, and wherever, no secret of it is in it.

use std::collections::BTreeSet;

use url::form_urlencoded::parse;

use super::relay::Seen;
use super::{Scene, comes_back};
use crate::home::Ended;
use crate::signing_in::SigningIn;

#[test]
fn no_secret_of_a_sign_in_is_in_what_is_said_logged_or_addressed() {
    let scene = Scene::new();
    let mut said = String::new();
    let mut calls = Vec::new();
    let mut run = |arguments: &[&str], code: i32| {
        for json in [&[][..], &["--json"]] {
            let mut command = scene.command(arguments.iter().chain(json));
            let ended = Ended::of(command.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "1").arg("-v"));
            let ended = ended.with_code(code);
            said.push_str(&ended.stdout);
            said.push_str(&ended.stderr);
        }
    };
    run(&["whoami"], 0);
    let mut secrets = stored(&scene);
    let (login, url) = scene.begins(&[]);
    comes_back(&scene.person("ada@example.com").lets_in(&url));
    assert_eq!(login.event()["event"], "signed_in");
    let browser = login.end().with_code(0);
    secrets.extend(stored(&scene));
    let login = SigningIn::of(scene.command(["login", "--device", "--json"]).env("RUST_LOG", "trace"));
    let code = login.event()["userCode"].as_str().unwrap().to_owned();
    scene.person("ada@example.com").approves(&code);
    login.event();
    let device = login.end().with_code(0);
    secrets.extend(stored(&scene));
    scene.let_end_in(-5);
    run(&["status"], 0);
    run(&["doctor"], 0);
    run(&["login", "--no-temporary", "--temporary"], 0);
    secrets.extend(stored(&scene));
    run(&["logout", "--yes"], 0);
    run(&["whoami"], 3);
    calls.extend(scene.relay.take());
    secrets.extend(calls.iter().flat_map(sent));
    assert!(secrets.len() > 10, "too few secrets to be true: {}", secrets.len());
    let addressed: String = calls.iter().map(|seen| format!("{}\n", seen.target)).collect();
    let places = [
        ("said", said),
        ("said", browser.stderr),
        ("said", device.stderr),
        ("logged", scene.served.log()),
        ("addressed", addressed),
    ];
    for (place, text) in places {
        for secret in &secrets {
            assert!(!text.contains(secret.as_str()), "a secret was {place}: {text}");
        }
    }
}

/// The tokens in the file of credentials.
fn stored(scene: &Scene) -> Vec<String> {
    let text = std::fs::read_to_string(scene.home.credentials()).unwrap();
    let words = text.split('"').filter(|word| word.contains("_kw_"));
    words.map(str::to_owned).collect()
}

/// What was sent to the endpoints of OAuth that must not be known.
fn sent(seen: &Seen) -> BTreeSet<String> {
    let secret = ["code", "code_verifier", "device_code", "refresh_token", "token"];
    let fields = parse(seen.body.as_bytes()).filter(|(name, _)| secret.contains(&name.as_ref()));
    let fields = fields.filter(|_| seen.target.starts_with("/oauth/"));
    fields.map(|(_, value)| value.into_owned()).collect()
}
