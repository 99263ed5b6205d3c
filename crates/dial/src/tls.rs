//! TLS for clients: whom to trust.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// Makes aws-lc-rs the one crypto provider of the process. To be called before the first TLS
/// connection, as often as one likes.
pub fn install_crypto() {
    // An error means that one is installed already, which can only be the same.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// Whom outward TLS trusts.
#[derive(Clone)]
pub struct TlsSetup(pub(crate) Arc<ClientConfig>);

impl TlsSetup {
    /// Mozilla's roots, and the certificates in `extra`, PEM text of a company's own authority for instance.
    ///
    /// # Errors
    /// [`TlsSetupError`] when `extra` holds no certificate or a broken one.
    pub fn new(extra: Option<&[u8]>) -> Result<Self, TlsSetupError> {
        install_crypto();
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        if let Some(pem) = extra {
            let mut count = 0;
            for certificate in CertificateDer::pem_slice_iter(pem) {
                roots.add(certificate.map_err(|_| TlsSetupError)?).map_err(|_| TlsSetupError)?;
                count += 1;
            }
            if count == 0 {
                return Err(TlsSetupError);
            }
        }
        let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config)))
    }
}

impl std::fmt::Debug for TlsSetup {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("TlsSetup")
    }
}

/// The extra certificates are no PEM certificates, or one of them is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a PEM file with one or more certificates")]
pub struct TlsSetupError;
