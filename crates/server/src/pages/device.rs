//! The page on which a person lets a device in. Looking is one press, deciding another, also when the link has
//! the code in it: whoever follows a link of a stranger must see whom it lets in.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri};
use keywright_identity::oauth::{DevicePerson, DeviceRefusal, Trust, WaitingDevice};
use keywright_protocol::{Timestamp, UserId};

use crate::api::Api;
use crate::oauth::Form;
use crate::pages::authorize::{Choice, choices, chosen, mailbox, scopes};
use crate::pages::browser::{Visitor, to_sign_in};
use crate::pages::respond::{LOOK, Notice, PageRefusal, page};
use crate::pages::sign_in::parameter;
use crate::plane::Peer;

#[derive(Template)]
#[template(path = "device.html")]
struct EnterCode<'a> {
    look: &'static str,
    server: &'a str,
    form: &'a str,
    user_code: &'a str,
    error: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "approve.html")]
struct Approve<'a> {
    look: &'static str,
    server: &'a str,
    form: &'a str,
    user_code: &'a str,
    mailbox: &'a str,
    client: &'a str,
    unverified: bool,
    machine: &'a str,
    address: &'a str,
    asked: &'a str,
    days: i64,
    scopes: &'a [String],
    choices: &'a [Choice],
}

/// Asks for the code.
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
    uri: Uri,
) -> Result<Response, PageRefusal> {
    if visitor.user().is_none() {
        let own = uri.path_and_query().map_or(uri.path(), |whole| whole.as_str());
        return to_sign_in(own);
    }
    let code = parameter(&uri, "user_code").unwrap_or_default();
    // Twenty is more than a code has, with all that may stand between its letters.
    let code: String = code.chars().take(20).collect();
    Ok(ask(&api, StatusCode::OK, &visitor, &code, None))
}

/// Shows who waits with a code, or does as the person decides.
pub(super) async fn decide(
    State(api): State<Arc<Api>>,
    Extension(peer): Extension<Peer>,
    visitor: Visitor,
    form: Form,
) -> Result<Response, PageRefusal> {
    visitor.sent_our_form(&form)?;
    let (Some((user, signed_in_at)), Some(browser)) = (visitor.user(), &visitor.known) else {
        return to_sign_in(keywright_protocol::oauth_routes::DEVICE);
    };
    let page_session = browser.id.clone();
    let person = DevicePerson { user, signed_in_at, page_session, address: peer.client };
    let code = form.text("user_code").unwrap_or_default();
    let outcome = match form.text("decision") {
        None => match api.identity.waiting_device(&person, code).await {
            Ok(device) => return approve(&api, &visitor, user, code, &device).await,
            Err(refusal) => Err(refusal),
        },
        Some("allow") => {
            let Some(organization) = chosen(&api, user, &form).await? else {
                return Ok(ask(
                    &api,
                    StatusCode::BAD_REQUEST,
                    &visitor,
                    code,
                    Some("Choose an organization."),
                ));
            };
            api.identity.decide_device(&person, code, Some(organization)).await.map(|()| true)
        }
        Some(_) => api.identity.decide_device(&person, code, None).await.map(|()| false),
    };
    let (heading, text) = match outcome {
        Ok(true) => ("The device is in", "Go back to it; it goes on by itself within some seconds."),
        Ok(false) => ("The device was turned away", "It gets nothing. You may close this page."),
        Err(DeviceRefusal::Failed(error)) => return Err(error.into()),
        Err(DeviceRefusal::Decided) => {
            return Err(PageRefusal::new(
                StatusCode::CONFLICT,
                "That was decided before",
                "Somebody has let this device in or turned it away already. Begin again at the device.",
            ));
        }
        Err(DeviceRefusal::Unknown) => {
            let error = "No device waits with that code. Look at it again; it is good for ten minutes.";
            return Ok(ask(&api, StatusCode::NOT_FOUND, &visitor, code, Some(error)));
        }
        Err(DeviceRefusal::Locked(seconds)) => {
            let error = format!("Too many wrong codes were entered. Try again in {seconds} seconds.");
            return Ok(ask(&api, StatusCode::TOO_MANY_REQUESTS, &visitor, code, Some(&error)));
        }
    };
    Ok(page(StatusCode::OK, &Notice { look: LOOK, server: api.identity.issuer(), heading, text }, ""))
}

fn ask(api: &Api, status: StatusCode, visitor: &Visitor, user_code: &str, error: Option<&str>) -> Response {
    let form = visitor.form();
    let template = EnterCode { look: LOOK, server: api.identity.issuer(), form: &form, user_code, error };
    page(status, &template, "")
}

async fn approve(
    api: &Api,
    visitor: &Visitor,
    user: UserId,
    user_code: &str,
    device: &WaitingDevice,
) -> Result<Response, PageRefusal> {
    let (choices, mailbox) = (choices(api, user).await?, mailbox(api, user).await?);
    let (form, scopes) = (visitor.form(), scopes(&device.scope.to_string()));
    let asked = minute(device.asked_at);
    let template = Approve {
        look: LOOK,
        server: api.identity.issuer(),
        form: &form,
        user_code,
        mailbox: &mailbox,
        client: &device.client.name,
        unverified: device.client.trust == Trust::Unverified,
        machine: device.machine.as_deref().unwrap_or("did not say"),
        address: &device.address,
        asked: &asked,
        days: api.identity.session_days(),
        scopes: &scopes,
        choices: &choices,
    };
    Ok(page(StatusCode::OK, &template, ""))
}

/// A time to the minute, in UTC.
pub(super) fn minute(at: Timestamp) -> String {
    let text = at.to_string();
    format!("{} {} UTC", text.get(..10).unwrap_or_default(), text.get(11..16).unwrap_or_default())
}
