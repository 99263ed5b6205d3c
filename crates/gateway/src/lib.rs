//! The model-call pipeline: authenticate, route, permit, choose a credential, inject it, forward, meter.
//!
//! Passes bodies through as they are: a tolerant reader finds the model's name on the way up and the
//! usage on the way down. Knows no database, no accounts and no configuration file; what it needs of
//! them it asks for through [`Principals`], [`CredentialSource`] and [`Recorder`].
//!
//! A [`Gateway`] lives on one thread, with connections of its own; one is made for each.

mod answer;
mod call;
mod catalog;
mod conceal;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod json;
mod meter;
mod models;
mod phase;
mod pool;
mod respond;
mod session;
mod surface;
mod traits;
mod upload;
mod upstream_error;
mod usage;

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, Uri};
use http_body::Body;
use http_body::Frame;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use keywright_dial::Dialler;
use keywright_protocol::record::{Intent, OutcomeKind};
use keywright_protocol::{ApiError, Clock, ErrorCode, Principal, RequestId};
use keywright_providers::{Dialect, Handling};
use keywright_secret::Secret;

pub use answer::Answer;
pub use catalog::{Catalog, DEMO, Upstream};
pub use phase::authenticate::platform_token;
pub use phase::meter::Broken;
pub use phase::permit::Limits;
pub use respond::REQUEST_ID_HEADER;
pub use surface::{BY_PROVIDER, Surface};
pub use traits::{
    CentralKey, Committed, CredentialSource, NotRecorded, Principals, Recorder, Verification, Verified,
};
pub use upload::{BufferBudget, TwoLengths};

use call::{COMMIT_TIME, Call};
use conceal::{mask_headers, masked};
use meter::Meter;
use models::Asked;
use phase::authenticate::{Caller, Own, authenticate};
use phase::credential::Credential;
use phase::meter::{Relay, Watch, read};
use phase::permit::Permit;
use phase::{credential, forward, inject, permit, route};
use pool::{Lease, Pool};
use upload::Upload;

/// What all gateways of a process share.
#[derive(Clone)]
pub struct Settings {
    /// The upstreams.
    pub catalog: Arc<Catalog>,
    /// What temporary accounts may do together.
    pub limits: Arc<Limits>,
    /// The memory that request bodies may hold together.
    pub buffers: BufferBudget,
    /// The longest request body, in bytes.
    pub max_body: usize,
    /// Whether callers may send their own provider keys.
    pub allow_byok: bool,
    /// How long the head of an answer may take, connecting included.
    pub first_byte_timeout: Duration,
    /// How long an upstream may be silent in the middle of an answer.
    pub idle_timeout: Duration,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What marks requests that have been through this process: random, made at its start.
    pub hop: HeaderValue,
}

/// The gateway of one thread.
pub struct Gateway {
    settings: Settings,
    principals: Rc<dyn Principals>,
    credentials: Rc<dyn CredentialSource>,
    recorder: Rc<dyn Recorder>,
    pool: Pool,
    /// The answers that are passing, so that one that nobody polls is looked after.
    passing: RefCell<Vec<Weak<RefCell<Relay>>>>,
}

impl Gateway {
    /// A gateway whose connections `dialler` makes. To be used on one thread, within a
    /// [`LocalSet`](tokio::task::LocalSet).
    pub fn new(
        settings: Settings,
        dialler: Dialler,
        principals: Rc<dyn Principals>,
        credentials: Rc<dyn CredentialSource>,
        recorder: Rc<dyn Recorder>,
    ) -> Self {
        Self {
            settings,
            principals,
            credentials,
            recorder,
            pool: Pool::new(dialler),
            passing: RefCell::default(),
        }
    }

    /// Ends answers of revoked callers and of clients that take nothing, and closes upstream connections
    /// that have been idle for long. To be called every half second.
    pub fn look_after(&self) {
        self.passing.borrow_mut().retain(|relay| {
            let relay = relay.upgrade();
            if let Some(relay) = &relay {
                relay.borrow_mut().look_after();
            }
            relay.is_some()
        });
        self.pool.prune();
    }

    /// The answer to a request on a gateway path that does not come to be a call, in the caller's dialect.
    pub fn refusal(path: &str, headers: &HeaderMap, error: &ApiError) -> Response<Answer> {
        let surface = Surface::of(path).unwrap_or(Surface { provider: None, rest: path });
        refuse(surface.likely_dialect(headers), error, RequestId::new())
    }

