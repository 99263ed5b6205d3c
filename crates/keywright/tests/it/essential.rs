//! Essential traffic only: by the settings, a variable of our own, or DO_NOT_TRACK.

use std::io::Write;
use std::process::Stdio;

use crate::signed_in::SignedIn;

#[test]
fn what_is_only_good_to_have_is_not_asked_for() {
    for (variable, asked) in
        [("OTHER", true), ("DO_NOT_TRACK", false), ("KEYWRIGHT_ESSENTIAL_TRAFFIC_ONLY", false)]
    {
        let signed_in = SignedIn::ending_in(3600);
        let key = signed_in.store_key();
        let mut command = signed_in.command(["login", "--api-key-file", "-"]);
        let mut child = command
            .env(variable, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        writeln!(child.stdin.take().unwrap(), "{key}").unwrap();
        assert!(child.wait().unwrap().success());
        let state = signed_in.issuer.state();
        let paths: Vec<&str> = state.calls.iter().map(|(path, _)| path.as_str()).collect();
        assert!(paths.contains(&"/api/v1/whoami"), "{paths:?}");
        assert_eq!(
            paths.iter().any(|path| path.starts_with("/api/v1/keys/")),
            asked,
            "{variable}: {paths:?}"
        );
    }
}

#[test]
fn status_says_so() {
    let signed_in = SignedIn::ending_in(3600);
    let settings = signed_in.home.path().join(".config/keywright/config.toml");
    std::fs::create_dir_all(settings.parent().unwrap()).unwrap();
    let mode =
        || signed_in.run(["status", "--json"]).with_code(0).json()["data"]["essentialTrafficOnly"].clone();
    assert_eq!(mode(), false);
    std::fs::write(settings, "essential_traffic_only = true\n").unwrap();
    assert_eq!(mode(), true);
}
