//! A sign of life while something is waited for, on a terminal only.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Turns until it is dropped. Draws nothing where standard error is no terminal.
pub(crate) struct Spinner(ProgressBar);

impl Spinner {
    /// Begins to turn, with that text beside it.
    pub(crate) fn start(text: impl Into<String>) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        // Without it a bar is drawn, and the text is not.
        bar.set_style(ProgressStyle::default_spinner());
        bar.set_message(text.into());
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(bar)
    }

    /// Puts another text beside it.
    pub(crate) fn change(&self, text: impl Into<String>) {
        self.0.set_message(text.into());
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
