//! What a server must keep to itself: canaries go through every flow at trace level, then everything
//! that it wrote is searched for them.

use base64::prelude::{BASE64_STANDARD as STANDARD, Engine};
use keywright_secret::{PlatformToken, TokenKind};
use memchr::memmem;
use rustix::process::Signal;
use serde_json::json;

use crate::call::Call;
use crate::home::Home;
use crate::served::{FREE_PORTS, Served};

const PROVIDER_KEY: &str = "sk-ant-api03-canary-of-the-provider-0123456789";
const OWN_KEY: &str = "sk-ant-api03-canary-of-the-caller-9876543210";
const PROMPT: &str = "canary of a prompt";

/// Case 160, as far as one server's log, metrics and files go.
#[test]
fn no_secret_is_in_the_log_the_metrics_or_the_files() {
    for format in ["text", "json"] {
        let home = Home::new();
        // Nobody listens there: the provider's key is used, and the failure is logged.
        let config = "[providers.anthropic]\nbase_url = \"http://127.0.0.1:1\"\nkeys = [\"env:CANARY\"]\n";
        let file = home.path().join("keywright.toml");
        std::fs::write(&file, config).unwrap();
        let mut command = home.command(["serve", "--demo", "--log-format", format, "--config"]);
        command.arg(&file).args(FREE_PORTS).env("CANARY", PROVIDER_KEY).env("RUST_LOG", "trace");
        let served = Served::start(&mut command);
        let mut secrets = every_flow(&served, &home);
        let metrics = Call::get(served.operations, "/metrics").send().with_status(200).text();
        secrets.push(("the master key", file_text(&home, "master.key")));
        secrets.push(("the proof of the instance", file_text(&home, "instance")));
        secrets.push(("the provider's key", PROVIDER_KEY.to_owned()));
        secrets.push(("the caller's own key", OWN_KEY.to_owned()));
        secrets.push(("a prompt", PROMPT.to_owned()));

        // As they are while it runs, what was written ahead included, and as a killed one leaves them.
        let running = written(&home);
        served.signal(Signal::KILL);
        let (_, log) = served.ended();
        assert!(log.contains("DEBUG"), "the log says all there is: {log}");
        let mut places = vec![("the log".to_owned(), log.into_bytes())];
        places.push(("the metrics".to_owned(), metrics.into_bytes()));
        places.extend(running);
        places.extend(written(&home));
        for (place, content) in &places {
            for (name, secret) in &secrets {
                for form in forms(secret) {
                    assert!(
                        memmem::find(content, form.as_bytes()).is_none(),
                        "{name} is in {place} ({format})"
                    );
                }
            }
        }
    }
}

/// Uses every kind of credential, well and badly; all of them.
fn every_flow(served: &Served, home: &Home) -> Vec<(&'static str, String)> {
    let account = served.temporary();
    let (id, key) = served.key(&account, "canary");
    let child = served.post("/api/v1/auth/child", &json!({})).token(&key).send().with_status(200);
    let child = child.data()["token"].as_str().unwrap().to_owned();
    let unknown = PlatformToken::mint(TokenKind::ApiKey).expose().to_owned();
    let damaged = format!("{}x", &unknown[..unknown.len() - 1]);
    for token in [&account, &key, &child, &unknown, &damaged] {
        for path in ["/gateway/demo", "/gateway/anthropic"] {
            let body = json!({ "model": "demo-small", "max_tokens": 9, "messages":
                [{ "role": "user", "content": PROMPT }] });
            let call = || served.post(&format!("{path}/v1/messages"), &body);
            call().header("x-api-key", token).send();
            call().token(token).send();
            call().header("x-keywright-token", token).header("x-api-key", OWN_KEY).send();
            call().header("x-api-key", OWN_KEY).send();
        }
        let gemini = format!("/gateway/demo/v1beta/models/demo-small:generateContent?key={token}");
        served.post(&gemini, &json!({ "contents": [{ "parts": [{ "text": PROMPT }] }] })).send();
        served.get(&format!("/api/v1/whoami?token={token}")).token(token).send();
        served.get("/api/v1/requests").token(token).send();
        served.post("/api/v1/keys", &json!({ "name": 7, "scopes": [token] })).token(token).send();
    }
    let code = file_text(home, "admin-claim");
    for tried in ["canary-of-a-wrong-code", &code] {
        served.post("/api/v1/admin/claim", &json!({ "code": tried })).token(&account).send();
    }
    served.delete(&format!("/api/v1/keys/{id}")).token(&account).send().with_status(200);
    served.message(&key, PROMPT, true).send().with_status(401);
    let claims = [("the claim code", code), ("a wrong claim code", "canary-of-a-wrong-code".to_owned())];
    let tokens = [
        ("the account's token", account),
        ("a key", key),
        ("a child token", child),
        ("an unknown token", unknown),
        ("a damaged token", damaged),
    ];
    tokens.into_iter().chain(claims).collect()
}

/// A secret as it is, in hexadecimal, and in base64, wherever in the encoded text it begins.
fn forms(secret: &str) -> Vec<String> {
    let hex = keywright_secret::hex(secret.as_bytes());
    // Half of it would be too much already.
    let half = secret[secret.len() / 2..].to_owned();
    let encoded = (0..3).map(|before| {
        let text = STANDARD.encode(format!("{}{secret}", &"???"[..before]));
        // The first and the last characters depend on what stands around it.
        text[4..text.len() - 4].to_owned()
    });
    [secret.to_owned(), half, hex.to_uppercase(), hex].into_iter().chain(encoded).collect()
}

/// The databases with what was written ahead; the three files whose content is the secret are left out.
fn written(home: &Home) -> Vec<(String, Vec<u8>)> {
    let files = std::fs::read_dir(home.data("")).unwrap().map(|file| file.unwrap());
    let named = files.map(|file| (file.file_name().into_string().unwrap(), file.path()));
    let databases: Vec<_> = named
        .filter(|(name, _)| !["master.key", "instance", "admin-claim"].contains(&name.as_str()))
        .map(|(name, path)| (name, std::fs::read(path).unwrap()))
        .collect();
    assert!(databases.iter().any(|(name, content)| name.ends_with("-wal") && !content.is_empty()));
    databases
}

fn file_text(home: &Home, name: &str) -> String {
    std::fs::read_to_string(home.data(name)).unwrap().trim().to_owned()
}
