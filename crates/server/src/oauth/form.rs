//! Reading forms, by RFC 6749 appendix B.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, Limited};
use keywright_identity::oauth::{OAuthCode, OAuthError};
use keywright_secret::Secret;
use tokio::time::timeout;

use crate::oauth::respond::OAuthRefusal;

/// The parameters of a form. What has no value counts as left out; each may stand there once, but `resource`.
pub(crate) struct Form {
    single: BTreeMap<String, Secret>,
    resources: Vec<String>,
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = OAuthRefusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, OAuthRefusal> {
        let bytes = body(request, "application/x-www-form-urlencoded").await?;
        let mut form = Self { single: BTreeMap::new(), resources: Vec::new() };
        for (name, value) in url::form_urlencoded::parse(&bytes) {
            if name == "resource" {
                form.resources.extend((!value.is_empty()).then(|| value.into_owned()));
            } else if form.single.insert(name.into_owned(), Secret::new(value)).is_some() {
                return Err(invalid("A parameter stands in the form twice.").into());
            }
        }
        form.single.retain(|_, value| !value.is_empty());
        Ok(form)
    }
}

impl Form {
    /// A parameter.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.single.get(name).map(Secret::expose)
    }

    /// A parameter that is nobody else's business.
    pub(crate) fn secret(&self, name: &str) -> Option<&Secret> {
        self.single.get(name)
    }

    /// A parameter that must be there.
    pub(crate) fn required(&self, name: &'static str) -> Result<&Secret, OAuthError> {
        self.secret(name).ok_or_else(|| {
            OAuthError::new(OAuthCode::InvalidRequest, format!("The parameter {name} is missing."))
        })
    }

    /// The resources that are named.
    pub(crate) fn resources(&self) -> &[String] {
        &self.resources
    }
}

/// A body of at most 64 KiB of that type.
pub(crate) async fn body(request: Request, kind: &'static str) -> Result<Bytes, OAuthError> {
    let given = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !given.split(';').next().is_some_and(|given| given.trim().eq_ignore_ascii_case(kind)) {
        let text = format!("The body must be of the type {kind}.");
        return Err(OAuthError::new(OAuthCode::InvalidRequest, text));
    }
    let reading = timeout(PATIENCE, Limited::new(request.into_body(), LONGEST).collect());
    let read = reading.await.map_err(|_| invalid("The body stopped coming."))?;
    Ok(read.map_err(|_| invalid("The body is longer than 64 KiB, or broke off."))?.to_bytes())
}

fn invalid(text: &'static str) -> OAuthError {
    OAuthError::new(OAuthCode::InvalidRequest, text)
}

const LONGEST: usize = 64 * 1024;
const PATIENCE: Duration = Duration::from_secs(30);
