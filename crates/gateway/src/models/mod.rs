//! The models of all providers in one list, in the shape of whoever asks.
//!
//! On native paths the list and its entries are Keywright's own answer, made of what each provider says to
//! the server's own key. With a caller's own key the request passes to that vendor, as it does on the paths
//! that name a provider: what that key shows is for its owner alone.

mod ask;
mod cache;
mod model;
mod paging;

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::future::join_all;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Method, Response, Uri};
use keywright_protocol::record::{CredentialKind, OutcomeKind};
use keywright_protocol::wire::{ListedModel, Models};
use keywright_protocol::{ApiError, ErrorCode, RequestId, Timestamp};
use keywright_providers::Dialect;
use serde_json::{Value, json};

pub(crate) use cache::Lists;

use crate::answer::Answer;
use crate::call::{COMMIT_TIME, Call};
use crate::catalog::Upstream;
use crate::meter::Reading;
use crate::phase::authenticate::{Caller, Own};
use crate::phase::permit::{self, Permit};
use crate::surface::Surface;
use crate::{Arrival, Gateway, conclude, refuse, respond};
use ask::Source;
use cache::List;
use model::Model;
use paging::Paging;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked<'p> {
    /// All models.
    All,
    /// The one of that id.
    One(&'p str),
}

impl<'p> Asked<'p> {
    /// What a request on a native path asks for; `None` when that is no model.
    pub(crate) fn of(method: &Method, surface: Surface<'p>) -> Option<Self> {
        if method != Method::GET || surface.provider.is_some() {
            return None;
        }
        let rest = surface.rest;
        let below = rest.strip_prefix("/v1beta/models").or_else(|| rest.strip_prefix("/v1/models"))?;
        match below.strip_prefix('/') {
            Some(id) => is_id(id).then_some(Self::One(id)),
            None => below.is_empty().then_some(Self::All),
        }
    }
}

/// What a provider has, as far as it said.
struct Told {
    upstream: Arc<Upstream>,
    list: List,
}

impl Gateway {
    /// Answers a request for models, in the shape of `dialect`.
    pub(crate) async fn answer_models(
        &self,
        mut call: Call,
        asked: Asked<'_>,
        uri: &Uri,
        likely: Dialect,
        caller: Caller,
    ) -> Response<Answer> {
        let query = uri.query().unwrap_or_default();
        let dialect = dialect_of(uri.path(), query, likely);
        call.intent_mut().dialect = dialect.as_str();
        call.intent_mut().route = label(asked, dialect);
        let prepared = async {
            let paging = Paging::read(dialect, query)?;
            let permit = permit::grant(&self.settings.limits, caller.principal)?;
            let told = self.told(&mut call, &permit, Some(dialect)).await?;
            let body = match asked {
                Asked::All => list_body(dialect, &told, &paging)?,
                Asked::One(id) => self.one_body(&permit, dialect, &told, id).await?,
            };
            permit.stands()?;
            Ok((body, missing(&told)))
        };
        match prepared.await {
            Ok((body, missing)) => finish(call, dialect, &body, &missing).await,
            Err(error) => conclude(call, dialect, &error).await,
        }
    }

    /// The models of all providers, for whoever the request is from, with the id of its record.
    ///
    /// # Errors
    /// As the gateway refuses model calls; `MODELS_UNAVAILABLE` when no provider says what it has.
    pub async fn models(&self, parts: &Parts, peer: IpAddr) -> Result<Models, ApiError> {
        let arrival = Arrival { id: RequestId::new(), started: Instant::now(), peer };
        let surface = Surface { provider: None, rest: parts.uri.path() };
        let caller = self.unproven(&arrival, surface, parts).await?;
        let mut intent = self.intent(&arrival, Dialect::OpenAi, parts, &caller);
        intent.route = "GET /api/v1/models";
        let mut call = Call::new(Rc::clone(&self.recorder), arrival.started, intent)
            .ok_or(ErrorCode::AuditUnavailable)?;
        // Here an own credential has nowhere to go, whatever came along.
        call.shadowed = caller.own.iter().map(Own::shadowed).chain(caller.shadowed).collect();
        let prepared = async {
            let permit = permit::grant(&self.settings.limits, caller.principal)?;
            let told = self.told(&mut call, &permit, None).await?;
            permit.stands()?;
            Ok(Models { models: told.iter().flat_map(listed).collect(), incomplete: missing(&told) })
        };
        let outcome: Result<Models, ApiError> = prepared.await;
        let committed = match &outcome {
            Ok(_) => {
                call.seen.status = Some(200);
                call.end(OutcomeKind::Succeeded, None, Reading::default())
            }
            Err(error) => call.fail(error),
        };
        let recorded = tokio::time::timeout(COMMIT_TIME, committed).await;
        match (outcome, recorded) {
            (Ok(models), Ok(Ok(()))) => Ok(models),
            (Ok(_), _) => Err(ErrorCode::AuditUnavailable.into()),
            (Err(error), _) => Err(error),
        }
    }

