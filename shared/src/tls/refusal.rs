//! What a refused TLS handshake means, in words: pure.

use std::error::Error;

use jiff::Timestamp;
use rustls::{AlertDescription, CertificateError, InvalidMessage};

/// Why a TLS handshake was broken off, as the end of "TLS refused: …".
pub fn refusal(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(error) => certificate_words(error),
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "the port does not speak TLS".into()
        }
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "the server asks for a client certificate".into()
        }
        rustls::Error::AlertReceived(alert) => {
            format!("the server ended the handshake with {alert:?}")
        }
        rustls::Error::PeerIncompatible(why) => {
            format!("the server offers no protocol that is safe enough: {why:?}")
        }
        other => other.to_string(),
    }
}

fn certificate_words(error: &CertificateError) -> String {
    let day = |time: &rustls::pki_types::UnixTime| {
        i64::try_from(time.as_secs())
            .ok()
            .and_then(|seconds| Timestamp::from_second(seconds).ok())
            .map_or_else(|| "an unknown day".into(), |time| time.to_string())
    };
    match error {
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("the certificate expired at {}", day(not_after))
        }
        CertificateError::Expired => "the certificate has expired".into(),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("the certificate is not valid before {}", day(not_before))
        }
        CertificateError::NotValidYet => "the certificate is not valid yet".into(),
        CertificateError::UnknownIssuer => {
            "the certificate's issuer is not trusted (ca_certificate names a private one)".into()
        }
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            let expected = expected.to_str();
            if presented.is_empty() {
                return format!("the certificate is for no name, not even {expected}");
            }
            let names: Vec<&str> = presented.iter().take(5).map(|name| bare(name)).collect();
            let more = if presented.len() > names.len() {
                ", …"
            } else {
                ""
            };
            format!(
                "the certificate is for {}{more}, not for {expected}",
                names.join(", ")
            )
        }
        CertificateError::Revoked => "the certificate is revoked".into(),
        CertificateError::BadEncoding => "the certificate is broken".into(),
        other => format!("the certificate is refused: {other}"),
    }
}

/// `DnsName("a.example")` as `a.example`.
fn bare(name: &str) -> &str {
    let name = name.split_once('(').map_or(name, |(_, rest)| rest);
    name.trim_end_matches(')').trim_matches('"')
}

/// The refusal of TLS that lies at the root of an error, if one does.
pub fn refusal_within(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(refusal) = error.downcast_ref::<rustls::Error>() {
            return Some(self::refusal(refusal));
        }
        // An io::Error does not count what it wraps among its sources: those are the wrapped error's own.
        let wrapped = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}
