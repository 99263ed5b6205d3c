//! One request: guarded, then answered here or handed to the router.

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use axum::response::IntoResponse;
use http::header::{CONNECTION, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response};
use hyper::body::Incoming;
use keywright_gateway::{Gateway, Surface, TwoLengths};
use keywright_protocol::{ApiError, ErrorCode, routes};
use tower::ServiceExt;

use crate::api::{Refusal, Reply};
use crate::plane::PlaneParts;
use crate::plane::body::PlaneBody;
use crate::plane::framing::Framing;

/// From where a request came, and where it arrived. An extension of every request to the router.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    /// The client, behind trusted proxies if there are any.
    pub(crate) client: IpAddr,
    /// Our end of the connection.
    pub(crate) local: SocketAddr,
}

/// The two ends of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    pub(super) peer: IpAddr,
    pub(super) local: SocketAddr,
}

/// Answers one request.
pub(super) async fn respond(
    parts: Rc<PlaneParts>,
    gateway: Rc<Gateway>,
    ends: Ends,
    framing: Rc<Framing>,
    request: Request<Incoming>,
) -> Response<PlaneBody> {
    let (mut head, body) = request.into_parts();
    if !head.headers.contains_key(TRANSFER_ENCODING) {
        return answer(&parts, &gateway, ends, head, body).await;
    }
    if framing.has_two_lengths() {
        head.extensions.insert(TwoLengths);
    }
    let mut response = answer(&parts, &gateway, ends, head, body).await;
    // Nobody watches what comes behind a body in chunks.
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

async fn answer(
    parts: &PlaneParts,
    gateway: &Gateway,
    ends: Ends,
    head: Parts,
    body: Incoming,
) -> Response<PlaneBody> {
    let to_gateway = Surface::of(head.uri.path()).is_some();
    if let Err(error) = parts.guard.check(&head) {
        return if to_gateway {
            Gateway::refusal(head.uri.path(), &head.headers, &error).map(PlaneBody::Gateway)
        } else {
            refused(error)
        };
    }
    let client = parts.guard.client(ends.peer, &head.headers);
    if to_gateway {
        let request = Request::from_parts(head, body);
        return gateway.handle(request, client).await.map(PlaneBody::Gateway);
    }
    if let Some(two_lengths) = head.extensions.get::<TwoLengths>() {
        return refused(two_lengths.refusal());
    }
    if head.uri.path() == routes::MODELS && matches!(head.method, Method::GET | Method::HEAD) {
        // The one list of the API that is made of what providers say.
        let models = gateway.models(&head, client).await;
        return models.map(Reply).map_err(Refusal).into_response().map(PlaneBody::Api);
    }
    let mut request = Request::from_parts(head, axum::body::Body::new(body));
    request.extensions_mut().insert(Peer { client, local: ends.local });
    let router = parts.router.clone();
    // A change that was asked for is made whether or not its client stays for the answer.
    let answering = parts.control.spawn(async move { router.oneshot(request).await });
    match answering.await {
        Ok(Ok(response)) => response.map(PlaneBody::Api),
        Ok(Err(never)) => match never {},
        Err(_) => refused(ErrorCode::Internal.into()),
    }
}

fn refused(error: ApiError) -> Response<PlaneBody> {
    Refusal(error).into_response().map(PlaneBody::Api)
}
