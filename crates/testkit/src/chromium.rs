//! A real browser: Debian's Chromium, which `./test` installs.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use crate::tools::tool;

/// The browser. Its input ends with this process, and it with that.
struct Chromium {
    driven_at: String,
    _launched: Child,
}

/// Where Chromium is driven from, by playwright: one for all tests of this process, headless, with a home of its own.
/// Each that connects has windows of its own.
///
/// # Panics
/// When Chromium, or what drives it, is not installed.
pub fn chromium() -> &'static str {
    static RUNNING: OnceLock<Chromium> = OnceLock::new();
    &RUNNING.get_or_init(launch).driven_at
}

fn launch() -> Chromium {
    let mut command = Command::new(tool("node/bin/node"));
    command
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/src/chromium.mjs"))
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("LANG", "C.UTF-8")
        .env("KEYWRIGHT_TEST_PACKAGES", tool("judges"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut launched = command.spawn().expect("`./test` has installed Node");
    let mut line = String::new();
    let said = BufReader::new(launched.stdout.take().expect("its output")).read_line(&mut line);
    assert!(said.is_ok_and(|length| length > 0), "`./test` has installed Chromium");
    Chromium { driven_at: line.trim().to_owned(), _launched: launched }
}
