//! Reading bodies and queries, with our own refusals where they are not as they should be.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http_body_util::{BodyExt, Limited};
use keywright_protocol::{ApiError, ErrorCode};
use keywright_secret::mentions_token;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::api::Refusal;

/// A JSON body of at most 64 KiB, sent as JSON: no form of another site can send one.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let is_json =
            request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|text| {
                text.split(';')
                    .next()
                    .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
            });
        if !is_json {
            return Err(ErrorCode::InvalidJson.into());
        }
        let reading = timeout(PATIENCE, Limited::new(request.into_body(), LONGEST).collect());
        let bytes: Bytes = reading
            .await
            .map_err(|_| {
                ApiError::new(ErrorCode::InvalidRequest).because("The request body stopped coming.")
            })?
            .map_err(|_| ApiError::new(ErrorCode::BodyTooLarge).detail("limitBytes", LONGEST))?
            .to_bytes();
        // An array would be taken for an object, item by item.
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(ErrorCode::InvalidJson.into());
        }
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            // The text of a syntax error has positions in it, that of a wrong field its name; neither
            // has a value that was sent.
            let code = if error.is_data() { ErrorCode::InvalidRequest } else { ErrorCode::InvalidJson };
            let message = match code {
                ErrorCode::InvalidRequest => {
                    format!("The body is not as it should be: {}.", without_values(&error))
                }
                _ => format!("The body is not JSON: line {}, column {}.", error.line(), error.column()),
            };
            ApiError::new(code).because(message).into()
        })
    }
}

/// The parameters of a query, each at most once.
pub(super) struct Parameters(BTreeMap<String, String>);

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let invalid = |message: String| ApiError::new(ErrorCode::InvalidRequest).because(message);
        let Query(pairs) = Query::<Vec<(String, String)>>::from_request_parts(parts, state)
            .await
            .map_err(|_| invalid("The query cannot be read.".to_owned()))?;
        let mut parameters = BTreeMap::new();
        for (name, value) in pairs {
            if mentions_token(name.as_bytes()) {
                return Err(invalid(
                    "A token stands in the query, where it can be read by others.".to_owned(),
                )
                .into());
            }
            if parameters.insert(name.clone(), value).is_some() {
                return Err(invalid(format!("`{name}` stands twice in the query.")).into());
            }
        }
        Ok(Self(parameters))
    }
}

impl Parameters {
    /// Takes a parameter out.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    /// Takes a parameter out and reads it.
    pub(super) fn parsed<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        self.take(name)
            .map(|text| {
                read(&text).ok_or_else(|| {
                    ApiError::new(ErrorCode::InvalidRequest)
                        .because(format!("The value of `{name}` is not valid."))
                })
            })
            .transpose()
    }

    /// Refuses what nobody took: a mistyped filter must not pass for none.
    pub(super) fn finish(self) -> Result<(), ApiError> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => {
                Err(ApiError::new(ErrorCode::InvalidRequest)
                    .because(format!("There is no parameter `{name}`.")))
            }
        }
    }
}

/// An id in a path. What is no id is the id of nothing.
pub(super) fn read_id<T: FromStr>(text: &str) -> Result<T, ErrorCode> {
    text.parse().map_err(|_| ErrorCode::NotFound)
}

/// serde's sentence, up to where it would repeat a value, and none that repeats a token.
fn without_values(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if mentions_token(text.as_bytes()) {
        return "a token stands where none belongs".to_owned();
    }
    match text.split_once(':') {
        Some((before, _)) if before.starts_with("invalid") => before.to_owned(),
        _ => text.split(" at line").next().unwrap_or(&text).to_owned(),
    }
}

const LONGEST: usize = 64 * 1024;
const PATIENCE: Duration = Duration::from_secs(30);
