//! The client: one function a route. Those of mailbox codes and of organizations have files of their own.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{Method, Request, Response, StatusCode};
use keywright_dial::control::Control;
use keywright_protocol::wire::{
    self, ApiKey, ApiKeys, ClaimAdministrator, CreateChild, CreateKey, CreateTemporary, DeletedKey, Failure,
    InstanceProof, Models, ProviderStates, RenewedChild, RequestDetail, RequestPage, RotateKey, Success,
    UpdateKey, UsageReport, WhoAmI,
};
use keywright_protocol::{KeyId, RequestId, Timestamp, routes};
use keywright_secret::Secret;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{
    ChildToken, ClientError, CreatedKey, EndpointUrl, RequestFilter, Retries, RotatedKey, ServerUrl,
    TemporaryToken, TokenSource, UpgradeTicket, query,
};

/// A client of one server. Its token goes to that server and nowhere else.
#[derive(Clone)]
pub struct Client {
    control: Control,
    server: ServerUrl,
    token: Option<Arc<dyn TokenSource>>,
    mailbox_endpoint: Option<Arc<EndpointUrl>>,
    retries: Retries,
    essential_traffic_only: bool,
}

impl Client {
    /// A client without a token, for the calls that need none.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] when the machine cannot make connections of that kind at all.
    pub fn new(server: &ServerUrl) -> Result<Self, ClientError> {
        let control = Control::to(server.as_url())
            .map_err(|source| ClientError::Unreachable { server: server.to_string(), source })?;
        Ok(Self {
            control,
            server: server.clone(),
            token: None,
            mailbox_endpoint: None,
            retries: Retries::NONE,
            essential_traffic_only: false,
        })
    }

    /// Calls with this token.
    #[must_use]
    pub fn with_token(self, token: Secret) -> Self {
        self.with_source(Arc::new(token))
    }

    /// Calls with whatever token `source` has at the time.
    #[must_use]
    pub fn with_source(self, source: Arc<dyn TokenSource>) -> Self {
        Self { token: Some(source), ..self }
    }

    /// Posts the calls of the mailbox routes to `endpoint` as it is, whichever of the four it is, for servers
    /// that have them elsewhere.
    ///
    /// # Errors
    /// [`ClientError::Elsewhere`] when the endpoint is not on the server of this client.
    pub fn with_mailbox_endpoint(self, endpoint: EndpointUrl) -> Result<Self, ClientError> {
        if *endpoint.server() == self.server {
            Ok(Self { mailbox_endpoint: Some(Arc::new(endpoint)), ..self })
        } else {
            Err(ClientError::Elsewhere { server: self.server.to_string() })
        }
    }

    /// Makes a call again when the server, or the way to it, only has a bad moment. `Retry-After` is obeyed; what
    /// may have been done is not done again.
    #[must_use]
    pub fn with_retries(self, retries: Retries) -> Self {
        Self { retries, ..self }
    }

    /// Whether whoever uses this client wants no call that is not needed for what was asked. The client itself
    /// makes none in any case; this hands the wish on, and has a new account marked, or one that is signed in to
    /// by mailbox: the server captures no content of it.
    #[must_use]
    pub fn with_essential_traffic_only(self, essential_traffic_only: bool) -> Self {
        Self { essential_traffic_only, ..self }
    }

    /// Whether only calls that are needed for what was asked may be made. Nothing is ever sent anywhere but to
    /// the server that was named.
    pub fn is_essential_traffic_only(&self) -> bool {
        self.essential_traffic_only
    }

    /// The server that is called.
    pub fn server(&self) -> &ServerUrl {
        &self.server
    }

    /// Makes a temporary account. Never sends a token.
    ///
    /// # Errors
    /// [`ClientError`]; refused with `TEMPORARY_DISABLED` where there are none.
    pub async fn temporary(&self) -> Result<TemporaryToken, ClientError> {
        let request = CreateTemporary { essential_traffic_only: self.essential_traffic_only };
        let answer = self.send(Method::POST, routes::TEMPORARY, body(&request), None).await?;
        self.data::<wire::TemporaryAccount>(&answer).map(Into::into)
    }

    /// Gets a ticket with which the person who signs in next may take this client's temporary account over.
    ///
    /// # Errors
    /// [`ClientError`]; refused with `UPGRADE_REFUSED` for any other token.
    pub async fn upgrade_ticket(&self) -> Result<UpgradeTicket, ClientError> {
        self.call::<wire::UpgradeTicket>(Method::POST, routes::UPGRADE_TICKET, Bytes::new())
            .await
            .map(Into::into)
    }

