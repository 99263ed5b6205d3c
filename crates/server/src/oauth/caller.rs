//! Which application sends a request: RFC 6749 section 2.3.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use keywright_identity::Identity;
use keywright_identity::oauth::{Authentication, Client, OAuthCode, OAuthError, PresentedClient};
use keywright_secret::Secret;

use crate::oauth::form::Form;

/// The application, proven as it registered.
///
/// # Errors
/// `invalid_client`, and `invalid_request` when it proves itself in two ways at once.
pub(crate) async fn client(
    identity: &Identity,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Client, OAuthError> {
    identity.authenticate_client(&presented(headers, form)?).await
}

fn presented(headers: &HeaderMap, form: &Form) -> Result<PresentedClient, OAuthError> {
    let invalid = |text: &'static str| OAuthError::new(OAuthCode::InvalidRequest, text);
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let in_form = form.text("client_id");
    match (given.next(), given.next()) {
        (_, Some(_)) => Err(invalid("The application proves itself twice.")),
        (None, None) => {
            let id = in_form.ok_or_else(|| {
                OAuthError::new(
                    OAuthCode::InvalidClient,
                    "The request does not say which application sends it.",
                )
            })?;
            let secret = form.secret("client_secret").map(|secret| (secret.clone(), Authentication::Post));
            Ok(PresentedClient { id: id.to_owned(), secret })
        }
        (Some(value), None) => {
            let (id, secret) = value.to_str().ok().and_then(basic).ok_or_else(|| {
                OAuthError::new(OAuthCode::InvalidClient, "The Authorization header is no Basic one.")
            })?;
            if form.secret("client_secret").is_some() {
                return Err(invalid("The application proves itself by header and in the form."));
            }
            if in_form.is_some_and(|other| other != id) {
                return Err(invalid("The header names another application than the form."));
            }
            Ok(PresentedClient { id, secret: Some((secret, Authentication::Basic)) })
        }
    }
}

/// Id and secret, each form-encoded before they were joined (2.3.1).
fn basic(header: &str) -> Option<(String, Secret)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = Secret::new(String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?);
    let (id, secret) = decoded.expose().split_once(':')?;
    Some((form_decoded(id)?, Secret::new(form_decoded(secret)?)))
}

fn form_decoded(text: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(text.as_bytes());
    match (pairs.next(), pairs.next()) {
        (None, None) => Some(String::new()),
        (Some((text, rest)), None) if rest.is_empty() => Some(text.into_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_is_decoded_twice() {
        let header = |text: &str| format!("Basic {}", STANDARD.encode(text));
        let (id, secret) = basic(&header("a%3Ab:s+c%25")).expect("good");
        assert_eq!((id.as_str(), secret.expose()), ("a:b", "s c%"));
        assert!(basic(&header("nocolon")).is_none());
        assert!(basic(&header("a&b:c")).is_none());
        assert!(basic("Basic !!!").is_none());
        assert!(basic("Bearer x").is_none());
        assert_eq!(basic(&header(":")).expect("empty").0, "");
    }
}
