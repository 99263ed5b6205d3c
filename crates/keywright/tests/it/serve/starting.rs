//! The first start, and the next.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;

use crate::call::Call;
use crate::home::Home;
use crate::served::Served;

#[test]
fn the_first_start_answers_and_says_what_to_do_next() {
    let home = Home::new();
    let served = Served::demo(&home);
    let log = served.log();
    assert!(log.contains("Providers: demo") && log.contains("keywright admin claim CODE"), "{log}");
    assert!(log.contains(&home.data("admin-claim").display().to_string()), "{log}");
    for path in ["/healthz", "/readyz"] {
        for address in [served.address, served.operations] {
            let answer = Call::get(address, path).send().with_status(200);
            assert_eq!(answer.json(), json!({ "success": true, "data": { "status": "ok" } }));
        }
    }
    let token = served.temporary();
    let answer = served.message(&token, "hello there", false).send().with_status(200);
    let words = answer.json()["content"][0]["text"].as_str().unwrap().to_owned();
    assert!(words.contains("hello there"), "{words}");
    let record = &served.requests(&token)[0];
    assert_eq!(record["outcome"], "succeeded");
    assert_eq!(record["id"], answer.headers["x-keywright-request-id"].as_str());
}

#[test]
fn metrics_are_on_the_operations_listener_alone() {
    let home = Home::new();
    let served = Served::demo(&home);
    // What a metric counts has happened once.
    served.get("/v1/models").send().with_status(401);
    let metrics = Call::get(served.operations, "/metrics").send().with_status(200);
    assert!(metrics.headers["content-type"].starts_with("text/plain"));
    assert!(metrics.text().contains("keywright_"), "{}", metrics.text());
    assert_eq!(served.get("/metrics").send().status, 404);
    for path in ["/api/v1/whoami", "/v1/messages", "/"] {
        assert_eq!(Call::get(served.operations, path).send().status, 404, "{path}");
    }
    let page = Call::get(served.operations, "/metrics").header("origin", "http://evil.example");
    assert_eq!(page.send().status, 403);
}

#[test]
fn without_a_provider_it_serves_and_says_what_is_missing() {
    let home = Home::new();
    let served = Served::with(&home, [""; 0]);
    assert!(served.log().contains("--demo") && served.log().contains("no provider is configured"));
    let refused = served.message(&served.temporary(), "hello", false).send().with_status(503);
    assert!(refused.text().contains("PROVIDER_NOT_CONFIGURED"), "{}", refused.text());
}

#[test]
fn a_file_a_variable_and_a_flag_count_in_that_order() {
    let home = Home::new();
    let (in_file, by_variable) = (home.path().join("one"), home.path().join("two"));
    let file = home.path().join("keywright.toml");
    let text = format!("data_dir = {:?}\ndemo = true\n[auth]\ntemporary_ttl = \"1h\"\n", in_file);
    std::fs::write(&file, text).unwrap();
    let mut command = home.command(["serve", "--config"]);
    command.arg(&file).args(crate::served::FREE_PORTS).env("KEYWRIGHT_DATA_DIR", &by_variable);
    command.env("KEYWRIGHT_AUTH_TEMPORARY_TTL", "").env("KEYWRIGHT_LISTNE", "x");
    let served = Served::start(command.arg("--auth-temporary-ttl=2h"));
    assert!(by_variable.join("keywright.db").exists() && !in_file.exists());
    assert!(served.log().contains("warning: KEYWRIGHT_LISTNE"), "{}", served.log());
    let made = served.post("/api/v1/auth/temporary", &json!({})).send().with_status(200).data();
    let who = served.get("/api/v1/whoami").token(made["token"].as_str().unwrap()).send().with_status(200);
    assert_eq!(who.data()["expiresAt"], made["expiresAt"]);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    let ends = keywright_protocol::Timestamp::parse(made["expiresAt"].as_str().unwrap()).unwrap();
    assert!((ends.0 / 1000 - now - 7200).abs() < 120, "{ends}");
}

#[test]
fn what_was_there_is_there_after_a_restart() {
    let home = Home::new();
    let served = Served::demo(&home);
    let token = served.temporary();
    let (kept_id, kept) = served.key(&token, "kept");
    let (gone_id, gone) = served.key(&token, "gone");
    served.delete(&format!("/api/v1/keys/{gone_id}")).token(&token).send().with_status(200);
    served.message(&kept, "hello", true).send().with_status(200);
    let before = served.requests(&token);
    let instance = std::fs::read(home.data("instance")).unwrap();
    let log = served.stop();
    assert!(log.contains("stopped"), "{log}");
    // What was written ahead is in its place, so that the files can be copied.
    assert!(!home.data("keywright.db-wal").exists() && !home.data("records.db-wal").exists());

    let served = Served::demo(&home);
    assert!(!served.log().contains("admin claim"), "the code of the first start still counts");
    assert_eq!(served.requests(&token), before);
    served.message(&kept, "hello", false).send().with_status(200);
    let refused = served.message(&gone, "hello", false).send().with_status(401);
    assert!(refused.text().contains("KEY_REVOKED"), "{}", refused.text());
    let keys = served.get("/api/v1/keys").token(&token).send().data();
    assert_eq!(keys["keys"][0]["keyId"], kept_id.as_str());
    assert!(keys["keys"][0]["lastUsedAt"].is_string(), "memory is written at the end: {keys}");
    assert_eq!(std::fs::read(home.data("instance")).unwrap(), instance);
}

#[test]
fn every_file_is_for_its_owner_alone_whatever_the_umask() {
    let home = Home::new();
    let mut command = std::process::Command::new("sh");
    let binary = env!("CARGO_BIN_EXE_keywright");
    let script = format!("umask 000; exec {binary} serve --demo \"$@\"");
    command.args(["-c", &script, "sh"]).args(crate::served::FREE_PORTS);
    command.env_clear().env("HOME", home.path()).current_dir(home.path());
    let served = Served::start(&mut command);
    served.message(&served.temporary(), "hello", false).send().with_status(200);
    assert_eq!(mode(&home.data("")), 0o700);
    let files: Vec<_> = std::fs::read_dir(home.data("")).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() > 8, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}
