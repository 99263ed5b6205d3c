//! The page on which a person lets an application in.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri};
use keywright_identity::oauth::{
    Authorization, Consent, OAuthCode, OAuthError, SessionScope, Trust, Unanswerable,
};
use keywright_protocol::{Timestamp, UserId, oauth_routes};

use crate::api::Api;
use crate::oauth::Form;
use crate::pages::allow::{Choices, allowance, entered};
use crate::pages::browser::{Visitor, to_sign_in};
use crate::pages::respond::{LOOK, PageRefusal, page, redirect};

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage<'a> {
    look: &'static str,
    server: &'a str,
    client: &'a str,
    unverified: bool,
    host: &'a str,
    loopback: bool,
    machine: Option<&'a str>,
    /// The mailbox that the application expects, if it is another one than the person's.
    expected: Option<&'a str>,
    choices: &'a Choices,
    action: &'a str,
    form: &'a str,
    error: Option<&'a str>,
}

/// What an application asked for that cannot be, where the person is not sent on to it at once.
#[derive(Template)]
#[template(path = "refused.html")]
struct Refused<'a> {
    look: &'static str,
    server: &'a str,
    host: &'a str,
    address: &'a str,
    text: &'a str,
}

/// Shows who asks for what, to a person who is signed in.
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
    uri: Uri,
) -> Result<Response, PageRefusal> {
    let asked = match asked(&api, &uri).await {
        Ok(asked) => asked,
        Err(answer) => return answer,
    };
    if asked.silent {
        let signed_in_at = visitor.user().map(|(_, at)| at);
        return unanswered(&api, api.identity.refuse_silence(&asked, signed_in_at));
    }
    match signed_in(&api, &visitor, &asked) {
        None => sign_in_first(&api, &asked, &uri),
        Some((user, _)) => shown(&api, &visitor, user, &asked, &uri, None).await,
    }
}

/// Does as the person decides.
pub(super) async fn decide(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
    uri: Uri,
    form: Form,
) -> Result<Response, PageRefusal> {
    visitor.sent_our_form(&form)?;
    let asked = match asked(&api, &uri).await {
        Ok(asked) => asked,
        Err(answer) => return answer,
    };
    let Some((user, signed_in_at)) = signed_in(&api, &visitor, &asked) else {
        return sign_in_first(&api, &asked, &uri);
    };
    if form.text("decision") != Some("allow") {
        let error = OAuthError::new(OAuthCode::AccessDenied, "The person did not let the application in.");
        return redirect(&api.identity.refuse(&asked, &error));
    }
    let allowance = allowance(&form);
    if allowance.scope.is_some_and(SessionScope::is_empty) {
        let text = "Tick something that it may, or do not let it in.";
        return shown(&api, &visitor, user, &asked, &uri, Some(text)).await;
    }
    let Some(organization) = entered(&api, user, &form).await? else {
        return shown(&api, &visitor, user, &asked, &uri, Some("Choose an organization.")).await;
    };
    let consent = Consent { user, organization, signed_in_at, allowance };
    match api.identity.consent(&asked, &consent).await {
        Ok(address) => redirect(&address),
        Err(error) => redirect(&api.identity.refuse(&asked, &error)),
    }
}

/// Who is signed in, as lately as the application wants it.
fn signed_in(api: &Api, visitor: &Visitor, asked: &Authorization) -> Option<(UserId, Timestamp)> {
    visitor.user().filter(|(_, at)| !api.identity.must_sign_in_again(asked, *at))
}

/// On to signing in, and back to the same request.
fn sign_in_first(api: &Api, asked: &Authorization, uri: &Uri) -> Result<Response, PageRefusal> {
    let query = api.identity.query_after_sign_in(asked, &parameters(uri));
    to_sign_in(&format!("{}?{query}", oauth_routes::AUTHORIZE), asked.login_hint.as_deref())
}

fn parameters(uri: &Uri) -> Vec<(String, String)> {
    url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect()
}

async fn asked(api: &Api, uri: &Uri) -> Result<Authorization, Result<Response, PageRefusal>> {
    api.identity.authorization(&parameters(uri)).await.map_err(|why| unanswered(api, why))
}

fn unanswered(api: &Api, why: Unanswerable) -> Result<Response, PageRefusal> {
    match why {
        Unanswerable::Redirect(address) => redirect(&address),
        Unanswerable::Link { host, address, error } => {
            let server = api.identity.issuer();
            let template =
                Refused { look: LOOK, server, host: &host, address: &address, text: &error.description };
            Ok(page(StatusCode::BAD_REQUEST, &template, ""))
        }
        Unanswerable::Page(error) => {
            let status = match error.code {
                OAuthCode::TemporarilyUnavailable | OAuthCode::ServerError => error.code.status(),
                _ => 400,
            };
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
            Err(PageRefusal::new(status, "This link does not work", error.description))
        }
    }
}

async fn shown(
    api: &Api,
    visitor: &Visitor,
    user: UserId,
    asked: &Authorization,
    uri: &Uri,
    error: Option<&str>,
) -> Result<Response, PageRefusal> {
    let choices = Choices::of(api, user, asked.scope, asked.lifetime, asked.ticket).await?;
    let expected = asked.login_hint.as_deref();
    let (form, action, host) = (visitor.form(), own(uri), asked.shown_host());
    let template = ConsentPage {
        look: LOOK,
        server: api.identity.issuer(),
        client: &asked.client.name,
        unverified: asked.client.trust == Trust::Unverified,
        host: &host,
        loopback: asked.to_loopback(),
        machine: asked.machine.as_deref(),
        expected: expected.filter(|expected| !expected.eq_ignore_ascii_case(&choices.mailbox)),
        choices: &choices,
        action: &action,
        form: &form,
        error,
    };
    Ok(page(StatusCode::OK, &template, &asked.leads_to()))
}

/// The page itself, with its query.
fn own(uri: &Uri) -> String {
    format!("{}?{}", oauth_routes::AUTHORIZE, uri.query().unwrap_or_default())
}
