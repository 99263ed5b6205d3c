//! `keywright tokens list`.

use keywright_protocol::Scopes;
use keywright_protocol::wire::ApiKey;

use crate::context::Context;
use crate::error::CommandError;
use crate::table::{minute, table};

/// Prints the active keys, newest first.
pub(crate) async fn list(context: &Context) -> Result<(), CommandError> {
    let keys = context.call("asking for the keys", async |client| client.list_keys().await).await?;
    context.output.data(&keys, || {
        table(["NAME", "ID", "KEY", "SCOPES", "CREATED", "LAST USED", "ENDS"], keys.keys.iter().map(row))
    })
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
