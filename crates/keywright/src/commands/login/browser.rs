//! Signing in by a browser, which comes back to a port of this process; or whose last address is pasted,
//! where it cannot.

use std::sync::Arc;
use std::time::Duration;

use keywright_client::oauth::{BrowserSignIn, Metadata, OAuth, OAuthError, Tokens, WrongAnswer};
use keywright_credentials::login::{Loopback, Surroundings, Verdict};
use keywright_protocol::Exit;
use keywright_secret::Secret;
use url::Url;

use super::device::end_in;
use super::events::Event;
use crate::context::Context;
use crate::error::CommandError;
use crate::input;
use crate::spinner::Spinner;

/// Opens the browser and waits for the answer, or for one that is pasted.
pub(super) async fn sign_in(
    context: &Context,
    oauth: &OAuth,
    metadata: &Metadata,
    surroundings: Surroundings,
    patience: Duration,
) -> Result<Tokens, CommandError> {
    let loopback = Loopback::bind().await.map_err(|error| {
        CommandError::new(Exit::User, "NO_PORT", "no port of this machine can be taken for the browser")
            .because(&error)
            .hint("Sign in by another device: `keywright login --device`.")
    })?;
    let started = Arc::new(oauth.start_browser(metadata, &loopback.redirect())?);
    show(context, started.url(), surroundings, patience)?;
    let judged = Arc::clone(&started);
    let judge = move |query: &str| judge(&judged, query);
    let redeem = async |answer: Result<Secret, WrongAnswer>| match answer {
        Ok(code) => Ok(oauth.finish_browser(&started, code).await?),
        Err(wrong) => Err(refused(&wrong)),
    };
    let waiting = Spinner::start("waiting for the browser");
    let tokens = tokio::select! {
        tokens = loopback.serve(judge, redeem) => tokens,
        tokens = pasted(context, oauth, &started) => tokens,
    };
    drop(waiting);
    tokens
}

/// What one request is worth. One that does not know the state may be anybody's.
fn judge(started: &BrowserSignIn, query: &str) -> Verdict<Result<Secret, WrongAnswer>> {
    match started.code_of(query) {
        Ok(code) => Verdict::Final { outcome: Ok(code), good: true },
        Err(WrongAnswer::State | WrongAnswer::NoCode) => Verdict::NotOurs,
        Err(wrong) => Verdict::Final { outcome: Err(wrong), good: false },
    }
}

fn show(
    context: &Context,
    url: &Url,
    surroundings: Surroundings,
    patience: Duration,
) -> Result<(), CommandError> {
    let output = context.output;
    if output.is_json() {
        output.event(&Event::Url { url: url.as_str(), expires_at: end_in(context, patience) })?;
    } else {
        output.say(&format!("Sign in with your browser:\n\n  {url}\n"));
        output.say(match surroundings {
            Surroundings { ssh: true, .. } => {
                "This is an SSH session: open the address on your own machine. Where the browser cannot come back, \
                 paste its last address here and press Enter."
            }
            Surroundings { wsl: true, .. } => {
                "The browser is that of Windows. If it cannot come back, paste its last address here and press \
                 Enter."
            }
            _ => "If the browser cannot come back, paste its last address here and press Enter.",
        });
    }
    // Over SSH it would open where nobody sees it.
    if surroundings.screen && !surroundings.ssh {
        open(context, url.clone());
    }
    Ok(())
}

/// Opens it meanwhile: some openers wait until the browser is closed.
fn open(context: &Context, url: Url) {
    let output = context.output;
    tokio::task::spawn_blocking(move || {
        if let Err(error) = webbrowser::open(url.as_str()) {
            output.say(&format!("No browser could be opened ({error}); open the address yourself."));
        }
    });
}

/// What the server gives for the code in what is pasted, sooner or later. A line that it does not take may have been
/// meant for another window: the right one may still come.
async fn pasted(context: &Context, oauth: &OAuth, started: &BrowserSignIn) -> Result<Tokens, CommandError> {
    let mut lines = input::lines();
    while let Some(line) = lines.recv().await {
        if line.is_empty() {
            continue;
        }
        let why = match code_in(started, line.expose()) {
            Ok(code) => match oauth.finish_browser(started, code).await {
                Err(OAuthError::InvalidGrant { .. }) => {
                    "the server does not take it as the code of this sign-in".to_owned()
                }
                answer => return Ok(answer?),
            },
            Err(wrong @ (WrongAnswer::State | WrongAnswer::NoCode)) => wrong.to_string(),
            Err(wrong) => return Err(refused(&wrong)),
        };
        context.output.say(&format!(
            "That cannot be used: {why}. Paste the whole address that the browser shows at the end."
        ));
    }
    // Standard input has ended, which says nothing of the browser.
    std::future::pending().await
}

/// An address with the code in it, its query alone, or the code alone. Whoever pastes the code alone vouches
/// for it; the server still checks that it belongs to this sign-in.
fn code_in(started: &BrowserSignIn, text: &str) -> Result<Secret, WrongAnswer> {
    let query = text.split_once('?').map_or(text, |(_, query)| query);
    let query = query.split_once('#').map_or(query, |(query, _)| query);
    if query.contains('=') {
        return started.code_of(query);
    }
    if text.contains(['/', ' ']) || text.len() < SHORTEST_CODE {
        return Err(WrongAnswer::NoCode);
    }
    Ok(Secret::new(text))
}

fn refused(wrong: &WrongAnswer) -> CommandError {
    CommandError::new(Exit::Refused, "SIGN_IN_REFUSED", wrong.to_string()).hint(match wrong {
        WrongAnswer::Issuer => "Start again, and look closely at the address that the browser opens.",
        _ => "Start again if it was a mistake.",
    })
}

/// Nobody may guess a code (RFC 6749, section 10.10): 128 bits take 22 characters. What is shorter is a word that was
/// typed here by mistake, and goes nowhere.
const SHORTEST_CODE: usize = 22;
