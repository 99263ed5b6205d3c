//! Requests to the authorization page: OAuth 2.1 section 4.1.1 with PKCE by S256 only.
//!
//! What is wrong before application and redirect URI are known is shown to the person; the rest is told to the
//! application, with `state` and `iss` (RFC 9207).

use std::collections::BTreeMap;

use keywright_protocol::{Mailbox, OrganizationId, Timestamp, UserId, oauth_routes};
use keywright_secret::{Secret, random_hex};
use keywright_store::AuthorizationCode;
use sha2::{Digest, Sha256};
use url::Url;

use crate::Identity;
use crate::oauth::allowance::read_lifetime;
use crate::oauth::redirect;
use crate::oauth::{Allowance, Client, GrantType, OAuthCode, OAuthError, SessionScope, Ticket, Trust};
use crate::organizations::misleads;

/// A request that a person may consent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// Who asks.
    pub client: Client,
    /// Where the answer goes.
    pub redirect_uri: String,
    /// What is asked for.
    pub scope: SessionScope,
    /// What the application calls the machine.
    pub machine: Option<String>,
    /// Whether the application takes no for an answer rather than showing pages (`prompt=none`).
    pub silent: bool,
    /// The mailbox that the application expects, to fill in.
    pub login_hint: Option<String>,
    /// Seconds that the session is proposed to live.
    pub lifetime: i64,
    /// What stands for the temporary account that came along.
    pub ticket: Option<Ticket>,
    /// Whether the person must sign in for this request, however lately that was.
    pub(super) fresh: bool,
    /// How many seconds ago the person may have signed in.
    pub(super) max_age: Option<i64>,
    /// When the person was sent to sign in for this request.
    pub(super) sent_to_sign_in: Option<Timestamp>,
    state: Option<String>,
    challenge: String,
    resources: String,
    nonce: Option<String>,
}

/// Why there is nothing to consent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unanswerable {
    /// Nobody may be redirected: the person is told.
    Page(OAuthError),
    /// The application is told, at that address.
    Redirect(String),
    /// The application is told if the person goes there: no person has decided about it yet, and whoever
    /// registered it chose the site. Sent there at once, anybody could have our links lead anywhere.
    Link {
        /// The host of the site.
        host: String,
        /// The address that tells it.
        address: String,
        /// What it is told.
        error: OAuthError,
    },
}

/// Who consents.
#[derive(Clone, Copy, Debug)]
pub struct Consent {
    /// The user.
    pub user: UserId,
    /// The organization that was chosen.
    pub organization: OrganizationId,
    /// When the mailbox was last proven.
    pub signed_in_at: Timestamp,
    /// How much of what was asked for is allowed.
    pub allowance: Allowance,
}

impl Identity {
    /// Reads a request to the authorization page.
    ///
    /// # Errors
    /// [`Unanswerable`].
    pub async fn authorization(
        &self,
        parameters: &[(String, String)],
    ) -> Result<Authorization, Unanswerable> {
        let page = |code, text| Unanswerable::Page(OAuthError::new(code, text));
        let mut single: BTreeMap<&str, &str> = BTreeMap::new();
        let mut repeated = false;
        let mut resources = Vec::new();
        for (name, value) in parameters {
            if name == "resource" {
                resources.push(value.clone());
            } else if single.insert(name, value).is_some() {
                if matches!(name.as_str(), "client_id" | "redirect_uri") {
                    return Err(page(OAuthCode::InvalidRequest, "The link names the application twice."));
                }
                repeated = true;
            }
        }
        // Without a value it counts as left out, by RFC 6749 section 3.1.
        let single: BTreeMap<&str, &str> =
            single.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let take = |name: &str| single.get(name).copied();
        let Some(id) = take("client_id") else {
            return Err(page(OAuthCode::InvalidRequest, "The link does not say which application asks."));
        };
        let client = self.oauth_client(id).await.map_err(Unanswerable::Page)?;
        let Some(client) = client else {
            return Err(page(
                OAuthCode::InvalidClient,
                "No such application is known here. It may have registered long ago and never been used.",
            ));
        };
        let redirect_uri = match (take("redirect_uri"), client.redirect_uris.as_slice()) {
            (Some(uri), registered) if redirect::matches(registered, uri) => uri.to_owned(),
            (None, [only]) => only.clone(),
            (None, _) => {
                return Err(page(
                    OAuthCode::InvalidRequest,
                    "The link does not say where the answer is to be sent: redirect_uri is missing.",
                ));
            }
            _ => {
                return Err(page(
                    OAuthCode::InvalidRequest,
                    "The application asks for the answer to be sent where it did not register.",
                ));
            }
        };
        let state = take("state").map(str::to_owned);
        let told = |error| self.unanswerable(&client, &redirect_uri, state.as_deref(), error);
        if repeated {
            let text = "A parameter of the request stands there twice.";
            return Err(told(OAuthError::new(OAuthCode::InvalidRequest, text)));
        }
        let wanted = self.wanted(&client, &single, &resources).map_err(told)?;
        Ok(Authorization {
            redirect_uri,
            scope: wanted.scope,
            machine: take(oauth_routes::MACHINE).and_then(read_machine),
            silent: wanted.prompt == Prompt::None,
            login_hint: take("login_hint").and_then(read_mailbox),
            lifetime: wanted.lifetime,
            ticket: wanted.ticket,
            fresh: wanted.prompt == Prompt::SignIn,
            max_age: wanted.max_age,
            sent_to_sign_in: self.sent_to_sign_in(parameters),
            state,
            challenge: wanted.challenge,
            resources: wanted.resources,
            nonce: take("nonce").map(str::to_owned),
            client,
        })
    }

