//! The log of this process, kept in memory so that it can be searched.

use std::io;
use std::sync::{Mutex, Once, PoisonError};

use tracing::Level;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

static TEXT: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Begins to keep all that our crates log, at every level, and others from info on, as the server does.
pub(crate) fn keep() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let filter = filter_fn(|metadata| {
            metadata.target().starts_with("keywright") || *metadata.level() <= Level::INFO
        });
        let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(|| Kept);
        // Refused when a test has a log of its own.
        let _ = tracing_subscriber::registry().with(layer.with_filter(filter)).try_init();
    });
}

/// Whether `text` was logged.
pub(crate) fn mentions(text: &str) -> bool {
    let log = TEXT.lock().unwrap_or_else(PoisonError::into_inner);
    memchr::memmem::find(&log, text.as_bytes()).is_some()
}

struct Kept;

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        TEXT.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
