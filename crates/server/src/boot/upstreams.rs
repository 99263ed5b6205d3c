//! From configured providers to the gateway's catalog and its central keys.

use std::collections::HashMap;
use std::sync::Arc;

use keywright_dial::Reach;
use keywright_gateway::{Catalog, CentralKey, CredentialSource, DEMO, Upstream};
use keywright_providers::Dialect;
use keywright_secret::Secret;
use url::Url;

use crate::boot::StartError;
use crate::config::ProviderSettings;
use crate::demo::DemoServer;

/// Where calls go, and with which keys.
#[derive(Clone)]
pub(crate) struct Upstreams {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) keys: Arc<CentralKeys>,
}

/// The central keys, by provider. The first of each counts.
#[derive(Default)]
pub(crate) struct CentralKeys {
    first: HashMap<String, Arc<CentralKey>>,
    /// What may be shown of the others.
    others: HashMap<String, Vec<String>>,
}

impl CredentialSource for CentralKeys {
    fn central(&self, provider: &str) -> Option<Arc<CentralKey>> {
        self.first.get(provider).cloned()
    }
}

/// Prepares these providers, and the demo provider if it runs.
pub(crate) fn upstreams(
    providers: &[ProviderSettings],
    demo: Option<&DemoServer>,
) -> Result<Upstreams, StartError> {
    let mut all = Vec::new();
    let mut keys = CentralKeys::default();
    for provider in providers {
        let failed = |reason| StartError::Provider { name: provider.name.clone(), reason };
        let upstream = Upstream::new(
            &provider.name,
            vec![provider.dialect],
            &provider.base_url,
            Reach::Exactly,
            Some(provider.key_header),
        );
        all.push(upstream.map_err(|_| failed("its base_url names no host"))?);
        if let Some((key, others)) = provider.keys.split_first() {
            keys.add(&provider.name, &key.secret)
                .ok_or_else(|| failed("its key holds what no header can"))?;
            let hints = others.iter().map(|key| key.secret.hint()).collect();
            keys.others.insert(provider.name.clone(), hints);
        }
    }
    if let Some(demo) = demo {
        let failed = || StartError::Provider { name: DEMO.to_owned(), reason: "it has no address" };
        let url = Url::parse(&format!("http://{}", demo.address)).map_err(|_| failed())?;
        let upstream = Upstream::new(DEMO, Dialect::ALL.to_vec(), &url, Reach::Exactly, None);
        all.push(upstream.map_err(|_| failed())?.with_versioned_paths());
        keys.add(DEMO, &demo.key).ok_or_else(failed)?;
    }
    Ok(Upstreams { catalog: Arc::new(Catalog::new(all)), keys: Arc::new(keys) })
}

impl CentralKeys {
    /// What may be shown of the keys of that provider that are configured behind the first.
    pub(crate) fn others(&self, provider: &str) -> &[String] {
        self.others.get(provider).map_or(&[], Vec::as_slice)
    }

    fn add(&mut self, provider: &str, secret: &Secret) -> Option<()> {
        self.first.insert(provider.to_owned(), Arc::new(CentralKey::new(secret.clone())?));
        Some(())
    }
}
