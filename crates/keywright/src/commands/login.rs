//! `keywright login`: signs a person in, or stores an API key that was made elsewhere.
//!
//! What is no key is refused before anything is asked or stored. If the server can be reached it must take
//! the key; if it cannot, the key is stored as it is.

mod browser;
mod device;
mod events;
mod patience;
mod qr;
mod sign_in;
mod take_over;
mod token;

use std::fs::File;
use std::io;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use keywright_client::{Client, ClientError};
use keywright_credentials::login::{BadApiKey, check_api_key, read_api_key};
use keywright_credentials::{KeyMetadata, NewStoredKey, ProfileName, SavedProfile, Source};
use keywright_protocol::wire::WhoAmI;
use keywright_protocol::{ErrorCode, Exit, Lifetime, Scope};
use keywright_secret::Secret;
use serde::Serialize;

use crate::absent::dead;
use crate::context::Context;
use crate::error::{CommandError, a_providers_key};
use crate::input;
use crate::saved;
use crate::spinner::Spinner;
use crate::table::printable;

/// Which key, and where to keep it.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct LoginArgs {
    #[command(subcommand)]
    command: Option<LoginCommand>,
    /// The file that holds the API key, and nothing else; `-` reads it from standard input
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,
    /// Signs in by a code that is entered on any device; over SSH and without a screen that is chosen anyway
    #[arg(long, conflicts_with_all = ["browser", "api_key_file"])]
    device: bool,
    /// Signs in by a browser, also over SSH: its last address is pasted here where it cannot come back
    #[arg(long, conflicts_with = "api_key_file")]
    browser: bool,
    /// Makes a temporary account, also after signing out
    #[arg(long, conflicts_with_all = ["device", "browser", "api_key_file", "name"])]
    temporary: bool,
    /// Leaves the temporary account of this profile as it is
    #[arg(long, conflicts_with_all = ["api_key_file", "temporary"])]
    no_upgrade: bool,
    /// How long the session lives at most, such as 8h or 30d; never longer than 90d, and the person may choose less on the page
    #[arg(long, value_name = "LENGTH", conflicts_with_all = ["api_key_file", "temporary"])]
    lifetime: Option<Lifetime>,
    /// Gives up after that time, such as 90s or 5m, at most 1h; 5m, or as long as a device code lives, when left out
    #[arg(long, value_name = "LENGTH")]
    timeout: Option<patience::Patience>,
    /// The name of the profile; made from the organization's when left out
    #[arg(long, value_name = "PROFILE")]
    name: Option<ProfileName>,
}

impl LoginArgs {
    /// Whether each step is told as it comes, by a line of its own.
    pub(crate) fn tells_steps(&self) -> bool {
        self.stores() && self.api_key_file.is_none()
    }

    /// Whether a credential is stored under a profile that is chosen for it.
    pub(crate) fn stores(&self) -> bool {
        self.command.is_none() && !self.temporary
    }
}

/// What else belongs to signing in.
#[derive(Debug, Subcommand)]
pub(crate) enum LoginCommand {
    /// Print a token for another program: it may use models alone, and ends within half a day
    ///
    /// `export ANTHROPIC_API_KEY=$(keywright login token)`, or as the apiKeyHelper of Claude Code.
    Token(token::TokenArgs),
}

/// Signs in, or stores the key; its profile is the active one then.
pub(crate) async fn login(context: &Context, args: LoginArgs) -> Result<u8, CommandError> {
    if let Some(LoginCommand::Token(args)) = &args.command {
        return token::token(context, args).await.map(|()| Exit::Ok as u8);
    }
    if args.temporary {
        return context.ask_for_temporary().await.map(|()| Exit::Ok as u8);
    }
    let brings_key = context.flagged_key().is_some() || args.api_key_file.is_some();
    if !brings_key {
        return sign_in::sign_in(context, &args).await.map(|()| Exit::Ok as u8);
    }
    if args.device || args.browser {
        return Err(CommandError::usage("`--api-key` stores a key; `--device` and `--browser` need none"));
    }
    store_key(context, args).await.map(|()| Exit::Ok as u8)
}

async fn store_key(context: &Context, args: LoginArgs) -> Result<(), CommandError> {
    let raw = bring(context, args.api_key_file).await?;
    let prefix = check_api_key(&raw).map_err(|error| refused("the key", error))?.hint();
    let known = verify(context, &raw).await?;
    let metadata = KeyMetadata { key_prefix: Some(prefix), ..known.metadata };
    let key = NewStoredKey { raw, metadata: metadata.clone() };
    let saved = saved::store(context, &context.server, key, args.name.as_ref())?;
    let stored = Stored::new(context, saved, known.verified, metadata);
    context.output.data(&stored, || stored.describe())
}

/// What the server says of the key.
#[derive(Default)]
struct Known {
    verified: bool,
    metadata: KeyMetadata,
}

