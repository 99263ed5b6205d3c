//! `keywright login --device`, as RFC 8628 wants it.

use std::time::Duration;

use keywright_protocol::{Clock, SystemClock, Timestamp};
use keywright_testkit::Fault;

use crate::home::Ended;
use crate::signed_in::SignedIn;
use crate::signing_in::SigningIn;

#[test]
fn a_code_is_shown_and_once_it_is_approved_the_session_is_there() {
    let signed_in = SignedIn::nobody();
    let login = SigningIn::start(&signed_in, &["--device", "--json"]);
    let code = login.event();
    assert_eq!((&code["event"], &code["userCode"]), (&"code".into(), &"BCDF-GHJK".into()), "{code}");
    assert_eq!(code["verificationUri"], format!("{}/device", signed_in.issuer.url));
    assert!(code["verificationUriComplete"].as_str().unwrap().ends_with("?user_code=BCDF-GHJK"));
    assert!(code["expiresAt"].is_string());
    signed_in.issuer.state().devices[0].approved = Some(true);
    let done = login.event();
    assert_eq!(done["event"], "signed_in");
    assert_eq!(
        (&done["email"], &done["organizationName"]),
        (&"person@example.com".into(), &"Example".into())
    );
    assert_eq!(done["profileName"], "example");
    login.end().with_code(0);
    let who = signed_in.run(["whoami", "--json"]).with_code(0);
    assert_eq!(who.json()["data"]["tokenKind"], "at");
    let call = signed_in.issuer.state().token_calls.pop().unwrap();
    assert_eq!(call["grant_type"], "urn:ietf:params:oauth:grant-type:device_code");
    assert_eq!((call["client_id"].as_str(), &call["resource"]), ("keywright-cli", &signed_in.issuer.url));
}

#[test]
fn a_server_that_was_named_once_is_remembered() {
    let signed_in = SignedIn::nobody();
    let url = signed_in.issuer.url.clone();
    let mut command = signed_in.home.command(["login", "--device", "--server", &url]);
    let login = SigningIn::of(&mut command);
    login.said("enter the code BCDF-GHJK");
    signed_in.issuer.state().devices[0].approved = Some(true);
    let ended = login.end().with_code(0);
    assert!(ended.stdout.contains("Signed in to") && ended.stdout.contains("person@example.com"));
    let who = Ended::of(&mut signed_in.home.command(["whoami"])).with_code(0);
    assert!(who.stdout.contains("Example"), "{}", who.stdout);
}

#[test]
fn on_a_terminal_there_is_a_countdown_and_no_qr_code_that_leads_nowhere() {
    let signed_in = SignedIn::nobody();
    let binary = env!("CARGO_BIN_EXE_keywright");
    let mut command = std::process::Command::new("script");
    command.args(["-qec", &format!("{binary} login --device"), "/dev/null"]).env_clear();
    for (name, value) in signed_in.command([""; 0]).get_envs() {
        command.env(name, value.unwrap());
    }
    let login = SigningIn::of(command.env("TERM", "xterm"));
    while signed_in.issuer.state().devices.is_empty() {
        std::thread::sleep(Duration::from_millis(10));
    }
    // Long enough for the clock to have run down a little.
    std::thread::sleep(Duration::from_millis(1500));
    signed_in.issuer.state().devices[0].approved = Some(true);
    let shown = login.end().with_code(0).stdout;
    // The server is on this machine, where a phone cannot look.
    assert!(!shown.contains("█▀▀▀▀▀█") && !shown.contains(" ▄▄▄▄▄ "), "{shown}");
    assert!(shown.contains("on this machine") && shown.contains("ssh -L"), "{shown}");
    assert!(shown.contains("the code is good for 9:5"), "{shown}");
    assert!(shown.contains("Signed in to"), "{shown}");
}

#[test]
fn a_code_is_waited_for_as_long_as_it_lives_or_for_as_long_as_is_asked() {
    for (arguments, seconds) in [(&[][..], 600), (&["--timeout", "2m"], 120)] {
        let signed_in = SignedIn::nobody();
        let begun = SystemClock.now();
        let all = [&["--device", "--json"], arguments].concat();
        let login = SigningIn::start(&signed_in, &all);
        let end: Timestamp = serde_json::from_value(login.event()["expiresAt"].clone()).unwrap();
        assert!(begun.plus_seconds(seconds) <= end.plus_seconds(1), "{arguments:?}: {end}");
        assert!(end <= SystemClock.now().plus_seconds(seconds), "{arguments:?}: {end}");
        signed_in.issuer.state().devices[0].approved = Some(true);
        login.event();
        login.end().with_code(0);
    }
}

