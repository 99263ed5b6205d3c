//! Which browser it is, and whether a form is one of the pages that it was shown.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::header::{COOKIE, ORIGIN};
use http::request::Parts;
use keywright_identity::pages::{Browser, PageCookie, form_token};
use keywright_protocol::{Timestamp, UserId};
use keywright_secret::Secret;

use crate::api::Api;
use crate::oauth::Form;
use crate::pages::respond::{PageRefusal, redirect};

/// The browser that asks, if the pages know it.
pub(super) struct Visitor {
    /// Its cookie.
    pub(super) cookie: Secret,
    /// What is known of it.
    pub(super) known: Option<Browser>,
    from_our_page: bool,
}

impl FromRequestParts<Arc<Api>> for Visitor {
    type Rejection = PageRefusal;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, PageRefusal> {
        let cookie = sent(&parts.headers, cookie_name(api)).unwrap_or_else(|| Secret::new(""));
        let known = match cookie.is_empty() {
            true => None,
            false => api.identity.browser(&cookie).await?,
        };
        Ok(Self { cookie, known, from_our_page: from_our_page(&parts.headers) })
    }
}

impl Visitor {
    /// Who is signed in, and since when.
    pub(super) fn user(&self) -> Option<(UserId, Timestamp)> {
        self.known.as_ref().and_then(|browser| browser.user)
    }

    /// What a form for this browser carries.
    pub(super) fn form(&self) -> String {
        form_token(&self.cookie)
    }

    /// Refuses what no page of ours has sent.
    pub(super) fn sent_by_our_page(&self) -> Result<(), PageRefusal> {
        if self.from_our_page { Ok(()) } else { Err(PageRefusal::foreign_form()) }
    }

    /// Refuses a form that is none of a page which this browser was shown.
    pub(super) fn sent_our_form(&self, form: &Form) -> Result<(), PageRefusal> {
        self.sent_by_our_page()?;
        let ours = form.secret("form").is_some_and(|token| *token == Secret::new(self.form()));
        if ours && self.known.is_some() { Ok(()) } else { Err(PageRefusal::foreign_form()) }
    }
}

/// The `Set-Cookie` for a cookie that is to be kept.
pub(super) fn kept(api: &Api, cookie: &PageCookie) -> String {
    set(api, cookie.value.expose(), cookie.seconds)
}

/// The `Set-Cookie` that takes it away.
pub(super) fn dropped(api: &Api) -> String {
    set(api, "", 0)
}

fn set(api: &Api, value: &str, seconds: i64) -> String {
    let secure = if is_secure(api) { "; Secure" } else { "" };
    format!("{}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}", cookie_name(api))
}

/// On https no other host of the domain can set it.
fn cookie_name(api: &Api) -> &'static str {
    if is_secure(api) { "__Host-keywright" } else { "keywright" }
}

fn is_secure(api: &Api) -> bool {
    api.identity.issuer().starts_with("https:")
}

/// The one cookie of that name; of two, somebody else has set one.
fn sent(headers: &HeaderMap, name: &str) -> Option<Secret> {
    let values = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut found = values
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(known, _)| *known == name)
        .map(|(_, value)| Secret::new(value));
    match (found.next(), found.next()) {
        (Some(one), None) => Some(one),
        _ => None,
    }
}

/// Whether a page of ours has sent it, by what browsers say and scripts cannot. The guard has refused foreign
/// origins before.
fn from_our_page(headers: &HeaderMap) -> bool {
    match headers.get("sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => headers.get(ORIGIN).is_some_and(|origin| origin != "null"),
    }
}

/// Whom pages name as referrer: nobody. Where browsers do not say by themselves that a form is of the same site,
/// they do so by its origin, which they leave out with the referrer; so there pages name it, to us alone.
pub(super) fn referrer_policy(issuer: &str) -> &'static str {
    if is_told(issuer) { "no-referrer" } else { "same-origin" }
}

/// Whether browsers say where a form comes from: to https and to this machine.
fn is_told(issuer: &str) -> bool {
    let url = url::Url::parse(issuer).ok();
    url.is_none_or(|url| match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback() || url.scheme() == "https",
        Some(url::Host::Ipv6(address)) => address.is_loopback() || url.scheme() == "https",
        Some(url::Host::Domain(name)) => {
            name == "localhost" || name.ends_with(".localhost") || url.scheme() == "https"
        }
        None => true,
    })
}

/// On to signing in, and back to where the browser is. A mailbox that is expected is filled in.
pub(super) fn to_sign_in(back: &str, mailbox: Option<&str>) -> Result<axum::response::Response, PageRefusal> {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("next", back);
    query.extend_pairs(mailbox.map(|mailbox| ("email", mailbox)));
    redirect(&format!("{}?{}", keywright_protocol::oauth_routes::LOGIN, query.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let named = |name: &'static str| http::HeaderName::from_static(name);
        pairs.iter().map(|(name, value)| (named(name), http::HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_form_says_where_it_comes_from_wherever_browsers_let_it() {
        for (issuer, told) in [
            ("https://keys.example", true),
            ("http://127.0.0.1:5399", true),
            ("http://[::1]:5399", true),
            ("http://localhost:5399", true),
            ("http://keys.localhost", true),
            ("http://192.0.2.7:5399", false),
            ("http://keys.example", false),
        ] {
            assert_eq!(is_told(issuer), told, "{issuer}");
        }
        for (sent, ours) in [
            (&[("sec-fetch-site", "same-origin"), ("origin", "null")][..], true),
            (&[("sec-fetch-site", "cross-site"), ("origin", "null")], false),
            (&[("origin", "null")], false),
            (&[("origin", "http://keys.example")], true),
            (&[], false),
        ] {
            assert_eq!(from_our_page(&headers(sent)), ours, "{sent:?}");
        }
    }
}