async fn bring(context: &Context, file: Option<PathBuf>) -> Result<Secret, CommandError> {
    match (context.flagged_key(), file) {
        (Some(_), Some(_)) => {
            Err(CommandError::usage("`--api-key` and `--api-key-file` name two keys, and one can be stored"))
        }
        (Some(key), None) => {
            check_api_key(key).map_err(|error| refused("--api-key", error))?;
            Ok(key.clone())
        }
        (None, Some(path)) if path.as_os_str() == "-" => {
            let key = if input::is_typed() {
                let prompt = "Paste the API key and press Enter; it is not shown.";
                read_api_key(input::hidden(context.output, prompt).await?.expose().as_bytes())
            } else {
                read_api_key(io::stdin().lock())
            };
            key.map_err(|error| refused("standard input", error))
        }
        (None, Some(path)) => {
            let key = File::open(&path).map_err(BadApiKey::Unreadable).and_then(read_api_key);
            key.map_err(|error| refused(&path.display().to_string(), error))
        }
        (None, None) => Err(CommandError::usage("there is no key to store")),
    }
}

/// Asks the server whether it takes the key; one that cannot be reached leaves that open. The one on the
/// default address must prove first whose it is: else nobody has said which server the key is for.
async fn verify(context: &Context, key: &Secret) -> Result<Known, CommandError> {
    let spinner = Spinner::start("asking the server");
    let client = context.connect().await?.with_token(key.clone());
    let answer = client.whoami().await;
    drop(spinner);
    match answer {
        Ok(who) => Ok(Known { verified: true, metadata: metadata(&client, &who).await }),
        Err(error @ ClientError::Unreachable { .. }) => {
            context.output.warn(&format!(
                "{}. The key is stored as it is, whether it is good or not; `keywright whoami` asks later.",
                CommandError::from(error).with_causes()
            ));
            Ok(Known::default())
        }
        Err(error) => Err(dead(error.into(), Source::StoredKey)),
    }
}

/// Name and age are told to keys that manage keys alone; they are good to have, and no more.
async fn metadata(client: &Client, who: &WhoAmI) -> KeyMetadata {
    let told = KeyMetadata::of_caller(who);
    if !who.scopes.contains(Scope::ApiKeysManage) || client.is_essential_traffic_only() {
        return told;
    }
    match client.key(who.token_id).await {
        Ok(key) => told.with(KeyMetadata::of(&key)),
        Err(_) => told,
    }
}

/// What was stored, and where.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    profile_name: String,
    is_new: bool,
    server: String,
    verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_name: Option<String>,
    api_key: KeyMetadata,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced: Option<String>,
}

impl Stored {
    fn new(context: &Context, saved: SavedProfile, verified: bool, mut key: KeyMetadata) -> Self {
        Self {
            profile_name: saved.name.to_string(),
            is_new: saved.is_new,
            server: context.server.url.to_string(),
            verified,
            organization_id: key.organization_id.take().map(|id| id.to_string()),
            organization_name: key.organization_name.take(),
            api_key: key,
            replaced: saved.replaced_hint,
        }
    }

    fn describe(&self) -> String {
        let Self { profile_name, server, api_key, .. } = self;
        let prefix = api_key.key_prefix.as_deref().unwrap_or_default();
        let organization = match &self.organization_name {
            Some(name) => format!(" in the organization {}", printable(name)),
            None => String::new(),
        };
        let end = match api_key.expires_at {
            Some(end) => format!(" It ends {end}."),
            None => String::new(),
        };
        format!(
            "Stored the key {prefix}… for {server}{organization} under the profile {profile_name}, which is \
             the active one now.{end}"
        )
    }
}

fn refused(place: &str, error: BadApiKey) -> CommandError {
    let message = format!("{place}: {error}");
    let code = match error {
        BadApiKey::Unreadable(ref cause) => {
            return CommandError::new(Exit::User, "FILE_UNUSABLE", message).because(cause);
        }
        BadApiKey::Empty => ErrorCode::KeyMissing,
        BadApiKey::TooLong
        | BadApiKey::NotText
        | BadApiKey::SeveralLines
        | BadApiKey::Blanks
        | BadApiKey::Malformed(_) => ErrorCode::KeyMalformed,
        BadApiKey::Foreign { .. } | BadApiKey::Unknown | BadApiKey::OtherKind { .. } => {
            ErrorCode::WrongKeyKind
        }
    };
    let hint = match error {
        BadApiKey::Foreign { vendor } => a_providers_key(vendor),
        BadApiKey::OtherKind { .. } => {
            "Make a key with it: `keywright tokens create`. To use the token itself for one command, set \
             KEYWRIGHT_API_KEY."
                .to_owned()
        }
        BadApiKey::Blanks => "Take the blanks away and try again.".to_owned(),
        BadApiKey::Empty => "Check the command or the file that it should come from.".to_owned(),
        _ => code.next_action().to_owned(),
    };
    CommandError::known(code, message).hint(hint)
}
