//! The whole way with a real server: a code is mailed, and a key comes of it that works.

use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

use crate::cli::Ended;
use crate::home::Home;
use crate::postbox;
use crate::served::{PATIENCE, Served};

/// A server, and somebody with a mailbox and nothing else.
struct Scene {
    server_home: Home,
    served: Served,
    home: Home,
}

impl Scene {
    fn new() -> Self {
        let server_home = Home::new();
        Self { served: Served::demo(&server_home), server_home, home: Home::new() }
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        self.run_in(&self.home, arguments)
    }

    fn run_in(&self, home: &Home, arguments: &[&str]) -> Ended {
        self.served.cli(home, arguments)
    }

    fn code(&self, mailbox: &str) -> String {
        postbox::code(&self.server_home, mailbox)
    }

    /// Signs up, with more arguments for the second command.
    fn sign_up(&self, home: &Home, mailbox: &str, more: &[&str]) -> Ended {
        self.both(home, "signup", mailbox, more).with_code(0)
    }

    fn both(&self, home: &Home, flow: &str, mailbox: &str, more: &[&str]) -> Ended {
        self.run_in(home, &["auth", &format!("{flow}-request"), "--email", mailbox]).with_code(0);
        let code = self.code(mailbox);
        let complete = format!("{flow}-complete");
        let mut arguments = vec!["auth", &complete, "--email", mailbox, "--code", &code, "--json"];
        arguments.extend(more);
        self.run_in(home, &arguments)
    }
}

const ANN: &str = "ann@mail.example";

#[test]
fn two_commands_from_an_empty_home_give_a_key_that_works() {
    let scene = Scene::new();
    // Nothing is set but the address.
    let base = ["--base-url", &scene.served.url()];
    let bare = |arguments: &[&str]| Ended::of(scene.home.command(arguments).args(base)).with_code(0);
    bare(&["auth", "signup-request", "--email", "Ann@Mail.Example"]);
    let code = scene.code(ANN);
    let mut complete = vec!["auth", "signup-complete", "--email", ANN, "--code", &code];
    complete.extend(["--company", "Acme, Inc.", "--key-expires-in", "30", "--json"]);
    let made = bare(&complete);
    let data = made.json()["data"].clone();
    assert_eq!((&data["profileName"], &data["organizationName"]), (&json!("acme-inc"), &json!("Acme, Inc.")));
    assert_eq!((&data["isNewUser"], data["apiKey"]["scopes"].as_array().unwrap().len()), (&json!(true), 11));

    // From now on not even that: the profile knows its server.
    let run = |arguments: &[&str]| scene.home.run(arguments).with_code(0);
    let keys = run(&["tokens", "list", "--json"]).json()["data"]["keys"].clone();
    assert_eq!((keys.as_array().unwrap().len(), &keys[0]["keyId"]), (1, &data["apiKey"]["keyId"]));
    assert!(run(&["models"]).stdout.contains("demo-small"));
    let who = run(&["whoami", "--json"]).json()["data"].clone();
    assert_eq!(
        (&who["email"], &who["role"], &who["temporary"]),
        (&json!(ANN), &json!("owner"), &json!(false))
    );
    assert_eq!(who["account"]["organizationId"], data["organizationId"]);

    let stored = std::fs::read_to_string(scene.home.credentials()).unwrap();
    let stored: Value = serde_json::from_str(&stored).unwrap();
    let key =
        stored["profiles"]["acme-inc"]["servers"][scene.served.url()]["apiKey"]["raw"].as_str().unwrap();
    assert!(!format!("{}{}", made.stdout, made.stderr).contains(&key[10..]), "the key was printed");
    let log = scene.served.stop();
    assert!(!log.contains(&key[10..]) && !log.contains(&code), "{log}");
}

#[test]
fn who_has_an_account_is_sent_on_and_gets_another_key() {
    let scene = Scene::new();
    scene.sign_up(&scene.home, ANN, &[]);
    let elsewhere = Home::new();
    let refused =
        scene.run_in(&elsewhere, &["auth", "signup-request", "--email", ANN, "--json"]).with_code(1);
    assert_eq!(refused.json()["error"]["code"], "USER_ALREADY_HAS_ORGANIZATION");
    let unknown = scene.run(&["auth", "login-request", "--email", "bob@mail.example", "--json"]).with_code(1);
    assert_eq!(unknown.json()["error"]["code"], "USER_NOT_FOUND");

    let mut more = vec!["--key-name", "laptop", "--name", "there"];
    let second = scene.both(&elsewhere, "login", ANN, &more).with_code(0).json()["data"].clone();
    assert_eq!((&second["isNewUser"], &second["profileName"]), (&json!(false), &json!("there")));
    assert_eq!(second["apiKey"]["name"], "laptop");
    scene.run(&["whoami"]).with_code(0);
    let keys = scene.run_in(&elsewhere, &["tokens", "list", "--json"]).with_code(0).json();
    assert_eq!(keys["data"]["keys"].as_array().unwrap().len(), 2, "the first key goes on");
    // A name that is taken gets a number.
    more.truncate(2);
    let third = scene.both(&elsewhere, "login", ANN, &more).with_code(0);
    assert_eq!(third.json()["data"]["apiKey"]["name"], "laptop (2)");
    assert!(third.stderr.contains("takes the place of the key"), "{}", third.stderr);
}

