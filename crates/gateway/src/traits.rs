//! What the gateway asks of the rest of Keywright. `server` answers with the database behind it; local
//! mode will answer from memory.
//!
//! Nothing here is `Send`: a gateway lives on one thread, and what crosses threads does so inside
//! these implementations.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::HeaderValue;
use keywright_protocol::record::RecordOp;
use keywright_protocol::{ErrorCode, OrganizationId, Principal};
use keywright_secret::{PlatformToken, Secret};
use tokio::sync::oneshot;

/// Who is calling.
pub trait Principals {
    /// Whose token that is. `Known` from memory, without waiting; `Pending` when the store must be asked.
    fn verify<'t>(&'t self, token: &'t PlatformToken) -> Verification<'t>;

    /// Whether an earlier call of that organization made the upstream object of that id.
    fn owns_response(&self, organization: OrganizationId, id: &str) -> Pin<Box<dyn Future<Output = bool>>>;
}

/// The answer to a token. The error is one of the codes for an unproven caller, or
/// [`ErrorCode::StorageUnavailable`].
pub type Verified = Result<Arc<Principal>, ErrorCode>;

/// An answer that is there, or that must be waited for.
pub enum Verification<'t> {
    /// It was in memory.
    Known(Verified),
    /// It is being read.
    Pending(Pin<Box<dyn Future<Output = Verified> + 't>>),
}

/// The server's own provider keys.
pub trait CredentialSource {
    /// The key to use for that provider now.
    fn central(&self, provider: &str) -> Option<Arc<CentralKey>>;
}

impl<T: CredentialSource + ?Sized> CredentialSource for Arc<T> {
    fn central(&self, provider: &str) -> Option<Arc<CentralKey>> {
        (**self).central(provider)
    }
}

/// A provider key of the server's own, ready to be put into a header.
pub struct CentralKey {
    secret: Secret,
    plain: HeaderValue,
    bearer: HeaderValue,
    hint: String,
}

impl CentralKey {
    /// Prepares `secret`; `None` when it holds what no header can.
    pub fn new(secret: Secret) -> Option<Self> {
        let sensitive = |text: &str| {
            let mut value = HeaderValue::from_str(text).ok()?;
            value.set_sensitive(true);
            Some(value)
        };
        let plain = sensitive(secret.expose())?;
        let bearer = sensitive(&format!("Bearer {}", secret.expose()))?;
        let hint = secret.hint();
        Some(Self { secret, plain, bearer, hint })
    }

    pub(crate) fn value(&self, bearer: bool) -> HeaderValue {
        if bearer { self.bearer.clone() } else { self.plain.clone() }
    }

    pub(crate) fn secret(&self) -> &Secret {
        &self.secret
    }

    /// What may be shown of it.
    pub fn hint(&self) -> &str {
        &self.hint
    }
}

impl std::fmt::Debug for CentralKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "CentralKey({})", self.hint)
    }
}

/// Where calls are recorded.
pub trait Recorder {
    /// Takes a place for one call, so that its end can always be written; `false` when there is none.
    /// The call's last write, `End` or `Whole`, gives it back.
    fn reserve(&self) -> bool;

    /// Hands over one write of a call that has a place.
    fn record(&self, op: RecordOp) -> Committed;

    /// Counts a caller whom nobody could prove to be anybody.
    fn unproven(&self, address: IpAddr, error: ErrorCode);
}

/// The record could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record could not be written")]
pub struct NotRecorded;

/// Completes when a write is committed, so that it survives a killed process. Dropping it does not
/// take the write back.
pub struct Committed(Inner);

enum Inner {
    Already(Result<(), NotRecorded>),
    Waiting(oneshot::Receiver<Result<(), NotRecorded>>),
}

impl Committed {
    /// Settled without waiting: not recorded, or recorded as firmly as was asked for.
    pub fn already(outcome: Result<(), NotRecorded>) -> Self {
        Self(Inner::Already(outcome))
    }

    /// Settled by whoever holds the other end; when that is dropped, the write is taken for lost.
    pub fn when(receiver: oneshot::Receiver<Result<(), NotRecorded>>) -> Self {
        Self(Inner::Waiting(receiver))
    }
}

impl Future for Committed {
    type Output = Result<(), NotRecorded>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Inner::Already(outcome) => Poll::Ready(*outcome),
            Inner::Waiting(receiver) => {
                Pin::new(receiver).poll(cx).map(|received| received.unwrap_or(Err(NotRecorded)))
            }
        }
    }
}
