//! `keywright tokens update`: another name, less scope, another end.

use clap::Args;
use keywright_protocol::Lifetime;
use keywright_protocol::wire::UpdateKey;

use super::{find, view};
use crate::context::Context;
use crate::error::CommandError;
use crate::keeping;

/// Which key, and what of it.
#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    /// The id, the name, or the beginning of the key that `tokens list` shows
    #[arg(value_name = "KEY")]
    key: String,
    #[command(flatten)]
    change: Change,
}

/// What is to change.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct Change {
    /// Its new name
    #[arg(short, long)]
    name: Option<String>,
    /// How long it lives from now on, such as 8h or 30d; only an owner makes it longer
    #[arg(long, value_name = "LENGTH")]
    lifetime: Option<Lifetime>,
    /// What it may do from now on: some of what it may do now
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',')]
    scopes: Vec<String>,
}

/// Changes the key and shows it.
pub(crate) async fn update(context: &Context, args: UpdateArgs) -> Result<(), CommandError> {
    let id = find::id(context, &args.key).await?;
    let Change { name, lifetime, scopes } = args.change;
    let request = UpdateKey {
        name,
        scopes: (!scopes.is_empty()).then_some(scopes),
        expires_in_days: None,
        lifetime_seconds: lifetime.map(|lifetime| lifetime.seconds().into()),
    };
    let changed =
        context.call("changing the key", async |client| client.update_key(id, &request).await).await?;
    keeping::updated(context, &changed);
    context.output.data(&changed, || view::describe(&changed))
}
