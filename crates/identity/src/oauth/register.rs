//! Applications that register themselves, RFC 7591. There is nothing to read, change or delete a registration
//! with afterwards (RFC 7592), so that no address for it is given.

use std::net::IpAddr;

use keywright_protocol::Principal;
use keywright_secret::{Secret, random_hex};
use keywright_store::{ClientInsertion, RegistrationLimits};
use serde_json::{Value, json};

use crate::Identity;
use crate::failure::seconds_until;
use crate::oauth::client::{Authentication, Client, GrantType, Trust, is_reserved};
use crate::oauth::redirect::{Place, registrable};
use crate::oauth::{OAuthCode, OAuthError};
use crate::organizations::misleads;
use crate::temporary::counted_as;

/// Who may register applications.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Registration {
    /// Every application itself; what no administrator registered gets model calls at most.
    #[default]
    Open,
    /// Administrators.
    Administrators,
    /// Nobody.
    Off,
}

impl Identity {
    /// Registers an application: what it is told, its secret included, shown this once.
    ///
    /// # Errors
    /// `invalid_redirect_uri`, `invalid_client_metadata`, `invalid_token` where an administrator's token is
    /// wanted, `access_denied` where nobody registers, `temporarily_unavailable` with the wait.
    pub async fn register_client(
        &self,
        metadata: &Value,
        registrar: Option<&Principal>,
        address: IpAddr,
    ) -> Result<Value, OAuthError> {
        let administrator = registrar.is_some_and(|registrar| registrar.administrator);
        match self.inner.settings.registration {
            Registration::Open => {}
            Registration::Administrators if administrator => {}
            Registration::Administrators => {
                return Err(OAuthError::new(
                    OAuthCode::InvalidToken,
                    "Here only an administrator registers applications: send the token of one as Bearer.",
                ));
            }
            Registration::Off => {
                return Err(OAuthError::new(OAuthCode::AccessDenied, "Here no application is registered."));
            }
        }
        let trust = if administrator { Trust::Approved } else { Trust::Unverified };
        let client = read(metadata, trust)?;
        let secret = (client.authentication != Authentication::None).then(random_hex::<32>);
        let client = match &secret {
            Some(secret) => client.with_secret(secret),
            None => client,
        };
        let now = self.now();
        let limits = RegistrationLimits { per_address: 10, window_seconds: 3_600, unused: 1_000 };
        match self.inner.store.insert_client(&client.to_row(counted_as(address), now), &limits).await? {
            ClientInsertion::Inserted => {
                tracing::info!(client.id = %client.id, client.address = %address, "an application registered");
                Ok(answer(&client, secret.as_ref(), now.0.div_euclid(1_000)))
            }
            ClientInsertion::FullUntil(until) => Err(OAuthError::new(
                OAuthCode::TooManyRequests,
                "Too many applications were registered from your address within an hour.",
            )
            .retry_in(seconds_until(until, now))),
            ClientInsertion::TooManyUnused(oldest) => Err(OAuthError::new(
                OAuthCode::TooManyRequests,
                "Too many applications are registered that nobody uses; they go after a day.",
            )
            .retry_in(seconds_until(oldest.plus_seconds(86_400), now))),
        }
    }
}

