//! The command line of Keywright.
//!
//! The only crate that prints. Parsing comes before everything: no runtime, no TLS and no file is
//! touched for `--version`, `--help` or a command that was typed wrongly.

mod absent;
mod arguments;
mod calls;
mod caution;
mod commands;
mod context;
mod error;
mod input;
mod keeping;
mod local;
mod machine;
mod output;
mod plain_words;
mod reference;
mod runtime;
mod saved;
mod since;
mod spinner;
mod table;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use arguments::Arguments;
use clap::Parser;
use clap::error::ErrorKind;
use error::CommandError;
use output::Output;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(output::report_panic));
    // For `cargo xtask generate`. No command of the tree: help, pages and completions have nothing to hide.
    if std::env::args_os().skip(1).eq(["reference"]) {
        return end_of(Output::new(false, false), reference::print);
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return refuse_arguments(&error),
    };
    let output = Output::new(arguments.global.json, arguments.global.verbose);
    let output = if arguments.tells_steps() { output.in_events() } else { output };
    end_of(output, |output| commands::run(arguments, output))
}

/// Does `work`; how the process ends on it.
fn end_of(output: Output, work: impl FnOnce(Output) -> Result<u8, CommandError>) -> ExitCode {
    let code = match catch_unwind(AssertUnwindSafe(|| work(output))) {
        Ok(Ok(code)) => code,
        Ok(Err(error)) => {
            output.error(&error);
            error.exit()
        }
        // The hook has said it.
        Err(_) => keywright_protocol::Exit::Defect as u8,
    };
    ExitCode::from(code)
}

/// Help and version are errors to clap as well; they go to standard output and are none.
fn refuse_arguments(error: &clap::Error) -> ExitCode {
    let wanted = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let typed: Vec<_> = std::env::args_os().skip(1).take_while(|argument| argument != "--").collect();
    if !wanted && typed.iter().any(|argument| argument == "--json") {
        let error = CommandError::arguments(error);
        let output = Output::new(true, false);
        // What was typed wrongly is told as what goes wrong later is.
        let command = typed
            .iter()
            .find(|argument| !argument.as_encoded_bytes().starts_with(b"-") && *argument != "auth");
        let signs_in = command.is_some_and(|command| command == "login");
        if signs_in { output.in_events() } else { output }.error(&error);
        return ExitCode::from(error.exit());
    }
    // Nobody is left to tell when this fails.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}
