//! A sign of life while something is waited for, on a terminal only.

use std::io::IsTerminal;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::ProgressBar;

/// Turns until it is dropped, once the wait is long enough to be wondered at. Draws nothing where standard
/// error is no terminal.
pub(crate) struct Spinner(Option<(Sender<()>, JoinHandle<()>)>);

impl Spinner {
    /// Begins to wait, with that text to show.
    pub(crate) fn start(text: impl Into<String>) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let (end, ended) = mpsc::channel();
        let text = text.into();
        Self(Some((end, thread::spawn(move || turn(text, &ended)))))
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        if let Some((end, thread)) = self.0.take() {
            drop(end);
            // What is printed next must not be drawn over.
            let _ = thread.join();
        }
    }
}

fn turn(text: String, ended: &Receiver<()>) {
    if ended.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout) {
        return;
    }
    let spinner = ProgressBar::new_spinner().with_message(text);
    spinner.enable_steady_tick(Duration::from_millis(120));
    // Nothing is ever sent: the other end is dropped.
    let _ = ended.recv();
    spinner.finish_and_clear();
}

/// Nobody wonders about a shorter wait, and what flashes up disturbs.
const PATIENCE: Duration = Duration::from_millis(200);
