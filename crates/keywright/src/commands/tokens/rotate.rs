//! `keywright tokens rotate`: the new key goes to standard output alone, so that it can be piped on.

use std::io::{IsTerminal, stdout};

use clap::Args;
use keywright_protocol::Overlap;
use keywright_protocol::wire::{ApiKey, RotateKey, RotatedKey};

use super::find;
use crate::context::Context;
use crate::error::CommandError;
use crate::keeping;
use crate::table::printable;

/// Which key, and how.
#[derive(Debug, Args)]
pub(crate) struct RotateArgs {
    /// The id, the name, or the beginning of the key that `tokens list` shows
    #[arg(value_name = "KEY")]
    key: String,
    /// How long the old key still works, such as 90s, 1h or 7d, the longest; not at all when left out
    #[arg(long, value_name = "LENGTH")]
    overlap: Option<Overlap>,
    /// Prints the new key to a terminal even where it has been stored in a profile
    #[arg(long)]
    show: bool,
}

/// Puts a new key in the place of one and prints it.
pub(crate) async fn rotate(context: &Context, args: RotateArgs) -> Result<(), CommandError> {
    let id = find::id(context, &args.key).await?;
    keeping::identify(context).await?;
    let overlap = args.overlap.unwrap_or_default();
    let request = RotateKey { overlap_seconds: Some(overlap.seconds().into()) };
    let rotated =
        context.call("rotating the key", async |client| client.rotate_key(id, &request).await).await?;
    let (key, replaced) = (rotated.new.key, rotated.replaced);
    // First of all: without it this terminal may have locked itself out.
    let stored = keeping::rotated(context, id, &rotated.new.raw, &key);
    let old = if overlap == Overlap::default() {
        format!("{} works no more", replaced.key_id)
    } else {
        format!("{} works until {}", replaced.key_id, replaced.ends_at)
    };
    let masked = !stored.is_empty() && !args.show && !context.output.is_json() && stdout().is_terminal();
    let once = if masked { "" } else { " The new key is shown this once." };
    context.output.say(&format!("The key {} is {} now; {old}.{once}", printable(&key.name), key.key_id));
    if !stored.is_empty() {
        let names = keeping::names(&stored);
        context.output.say(&match masked {
            true => format!(
                "It is stored in {names}, in the place of the old one; `--show` would have printed it whole."
            ),
            false => format!("It is stored in {names} as well, in the place of the old one."),
        });
    }
    let raw = rotated.new.raw;
    let prefix = printable(&key.key_prefix);
    let shown = RotatedKey { api_key: ApiKey { raw: Some(raw.expose().to_owned()), ..key }, replaced };
    context.output.data(&shown, || if masked { format!("{prefix}…") } else { raw.expose().to_owned() })
}
