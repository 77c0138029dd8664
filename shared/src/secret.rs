//! Values that must never be printed.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A text that prints as `***`, whoever prints it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that sends it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("***")
    }
}

/// Replaces known secrets in any text, also where they stand JSON-escaped, URL-encoded or in base64.
///
/// Woodpecker masks exact values only, a line at a time, and none of up to three characters: this covers what it
/// cannot see. Secrets of up to three characters are left alone here too: masking them would blank every log.
#[derive(Debug, Clone, Default)]
pub struct Mask {
    needles: Vec<Secret>,
}

impl Mask {
    /// Adds a secret and the forms it takes when it is encoded.
    pub fn hide(&mut self, secret: &str) {
        if secret.chars().count() <= 3 {
            return;
        }
        let json = serde_json::Value::from(secret).to_string();
        for form in [
            secret.to_owned(),
            json.trim_matches('"').to_owned(),
            url_encoded(secret),
            base64(secret.as_bytes()),
        ] {
            if !self.needles.iter().any(|needle| needle.reveal() == form) {
                self.needles.push(Secret(form));
            }
        }
        // The longest first, or a secret that holds another would be half shown.
        self.needles
            .sort_by_key(|needle| std::cmp::Reverse(needle.reveal().len()));
    }

    /// The text with every known secret as `***`.
    pub fn apply(&self, text: &str) -> String {
        self.needles.iter().fold(text.to_owned(), |text, needle| {
            cover(&text.replace(needle.reveal(), "***"), needle.reveal())
        })
    }
}

/// How much of a long secret gives it away: texts are cut to fit a line, in the midst of a secret, too.
const PART: usize = 24;

/// Covers what is left of a long secret whose end was cut off.
fn cover(text: &str, secret: &str) -> String {
    let Some(start) = secret.get(..PART).filter(|_| secret.len() > PART) else {
        return text.to_owned();
    };
    let mut out = String::new();
    let mut rest = text;
    while let Some(place) = rest.find(start) {
        out.push_str(&rest[..place]);
        out.push_str("***");
        let found = &rest[place..];
        let same = found
            .chars()
            .zip(secret.chars())
            .take_while(|(a, b)| a == b);
        rest = &found[same.map(|(c, _)| c.len_utf8()).sum()..];
    }
    out.push_str(rest);
    out
}

/// Percent-encodes everything but the unreserved characters of RFC 3986, section 2.3.
pub fn url_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.extend(
                [byte >> 4, byte & 15]
                    .map(|nibble| char::from(b"0123456789ABCDEF"[usize::from(nibble)])),
            );
        }
    }
    out
}

/// Base64 with padding, RFC 4648, section 4.
pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let index = (bits >> (18 - 6 * place)) & 63;
            out.push(if place <= chunk.len() {
                char::from(ALPHABET[index as usize])
            } else {
                '='
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_as_stars_in_every_way() {
        let secret = Secret::new("hunter22");
        assert_eq!(
            format!(
                "{secret} {secret:?} {}",
                serde_json::to_string(&secret).unwrap()
            ),
            "*** *** \"***\""
        );
    }

    #[test]
    fn a_mask_finds_encoded_forms() {
        let mut mask = Mask::default();
        mask.hide("p\"ss w/rd");
        for shown in [
            "p\"ss w/rd",
            r#"p\"ss w/rd"#,
            "p%22ss%20w%2Frd",
            &base64("p\"ss w/rd".as_bytes()),
        ] {
            assert_eq!(mask.apply(&format!("x {shown} y")), "x *** y");
        }
    }

    #[test]
    fn a_mask_covers_a_long_secret_that_was_cut() {
        let mut mask = Mask::default();
        let token = "0123456789abcdefghij".repeat(5);
        mask.hide(&token);
        let shown = format!("x {}… y {}… z {token}", &token[..60], &token[..30]);
        assert_eq!(mask.apply(&shown), "x ***… y ***… z ***");
        assert_eq!(mask.apply("0123456789ab"), "0123456789ab");
    }

    #[test]
    fn a_mask_leaves_short_secrets_alone() {
        let mut mask = Mask::default();
        mask.hide("abc");
        assert_eq!(mask.apply("abc"), "abc");
    }

    #[test]
    fn base64_agrees_with_the_rfc() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }
}
