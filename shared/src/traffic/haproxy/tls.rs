//! TLS with certificates on both sides, as HAProxy's `verify required` asks for.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::secret::Secret;
use crate::tls::Roots;

/// A client that can show who it is.
#[derive(Debug, Clone)]
pub struct Identity {
    pub(super) config: Arc<ClientConfig>,
}

impl Identity {
    /// Trusts `roots` and shows a certificate (PEM, with its chain) with its private key (PEM, without a password).
    ///
    /// # Errors
    /// When one of them is something else, or the two do not belong together. Nothing of the key is shown.
    pub fn new(roots: &Roots, certificate: &str, key: &Secret) -> Result<Self, String> {
        let chain = CertificateDer::pem_slice_iter(certificate.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| format!("the client certificate cannot be read: {error}"))?;
        if chain.is_empty() {
            let expected = "expected PEM (-----BEGIN CERTIFICATE-----)";
            return Err(format!("found no client certificate, {expected}"));
        }
        let secret = PrivateKeyDer::from_pem_slice(key.reveal().as_bytes()).map_err(|_| {
            "the client key cannot be read, expected PEM without a password (-----BEGIN PRIVATE KEY-----)"
        })?;
        let mut trusted = RootCertStore::empty();
        let certificates = roots.certificates().into_iter().map(CertificateDer::from);
        trusted.add_parsable_certificates(certificates);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(trusted)
            .with_client_auth_cert(chain, secret)
            .map_err(|error| format!("the client certificate cannot be used: {error}"))?;
        Ok(Self {
            config: Arc::new(config),
        })
    }
}
