//! A session that is kept alive: refreshed once for all processes, and never lost.

use std::time::Instant;

use keywright_testkit::Fault;

use crate::home::Ended;
use crate::signed_in::{SignedIn, write};

#[test]
fn a_session_is_refreshed_when_less_than_a_minute_is_left_and_not_before() {
    let signed_in = SignedIn::ending_in(90);
    signed_in.run(["whoami"]).with_code(0);
    assert_eq!(signed_in.issuer.rotations(), 0);
    let signed_in = SignedIn::ending_in(50);
    let ended = signed_in.run(["whoami"]).with_code(0);
    assert!(ended.stderr.is_empty(), "{}", ended.stderr);
    assert_eq!(signed_in.issuer.rotations(), 1);
    let stored = signed_in.stored();
    assert!(signed_in.issuer.state().access.contains(stored["session"]["accessToken"].as_str().unwrap()));
    assert!(signed_in.issuer.state().takes(stored["session"]["refreshToken"].as_str().unwrap()));
    assert_eq!(stored["session"]["email"], "person@example.com");
    assert_eq!(stored["session"]["laterField"], 1, "a field of a later version was lost");
    signed_in.run(["whoami"]).with_code(0);
    assert_eq!(signed_in.issuer.rotations(), 1);
}

#[test]
fn a_token_that_the_server_refuses_is_refreshed_once_and_the_call_made_again() {
    let signed_in = SignedIn::ending_in(3600);
    signed_in.issuer.state().access.clear();
    signed_in.run(["whoami"]).with_code(0);
    assert_eq!(signed_in.issuer.rotations(), 1);
    signed_in.issuer.state().takes_none = true;
    signed_in.run(["whoami"]).with_code(7);
    assert_eq!(signed_in.issuer.rotations(), 2, "it was refreshed more than once for one call");
}

#[test]
fn a_refused_token_that_another_process_has_replaced_is_not_refreshed_again() {
    let signed_in = SignedIn::ending_in(3600);
    let path = signed_in.home.credentials();
    let url = signed_in.issuer.url.clone();
    let newer = signed_in.issuer.sign_in();
    let old = signed_in.stored()["session"]["accessToken"].as_str().unwrap().to_owned();
    {
        let mut state = signed_in.issuer.state();
        state.access.remove(&old);
        // Between the call and its refusal somebody else signs in.
        state.before_refusal = Some(Box::new(move || write(&path, &url, &newer, 3600)));
    }
    signed_in.run(["whoami"]).with_code(0);
    assert_eq!(signed_in.issuer.rotations(), 0);
}

#[test]
fn a_server_that_cannot_answer_costs_no_session_and_is_called_temporary() {
    for fault in [|| Fault::Status(503), || Fault::Status(502), || Fault::Status(429)] {
        let signed_in = SignedIn::ending_in(-5);
        let before = signed_in.stored();
        signed_in.issuer.state().faults.extend([fault(), fault()]);
        let ended = signed_in.run(["whoami", "--json"]).with_code(6);
        assert_eq!(ended.json()["error"]["code"], "SESSION_NOT_REFRESHED");
        assert_eq!(signed_in.stored(), before);
        signed_in.run(["whoami"]).with_code(0);
    }
}

#[test]
fn a_session_survives_being_offline() {
    let signed_in = SignedIn::ending_in(-5);
    let offline = "http://127.0.0.1:1";
    write(&signed_in.home.credentials(), offline, &signed_in.issuer.sign_in(), -5);
    let before = std::fs::read_to_string(signed_in.home.credentials()).unwrap();
    let ended = Ended::of(signed_in.command(["whoami"]).env("KEYWRIGHT_SERVER", offline)).with_code(6);
    assert!(ended.stderr.contains("still signed in"), "{}", ended.stderr);
    let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let after = std::fs::read_to_string(signed_in.home.credentials()).unwrap();
    assert_eq!(parse(&after), parse(&before));
}

#[test]
fn a_token_with_seconds_left_is_used_when_no_other_can_be_had() {
    let signed_in = SignedIn::ending_in(40);
    signed_in.issuer.state().faults.extend([Fault::Status(503), Fault::Status(503)]);
    signed_in.run(["whoami"]).with_code(0);
    assert_eq!(signed_in.issuer.rotations(), 0);
}

#[test]
fn an_answer_that_got_lost_is_asked_for_again_and_brings_the_same_pair() {
    let signed_in = SignedIn::ending_in(-5);
    signed_in.issuer.state().faults.push_back(Fault::LoseAnswer);
    signed_in.run(["whoami"]).with_code(0);
    assert_eq!(signed_in.issuer.rotations(), 1);
    assert_eq!(signed_in.issuer.state().token_calls.len(), 2);
    assert!(signed_in.issuer.state().takes(&signed_in.stored_refresh()));
}