    fn wanted(
        &self,
        client: &Client,
        parameters: &BTreeMap<&str, &str>,
        resources: &[String],
    ) -> Result<Wanted, OAuthError> {
        let invalid = |text: &'static str| Err(OAuthError::new(OAuthCode::InvalidRequest, text));
        match parameters.get("response_type") {
            Some(&"code") => {}
            None => return invalid("response_type is missing; it must be code."),
            Some(_) => {
                let text = "Only response_type=code is given; tokens never stand in a URL.";
                return Err(OAuthError::new(OAuthCode::UnsupportedResponseType, text));
            }
        }
        client.may_use(GrantType::AuthorizationCode)?;
        if parameters.contains_key("request") || parameters.contains_key("request_uri") {
            return invalid("Request objects are not read here; send the parameters themselves.");
        }
        if parameters.get("response_mode").is_some_and(|mode| *mode != "query") {
            return invalid("Answers are sent in the query only.");
        }
        let Some(challenge) = parameters.get("code_challenge") else {
            return invalid("code_challenge is missing: PKCE with S256 is required.");
        };
        if parameters.get("code_challenge_method") != Some(&"S256") {
            return invalid("code_challenge_method must be S256.");
        }
        if !is_pkce_text(challenge) {
            return invalid("code_challenge must be 43 to 128 letters, digits or any of - . _ ~");
        }
        let printable = |text: &&&str| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if parameters.get("nonce").is_some_and(|nonce| nonce.len() > LONGEST_NONCE || !printable(&nonce)) {
            return invalid("nonce must be at most 512 printable ASCII characters.");
        }
        let max_age = match parameters.get("max_age").map(|text| text.parse::<u32>()) {
            None => None,
            Some(Ok(seconds)) => Some(i64::from(seconds)),
            Some(Err(_)) => return invalid("max_age must be a number of seconds."),
        };
        Ok(Wanted {
            prompt: Prompt::read(parameters.get("prompt").copied())?,
            max_age,
            lifetime: read_lifetime(
                parameters.get(oauth_routes::LIFETIME).copied(),
                self.inner.settings.session_seconds,
            )?,
            ticket: Ticket::read(client, parameters.get(oauth_routes::UPGRADE).copied())?,
            scope: SessionScope::asked(client, parameters.get("scope").copied())?,
            resources: self.inner.resources.asked(resources)?,
            challenge: (*challenge).to_owned(),
        })
    }

    /// Where the person goes who consents: back to the application, with a code. The temporary account that came
    /// along becomes part of the person's in the same step, if that is allowed.
    ///
    /// # Errors
    /// `access_denied` when nothing is allowed, `temporarily_unavailable` when the database does not answer.
    pub async fn consent(&self, asked: &Authorization, consent: &Consent) -> Result<String, OAuthError> {
        let (now, code) = (self.now(), random_hex::<32>());
        let (scope, lifetime) = consent.allowance.of(asked.scope, asked.lifetime)?;
        let stored = AuthorizationCode {
            hash: hash(&code),
            client: asked.client.id.clone(),
            redirect_uri: asked.redirect_uri.clone(),
            challenge: asked.challenge.clone(),
            user: consent.user,
            organization: consent.organization,
            scopes: scope.platform,
            identity_scopes: scope.identity.to_stored(),
            resources: asked.resources.clone(),
            nonce: asked.nonce.clone(),
            machine: asked.machine.clone(),
            lifetime,
            upgrade: None,
            signed_in_at: consent.signed_in_at,
            created_at: now,
            expires_at: now.plus_seconds(CODE_SECONDS),
        };
        let (identity, ticket) = (self.clone(), consent.allowance.about(asked.ticket));
        let storing = self.lasting(async move {
            let store = &identity.inner.store;
            let outcome = store.insert_authorization_code(&stored, ticket.as_ref(), MOST_CODES).await?;
            identity.heed(&outcome, stored.user);
            Ok(())
        });
        storing.await?;
        let answer = [("code", code.expose())];
        Ok(self.answer_address(&asked.redirect_uri, asked.state.as_deref(), &answer))
    }

