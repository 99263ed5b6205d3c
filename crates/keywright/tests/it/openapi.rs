//! The API against its own description: schemathesis makes calls from it, good and bad ones, and looks at
//! each answer.

use std::process::{Command, Stdio};

use keywright_testkit::code_in;
use serde_json::{Value, json};

use crate::home::{Ended, Home};
use crate::served::Served;
use crate::tools::tool;

#[test]
fn the_api_does_what_its_description_says() {
    let (home, served, token) = administered();
    // The token is that of an account, which no list has and so no call finds: a key would be deleted.
    let ended =
        schemathesis(&home, &served, &token, SETTINGS, &["--exclude-tag", "gateway", "--checks", "all"]);
    let summary = summary(&home, ended);
    assert!(summary["test_cases"]["generated"].as_u64() > Some(500), "{summary}");
    assert_eq!(summary["operations"]["tested"], summary["operations"]["selected"]);
    // It has come as far as answers worth looking at.
    let who = served.get("/api/v1/whoami").token(&token).send().with_status(200).data();
    assert_eq!(who["administrator"], true);
}

/// The same in an organization of one's own, whose id no call would find by chance. Deleting it would end the token.
#[test]
fn organizations_do_what_their_description_says() {
    let home = Home::new();
    let served = Served::with(&home, ["--demo"]);
    let asked = json!({ "email": "owner@example.com" });
    served.post("/api/v1/auth/signup-request", &asked).send().with_status(200);
    let mail = home.run(["admin", "outbox", "--last", "--json"]).json()["data"]["text"].clone();
    let asked = json!({ "email": "owner@example.com", "code": code_in(mail.as_str().unwrap()) });
    let made = served.post("/api/v1/auth/signup-complete", &asked).send().with_status(200).data();
    let token = made["apiKey"]["raw"].as_str().unwrap();
    let usual = std::fs::read_to_string(format!("{CLIENTS}/schemathesis.toml")).unwrap();
    let here = ["view", "update"].map(|what| format!("{what}Organization")).into_iter();
    let inside = ["listMembers", "updateMember", "removeMember", "createServiceAccount", "inviteMember"];
    let operations: Vec<String> =
        here.chain(inside.map(str::to_owned)).chain(["listOrganizationInvitations".to_owned()]).collect();
    let settings = home.path().join("organizations.toml");
    let own = format!(
        "{usual}\n[[operations]]\ninclude-operation-id = {operations:?}\nparameters = {{ \"path.id\" = {} }}\n",
        made["organizationId"]
    );
    std::fs::write(&settings, own).unwrap();
    let chosen = ["--include-tag", "organizations", "--exclude-operation-id", "deleteOrganization"];
    let arguments = [&chosen[..], &["--checks", "all"]].concat();
    let ended = schemathesis(&home, &served, token, settings.to_str().unwrap(), &arguments);
    let summary = summary(&home, ended);
    assert_eq!(summary["operations"]["tested"], summary["operations"]["selected"]);
    // It has come as far as answers worth looking at.
    let organization = made["organizationId"].as_str().unwrap();
    for (inside, least) in [("members", 2), ("invitations", 2)] {
        let path = format!("/api/v1/organizations/{organization}/{inside}");
        let all = served.get(&path).token(token).send().with_status(200).data();
        assert!(all[inside].as_array().unwrap().len() >= least, "{all}");
    }
}

#[test]
fn the_gateway_asks_for_a_token_and_never_breaks_whatever_its_paths_are_called_with() {
    let (home, served, token) = administered();
    // What a good body is, and what the answer looks like, is for the provider to say.
    let checks = "not_a_server_error,ignored_auth,unsupported_method,allow_header_conformance";
    let ended =
        schemathesis(&home, &served, &token, SETTINGS, &["--include-tag", "gateway", "--checks", checks]);
    let summary = summary(&home, ended);
    assert!(summary["test_cases"]["generated"].as_u64() > Some(500), "{summary}");
    let passed =
        served.get("/api/v1/requests?outcome=succeeded").token(&token).send().with_status(200).data();
    assert!(passed["requests"].as_array().is_some_and(|records| !records.is_empty()));
}

/// A server, and the token of its administrator, which may do everything.
fn administered() -> (Home, Served, String) {
    let home = Home::new();
    let many = "1000000";
    let limits = ["--auth-temporary-per-minute", many, "--auth-temporary-per-day", many];
    let served = Served::with(&home, ["--demo"].into_iter().chain(limits));
    let token = served.temporary();
    let code = std::fs::read_to_string(home.data("admin-claim")).unwrap();
    let claim = served.post("/api/v1/admin/claim", &json!({ "code": code.trim() })).token(&token);
    claim.send().with_status(200);
    (home, served, token)
}

fn schemathesis(home: &Home, served: &Served, token: &str, settings: &str, arguments: &[&str]) -> Ended {
    let mut command = Command::new(tool("openapi/bin/python3"));
    command
        .args(["-m", "schemathesis.cli"])
        .args(["--config-file", settings])
        .args(["run", &format!("{}/openapi.json", served.url()), "--no-color"])
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .args(["--report", "json", "--report-json-path"])
        .arg(home.path().join("report.json"))
        .args(arguments)
        .env_clear()
        .env("HOME", home.path())
        .env("PATH", "/usr/bin:/bin")
        .env("LANG", "C.UTF-8")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONPATH", CLIENTS)
        .env("SCHEMATHESIS_HOOKS", "schemathesis_hooks")
        .current_dir(home.path())
        .stdin(Stdio::null());
    Ended::of(&mut command)
}

/// What it counted, after it found nothing.
fn summary(home: &Home, ended: Ended) -> Value {
    ended.with_code(0);
    serde_json::from_slice(&std::fs::read(home.path().join("report.json")).unwrap()).unwrap()
}

const CLIENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients");
const SETTINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/schemathesis.toml");