    /// Answers one call from `peer`. Dropping the future cancels the call, upstream included.
    pub async fn handle<B>(&self, request: Request<B>, peer: IpAddr) -> Response<Answer>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let arrival = Arrival { id: RequestId::new(), started: Instant::now(), peer };
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        let surface = Surface::of(&path).unwrap_or(Surface { provider: None, rest: &path });
        let dialect = surface.likely_dialect(&parts.headers);
        match self.unproven(&arrival, surface, &parts).await {
            Ok(caller) => self.proven(&arrival, surface, parts, body, dialect, caller).await,
            Err(error) => {
                upload::discard(body).await;
                refuse(dialect, &error, arrival.id)
            }
        }
    }

    /// What is done for anybody: the caller is proven, or turned away and counted.
    async fn unproven(
        &self,
        arrival: &Arrival,
        surface: Surface<'_>,
        parts: &Parts,
    ) -> Result<Caller, ApiError> {
        inject::refuse_loop(&parts.headers, &self.settings.hop)?;
        if route::wants_websocket(surface, &parts.headers) {
            return Err(ErrorCode::UpgradeRequired.into());
        }
        let caller = async {
            let query_key = query_key(parts, surface)?;
            let query_key = query_key.as_ref().map(Secret::expose);
            authenticate(self.principals.as_ref(), &parts.headers, query_key).await
        };
        caller.await.inspect_err(|error| {
            self.recorder.unproven(arrival.peer, error.code);
            tracing::debug!(request.id = %arrival.id, error.code = error.code.as_str(), "turned a caller away: {error}");
        })
    }

    /// What is done for a known caller: everything from here on is recorded.
    async fn proven<B>(
        &self,
        arrival: &Arrival,
        surface: Surface<'_>,
        parts: Parts,
        body: B,
        dialect: Dialect,
        caller: Caller,
    ) -> Response<Answer>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let intent = self.intent(arrival, dialect, &parts, &caller);
        let Some(mut call) = Call::new(Rc::clone(&self.recorder), arrival.started, intent) else {
            upload::discard(body).await;
            return refuse(dialect, &ErrorCode::AuditUnavailable.into(), arrival.id);
        };
        let plain = caller.own.is_none() && parts.extensions.get::<TwoLengths>().is_none();
        if let Some(asked) = Asked::of(&parts.method, surface).filter(|_| plain) {
            upload::discard(body).await;
            return self.answer_models(call, asked, &parts.uri, dialect, caller).await;
        }
        let Caller { principal, mut own, shadowed } = caller;
        call.shadowed = shadowed;
        match self.admit(&mut call, surface, parts, body, principal, &mut own).await {
            Ok(admitted) => self.send(call, admitted).await,
            Err(error) => {
                call.shadowed.extend(own.as_ref().map(Own::shadowed));
                conclude(call, dialect, &error).await
            }
        }
    }

    /// The phases up to the last moment before anything goes upstream.
    async fn admit<B>(
        &self,
        call: &mut Call,
        surface: Surface<'_>,
        parts: Parts,
        body: B,
        principal: Arc<Principal>,
        own: &mut Option<Own>,
    ) -> Result<Admitted, ApiError>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let settings = &self.settings;
        let Parts { method, uri, mut headers, extensions, .. } = parts;

        let routed = match route::find(&settings.catalog, surface, &method, &headers) {
            Ok(routed) => routed,
            Err(error) => {
                upload::discard(body).await;
                return Err(error);
            }
        };
        let dialect = routed.route.dialect;
        call.intent_mut().dialect = dialect.as_str();
        call.intent_mut().route = routed.route.label;

        let permit = match permit::grant(&settings.limits, principal) {
            Ok(permit) => permit,
            Err(error) => {
                upload::discard(body).await;
                return Err(error);
            }
        };

        if let Some(two_lengths) = extensions.get::<TwoLengths>() {
            upload::discard(body).await;
            return Err(two_lengths.refusal());
        }
        let mut reader = route::body_reader();
        let upload = take_in(settings, &headers, body, &mut reader).await?;
        call.intent_mut().request_bytes = i64::try_from(upload.len()).unwrap_or(i64::MAX);
        call.intent_mut().session_id =
            session::session_id(&headers, reader.value("metadata"), reader.value("prompt_cache_key"));
        let asked = route::asked(&routed, &reader)?;
        call.intent_mut().model = asked.model.clone();
        call.intent_mut().stream = asked.stream;

        let upstream = routed.upstream(&settings.catalog, asked.model.as_deref(), own.is_some())?;
        call.intent_mut().provider = Some(upstream.name.clone());

        let credential =
            credential::choose(self.credentials.as_ref(), settings.allow_byok, &permit, &upstream, own)?;
        call.intent_mut().credential = Some(credential.kind());
        call.intent_mut().credential_hint = Some(credential.hint());
        self.refuse_foreign_objects(&permit, &credential, &routed, &asked).await?;

        inject::inject(&mut headers, &permit, &credential, &upstream, dialect, &settings.hop);
        let uri = upstream_uri(&upstream.path_of(dialect, &routed.path), uri.query())?;
        let mut request = Request::new(Box::new(upload));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        let terms = Terms { metered: routed.is_metered(), dialect, upstream, permit, credential };
        Ok(Admitted { terms, request })
    }

    /// Sends an admitted call on and passes the answer back.
    async fn send(&self, mut call: Call, admitted: Admitted) -> Response<Answer> {
        let Admitted { terms, request } = admitted;
        let Terms { dialect, ref permit, ref upstream, .. } = terms;
        if call.begin().await.is_err() {
            return conclude(call, dialect, &ErrorCode::AuditUnavailable.into()).await;
        }
        // Asked for before the flag is looked at, so that no revocation falls between.
        let died = permit.principal.liveness.died();
        // Revoked between the check and now: nothing has left yet.
        if let Err(error) = permit.stands().and_then(|()| permit.has_time(self.settings.clock.now())) {
            return conclude(call, dialect, &error).await;
        }
        let timeout = self.settings.first_byte_timeout;
        let sent = tokio::select! {
            biased;
            sent = forward::forward(&self.pool, permit, upstream, request, timeout) => sent,
            () = died => Err(ErrorCode::KeyRevoked.into()),
        };
        match sent {
            Ok((response, lease)) => self.answer(call, terms, response, lease).await,
            Err(error) => conclude(call, dialect, &error).await,
        }
    }

    /// Turns the upstream's answer into ours.
    async fn answer(
        &self,
        mut call: Call,
        terms: Terms,
        response: Response<Incoming>,
        lease: Lease,
    ) -> Response<Answer> {
        let Terms { metered, dialect, permit, credential, upstream } = terms;
        let (mut head, body) = response.into_parts();
        // The upstream's own words for the status are in there, and whatever else hyper knows.
        head.extensions.clear();
        forward::clean_head(&mut head.headers);
        mask_headers(&mut head.headers, credential.secret());
        call.seen.status = Some(head.status.as_u16());
        call.seen.upstream_request_id = upstream_request_id(&head.headers);
        respond::protect(&mut head.headers, call.intent.id);
        let failed = head.status.is_client_error() || head.status.is_server_error();
        let good_end = OutcomeKind::Succeeded;

        if failed {
            let terms = Terms { metered, dialect, permit, credential, upstream };
            return self.pass_error(call, &terms, head, body, lease).await;
        }
        if body.is_end_stream() {
            lease.give_back();
            return give_out(call, dialect, head, Bytes::new(), meter::Reading::default()).await;
        }
        let idle_timeout = self.settings.idle_timeout;
        let events = is_event_stream(&head.headers);
        let meter = match (metered, events) {
            (false, false) => Meter::Off,
            (_, true) => Meter::events(),
            (true, false) => Meter::document(),
        };
        let watch = Watch { meter, metered, dialect, permit, idle_timeout, good_end };
        if events {
            return self.pass(head, body, None, lease, call, watch);
        }
        self.answer_document(head, body, lease, call, watch).await
    }

    /// Passes on an answer that is no stream of events. Its head says nothing without its body, so it waits
    /// for the first of it: most often that is all, and then head, body and end go out in one write.
    async fn answer_document(
        &self,
        head: http::response::Parts,
        mut body: Incoming,
        lease: Lease,
        mut call: Call,
        mut watch: Watch,
    ) -> Response<Answer> {
        let dialect = watch.dialect;
        let died = watch.permit.principal.liveness.died();
        if let Err(error) = watch.permit.stands() {
            return conclude(call, dialect, &error).await;
        }
        let first = tokio::select! {
            biased;
            first = tokio::time::timeout(watch.idle_timeout, body.frame()) => first,
            () = died => return conclude(call, dialect, &ErrorCode::KeyRevoked.into()).await,
        };
        let first = match first {
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => Frame::data(Bytes::new()),
            Ok(Some(Err(_))) => return conclude(call, dialect, &ErrorCode::UpstreamReset.into()).await,
            Err(_) => return conclude(call, dialect, &ErrorCode::UpstreamTimeout.into()).await,
        };
        if !body.is_end_stream() {
            return self.pass(head, body, Some(first), lease, call, watch);
        }
        lease.give_back();
        // Trailers are dropped: no model API has any, and they could carry what headers may not.
        let whole = first.into_data().unwrap_or_default();
        call.pass(whole.len());
        watch.meter.feed(&whole);
        let reading =
            if watch.metered { read(&watch.meter, &call, false) } else { meter::Reading::default() };
        give_out(call, dialect, head, whole, reading).await
    }

    /// Passes an answer on as it comes.
    fn pass(
        &self,
        head: http::response::Parts,
        body: Incoming,
        first: Option<Frame<Bytes>>,
        lease: Lease,
        call: Call,
        watch: Watch,
    ) -> Response<Answer> {
        let relay = Rc::new(RefCell::new(Relay::new(body, first, lease, call, watch)));
        self.passing.borrow_mut().push(Rc::downgrade(&relay));
        Response::from_parts(head, Answer::passing(relay))
    }

    /// Passes an upstream's error on untouched, but for the provider key if it repeats that.
    async fn pass_error(
        &self,
        mut call: Call,
        terms: &Terms,
        mut head: http::response::Parts,
        body: Incoming,
        lease: Lease,
    ) -> Response<Answer> {
        let Terms { dialect, ref permit, ref credential, .. } = *terms;
        let died = permit.principal.liveness.died();
        if let Err(error) = permit.stands() {
            return conclude(call, dialect, &error).await;
        }
        let reading = Limited::new(body, LONGEST_ERROR).collect();
        let read = tokio::select! {
            biased;
            read = tokio::time::timeout(ERROR_TIME, reading) => read,
            () = died => return conclude(call, dialect, &ErrorCode::KeyRevoked.into()).await,
        };
        let Ok(Ok(body)) = read else {
            return conclude(call, dialect, &ErrorCode::UpstreamReset.into()).await;
        };
        lease.give_back();
        let body = masked(body.to_bytes(), credential.secret());
        if head.headers.contains_key(CONTENT_LENGTH) {
            head.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        call.seen.upstream_error = upstream_error::read(&body);
        call.pass(body.len());
        let committed = call.end(OutcomeKind::UpstreamError, None, meter::Reading::default());
        // An error goes out whether it could be recorded or not: nothing was given away.
        let _ = tokio::time::timeout(COMMIT_TIME, committed).await;
        Response::from_parts(head, Answer::whole(body))
    }

    /// With a central key all callers share one upstream account: an object in it is only for the
    /// organization that made it.
    async fn refuse_foreign_objects(
        &self,
        permit: &Permit,
        credential: &Credential,
        routed: &route::Routed,
        asked: &route::Asked,
    ) -> Result<(), ApiError> {
        if matches!(credential, Credential::Byok(_)) {
            return Ok(());
        }
        if let Some(field) = asked.shared_object {
            return Err(ApiError::new(ErrorCode::NotFound)
                .because(format!(
                    "`{field}` names an object of the provider account, which all callers share."
                ))
                .next("Leave it out, or send your own provider key beside the Keywright token."));
        }
        let in_path = routed.subject.as_deref().filter(|_| routed.route.handling == Handling::Object);
        let organization = permit.principal.organization;
        for id in [in_path, asked.previous_response_id.as_deref()].into_iter().flatten() {
            if !self.principals.owns_response(organization, id).await {
                return Err(ApiError::new(ErrorCode::NotFound)
                    .because("There is no such response in this organization.")
                    .next("Send the whole conversation, or the id of a response that this organization made here."));
            }
        }
        Ok(())
    }

    fn intent(&self, arrival: &Arrival, dialect: Dialect, parts: &Parts, caller: &Caller) -> Intent {
        let principal = &caller.principal;
        Intent {
            id: arrival.id,
            started_at: self.settings.clock.now(),
            user: principal.user,
            organization: principal.organization,
            key: principal.token,
            parent_key: principal.parent,
            dialect: dialect.as_str(),
            route: "other",
            provider: None,
            model: None,
            client: session::client(&parts.headers),
            session_id: None,
            stream: false,
            request_bytes: 0,
            credential: None,
            credential_hint: None,
        }
    }
}

