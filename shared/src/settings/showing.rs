//! The certificate and key that are shown to HAProxy's runtime API behind TLS.

use crate::ci::Ci;
use crate::problem::Problem;
use crate::secret::Secret;
use crate::settings::read::Reader;

/// What is shown to a runtime API behind TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The certificate, PEM.
    pub certificate: String,
    /// Its key, PEM.
    pub key: Secret,
}

/// The certificate and its key, which a `tls://` address needs: `secured` says whether there is one.
pub fn shown(read: &mut Reader, ci: &Ci, secured: bool) -> Option<Shown> {
    let mut one = |name: &str, expected: &'static str| {
        if secured && read.given(name).is_none() && !read.is_misspelt(name) {
            read.problem(Problem::unseen(name, expected));
        }
        pem(read, ci, name)
    };
    let certificate = one(
        "haproxy_certificate",
        "the certificate that a tls:// runtime API asks for",
    );
    let key = one("haproxy_key", "the key of haproxy_certificate");
    Some(Shown {
        certificate: certificate?,
        key: Secret::new(key?),
    })
}

/// PEM as it is, or out of a file.
fn pem(read: &mut Reader, ci: &Ci, name: &str) -> Option<String> {
    let text = read.text(name)?;
    if text.contains("-----BEGIN") {
        return Some(text);
    }
    let found = std::fs::read_to_string(ci.workspace.join(text.trim())).ok();
    let found = found.filter(|text| text.contains("-----BEGIN"));
    if found.is_none() {
        read.refuse(
            name,
            "PEM (-----BEGIN …), or a file in the workspace that holds it",
        );
    }
    found
}
