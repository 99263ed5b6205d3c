//! Whether the providers of local mode can be reached from here.

use std::path::Path;

use keywright_dial::{Destination, DialError, Dialler, Reach};

use crate::boot::{StartError, dialler};
use crate::config::{ProviderSettings, usual};

/// Connects to providers as the gateway of a local run does, with the same certificates.
#[derive(Clone, Debug)]
pub struct Probe(Dialler);

impl Probe {
    /// `extra_ca` names more authorities to trust, in PEM.
    ///
    /// # Errors
    /// [`StartError`], as a local gateway would not start either.
    pub fn new(extra_ca: Option<&Path>) -> Result<Self, StartError> {
        dialler(extra_ca, usual().0.connect_timeout, Vec::new()).map(Self)
    }

    /// Connects, TLS included, and hangs up: nothing is sent.
    ///
    /// # Errors
    /// [`DialError`] when no connection stands.
    pub async fn connect(&self, provider: &ProviderSettings) -> Result<(), DialError> {
        let destination =
            Destination::of(&provider.base_url, Reach::Exactly).map_err(|_| DialError::Unresolved)?;
        self.0.connect(&destination).await.map(drop)
    }
}
