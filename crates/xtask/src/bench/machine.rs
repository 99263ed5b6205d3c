//! Where and of what the figures were measured.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Options, nginx};

/// Lines of a table: what, and its value.
pub(super) fn described(root: &Path, binary: &Path, options: &Options) -> Vec<(&'static str, String)> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(':')).map_or_else(unknown, |(_, value)| value.trim().to_owned())
    };
    // Not those that this process may use: it has bound itself to one.
    let cores = read("/proc/cpuinfo").lines().filter(|line| line.starts_with("processor")).count();
    let load: String = read("/proc/loadavg").split_whitespace().take(3).collect::<Vec<_>>().join(" ");
    vec![
        ("date", time::OffsetDateTime::now_utc().date().to_string()),
        ("processor", format!("{}, {cores} cores", field(&read("/proc/cpuinfo"), "model name"))),
        ("memory", field(&read("/proc/meminfo"), "MemTotal")),
        ("kernel", read("/proc/sys/kernel/osrelease").trim().to_owned()),
        ("load before the bench (1, 5, 15 minutes)", load),
        ("nginx", nginx::version().unwrap_or_else(|_| unknown())),
        ("keywright", format!("{}, commit {}", said(Command::new(binary).arg("--version")), commit(root))),
        ("build", options.binary.as_ref().map_or("dist", |_| "given with `--binary`").to_owned()),
        ("rounds", options.rounds.to_string()),
        ("rustc", said(Command::new("rustc").arg("--version"))),
    ]
}

fn commit(root: &Path) -> String {
    said(Command::new("git").args(["describe", "--always", "--dirty", "--exclude=*"]).current_dir(root))
}

fn said(command: &mut Command) -> String {
    let output = command.output().ok().filter(|output| output.status.success());
    output.map_or_else(unknown, |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn unknown() -> String {
    "unknown".to_owned()
}
