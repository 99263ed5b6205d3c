//! `run --print-env`: what a shell must set so that the program can be started in it.

use std::collections::BTreeMap;

use keywright_client::ChildToken;
use keywright_credentials::launch::{ForShell, Launch, always_quoted, shell_quoted};
use keywright_protocol::Timestamp;
use serde::Serialize;

use crate::error::CommandError;
use crate::output::Output;

/// The same for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Printed<'a> {
    /// Variables to set; the token is in some.
    set: BTreeMap<&'a str, &'a str>,
    unset: Vec<&'a str>,
    /// The program with the arguments that it needs.
    command: Vec<String>,
    /// When the token ends.
    expires_at: Timestamp,
}

/// Prints lines for `eval`, or an object; the token is in them, which is what they are for.
pub(super) fn print_env(output: Output, launch: &Launch, child: &ChildToken) -> Result<(), CommandError> {
    let ForShell { set, unset, folders } = launch.for_shell(&child.token)?;
    let set: BTreeMap<&str, &str> = set.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
    let unset: Vec<&str> = unset.iter().map(String::as_str).collect();
    let command = launch.command();
    let lines = || {
        let exports = set.iter().map(|(name, value)| format!("export {name}={}", always_quoted(value)));
        let lines: Vec<String> = exports.chain(unset.iter().map(|name| format!("unset {name}"))).collect();
        lines.join("\n")
    };
    let start = command.iter().map(|word| shell_quoted(word)).collect::<Vec<_>>().join(" ");
    output.data(
        &Printed { set: set.clone(), unset: unset.clone(), command, expires_at: child.expires_at },
        lines,
    )?;
    output.say(&format!("The token ends {}; only `keywright run` renews it.", child.expires_at));
    for folder in folders {
        output.say(&format!("{} was made for it and stays.", folder.display()));
    }
    output.say(&format!("Then start it as: {start}"));
    Ok(())
}
