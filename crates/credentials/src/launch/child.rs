//! The child process: signals go to it, its exit code comes back.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::process::{Pid, Signal, getpgrp, kill_process};
use rustix::termios::tcgetpgrp;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use super::{Agent, LaunchError};
use crate::Environment;

/// Starts the program and waits for it; `signals` were listened to before anything was made for it.
pub(super) async fn run(
    program: &OsStr,
    arguments: &[OsString],
    environment: &Environment,
    signals: Signals,
) -> Result<u8, LaunchError> {
    let name = || program.to_string_lossy().into_owned();
    let outcome = async {
        let mut child = Command::new(program).args(arguments).env_clear().envs(environment.iter()).spawn()?;
        signals.pass_on_until_exit(&mut child).await
    };
    match outcome.await {
        Ok(status) => Ok(exit_code(status)),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(LaunchError::NotFound { program: name(), agent: Agent::of(program) })
        }
        Err(source) => Err(LaunchError::NotStarted { program: name(), source }),
    }
}

/// The signals that would end this process: from here on they do not, and reach the child instead.
pub(super) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    quit: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn pass_on_until_exit(mut self, child: &mut Child) -> io::Result<ExitStatus> {
        // Known until the child is waited for, which `wait` below does last.
        let id = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        loop {
            let signal = tokio::select! {
                status = child.wait() => return status,
                _ = self.interrupt.recv() => Signal::INT,
                _ = self.quit.recv() => Signal::QUIT,
                _ = self.terminate.recv() => Signal::TERM,
                _ = self.hangup.recv() => Signal::HUP,
            };
            let typed = matches!(signal, Signal::INT | Signal::QUIT);
            // What is typed at the terminal reaches the child by itself; a second one would make some
            // agents quit where the first only interrupts.
            if !(typed && in_terminal_foreground())
                && let Some(id) = id
            {
                // It may have ended this very moment; then `wait` says so.
                let _ = kill_process(id, signal);
            }
        }
    }
}

fn in_terminal_foreground() -> bool {
    File::open("/dev/tty").is_ok_and(|terminal| tcgetpgrp(terminal).is_ok_and(|group| group == getpgrp()))
}

fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}
