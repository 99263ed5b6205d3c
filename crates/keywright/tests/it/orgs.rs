//! `orgs`, with a real server and people who have mailboxes.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::cli::Ended;
use crate::home::Home;
use crate::postbox;
use crate::served::Served;

const ANN: &str = "ann@mail.example";
const BOB: &str = "bob@mail.example";

/// A server, and Ann, who owns the organization Acme.
struct Scene {
    server_home: Home,
    served: Served,
    ann: Home,
}

impl Scene {
    fn new() -> Self {
        let server_home = Home::new();
        let served = Served::demo(&server_home);
        let scene = Self { server_home, served, ann: Home::new() };
        scene.sign_up(&scene.ann, ANN, "Acme");
        scene
    }

    fn sign_up(&self, home: &Home, mailbox: &str, company: &str) {
        self.run(home, &["auth", "signup-request", "--email", mailbox]).with_code(0);
        let code = postbox::code(&self.server_home, mailbox);
        let complete = ["auth", "signup-complete", "--email", mailbox, "--code", &code, "--company", company];
        self.run(home, &complete).with_code(0);
    }

    /// Somebody else, with an organization of their own.
    fn bob(&self) -> Home {
        let bob = Home::new();
        self.sign_up(&bob, BOB, "Bob and Co");
        bob
    }

    /// Bob, who is in Acme now as well, and uses it.
    fn bob_in_acme(&self, role: &str) -> Home {
        let bob = self.bob();
        let id = self.ann(&["orgs", "invite", BOB, "--role", role, "--json"]).data()["invitationId"].clone();
        self.run(&bob, &["orgs", "invitations", "accept", id.as_str().unwrap()]).with_code(0);
        bob
    }

    fn run(&self, home: &Home, arguments: &[&str]) -> Ended {
        self.served.cli(home, arguments)
    }

    fn ann(&self, arguments: &[&str]) -> Ended {
        self.run(&self.ann, arguments)
    }
}

impl Ended {
    /// What came of it, as JSON.
    #[track_caller]
    fn data(self) -> Value {
        self.with_code(0).json()["data"].clone()
    }

    /// Panics unless it was refused so.
    #[track_caller]
    fn refused(self, exit: i32, code: &str) {
        let ended = self.with_code(exit);
        assert_eq!(ended.json()["error"]["code"], code, "{}", ended.stdout);
    }
}

#[test]
fn an_organization_is_made_looked_at_changed_and_deleted() {
    let scene = Scene::new();
    let made = scene.ann(&["orgs", "create", "Beta", "--description", "Second", "--key-name", "k", "--json"]);
    assert!(!made.stdout.contains("\"raw\""), "{}", made.stdout);
    let made = made.data();
    assert_eq!((&made["profileName"], &made["apiKey"]["name"]), (&json!("beta"), &json!("k")));
    let beta = made["organization"]["organizationId"].as_str().unwrap();
    let list = scene.ann(&["orgs", "list", "--json"]).data()["organizations"].clone();
    let shown = |name: &str, current: bool| json!([name, "owner", current]);
    let seen: Vec<Value> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|one| json!([one["name"], one["role"], one["current"]]))
        .collect();
    assert_eq!(seen, [shown("Acme", false), shown("Beta", true)], "the new profile is the active one");
    let table = scene.ann(&["orgs", "ls"]).with_code(0).stdout;
    assert!(table.starts_with("NAME  ID") && table.contains("Beta  org_"), "{table}");

    for which in [vec!["orgs", "view"], vec!["orgs", "view", "Beta"], vec!["orgs", "view", beta]] {
        let text = scene.ann(&which).with_code(0).stdout;
        assert!(text.contains("description  Second") && text.contains("in use       yes"), "{text}");
    }
    assert!(scene.ann(&["orgs", "view", "Acme"]).with_code(0).stdout.contains("in use       no"));
    scene.ann(&["orgs", "view", "Gamma", "--json"]).refused(1, "NOT_FOUND");

    let changed = scene.ann(&["orgs", "update", "--rename", "Beta 2", "--description", "", "--json"]).data();
    assert_eq!((&changed["name"], changed.get("description")), (&json!("Beta 2"), None));
    scene.ann(&["orgs", "update"]).with_code(2);
    scene
        .ann(&["orgs", "update", "--rename", &"x".repeat(101), "--json"])
        .refused(1, "COMPANY_NAME_TOO_LONG");

    scene.ann(&["orgs", "rm", beta]).with_code(2);
    let other = scene.ann(&["orgs", "rm", "Acme", "--yes"]).with_code(1).stderr;
    assert!(other.contains("--profile acme"), "{other}");
    let gone = scene.ann(&["orgs", "rm", beta, "--yes", "--json"]).with_code(0);
    assert!(gone.stderr.contains("Forgot the key in the profile beta."), "{}", gone.stderr);
    assert_eq!(gone.data(), json!({"organizationId": beta, "revokedTokens": 1}));
    let profiles = scene.ann(&["profiles", "list", "--json"]).with_code(0).stdout;
    assert!(profiles.contains("acme") && !profiles.contains("beta"), "{profiles}");
    scene.ann(&["--profile", "acme", "whoami"]).with_code(0);
}

