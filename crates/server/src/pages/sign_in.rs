//! Signing in: a mailbox, then the code that was mailed to it.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::header::USER_AGENT;
use http::{HeaderMap, StatusCode, Uri};
use keywright_protocol::oauth_routes as routes;
use keywright_protocol::{ApiError, ErrorCode};

use crate::api::Api;
use crate::oauth::Form;
use crate::pages::browser::{Visitor, dropped, kept};
use crate::pages::respond::{LOOK, PageRefusal, page, redirect, with_cookie};
use crate::plane::Peer;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn<'a> {
    look: &'static str,
    server: &'a str,
    next: &'a str,
    email: &'a str,
    error: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "code.html")]
struct EnterCode<'a> {
    look: &'static str,
    server: &'a str,
    next: &'a str,
    form: &'a str,
    mailbox: &'a str,
    outbox: bool,
    error: Option<&'a str>,
}

/// Asks for the mailbox.
pub(super) async fn show(State(api): State<Arc<Api>>, uri: Uri) -> Response {
    let (next, email) = (parameter(&uri, "next"), parameter(&uri, "email").unwrap_or_default());
    // As long as a mailbox may be.
    let email: String = email.chars().take(254).collect();
    ask_mailbox(&api, StatusCode::OK, &next_of(next.as_deref()), &email, None)
}

/// Mails a code.
pub(super) async fn mail(
    State(api): State<Arc<Api>>,
    Extension(peer): Extension<Peer>,
    visitor: Visitor,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, PageRefusal> {
    visitor.sent_by_our_page()?;
    let next = next_of(form.text("next"));
    let email = form.text("email").unwrap_or_default().trim();
    let client = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).map(str::to_owned);
    match api.identity.begin_page(email, peer.client, client).await {
        Ok(cookie) => {
            // The cookie that this one takes the place of is void.
            if visitor.known.is_some() {
                api.identity.end_page(&visitor.cookie).await?;
            }
            let on = redirect(&with_next(routes::LOGIN_CODE, &next))?;
            with_cookie(on, &kept(&api, &cookie))
        }
        Err(error) => Ok(ask_mailbox(&api, status(&error), &next, email, Some(&told(&error)))),
    }
}

/// Asks for the code.
pub(super) async fn ask(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
    uri: Uri,
) -> Result<Response, PageRefusal> {
    let next = next_of(parameter(&uri, "next").as_deref());
    ask_code(&api, StatusCode::OK, &visitor, &next, None)
}

/// Takes the code. The browser gets another cookie, and the one before is void.
pub(super) async fn prove(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
    form: Form,
) -> Result<Response, PageRefusal> {
    visitor.sent_our_form(&form)?;
    let next = next_of(form.text("next"));
    match api.identity.prove_page(&visitor.cookie, form.text("code").unwrap_or_default().trim()).await {
        Ok((_, cookie)) => with_cookie(redirect(&next)?, &kept(&api, &cookie)),
        Err(error) => ask_code(&api, status(&error), &visitor, &next, Some(&told(&error))),
    }
}

/// Signs out of the pages; applications stay signed in.
pub(super) async fn out(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
    form: Form,
) -> Result<Response, PageRefusal> {
    visitor.sent_our_form(&form)?;
    api.identity.end_page(&visitor.cookie).await?;
    with_cookie(redirect(routes::LOGIN)?, &dropped(&api))
}

fn ask_mailbox(api: &Api, status: StatusCode, next: &str, email: &str, error: Option<&str>) -> Response {
    let template = SignIn { look: LOOK, server: api.identity.issuer(), next, email, error };
    page(status, &template, "")
}

fn ask_code(
    api: &Api,
    status: StatusCode,
    visitor: &Visitor,
    next: &str,
    error: Option<&str>,
) -> Result<Response, PageRefusal> {
    let proving = visitor.known.as_ref().and_then(|browser| browser.proving.as_ref());
    let Some(mailbox) = proving else { return redirect(&with_next(routes::LOGIN, next)) };
    let (form, mailbox) = (visitor.form(), mailbox.to_string());
    let server = api.identity.issuer();
    let outbox = api.outbox;
    let template = EnterCode { look: LOOK, server, next, form: &form, mailbox: &mailbox, outbox, error };
    Ok(page(status, &template, ""))
}

/// Where to go after signing in: a page of ours, whatever stands there.
fn next_of(text: Option<&str>) -> String {
    let ours = |text: &&str| {
        let path = text.split('?').next().unwrap_or_default();
        [routes::AUTHORIZE, routes::DEVICE, routes::ACCOUNT].contains(&path)
            && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
    };
    text.filter(ours).unwrap_or(routes::ACCOUNT).to_owned()
}

fn with_next(path: &str, next: &str) -> String {
    let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
    format!("{path}?next={next}")
}

/// A parameter of the query.
pub(super) fn parameter(uri: &Uri, name: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

fn status(error: &ApiError) -> StatusCode {
    StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// What a person at the page is told: next actions name commands, so they are left out.
fn told(error: &ApiError) -> String {
    match (error.code, error.retry_after(), error.details.get("attemptsRemaining")) {
        (_, Some(seconds), _) => format!("{} Try again in {seconds} seconds.", error.message()),
        (ErrorCode::OtpInvalid, _, Some(left)) => format!("{} Tries left: {left}.", error.message()),
        _ => error.message().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_signing_in_only_a_page_of_ours_comes() {
        for good in
            ["/account", "/device", "/device?user_code=BCDF-GHJK", "/oauth/authorize?client_id=x&state=%20"]
        {
            assert_eq!(next_of(Some(good)), good);
        }
        for wrong in [
            "",
            "/",
            "//evil.example",
            "https://evil.example/device",
            "/device\\..",
            "/device?x=\r\n",
            "/deviceX",
            "/oauth/token",
        ] {
            assert_eq!(next_of(Some(wrong)), "/account", "{wrong}");
        }
        assert_eq!(next_of(None), "/account");
    }
}
