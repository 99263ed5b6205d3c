//! `keywright login token`: a token for another program, on standard output alone.

use clap::Args;
use keywright_client::ClientError;
use keywright_credentials::Source;
use keywright_protocol::Timestamp;
use keywright_protocol::wire::CreateChild;
use keywright_secret::Secret;
use serde_json::json;

use crate::context::Context;
use crate::error::CommandError;

/// Which token.
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    /// The token that counts itself, with all that it may do, instead of one for models alone
    #[arg(long)]
    full: bool,
}

/// Prints it.
pub(crate) async fn token(context: &Context, args: &TokenArgs) -> Result<(), CommandError> {
    let (token, expires_at) = if args.full {
        let own = context.own_token().await?;
        context.output.say("This token can do all that you can; give it to nobody.");
        own
    } else {
        let made =
            context.call("getting a token", async |client| client.child(&CreateChild::default()).await);
        let child = made.await?;
        (child.token, Some(child.expires_at))
    };
    let mut data = json!({ "token": token.expose() });
    if let Some(end) = expires_at {
        data["expiresAt"] = json!(end);
    }
    context.output.data(&data, || token.expose().to_owned())
}

impl Context {
    /// The token that counts, and its end where that is known; that of a session is fresh.
    async fn own_token(&self) -> Result<(Secret, Option<Timestamp>), CommandError> {
        let client = self.connect().await?;
        let resolved = self.credential_or_new(&client).await?;
        if resolved.source != Source::Session {
            return Ok((resolved.token, resolved.expires_at));
        }
        let fresh = self.session_tokens();
        let token = keywright_client::TokenSource::token(&fresh, &self.server.url).await;
        let token = token.map_err(ClientError::NoToken)?;
        let stored = self.stored()?;
        let session = stored.entry(&self.profile, &self.server.url).and_then(|entry| entry.session.as_ref());
        let end =
            session.filter(|session| session.access_token == token).and_then(|session| session.expires_at);
        Ok((token, end))
    }
}
