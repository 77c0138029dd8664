//! TLS to the database: rustls with ring, checked as strictly as the URL asks for.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use postgres::config::SslNegotiation;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::url::{DatabaseUrl, Roots, Tls};
use crate::tls as trust;

/// A connector for one connection.
pub(super) struct Connector {
    pub(super) tls: MakeRustlsConnect,
    /// Whether a handshake happened whose certificate was not checked.
    pub(super) unchecked: Arc<AtomicBool>,
}

/// Makes the connector that the URL asks for. `ca_certificate` is trusted beside the system's authorities.
///
/// # Errors
/// When a file of certificates cannot be read or holds none.
pub(super) fn connector(
    url: &DatabaseUrl,
    ca_certificate: Option<&Path>,
) -> Result<Connector, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let unchecked = Arc::new(AtomicBool::new(false));
    let mut config = match url.tls {
        Tls::Full => builder.with_root_certificates(roots(&url.roots, ca_certificate)?),
        weaker => {
            let trusted = match weaker {
                Tls::Chain => Some(roots(&url.roots, ca_certificate)?),
                Tls::Off | Tls::IfOffered | Tls::Unchecked | Tls::Full => None,
            };
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Nameless {
                    trusted,
                    algorithms: provider.signature_verification_algorithms,
                    unchecked: Arc::clone(&unchecked),
                }))
        }
    }
    .with_no_client_auth();
    if url.config().get_ssl_negotiation() == SslNegotiation::Direct {
        config.alpn_protocols = vec![b"postgresql".to_vec()];
    }
    Ok(Connector {
        tls: MakeRustlsConnect::new(config),
        unchecked,
    })
}

fn roots(from: &Roots, ca_certificate: Option<&Path>) -> Result<RootCertStore, String> {
    match from {
        Roots::File(path) => only_of(path),
        // As everywhere else: the machine's own, or Mozilla's where an image holds none.
        Roots::System => Ok(trust::Roots::load(ca_certificate)?.store()),
    }
}

/// The authorities of `sslrootcert`, and no others.
fn only_of(path: &Path) -> Result<RootCertStore, String> {
    let shown = path.display();
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| format!("sslrootcert {shown} could not be read as PEM: {error}"))?;
    let mut store = RootCertStore::empty();
    let (added, _) = store.add_parsable_certificates(certificates);
    if added == 0 {
        return Err(format!("sslrootcert {shown} holds no usable certificate"));
    }
    Ok(store)
}

/// Checks the chain at most, never the name: `verify-ca` and below.
#[derive(Debug)]
struct Nameless {
    /// Absent: nothing is checked, as `libpq` does under `require` without an authority.
    trusted: Option<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
    unchecked: Arc<AtomicBool>,
}

impl ServerCertVerifier for Nameless {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(trusted) = &self.trusted else {
            self.unchecked.store(true, Ordering::Relaxed);
            return Ok(ServerCertVerified::assertion());
        };
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.algorithms.all;
        verify_server_cert_signed_by_trust_anchor(
            &certificate,
            trusted,
            intermediates,
            now,
            algorithms,
        )?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
