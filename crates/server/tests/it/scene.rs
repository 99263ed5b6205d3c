//! What the tests share.

use std::time::Duration;

use keywright_testkit::usual::Kind;
use keywright_testkit::{Call, Reply, TestServer};

/// The deadline for everything that must happen at once: streams that are cut, upstreams that are
/// closed.
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// An ordinary call on the native path, with the token as bearer.
pub(crate) fn call(kind: Kind, stream: bool, token: &str) -> Call {
    Call::post(kind.path(stream), &kind.body(stream)).token(token)
}

/// Begins a streamed call and reads its answer until `text` has come.
pub(crate) async fn begin(server: &TestServer, kind: Kind, token: &str, text: &str) -> Reply {
    let mut reply = server.send(call(kind, true, token)).await;
    assert_eq!(reply.status, 200);
    reply.until(text).await;
    reply
}
