//! The log: lines on standard error, of our own crates as asked, of others never below info.

use std::io::{IsTerminal, stderr};
use std::str::FromStr;

use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::LogFormat;

/// Starts the log. `wanted` is a level (`error` to `trace`), usually from `RUST_LOG`; `info` when it is
/// none. Libraries write request heads and more at lower levels, so theirs are left out whatever is
/// asked.
pub fn start(format: LogFormat, wanted: Option<&str>) {
    let level = wanted.and_then(|text| LevelFilter::from_str(text.trim()).ok()).unwrap_or(LevelFilter::INFO);
    let filter = filter_fn(move |metadata| {
        let target = metadata.target();
        let loudest = if target.starts_with("keywright") {
            Level::TRACE
        } else if target.starts_with("sqlx") {
            // PostgreSQL sends notices at every start.
            Level::WARN
        } else {
            Level::INFO
        };
        *metadata.level() <= level && *metadata.level() <= loudest
    });
    let layer = tracing_subscriber::fmt::layer().with_ansi(stderr().is_terminal()).with_writer(stderr);
    let layer = match format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => tracing_subscriber::fmt::layer().json().with_writer(stderr).boxed(),
    };
    // Refused when the program that embeds the server has a log of its own.
    let _ = tracing_subscriber::registry().with(layer.with_filter(filter)).try_init();
}
