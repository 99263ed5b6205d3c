//! How a page goes out: nothing of others in it, nobody frames it, nobody keeps it.

use std::sync::LazyLock;

use askama::Template;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, RETRY_AFTER, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderValue, StatusCode};
use keywright_protocol::{ApiError, ErrorCode};
use sha2::{Digest, Sha256};

/// What all pages look like.
pub(super) const LOOK: &str = include_str!("../../templates/style.css");

/// A page, and what it says instead when it cannot be.
pub(super) struct PageRefusal {
    status: StatusCode,
    heading: &'static str,
    text: String,
    retry_in: Option<i64>,
}

impl PageRefusal {
    /// A page that says why.
    pub(super) fn new(status: StatusCode, heading: &'static str, text: impl Into<String>) -> Self {
        Self { status, heading, text: text.into(), retry_in: None }
    }

    /// What was sent is no form of a page of ours that this browser was shown.
    pub(super) fn foreign_form() -> Self {
        let text = "The form did not come from the page that this browser was shown, or that was too long ago. Open \
                    the page again.";
        Self::new(StatusCode::FORBIDDEN, "That did not work", text)
    }
}

impl From<ApiError> for PageRefusal {
    fn from(error: ApiError) -> Self {
        let status = StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self {
            status,
            heading: "That did not work",
            text: error.message().to_owned(),
            retry_in: error.retry_after(),
        }
    }
}

impl From<ErrorCode> for PageRefusal {
    fn from(code: ErrorCode) -> Self {
        ApiError::new(code).into()
    }
}

impl IntoResponse for PageRefusal {
    fn into_response(self) -> Response {
        let notice = Notice { look: LOOK, server: "", heading: self.heading, text: &self.text };
        let mut response = page(self.status, &notice, "");
        if let Some(seconds) = self.retry_in {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// A page with a heading and a sentence.
#[derive(Template)]
#[template(path = "notice.html")]
pub(super) struct Notice<'a> {
    pub(super) look: &'static str,
    pub(super) server: &'a str,
    pub(super) heading: &'a str,
    pub(super) text: &'a str,
}

/// A page. `leads_to` is where its form may lead besides to us: browsers count redirects for that.
pub(super) fn page(status: StatusCode, template: &impl Template, leads_to: &str) -> Response {
    let Ok(text) = template.render() else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let mut response = (status, text).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    let between = if leads_to.is_empty() { "" } else { " " };
    let policy = format!(
        "default-src 'none'; style-src {}; form-action 'self'{between}{leads_to}; frame-ancestors 'none'; base-uri 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
        *STYLE
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    protect(&mut response);
    response
}

/// On to another page, by 303: what was posted is not posted again.
pub(super) fn redirect(to: &str) -> Result<Response, PageRefusal> {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let to = HeaderValue::from_str(to).map_err(|_| ErrorCode::Internal)?;
    response.headers_mut().insert(LOCATION, to);
    protect(&mut response);
    Ok(response)
}

/// The same with a cookie.
pub(super) fn with_cookie(mut response: Response, cookie: &str) -> Result<Response, PageRefusal> {
    let mut value = HeaderValue::from_str(cookie).map_err(|_| ErrorCode::Internal)?;
    value.set_sensitive(true);
    response.headers_mut().append(SET_COOKIE, value);
    Ok(response)
}

fn protect(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

/// The one style sheet that is allowed, by its hash.
static STYLE: LazyLock<String> =
    LazyLock::new(|| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(LOOK.as_bytes()))));
