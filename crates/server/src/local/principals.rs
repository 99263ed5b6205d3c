//! The one caller of a local gateway.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use keywright_gateway::{Principals, Verification};
use keywright_protocol::{ErrorCode, KeyId, Liveness, OrganizationId, Principal, Role, Scopes, UserId};
use keywright_secret::{PlatformToken, TokenHash};
use keywright_store::RecordsReader;
use tokio::runtime::Handle;

use crate::plane::{Callers, owned};

/// Whoever has `token`, and nobody else.
pub(super) fn one(token: &PlatformToken, reader: RecordsReader, control: Handle) -> Callers {
    let principal = Arc::new(Principal {
        token: KeyId::new(),
        kind: token.kind(),
        parent: None,
        session: None,
        user: UserId::LOCAL,
        organization: OrganizationId::LOCAL,
        role: Role::Owner,
        scopes: Scopes::GATEWAY,
        temporary: false,
        administrator: false,
        essential_traffic_only: false,
        expires_at: None,
        liveness: Liveness::new().0,
    });
    let hash = token.hash();
    Arc::new(move || {
        let (principal, reader, control) = (Arc::clone(&principal), reader.clone(), control.clone());
        Rc::new(OnePrincipal { hash, principal, reader, control })
    })
}

struct OnePrincipal {
    hash: TokenHash,
    principal: Arc<Principal>,
    reader: RecordsReader,
    control: Handle,
}

impl Principals for OnePrincipal {
    fn verify<'t>(&'t self, token: &'t PlatformToken) -> Verification<'t> {
        // Of hashes: how long it takes tells nothing about the token.
        let known = token.hash() == self.hash;
        Verification::Known(if known { Ok(Arc::clone(&self.principal)) } else { Err(ErrorCode::KeyUnknown) })
    }

    fn owns_response(&self, organization: OrganizationId, id: &str) -> Pin<Box<dyn Future<Output = bool>>> {
        owned(&self.reader, &self.control, organization, id)
    }
}
