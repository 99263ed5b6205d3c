//! `keywright tokens rm`: keys that are named, or all that this account made.

use clap::Args;
use keywright_client::Client;
use keywright_protocol::wire::{ApiKey, ApiKeys, DeletedKey, WhoAmI};
use keywright_protocol::{Exit, KeyId};

use super::find;
use crate::context::Context;
use crate::error::CommandError;
use crate::input;
use crate::keeping;
use crate::table::printable;

/// Which keys.
#[derive(Debug, Args)]
pub(crate) struct RmArgs {
    /// The id, the name, or the beginning of the key that `tokens list` shows
    #[arg(required_unless_present = "all_mine", conflicts_with = "all_mine", value_name = "KEY")]
    keys: Vec<String>,
    /// Every key of your account, the one in use last
    #[arg(long)]
    all_mine: bool,
    /// Does not ask whether all should go
    #[arg(short, long)]
    yes: bool,
}

/// Deletes them.
pub(crate) async fn rm(context: &Context, args: RmArgs) -> Result<(), CommandError> {
    let ids = if args.all_mine {
        all_mine(context, args.yes).await?
    } else {
        find::ids(context, &args.keys).await?
    };
    keeping::identify(context).await?;
    let mut deleted: Vec<DeletedKey> = Vec::new();
    for id in &ids {
        let deleting = context.call("deleting", async |client: &Client| client.delete_key(*id).await).await;
        deleted.push(deleting.inspect_err(|_| {
            if ids.len() > 1 {
                context.output.warn(&format!("{} of {} keys were deleted.", deleted.len(), ids.len()));
            }
        })?);
        let forgotten = keeping::deleted(context, *id);
        if !forgotten.is_empty() {
            let names = keeping::names(&forgotten);
            context.output.say(&format!("The key {id} was stored in {names}; it is forgotten there."));
        }
    }
    context.output.data(&deleted, || match deleted.as_slice() {
        [] => "There is no key to delete.".to_owned(),
        some => some.iter().map(|key| format!("deleted {}", key.key_id)).collect::<Vec<_>>().join("\n"),
    })
}

/// The keys of the caller's user, once somebody has said yes to that.
async fn all_mine(context: &Context, yes: bool) -> Result<Vec<KeyId>, CommandError> {
    if !yes && !input::is_terminal() {
        return Err(CommandError::usage("`--all-mine` deletes every key of yours, and nobody can be asked")
            .hint("Add `--yes`."));
    }
    let ask = async |client: &Client| Ok((client.whoami().await?, client.list_keys().await?));
    let (who, list): (WhoAmI, ApiKeys) = context.call("asking for the keys", ask).await?;
    let mine = last_in_use(&list.keys, &who);
    if mine.is_empty() || yes {
        context.output.say(&format!("Deleting {} of {} keys.", mine.len(), counted(&list.keys)));
    } else {
        let names: Vec<String> = mine.iter().map(|key| printable(&key.name)).collect();
        let question =
            format!("Delete {} of {} keys: {}?", mine.len(), counted(&list.keys), names.join(", "));
        if !input::confirm(context.output, &question)? {
            return Err(CommandError::new(Exit::User, "NOT_CONFIRMED", "nothing was deleted"));
        }
    }
    Ok(mine.iter().map(|key| key.key_id).collect())
}

/// What is the user's, the key that the command itself uses at the end. A key that was rotated goes with its
/// successor.
fn last_in_use<'k>(keys: &'k [ApiKey], who: &WhoAmI) -> Vec<&'k ApiKey> {
    let mut mine: Vec<&ApiKey> =
        keys.iter().filter(|key| key.user_id == who.account.user_id && key.replaced_by.is_none()).collect();
    mine.sort_by_key(|key| key.key_id == who.token_id || key.replaces == Some(who.token_id));
    mine
}

fn counted(keys: &[ApiKey]) -> usize {
    keys.iter().filter(|key| key.replaced_by.is_none()).count()
}
