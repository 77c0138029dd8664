//! Whom TLS trusts: the machine's certificates, and a private authority beside them.

mod refusal;

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

pub use self::refusal::{refusal, refusal_within};

/// The certificate authorities to trust. Cheap to make: the machine's own are read when TLS is first spoken.
#[derive(Debug, Default)]
pub struct Roots {
    private: Vec<CertificateDer<'static>>,
    config: OnceLock<Result<Arc<ClientConfig>, String>>,
}

impl Roots {
    /// Trusts the machine's authorities (`SSL_CERT_FILE` and `SSL_CERT_DIR` are honoured; where there are none at all,
    /// Mozilla's list that is built in), and those of a PEM file beside them.
    ///
    /// # Errors
    /// When the file cannot be read or holds no certificate.
    pub fn load(ca_certificate: Option<&Path>) -> Result<Self, String> {
        let mut roots = Self::default();
        let Some(path) = ca_certificate else {
            return Ok(roots);
        };
        let shown = path.display();
        let pem = std::fs::read(path)
            .map_err(|error| format!("ca_certificate {shown} cannot be read: {error}"))?;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate
                .map_err(|error| format!("ca_certificate {shown} is no PEM file: {error}"))?;
            RootCertStore::empty()
                .add(certificate.clone())
                .map_err(|error| {
                    format!("ca_certificate {shown} holds a broken certificate: {error}")
                })?;
            roots.private.push(certificate);
        }
        if roots.private.is_empty() {
            return Err(format!(
                "ca_certificate {shown} holds no certificate, expected PEM (-----BEGIN CERTIFICATE-----)"
            ));
        }
        Ok(roots)
    }

    /// All of them in DER, for a library that makes TLS settings of its own. Reads the machine's own.
    pub fn certificates(&self) -> Vec<Vec<u8>> {
        let native = rustls_native_certs::load_native_certs().certs;
        native
            .iter()
            .chain(&self.private)
            .map(|certificate| certificate.to_vec())
            .collect()
    }

    /// All of them, for a client with TLS settings of its own. Reads the machine's own.
    pub fn store(&self) -> RootCertStore {
        let native = rustls_native_certs::load_native_certs().certs;
        trusted(native, &self.private)
    }

    /// The TLS settings of a client that trusts these.
    ///
    /// Sessions are never resumed: a resumed one skips the certificate, and an expired certificate is what a probe is
    /// there to see.
    ///
    /// # Errors
    /// When the TLS library refuses its own settings.
    pub fn client_config(&self) -> Result<Arc<ClientConfig>, String> {
        self.config
            .get_or_init(|| build(self.store()).map_err(|error| error.to_string()))
            .clone()
    }
}

fn build(roots: RootCertStore) -> Result<Arc<ClientConfig>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// The machine's own authorities, or Mozilla's where it has none, and the private ones.
fn trusted(
    native: Vec<CertificateDer<'static>>,
    private: &[CertificateDer<'static>],
) -> RootCertStore {
    let mut store = RootCertStore::empty();
    let (added, _) = store.add_parsable_certificates(native);
    if added == 0 {
        let built_in = webpki_roots::TLS_SERVER_ROOTS;
        store.roots.extend(built_in.iter().cloned());
    }
    store.add_parsable_certificates(private.iter().cloned());
    store
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_authorities_trusts_the_built_in_list_and_the_private_one() {
        let (own, private) = (
            testbed::tls::Ca::new("own"),
            testbed::tls::Ca::new("private"),
        );
        let private = [CertificateDer::from(private.der)];
        let built_in = webpki_roots::TLS_SERVER_ROOTS.len();
        assert_eq!(trusted(Vec::new(), &private).len(), built_in + 1);
        let native = vec![CertificateDer::from(own.der)];
        assert_eq!(trusted(native, &private).len(), 2);
    }
}