    /// What an application is told that wants no page shown: a person must sign in, or consent.
    pub fn refuse_silence(&self, asked: &Authorization, signed_in_at: Option<Timestamp>) -> Unanswerable {
        let signed_in = signed_in_at.is_some_and(|at| !self.must_sign_in_again(asked, at));
        let error = match signed_in {
            true => OAuthError::new(OAuthCode::ConsentRequired, "A person must consent each time."),
            false => OAuthError::new(OAuthCode::LoginRequired, "A person must sign in first."),
        };
        self.unanswerable(&asked.client, &asked.redirect_uri, asked.state.as_deref(), error)
    }

    /// How the application is told before any person has decided.
    fn unanswerable(
        &self,
        client: &Client,
        redirect_uri: &str,
        state: Option<&str>,
        error: OAuthError,
    ) -> Unanswerable {
        let address = self.refusal_address(redirect_uri, state, &error);
        if client.trust != Trust::Unverified || redirect::is_loopback(redirect_uri) {
            return Unanswerable::Redirect(address);
        }
        Unanswerable::Link { host: redirect::shown_host(redirect_uri), address, error }
    }

    /// Where the person goes when there is no consent: back to the application, with the reason.
    pub fn refuse(&self, asked: &Authorization, error: &OAuthError) -> String {
        self.refusal_address(&asked.redirect_uri, asked.state.as_deref(), error)
    }

    fn refusal_address(&self, redirect_uri: &str, state: Option<&str>, error: &OAuthError) -> String {
        let answer = [("error", error.code.as_str()), ("error_description", error.description.as_ref())];
        self.answer_address(redirect_uri, state, &answer)
    }

    /// The redirect URI with an answer, the state as it came and the issuer.
    fn answer_address(&self, redirect_uri: &str, state: Option<&str>, answer: &[(&str, &str)]) -> String {
        // It matched a registered one, which was parsed.
        let Ok(mut url) = Url::parse(redirect_uri) else { return String::new() };
        {
            let mut pairs = url.query_pairs_mut();
            pairs.extend_pairs(answer);
            pairs.extend_pairs(state.map(|state| ("state", state)));
            pairs.append_pair("iss", &self.inner.settings.issuer);
        }
        url.into()
    }
}

impl Authorization {
    /// The host that the answer goes to, or the scheme of a program on the person's machine.
    pub fn shown_host(&self) -> String {
        redirect::shown_host(&self.redirect_uri)
    }

    /// What a browser must let the form of the page lead to: the origin of the redirect URI, or its scheme, and
    /// where others may send the browser on from there. Browsers count all of that to the form.
    pub fn leads_to(&self) -> String {
        let first = redirect::leads_to(&self.redirect_uri);
        match self.client.trust {
            Trust::Ours => first,
            Trust::Approved | Trust::Unverified => format!("{first} https:"),
        }
    }

    /// Whether the answer goes to whatever program listens on the person's machine.
    pub fn to_loopback(&self) -> bool {
        redirect::is_loopback(&self.redirect_uri)
    }
}

struct Wanted {
    scope: SessionScope,
    resources: String,
    challenge: String,
    prompt: Prompt,
    max_age: Option<i64>,
    lifetime: i64,
    ticket: Option<Ticket>,
}

/// What the application wants its person shown, OpenID Connect Core 3.1.2.1. Consent is asked each time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Prompt {
    /// No page at all.
    None,
    /// To sign in, once more if need be; also to choose among accounts.
    SignIn,
    /// What is needed.
    Needed,
}

impl Prompt {
    fn read(text: Option<&str>) -> Result<Self, OAuthError> {
        let values: Vec<&str> =
            text.unwrap_or_default().split(' ').filter(|value| !value.is_empty()).collect();
        match values[..] {
            ["none"] => Ok(Self::None),
            _ if values.contains(&"none") => {
                Err(OAuthError::new(OAuthCode::InvalidRequest, "prompt=none stands alone."))
            }
            _ if values.iter().any(|value| matches!(*value, "login" | "select_account")) => Ok(Self::SignIn),
            _ => Ok(Self::Needed),
        }
    }
}

/// What a machine may be called: printable, at most 64 characters.
pub fn read_machine(text: &str) -> Option<String> {
    let text = text.trim();
    let good = !text.is_empty() && text.chars().count() <= 64 && !text.chars().any(misleads);
    good.then(|| text.to_owned())
}

/// A mailbox as it is written, and nothing else: it is shown, and must not be somebody's prose.
fn read_mailbox(text: &str) -> Option<String> {
    text.parse().ok().map(|mailbox: Mailbox| mailbox.as_str().to_owned())
}

/// The form of a verifier and of a challenge, RFC 7636 section 4.
pub(crate) fn is_pkce_text(text: &str) -> bool {
    (43..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

pub(crate) fn hash(code: &Secret) -> [u8; 32] {
    Sha256::digest(code.expose().as_bytes()).into()
}

const CODE_SECONDS: i64 = 60;
/// How many codes of a person that nobody has come for are kept.
const MOST_CODES: i64 = 20;
const LONGEST_NONCE: usize = 512;
