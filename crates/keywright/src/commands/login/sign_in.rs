//! Signing a person in: chooses the way, waits, stores the session and tells what will be used from now on.

use std::time::Duration;

use keywright_client::Client;
use keywright_client::oauth::{DEFAULT_CLIENT_ID, Metadata, OAuth, Tokens};
use keywright_credentials::login::{Surroundings, Way};
use keywright_credentials::{SavedSession, StoredSession, client_id, save_session};
use keywright_protocol::Exit;

use super::events::{Event, SignedIn};
use super::patience::OF_A_BROWSER;
use super::{LoginArgs, browser, device, take_over};
use crate::context::Context;
use crate::error::CommandError;
use crate::input;
use crate::machine;
use crate::saved;
use crate::spinner::Spinner;
use crate::table::printable;

/// Signs in.
pub(super) async fn sign_in(context: &Context, args: &LoginArgs) -> Result<(), CommandError> {
    let signed_in = attempt(context, args).await?;
    if context.output.is_json() {
        context.output.event(&Event::SignedIn(&signed_in))
    } else {
        context.output.data(&signed_in, || signed_in.describe())
    }
}

async fn attempt(context: &Context, args: &LoginArgs) -> Result<SignedIn, CommandError> {
    let client = context.connect().await?;
    let oauth = OAuth::new(&context.server.url, client_id(&context.environment))?
        .with_machine(machine::name())
        .with_lifetime(args.lifetime)
        .with_essential_traffic_only(context.is_essential_traffic_only());
    let spinner = Spinner::start("asking the server");
    let metadata = oauth.discover().await;
    drop(spinner);
    let metadata = metadata?;
    // A session that cannot be stored would be lost, and live on.
    saved::check(context)?;
    ask_beforehand(context, args)?;
    // No other application may take accounts over.
    let may_take_over = !args.no_upgrade && oauth.client_id() == DEFAULT_CLIENT_ID;
    let offered = if may_take_over { take_over::offer(context, &client).await? } else { None };
    let oauth = oauth.with_upgrade(offered.as_ref().map(|offered| offered.ticket.clone()));
    let tokens = tokio::select! {
        tokens = tokens(context, args, &oauth, &metadata) => tokens?,
        interrupted = input::interruption() => return Err(interrupted),
    };
    let upgrade = tokens.upgrade;
    let session = StoredSession::new(tokens, oauth.client_id(), metadata.issuer(), context.now());
    let (session, is_marked) = whose(context, client, session).await;
    let signed_in = SignedIn::of(context, &session);
    let saved = save_session(
        &context.settings_file,
        &context.credential_file,
        context.clock.as_ref(),
        &context.server,
        session,
        args.name.as_ref(),
    )?;
    if let Some(offered) = &offered {
        take_over::report(context, offered, upgrade);
    }
    let warnings = report(context, &oauth, &saved).await;
    let essential_traffic_only = is_marked && context.is_essential_traffic_only();
    if essential_traffic_only {
        context.output.say(MARKED);
    }
    Ok(SignedIn {
        profile_name: saved.name.to_string(),
        is_new: saved.is_new,
        essential_traffic_only,
        warnings,
        upgrade,
        ..signed_in
    })
}

async fn tokens(
    context: &Context,
    args: &LoginArgs,
    oauth: &OAuth,
    metadata: &Metadata,
) -> Result<Tokens, CommandError> {
    let limit = args.timeout.map(|patience| patience.0);
    let surroundings = Surroundings::of(&context.environment);
    let way = match (args.device, args.browser) {
        (true, _) => Way::Device,
        (_, true) => Way::Browser,
        // A server without device codes leaves the browser, whose last address can be pasted.
        _ if metadata.offers_device() => surroundings.way(),
        _ => Way::Browser,
    };
    match way {
        Way::Device => within(limit, device::sign_in(context, oauth, metadata, limit)).await,
        Way::Browser => {
            let patience = limit.unwrap_or(OF_A_BROWSER);
            within(Some(patience), browser::sign_in(context, oauth, metadata, surroundings, patience)).await
        }
    }
}

