//! Names of references: branches, and the marker of an environment.

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// The full name of a branch.
///
/// # Errors
/// When no branch can be called so.
pub fn branch(name: &str) -> Result<String, String> {
    let full = format!("refs/heads/{name}");
    if git2::Reference::is_valid_name(&full) && !name.starts_with('-') {
        Ok(full)
    } else {
        Err(format!(
            "{name:?} is no name of a branch, expected one such as main, without refs/heads/"
        ))
    }
}

/// The reference that holds the last commit known to be good in an environment.
///
/// What a reference's name cannot hold is written as `%` and two hexadecimal digits, so that two environments never
/// share one.
pub fn marker(environment: &str) -> String {
    let mut name = String::from("refs/deployments/");
    for byte in environment.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_".contains(&byte) {
            name.push(char::from(byte));
        } else {
            name.push('%');
            name.extend([byte >> 4, byte & 15].map(|nibble| char::from(HEX[usize::from(nibble)])));
        }
    }
    name + "/last-stable"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_a_valid_reference_whatever_the_environment_is_called() {
        assert_eq!(
            marker("production"),
            "refs/deployments/production/last-stable"
        );
        for name in ["eu/west", "eu..west", "prod.lock", "@{x", "a b", "ü", "%2F"] {
            let marker = marker(name);
            assert!(git2::Reference::is_valid_name(&marker), "{marker}");
        }
        assert_ne!(marker("eu/west"), marker("eu%2Fwest"));
    }

    #[test]
    fn a_branch_that_git_would_refuse_is_refused() {
        assert_eq!(branch("release/1.2"), Ok("refs/heads/release/1.2".into()));
        for name in ["", "a..b", "-x", "a b", "x.lock", "a\nb"] {
            assert!(branch(name).is_err(), "{name:?}");
        }
    }
}
