//! `keywright logout`: forgets the session, the stored key and the temporary account of the profile, and ends
//! the session at the server if that answers. What stays good, and what the environment still holds, is said.

use std::time::Duration;

use clap::Args;
use keywright_client::Client;
use keywright_client::oauth::OAuth;
use keywright_credentials::{ServerEntry, SignedOut, StoredKey, StoredSession, sign_out};
use keywright_protocol::Exit;
use serde::Serialize;
use tokio::time::timeout;

use super::profiles::{delete_itself, is_dead};
use crate::context::Context;
use crate::error::CommandError;
use crate::input;
use crate::spinner::Spinner;

/// How thoroughly.
#[derive(Debug, Args)]
pub(crate) struct LogoutArgs {
    /// Deletes the stored API key at the server first; if that fails, nothing is forgotten
    #[arg(long)]
    revoke: bool,
    /// Does not ask before a temporary account is dropped
    #[arg(short, long)]
    yes: bool,
}

/// Signs out, once somebody has said yes to losing a temporary account.
pub(crate) async fn logout(context: &Context, args: LogoutArgs) -> Result<(), CommandError> {
    if !may_drop(context, args.yes)? {
        return Err(CommandError::new(Exit::User, "NOT_CONFIRMED", "nothing was forgotten"));
    }
    let spinner = Spinner::start("signing out");
    let last_words = async |entry: &ServerEntry| LastWords::say(context, entry, args.revoke).await;
    let clock = context.clock.clone();
    let done =
        sign_out(&context.credential_file, &context.profile, &context.server.url, clock, last_words).await;
    drop(spinner);
    let done = done?;
    context.report_set_aside(done.set_aside.as_deref());
    let told = LoggedOut::of(context, &done);
    told.warnings.iter().for_each(|words| context.output.warn(words));
    context.output.data(&told, || told.describe())
}

fn may_drop(context: &Context, yes: bool) -> Result<bool, CommandError> {
    let stored = context.stored()?;
    let entry = stored.entry(&context.profile, &context.server.url);
    let alive = entry
        .and_then(|entry| entry.temporary.as_ref())
        .is_some_and(|temporary| !temporary.expired(context.now()));
    if !alive || yes {
        return Ok(true);
    }
    if !input::is_terminal() {
        let message = "a temporary account is dropped for good, and nobody can be asked";
        return Err(CommandError::usage(message).hint("Add `--yes`."));
    }
    context.output.warn(&format!(
        "the temporary account at {} can not be reached afterwards, nor can its keys and records be managed.",
        context.server.url
    ));
    input::confirm(context.output, "Drop it?")
}

/// What the server was told.
struct LastWords {
    /// Whether it has ended the session; why not, if it has not.
    session: Result<bool, String>,
    key_deleted: bool,
}

impl LastWords {
    async fn say(context: &Context, entry: &ServerEntry, revoke: bool) -> Result<Self, CommandError> {
        let key_deleted = match entry.api_key.as_ref().filter(|_| revoke) {
            Some(key) => delete(&context.connect().await?, key).await?,
            None => false,
        };
        let session = match entry.session.as_ref().filter(|session| session.ended_at.is_none()) {
            Some(session) => end(context, session).await,
            None => Ok(false),
        };
        Ok(Self { session, key_deleted })
    }
}

/// Deletes the key with itself; whether it was still good.
async fn delete(client: &Client, key: &StoredKey) -> Result<bool, CommandError> {
    let client = client.clone().with_token(key.raw.clone());
    match delete_itself(&client, key.metadata.key_id).await {
        Ok(_) => Ok(true),
        Err(error) if is_dead(&error) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Ends the session at the server that issued it.
async fn end(context: &Context, session: &StoredSession) -> Result<bool, String> {
    let ended = async {
        context.connect().await.map_err(|error| error.with_causes())?;
        let oauth = OAuth::new(&context.server.url, session.client_id.clone());
        let token = session.refresh_token.as_ref().unwrap_or(&session.access_token);
        match oauth {
            Ok(oauth) => oauth.revoke(token).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    };
    timeout(PATIENCE, ended).await.unwrap_or_else(|_| Err("it does not answer".to_owned())).map(|()| true)
}

/// What was forgotten, and what was not.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LoggedOut {
    profile_name: String,
    server: String,
    session: bool,
    session_revoked: bool,
    api_key: bool,
    api_key_revoked: bool,
    temporary_account: bool,
    /// Variables that still hold a credential.
    still_set: Vec<&'static str>,
    warnings: Vec<String>,
}

impl LoggedOut {
    fn of(context: &Context, done: &SignedOut<LastWords>) -> Self {
        let server = context.server.url.to_string();
        let mut warnings = Vec::new();
        if let Err(why) = &done.outcome.session {
            warnings.push(format!(
                "The session could not be ended at {server} ({why}); it stays good there until it expires, or is \
                 ended on the server's page of signed-in devices."
            ));
        }
        if let Some(key) = done.api_key.as_ref().filter(|_| !done.outcome.key_deleted) {
            warnings.push(format!(
                "The key {}… is forgotten here; if it was good it still is, at {server}. With `--revoke` it would \
                 have been deleted there.",
                key.hint()
            ));
        }
        let mut still_set = Vec::new();
        if context.environment.text("KEYWRIGHT_API_KEY").is_some() {
            still_set.push("KEYWRIGHT_API_KEY");
            warnings.push(
                "KEYWRIGHT_API_KEY is still set and is used by every command. Unset it to be signed out \
                 altogether."
                    .to_owned(),
            );
        }
        Self {
            profile_name: context.profile.to_string(),
            server,
            session: done.session.is_some(),
            session_revoked: matches!(done.outcome.session, Ok(true)),
            api_key: done.api_key.is_some(),
            api_key_revoked: done.outcome.key_deleted,
            temporary_account: done.temporary.is_some(),
            still_set,
            warnings,
        }
    }

    fn describe(&self) -> String {
        let parts = [
            (self.session, "the session"),
            (self.api_key, "the stored key"),
            (self.temporary_account, "the temporary account"),
        ];
        let forgotten: Vec<&str> = parts.into_iter().filter(|(was, _)| *was).map(|(_, name)| name).collect();
        match forgotten.as_slice() {
            [] => format!("Nobody was signed in to {} under the profile {}.", self.server, self.profile_name),
            names => format!(
                "Signed out of {} under the profile {}; forgotten: {}.",
                self.server,
                self.profile_name,
                names.join(", ")
            ),
        }
    }
}

/// A server that hangs must not keep anybody signed in here.
const PATIENCE: Duration = Duration::from_secs(10);