/// `script` gives the command a terminal, on which somebody types.
#[test]
fn on_a_terminal_an_organization_is_deleted_by_its_name_alone() {
    let scene = Scene::new();
    for (typed, code) in [("acm", 1), ("y", 1), ("", 1), ("Acme", 0)] {
        let mut command = Command::new("script");
        let line = format!("{} orgs rm Acme", env!("CARGO_BIN_EXE_keywright"));
        command.args(["-qec", &line, "/dev/null"]).env_clear().env("PATH", "/usr/bin:/bin");
        command.env("HOME", scene.ann.path()).env("TERM", "dumb").stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        writeln!(child.stdin.take().unwrap(), "{typed}").unwrap();
        let output = child.wait_with_output().unwrap();
        let seen = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{seen}");
        assert!(
            seen.contains("This deletes Acme with 1 key of 1 member. Nothing of it comes back."),
            "{seen}"
        );
    }
}

#[test]
fn nobody_and_a_temporary_account_are_told_to_sign_up_and_no_account_is_made_for_it() {
    let server_home = Home::new();
    let served = Served::demo(&server_home);
    let home = Home::new();
    let nobody = served.cli(&home, ["orgs", "list"]).with_code(3).stderr;
    assert!(nobody.contains("keywright auth signup-request") && !home.credentials().exists(), "{nobody}");
    served.cli(&home, ["whoami"]).with_code(0);
    served.cli(&home, ["orgs", "create", "Acme", "--json"]).refused(4, "FORBIDDEN");
}

