//! TLS with certificates on both sides, as HAProxy's `verify required` asks for.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

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
    /// When a file cannot be read or holds something else, or the two do not belong together. Nothing of the key is
    /// shown.
    pub fn load(roots: &Roots, certificate: &Path, key: &Path) -> Result<Self, String> {
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| {
                let shown = certificate.display();
                format!("the client certificate {shown} cannot be read: {error}")
            })?;
        if chain.is_empty() {
            let shown = certificate.display();
            return Err(format!(
                "{shown} holds no certificate, expected PEM (-----BEGIN CERTIFICATE-----)"
            ));
        }
        let secret = PrivateKeyDer::from_pem_file(key).map_err(|_| {
            format!(
                "the client key {} cannot be read, expected PEM (-----BEGIN PRIVATE KEY-----)",
                key.display()
            )
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