#[test]
fn a_newer_pair_that_appeared_meanwhile_is_adopted() {
    let signed_in = SignedIn::ending_in(-5);
    let (path, url) = (signed_in.home.credentials(), signed_in.issuer.url.clone());
    let newer = signed_in.issuer.sign_in();
    let refresh = newer.refresh.clone();
    let appear = Box::new(move || write(&path, &url, &newer, 3600));
    let fault = Fault::After(appear, Some(Box::new(Fault::Error("invalid_grant"))));
    signed_in.issuer.state().faults.push_back(fault);
    signed_in.run(["whoami"]).with_code(0);
    assert_eq!(signed_in.stored_refresh(), refresh);
}

#[test]
fn a_sign_in_that_the_server_has_ended_is_told_and_kept_aside() {
    let signed_in = SignedIn::ending_in(-5);
    let before = signed_in.stored();
    signed_in.issuer.state().faults.push_back(Fault::Error("invalid_grant"));
    let ended = signed_in.run(["whoami"]).with_code(3);
    assert!(
        ended.stderr.contains("has ended") && ended.stderr.contains("keywright login"),
        "{}",
        ended.stderr
    );
    let after = signed_in.stored();
    assert_eq!(after["session"]["refreshToken"], before["session"]["refreshToken"]);
    assert!(after["session"]["endedAt"].is_string());
    // Nobody is asked again, and no other account quietly takes its place.
    let again = signed_in.run(["whoami", "--json"]).with_code(3);
    assert_eq!(again.json()["error"]["code"], "SESSION_ENDED");
    assert_eq!(signed_in.issuer.state().token_calls_begun, 1);
    assert!(signed_in.issuer.state().calls.iter().all(|(path, _)| path != "/api/v1/auth/temporary"));
}

#[test]
fn a_client_that_the_server_does_not_know_keeps_its_session() {
    let signed_in = SignedIn::ending_in(-5);
    let before = signed_in.stored();
    signed_in.issuer.state().faults.push_back(Fault::Error("invalid_client"));
    let ended = signed_in.run(["whoami"]).with_code(4);
    assert!(ended.stderr.contains("invalid_client"), "{}", ended.stderr);
    assert_eq!(signed_in.stored(), before);
}

#[test]
fn nothing_is_spent_when_the_disk_has_no_room_for_what_would_come() {
    let signed_in = SignedIn::ending_in(-5);
    let before = signed_in.stored();
    let ordinary = signed_in.command(["whoami"]);
    let mut command = signed_in.command([""; 0]);
    // No file may grow; the write fails as on a full disk.
    let mut limited = std::process::Command::new("sh");
    limited.arg("-c").arg("trap '' XFSZ; ulimit -f 0; exec \"$0\" whoami").arg(ordinary.get_program());
    limited.env_clear();
    for (name, value) in command.get_envs() {
        limited.env(name, value.unwrap());
    }
    let ended = Ended::of(&mut limited).with_code(1);
    assert!(ended.stderr.contains("credentials.json"), "{}", ended.stderr);
    assert_eq!(signed_in.stored(), before);
    assert_eq!(signed_in.issuer.state().token_calls_begun, 0);
    assert!(Ended::of(command.arg("whoami")).code == Some(0));
}

#[test]
fn the_one_that_holds_the_lock_may_be_killed_and_the_next_goes_on() {
    let signed_in = SignedIn::ending_in(-5);
    signed_in.issuer.state().faults.push_back(Fault::Stall);
    let mut holder = signed_in.command(["whoami"]).stderr(std::process::Stdio::null()).spawn().unwrap();
    while signed_in.issuer.state().token_calls_begun == 0 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    holder.kill().unwrap();
    holder.wait().unwrap();
    let start = Instant::now();
    signed_in.run(["whoami"]).with_code(0);
    assert!(start.elapsed().as_secs() < 5);
}

#[test]
fn an_issuer_that_does_not_answer_is_given_up_and_the_session_kept() {
    let signed_in = SignedIn::ending_in(-5);
    let before = signed_in.stored();
    signed_in.issuer.state().faults.extend([Fault::Stall, Fault::Stall]);
    signed_in.run(["whoami"]).with_code(6);
    assert_eq!(signed_in.stored(), before);
}

#[test]
fn status_keeps_the_session_alive_as_well_and_doctor_changes_nothing() {
    let signed_in = SignedIn::ending_in(-5);
    let ended = signed_in.run(["doctor"]);
    assert!(ended.stdout.contains("its token has ended"), "{}", ended.stdout);
    assert_eq!(signed_in.issuer.rotations(), 0);
    let ended = signed_in.run(["status"]).with_code(0);
    assert!(ended.stdout.contains("from the session"), "{}", ended.stdout);
    assert_eq!(signed_in.issuer.rotations(), 1);
}
