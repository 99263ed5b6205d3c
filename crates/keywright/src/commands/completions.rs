//! `keywright completions`: what a shell needs to complete commands and flags.

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use serde_json::json;

use crate::arguments::Arguments;
use crate::error::CommandError;
use crate::output::Output;

/// For which shell.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Prints the script.
pub(crate) fn completions(args: &CompletionsArgs, output: Output) -> Result<(), CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Arguments::command(), "keywright", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    output.data(&json!({ "script": &script }), || script.trim_end().to_owned())
}

const AFTER: &str = "bash: source <(keywright completions bash), in ~/.bashrc for good\n\
    zsh:  keywright completions zsh > \"${fpath[1]}/_keywright\"\n\
    fish: keywright completions fish > ~/.config/fish/completions/keywright.fish";
