//! The gateway's question "who is that", put to `identity`.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use keywright_gateway::{Principals, Verification};
use keywright_identity::{Identity, Unproven};
use keywright_protocol::OrganizationId;
use keywright_secret::PlatformToken;
use keywright_store::RecordsReader;
use tokio::runtime::Handle;

/// Makes what each thread asks who is calling.
pub(crate) type Callers = Arc<dyn Fn() -> Rc<dyn Principals> + Send + Sync>;

/// The callers that `identity` knows.
pub(crate) fn accounts(identity: Identity, reader: RecordsReader, control: Handle) -> Callers {
    Arc::new(move || {
        let (identity, reader, control) = (identity.clone(), reader.clone(), control.clone());
        Rc::new(PlanePrincipals { identity, reader, control })
    })
}

struct PlanePrincipals {
    identity: Identity,
    reader: RecordsReader,
    control: Handle,
}

impl Principals for PlanePrincipals {
    fn verify<'t>(&'t self, token: &'t PlatformToken) -> Verification<'t> {
        match self.identity.cached(token) {
            Some(known) => Verification::Known(known.map_err(Unproven::code)),
            None => Verification::Pending(Box::pin(async move {
                self.identity.verify(token).await.map_err(Unproven::code)
            })),
        }
    }

    fn owns_response(&self, organization: OrganizationId, id: &str) -> Pin<Box<dyn Future<Output = bool>>> {
        owned(&self.reader, &self.control, organization, id)
    }
}

/// Asks the records on the control runtime: that is where database connections are driven, never here.
pub(crate) fn owned(
    reader: &RecordsReader,
    control: &Handle,
    organization: OrganizationId,
    id: &str,
) -> Pin<Box<dyn Future<Output = bool>>> {
    let (reader, id) = (reader.clone(), id.to_owned());
    let asking = control.spawn(async move { reader.holds_response(organization, &id).await });
    Box::pin(async move { matches!(asking.await, Ok(Ok(true))) })
}
