//! The page on which a person sees which devices and applications are in, and ends them; answers invitations; and
//! says whether content of it may ever be kept.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use keywright_identity::oauth::Trust;
use keywright_protocol::wire::Invitation;
use keywright_protocol::{ErrorCode, KeyId, OrganizationId, Role, oauth_routes as routes};

use crate::api::Api;
use crate::oauth::Form;
use crate::pages::allow::minute;
use crate::pages::browser::{Visitor, dropped, to_sign_in};
use crate::pages::respond::{LOOK, PageRefusal, page, redirect, with_cookie};

/// A session as it is shown.
struct Shown {
    id: KeyId,
    client: String,
    unverified: bool,
    /// Where its answers go, unless it is forgotten.
    hosts: String,
    organization: String,
    machine: Option<String>,
    address: String,
    since: String,
    used: String,
    ends: String,
}

#[derive(Template)]
#[template(path = "account.html")]
struct Account<'a> {
    look: &'static str,
    server: &'a str,
    mailbox: &'a str,
    form: &'a str,
    sessions: &'a [Shown],
    invitations: &'a [Invitation],
    essential: bool,
}

/// Shows them.
pub(super) async fn show(State(api): State<Arc<Api>>, visitor: Visitor) -> Result<Response, PageRefusal> {
    let Some((user, _)) = visitor.user() else { return to_sign_in(routes::ACCOUNT, None) };
    let entrances = api.identity.entrances(user).await?;
    let name = |id: OrganizationId| {
        let known = entrances.organizations.iter().find(|known| known.organization == id);
        known.map_or_else(|| id.to_string(), |known| known.name.clone())
    };
    let rows = api.identity.sessions(user).await?;
    let mut sessions = Vec::with_capacity(rows.len());
    for row in rows {
        let client =
            api.identity.oauth_client(&row.client).await.map_err(|_| ErrorCode::StorageUnavailable)?;
        sessions.push(Shown {
            id: row.id,
            client: row.client_name,
            unverified: client.as_ref().is_none_or(|client| client.trust == Trust::Unverified),
            hosts: client.map(|client| client.hosts().join(", ")).unwrap_or_default(),
            organization: name(row.organization),
            machine: row.machine,
            address: row.address,
            since: minute(row.created_at),
            used: row.last_used_at.map_or_else(|| "not noted yet".to_owned(), minute),
            ends: minute(row.expires_at),
        });
    }
    let template = Account {
        look: LOOK,
        server: api.identity.issuer(),
        mailbox: &entrances.mailbox,
        form: &visitor.form(),
        sessions: &sessions,
        invitations: &entrances.invitations,
        essential: api.identity.essential_traffic_only(user).await?,
    };
    Ok(page(StatusCode::OK, &template, ""))
}

/// Does what was pressed.
pub(super) async fn act(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
    form: Form,
) -> Result<Response, PageRefusal> {
    visitor.sent_our_form(&form)?;
    let Some((user, _)) = visitor.user() else { return to_sign_in(routes::ACCOUNT, None) };
    let identity = &api.identity;
    if form.text("end") == Some("all") {
        identity.end_all_sessions(user).await?;
        return with_cookie(redirect(routes::LOGIN)?, &dropped(&api));
    }
    let pressed = ["end", "accept", "decline", "essential"];
    let pressed = pressed.into_iter().find_map(|name| form.text(name).map(|value| (name, value)));
    match pressed {
        Some(("end", session)) => identity.end_session(user, named(session)?).await?,
        Some(("accept", organization)) => identity.accept_at_page(user, named(organization)?).await?,
        Some(("decline", organization)) => identity.decline_at_page(user, named(organization)?).await?,
        Some((_, mark)) => identity.set_essential_traffic_only(user, mark == "on").await?,
        None => return Err(ErrorCode::InvalidRequest.into()),
    }
    redirect(routes::ACCOUNT)
}

/// What is no id is that of nothing.
fn named<T: std::str::FromStr>(text: &str) -> Result<T, PageRefusal> {
    text.parse().map_err(|_| ErrorCode::NotFound.into())
}
