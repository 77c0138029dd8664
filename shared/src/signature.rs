//! The signature under what is posted to a webhook.

use ring::hmac;

use crate::secret::Secret;

/// The header that carries it.
pub const HEADER: &str = "X-Signature-256";

/// `sha256=` and the HMAC-SHA256 of the body in lower-case hexadecimal, as GitHub signs its webhooks.
///
/// To verify: compute the HMAC-SHA256 of the raw body, before anything parses it, with the shared secret as the
/// key, and compare it with the header in constant time.
pub fn sha256(secret: &Secret, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().as_bytes());
    format!("sha256={}", hex(hmac::sign(&key, body).as_ref()))
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|nibble| char::from(b"0123456789abcdef"[usize::from(nibble)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_agrees_with_rfc_4231() {
        assert_eq!(
            sha256(&Secret::new("Jefe"), b"what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
