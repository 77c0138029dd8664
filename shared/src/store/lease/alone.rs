//! The lease of those who have no database: a lock beside the journal, which ends with the process that has it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Claim;

/// A lock that is held until this is dropped, or the process ends in whatever way.
#[derive(Debug)]
pub struct Alone {
    _file: File,
}

/// Who has the lock, as it wrote itself down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occupant {
    /// Of which deployment.
    pub deployment_id: String,
    /// Where a person finds its pipeline.
    #[serde(default)]
    pub pipeline_url: Option<String>,
    /// `plugin-progressive/0.1.0`.
    pub plugin: String,
}

/// Keeps every other run of this environment out that has the same journal.
///
/// # Errors
/// With who has it, where that is known; or with what is wrong with the file, in words.
pub fn lock(journal: &Path, claim: &Claim) -> Result<Alone, Locked> {
    let path = place(journal, claim);
    let failed = |error: io::Error| Locked::Unusable(format!("{}: {error}", path.display()));
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = options.open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            // What cannot be read is being written: then nobody is named.
            let _ = file.read_to_string(&mut text);
            return Err(Locked::By(serde_json::from_str(&text).ok()));
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    let us = Occupant {
        deployment_id: claim.deployment_id.clone(),
        pipeline_url: claim.pipeline_url.clone(),
        plugin: claim.plugin.clone(),
    };
    let text = serde_json::to_vec(&us).map_err(|error| failed(error.into()))?;
    // It says who we are to others; the lock is ours without it.
    let _ = file
        .set_len(0)
        .and_then(|()| file.seek(SeekFrom::Start(0)))
        .and_then(|_| file.write_all(&text));
    Ok(Alone { _file: file })
}

/// Why there is no lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Locked {
    /// Another run has it; nothing where it has not said yet who it is.
    By(Option<Occupant>),
    /// The file cannot be used.
    Unusable(String),
}

/// Several repositories may share a journal. Two whose names differ only in signs share the lock too, which does no
/// harm.
fn place(journal: &Path, claim: &Claim) -> PathBuf {
    let sign = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let slug: String = format!("{} {}", claim.repo, claim.environment)
        .chars()
        .map(sign)
        .take(150)
        .collect();
    let mut name = journal.as_os_str().to_owned();
    name.push(format!(".{slug}.lock"));
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(environment: &str, deployment_id: &str) -> Claim {
        Claim {
            repo: "acme/shop".to_owned(),
            environment: environment.to_owned(),
            deployment_id: deployment_id.to_owned(),
            run_id: "1".to_owned(),
            pipeline_url: Some("https://ci.example/8".to_owned()),
            plugin: "plugin-progressive/1.0.0".to_owned(),
        }
    }

    #[test]
    fn one_run_of_an_environment_is_let_in_and_the_next_is_told_who_it_is() {
        let folder = std::env::temp_dir().join(format!("alone-{}", std::process::id()));
        let journal = folder.join("journal.jsonl");
        let first = lock(&journal, &claim("production", "d1")).unwrap();
        let Err(Locked::By(Some(by))) = lock(&journal, &claim("production", "d2")) else {
            panic!("two are in");
        };
        assert_eq!(by.deployment_id, "d1");
        assert_eq!(by.pipeline_url.as_deref(), Some("https://ci.example/8"));
        lock(&journal, &claim("staging", "d2")).unwrap();
        drop(first);
        lock(&journal, &claim("production", "d2")).unwrap();
        fs::remove_dir_all(&folder).unwrap();
    }
}
