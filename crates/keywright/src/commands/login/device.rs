//! Signing in by a code that is entered on any device (RFC 8628).

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use keywright_client::ServerUrl;
use keywright_client::oauth::{DeviceSignIn, Metadata, OAuth, Tokens};
use keywright_protocol::Timestamp;
use rustix::termios::tcgetwinsize;

use super::events::Event;
use super::qr;
use crate::context::Context;
use crate::error::CommandError;
use crate::spinner::Spinner;

/// Shows the code and waits until it is approved, refused or too old; `limit` is how long anybody waits for that.
pub(super) async fn sign_in(
    context: &Context,
    oauth: &OAuth,
    metadata: &Metadata,
    limit: Option<Duration>,
) -> Result<Tokens, CommandError> {
    let begun = Instant::now();
    let spinner = Spinner::start("asking for a code");
    let started = oauth.start_device(metadata).await;
    drop(spinner);
    let started = started?;
    let left_of_limit = limit.map(|limit| limit.saturating_sub(begun.elapsed()));
    let life = left_of_limit.map_or(started.expires_in(), |left| left.min(started.expires_in()));
    let end = Instant::now() + life;
    show(context, &started, life)?;
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

fn show(context: &Context, started: &DeviceSignIn, life: Duration) -> Result<(), CommandError> {
    let code = started.user_code();
    if context.output.is_json() {
        let expires_at = end_in(context, life);
        return context.output.event(&Event::Code {
            user_code: code,
            verification_uri: started.url(),
            verification_uri_complete: started.complete_url(),
            expires_at,
        });
    }
    let server = &context.server.url;
    // A phone would look for the server on itself.
    let drawn = started.complete_url().filter(|_| !server.is_loopback());
    if let Some(drawn) = drawn.and_then(|url| qr::draw(url, columns()?)) {
        context.output.say(&drawn);
    }
    context.output.say(&format!(
        "Open {} {} and enter the code {code}.\nApprove it only if you started this sign-in yourself.",
        started.url(),
        whereabouts(server)
    ));
    Ok(())
}

/// Where the page can be opened: that of a server on this machine only here, or through a forwarded port.
fn whereabouts(server: &ServerUrl) -> String {
    if !server.is_loopback() {
        return "on any device".to_owned();
    }
    let port = server.as_url().port_or_known_default().unwrap_or_default();
    format!(
        "on this machine (from another one, forward the port first: `ssh -L {port}:{}:{port} HOST`)",
        server.host()
    )
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

#[cfg(test)]
mod tests {
    use keywright_client::PlainText;

    use super::*;

    #[test]
    fn the_page_of_a_server_on_this_machine_is_not_for_any_device() {
        let said = |url| whereabouts(&ServerUrl::parse(url, PlainText::LoopbackOnly).unwrap());
        assert_eq!(said("https://k.example"), "on any device");
        assert!(said("http://127.0.0.1:5399").contains("`ssh -L 5399:127.0.0.1:5399 HOST`"));
        assert!(said("http://[::1]:5399").contains("`ssh -L 5399:[::1]:5399 HOST`"));
    }
}