#[test]
fn slow_down_is_obeyed_with_five_seconds_more() {
    let signed_in = SignedIn::nobody();
    let login = SigningIn::start(&signed_in, &["--device", "--json"]);
    login.event();
    {
        let mut state = signed_in.issuer.state();
        state.devices[0].slow_down = 1;
    }
    let polls = || signed_in.issuer.state().devices[0].polls.clone();
    while signed_in.issuer.state().devices[0].slow_down > 0 {
        std::thread::sleep(Duration::from_millis(20));
    }
    let told = polls().len();
    signed_in.issuer.state().devices[0].approved = Some(true);
    login.event();
    login.end().with_code(0);
    let polls = polls();
    assert_eq!(polls.len(), told + 1);
    // The interval is one second, and five more.
    assert!(polls[told] - polls[told - 1] >= Duration::from_millis(5900));
}

#[test]
fn denied_and_expired_are_told_apart() {
    let signed_in = SignedIn::nobody();
    let login = SigningIn::start(&signed_in, &["--device", "--json"]);
    login.event();
    signed_in.issuer.state().devices[0].approved = Some(false);
    let failed = login.event();
    assert_eq!(failed["event"], "failed");
    assert_eq!(failed["error"]["code"], "SIGN_IN_REFUSED");
    login.end().with_code(4);
    signed_in.issuer.state().device_life = 1;
    let login = SigningIn::start(&signed_in, &["--device"]);
    let ended = login.end().with_code(7);
    assert!(ended.stderr.contains("expired") && ended.stderr.contains("keywright login"), "{}", ended.stderr);
    assert!(!signed_in.home.credentials().exists());
}

#[test]
fn a_server_that_is_out_of_order_for_a_moment_ends_no_sign_in() {
    let signed_in = SignedIn::nobody();
    signed_in.issuer.state().faults.extend([Fault::Status(502), Fault::LoseAnswer]);
    let login = SigningIn::start(&signed_in, &["--device", "--json"]);
    login.event();
    signed_in.issuer.state().devices[0].approved = Some(true);
    assert_eq!(login.event()["event"], "signed_in");
    login.end().with_code(0);
}

#[test]
fn a_sign_in_that_is_interrupted_ends_at_once_and_cleanly() {
    let signed_in = SignedIn::nobody();
    let login = SigningIn::start(&signed_in, &["--device"]);
    login.said("enter the code");
    let process = rustix::process::Pid::from_raw(login.id().try_into().unwrap()).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
    let ended = login.end().with_code(1);
    assert!(ended.stderr.contains("interrupted; nothing was stored"), "{}", ended.stderr);
    assert!(!signed_in.home.credentials().exists());
}

#[test]
fn nobody_is_asked_for_a_session_that_could_not_be_stored() {
    let signed_in = SignedIn::nobody();
    let folder = signed_in.home.credentials().parent().unwrap().to_owned();
    std::fs::create_dir_all(folder.parent().unwrap()).unwrap();
    std::fs::write(&folder, "a file in the place of the folder").unwrap();
    for way in ["--device", "--browser"] {
        let ended = signed_in.run(["login", way]).with_code(1);
        assert!(ended.stderr.contains(folder.to_str().unwrap()), "{}", ended.stderr);
    }
    assert!(signed_in.issuer.state().devices.is_empty());
}

#[test]
fn over_ssh_and_without_a_screen_the_device_is_chosen() {
    for variables in [&[][..], &[("SSH_CONNECTION", "1 2 3 4"), ("DISPLAY", ":0")]] {
        let signed_in = SignedIn::nobody();
        let mut command = signed_in.command(["login", "--json"]);
        let login = SigningIn::of(command.envs(variables.iter().copied()));
        assert_eq!(login.event()["event"], "code");
        signed_in.issuer.state().devices[0].approved = Some(true);
        login.event();
        login.end().with_code(0);
    }
}

