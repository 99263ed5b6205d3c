//! `keywright orgs services`: service accounts. The first key goes to standard output alone, as with
//! `tokens create`.

use clap::{Args, Subcommand};
use keywright_protocol::wire::{self, AskedKey, CreateServiceAccount, Member, Members, UserKind};
use keywright_protocol::{ErrorCode, OrganizationId};

use super::{find, members};
use crate::commands::new_key::NewKeyArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::table::{minute, printable, table};

/// What to do with service accounts.
#[derive(Debug, Subcommand)]
pub(crate) enum ServicesCommand {
    /// Make a service account and print its key, this once
    Create(CreateArgs),
    /// List the service accounts
    #[command(visible_alias = "ls")]
    List,
    /// Delete a service account; its keys are dead at once
    #[command(visible_alias = "remove")]
    Rm(RmArgs),
}

/// What the account shall be.
#[derive(Debug, Args)]
#[command(mut_arg("key_name", |name| name.help("The name of its key; that of the account when left out")))]
pub(crate) struct CreateArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    account: String,
    /// What its key may do; models:use alone when left out
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',')]
    scopes: Vec<String>,
    #[command(flatten)]
    key: NewKeyArgs,
}

/// Which account.
#[derive(Debug, Args)]
pub(crate) struct RmArgs {
    /// Its id or name
    #[arg(value_name = "USER")]
    user: String,
    /// Does not ask
    #[arg(short, long)]
    yes: bool,
}

/// Does it.
pub(super) async fn services(context: &Context, command: ServicesCommand) -> Result<(), CommandError> {
    match command {
        ServicesCommand::Create(args) => create(context, args).await,
        ServicesCommand::List => list(context).await,
        ServicesCommand::Rm(args) => rm(context, args).await,
    }
}

async fn create(context: &Context, args: CreateArgs) -> Result<(), CommandError> {
    let CreateArgs { account, scopes, key } = args;
    // A list of keys with one name and numbers behind it says nothing.
    let AskedKey { name: key_name, expires_in_days } = key.asked().unwrap_or_default();
    let request = CreateServiceAccount {
        name: account.clone(),
        scopes: (!scopes.is_empty()).then_some(scopes),
        api_key: Some(AskedKey { name: key_name.or_else(|| Some(account.clone())), expires_in_days }),
    };
    let made = context
        .call("making the service account", async |client| {
            client.create_service_account(find::current(client).await?, &request).await
        })
        .await?;
    let (member, raw) = (made.member, made.key.raw);
    context.output.say(&format!(
        "Made the service account {} ({}) with the key {}. The key is shown this once.",
        find::called(&member),
        member.user_id,
        printable(&made.key.key.name)
    ));
    let api_key = wire::ApiKey { raw: Some(raw.expose().to_owned()), ..made.key.key };
    context.output.data(&wire::ServiceAccount { member, api_key }, || raw.expose().to_owned())
}

async fn list(context: &Context) -> Result<(), CommandError> {
    let (_, Members { mut members }) = members::ask(context).await?;
    members.retain(|member| member.kind == UserKind::Service);
    let list = Members { members };
    context
        .output
        .data(&list, || table(["NAME", "ID", "ROLE", "SINCE", "KEYS"], list.members.iter().map(row)))
}

fn row(member: &Member) -> [String; 5] {
    [
        member.name.clone().unwrap_or_default(),
        member.user_id.to_string(),
        member.role.to_string(),
        minute(member.joined_at),
        member.active_keys.to_string(),
    ]
}

async fn rm(context: &Context, args: RmArgs) -> Result<(), CommandError> {
    let (organization, account) = find(context, &args.user).await?;
    members::remove(context, organization, &account, args.yes).await
}

/// The service account that is meant, and the organization that it is in.
pub(crate) async fn find(context: &Context, wanted: &str) -> Result<(OrganizationId, Member), CommandError> {
    let (organization, Members { mut members }) = members::ask(context).await?;
    members.retain(|member| member.kind == UserKind::Service);
    match find::member(&members, wanted) {
        Ok(account) => Ok((organization, account.clone())),
        Err(error) if error.is(ErrorCode::NotFound) => {
            Err(CommandError::known(ErrorCode::NotFound, "no service account has that id or name")
                .hint("See `keywright orgs services list`."))
        }
        Err(error) => Err(error),
    }
}
