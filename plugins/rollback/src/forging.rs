//! The forge: the incident, the status of commit and deployment, deployments that were good.

use crate::plan::facts::{Asked, Bad};
use crate::plan::target::Target;
use crate::settings::Settings;

/// What can be asked of the forge, into what was asked for.
pub fn asked(_settings: &Settings, asked: Asked) -> Asked {
    Asked {
        incident: false,
        status: false,
        pull_requests: false,
        ..asked
    }
}

/// The commit of the last successful deployment that the forge knows.
///
/// # Errors
/// When it cannot be asked.
pub fn last_successful(_settings: &Settings) -> Result<Option<String>, String> {
    Ok(None)
}

/// Opens the incident, or adds to it. Gives where it is.
///
/// # Errors
/// When it is not open.
pub fn incident(_settings: &Settings, _bad: &Bad, _target: &Target) -> Result<String, String> {
    Err("this version cannot open incidents".to_owned())
}

/// Tells the forge of commit and deployment.
///
/// # Errors
/// When it is not told.
pub fn status(_settings: &Settings, _bad: &Bad, _target: &Target) -> Result<(), String> {
    Err("this version cannot tell the forge".to_owned())
}
