//! The page on which a person lets an application in.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri};
use keywright_identity::oauth::{Authorization, Consent, OAuthCode, OAuthError, Trust, Unanswerable};
use keywright_protocol::{OrganizationId, Timestamp, UserId, oauth_routes};

use crate::api::Api;
use crate::oauth::Form;
use crate::pages::browser::{Visitor, to_sign_in};
use crate::pages::respond::{LOOK, PageRefusal, page, redirect};

/// An organization to choose.
pub(super) struct Choice {
    pub(super) id: OrganizationId,
    pub(super) name: String,
}

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
    mailbox: &'a str,
    days: i64,
    scopes: &'a [String],
    choices: &'a [Choice],
    action: &'a str,
    form: &'a str,
    error: Option<&'a str>,
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
        let error = OAuthError::new(OAuthCode::InteractionRequired, "A person must consent each time.");
        return redirect(&api.identity.refuse(&asked, &error));
    }
    match visitor.user() {
        None => to_sign_in(&own(&uri)),
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
    let Some((user, signed_in_at)) = visitor.user() else { return to_sign_in(&own(&uri)) };
    if form.text("decision") != Some("allow") {
        let error = OAuthError::new(OAuthCode::AccessDenied, "The person did not let the application in.");
        return redirect(&api.identity.refuse(&asked, &error));
    }
    match chosen(&api, user, &form).await? {
        None => shown(&api, &visitor, user, &asked, &uri, Some("Choose an organization.")).await,
        Some(organization) => let_in(&api, &asked, user, organization, signed_in_at).await,
    }
}

async fn let_in(
    api: &Api,
    asked: &Authorization,
    user: UserId,
    organization: OrganizationId,
    signed_in_at: Timestamp,
) -> Result<Response, PageRefusal> {
    let consent = Consent { user, organization, signed_in_at };
    match api.identity.consent(asked, &consent).await {
        Ok(address) => redirect(&address),
        Err(error) => redirect(&api.identity.refuse(asked, &error)),
    }
}

async fn asked(api: &Api, uri: &Uri) -> Result<Authorization, Result<Response, PageRefusal>> {
    let parameters: Vec<(String, String)> =
        url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    api.identity.authorization(&parameters).await.map_err(|why| match why {
        Unanswerable::Redirect(address) => redirect(&address),
        Unanswerable::Page(error) => {
            let status = match error.code {
                OAuthCode::TemporarilyUnavailable | OAuthCode::ServerError => error.code.status(),
                _ => 400,
            };
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
            Err(PageRefusal::new(status, "This link does not work", error.description))
        }
    })
}

async fn shown(
    api: &Api,
    visitor: &Visitor,
    user: UserId,
    asked: &Authorization,
    uri: &Uri,
    error: Option<&str>,
) -> Result<Response, PageRefusal> {
    let (choices, mailbox) = (choices(api, user).await?, mailbox(api, user).await?);
    let scopes = scopes(&asked.scope.to_string());
    let (form, action, host) = (visitor.form(), own(uri), asked.shown_host());
    let template = ConsentPage {
        look: LOOK,
        server: api.identity.issuer(),
        client: &asked.client.name,
        unverified: asked.client.trust == Trust::Unverified,
        host: &host,
        loopback: asked.to_loopback(),
        machine: asked.machine.as_deref(),
        mailbox: &mailbox,
        days: api.identity.session_days(),
        scopes: &scopes,
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

/// The organizations that the person may choose from.
pub(super) async fn choices(api: &Api, user: UserId) -> Result<Vec<Choice>, PageRefusal> {
    let all = api.identity.organizations_of(user).await?;
    Ok(all.into_iter().map(|one| Choice { id: one.organization, name: one.name }).collect())
}

/// The one that the person chose, if it is one of them.
pub(super) async fn chosen(
    api: &Api,
    user: UserId,
    form: &Form,
) -> Result<Option<OrganizationId>, PageRefusal> {
    let asked: Option<OrganizationId> = form.text("organization").and_then(|text| text.parse().ok());
    let choices = choices(api, user).await?;
    Ok(asked.filter(|asked| choices.iter().any(|choice| choice.id == *asked)))
}

/// How the person is called.
pub(super) async fn mailbox(api: &Api, user: UserId) -> Result<String, PageRefusal> {
    Ok(api.identity.mailbox_of(user).await?.unwrap_or_else(|| user.to_string()))
}

/// What each scope lets do, in words, with its name.
pub(super) fn scopes(names: &str) -> Vec<String> {
    names.split(' ').filter(|name| !name.is_empty()).map(described).collect()
}

fn described(name: &str) -> String {
    let words = match name {
        "models:use" => "call models",
        "executions:read" => "read what was called, and what it used",
        "api-keys:manage" => "make, change and delete API keys",
        "organizations:manage" => "manage the organization and who is in it",
        "openid" => "know who you are",
        "email" => "know your mailbox",
        "profile" => "know how you are called",
        "offline_access" => "go on while you are away",
        other => return other.to_owned(),
    };
    format!("{words} ({name})")
}
