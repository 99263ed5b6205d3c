//! What is read from standard input: a secret in a line, or a yes.

use std::io::{BufRead, IsTerminal, Read, Stdin, stdin};

use keywright_protocol::Exit;
use keywright_secret::Secret;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

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
    stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Whether standard input is typed, and so would be seen.
pub(crate) fn is_typed() -> bool {
    stdin().is_terminal()
}

/// Asks; anything but a yes is a no.
pub(crate) fn confirm(output: Output, question: &str) -> Result<bool, CommandError> {
    output.say(&format!("{question} [y/N]"));
    Ok(matches!(line()?.trim(), "y" | "Y" | "yes"))
}

/// Whether somebody types exactly that.
pub(crate) fn types(output: Output, question: &str, expected: &str) -> Result<bool, CommandError> {
    output.say(question);
    Ok(line()?.trim() == expected.trim())
}

/// Asks for a line that is not shown while it is typed. A signal that ends the command shows again what is
/// typed next.
pub(crate) async fn hidden(output: Output, prompt: &str) -> Result<Secret, CommandError> {
    let failed = |error: std::io::Error| unreadable(&error);
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt()).map_err(failed)?, signal(SignalKind::terminate()).map_err(failed)?);
    let _unseen = Unseen::begin().map_err(|error| unreadable(&error.into()))?;
    // What is typed before this would be seen.
    output.say(prompt);
    let typed = tokio::task::spawn_blocking(line);
    tokio::select! {
        typed = typed => typed.map_err(|error| unreadable(&error.into()))?.map(Secret::new),
        _ = interrupt.recv() => Err(interrupted()),
        _ = terminate.recv() => Err(interrupted()),
    }
}

/// Lines as they come, on a thread of their own, which is left where it stands when nobody wants them any
/// more: nothing ends a read of standard input.
pub(crate) fn lines() -> mpsc::Receiver<Secret> {
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        while let Ok(line) = line() {
            if line.is_empty() || sender.blocking_send(Secret::new(line.trim())).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Waits for a signal that ends the command.
pub(crate) async fn interruption() -> CommandError {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        // The signals then do what they do by themselves.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    interrupted()
}

/// The terminal shows nothing of what is typed, until this is dropped.
struct Unseen {
    before: Termios,
    terminal: Stdin,
}

impl Unseen {
    fn begin() -> rustix::io::Result<Self> {
        let terminal = stdin();
        let before = tcgetattr(&terminal)?;
        let mut unseen = before.clone();
        unseen.local_modes.remove(LocalModes::ECHO);
        // The line break is shown, so that what is said next has a line of its own.
        unseen.local_modes.insert(LocalModes::ECHONL);
        tcsetattr(&terminal, OptionalActions::Flush, &unseen)?;
        Ok(Self { before, terminal })
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        // Where the terminal is gone nothing can be shown either.
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}

fn line() -> Result<String, CommandError> {
    let mut line = String::new();
    let read = stdin().lock().take(LONGEST_LINE).read_line(&mut line);
    read.map_err(|error| unreadable(&error))?;
    Ok(line)
}

fn unreadable(error: &std::io::Error) -> CommandError {
    CommandError::new(Exit::User, "INPUT", "standard input cannot be read").because(error)
}

fn interrupted() -> CommandError {
    CommandError::new(Exit::User, "INTERRUPTED", "interrupted; nothing was stored")
}

/// Far longer than anything that is read.
const LONGEST_LINE: u64 = 4096;
