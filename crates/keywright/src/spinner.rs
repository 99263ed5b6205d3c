//! A sign of life while something is waited for, on a terminal only.

use std::io::IsTerminal;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

/// Turns until it is dropped, once the wait is long enough to be wondered at. Draws nothing where standard
/// error is no terminal.
pub(crate) struct Spinner(Option<(Sender<String>, JoinHandle<()>)>);

impl Spinner {
    /// Begins to wait, with that text to show.
    pub(crate) fn start(text: impl Into<String>) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let (texts, changes) = mpsc::channel();
        let text = text.into();
        Self(Some((texts, thread::spawn(move || turn(text, &changes)))))
    }

    /// Puts another text beside it.
    pub(crate) fn change(&self, text: impl Into<String>) {
        if let Some((texts, _)) = &self.0 {
            // The thread listens for as long as this is there.
            let _ = texts.send(text.into());
        }
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        if let Some((texts, thread)) = self.0.take() {
            drop(texts);
            // What is printed next must not be drawn over.
            let _ = thread.join();
        }
    }
}

fn turn(mut text: String, changes: &Receiver<String>) {
    let end = Instant::now() + PATIENCE;
    loop {
        match changes.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(other) => text = other,
            Err(RecvTimeoutError::Timeout) => break,
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
    let spinner = ProgressBar::new_spinner().with_message(text);
    spinner.enable_steady_tick(Duration::from_millis(120));
    while let Ok(other) = changes.recv() {
        spinner.set_message(other);
    }
    spinner.finish_and_clear();
}

/// Nobody wonders about a shorter wait, and what flashes up disturbs.
const PATIENCE: Duration = Duration::from_millis(200);
