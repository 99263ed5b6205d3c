//! `tokens create`, `list` and `rm`.

use crate::cli::Cli;

#[test]
fn a_new_key_is_printed_alone_and_listed_without_itself() {
    let cli = Cli::new();
    let created = cli.run(["tokens", "create", "-n", "ci", "--lifetime", "30d"]).with_code(0);
    let raw = created.stdout.trim_end();
    assert!(raw.starts_with("sk_kw_") && !raw.contains('\n'), "{raw}");
    assert!(created.stderr.contains("shown this once") && !created.stderr.contains(raw));
    let list = cli.run(["tokens", "list"]).with_code(0).stdout;
    assert!(list.contains("ci") && list.contains("sk_kw_") && !list.contains(raw));
    let json = cli.run(["--json", "tokens", "list"]).with_code(0);
    assert_eq!(json.json()["data"]["keys"][0]["name"], "ci");
    assert!(!json.stdout.contains(raw));
}

#[test]
fn as_json_the_key_stands_in_raw() {
    let cli = Cli::new();
    let data = cli.run(["tokens", "create", "--json"]).with_code(0).json()["data"].clone();
    assert!(data["raw"].as_str().unwrap().starts_with("sk_kw_"));
    assert!(data["name"].as_str().unwrap().starts_with("cli-"));
}

#[test]
fn keys_are_deleted_by_name_id_and_beginning() {
    let cli = Cli::new();
    for name in ["one", "two", "three"] {
        cli.run(["tokens", "create", "-n", name]).with_code(0);
    }
    let list = cli.run(["tokens", "list", "--json"]).json()["data"]["keys"].clone();
    let by_id = list[1]["keyId"].as_str().unwrap();
    let by_beginning = list[2]["keyPrefix"].as_str().unwrap();
    cli.run(["tokens", "rm", "one", by_id, by_beginning]).with_code(0);
    assert!(cli.api.state.lock().unwrap().keys.is_empty());
}

#[test]
fn when_one_key_is_not_known_none_is_deleted() {
    let cli = Cli::new();
    cli.run(["tokens", "create", "-n", "one"]).with_code(0);
    cli.run(["tokens", "rm", "one", "nope"]).with_code(1);
    assert_eq!(cli.api.state.lock().unwrap().keys.len(), 1);
}

#[test]
fn a_name_that_is_taken_and_a_bad_lifetime_say_what_to_do() {
    let cli = Cli::new();
    cli.run(["tokens", "create", "-n", "one"]).with_code(0);
    assert!(cli.run(["tokens", "create", "-n", "one"]).with_code(1).stderr.contains("tokens rm NAME"));
    cli.run(["tokens", "create", "--lifetime", "5m"]).with_code(2);
}
