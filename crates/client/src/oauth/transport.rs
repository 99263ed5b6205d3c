//! What the `oauth2` crate sends goes over `dial`, to the one server and nowhere else.

use std::future::Future;
use std::pin::Pin;

use http::header::{HeaderValue, USER_AGENT};
use http::uri::PathAndQuery;
use http::{Request, Response, Uri};
use keywright_dial::DialError;
use keywright_dial::control::Control;
use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};

use super::OAuth;

type Answer<'a> = Pin<Box<dyn Future<Output = Result<HttpResponse, Failed>> + Send + 'a>>;

/// The transport that the `oauth2` crate takes.
pub(super) struct Transport<'a>(&'a Control);

impl OAuth {
    /// The transport to this server.
    pub(super) fn transport(&self) -> Transport<'_> {
        Transport(&self.control)
    }
}

impl<'c> AsyncHttpClient<'c> for Transport<'_> {
    type Error = Failed;
    type Future = Answer<'c>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(send(self.0, request))
    }
}

async fn send(control: &Control, request: HttpRequest) -> Result<HttpResponse, Failed> {
    let (mut head, body) = request.into_parts();
    // The origin is the control's own, whatever the request says.
    head.uri = Uri::from(head.uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/")));
    head.headers.insert(USER_AGENT, HeaderValue::from_static(crate::client::AGENT));
    let answer = control.send(Request::from_parts(head, body.into())).await?;
    let (head, body) = answer.into_parts();
    match head.status.as_u16() {
        // No verdict on what was asked: whoever polls goes on, whoever refreshes keeps what there is.
        status @ (429 | 500..) => Err(Failed::Unwell(status)),
        _ => Ok(Response::from_parts(head, body.into())),
    }
}

/// There is no answer to judge by.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    /// The server, or what stands before it, cannot answer now.
    #[error("status {0}")]
    Unwell(u16),
    /// There is no connection, or it broke.
    #[error(transparent)]
    Dial(#[from] DialError),
}
