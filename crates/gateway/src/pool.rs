//! Connections to upstreams, kept open between calls. One pool a thread; nothing is shared.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use keywright_dial::{DialError, Dialler};

use crate::catalog::Upstream;
use crate::upload::Upload;

/// The idle connections of one thread.
#[derive(Clone)]
pub(crate) struct Pool {
    dialler: Dialler,
    idle: Rc<RefCell<HashMap<String, Vec<Idle>>>>,
}

struct Idle {
    sender: SendRequest<Box<Upload>>,
    since: Instant,
}

/// A connection in use, which goes back to its pool only through [`Lease::give_back`].
pub(crate) struct Lease {
    pub(crate) sender: SendRequest<Box<Upload>>,
    /// Whether an earlier call used it: the upstream may have closed it since.
    pub(crate) reused: bool,
    upstream: Arc<Upstream>,
    pool: Pool,
}

impl Pool {
    pub(crate) fn new(dialler: Dialler) -> Self {
        Self { dialler, idle: Rc::default() }
    }

    /// A connection to `upstream`: an idle one if there is one, else a new one.
    pub(crate) async fn lease(&self, upstream: &Arc<Upstream>) -> Result<Lease, DialError> {
        match self.take_idle(&upstream.name) {
            Some(sender) => Ok(self.lease_of(sender, true, upstream)),
            None => self.connect(upstream).await,
        }
    }

    /// A new connection to `upstream`.
    pub(crate) async fn connect(&self, upstream: &Arc<Upstream>) -> Result<Lease, DialError> {
        let stream = self.dialler.connect(&upstream.destination).await?;
        let (sender, connection) =
            http1::Builder::new().handshake(TokioIo::new(stream)).await.map_err(|_| DialError::Broken)?;
        // Drives the connection, not the bodies on it: those are polled by whoever waits for them.
        tokio::task::spawn_local(async move {
            // What ends it is seen by the call that is on it.
            let _ = connection.await;
        });
        Ok(self.lease_of(sender, false, upstream))
    }

    /// Closes connections that have been idle for long. To be called now and then.
    pub(crate) fn prune(&self) {
        self.idle.borrow_mut().retain(|_, idle| {
            idle.retain(|idle| !idle.sender.is_closed() && idle.since.elapsed() < LONGEST_IDLE);
            !idle.is_empty()
        });
    }

    fn lease_of(&self, sender: SendRequest<Box<Upload>>, reused: bool, upstream: &Arc<Upstream>) -> Lease {
        Lease { sender, reused, upstream: Arc::clone(upstream), pool: self.clone() }
    }

    fn take_idle(&self, upstream: &str) -> Option<SendRequest<Box<Upload>>> {
        let mut idle = self.idle.borrow_mut();
        let idle = idle.get_mut(upstream)?;
        // The youngest first: it is the least likely to have been closed by the other side.
        for at in (0..idle.len()).rev() {
            let candidate = &idle[at];
            if candidate.sender.is_closed() || candidate.since.elapsed() >= LONGEST_IDLE {
                idle.remove(at);
            } else if candidate.sender.is_ready() {
                return Some(idle.remove(at).sender);
            }
            // Neither: its last answer was read this very moment, and it will be ready in the next.
        }
        None
    }
}

impl Lease {
    /// Keeps the connection for a later call. Only for one whose answer has been read to its end.
    pub(crate) fn give_back(self) {
        if self.sender.is_closed() {
            return;
        }
        let mut idle = self.pool.idle.borrow_mut();
        let idle = match idle.get_mut(&self.upstream.name) {
            Some(idle) => idle,
            None => idle.entry(self.upstream.name.clone()).or_default(),
        };
        if idle.len() < MOST_IDLE {
            idle.push(Idle { sender: self.sender, since: Instant::now() });
        }
    }
}

/// Shorter than any provider keeps an idle connection open.
const LONGEST_IDLE: Duration = Duration::from_secs(30);
/// Of one upstream, on one thread.
const MOST_IDLE: usize = 256;