    /// Makes a token for an agent.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn child(&self, request: &CreateChild) -> Result<ChildToken, ClientError> {
        self.call::<wire::ChildToken>(Method::POST, routes::CHILD, body(request)).await.map(Into::into)
    }

    /// Lets a child of this client's token live for another half a day, or until its parent ends.
    ///
    /// # Errors
    /// [`ClientError`]; refused with `NOT_FOUND` when it was revoked or is none of this token's.
    pub async fn renew_child(&self, child: &Secret) -> Result<RenewedChild, ClientError> {
        let request = wire::RenewChild { token: child.expose().to_owned() };
        self.call(Method::PATCH, routes::CHILD, body(&request)).await
    }

    /// Ends the child token that this client uses.
    ///
    /// # Errors
    /// [`ClientError`]; refused with `FORBIDDEN` for a token that is no child.
    pub async fn end_child(&self) -> Result<DeletedKey, ClientError> {
        self.call(Method::DELETE, routes::CHILD, Bytes::new()).await
    }

    /// Whose token this is and what it may do.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn whoami(&self) -> Result<WhoAmI, ClientError> {
        self.call(Method::GET, routes::WHOAMI, Bytes::new()).await
    }

    /// Makes an API key.
    ///
    /// # Errors
    /// [`ClientError`]; refused with `NAME_TAKEN`, `MAX_API_KEYS_REACHED`, `INVALID_SCOPE` and others.
    pub async fn create_key(&self, request: &CreateKey) -> Result<CreatedKey, ClientError> {
        let key = self.call(Method::POST, routes::KEYS, body(request)).await?;
        CreatedKey::from_wire(key).ok_or_else(|| self.not_ours("the new key is not in the answer"))
    }

    /// The organization's API keys.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn list_keys(&self) -> Result<ApiKeys, ClientError> {
        self.call(Method::GET, routes::KEYS, Bytes::new()).await
    }

    /// One active API key.
    ///
    /// # Errors
    /// [`ClientError`]; refused with `NOT_FOUND` for a key that is none of the organization's.
    pub async fn key(&self, id: KeyId) -> Result<ApiKey, ClientError> {
        self.call(Method::GET, &routes::key(id), Bytes::new()).await
    }

    /// Changes an API key.
    ///
    /// # Errors
    /// [`ClientError`]; refused with `NAME_TAKEN`, `INVALID_SCOPE`, `FORBIDDEN` and others.
    pub async fn update_key(&self, id: KeyId, request: &UpdateKey) -> Result<ApiKey, ClientError> {
        self.call(Method::PATCH, &routes::key(id), body(request)).await
    }

    /// Puts a new key in the place of one, which is dead when this returns unless an overlap was asked for.
    ///
    /// # Errors
    /// [`ClientError`]; refused with `KEY_ALREADY_ROTATED`, `ROTATION_IN_PROGRESS` and others.
    pub async fn rotate_key(&self, id: KeyId, request: &RotateKey) -> Result<RotatedKey, ClientError> {
        let rotated = self.call(Method::POST, &routes::rotate(id), body(request)).await?;
        RotatedKey::from_wire(rotated).ok_or_else(|| self.not_ours("the new key is not in the answer"))
    }

    /// Deletes an API key; it is dead when this returns.
    ///
    /// # Errors
    /// [`ClientError`]; refused with `NOT_FOUND` for a key that is none of the organization's.
    pub async fn delete_key(&self, id: KeyId) -> Result<DeletedKey, ClientError> {
        self.call(Method::DELETE, &routes::key(id), Bytes::new()).await
    }

    /// The models of all providers.
    ///
    /// # Errors
    /// [`ClientError`]; refused with `MODELS_UNAVAILABLE` when no provider answers.
    pub async fn models(&self) -> Result<Models, ClientError> {
        self.call(Method::GET, routes::MODELS, Bytes::new()).await
    }

    /// A page of request records, newest first.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn requests(&self, filter: &RequestFilter) -> Result<RequestPage, ClientError> {
        self.call(Method::GET, &filter.path(), Bytes::new()).await
    }

    /// Usage summed since then; since when the server chooses, if not said.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn usage(&self, since: Option<Timestamp>) -> Result<UsageReport, ClientError> {
        self.call(Method::GET, &query::usage_path(since), Bytes::new()).await
    }

    /// Makes the caller an administrator of the server.
    ///
    /// # Errors
    /// [`ClientError`]; refused with `CLAIM_INVALID`, `CLAIM_USED` or `CLAIM_LOCKED`.
    pub async fn claim(&self, code: &Secret) -> Result<WhoAmI, ClientError> {
        let request = ClaimAdministrator { code: code.expose().to_owned() };
        self.call(Method::POST, routes::CLAIM, body(&request)).await
    }

    /// Asks which installation answers. Never sends a token.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn prove_instance(&self, challenge: &str) -> Result<InstanceProof, ClientError> {
        let answer = self.send(Method::GET, &query::instance_path(challenge), Bytes::new(), None).await?;
        self.data(&answer)
    }

    /// One call, with all that is known of it.
    ///
    /// # Errors
    /// [`ClientError`]; refused with `NOT_FOUND` for a call of another organization too.
    pub async fn request(&self, id: RequestId) -> Result<RequestDetail, ClientError> {
        self.call(Method::GET, &routes::request(id), Bytes::new()).await
    }

    /// The providers behind the gateway, and whether the server can reach them now.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn providers(&self) -> Result<ProviderStates, ClientError> {
        self.call(Method::GET, routes::PROVIDERS, Bytes::new()).await
    }

    /// Asks whether the server lives. Never sends a token.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn healthz(&self) -> Result<(), ClientError> {
        let answer = self.send(Method::GET, routes::HEALTHZ, Bytes::new(), None).await?;
        if answer.status().is_success() {
            Ok(())
        } else {
            Err(self.not_ours(&format!("its health check answers {}", answer.status().as_u16())))
        }
    }

    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<T, ClientError> {
        let Some(source) = &self.token else {
            let answer = self.send(method, path, body, None).await?;
            return self.data(&answer);
        };
        let token = source.token(&self.server).await?;
        let answer = self.send(method.clone(), path, body.clone(), Some(&token)).await?;
        // A call that was refused did nothing, so that it may be made again.
        if answer.status() == StatusCode::UNAUTHORIZED
            && let Some(other) = source.after_refusal(&self.server, &token).await?
        {
            let answer = self.send(method, path, body, Some(&other)).await?;
            return self.data(&answer);
        }
        self.data(&answer)
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        token: Option<&Secret>,
    ) -> Result<Response<Bytes>, ClientError> {
        let mut made = 0;
        loop {
            let outcome = self.send_once(method.clone(), path, body.clone(), token).await;
            match self.retries.wait(made, &method, &outcome) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return outcome,
            }
            made += 1;
        }
    }

    async fn send_once(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        token: Option<&Secret>,
    ) -> Result<Response<Bytes>, ClientError> {
        let mut request =
            Request::builder().method(method).uri(path).header(ACCEPT, JSON).header(USER_AGENT, AGENT);
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, JSON);
        }
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, bearer(token).map_err(ClientError::Unsendable)?);
        }
        let request = request.body(body).map_err(ClientError::Unsendable)?;
        self.control
            .send(request)
            .await
            .map_err(|source| ClientError::Unreachable { server: self.server.to_string(), source })
    }

    pub(crate) fn data<T: DeserializeOwned>(&self, answer: &Response<Bytes>) -> Result<T, ClientError> {
        if answer.status().is_success() {
            return serde_json::from_slice::<Success<T>>(answer.body())
                .map(|success| success.data)
                // Where it went wrong, and not what stands there: the answer may hold a token.
                .map_err(|error| self.not_ours(&format!("unexpected JSON at column {}", error.column())));
        }
        match serde_json::from_slice::<Failure>(answer.body()) {
            Ok(failure) => Err(ClientError::Refused(Box::new(failure))),
            Err(_) => {
                Err(self.not_ours(&format!("status {} without our envelope", answer.status().as_u16())))
            }
        }
    }

    /// Where a mailbox call goes whose usual path is `route`.
    pub(crate) fn mailbox_path<'p>(&'p self, route: &'p str) -> &'p str {
        self.mailbox_endpoint.as_ref().map_or(route, |endpoint| endpoint.target())
    }

    pub(crate) fn not_ours(&self, reason: &str) -> ClientError {
        ClientError::NotOurs { server: self.server.to_string(), reason: reason.to_owned() }
    }
}

pub(crate) fn body(value: &impl Serialize) -> Bytes {
    // The wire types are structs of texts and numbers, which always have a JSON form.
    serde_json::to_vec(value).unwrap_or_default().into()
}

fn bearer(token: &Secret) -> Result<HeaderValue, http::Error> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose()))?;
    value.set_sensitive(true);
    Ok(value)
}

const JSON: &str = "application/json";
/// How this client names itself.
pub(crate) const AGENT: &str = concat!("keywright/", env!("CARGO_PKG_VERSION"));
