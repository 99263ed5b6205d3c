//! `usage`.

use crate::cli::Cli;

#[test]
fn usage_is_a_table_by_model_with_a_total() {
    let cli = Cli::new();
    let text = cli.run(["usage", "--since", "7d"]).with_code(0).stdout;
    assert!(
        text.contains("demo-1") && text.contains("~34") && text.lines().last().unwrap().starts_with("total")
    );
    assert_eq!(cli.run(["usage", "--json"]).json()["data"]["total"]["requests"], 3);
    assert_eq!(cli.api.calls_to("/api/v1/usage?since=20"), 2);
}

#[test]
fn calls_are_listed_and_the_filters_sent() {
    let cli = Cli::new();
    let text = cli.run(["usage", "--requests", "--limit", "5", "--model", "demo-1"]).with_code(0).stdout;
    assert!(text.starts_with("TIME"), "{text}");
    let state = cli.api.state.lock().unwrap();
    let (_, target, _) =
        state.calls.iter().find(|(_, target, _)| target.starts_with("/api/v1/requests")).unwrap();
    assert!(target.contains("limit=5") && target.contains("model=demo-1"), "{target}");
}

#[test]
fn filters_of_calls_need_the_list_of_calls() {
    let cli = Cli::new();
    cli.run(["usage", "--cursor", "x"]).with_code(2);
    cli.run(["usage", "--since", "yesterday"]).with_code(2);
}
