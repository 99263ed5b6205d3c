//! What is typed wrongly, and what needs no server.

use crate::cli::{Cli, Ended};

#[test]
fn version_and_help_go_to_standard_output() {
    let cli = Cli::new();
    for (argument, text) in [("--version", "keywright 0."), ("--help", "Usage: keywright")] {
        let ended = cli.run([argument]).with_code(0);
        assert!(ended.stdout.contains(text) && ended.stderr.is_empty());
    }
    assert!(!cli.home.path().join(".local").exists());
}

#[test]
fn a_mistyped_command_exits_2_and_as_json_in_the_envelope() {
    let cli = Cli::new();
    let ended = cli.run(["nonsense"]).with_code(2);
    assert!(ended.stdout.is_empty() && ended.stderr.contains("nonsense"));
    let ended = cli.run(["--json", "tokens", "create", "--lifetime", "never"]).with_code(2);
    assert_eq!(ended.json()["error"]["code"], "USAGE");
    for (arguments, named) in [
        (&["auth", "signup-request", "--json"][..], "--email <EMAIL>"),
        (&["--json", "tokens", "create", "--lifetime", "never"], "'never' for '--lifetime <LENGTH>'"),
        (&["--json", "tokens", "lst"], "'lst'"),
    ] {
        let error = cli.run(arguments).with_code(2).json()["error"].clone();
        assert!(error["message"].as_str().unwrap().contains(named), "{error}");
        assert!(!error.to_string().contains("\\n") && !error.to_string().contains("u001b"), "{error}");
    }
    let tip = cli.run(["--json", "tokens", "lst"]).json()["error"]["nextAction"].clone();
    assert!(tip.as_str().unwrap().contains("'list'"), "{tip}");
    // What belongs to the program is not ours.
    assert!(cli.run(["run", "--nonsense", "--", "x", "--json"]).with_code(2).stdout.is_empty());
}

#[test]
fn a_step_that_mends_it_stands_alone() {
    let ended = Cli::new().run(["tokens", "rm", "--all-mine"]).with_code(2).stderr;
    assert!(ended.contains("next: Add `--yes`.") && ended.matches("next: ").count() == 1, "{ended}");
}

#[test]
fn with_no_server_the_next_step_is_to_start_one() {
    let cli = Cli::new();
    let ended = Ended::of(cli.bare().arg("whoami")).with_code(6);
    assert!(ended.stderr.contains("keywright serve"), "{}", ended.stderr);
    let json = Ended::of(cli.bare().args(["whoami", "--json"])).with_code(6).json();
    assert_eq!((json["success"].as_bool(), json["error"]["code"].as_str()), (Some(false), Some("NO_SERVER")));
}

#[test]
fn a_server_that_is_named_and_does_not_answer_is_an_error() {
    let cli = Cli::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let ended = cli.run(["--server", &nobody, "whoami"]).with_code(6);
    assert!(ended.stderr.contains(&nobody));
}

#[test]
fn a_plain_server_elsewhere_is_refused_before_anything_is_sent() {
    let cli = Cli::new();
    let ended = cli.run(["--server", "http://192.0.2.1", "whoami"]).with_code(1);
    assert!(ended.stderr.contains("--insecure") && ended.stderr.contains("in the clear"));
}

#[test]
fn a_profile_that_nobody_made_is_a_typing_error() {
    let cli = Cli::new();
    let ended = Ended::of(cli.bare().args(["--profile", "wrok", "whoami"])).with_code(1);
    assert!(ended.stderr.contains("wrok"));
    let folder = cli.home.path().join(".config/keywright");
    std::fs::create_dir_all(&folder).unwrap();
    let settings = format!("active_profile = \"work\"\n[profiles.work]\nserver = \"{}\"\n", cli.api.url);
    std::fs::write(folder.join("config.toml"), settings).unwrap();
    let status = Ended::of(cli.bare().args(["status", "--json"])).with_code(0).json();
    assert_eq!(
        (&status["data"]["profile"], &status["data"]["server"]["source"]),
        (&"work".into(), &"profile".into())
    );
}

#[test]
fn nothing_is_read_from_the_working_folder() {
    let cli = Cli::new();
    let project = cli.home.path().join("project");
    std::fs::create_dir(&project).unwrap();
    for name in [".env", "config.toml", "keywright.toml", ".keywright.toml"] {
        std::fs::write(
            project.join(name),
            "KEYWRIGHT_SERVER=http://127.0.0.1:1\nserver = \"http://127.0.0.1:1\"\n",
        )
        .unwrap();
    }
    let status = Ended::of(cli.bare().current_dir(&project).args(["status", "--json"])).with_code(0).json();
    assert_eq!(status["data"]["server"]["source"], "default");
}
