//! `status`, `whoami`, and `keywright` without a command.

use keywright_secret::{PlatformToken, TokenKind};

use crate::cli::{Cli, Ended};

#[test]
fn status_makes_nothing_and_succeeds_without_a_server() {
    let cli = Cli::new();
    let ended = Ended::of(cli.bare().arg("status")).with_code(0);
    assert!(ended.stdout.contains("http://127.0.0.1:5399 (from the default)"), "{}", ended.stdout);
    assert!(ended.stdout.contains("credential  none"));
    cli.run(["status"]).with_code(0);
    assert_eq!(cli.api.calls_to("/api/v1/auth/temporary"), 0);
}

#[test]
fn status_names_the_credential_that_counts_and_those_it_shadows() {
    let cli = Cli::new();
    cli.run(["whoami"]).with_code(0);
    let account = cli.api.state.lock().unwrap().temporary();
    let flag = PlatformToken::mint(TokenKind::ApiKey);
    let ended =
        Ended::of(cli.command(["status", "--json"]).env("KEYWRIGHT_API_KEY", &account.token)).with_code(0);
    let data = &ended.json()["data"];
    assert_eq!(data["server"]["reachable"], true);
    assert_eq!(data["credential"]["source"], "environment");
    assert_eq!(data["credential"]["shadowed"][0]["source"], "temporary");
    assert_eq!(data["account"]["account"]["userId"], account.account.user_id.to_string());
    let ended = cli.run(["status", "--api-key", flag.expose()]).with_code(0);
    assert!(
        ended.stdout.contains("from --api-key") && ended.stdout.contains("shadows the temporary account")
    );
    assert!(ended.stdout.contains("did not issue that token"), "{}", ended.stdout);
    assert!(ended.stderr.contains("KEYWRIGHT_API_KEY cannot"));
    assert!(!format!("{}{}", ended.stdout, ended.stderr).contains(flag.expose()));
}

#[test]
fn a_foreign_key_is_named_by_its_vendor_and_sent_nowhere() {
    let cli = Cli::new();
    let ended =
        Ended::of(cli.command(["whoami"]).env("KEYWRIGHT_API_KEY", "sk-ant-api03-canary")).with_code(3);
    assert!(ended.stderr.contains("Anthropic") && !ended.stderr.contains("canary"));
    assert_eq!(cli.api.calls_to("/api/v1/whoami"), 0);
    let status =
        Ended::of(cli.command(["status"]).env("KEYWRIGHT_API_KEY", "sk-ant-api03-canary")).with_code(0);
    assert!(status.stdout.contains("Anthropic"));
}

#[test]
fn without_a_command_an_account_is_made_and_the_next_step_named() {
    let cli = Cli::new();
    let ended = Ended::of(&mut cli.command([""; 0])).with_code(0);
    assert!(
        ended.stderr.contains("Made a temporary account") && ended.stderr.contains("keywright run -- claude")
    );
    assert!(ended.stdout.contains("(from the temporary account)"));
    let nowhere = Ended::of(&mut cli.bare()).with_code(0);
    assert!(nowhere.stderr.contains("keywright serve"), "{}", nowhere.stderr);
}

#[test]
fn whoami_shows_the_account_and_what_it_may_do() {
    let cli = Cli::new();
    let ended = cli.run(["whoami"]).with_code(0);
    assert!(ended.stdout.contains("usr_") && ended.stdout.contains("models:use"));
    assert_eq!(cli.run(["whoami", "--json"]).json()["data"]["tokenKind"], "tmp");
}