#[test]
fn wrong_codes_are_counted_down_and_the_fifth_voids_the_right_one() {
    let scene = Scene::new();
    scene.run(&["auth", "signup-request", "--email", ANN]).with_code(0);
    let right = scene.code(ANN);
    let wrong = if right == "000000" { "000001" } else { "000000" };
    let complete =
        |code: &str| scene.run(&["auth", "signup-complete", "--email", ANN, "--code", code, "--json"]);
    // What cannot be one is no try.
    assert_eq!(complete("12345").with_code(1).json()["error"]["code"], "OTP_INVALID");
    for left in [4, 3, 2, 1] {
        let failure = complete(wrong).with_code(1).json();
        assert_eq!(failure["error"]["code"], "OTP_INVALID");
        assert_eq!(
            (&failure["status"], &failure["error"]["details"]),
            (&json!(400), &json!({"attemptsRemaining": left}))
        );
    }
    for code in [wrong, &right] {
        let failure = complete(code).with_code(5).json();
        assert_eq!((&failure["status"], &failure["error"]["code"]), (&json!(429), &json!("OTP_LOCKED_OUT")));
    }
}

#[test]
fn a_code_is_for_one_purpose_and_one_use_and_bad_fields_cost_no_try() {
    let scene = Scene::new();
    let fail = |arguments: &[&str], exit: i32, code: &str| {
        let mut all = vec!["auth", arguments[0], "--email", ANN, "--json"];
        all.extend(&arguments[1..]);
        assert_eq!(scene.run(&all).with_code(exit).json()["error"]["code"], code, "{arguments:?}");
    };
    fail(&["signup-complete", "--code", "012345"], 1, "OTP_NOT_FOUND");
    scene.run(&["auth", "signup-request", "--email", ANN]).with_code(0);
    fail(&["signup-request"], 5, "OTP_RESEND_COOLDOWN");
    let code = scene.code(ANN);
    for days in ["0", "366", "1.5", "-1", "soon", ""] {
        fail(&["signup-complete", "--code", &code, "--key-expires-in", days], 1, "INVALID_EXPIRES_IN_DAYS");
    }
    fail(&["signup-complete", "--code", &code, "--company", &"x".repeat(101)], 1, "COMPANY_NAME_TOO_LONG");
    fail(&["login-complete", "--code", &code], 1, "OTP_PURPOSE_MISMATCH");
    let signup = ["auth", "signup-complete", "--email", ANN, "--code", &code];
    scene.run(&signup).with_code(0);
    fail(&["signup-complete", "--code", &code], 1, "OTP_ALREADY_USED");
    for (email, code) in
        [("nobody", "EMAIL_INVALID"), ("", "EMAIL_REQUIRED"), ("ä@mail.example", "EMAIL_INVALID")]
    {
        let refused = scene.run(&["auth", "signup-request", "--email", email, "--json"]).with_code(1);
        assert_eq!(refused.json()["error"]["code"], code);
    }
}

#[test]
fn who_is_in_several_organizations_names_one() {
    let scene = Scene::new();
    let first = scene.sign_up(&scene.home, ANN, &["--company", "Acme"]).json()["data"].clone();
    let second = scene.run(&["orgs", "create", "Beta Corp", "--json"]).with_code(0).json()["data"].clone();
    let elsewhere = Home::new();
    let which = scene.both(&elsewhere, "login", ANN, &[]).with_code(1).json();
    assert_eq!((&which["status"], &which["error"]["code"]), (&json!(409), &json!("MULTIPLE_ORGANIZATIONS")));
    let organizations = &which["error"]["details"]["organizations"];
    let beta = &second["organization"]["organizationId"];
    let expected =
        json!([{"id": first["organizationId"], "name": "Acme"}, {"id": beta, "name": "Beta Corp"}]);
    assert_eq!(*organizations, expected);
    let code = scene.code(ANN);
    let complete = |id: &str| {
        let arguments = ["auth", "login-complete", "--email", ANN, "--code", &code, "--json"];
        let mut command = scene.served.command(&elsewhere, arguments);
        Ended::of(command.args(["--organization-id", id]))
    };
    let stranger = complete("org_00000000000000000000000000000001").with_code(4).json();
    assert_eq!(stranger["error"]["code"], "ORGANIZATION_NOT_MEMBER");
    assert_eq!(stranger["error"]["details"]["organizations"], expected);
    let chosen = complete(beta.as_str().unwrap()).with_code(0).json()["data"].clone();
    assert_eq!((&chosen["organizationId"], &chosen["profileName"]), (beta, &json!("beta-corp")));
}

