//! What Woodpecker tells every step of the pipeline it is part of.

use std::path::PathBuf;

use crate::settings::environment::Environment;

/// The `CI_*` variables that matter here.
#[derive(Debug, Clone, Default)]
pub struct Ci {
    /// Whether this is Woodpecker at all.
    pub is_woodpecker: bool,
    /// `push`, `deployment`, `pull_request`, `cron`, …; empty outside a pipeline.
    pub event: String,
    /// The pipeline's number.
    pub number: Option<String>,
    /// Where a person can look at the pipeline.
    pub pipeline_url: Option<String>,
    /// Where a person can look at the commit.
    pub commit_url: Option<String>,
    /// The step's name.
    pub step: Option<String>,
    /// Where the source code is, and what steps share.
    pub workspace: PathBuf,
}

impl Ci {
    /// Reads the variables. Outside Woodpecker the workspace is the working directory.
    pub fn read(environment: &Environment) -> Self {
        let get = |name| environment.get(name).map(str::to_owned);
        Self {
            is_woodpecker: environment.get("CI") == Some("woodpecker"),
            event: get("CI_PIPELINE_EVENT").unwrap_or_default(),
            number: get("CI_PIPELINE_NUMBER"),
            pipeline_url: get("CI_PIPELINE_URL"),
            commit_url: get("CI_PIPELINE_FORGE_URL"),
            step: get("CI_STEP_NAME"),
            workspace: get("CI_WORKSPACE").map_or_else(|| PathBuf::from("."), PathBuf::from),
        }
    }

    /// Whether this pipeline runs for a pull request: nothing it does counts as deployed.
    pub fn is_pull_request(&self) -> bool {
        self.event.starts_with("pull_request")
    }

    /// Whether this pipeline was started by the clock: a failed check in it speaks of what is live, not of a
    /// deployment that this pipeline made.
    pub fn is_cron(&self) -> bool {
        self.event == "cron"
    }
}
