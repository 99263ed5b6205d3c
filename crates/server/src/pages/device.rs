//! The page on which a person lets a device in. Looking is one press, deciding another, also when the link has
//! the code in it: whoever follows a link of a stranger must see whom it lets in.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri};
use keywright_identity::oauth::{
    DevicePerson, DeviceRefusal, SessionScope, Trust, WaitingDevice, shown_user_code,
};
use keywright_protocol::wire::LoginUpgrade;
use keywright_protocol::{ErrorCode, UserId, oauth_routes};

use crate::api::Api;
use crate::oauth::Form;
use crate::pages::allow::{Choices, allowance, entered, minute};
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
    client: &'a str,
    unverified: bool,
    machine: &'a str,
    address: &'a str,
    asked: &'a str,
    choices: &'a Choices,
    error: Option<&'a str>,
}

/// Asks for the code.
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
    uri: Uri,
) -> Result<Response, PageRefusal> {
    if visitor.user().is_none() {
        let own = uri.path_and_query().map_or(uri.path(), |whole| whole.as_str());
        return to_sign_in(own, None);
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
        return to_sign_in(oauth_routes::DEVICE, None);
    };
    let page_session = browser.id.clone();
    let person = DevicePerson { user, signed_in_at, page_session, address: peer.client };
    let code = form.text("user_code").unwrap_or_default();
    let outcome = match form.text("decision") {
        None => Ok(Decided::NotYet(None)),
        Some("allow") => let_in(&api, &person, code, &form).await?,
        Some(_) => api.identity.deny_device(&person, code).await.map(|()| Decided::Out),
    };
    let outcome = match outcome {
        Ok(Decided::NotYet(error)) => match api.identity.waiting_device(&person, code).await {
            Ok(device) => {
                // As the device shows it, for comparing.
                let code = shown_user_code(code).unwrap_or_else(|| code.to_owned());
                return approve(&api, &visitor, user, &code, &device, error).await;
            }
            Err(refusal) => Err(refusal),
        },
        decided => decided,
    };
    let (heading, text) = match outcome {
        Ok(Decided::In(upgrade)) => ("The device is in", is_in(upgrade)),
        Ok(_) => ("The device was turned away", "It gets nothing. You may close this page."),
        Err(DeviceRefusal::Failed(error)) => return Err(error.into()),
        Err(DeviceRefusal::Nothing) => return Err(ErrorCode::InvalidRequest.into()),
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

/// What the person decided.
enum Decided {
    /// Nothing; what is missing, if anything was pressed.
    NotYet(Option<&'static str>),
    /// To let it in; what became of the temporary account that came along.
    In(Option<LoginUpgrade>),
    /// To turn it away.
    Out,
}

async fn let_in(
    api: &Api,
    person: &DevicePerson,
    code: &str,
    form: &Form,
) -> Result<Result<Decided, DeviceRefusal>, PageRefusal> {
    let allowance = allowance(form);
    if allowance.scope.is_some_and(SessionScope::is_empty) {
        return Ok(Ok(Decided::NotYet(Some("Tick something that it may, or turn it away."))));
    }
    // A code that opens nothing brings nobody into an organization.
    if let Err(refusal) = api.identity.waiting_device(person, code).await {
        return Ok(Err(refusal));
    }
    let Some(organization) = entered(api, person.user, form).await? else {
        return Ok(Ok(Decided::NotYet(Some("Choose an organization."))));
    };
    Ok(api.identity.approve_device(person, code, organization, &allowance).await.map(Decided::In))
}

fn is_in(upgrade: Option<LoginUpgrade>) -> &'static str {
    match upgrade {
        Some(LoginUpgrade::Merged) => {
            "Go back to it; if it still waits, it goes on by itself. The temporary account is part of yours now."
        }
        Some(LoginUpgrade::Unavailable) => {
            "Go back to it; if it still waits, it goes on by itself. The temporary account could not be taken over."
        }
        Some(LoginUpgrade::Declined) | None => "Go back to it; if it still waits, it goes on by itself.",
    }
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
    error: Option<&str>,
) -> Result<Response, PageRefusal> {
    let choices = Choices::of(api, user, device.scope, device.lifetime, device.ticket).await?;
    let form = visitor.form();
    let asked = minute(device.asked_at);
    let template = Approve {
        look: LOOK,
        server: api.identity.issuer(),
        form: &form,
        user_code,
        client: &device.client.name,
        unverified: device.client.trust == Trust::Unverified,
        machine: device.machine.as_deref().unwrap_or("did not say"),
        address: &device.address,
        asked: &asked,
        choices: &choices,
        error,
    };
    Ok(page(StatusCode::OK, &template, ""))
}
