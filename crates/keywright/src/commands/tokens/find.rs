//! Which key is meant: its id, its name, or the first characters of the key as `list` shows them.

use keywright_client::Client;
use keywright_protocol::wire::ApiKey;
use keywright_protocol::{ErrorCode, Exit, KeyId};

use crate::context::Context;
use crate::error::CommandError;

/// The ids of the keys that are meant, all or, if one of them is not known, none. Asks the server only
/// where names are.
pub(super) async fn ids(context: &Context, wanted: &[String]) -> Result<Vec<KeyId>, CommandError> {
    if let Ok(ids) = wanted.iter().map(|key| key.parse()).collect::<Result<_, _>>() {
        return Ok(ids);
    }
    let list = context.call("asking for the keys", async |client: &Client| client.list_keys().await).await?;
    wanted.iter().map(|wanted| find(&list.keys, wanted)).collect()
}

/// The id of the one key that is meant.
pub(super) async fn id(context: &Context, wanted: &str) -> Result<KeyId, CommandError> {
    let wanted = [wanted.to_owned()];
    ids(context, &wanted).await?.pop().ok_or_else(unknown)
}

fn find(keys: &[ApiKey], wanted: &str) -> Result<KeyId, CommandError> {
    if let Ok(id) = wanted.parse() {
        return Ok(id);
    }
    let by = |same: &dyn Fn(&ApiKey) -> bool| -> Vec<KeyId> {
        keys.iter().filter(|key| same(key)).map(|key| key.key_id).collect()
    };
    // A name may look like the beginning of another key; the name was chosen by a person. Of a rotated
    // pair, which has one name, the new key is meant.
    let named = by(&|key| key.name == wanted && key.replaced_by.is_none());
    let found = if named.is_empty() { by(&|key| key.key_prefix == wanted) } else { named };
    match found.as_slice() {
        [id] => Ok(*id),
        [] => Err(unknown()),
        several => {
            let ids: Vec<String> = several.iter().map(ToString::to_string).collect();
            let message = format!("several keys begin so: {}", ids.join(", "));
            Err(CommandError::new(Exit::User, "KEY_AMBIGUOUS", message).hint("Name one by its id."))
        }
    }
}

/// The text is not repeated: it may be a whole key.
fn unknown() -> CommandError {
    CommandError::known(ErrorCode::NotFound, "no active key has that id, name or beginning")
        .hint("See `keywright tokens list`.")
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
            replaced_by: None,
            replaces: None,
        }
    }

    #[test]
    fn a_key_is_found_by_id_name_or_beginning() {
        let mut keys = vec![key("ci", "sk_kw_aaaa"), key("sk_kw_aaaa", "sk_kw_bbbb"), key("x", "sk_kw_cccc")];
        // Named like the id of another.
        keys.push(key(&keys[2].key_id.to_string(), "sk_kw_dddd"));
        for (wanted, index) in
            [("ci", 0), ("sk_kw_aaaa", 1), ("sk_kw_cccc", 2), (&keys[2].key_id.to_string(), 2)]
        {
            assert_eq!(find(&keys, wanted).unwrap(), keys[index].key_id, "{wanted}");
        }
        assert_eq!(find(&keys, "nope").unwrap_err().exit(), Exit::User as u8);
    }

    #[test]
    fn of_a_rotated_pair_the_name_means_the_new_one() {
        let (mut old, new) = (key("ci", "sk_kw_aaaa"), key("ci", "sk_kw_bbbb"));
        old.replaced_by = Some(new.key_id);
        let keys = [new, old];
        assert_eq!(find(&keys, "ci").unwrap(), keys[0].key_id);
        assert_eq!(find(&keys, "sk_kw_aaaa").unwrap(), keys[1].key_id);
    }

    #[test]
    fn a_beginning_that_two_keys_share_is_refused_and_names_both() {
        let keys = [key("a", "sk_kw_aaaa"), key("b", "sk_kw_aaaa")];
        let error = find(&keys, "sk_kw_aaaa").unwrap_err();
        assert!(keys.iter().all(|key| error.message().contains(&key.key_id.to_string())));
    }
}
