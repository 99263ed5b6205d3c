//! The code goes up in its fields, and the key that comes down is kept and not shown.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use super::scene::*;
use crate::cli::Ended;
use crate::scripted::{Scripted, signed_in};

#[test]
fn each_flag_arrives_in_its_field() {
    let scene = Scene::new();
    let mut arguments =
        vec!["signup-complete", "--code", "012345", "--company", "Acme, Inc.", "--description", "Anvils"];
    arguments.extend(["--key-name", "ci", "--key-expires-in", "30", "--name", "anvils", "--json"]);
    let json = scene.auth(&arguments).with_code(0).json();
    assert_eq!(json["data"]["profileName"], "anvils");
    let id = "key_00000000000000000000000000000001";
    let mut arguments =
        vec!["login-complete", "--code", "123 456", "--organization-id", "org_1", "--key-name", "x"];
    arguments.extend(["--key-expires-in", "1.5", "--revoke-key", id, "--revoke-key", id]);
    scene.auth(&arguments).with_code(0);
    let bodies: Vec<Value> = scene.server.seen().into_iter().map(|seen| seen.body).collect();
    assert_eq!(
        bodies,
        [
            json!({"email": EMAIL, "code": "012345", "company": {"name": "Acme, Inc.", "description": "Anvils"},
                "apiKey": {"name": "ci", "expiresInDays": 30}}),
            json!({"email": EMAIL, "code": "123 456", "organizationId": "org_1",
                "apiKey": {"name": "x", "expiresInDays": 1.5}, "revokeKeys": [id, id]}),
        ]
    );
}

#[test]
fn what_is_printed_is_what_seed_002_has_and_never_the_key() {
    let scene = Scene::new();
    let json = scene.auth(&["signup-complete", "--code", "012345", "--json"]).with_code(0);
    assert!(!format!("{}{}", json.stdout, json.stderr).contains(&scene.key[..12]));
    let data = json.json()["data"].clone();
    let fields: Vec<&str> = data.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, ["apiKey", "isNewUser", "organizationId", "organizationName", "profileName"]);
    let key: Vec<&str> = data["apiKey"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(key, ["createdAt", "keyId", "keyPrefix", "name", "scopes"]);
    assert_eq!((&data["profileName"], &data["isNewUser"]), (&json!("acme-inc"), &json!(true)));
    assert_eq!(data["apiKey"]["keyPrefix"], scene.key[..10]);

    let text = scene.auth(&["login-complete", "--code", "012345"]).with_code(0);
    assert!(text.stdout.contains("acme-inc, active now") && text.stderr.contains("keywright run -- AGENT"));
    assert!(!format!("{}{}", text.stdout, text.stderr).contains(&scene.key[..12]));
    let stored = &scene.stored()["profiles"]["acme-inc"]["servers"][&scene.server.url]["apiKey"];
    assert_eq!((&stored["raw"], &stored["keyId"]), (&json!(scene.key), &data["apiKey"]["keyId"]));
}

#[test]
fn a_code_comes_from_standard_input_and_an_empty_one_is_not_sent() {
    let scene = Scene::new();
    typing(scene.command(&["signup-complete", "--code", "-"]), " 012345\nmore\n").with_code(0);
    assert_eq!(scene.server.seen()[0].body["code"], "012345");
    let none = typing(scene.command(&["signup-complete", "--code", "-", "--json"]), "\n").with_code(2);
    assert_eq!(none.json()["error"]["code"], "USAGE");
    assert_eq!(scene.server.seen().len(), 1);
}

#[test]
fn the_request_is_remembered_until_its_code_was_used() {
    let scene = Scene::new();
    let asked = |arguments: &[&str]| scene.auth(arguments).with_code(0);
    let first = asked(&["signup-request", "--json"]).json()["data"]["requestId"].clone();
    let second = asked(&["signup-request", "--json"]).json()["data"]["requestId"].clone();
    let login = asked(&["login-request", "--json"]).json()["data"]["requestId"].clone();
    asked(&["signup-complete", "--code", "012345"]);
    asked(&["signup-complete", "--code", "012345"]);
    asked(&["login-complete", "--code", "012345"]);
    let sent: Vec<Value> = scene.server.seen().iter().map(|seen| seen.body["requestId"].clone()).collect();
    assert_eq!(sent, [Value::Null, first, Value::Null, second, Value::Null, login]);
}

