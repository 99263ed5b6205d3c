//! `keywright tokens view`, and how one key is shown.

use clap::Args;
use keywright_protocol::Timestamp;
use keywright_protocol::wire::ApiKey;

use super::find;
use crate::context::Context;
use crate::error::CommandError;
use crate::table::printable;

/// Which key.
#[derive(Debug, Args)]
pub(crate) struct ViewArgs {
    /// The id, the name, or the beginning of the key that `tokens list` shows
    #[arg(value_name = "KEY")]
    key: String,
}

/// Asks the server and prints.
pub(crate) async fn view(context: &Context, args: ViewArgs) -> Result<(), CommandError> {
    let id = find::id(context, &args.key).await?;
    let key = context.call("asking for the key", async |client| client.key(id).await).await?;
    context.output.data(&key, || describe(&key))
}

/// A key in lines.
pub(super) fn describe(key: &ApiKey) -> String {
    let never = |instant: Option<Timestamp>| instant.map_or_else(|| "never".to_owned(), |at| at.to_string());
    let mut lines = vec![
        format!("name       {}", printable(&key.name)),
        format!("id         {}", key.key_id),
        format!("key        {}…", printable(&key.key_prefix)),
        format!("user       {}", key.user_id),
        format!("scopes     {}", key.scopes.to_stored()),
        format!("created    {}", key.created_at),
        format!("last used  {}", never(key.last_used_at)),
        format!("ends       {}", never(key.expires_at)),
    ];
    if let Some(old) = key.replaces {
        lines.push(format!("replaces   {old}, which still works"));
    }
    if let Some(new) = key.replaced_by {
        lines.push(format!("replaced   by {new}"));
    }
    lines.join("\n")
}
