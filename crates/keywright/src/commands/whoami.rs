//! `keywright whoami`: whose credential this is, as the server sees it.

use keywright_protocol::wire::WhoAmI;

use crate::context::Context;
use crate::error::CommandError;
use crate::table::printable;

/// Asks the server.
pub(crate) async fn whoami(context: &Context) -> Result<(), CommandError> {
    let who = context.call("asking the server", async |client| client.whoami().await).await?;
    context.output.data(&who, || describe(&who))
}

fn describe(who: &WhoAmI) -> String {
    let kind = match (who.temporary, who.administrator) {
        (true, true) => " (temporary, administrator)",
        (true, false) => " (temporary)",
        (false, true) => " (administrator)",
        (false, false) => "",
    };
    let scopes: Vec<&str> = who.scopes.iter().map(|scope| scope.as_str()).collect();
    let ends = who.expires_at.map_or_else(|| "never".to_owned(), |end| end.to_string());
    [
        format!("user          {}{kind}", who.account.user_id),
        format!("organization  {} {}", who.account.organization_id, printable(&who.organization_name)),
        format!("token         {} ({})", who.token_id, printable(&who.token_kind)),
        format!("scopes        {}", scopes.join(" ")),
        format!("ends          {ends}"),
    ]
    .join("\n")
}