#[test]
fn a_profile_that_is_another_ones_is_not_overwritten_and_the_key_not_lost() {
    let scene = Scene::new();
    scene.auth(&["signup-complete", "--code", "012345", "--name", "work"]).with_code(0);
    let other = Scripted::start();
    let (answer, key) = signed_in("Beta");
    other.answers(LOGIN_COMPLETE, answer);
    let mut command = scene.command(&["login-complete", "--code", "012345", "--name", "work", "--json"]);
    let ended = Ended::of(command.env("KEYWRIGHT_SERVER", &other.url)).with_code(0);
    assert!(ended.stderr.contains("the profile `work` is for"), "{}", ended.stderr);
    assert_eq!(ended.json()["data"]["profileName"], "beta");
    let stored = scene.stored();
    assert_eq!(stored["profiles"]["work"]["servers"][&scene.server.url]["apiKey"]["raw"], scene.key);
    assert_eq!(stored["profiles"]["beta"]["servers"][&other.url]["apiKey"]["raw"], key);
}

#[test]
fn a_key_that_cannot_be_stored_after_all_is_deleted_again() {
    let scene = Scene::new();
    let mut command = scene.command(&["signup-complete", "--code", "-", "--json"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Whether it could be stored is looked at before the code is read; then something changes.
    let lock = scene.home.credentials().with_extension("json.lock");
    while !lock.exists() {
        assert!(child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(5));
    }
    std::fs::remove_file(&lock).unwrap();
    std::fs::create_dir(&lock).unwrap();
    child.stdin.take().unwrap().write_all(b"012345\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let ended =
        Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
    let ended = ended.with_code(1);
    assert_eq!(ended.json()["error"]["code"], "FILE_UNUSABLE");
    let seen = scene.server.seen();
    assert!(seen[1].target.starts_with("/api/v1/keys/key_"), "{}", seen[1].target);
    assert_eq!(seen[1].token.as_deref(), Some(scene.key.as_str()));
    assert!(ended.stdout.contains("is lost, but lives on"), "this server deletes nothing: {}", ended.stdout);
    assert!(!ended.stdout.contains(&scene.key[..12]));
}

#[test]
fn no_code_is_spent_where_its_key_could_not_be_stored() {
    let dotfiles = |scene: &Scene| {
        let folder = scene.home.path().join(".config/keywright");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(scene.home.path().join("dotfiles.toml"), "").unwrap();
        std::os::unix::fs::symlink(scene.home.path().join("dotfiles.toml"), folder.join("config.toml"))
            .unwrap();
    };
    let file_for_a_folder = |scene: &Scene| {
        let folder = scene.home.credentials().parent().unwrap().to_owned();
        std::fs::create_dir_all(folder.parent().unwrap()).unwrap();
        std::fs::write(folder, "").unwrap();
    };
    let linked = |scene: &Scene| {
        std::fs::create_dir_all(scene.home.credentials().parent().unwrap()).unwrap();
        std::os::unix::fs::symlink("/nonexistent", scene.home.credentials()).unwrap();
    };
    let spoilers: [&dyn Fn(&Scene); 3] = [&dotfiles, &file_for_a_folder, &linked];
    for spoil in spoilers {
        for command in ["signup-complete", "login-complete"] {
            let scene = Scene::new();
            spoil(&scene);
            let ended = scene.auth(&[command, "--code", "012345", "--json"]).with_code(1);
            assert_eq!(ended.json()["error"]["code"], "FILE_UNUSABLE");
            assert!(scene.server.seen().is_empty(), "{command}: {}", ended.stdout);
        }
    }
}
