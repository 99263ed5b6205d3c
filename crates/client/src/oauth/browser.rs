//! Signing in by a browser on this machine (RFC 6749, section 4.1, with PKCE; RFC 8252).
//!
//! 1. The browser is sent to the server with a challenge and a random `state`.
//! 2. It comes back to the redirect address with `code`, `state` and `iss`; `state` is looked at first.
//! 3. The code is redeemed with the verifier that only this process knows.

use keywright_secret::Secret;
use oauth2::{
    AuthUrl, AuthorizationCode, CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, TokenUrl,
};
use url::Url;

use super::error::printable;
use super::{Metadata, OAuth, OAuthError, Tokens};

/// A sign-in that waits for a browser to come back. Good for one code.
pub struct BrowserSignIn {
    url: Url,
    state: CsrfToken,
    verifier: PkceCodeVerifier,
    redirect: RedirectUrl,
    token: TokenUrl,
    issuer: String,
    names_itself: bool,
}

impl OAuth {
    /// Makes the address to send the browser to. It comes back to `redirect`, an address of this process.
    ///
    /// # Errors
    /// [`OAuthError::WayNotOffered`]
    pub fn start_browser(&self, metadata: &Metadata, redirect: &Url) -> Result<BrowserSignIn, OAuthError> {
        let Some(endpoint) = metadata.authorization.clone() else {
            return Err(OAuthError::WayNotOffered { server: self.server.to_string(), way: "by browser" });
        };
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let redirect = RedirectUrl::from_url(redirect.clone());
        let client =
            self.basic().set_auth_uri(AuthUrl::from_url(endpoint)).set_redirect_uri(redirect.clone());
        let request = client
            .authorize_url(|| CsrfToken::new_random_len(STATE_BYTES))
            .add_scopes(metadata.scopes.iter().cloned().map(Scope::new))
            .add_extra_param("resource", metadata.issuer.clone())
            .set_pkce_challenge(challenge);
        let more = self.particulars();
        let (url, state) =
            more.fold(request, |request, (name, value)| request.add_extra_param(name, value)).url();
        Ok(BrowserSignIn {
            url,
            state,
            verifier,
            redirect,
            token: TokenUrl::from_url(metadata.token.clone()),
            issuer: metadata.issuer.clone(),
            names_itself: metadata.names_itself,
        })
    }

    /// Redeems the code that the browser came back with.
    ///
    /// # Errors
    /// [`OAuthError`]
    pub async fn finish_browser(&self, started: &BrowserSignIn, code: Secret) -> Result<Tokens, OAuthError> {
        let client =
            self.basic().set_token_uri(started.token.clone()).set_redirect_uri(started.redirect.clone());
        let request = client
            .exchange_code(AuthorizationCode::new(code.expose().to_owned()))
            .add_extra_param("resource", started.issuer.clone())
            .set_pkce_verifier(PkceCodeVerifier::new(started.verifier.secret().clone()));
        let request =
            self.wishes().fold(request, |request, (name, value)| request.add_extra_param(name, value));
        self.tokens(request.request_async(&self.transport()).await)
    }
}

impl BrowserSignIn {
    /// The address to send the browser to. No secret stands in it but a ticket, if one was given.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The code in the query of the redirect, if it is the answer to this sign-in.
    ///
    /// # Errors
    /// [`WrongAnswer`]
    pub fn code_of(&self, query: &str) -> Result<Secret, WrongAnswer> {
        let fields: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).collect();
        let one = |name: &str| {
            let mut values =
                fields.iter().filter(|(field, _)| field == name).map(|(_, value)| value.as_ref());
            let first = values.next();
            // A field that stands there twice says nothing.
            first.filter(|_| values.next().is_none())
        };
        let state = Secret::new(one("state").unwrap_or_default());
        if state != Secret::new(self.state.secret().as_str()) {
            return Err(WrongAnswer::State);
        }
        // RFC 9207, section 2.4: on errors as well.
        match one("iss") {
            Some(issuer) if issuer == self.issuer => {}
            None if !self.names_itself && !fields.iter().any(|(name, _)| name == "iss") => {}
            _ => return Err(WrongAnswer::Issuer),
        }
        match (one("error"), one("code")) {
            (Some("access_denied"), _) => Err(WrongAnswer::Denied),
            (Some(error), _) => Err(WrongAnswer::Refused {
                error: printable(error),
                description: one("error_description").map(printable),
            }),
            (None, Some(code)) if !code.is_empty() => Ok(Secret::new(code)),
            (None, _) => Err(WrongAnswer::NoCode),
        }
    }
}

