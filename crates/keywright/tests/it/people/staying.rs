//! A session is kept alive against the real server, by many processes and by ones that are killed.

use std::process::Stdio;
use std::time::Instant;

use super::Scene;

#[test]
fn fifty_processes_at_expiry_make_one_refresh_and_all_succeed() {
    let scene = Scene::signed_in("ada@example.com");
    scene.let_end_in(-5);
    scene.relay.take();
    let started: Vec<_> = (0..50)
        .map(|_| {
            let mut command = scene.command(["whoami"]);
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for child in started {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(scene.exchanged(), 1);
    let seen = scene.relay.take();
    let to = |path: &str| seen.iter().filter(|seen| seen.target == path).count();
    assert_eq!((to("/oauth/token"), to("/api/v1/whoami")), (1, 50));
}

/// Case 34: the command line asks again, and the server gives the pair that it had given before.
#[test]
fn an_answer_that_got_lost_after_the_refresh_costs_no_session() {
    let scene = Scene::signed_in("ada@example.com");
    scene.let_end_in(-5);
    scene.relay.take();
    scene.relay.lose_answer("/oauth/token");
    scene.run(["whoami"]).with_code(0);
    let seen = scene.relay.take();
    assert_eq!(seen.iter().filter(|seen| seen.target == "/oauth/token").count(), 2);
    assert_eq!(scene.exchanged(), 1);
    scene.let_end_in(-5);
    scene.run(["whoami"]).with_code(0);
    assert_eq!(scene.exchanged(), 2);
}

#[test]
fn an_agent_is_started_with_a_session_that_has_just_ended_and_calls_models() {
    let scene = Scene::signed_in("ada@example.com");
    scene.let_end_in(-5);
    let script = "printf %s \"$ANTHROPIC_API_KEY\"";
    let token = scene.run(["run", "--", "sh", "-c", script]).with_code(0).stdout;
    assert!(token.starts_with("at_kw_") && token != scene.access_token(), "{token}");
    assert_eq!(scene.exchanged(), 1);
    // The token was for the agent, which has ended.
    assert!(scene.model_call(&token).unwrap_err().contains("revoked"));
}

/// Case 115, with the real server behind it: no kill loses the session.
#[test]
fn two_hundred_kills_leave_the_old_pair_or_the_new() {
    let scene = Scene::new();
    let mut person = scene.person("ada@example.com");
    scene.signs_in(&mut person, &[]);
    scene.let_end_in(-5);
    let start = Instant::now();
    scene.run(["whoami"]).with_code(0);
    let whole = start.elapsed();
    let rounds = 200;
    for round in 0..rounds {
        // One session is refreshed sixty times an hour at most.
        if round % 50 == 0 {
            scene.signs_in(&mut person, &[]);
        }
        scene.let_end_in(-5);
        let mut command = scene.command(["whoami"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Spread over the whole of its life, in an order that wanders.
        std::thread::sleep(whole * ((round * 7) % rounds) / rounds);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(scene.stored()["session"]["refreshToken"].is_string(), "round {round} lost the session");
    }
    scene.let_end_in(-5);
    scene.run(["whoami"]).with_code(0);
    assert!(scene.exchanged() > 10, "hardly anybody came as far as the server: {}", scene.exchanged());
    let left = std::fs::read_dir(scene.home.credentials().parent().unwrap()).unwrap().count();
    assert_eq!(left, 2, "something was left behind");
}

#[test]
fn a_session_that_the_person_ends_at_the_pages_is_over_and_says_so() {
    let scene = Scene::signed_in("ada@example.com");
    scene.person("ada@example.com").ends_a_session();
    let ended = scene.run(["whoami", "--json"]).with_code(3);
    assert_eq!(ended.json()["error"]["code"], "SESSION_ENDED");
    assert!(ended.json()["error"]["nextAction"].as_str().unwrap().contains("keywright login"));
    let text = scene.run(["status"]).with_code(0).stdout;
    assert!(text.contains("the session has ended"), "{text}");
    assert!(scene.stored()["session"]["endedAt"].is_string());
    // Signing in takes its place.
    scene.signs_in(&mut scene.person("ada@example.com"), &[]);
    scene.run(["whoami"]).with_code(0);
}

#[test]
fn status_names_all_there_is_to_know_and_goes_on_when_the_server_is_gone() {
    let scene = Scene::signed_in("ada@example.com");
    let text = scene.run(["status"]).with_code(0).stdout;
    let data = scene.run(["status", "--json"]).with_code(0).json()["data"].take();
    let account = &data["account"];
    let known = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    for part in [
        "from the session".to_owned(),
        "ada@example.com, owner".to_owned(),
        known(&account["account"]["userId"]),
        known(&account["account"]["organizationId"]),
        known(&account["organizationName"]),
        known(&account["expiresAt"]),
        "answers".to_owned(),
    ] {
        assert!(text.contains(&part), "{part}: {text}");
    }
    assert_eq!(
        (&data["credential"]["source"], &data["server"]["reachable"]),
        (&"session".into(), &true.into())
    );
    assert_eq!(data["warnings"], serde_json::json!([]));
    let Scene { served, .. } = &scene;
    served.signal(rustix::process::Signal::KILL);
    std::thread::sleep(std::time::Duration::from_millis(200));
    let data = scene.run(["status", "--json"]).with_code(0).json()["data"].take();
    assert_eq!((&data["server"]["reachable"], &data["account"]), (&false.into(), &serde_json::Value::Null));
    assert_eq!(data["credential"]["email"], "ada@example.com");
    assert!(data["credential"]["expiresAt"].is_string() && data["organization"]["id"].is_string(), "{data}");
}
