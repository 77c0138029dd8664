//! The remote repository: what the branch is like, and putting it back.

use crate::plan::branch::Way;
use crate::plan::facts::{Bad, Git};
use crate::plan::target::Target;
use crate::settings::Settings;

/// Why nothing is done here.
const UNABLE: &str =
    "this version cannot reach git: put the branch back by hand, or set strategy: redeploy or none";

/// What git says of branch and target.
pub fn look(settings: &Settings, _bad: &Bad, _target: &Target) -> Git {
    match (&settings.remote.address, &settings.remote.branch) {
        (Some(_), Some(_)) => Git::Unseen(UNABLE.to_owned()),
        (None, _) | (_, None) => Git::Unasked,
    }
}

/// The bad commit's first parent.
///
/// # Errors
/// When git cannot be asked.
pub fn parent(_settings: &Settings, _bad: &Bad) -> Result<String, String> {
    Err(
        "this version cannot ask git for the parent, set previous_commit to the commit itself"
            .to_owned(),
    )
}

/// The commit that the marker in git names.
///
/// # Errors
/// When git cannot be asked.
pub fn marker(_settings: &Settings) -> Result<Option<String>, String> {
    Err("this version cannot read the marker in git".to_owned())
}

/// Moves the marker in git.
///
/// # Errors
/// When it is not moved.
pub fn mark(_settings: &Settings, _commit: &str) -> Result<(), String> {
    Err("this version cannot move the marker in git, set marker: database".to_owned())
}

/// Puts the branch back, by the first way that the server takes. Gives what was done.
///
/// # Errors
/// When it is not back.
pub fn push(
    _settings: &Settings,
    _bad: &Bad,
    _target: &Target,
    _ways: &[Way],
) -> Result<String, String> {
    Err(UNABLE.to_owned())
}
