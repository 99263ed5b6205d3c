//! `keywright whoami`: whose credential this is, as the server sees it.

use keywright_credentials::Source;
use keywright_protocol::wire::WhoAmI;
use serde::Serialize;

use crate::caution;
use crate::context::Context;
use crate::error::CommandError;
use crate::keeping;
use crate::table::printable;

/// Asks the server.
pub(crate) async fn whoami(context: &Context) -> Result<(), CommandError> {
    let who = context.call("asking the server", async |client| client.whoami().await).await?;
    keeping::caller(context, &who);
    caution::caller(context, &who);
    let source = context.credential()?.map(|used| used.source);
    let seen = Seen {
        profile: context.profile.as_str(),
        profile_source: context.profile_source.as_str(),
        credential_source: source.map(Source::as_str),
        who: &who,
    };
    context.output.data(&seen, || describe(context, source, &who))
}

/// The server's answer, and by which profile and credential it was asked.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Seen<'a> {
    profile: &'a str,
    profile_source: &'static str,
    credential_source: Option<&'static str>,
    #[serde(flatten)]
    who: &'a WhoAmI,
}

fn kind_of_token(kind: &str) -> String {
    match kind {
        "at" => "an access token".to_owned(),
        "tmp" => "the token of a temporary account".to_owned(),
        "sk" => "an API key".to_owned(),
        other => printable(other),
    }
}

fn describe(context: &Context, source: Option<Source>, who: &WhoAmI) -> String {
    let kind = match (who.temporary, who.administrator) {
        (true, true) => " (temporary, administrator)",
        (true, false) => " (temporary)",
        (false, true) => " (administrator)",
        (false, false) => "",
    };
    let scopes: Vec<&str> = who.scopes.iter().map(|scope| scope.as_str()).collect();
    let place = source.map(|source| format!(", from {}", source.describe())).unwrap_or_default();
    let ends = who.expires_at.map_or_else(|| "never".to_owned(), |end| end.to_string());
    let email = who.email.as_deref().map(|email| format!("e-mail        {}", printable(email)));
    let role = who.role.map(|role| format!("role          {role}"));
    let lines = [
        Some(format!("user          {}{kind}", who.account.user_id)),
        email,
        role,
        Some(format!("organization  {} {}", who.account.organization_id, printable(&who.organization_name))),
        Some(format!("server        {}", context.server.url)),
        Some(format!("profile       {} (from {})", context.profile, context.profile_source.describe())),
        Some(format!("token         {} ({}{place})", who.token_id, kind_of_token(&who.token_kind))),
        Some(format!("scopes        {}", scopes.join(" "))),
        Some(format!("ends          {ends}")),
    ];
    lines.into_iter().flatten().collect::<Vec<_>>().join("\n")
}