#[test]
fn a_server_without_sign_in_is_told_from_one_that_is_down() {
    let signed_in = SignedIn::nobody();
    signed_in.issuer.state().without_oauth = true;
    let ended = signed_in.run(["login"]).with_code(1);
    for part in ["offers no sign-in", "login --api-key-file", "auth signup-request", "auth login-request"] {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
    let ended = signed_in.run(["login", "--device", "--json"]).with_code(1);
    assert_eq!(ended.stdout.lines().count(), 1, "{}", ended.stdout);
    assert_eq!(ended.json()["error"]["code"], "SIGN_IN_NOT_OFFERED");
    let down = signed_in.run(["login", "--server", "http://127.0.0.1:1"]).with_code(6);
    assert!(down.stderr.contains("cannot be reached"), "{}", down.stderr);
}

#[test]
fn whatever_ends_a_sign_in_is_one_line_of_json_with_its_cause() {
    let signed_in = SignedIn::nobody();
    for arguments in [
        &["login", "--timeout", "0"][..],
        &["login", "--name", "bad name/.."],
        &["auth", "login", "--device", "--browser"],
        &["login", "--server", "http://127.0.0.1:1"],
    ] {
        let ended = Ended::of(signed_in.command(arguments).arg("--json"));
        assert_eq!(ended.stdout.lines().count(), 1, "{arguments:?}: {}", ended.stdout);
        assert_eq!(ended.json()["event"], "failed", "{arguments:?}");
    }
    let down = signed_in.run(["login", "--server", "http://127.0.0.1:1", "--json"]).json();
    assert!(down["error"]["cause"].as_str().unwrap().contains("refused"), "{down}");
    let other = signed_in.run(["whoami", "--profile", "no/such", "--json"]).json();
    assert_eq!((&other["success"], &other["event"]), (&false.into(), &serde_json::Value::Null));
}

#[test]
fn a_key_that_would_count_in_place_of_the_session_is_said_before_and_after() {
    let signed_in = SignedIn::ending_in(3600);
    signed_in.store_key();
    let mut command = signed_in.command(["login", "--device", "--json", "--name", "default"]);
    let login = SigningIn::of(command.env("KEYWRIGHT_API_KEY", "x"));
    login.said("used in place of a session");
    login.event();
    signed_in.issuer.state().devices[0].approved = Some(true);
    let warnings = login.event()["warnings"].to_string();
    assert!(warnings.contains("KEYWRIGHT_API_KEY is set"), "{warnings}");
    assert!(warnings.contains("used in place of the session"), "{warnings}");
    login.end().with_code(0);
}

#[test]
fn a_server_that_calls_itself_something_else_is_not_signed_in_to() {
    let signed_in = SignedIn::nobody();
    signed_in.issuer.state().issuer = "https://evil.example".into();
    let ended = signed_in.run(["login", "--device"]).with_code(1);
    assert!(ended.stderr.contains("calls itself https://evil.example"), "{}", ended.stderr);
    assert!(signed_in.issuer.state().devices.is_empty());
}

#[test]
fn another_client_can_be_named_and_an_unknown_one_is_told() {
    let signed_in = SignedIn::nobody();
    let mut command = signed_in.command(["login", "--device"]);
    let ended = Ended::of(command.env("KEYWRIGHT_CLIENT_ID", "other")).with_code(4);
    assert!(ended.stderr.contains("invalid_client") && ended.stderr.contains("KEYWRIGHT_CLIENT_ID"));
}

#[test]
fn signing_in_again_takes_the_place_of_the_session_and_ends_the_old_one() {
    let signed_in = SignedIn::nobody();
    let mut refresh = Vec::new();
    for _ in 0..2 {
        let login = SigningIn::start(&signed_in, &["--device", "--json"]);
        login.event();
        signed_in.issuer.state().devices.last_mut().unwrap().approved = Some(true);
        assert_eq!(login.event()["profileName"], "example");
        login.end().with_code(0);
        let text = std::fs::read_to_string(signed_in.home.credentials()).unwrap();
        let file: serde_json::Value = serde_json::from_str(&text).unwrap();
        let entry = &file["profiles"]["example"]["servers"][&signed_in.issuer.url];
        refresh.push(entry["session"]["refreshToken"].as_str().unwrap().to_owned());
    }
    assert_eq!(signed_in.issuer.state().revoked, refresh[..1]);
}
