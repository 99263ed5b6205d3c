//! Everything that is printed: data to standard output, words to standard error.

use std::io::{self, ErrorKind, Write};
use std::panic::PanicHookInfo;

use anstyle::{AnsiColor, Style};
use keywright_protocol::Exit;
use keywright_protocol::wire::{Failure, FailureBody, Success};
use serde::Serialize;

use crate::error::CommandError;
use crate::table::printable;

/// How to print.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
    verbose: bool,
    events: bool,
}

impl Output {
    /// Prints JSON or text; says more, or not.
    pub(crate) fn new(json: bool, verbose: bool) -> Self {
        Self { json, verbose, events: false }
    }

    /// The same, for a command whose JSON is a line for each step: so is its failure.
    pub(crate) fn in_events(self) -> Self {
        Self { events: true, ..self }
    }

    /// Whether data is printed as JSON.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Prints what the command was asked for: the envelope of the API, or `text`.
    pub(crate) fn data<T: Serialize>(
        self,
        data: &T,
        text: impl FnOnce() -> String,
    ) -> Result<(), CommandError> {
        let printed = if self.json {
            serde_json::to_string_pretty(&Success::new(data)).map_err(io::Error::from)
        } else {
            Ok(text())
        };
        printed.and_then(|text| print(&text)).map_err(|error| {
            CommandError::new(Exit::User, "OUTPUT", "standard output cannot be written").because(&error)
        })
    }

    /// Prints one line of JSON at once, for whoever follows what happens.
    pub(crate) fn event<T: Serialize>(self, event: &T) -> Result<(), CommandError> {
        let line = serde_json::to_string(event).map_err(io::Error::from);
        line.and_then(|line| print(&line)).map_err(|error| {
            CommandError::new(Exit::User, "OUTPUT", "standard output cannot be written").because(&error)
        })
    }

    /// Says something to the person at the terminal.
    pub(crate) fn say(self, words: &str) {
        tell(&lines(words));
    }

    /// Says it only when asked to say more.
    pub(crate) fn say_more(self, words: &str) {
        if self.verbose {
            tell(words);
        }
    }

    /// Warns.
    pub(crate) fn warn(self, words: &str) {
        tell(&format!("{YELLOW}warning:{YELLOW:#} {}", lines(words)));
    }

    /// Reports why the command failed.
    pub(crate) fn error(self, error: &CommandError) {
        if self.json {
            let failed = Failed::of(error, self.events.then_some("failed"));
            let line = if self.events {
                serde_json::to_string(&failed)
            } else {
                serde_json::to_string_pretty(&failed)
            };
            // The exit code says it too.
            let _ = print(&line.unwrap_or_default());
            return;
        }
        // By its code the failure is found in the reference.
        let code = error.code().map(|code| format!(" ({})", lines(code))).unwrap_or_default();
        tell(&format!("{RED}error:{RED:#} {}{code}", lines(error.message())));
        for cause in error.causes() {
            tell(&format!("  because: {}", lines(cause)));
        }
        for detail in error.details() {
            tell(&format!("  {detail}"));
        }
        for hint in error.hints_for_people() {
            tell(&format!("{BOLD}next:{BOLD:#} {}", lines(&hint)));
        }
    }
}

/// A failure in the form of the API, with why it came to it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failed {
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'static str>,
    success: bool,
    status: u16,
    error: FailedBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

#[derive(Serialize)]
struct FailedBody {
    #[serde(flatten)]
    body: FailureBody,
    /// The reasons in one line, the nearest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
}

impl Failed {
    fn of(error: &CommandError, event: Option<&'static str>) -> Self {
        let Failure { success, status, error: body, request_id } = error.to_failure();
        let cause = Some(error.causes().join(": ")).filter(|cause| !cause.is_empty());
        Self { event, success, status, error: FailedBody { body, cause }, request_id }
    }
}

/// Reports a defect by its place. What the panic says is left out: it may quote anything.
pub(crate) fn report_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    tell(&format!("{RED}error:{RED:#} a defect of Keywright at {place}; please report it"));
}

/// What a server says may hold anything; only line breaks are let through.
fn lines(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

fn print(text: &str) -> io::Result<()> {
    let mut stdout = anstream::stdout().lock();
    let written = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
    match written {
        // Whoever read it has had enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

fn tell(words: &str) {
    // Where standard error is closed nobody is listening.
    let _ = writeln!(anstream::stderr().lock(), "{words}");
}

const RED: Style = AnsiColor::Red.on_default().bold();
const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
const BOLD: Style = Style::new().bold();
