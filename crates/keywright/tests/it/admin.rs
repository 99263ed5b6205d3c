//! `admin claim`.

use std::io::Write;
use std::process::Stdio;

use keywright_protocol::ErrorCode;

use crate::cli::Cli;

#[test]
fn a_code_is_taken_from_the_command_line_or_from_standard_input() {
    let cli = Cli::new();
    assert!(cli.run(["admin", "claim", "CODE"]).with_code(0).stdout.contains("administers"));
    let mut command = cli.command(["admin", "claim", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"CODE\n").unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(cli.api.calls_to("/api/v1/admin/claim"), 2);
}

#[test]
fn an_empty_code_is_not_sent_and_a_wrong_one_refused() {
    let cli = Cli::new();
    cli.run(["admin", "claim", "-"]).with_code(2);
    assert_eq!(cli.api.calls_to("/api/v1/admin/claim"), 0);
    cli.run(["whoami"]).with_code(0);
    cli.api.state.lock().unwrap().refuse = Some(ErrorCode::ClaimInvalid);
    cli.run(["admin", "claim", "WRONG"]).with_code(4);
}