/// A call that nothing speaks against.
struct Admitted {
    terms: Terms,
    request: Request<Box<Upload>>,
}

/// What was decided about a call.
struct Terms {
    metered: bool,
    dialect: Dialect,
    upstream: Arc<Upstream>,
    permit: Permit,
    credential: Credential,
}

struct Arrival {
    id: RequestId,
    started: Instant,
    peer: IpAddr,
}

/// Ends a call with an answer of our own, once that is recorded or cannot be.
async fn conclude(mut call: Call, dialect: Dialect, error: &ApiError) -> Response<Answer> {
    tracing::debug!(request.id = %call.intent.id, error.code = error.code.as_str(), "refused a call: {error}");
    let recorded = call.fail(error);
    if error.code != ErrorCode::AuditUnavailable {
        // A refusal goes out whether it could be recorded or not: nothing was given away.
        let _ = tokio::time::timeout(COMMIT_TIME, recorded).await;
    }
    refuse(dialect, error, call.intent.id)
}

/// Gives out an answer that is all there, once its end is recorded.
async fn give_out(
    mut call: Call,
    dialect: Dialect,
    head: http::response::Parts,
    whole: Bytes,
    reading: meter::Reading,
) -> Response<Answer> {
    let committed = call.end(OutcomeKind::Succeeded, None, reading);
    match tokio::time::timeout(COMMIT_TIME, committed).await {
        Ok(Ok(())) => Response::from_parts(head, Answer::whole(whole)),
        _ => refuse(dialect, &ErrorCode::AuditUnavailable.into(), call.intent.id),
    }
}

