//! Asks one provider what it has, with the server's own key.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::{BodyExt, Limited};
use keywright_protocol::ErrorCode;
use keywright_providers::Dialect;
use url::form_urlencoded;

use super::model::{Model, Page};
use crate::Gateway;
use crate::catalog::Upstream;
use crate::conceal::masked;
use crate::phase::credential::Credential;
use crate::phase::permit::Permit;
use crate::phase::{forward, inject};
use crate::traits::CentralKey;
use crate::upload::Upload;

/// A provider that can be asked, and how.
pub(super) struct Source {
    pub(super) upstream: Arc<Upstream>,
    pub(super) dialect: Dialect,
    pub(super) key: Arc<CentralKey>,
}

/// Why a provider did not say.
#[derive(Clone, Copy, Debug, thiserror::Error)]
enum Unsaid {
    /// It could not be reached, or broke off.
    #[error("it could not be reached: {}", .0.as_str())]
    Unreached(ErrorCode),
    /// It answered with an error: its key may be refused.
    #[error("it answered {0}")]
    Refused(u16),
    /// Its answer is no list of models, or far too long.
    #[error("its answer is no list of models")]
    Unreadable,
    /// It took too long.
    #[error("it took too long")]
    TimedOut,
}

impl Gateway {
    /// All models of a provider.
    pub(super) async fn ask_for_list(&self, permit: &Permit, source: &Source) -> Option<Vec<Model>> {
        let pages = async {
            let mut models = Vec::new();
            let mut after = None;
            for _ in 0..MOST_PAGES {
                let query = page_query(source.dialect, after.as_deref());
                let body = self.ask(permit, source, "", &query).await?;
                let page = Page::read(source.dialect, &body).ok_or(Unsaid::Unreadable)?;
                models.extend(page.models);
                after = page.next;
                if after.is_none() || models.len() >= MOST_MODELS {
                    break;
                }
            }
            models.truncate(MOST_MODELS);
            Ok(models)
        };
        said(source, tokio::time::timeout(PATIENCE, pages).await.unwrap_or(Err(Unsaid::TimedOut)))
    }

    /// One model of a provider, which may know it by a name that is not in its list.
    pub(super) async fn ask_for_one(&self, permit: &Permit, source: &Source, id: &str) -> Option<Model> {
        let asking = async {
            let body = self.ask(permit, source, &format!("/{id}"), "").await?;
            let entry = serde_json::from_slice(&body).map_err(|_| Unsaid::Unreadable)?;
            Model::read(source.dialect, entry).ok_or(Unsaid::Unreadable)
        };
        said(source, tokio::time::timeout(PATIENCE, asking).await.unwrap_or(Err(Unsaid::TimedOut)))
    }

    async fn ask(&self, permit: &Permit, source: &Source, below: &str, query: &str) -> Result<Bytes, Unsaid> {
        let Source { upstream, dialect, key } = source;
        let root = if *dialect == Dialect::Gemini { "/v1beta/models" } else { "/v1/models" };
        let path = upstream.path_of(*dialect, &format!("{root}{below}"));
        let uri = if query.is_empty() { path } else { format!("{path}?{query}") };
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers
            .insert(USER_AGENT, HeaderValue::from_static(concat!("keywright/", env!("CARGO_PKG_VERSION"))));
        if *dialect == Dialect::Anthropic {
            headers.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
        }
        let credential = Credential::Central(Arc::clone(key));
        inject::inject(&mut headers, permit, &credential, upstream, *dialect, &self.settings.hop);
        let mut request = Request::new(Box::new(Upload::empty(&self.settings.buffers)));
        *request.uri_mut() = uri.parse().map_err(|_| Unsaid::Unreadable)?;
        *request.headers_mut() = headers;
        let sent = forward::forward(&self.pool, permit, upstream, request, PATIENCE).await;
        let (response, lease) = sent.map_err(|error| Unsaid::Unreached(error.code))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), LONGEST_LIST).collect().await;
        let body = body.map_err(|_| Unsaid::Unreadable)?.to_bytes();
        lease.give_back();
        if status.as_u16() == 200 {
            Ok(masked(body, credential.secret()))
        } else {
            Err(Unsaid::Refused(status.as_u16()))
        }
    }
}

fn said<T>(source: &Source, answer: Result<T, Unsaid>) -> Option<T> {
    let name = &source.upstream.name;
    answer
        .inspect_err(
            |why| tracing::warn!(provider.name = %name, "{name} did not say which models it has: {why}"),
        )
        .ok()
}

fn page_query(dialect: Dialect, after: Option<&str>) -> String {
    let (size, next) = match dialect {
        Dialect::Anthropic => ("limit", "after_id"),
        Dialect::Gemini => ("pageSize", "pageToken"),
        Dialect::OpenAi => return String::new(),
    };
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair(size, "1000");
    if let Some(after) = after {
        query.append_pair(next, after);
    }
    query.finish()
}

/// For a provider to say all that it has. One that is down keeps nobody waiting longer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Several times the longest list there is, of an aggregator.
const LONGEST_LIST: usize = 4 * 1024 * 1024;
const MOST_PAGES: usize = 5;
const MOST_MODELS: usize = 5_000;
