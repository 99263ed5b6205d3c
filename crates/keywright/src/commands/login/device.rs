//! Signing in by a code that is entered on any device (RFC 8628).

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use keywright_client::oauth::{DeviceSignIn, Metadata, OAuth, Tokens};
use keywright_protocol::Timestamp;
use rustix::termios::tcgetwinsize;

use super::events::Event;
use super::qr;
use crate::context::Context;
use crate::error::CommandError;
use crate::spinner::Spinner;

/// Shows the code and waits until it is approved, refused or too old.
pub(super) async fn sign_in(
    context: &Context,
    oauth: &OAuth,
    metadata: &Metadata,
) -> Result<Tokens, CommandError> {
    let spinner = Spinner::start("asking for a code");
    let started = oauth.start_device(metadata).await;
    drop(spinner);
    let started = started?;
    show(context, &started)?;
    let end = Instant::now() + started.expires_in();
    let waiting = Spinner::start("waiting");
    let countdown = async {
        loop {
            waiting.change(format!("waiting; the code is good for {}", left(end)));
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        tokens = oauth.finish_device(&started, tokio::time::sleep) => Ok(tokens?),
        () = countdown => std::future::pending().await,
    }
}

fn show(context: &Context, started: &DeviceSignIn) -> Result<(), CommandError> {
    let code = started.user_code();
    if context.output.is_json() {
        let expires_at = end_in(context, started.expires_in());
        return context.output.event(&Event::Code {
            user_code: code,
            verification_uri: started.url(),
            verification_uri_complete: started.complete_url(),
            expires_at,
        });
    }
    if let Some(drawn) = started.complete_url().and_then(|url| qr::draw(url, columns()?)) {
        context.output.say(&drawn);
    }
    context.output.say(&format!(
        "Open {} on any device and enter the code {code}.\nApprove it only if you started this sign-in \
         yourself.",
        started.url()
    ));
    Ok(())
}

pub(super) fn end_in(context: &Context, life: Duration) -> Timestamp {
    context.now().plus_seconds(i64::try_from(life.as_secs()).unwrap_or(i64::MAX))
}

/// How wide the terminal is; none where words do not go to one.
fn columns() -> Option<usize> {
    let terminal = stderr();
    let width = || tcgetwinsize(&terminal).map_or(0, |size| usize::from(size.ws_col));
    // Some say that they have no columns when they do not know.
    terminal.is_terminal().then(|| Some(width()).filter(|width| *width > 0).unwrap_or(80))
}

/// As a clock that runs down.
fn left(end: Instant) -> String {
    let seconds = end.saturating_duration_since(Instant::now()).as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}