fn refuse(dialect: Dialect, error: &ApiError, id: RequestId) -> Response<Answer> {
    respond::refusal(dialect, error, id).map(Answer::whole)
}

async fn take_in<B>(
    settings: &Settings,
    headers: &HeaderMap,
    body: B,
    reader: &mut json::TopLevel,
) -> Result<Upload, ApiError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let encoded = headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity");
    if encoded {
        upload::discard(body).await;
        return Err(ErrorCode::EncodingUnsupported.into());
    }
    Upload::take_in(headers, body, settings.max_body, &settings.buffers, |piece| {
        // Whether the document is whole is asked when all of it is there.
        let _ = reader.feed(piece);
    })
    .await
}

/// The value of `?key=`, on gemini's paths only.
fn query_key(parts: &Parts, surface: Surface<'_>) -> Result<Option<Secret>, ApiError> {
    let query = parts.uri.query().filter(|_| surface.is_gemini_path()).unwrap_or_default();
    let mut keys = url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "key");
    match (keys.next(), keys.next()) {
        (_, Some(_)) => Err(ApiError::new(ErrorCode::AmbiguousCredentials)
            .because("The parameter `key` stands twice in the query.")),
        (first, None) => Ok(first.map(|(_, value)| Secret::new(value))),
    }
}

fn upstream_uri(path: &str, query: Option<&str>) -> Result<Uri, ApiError> {
    let query = query.map(inject::query_for_upstream).filter(|query| !query.is_empty());
    let text = match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    text.parse().map_err(|_| ErrorCode::InvalidRequest.into())
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.as_bytes().get(..EVENT_STREAM.len()));
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case(EVENT_STREAM))
}

fn upstream_request_id(headers: &HeaderMap) -> Option<String> {
    let id =
        ["request-id", "x-request-id", "x-goog-request-id"].iter().find_map(|name| headers.get(*name))?;
    id.to_str().ok().filter(|id| id.len() <= 128).map(str::to_owned)
}

const EVENT_STREAM: &[u8] = b"text/event-stream";
/// An error body longer than this is none that a client could use.
const LONGEST_ERROR: usize = 1024 * 1024;
/// How long an error body may take.
const ERROR_TIME: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
