//! Whose turn it is: one run at a time works on an environment.

use super::facts::{Bad, End};

/// Who has the environment's lease now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// Nobody, or one that gives no sign of life.
    Nobody,
    /// A run.
    Run {
        /// Of which deployment.
        deployment_id: String,
        /// Which plugin.
        plugin: String,
        /// Its token.
        token: i64,
        /// Where a person finds it.
        pipeline: Option<String>,
    },
}

/// What to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// Take it.
    Take,
    /// Ask this run to stop and put its traffic back, and wait for that.
    Stop {
        /// Its token.
        token: i64,
    },
}

/// Decides who goes on.
///
/// # Errors
/// When somebody else is at it.
pub fn decide(bad: &Bad, has_touched: bool, holder: &Holder) -> Result<Turn, End> {
    let Holder::Run {
        deployment_id,
        plugin,
        token,
        pipeline,
    } = holder
    else {
        return Ok(Turn::Take);
    };
    let at = pipeline
        .as_ref()
        .map(|url| format!(", {url} "))
        .unwrap_or_default();
    if plugin.starts_with("plugin-rollback") {
        return Err(End::busy(
            format!("a rollback is running: {plugin} for deployment {deployment_id}{at}"),
            "wait for it; start this one again if that one fails",
        ));
    }
    if *deployment_id == bad.id {
        return Ok(Turn::Stop { token: *token });
    }
    if !has_touched {
        return Err(End::nothing(format!(
            "nothing was done: {} never got the environment, which {plugin} has for deployment {deployment_id}{at}",
            bad.id
        )));
    }
    Err(End::busy(
        format!("the environment is another run's: {plugin} for deployment {deployment_id}{at}"),
        "wait for it, then start this one again",
    ))
}

#[cfg(test)]
mod tests {
    use super::super::tests::bad;
    use super::*;

    fn run(deployment_id: &str, plugin: &str) -> Holder {
        Holder::Run {
            deployment_id: deployment_id.into(),
            plugin: plugin.into(),
            token: 7,
            pipeline: Some("https://ci/8".into()),
        }
    }

    #[test]
    fn its_own_live_rollout_is_asked_to_stop() {
        let live = run("d1", "plugin-progressive/0.1.0");
        assert_eq!(decide(&bad(), true, &live), Ok(Turn::Stop { token: 7 }));
        assert_eq!(decide(&bad(), true, &Holder::Nobody), Ok(Turn::Take));
    }

    #[test]
    fn a_rollback_that_is_running_is_named() {
        let end = decide(&bad(), true, &run("d1", "plugin-rollback/0.1.0")).unwrap_err();
        assert_eq!(end.exit.code(), 5);
        assert!(
            end.why.contains("deployment d1, https://ci/8"),
            "{}",
            end.why
        );
    }

    #[test]
    fn another_run_is_not_disturbed() {
        let other = run("d2", "plugin-progressive/0.1.0");
        assert_eq!(decide(&bad(), true, &other).unwrap_err().exit.code(), 5);
        // One that never had its turn has nothing to roll back.
        assert_eq!(decide(&bad(), false, &other).unwrap_err().exit.code(), 0);
    }
}