#[test]
fn an_invited_mailbox_comes_in_with_a_key_of_its_own() {
    let scene = Scene::new();
    let bob = scene.bob();
    let invitation = scene.ann(&["orgs", "invite", "Bob@Mail.Example", "--role", "admin", "--json"]).data();
    let id = invitation["invitationId"].as_str().unwrap();
    assert_eq!((&invitation["email"], &invitation["role"]), (&json!(BOB), &json!("admin")));
    let mails = postbox::mails(&scene.server_home.data("outbox"), BOB);
    assert!(mails.last().unwrap().contains("Acme"), "{mails:?}");
    scene.ann(&["orgs", "invite", ANN, "--json"]).refused(1, "ALREADY_MEMBER");
    scene.ann(&["orgs", "invite", "nobody", "--json"]).refused(1, "EMAIL_INVALID");

    let mine = scene.run(&bob, &["orgs", "invitations", "--json"]).data();
    assert_eq!(mine["invitations"][0]["invitationId"], id);
    for listed in [["orgs", "invitations", "--sent"].as_slice(), &["orgs", "invitations", "list", "--sent"]] {
        let sent = scene.ann(listed).with_code(0).stdout;
        assert!(sent.contains(id) && sent.contains(BOB), "{sent}");
    }
    assert_eq!(
        scene.run(&bob, &["orgs", "invitations", "--sent", "--json"]).data()["invitations"],
        json!([])
    );
    scene.ann(&["orgs", "invitations", "--sent", "decline", id]).with_code(2);

    let entered = scene.run(&bob, &["orgs", "invitations", "accept", id, "--name", "acme", "--json"]);
    assert!(!entered.stdout.contains("\"raw\""), "{}", entered.stdout);
    let entered = entered.data();
    assert_eq!(
        (&entered["profileName"], &entered["organization"]["role"]),
        (&json!("acme"), &json!("admin"))
    );
    let who = scene.run(&bob, &["whoami", "--json"]).data();
    assert_eq!((&who["organizationName"], &who["email"]), (&json!("Acme"), &json!(BOB)));
    scene.run(&bob, &["orgs", "invitations", "accept", id, "--json"]).refused(1, "NOT_FOUND");
}

#[test]
fn an_invited_mailbox_without_an_account_comes_in_by_signing_in() {
    let scene = Scene::new();
    let invitation = scene.ann(&["orgs", "invite", BOB, "--json"]).data();
    let bob = Home::new();
    scene.run(&bob, &["auth", "login-request", "--email", BOB]).with_code(0);
    let code = postbox::code(&scene.server_home, BOB);
    let id = invitation["organizationId"].as_str().unwrap();
    let complete =
        ["auth", "login-complete", "--email", BOB, "--code", &code, "--organization-id", id, "--json"];
    let data = scene.run(&bob, &complete).data();
    assert_eq!((&data["organizationName"], &data["isNewUser"]), (&json!("Acme"), &json!(true)));
    assert_eq!(scene.run(&bob, &["whoami", "--json"]).data()["role"], "member");
}

#[test]
fn invitations_are_declined_and_withdrawn() {
    let scene = Scene::new();
    let bob = scene.bob();
    let invite =
        |mailbox: &str| scene.ann(&["orgs", "invite", mailbox, "--json"]).data()["invitationId"].clone();
    let id = invite(BOB);
    let declined = scene.run(&bob, &["orgs", "invitations", "decline", id.as_str().unwrap()]).with_code(0);
    assert_eq!(declined.stdout, "declined the invitation of bob@mail.example into Acme\n");
    scene
        .run(&bob, &["orgs", "invitations", "accept", id.as_str().unwrap(), "--json"])
        .refused(1, "NOT_FOUND");
    let id = invite("cat@mail.example");
    let withdrawn = scene.ann(&["orgs", "invitations", "withdraw", id.as_str().unwrap()]).with_code(0);
    assert_eq!(withdrawn.stdout, "withdrew the invitation of cat@mail.example into Acme\n");
    assert_eq!(scene.ann(&["orgs", "invitations", "--sent", "--json"]).data()["invitations"], json!([]));
    scene.ann(&["orgs", "invitations", "withdraw", "nonsense"]).with_code(2);
}