    /// What each provider has: from memory where that is young, else all are asked at once. Whoever speaks
    /// `dialect` comes first, its own vendor before the others, and is asked in it.
    async fn told(
        &self,
        call: &mut Call,
        permit: &Permit,
        dialect: Option<Dialect>,
    ) -> Result<Vec<Told>, ApiError> {
        let sources = self.sources(dialect)?;
        if let [only] = sources.as_slice() {
            call.intent_mut().provider = Some(only.upstream.name.clone());
            call.intent_mut().credential_hint = Some(only.key.hint().to_owned());
        }
        call.intent_mut().credential = Some(CredentialKind::Central);
        let now = self.settings.clock.now();
        if sources.iter().any(|source| self.place(source).fresh(now).is_none()) {
            call.begin().await.map_err(|_| ErrorCode::AuditUnavailable)?;
        }
        // Asked for before the flag is looked at, so that no revocation falls between.
        let died = permit.principal.liveness.died();
        permit.stands()?;
        permit.has_time(now)?;
        let lists = join_all(sources.iter().map(|source| self.list(permit, source, now)));
        let lists = tokio::select! {
            biased;
            lists = lists => lists,
            () = died => return Err(ErrorCode::KeyRevoked.into()),
        };
        let told: Vec<Told> = sources
            .into_iter()
            .zip(lists)
            .map(|(source, list)| Told { upstream: source.upstream, list })
            .collect();
        if told.iter().all(|told| told.list.is_none()) {
            return Err(ApiError::new(ErrorCode::ModelsUnavailable).detail("providers", missing(&told)));
        }
        Ok(told)
    }

    /// The providers that the server has a key for.
    fn sources(&self, dialect: Option<Dialect>) -> Result<Vec<Source>, ApiError> {
        let mut upstreams: Vec<&Arc<Upstream>> = self.settings.catalog.iter().collect();
        if upstreams.is_empty() {
            return Err(ErrorCode::ProviderNotConfigured.into());
        }
        if let Some(dialect) = dialect {
            upstreams.sort_by_key(|upstream| (!upstream.speaks(dialect), upstream.name != dialect.home()));
        }
        let source = |upstream: &Arc<Upstream>| {
            let spoken = dialect.filter(|dialect| upstream.speaks(*dialect));
            Some(Source {
                key: self.credentials.central(&upstream.name)?,
                dialect: spoken.or_else(|| upstream.dialects.first().copied())?,
                upstream: Arc::clone(upstream),
            })
        };
        let sources: Vec<Source> = upstreams.into_iter().filter_map(source).collect();
        if sources.is_empty() { Err(ErrorCode::NoProviderKey.into()) } else { Ok(sources) }
    }

    async fn list(&self, permit: &Permit, source: &Source, now: Timestamp) -> List {
        let place = self.place(source);
        if let Some(list) = place.fresh(now) {
            return list;
        }
        let _turn = place.turn.lock().await;
        // Somebody else may have asked while this one waited.
        if let Some(list) = place.fresh(now) {
            return list;
        }
        let list = self.ask_for_list(permit, source).await.map(Arc::new);
        place.keep(list.clone(), self.settings.clock.now());
        list
    }

    fn place(&self, source: &Source) -> Arc<cache::Place> {
        self.settings.catalog.lists.place(&source.upstream.name, source.dialect)
    }

    /// The entry of one model: from the first provider that lists it, else from the dialect's own, which may
    /// know it by another name.
    async fn one_body(
        &self,
        permit: &Permit,
        dialect: Dialect,
        told: &[Told],
        id: &str,
    ) -> Result<Value, ApiError> {
        if let Some((model, upstream)) = merged(told).into_iter().find(|(model, _)| model.id == id) {
            return Ok(model.write(dialect, &upstream.name));
        }
        let unknown = || {
            ApiError::new(ErrorCode::NotFound)
                .because("No provider here has a model of that name.")
                .next("See `GET /v1/models`, or `keywright models`.")
        };
        let sources = self.sources(Some(dialect))?;
        let first = sources.into_iter().next().filter(|source| source.dialect == dialect);
        // Names with more than one segment are none of a vendor's own.
        let source = first.filter(|_| !id.contains(['/', ':'])).ok_or_else(unknown)?;
        permit.stands()?;
        let model = self.ask_for_one(permit, &source, id).await.ok_or_else(unknown)?;
        Ok(model.write(dialect, &source.upstream.name))
    }
}

/// Google's clients are known by their path and by `?key=`, all others by their headers.
fn dialect_of(path: &str, query: &str, likely: Dialect) -> Dialect {
    let keyed = || url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "key");
    let gemini = path.starts_with("/v1beta/") || likely == Dialect::OpenAi && keyed();
    if gemini { Dialect::Gemini } else { likely }
}

