//! What a terminal shows while a server is waited for.

use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::cli::{Cli, Ended};

/// What `keywright whoami` puts on a terminal, which `script` gives to it.
fn on_a_terminal(cli: &Cli, server: &str) -> String {
    let line = format!("{} whoami", env!("CARGO_BIN_EXE_keywright"));
    let mut command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).env_clear().env("PATH", "/usr/bin:/bin").env("TERM", "xterm");
    command.env("HOME", cli.home.path()).env("KEYWRIGHT_SERVER", server).stdin(Stdio::null());
    Ended::of(&mut command).stdout
}

#[test]
fn a_wait_is_shown_by_a_small_sign_and_its_reason_and_by_no_bar() {
    let cli = Cli::new();
    cli.run(["whoami"]).with_code(0);
    let quick = on_a_terminal(&cli, &cli.api.url);
    assert!(quick.contains("scopes") && !quick.contains('░') && !quick.contains("0/0"), "{quick}");

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in silent.incoming() {
            std::thread::sleep(Duration::from_secs(1));
            drop(stream);
        }
    });
    let slow = on_a_terminal(&cli, &url);
    assert!(slow.contains("making a temporary account"), "{slow}");
    assert!(!slow.contains('░') && !slow.contains("0/0"), "{slow}");
}
