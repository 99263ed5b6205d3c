//! `keywright orgs members`: who is in the organization, what they are, and removing them.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use keywright_client::Client;
use keywright_protocol::wire::{Member, Members};
use keywright_protocol::{Exit, OrganizationId, Role};

use super::find;
use crate::context::Context;
use crate::error::CommandError;
use crate::input;
use crate::table::{minute, table};

/// What to do with members.
#[derive(Debug, Args)]
pub(crate) struct MembersArgs {
    #[command(subcommand)]
    command: Option<MembersCommand>,
}

#[derive(Debug, Subcommand)]
enum MembersCommand {
    /// List the members, the first to come first
    #[command(visible_alias = "ls")]
    List,
    /// Make somebody a member, an admin or an owner
    Role(RoleArgs),
    /// Remove a member, whose keys here are dead at once
    #[command(visible_alias = "remove")]
    Rm(RmArgs),
}

#[derive(Debug, Args)]
struct RoleArgs {
    /// The id or mailbox of a member, or the name of a service account
    #[arg(value_name = "USER")]
    user: String,
    /// What the member is from now on
    #[arg(value_name = "ROLE", value_parser = role())]
    role: Role,
}

#[derive(Debug, Args)]
struct RmArgs {
    /// The id or mailbox of a member, or the name of a service account
    #[arg(value_name = "USER")]
    user: String,
    /// Does not ask
    #[arg(short, long)]
    yes: bool,
}

/// What a role is typed as.
pub(super) fn role() -> impl TypedValueParser<Value = Role> {
    PossibleValuesParser::new(["member", "admin", "owner"])
        .try_map(|name| Role::from_name(&name).ok_or("no role has that name"))
}

/// Does it.
pub(super) async fn members(context: &Context, args: MembersArgs) -> Result<(), CommandError> {
    match args.command {
        None | Some(MembersCommand::List) => list(context).await,
        Some(MembersCommand::Role(args)) => change(context, args).await,
        Some(MembersCommand::Rm(args)) => {
            let (organization, members) = ask(context).await?;
            remove(context, organization, find::member(&members.members, &args.user)?, args.yes).await
        }
    }
}

/// The organization in use, and its members.
pub(super) async fn ask(context: &Context) -> Result<(OrganizationId, Members), CommandError> {
    let ask = async |client: &Client| {
        let organization = find::current(client).await?;
        Ok((organization, client.members(organization).await?))
    };
    context.call("asking for the members", ask).await
}

/// Removes `member`, once somebody has said yes to that.
pub(super) async fn remove(
    context: &Context,
    organization: OrganizationId,
    member: &Member,
    yes: bool,
) -> Result<(), CommandError> {
    let called = find::called(member);
    if !yes {
        if !input::is_terminal() {
            return Err(CommandError::usage(format!(
                "{called} and {} would go, and nobody can be asked",
                keys(member.active_keys)
            ))
            .hint("Add `--yes`."));
        }
        let question = format!("Remove {called} and delete {}?", keys(member.active_keys));
        if !input::confirm(context.output, &question)? {
            return Err(CommandError::new(Exit::User, "NOT_CONFIRMED", "nobody was removed"));
        }
    }
    let removed = context
        .call("removing the member", async |client| client.remove_member(organization, member.user_id).await)
        .await?;
    context.output.data(&removed, || format!("removed {called}; {} died", tokens(removed.revoked_tokens)))
}

async fn list(context: &Context) -> Result<(), CommandError> {
    let (_, members) = ask(context).await?;
    context.output.data(&members, || {
        table(["MEMBER", "ID", "KIND", "ROLE", "SINCE", "KEYS"], members.members.iter().map(row))
    })
}

fn row(member: &Member) -> [String; 6] {
    let name = member.email.as_ref().or(member.name.as_ref());
    [
        name.cloned().unwrap_or_default(),
        member.user_id.to_string(),
        find::kind(member.kind).to_owned(),
        member.role.to_string(),
        minute(member.joined_at),
        member.active_keys.to_string(),
    ]
}

async fn change(context: &Context, args: RoleArgs) -> Result<(), CommandError> {
    let (organization, members) = ask(context).await?;
    let member = find::member(&members.members, &args.user)?;
    let changed = context
        .call("changing the role", async |client| {
            client.update_member(organization, member.user_id, args.role).await
        })
        .await?;
    context.output.data(&changed, || format!("{} is {} now", find::called(&changed), in_words(changed.role)))
}

fn in_words(role: Role) -> &'static str {
    match role {
        Role::Member => "a member",
        Role::Admin => "an admin",
        Role::Owner => "an owner",
    }
}

/// So many keys, in words.
pub(super) fn keys(count: i64) -> String {
    if count == 1 { "1 key".to_owned() } else { format!("{count} keys") }
}

/// So many tokens, in words.
pub(super) fn tokens(count: i64) -> String {
    if count == 1 { "1 token".to_owned() } else { format!("{count} tokens") }
}