#[test]
fn members_are_listed_raised_and_removed_by_mailbox() {
    let scene = Scene::new();
    let bob = scene.bob_in_acme("member");
    let list = scene.ann(&["orgs", "members"]).with_code(0).stdout;
    assert!(list.contains("MEMBER") && list.contains(ANN) && list.contains(BOB), "{list}");
    scene.run(&bob, &["orgs", "update", "--rename", "Mine", "--json"]).refused(4, "FORBIDDEN");
    scene.ann(&["orgs", "members", "role", ANN, "member", "--json"]).refused(1, "LAST_OWNER");
    scene.ann(&["orgs", "members", "role", BOB, "king"]).with_code(2);
    let raised = scene.ann(&["orgs", "members", "role", "BOB@mail.example", "admin"]).with_code(0).stdout;
    assert_eq!(raised, "bob@mail.example is an admin now\n");
    scene.run(&bob, &["orgs", "update", "--rename", "Ours"]).with_code(0);

    scene.ann(&["orgs", "members", "rm", "nobody@mail.example", "--yes", "--json"]).refused(1, "NOT_FOUND");
    let unasked = scene.ann(&["orgs", "members", "rm", BOB]).with_code(2).stderr;
    assert!(
        unasked.contains("bob@mail.example and 1 key would go") && unasked.contains("--yes"),
        "{unasked}"
    );
    let removed = scene.ann(&["orgs", "members", "rm", BOB, "--yes"]).with_code(0).stdout;
    assert_eq!(removed, "removed bob@mail.example; 1 token died\n");
    scene.run(&bob, &["whoami", "--json"]).refused(3, "KEY_REVOKED");
    scene.run(&bob, &["--profile", "bob-and-co", "whoami"]).with_code(0);
}

#[test]
fn whoever_leaves_loses_the_keys_there_and_the_profile_and_the_last_owner_stays() {
    let scene = Scene::new();
    let bob = scene.bob_in_acme("owner");
    scene.run(&bob, &["orgs", "leave"]).with_code(2);
    let left = scene.run(&bob, &["orgs", "leave", "--yes"]).with_code(0);
    assert_eq!(left.stdout, "left Acme; 1 token died\n");
    assert!(left.stderr.contains("Forgot the key in the profile acme."), "{}", left.stderr);
    let profiles = scene.run(&bob, &["profiles", "list"]).with_code(0).stdout;
    assert!(profiles.contains("bob-and-co") && !profiles.contains("acme"), "{profiles}");
    scene.ann(&["orgs", "leave", "--yes", "--json"]).refused(1, "LAST_OWNER");
    scene.ann(&["whoami"]).with_code(0);
}

#[test]
fn a_service_account_has_keys_and_nothing_else() {
    let scene = Scene::new();
    let made =
        scene.ann(&["orgs", "services", "create", "ci", "--scope", "models:use", "--key-expires-in", "30"]);
    let made = made.with_code(0);
    let key = made.stdout.trim_end();
    assert!(key.starts_with("sk_kw_") && made.stdout.lines().count() == 1, "{}", made.stdout);
    assert!(made.stderr.contains("the key ci") && !made.stderr.contains(key), "{}", made.stderr);
    scene.served.message(key, "hello", false).send().with_status(200);
    let json = scene.ann(&["orgs", "services", "create", "deploy", "--key-name", "d", "--json"]).data();
    assert_eq!((&json["member"]["kind"], &json["apiKey"]["name"]), (&json!("service"), &json!("d")));
    assert!(json["apiKey"]["raw"].as_str().unwrap().starts_with("sk_kw_"));

    let list = scene.ann(&["orgs", "services", "list", "--json"]).data()["members"].clone();
    let names: Vec<&Value> = list.as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["ci", "deploy"], "and not Ann");
    let second =
        scene.ann(&["tokens", "create", "-n", "second", "--service-account", "ci"]).with_code(0).stdout;
    let who = scene.served.get("/api/v1/whoami").token(second.trim_end()).send().with_status(200).data();
    assert_eq!(who["account"]["userId"], list[0]["userId"]);
    for nobody in ["nobody", ANN] {
        let refused = scene.ann(&["tokens", "create", "--service-account", nobody, "--json"]);
        refused.refused(1, "NOT_FOUND");
        scene.ann(&["orgs", "services", "rm", nobody, "--yes", "--json"]).refused(1, "NOT_FOUND");
    }
    let removed = scene.ann(&["orgs", "services", "rm", "ci", "--yes"]).with_code(0).stdout;
    assert_eq!(removed, "removed ci; 2 tokens died\n");
    for dead in [key, second.trim_end()] {
        scene.served.message(dead, "hello", false).send().with_status(401);
    }
}