/// Does `work`, for no longer than that.
async fn within<T>(
    limit: Option<Duration>,
    work: impl Future<Output = Result<T, CommandError>>,
) -> Result<T, CommandError> {
    let Some(limit) = limit else { return work.await };
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Err(too_late(limit)))
}

/// With the person and the organization, which the server knows, and whether it marks the account for essential
/// traffic only. The sign-in stands without them.
async fn whose(context: &Context, client: Client, session: StoredSession) -> (StoredSession, bool) {
    match client.with_token(session.access_token.clone()).whoami().await {
        Ok(who) => (session.of(&who), who.essential_traffic_only),
        Err(error) => {
            context.output.warn(&format!(
                "The sign-in has succeeded, but the server does not say whose it is: {error}"
            ));
            (session, false)
        }
    }
}

/// Says before the browser opens that the profile holds a key, which would count in place of the session. The person
/// may still choose an organization whose profile is another one.
fn ask_beforehand(context: &Context, args: &LoginArgs) -> Result<(), CommandError> {
    let profile = args.name.as_ref().unwrap_or(&context.profile);
    let stored = context.stored()?;
    let Some(key) = stored.entry(profile, &context.server.url).and_then(|entry| entry.api_key.as_ref())
    else {
        return Ok(());
    };
    context.output.warn(&format!(
        "the profile {profile} holds the API key {}…, which is used in place of a session in the same profile. To use \
         the session, forget the key first: `keywright profiles rm {profile}`.",
        key.hint()
    ));
    let asks = input::is_terminal() && !context.output.is_json();
    if asks && !input::confirm(context.output, "Sign in all the same?")? {
        return Err(CommandError::new(Exit::User, "NOT_CONFIRMED", "nobody was signed in"));
    }
    Ok(())
}

/// Says what is in the way, and ends the session that was there before; what is in the way.
async fn report(context: &Context, oauth: &OAuth, saved: &SavedSession) -> Vec<String> {
    context.report_set_aside(saved.set_aside.as_deref());
    let mut warnings = saved::shadows(context, &context.server, &saved.name);
    warnings.extend(saved.shadowed_by.as_ref().map(|hint| {
        format!(
            "The profile {} holds the API key {hint}… as well, which is used in place of the session. \
             `keywright profiles rm {}` forgets both; then sign in again.",
            saved.name, saved.name
        )
    }));
    warnings.iter().for_each(|words| context.output.warn(words));
    let old = saved.replaced.as_ref().filter(|old| old.ended_at.is_none());
    if let Some(token) = old.and_then(|old| old.refresh_token.as_ref())
        && let Err(error) = oauth.revoke(token).await
    {
        context.output.say_more(&format!("The session before is still good at the server: {error}"));
    }
    warnings
}

fn too_late(patience: Duration) -> CommandError {
    let message = format!("nobody signed in within {} s", patience.as_secs());
    CommandError::new(Exit::Expired, "SIGN_IN_EXPIRED", message)
        .hint("Start again: `keywright login`, with `--timeout LENGTH` for more time.")
}

impl SignedIn {
    fn of(context: &Context, session: &StoredSession) -> Self {
        Self {
            server: context.server.url.to_string(),
            profile_name: String::new(),
            is_new: false,
            email: session.email.clone(),
            organization_id: session.organization.as_ref().map(|organization| organization.id.to_string()),
            organization_name: session.organization.as_ref().map(|organization| organization.name.clone()),
            expires_at: session.expires_at,
            essential_traffic_only: false,
            warnings: Vec::new(),
            upgrade: None,
        }
    }

    fn describe(&self) -> String {
        let who = self.email.as_deref().map_or_else(String::new, |email| format!(" as {}", printable(email)));
        let organization = match &self.organization_name {
            Some(name) => format!(", in the organization {}", printable(name)),
            None => String::new(),
        };
        format!(
            "Signed in to {}{who}{organization}. The profile {} is the active one now.",
            self.server, self.profile_name
        )
    }
}

const MARKED: &str = "Essential traffic only: the account is marked, and the server captures no content of it. Its page \
                      /account takes the mark away.";
