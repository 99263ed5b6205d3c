//! The gateway's question "who is that", put to `identity`.

use std::future::Future;
use std::pin::Pin;

use keywright_gateway::{Principals, Verification};
use keywright_identity::{Identity, Unproven};
use keywright_protocol::OrganizationId;
use keywright_secret::PlatformToken;
use keywright_store::RecordsReader;
use tokio::runtime::Handle;

pub(super) struct PlanePrincipals {
    identity: Identity,
    reader: RecordsReader,
    control: Handle,
}

impl PlanePrincipals {
    pub(super) fn new(identity: Identity, reader: RecordsReader, control: Handle) -> Self {
        Self { identity, reader, control }
    }
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
        let (reader, id) = (self.reader.clone(), id.to_owned());
        // Database connections are driven on the control runtime, never here.
        let asking = self.control.spawn(async move { reader.holds_response(organization, &id).await });
        Box::pin(async move { matches!(asking.await, Ok(Ok(true))) })
    }
}