/// Reads what an application says of itself. Members that nobody knows are left out, by section 2.
fn read(metadata: &Value, trust: Trust) -> Result<Client, OAuthError> {
    let Some(metadata) = metadata.as_object() else { return Err(unfit("The body must be a JSON object.")) };
    let text = |name: &str| match metadata.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(unfit("A member that must be a text is none.")),
    };
    let texts = |name: &str| match metadata.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(items)) if items.len() <= MOST_ITEMS => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect::<Option<Vec<_>>>()
            .map(Some)
            .ok_or_else(|| unfit("A member that must be a list of texts is none.")),
        Some(_) => Err(unfit("A member that must be a list of at most 20 texts is none.")),
    };
    let redirect_uris = match metadata.get("redirect_uris") {
        Some(Value::Array(items)) if items.len() > MOST_ITEMS => {
            return Err(OAuthError::new(
                OAuthCode::InvalidRedirectUri,
                "At most 20 redirect URIs are taken.",
            ));
        }
        _ => texts("redirect_uris")?.unwrap_or_default(),
    };
    let places: Vec<Place> = redirect_uris
        .iter()
        .map(|uri| {
            registrable(uri).ok_or_else(|| {
                OAuthError::new(
                    OAuthCode::InvalidRedirectUri,
                    "A redirect URI must be https, http on a loopback address, or a scheme with a dot in it; \
                     without fragment, user name, wildcard and dot segments.",
                )
            })
        })
        .collect::<Result<_, _>>()?;
    let on_machine = places.contains(&Place::Machine);
    let native = match text("application_type")? {
        Some("native") => true,
        Some("web") if on_machine => {
            return Err(OAuthError::new(
                OAuthCode::InvalidRedirectUri,
                "An application of the type web has https redirect URIs; register this one as native.",
            ));
        }
        Some("web") => false,
        None => on_machine,
        Some(_) => return Err(unfit("application_type must be web or native.")),
    };
    let grants = match texts("grant_types")? {
        None => vec![GrantType::AuthorizationCode],
        Some(names) => names
            .iter()
            .map(|name| GrantType::from_name(name))
            .collect::<Option<Vec<_>>>()
            .filter(|grants| grants.iter().any(|grant| *grant != GrantType::RefreshToken))
            .ok_or_else(|| {
                unfit(
                    "grant_types must be of authorization_code, refresh_token and \
                     urn:ietf:params:oauth:grant-type:device_code, and not refresh_token alone.",
                )
            })?,
    };
    if texts("response_types")?.is_some_and(|types| types.iter().any(|name| name != "code")) {
        return Err(unfit("response_types must be code."));
    }
    if grants.contains(&GrantType::AuthorizationCode) && redirect_uris.is_empty() {
        return Err(OAuthError::new(
            OAuthCode::InvalidRedirectUri,
            "The grant type authorization_code needs a redirect URI.",
        ));
    }
    let authentication = match text("token_endpoint_auth_method")? {
        // What is shipped to many machines is no secret (RFC 8252, 8.5).
        _ if native => Authentication::None,
        None => Authentication::Basic,
        Some(name) => Authentication::from_name(name).ok_or_else(|| {
            unfit("token_endpoint_auth_method must be none, client_secret_basic or client_secret_post.")
        })?,
    };
    let name = text("client_name")?.map_or("An application without a name", str::trim);
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(misleads) {
        return Err(unfit("client_name must be 1 to 100 printable characters."));
    }
    if is_reserved(name) {
        return Err(unfit("client_name is that of Keywright's own command line; choose another."));
    }
    Ok(Client::registered(new_id(), name.to_owned(), trust, native, redirect_uris, grants, authentication))
}

fn answer(client: &Client, secret: Option<&Secret>, at: i64) -> Value {
    let grants: Vec<&str> = client.grants.iter().map(|grant| grant.as_str()).collect();
    let codes = client.grants.contains(&GrantType::AuthorizationCode);
    let mut answer = json!({
        "client_id": client.id,
        "client_id_issued_at": at,
        "client_name": client.name,
        "application_type": if client.native { "native" } else { "web" },
        "redirect_uris": client.redirect_uris,
        "grant_types": grants,
        "response_types": if codes { vec!["code"] } else { vec![] },
        "token_endpoint_auth_method": client.authentication.as_str(),
        "id_token_signed_response_alg": "ES256",
    });
    if let Some(secret) = secret {
        answer["client_secret"] = secret.expose().into();
        answer["client_secret_expires_at"] = 0.into();
    }
    answer
}

fn new_id() -> String {
    format!("cli_{}", random_hex::<16>().expose())
}

fn unfit(text: &'static str) -> OAuthError {
    OAuthError::new(OAuthCode::InvalidClientMetadata, text)
}

const MOST_ITEMS: usize = 20;
