//! `keywright tokens rm`: by id, by name, or by the first characters of the key as `list` shows them.

use clap::Args;
use keywright_client::Client;
use keywright_protocol::wire::{ApiKey, DeletedKey};
use keywright_protocol::{ErrorCode, Exit, KeyId};

use crate::context::Context;
use crate::error::CommandError;

/// Which keys.
#[derive(Debug, Args)]
pub(crate) struct RmArgs {
    /// The id, the name, or the beginning of the key that `tokens list` shows
    #[arg(required = true, value_name = "KEY")]
    keys: Vec<String>,
}

/// Deletes them, all or, if one of them is not known, none.
pub(crate) async fn rm(context: &Context, args: RmArgs) -> Result<(), CommandError> {
    let ids = if let Ok(ids) = args.keys.iter().map(|key| key.parse()).collect::<Result<Vec<KeyId>, _>>() {
        ids
    } else {
        let list = context.call("asking for the keys", async |client| client.list_keys().await).await?;
        args.keys.iter().map(|wanted| find(&list.keys, wanted)).collect::<Result<Vec<_>, _>>()?
    };
    let mut deleted: Vec<DeletedKey> = Vec::new();
    for id in ids {
        deleted.push(context.call("deleting", async |client: &Client| client.delete_key(id).await).await?);
    }
    context.output.data(&deleted, || {
        deleted.iter().map(|key| format!("deleted {}", key.key_id)).collect::<Vec<_>>().join("\n")
    })
}

fn find(keys: &[ApiKey], wanted: &str) -> Result<KeyId, CommandError> {
    let by = |same: &dyn Fn(&ApiKey) -> bool| -> Vec<KeyId> {
        keys.iter().filter(|key| same(key)).map(|key| key.key_id).collect()
    };
    // A name may look like the beginning of another key; the name was chosen by a person.
    let exact = by(&|key| key.key_id.to_string() == wanted || key.name == wanted);
    let found = if exact.is_empty() { by(&|key| key.key_prefix == wanted) } else { exact };
    match found.as_slice() {
        [id] => Ok(*id),
        // The text is not repeated: it may be a whole key.
        [] => Err(CommandError::known(ErrorCode::NotFound, "no active key has that id, name or beginning")
            .hint("See `keywright tokens list`.")),
        several => {
            let ids: Vec<String> = several.iter().map(ToString::to_string).collect();
            let message = format!("several keys begin so: {}", ids.join(", "));
            Err(CommandError::new(Exit::User, "KEY_AMBIGUOUS", message).hint("Name one by its id."))
        }
    }
}

#[cfg(test)]
mod tests {
    use keywright_protocol::{Scopes, Timestamp, UserId};

    use super::*;

    fn key(name: &str, key_prefix: &str) -> ApiKey {
        ApiKey {
            key_id: KeyId::new(),
            raw: None,
            key_prefix: key_prefix.into(),
            name: name.into(),
            scopes: Scopes::GATEWAY,
            created_at: Timestamp(0),
            expires_at: None,
            last_used_at: None,
            user_id: UserId::new(),
        }
    }

    #[test]
    fn a_key_is_found_by_id_name_or_beginning() {
        let keys = [key("ci", "sk_kw_aaaa"), key("sk_kw_aaaa", "sk_kw_bbbb"), key("x", "sk_kw_cccc")];
        for (wanted, index) in
            [("ci", 0), ("sk_kw_aaaa", 1), ("sk_kw_cccc", 2), (&keys[2].key_id.to_string(), 2)]
        {
            assert_eq!(find(&keys, wanted).unwrap(), keys[index].key_id, "{wanted}");
        }
        assert_eq!(find(&keys, "nope").unwrap_err().exit(), Exit::User as u8);
    }

    #[test]
    fn a_beginning_that_two_keys_share_is_refused_and_names_both() {
        let keys = [key("a", "sk_kw_aaaa"), key("b", "sk_kw_aaaa")];
        let error = find(&keys, "sk_kw_aaaa").unwrap_err();
        assert!(keys.iter().all(|key| error.message().contains(&key.key_id.to_string())));
    }
}