/// What came back is no code for this sign-in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongAnswer {
    /// It answers another sign-in, or somebody made it up. The right one may still come.
    #[error("it does not belong to this sign-in")]
    State,
    /// Another server than the one that was asked has answered.
    #[error("another server than the one that was asked has answered")]
    Issuer,
    /// The person said no.
    #[error("the sign-in was refused")]
    Denied,
    /// The server refuses for another reason, in the words of OAuth.
    #[error("the server refuses the sign-in: {error}{}", description.as_ref().map(|text| format!(" ({text})")).unwrap_or_default())]
    Refused {
        /// The code, `invalid_scope` for instance.
        error: String,
        /// What the server says about it.
        description: Option<String>,
    },
    /// There is neither a code nor an error in it.
    #[error("there is no code in it")]
    NoCode,
}

/// 256 bits.
const STATE_BYTES: u32 = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PlainText, ServerUrl};

    fn started(names_itself: bool) -> BrowserSignIn {
        let server = ServerUrl::parse("https://k.example", PlainText::LoopbackOnly).unwrap();
        let oauth = OAuth::new(&server, "keywright-cli")
            .unwrap()
            .with_machine(Some("workbench".into()))
            .with_lifetime(Some("8h".parse().unwrap()))
            .with_upgrade(Some(Secret::new("ticket")))
            .with_essential_traffic_only(true);
        let at = |path: &str| Url::parse(&format!("https://k.example{path}")).unwrap();
        let metadata = Metadata {
            issuer: "https://k.example".into(),
            authorization: Some(at("/oauth/authorize")),
            token: at("/oauth/token"),
            device: None,
            scopes: vec!["models:use".into(), "api-keys:manage".into()],
            names_itself,
        };
        oauth.start_browser(&metadata, &Url::parse("http://127.0.0.1:4711/callback").unwrap()).unwrap()
    }

    #[test]
    fn the_address_asks_for_all_that_the_protocol_wants() {
        let started = started(true);
        let fields: std::collections::BTreeMap<_, _> = started.url().query_pairs().into_owned().collect();
        for (name, value) in [
            ("response_type", "code"),
            ("client_id", "keywright-cli"),
            ("redirect_uri", "http://127.0.0.1:4711/callback"),
            ("scope", "models:use api-keys:manage"),
            ("resource", "https://k.example"),
            ("code_challenge_method", "S256"),
            ("machine", "workbench"),
            ("lifetime", "28800"),
            ("upgrade", "ticket"),
        ] {
            assert_eq!(fields[name], value);
        }
        // That is said where the tokens are given out.
        assert!(!fields.contains_key("essential_traffic_only"));
        assert_eq!(fields["code_challenge"].len(), 43);
        assert!(fields["state"].len() >= 43);
        assert!(!started.url().as_str().contains(started.verifier.secret()));
    }

    #[test]
    fn the_state_is_looked_at_first_and_the_issuer_next() {
        let started = started(true);
        let state = started.state.secret().clone();
        let code_of = |query: String| started.code_of(&query.replace("STATE", &state));
        let iss = "iss=https%3A%2F%2Fk.example";
        assert_eq!(code_of(format!("code=c&state=STATE&{iss}")), Ok(Secret::new("c")));
        for wrong in [format!("code=c&state=x&{iss}"), format!("error=access_denied&{iss}"), String::new()] {
            assert_eq!(code_of(wrong), Err(WrongAnswer::State));
        }
        for wrong in ["", "&iss=https%3A%2F%2Fk.example%2F", "&iss=https%3A%2F%2Fevil.example"] {
            assert_eq!(code_of(format!("code=c&state=STATE{wrong}")), Err(WrongAnswer::Issuer), "{wrong}");
        }
        assert_eq!(code_of(format!("code=c&state=STATE&{iss}&{iss}")), Err(WrongAnswer::Issuer));
        assert_eq!(code_of(format!("error=access_denied&state=STATE&{iss}")), Err(WrongAnswer::Denied));
        assert_eq!(code_of(format!("code=&state=STATE&{iss}")), Err(WrongAnswer::NoCode));
        assert_eq!(code_of(format!("code=a&code=b&state=STATE&{iss}")), Err(WrongAnswer::NoCode));
    }

    #[test]
    fn a_server_that_does_not_name_itself_need_not_but_must_not_lie() {
        let started = started(false);
        let state = started.state.secret();
        assert!(started.code_of(&format!("code=c&state={state}")).is_ok());
        let other = started.code_of(&format!("code=c&state={state}&iss=https%3A%2F%2Fevil.example"));
        assert_eq!(other, Err(WrongAnswer::Issuer));
    }
}
