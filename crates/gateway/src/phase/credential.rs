//! Phase 4: with whose provider credential.
//!
//! The caller's own, when one came with the request and policy allows it; else the server's.

use std::sync::Arc;

use keywright_protocol::record::CredentialKind;
use keywright_protocol::{ApiError, ErrorCode};
use keywright_providers::{Dialect, provider};
use keywright_secret::{Secret, Vendor};

use crate::catalog::Upstream;
use crate::phase::authenticate::Own;
use crate::phase::permit::Permit;
use crate::traits::{CentralKey, CredentialSource};

/// The provider credential of one call.
pub(crate) enum Credential {
    /// The server's own.
    Central(Arc<CentralKey>),
    /// The caller's.
    Byok(Own),
}

/// Chooses the credential for a call to `upstream`. The caller's own stays where it is when it is refused.
pub(crate) fn choose(
    source: &dyn CredentialSource,
    allow_byok: bool,
    _permit: &Permit,
    upstream: &Upstream,
    own: &mut Option<Own>,
) -> Result<Credential, ApiError> {
    if let Some(own) = own {
        if !allow_byok {
            return Err(ErrorCode::ByokDisabled.into());
        }
        refuse_foreign_vendor(&own.secret, upstream)?;
    }
    match own.take() {
        Some(own) => Ok(Credential::Byok(own)),
        None => source
            .central(&upstream.name)
            .map(Credential::Central)
            .ok_or_else(|| ErrorCode::NoProviderKey.into()),
    }
}

impl Credential {
    pub(crate) fn kind(&self) -> CredentialKind {
        match self {
            Self::Central(_) => CredentialKind::Central,
            Self::Byok(_) => CredentialKind::Byok,
        }
    }

    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Central(key) => key.hint().to_owned(),
            Self::Byok(own) => own.secret.hint(),
        }
    }

    /// The secret itself, to be looked for in an upstream's error.
    pub(crate) fn secret(&self) -> &Secret {
        match self {
            Self::Central(key) => key.secret(),
            Self::Byok(own) => &own.secret,
        }
    }
}

/// A key whose prefix names one vendor never goes to another. A provider that the operator named
/// freely may be anybody's, so there its dialect's own vendor is compared.
fn refuse_foreign_vendor(own: &Secret, upstream: &Upstream) -> Result<(), ApiError> {
    let Some(vendor) = Vendor::of(own.expose()) else { return Ok(()) };
    let listed = provider(&upstream.name).is_some();
    let fits = match vendor.provider() {
        None => false,
        Some(name) if listed => name == upstream.name,
        Some(name) => Dialect::ALL.iter().any(|dialect| dialect.home() == name && upstream.speaks(*dialect)),
    };
    if fits {
        return Ok(());
    }
    Err(ApiError::new(ErrorCode::ByokProviderMismatch)
        .because(format!("A key of {} was sent, but the call goes to {}.", vendor.name(), upstream.name))
        .detail("vendor", vendor.name())
        .detail("provider", upstream.name.as_str()))
}

#[cfg(test)]
mod tests {
    use keywright_dial::Reach;

    use super::*;

    fn mismatch(key: &str, name: &str, dialect: Dialect) -> bool {
        let url = "https://h.example".parse().expect("a URL");
        let upstream = Upstream::new(name, vec![dialect], &url, Reach::Exactly, None).expect("an upstream");
        refuse_foreign_vendor(&Secret::new(key), &upstream).is_err()
    }

    #[test]
    fn a_vendors_key_goes_to_that_vendor_only() {
        assert!(!mismatch("sk-ant-api03-x", "anthropic", Dialect::Anthropic));
        assert!(!mismatch("sk-ant-api03-x", "anthropic-eu", Dialect::Anthropic));
        assert!(!mismatch("unknown-form", "groq", Dialect::OpenAi));
        assert!(mismatch("sk-ant-api03-x", "groq", Dialect::OpenAi));
        assert!(mismatch("sk-ant-api03-x", "my-openai", Dialect::OpenAi));
        assert!(mismatch("gsk_x", "openai", Dialect::OpenAi));
        assert!(mismatch("sk_live_x", "openai", Dialect::OpenAi));
        assert!(mismatch("sk-proj-x", "minimax", Dialect::Anthropic));
    }
}