fn label(asked: Asked<'_>, dialect: Dialect) -> &'static str {
    match (asked, dialect) {
        (Asked::All, Dialect::Gemini) => "GET /{version}/models",
        (Asked::All, _) => "GET /v1/models",
        (Asked::One(_), Dialect::Gemini) => "GET /{version}/models/{id}",
        (Asked::One(_), _) => "GET /v1/models/{id}",
    }
}

/// Every model once: of several with one id the first, which is who would be called.
fn merged(told: &[Told]) -> Vec<(&Model, &Upstream)> {
    let mut seen = std::collections::HashSet::new();
    let models = told.iter().flat_map(|told| {
        told.list.iter().flat_map(|list| list.iter()).map(|model| (model, told.upstream.as_ref()))
    });
    models.filter(|(model, _)| seen.insert(model.id.as_str())).collect()
}

fn list_body(dialect: Dialect, told: &[Told], paging: &Paging) -> Result<Value, ApiError> {
    let all = merged(told);
    let part = paging.part(&all, |(model, _)| &model.id)?;
    let ids: Vec<&str> = part.items.iter().map(|(model, _)| model.id.as_str()).collect();
    let models: Vec<Value> =
        part.items.iter().map(|(model, upstream)| model.write(dialect, &upstream.name)).collect();
    Ok(match dialect {
        Dialect::Anthropic => json!({
            "data": models,
            "has_more": part.more,
            "first_id": ids.first(),
            "last_id": ids.last(),
        }),
        Dialect::OpenAi => json!({ "object": "list", "data": models }),
        Dialect::Gemini => match ids.last().filter(|_| part.more) {
            Some(last) => json!({ "models": models, "nextPageToken": last }),
            None => json!({ "models": models }),
        },
    })
}

fn listed(told: &Told) -> Vec<ListedModel> {
    let mut seen = std::collections::HashSet::new();
    let models = told.list.iter().flat_map(|list| list.iter());
    models
        .filter(|model| seen.insert(model.id.as_str()))
        .map(|model| ListedModel {
            id: model.id.clone(),
            provider: told.upstream.name.clone(),
            dialects: told.upstream.dialects.iter().map(|dialect| dialect.as_str().to_owned()).collect(),
            display_name: model.display_name.clone(),
            created_at: model.created_at,
        })
        .collect()
}

/// The providers that did not say what they have.
fn missing(told: &[Told]) -> Vec<String> {
    told.iter().filter(|told| told.list.is_none()).map(|told| told.upstream.name.clone()).collect()
}

/// Records the good end and gives the answer out.
async fn finish(mut call: Call, dialect: Dialect, body: &Value, missing: &[String]) -> Response<Answer> {
    let body = Bytes::from(body.to_string());
    let id = call.intent.id;
    call.seen.status = Some(200);
    call.pass(body.len());
    let committed = call.end(OutcomeKind::Succeeded, None, Reading::default());
    if !matches!(tokio::time::timeout(COMMIT_TIME, committed).await, Ok(Ok(()))) {
        return refuse(dialect, &ErrorCode::AuditUnavailable.into(), id);
    }
    let mut response = Response::new(Answer::whole(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(names) = Some(missing.join(", ")).filter(|names| !names.is_empty())
        && let Ok(names) = HeaderValue::from_str(&names)
    {
        headers.insert(INCOMPLETE_HEADER, names);
    }
    respond::protect(headers, id);
    response
}

/// A model's name in a path: segments of plain characters, nothing that two readers could take differently.
fn is_id(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:@~+".contains(&byte);
    let good = |segment: &str| segment.bytes().any(|byte| byte != b'.') && segment.bytes().all(plain);
    id.len() <= 256 && id.split('/').all(good) && !keywright_secret::mentions_token(id.as_bytes())
}

/// Names the providers that are left out of a list.
const INCOMPLETE_HEADER: &str = "x-keywright-incomplete";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_models_are_asked_for_on_native_paths_only() {
        for (method, path, asked) in [
            ("GET", "/v1/models", Some(Asked::All)),
            ("GET", "/v1beta/models", Some(Asked::All)),
            ("GET", "/v1/models/m", Some(Asked::One("m"))),
            ("GET", "/v1/models/vendor/m:free", Some(Asked::One("vendor/m:free"))),
            ("GET", "/v1beta/models/gemini-3", Some(Asked::One("gemini-3"))),
            ("POST", "/v1/models", None),
            ("GET", "/v1/models/", None),
            ("GET", "/v1/models/..", None),
            ("GET", "/v1/models/a/../b", None),
            ("GET", "/v1/models/a%2fb", None),
            ("GET", "/v1/modelsx", None),
            ("GET", "/v1/models/sk_kw_0123456789012345678901", None),
            ("GET", "/gateway/openai/v1/models", None),
        ] {
            let method: Method = method.parse().expect("a method");
            let surface = Surface::of(path).expect("a gateway path");
            assert_eq!(Asked::of(&method, surface), asked, "{path}");
        }
    }
}
