//! What is read from standard input: a secret in a line, or a yes.

use std::io::{BufRead, IsTerminal, Read};

use keywright_protocol::Exit;
use keywright_secret::Secret;

use crate::error::CommandError;
use crate::output::Output;

/// The first line, without the blanks around it. `what` says what it should be.
pub(crate) fn secret(what: &str) -> Result<Secret, CommandError> {
    let line = Secret::new(line()?.trim());
    if line.is_empty() {
        Err(CommandError::usage(format!("there is no {what} on standard input")))
    } else {
        Ok(line)
    }
}

/// Whether somebody sits there who can be asked.
pub(crate) fn is_terminal() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks; anything but a yes is a no.
pub(crate) fn confirm(output: Output, question: &str) -> Result<bool, CommandError> {
    output.say(&format!("{question} [y/N]"));
    Ok(matches!(line()?.trim(), "y" | "Y" | "yes"))
}

fn line() -> Result<String, CommandError> {
    let mut line = String::new();
    let read = std::io::stdin().lock().take(LONGEST_LINE).read_line(&mut line);
    read.map_err(|error| {
        CommandError::new(Exit::User, "INPUT", "standard input cannot be read").because(&error)
    })?;
    Ok(line)
}

/// Far longer than anything that is read.
const LONGEST_LINE: u64 = 4096;
