//! `keywright tokens create`: the key goes to standard output alone, so that it can be piped on.

use clap::Args;
use keywright_protocol::Lifetime;
use keywright_protocol::wire::{ApiKey, CreateKey};
use keywright_secret::random_hex;

use crate::commands::orgs::services;
use crate::context::Context;
use crate::error::CommandError;
use crate::keeping;
use crate::table::printable;

/// What the key shall be.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Its name, unlike that of any other active key
    #[arg(short, long)]
    name: Option<String>,
    /// How long it lives, such as 8h, 30d or 1d12h30m; for ever when left out
    #[arg(long, value_name = "LENGTH")]
    lifetime: Option<Lifetime>,
    /// What it may do; models:use alone when left out
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',')]
    scopes: Vec<String>,
    /// The service account that it is for, by its id or name; your own account when left out
    #[arg(long, value_name = "USER")]
    service_account: Option<String>,
}

/// Makes the key and prints it.
pub(crate) async fn create(context: &Context, args: CreateArgs) -> Result<(), CommandError> {
    let user_id = match &args.service_account {
        Some(wanted) => Some(services::find(context, wanted).await?.1.user_id),
        None => None,
    };
    let request = CreateKey {
        // Made here and not by the server, so that a repeated call is not refused for the name.
        name: args.name.unwrap_or_else(|| format!("cli-{}", random_hex::<4>().expose())),
        scopes: (!args.scopes.is_empty()).then_some(args.scopes),
        expires_in_days: None,
        lifetime_seconds: args.lifetime.map(|lifetime| lifetime.seconds().into()),
        user_id,
    };
    let created = context.call("making the key", async |client| client.create_key(&request).await).await?;
    let until = created.key.expires_at.map_or_else(|| "never ends".to_owned(), |end| format!("ends {end}"));
    let words = format!(
        "Made the key {} ({}), which {until}. It is shown this once.",
        printable(&created.key.name),
        created.key.key_id
    );
    let wanted = args.lifetime.map(|lifetime| created.key.created_at.plus_seconds(lifetime.seconds()));
    let cut = created.key.expires_at.zip(wanted).filter(|(end, wanted)| end < wanted);
    let shown = ApiKey { raw: Some(created.raw.expose().to_owned()), ..created.key };
    context.output.say(&words);
    if let Some((end, wanted)) = cut {
        context.output.warn(&format!(
            "it was to live until {wanted}, but no key outlives its account, which ends {end}. To make the \
             account one that stays: `keywright auth signup-request --email EMAIL`."
        ));
    }
    context.output.data(&shown, || created.raw.expose().to_owned())?;
    keeping::minted(context, shown.key_id);
    Ok(())
}
