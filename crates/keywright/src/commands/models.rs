//! `keywright models`: what the providers behind the server have.

use keywright_protocol::wire::ListedModel;

use crate::context::Context;
use crate::error::CommandError;
use crate::table::table;

/// Asks the server and prints.
pub(crate) async fn models(context: &Context) -> Result<(), CommandError> {
    let list = context.call("asking for the models", async |client| client.models().await).await?;
    if !list.incomplete.is_empty() {
        context.output.warn(&format!("{} did not say what it has.", list.incomplete.join(", ")));
    }
    context
        .output
        .data(&list, || table(["PROVIDER", "MODEL", "DIALECTS", "NAME"], list.models.iter().map(row)))
}

fn row(model: &ListedModel) -> [String; 4] {
    [
        model.provider.clone(),
        model.id.clone(),
        model.dialects.join(" "),
        model.display_name.clone().unwrap_or_else(|| "-".to_owned()),
    ]
}
