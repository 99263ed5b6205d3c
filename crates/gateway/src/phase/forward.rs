//! Phase 6: the call goes up, and its answer's head comes back.
//!
//! One function turns what can go wrong on the way into a code. A request is sent again only when
//! nothing of it had been written: a kept connection that the upstream had closed.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Request, Response};
use hyper::body::Incoming;
use keywright_dial::DialError;
use keywright_protocol::{ApiError, ErrorCode};
use keywright_providers::is_unsafe_response_header;

use crate::catalog::Upstream;
use crate::phase::inject::{is_of_connection, remove};
use crate::phase::permit::Permit;
use crate::pool::{Lease, Pool};
use crate::upload::Upload;

/// Sends `request` to `upstream` and waits for the head of the answer.
pub(crate) async fn forward(
    pool: &Pool,
    _permit: &Permit,
    upstream: &Arc<Upstream>,
    request: Request<Box<Upload>>,
    first_byte_timeout: Duration,
) -> Result<(Response<Incoming>, Lease), ApiError> {
    let exchange = async {
        let mut request = request;
        let mut lease = pool.lease(upstream).await.map_err(|error| refusal_of(&error, upstream))?;
        loop {
            match lease.sender.try_send_request(request).await {
                Ok(response) => return Ok((response, lease)),
                Err(mut failed) => match failed.take_message() {
                    // Not a byte of it was written, so nobody can have acted on it.
                    Some(unsent) if lease.reused => {
                        request = unsent;
                        lease = pool.connect(upstream).await.map_err(|error| refusal_of(&error, upstream))?;
                    }
                    _ => {
                        tracing::warn!(provider.name = %upstream.name, error = %failed.error(), "upstream {} broke off before it answered", upstream.name);
                        return Err(ApiError::from(ErrorCode::UpstreamReset));
                    }
                },
            }
        }
    };
    let answered = tokio::time::timeout(first_byte_timeout, exchange).await;
    let (response, lease) = answered.map_err(|_| ApiError::from(ErrorCode::UpstreamTimeout))??;
    match response.status().as_u16() {
        300..=399 => Err(ErrorCode::UpstreamRedirect.into()),
        100..=199 => Err(ErrorCode::UpstreamReset.into()),
        _ => Ok((response, lease)),
    }
}

/// Takes out of an answer's head what must not be passed on.
pub(crate) fn clean_head(headers: &mut HeaderMap) {
    remove(headers, |name, _| is_of_connection(name) || is_unsafe_response_header(name.as_str()));
}

/// Names the provider and what failed, but not its address: that is the operator's to know.
fn refusal_of(error: &DialError, upstream: &Upstream) -> ApiError {
    tracing::warn!(provider.name = %upstream.name, error = %error, "upstream {} could not be reached: {error}", upstream.name);
    let (code, what) = match error {
        DialError::Unresolved => (ErrorCode::UpstreamUnreachable, "its host name does not resolve"),
        DialError::Forbidden => {
            (ErrorCode::UpstreamUnreachable, "its address is one that may not be dialled")
        }
        DialError::Connect(_) => (ErrorCode::UpstreamUnreachable, "nothing takes the connection"),
        DialError::TimedOut => (ErrorCode::UpstreamTimeout, "the connection took too long"),
        DialError::Tls(_) => (ErrorCode::UpstreamTls, "no TLS connection could be made"),
        DialError::Broken | DialError::TooLong => (ErrorCode::UpstreamReset, "the connection broke off"),
    };
    ApiError::new(code).because(format!("The provider {} could not be reached: {what}.", upstream.name))
}
