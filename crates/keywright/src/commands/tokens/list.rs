//! `keywright tokens list`.

use std::collections::{BTreeMap, BTreeSet};

use keywright_client::Client;
use keywright_protocol::wire::{ApiKey, Member};
use keywright_protocol::{Scopes, UserId};

use crate::context::Context;
use crate::error::CommandError;
use crate::table::{minute, table};

/// Prints the active keys, newest first.
pub(crate) async fn list(context: &Context) -> Result<(), CommandError> {
    let keys = context.call("asking for the keys", async |client| client.list_keys().await).await?;
    let users: BTreeSet<UserId> = keys.keys.iter().map(|key| key.user_id).collect();
    let owners = match users.len() > 1 && !context.output.is_json() {
        true => Some(names(context).await),
        false => None,
    };
    context.output.data(&keys, || match owners {
        None => {
            table(["NAME", "ID", "KEY", "SCOPES", "CREATED", "LAST USED", "ENDS"], keys.keys.iter().map(row))
        }
        Some(owners) => {
            let owned = |key: &ApiKey| {
                let [name, id, hint, scopes, created, used, ends] = row(key);
                let owner = owners.get(&key.user_id).cloned().unwrap_or_else(|| key.user_id.to_string());
                [name, id, hint, owner, scopes, created, used, ends]
            };
            let headings = ["NAME", "ID", "KEY", "OWNER", "SCOPES", "CREATED", "LAST USED", "ENDS"];
            table(headings, keys.keys.iter().map(owned))
        }
    })
}

/// What the members are called. Whoever may not see them is shown ids.
async fn names(context: &Context) -> BTreeMap<UserId, String> {
    let ask = async |client: &Client| {
        let organization = client.whoami().await?.account.organization_id;
        client.members(organization).await
    };
    let Ok(members) = context.call("asking for the members", ask).await else { return BTreeMap::new() };
    let named = |member: Member| Some((member.user_id, member.email.or(member.name)?));
    members.members.into_iter().filter_map(named).collect()
}

fn row(key: &ApiKey) -> [String; 7] {
    [
        key.name.clone(),
        key.key_id.to_string(),
        format!("{}…", key.key_prefix),
        if key.scopes == Scopes::EVERY { "all".to_owned() } else { key.scopes.to_stored() },
        minute(key.created_at),
        key.last_used_at.map_or_else(never, minute),
        match (key.replaced_by, key.expires_at.map_or_else(never, minute)) {
            (None, end) => end,
            (Some(_), end) => format!("{end} (replaced)"),
        },
    ]
}

fn never() -> String {
    "never".to_owned()
}
