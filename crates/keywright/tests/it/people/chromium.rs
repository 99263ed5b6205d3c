//! The command line beside a real browser: what it prints is opened in Chromium, which presses what a person presses.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

use keywright_testkit::chromium;
use serde_json::{Value, json};

use super::Scene;
use crate::home::{Ended, Home};
use crate::postbox;
use crate::signing_in::SigningIn;
use crate::tools::tool;

const MAILBOX: &str = "ada@example.com";

/// Has the person do that in Chromium, beginning at that address.
fn does(scene: &Scene, deed: &str, url: &str) {
    let mut command = Command::new(tool("node/bin/node"));
    command
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/chromium/command_line.mjs"))
        .env_clear()
        .env("KEYWRIGHT_TEST_PACKAGES", tool("judges"))
        .env("KEYWRIGHT_TEST_CHROMIUM", chromium())
        .env("KEYWRIGHT_TEST_SERVER", scene.relay.url())
        .env("KEYWRIGHT_TEST_DEED", deed)
        .env("KEYWRIGHT_TEST_URL", url)
        .env("KEYWRIGHT_TEST_MAILBOX", MAILBOX)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut answers = child.stdin.take().unwrap();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let asked: Value = serde_json::from_str(&line.unwrap()).unwrap();
        assert_eq!(asked, json!({ "ask": "code", "mailbox": MAILBOX }));
        writeln!(answers, "{}", json!(postbox::code(&scene.server_home, MAILBOX))).unwrap();
    }
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert!(child.wait().unwrap().success() && told.is_empty(), "{deed}: {told}");
}

#[test]
fn who_signs_in_by_browser_and_by_device_code_is_in_until_the_page_ends_it() {
    let scene = Scene::new();
    let login = SigningIn::of(&mut scene.command(["login", "--browser", "--json"]));
    does(&scene, "consent", login.event()["url"].as_str().unwrap());
    assert_eq!(login.event()["email"], MAILBOX);
    login.end().with_code(0);
    scene.run(["whoami"]).with_code(0);

    let device = Home::new();
    let command = |arguments: &[&str]| {
        let mut command = device.command(arguments);
        command.env("KEYWRIGHT_SERVER", scene.relay.url());
        command
    };
    let login = SigningIn::of(&mut command(&["login", "--device", "--json"]));
    does(&scene, "approve", login.event()["verificationUriComplete"].as_str().unwrap());
    assert_eq!(login.event()["email"], MAILBOX);
    login.end().with_code(0);
    Ended::of(&mut command(&["whoami"])).with_code(0);

    does(&scene, "end", &format!("{}/account", scene.relay.url()));
    for mut command in [scene.command(["whoami"]), command(&["whoami"])] {
        let ended = Ended::of(&mut command).with_code(3);
        assert!(ended.stderr.contains("keywright login"), "{}", ended.stderr);
    }
}
