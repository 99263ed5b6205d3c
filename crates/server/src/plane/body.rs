//! The body of an answer, from the gateway or from the router.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::BoxError;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use keywright_gateway::Answer;

pub(super) enum PlaneBody {
    Gateway(Answer),
    Api(axum::body::Body),
}

impl Body for PlaneBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Gateway(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
            Self::Api(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Gateway(body) => body.is_end_stream(),
            Self::Api(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Gateway(body) => body.size_hint(),
            Self::Api(body) => body.size_hint(),
        }
    }
}
