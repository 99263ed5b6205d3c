//! The page on which a person sees which devices and applications are in, and ends them.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use keywright_protocol::{ErrorCode, KeyId, oauth_routes as routes};

use crate::api::Api;
use crate::oauth::Form;
use crate::pages::authorize::mailbox;
use crate::pages::browser::{Visitor, to_sign_in};
use crate::pages::device::minute;
use crate::pages::respond::{LOOK, PageRefusal, page, redirect};

/// A session as it is shown.
struct Shown {
    id: KeyId,
    client: String,
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
}

/// Shows them.
pub(super) async fn show(State(api): State<Arc<Api>>, visitor: Visitor) -> Result<Response, PageRefusal> {
    let Some((user, _)) = visitor.user() else { return to_sign_in(routes::ACCOUNT) };
    let rows = api.identity.sessions(user).await?;
    let sessions: Vec<Shown> = rows
        .into_iter()
        .map(|row| Shown {
            id: row.id,
            client: row.client_name,
            machine: row.machine,
            address: row.address,
            since: minute(row.created_at),
            used: row.last_used_at.map_or_else(|| "not noted yet".to_owned(), minute),
            ends: minute(row.expires_at),
        })
        .collect();
    let (mailbox, form) = (mailbox(&api, user).await?, visitor.form());
    let server = api.identity.issuer();
    let template = Account { look: LOOK, server, mailbox: &mailbox, form: &form, sessions: &sessions };
    Ok(page(StatusCode::OK, &template, ""))
}

/// Ends one.
pub(super) async fn end(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
    form: Form,
) -> Result<Response, PageRefusal> {
    visitor.sent_our_form(&form)?;
    let Some((user, _)) = visitor.user() else { return to_sign_in(routes::ACCOUNT) };
    let session: KeyId = form.text("end").and_then(|text| text.parse().ok()).ok_or(ErrorCode::NotFound)?;
    api.identity.end_session(user, session).await?;
    redirect(routes::ACCOUNT)
}