#[test]
fn at_the_limit_of_keys_an_old_one_makes_room() {
    let scene = Scene::new();
    scene.sign_up(&scene.home, ANN, &[]);
    for number in 1..20 {
        scene.run(&["tokens", "create", "-n", &format!("key {number}")]).with_code(0);
    }
    let elsewhere = Home::new();
    let full = scene.both(&elsewhere, "login", ANN, &[]).with_code(5).json();
    assert_eq!((&full["status"], &full["error"]["code"]), (&json!(429), &json!("MAX_API_KEYS_REACHED")));
    let keys = full["error"]["details"]["keys"].as_array().unwrap().clone();
    assert_eq!(keys.len(), 20);
    let old = keys.iter().find(|key| key["name"] == "key 7").unwrap()["keyId"].as_str().unwrap();
    let code = scene.code(ANN);
    let mut arguments = vec!["auth", "login-complete", "--email", ANN, "--code", &code];
    arguments.extend(["--revoke-key", old]);
    scene.run_in(&elsewhere, &arguments).with_code(0);
    scene.run(&["tokens", "view", old]).with_code(1);
}

#[test]
fn a_temporary_account_becomes_the_persons_with_its_keys_and_records() {
    let scene = Scene::new();
    let made = scene.run(&["tokens", "create", "-n", "mine"]).with_code(0);
    let mine = made.stdout.trim_end();
    let before = scene.run(&["whoami", "--json"]).with_code(0).json()["data"].clone();
    let temporary = std::fs::read_to_string(scene.home.credentials()).unwrap();
    let temporary: Value = serde_json::from_str(&temporary).unwrap();
    let token = temporary["profiles"]["default"]["servers"][scene.served.url()]["temporary"]["token"].clone();
    let token = token.as_str().unwrap();
    scene.served.message(mine, "hello", false).send().with_status(200);
    // Made by somebody else who knows the token: not among the keys that this program made.
    let (_, planted) = scene.served.key(token, "planted");

    let signed_up = scene.sign_up(&scene.home, ANN, &[]);
    assert!(
        signed_up.stderr.contains("is this account now; its key goes on, until its own end"),
        "{}",
        signed_up.stderr
    );
    let after = scene.run(&["whoami", "--json"]).with_code(0).json()["data"].clone();
    assert_eq!(after["account"], before["account"]);
    assert_eq!((&after["temporary"], &after["email"]), (&json!(false), &json!(ANN)));
    scene.served.message(mine, "hello", false).send().with_status(200);
    for dead in [token, &planted] {
        scene.served.message(dead, "hello", false).send().with_status(401);
    }
    let calls = scene.run(&["usage", "--requests", "--json"]).with_code(0).json();
    assert!(calls["data"]["requests"].as_array().unwrap().len() >= 2, "{calls}");
    let left = std::fs::read_to_string(scene.home.credentials()).unwrap();
    assert!(!left.contains(token), "it is dead, and forgotten");
}

#[test]
fn signing_in_moves_the_records_of_the_temporary_account_and_ends_its_keys() {
    let scene = Scene::new();
    scene.sign_up(&scene.home, ANN, &[]);
    let elsewhere = Home::new();
    let key = scene.run_in(&elsewhere, &["tokens", "create", "-n", "mine"]).with_code(0).stdout;
    scene.served.message(key.trim_end(), "hello", false).send().with_status(200);
    let signed_in = scene.both(&elsewhere, "login", ANN, &[]).with_code(0);
    for words in
        ["This will move the records of your temporary account", "its 1 key", "are in this account now"]
    {
        assert!(signed_in.stderr.contains(words), "{words} in {}", signed_in.stderr);
    }
    scene.served.message(key.trim_end(), "hello", false).send().with_status(401);
    let who = scene.run_in(&elsewhere, &["whoami", "--json"]).with_code(0).json();
    assert_eq!(who["data"]["email"], ANN);
    // Records follow in their own time.
    let begun = Instant::now();
    loop {
        let calls = scene.run(&["usage", "--requests", "--json"]).with_code(0).json();
        if calls["data"]["requests"].as_array().unwrap().iter().any(|call| call["status"] == 200) {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{calls}");
    }
}

#[test]
fn a_planted_temporary_token_gains_nothing() {
    let scene = Scene::new();
    let planted = scene.served.temporary();
    scene.run(&["auth", "signup-request", "--email", ANN]).with_code(0);
    let code = scene.code(ANN);
    let mut command: Command =
        scene.served.command(&scene.home, ["auth", "signup-complete", "--email", ANN, "--code", &code]);
    Ended::of(command.env("KEYWRIGHT_API_KEY", &planted)).with_code(0);
    let theirs = scene.served.get("/api/v1/whoami").token(&planted).send().with_status(200).data();
    let mine = scene.run(&["whoami", "--json"]).with_code(0).json()["data"].clone();
    assert_eq!(theirs["temporary"], true, "it is what it was");
    assert_ne!(theirs["account"]["organizationId"], mine["account"]["organizationId"]);
}
