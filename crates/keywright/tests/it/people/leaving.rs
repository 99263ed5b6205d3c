//! `keywright logout` at the real server.

use super::Scene;

#[test]
fn a_session_and_its_children_are_dead_at_the_gateway_when_logout_returns() {
    let scene = Scene::signed_in("ada@example.com");
    let child = scene.run(["login", "token"]).with_code(0).stdout.trim().to_owned();
    let own = scene.access_token();
    for token in [&child, &own] {
        scene.model_call(token).unwrap();
    }
    let data = scene.run(["logout", "--json"]).with_code(0).json()["data"].take();
    assert_eq!((&data["session"], &data["sessionRevoked"]), (&true.into(), &true.into()));
    for token in [&child, &own] {
        assert!(scene.model_call(token).unwrap_err().contains("revoked"));
    }
    let ended = scene.run(["whoami"]).with_code(3);
    assert!(ended.stderr.contains("keywright login"), "{}", ended.stderr);
}

#[test]
fn logout_keeps_no_secret_and_leaves_a_key_that_was_made_with_the_session() {
    let scene = Scene::signed_in("ada@example.com");
    let made = scene.run(["tokens", "create", "-n", "stays", "--json"]).with_code(0).json()["data"].take();
    scene.run(["logout"]).with_code(0);
    let text = std::fs::read_to_string(scene.home.credentials()).unwrap();
    assert!(!keywright_secret::mentions_token(text.as_bytes()), "{text}");
    scene.model_call(made["raw"].as_str().unwrap()).unwrap();
}

#[test]
fn whoever_has_signed_out_gets_a_temporary_account_when_asking_for_one_and_not_before() {
    let scene = Scene::new();
    scene.run(["whoami"]).with_code(0);
    scene.run(["logout", "--yes"]).with_code(0);
    let ended = scene.run(["whoami"]).with_code(3);
    assert!(ended.stderr.contains("keywright login --temporary"), "{}", ended.stderr);
    let ended = scene.run(["login", "--temporary"]).with_code(0);
    assert!(ended.stderr.contains("Made a temporary account"), "{}", ended.stderr);
    let who = scene.run(["whoami", "--json"]).with_code(0).json()["data"].take();
    assert_eq!(who["temporary"], true);
    // The same after a session.
    scene.signs_in(&mut scene.person("ada@example.com"), &["--no-upgrade"]);
    scene.run(["logout"]).with_code(0);
    scene.run(["whoami"]).with_code(3);
    scene.run(["login", "--temporary"]).with_code(0);
    assert_eq!(scene.run(["whoami", "--json"]).with_code(0).json()["data"]["temporary"], true);
}
