//! The runner of workflows does what Woodpecker does.
#![expect(clippy::unwrap_used, reason = "what goes wrong in a test must fail it")]

mod cases;
mod flow;
mod surroundings;

use std::collections::BTreeMap;

use testbed::scratch::Scratch;
use testbed::workflow::{Agent, Step};

/// An agent in an empty workspace, for a pipeline on a push to `main`.
struct Pipeline {
    agent: Agent,
    _workspace: Scratch,
}

impl Pipeline {
    fn new() -> Self {
        let workspace = Scratch::new("workflow");
        let variables = [("CI_PIPELINE_EVENT", "push"), ("CI_COMMIT_BRANCH", "main")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            agent: Agent::new(workspace.path(), variables.into()),
            _workspace: workspace,
        }
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.agent
            .variables
            .insert(name.to_owned(), value.to_owned());
        self
    }

    fn secrets<const N: usize>(mut self, secrets: [(&str, &str); N]) -> Self {
        let secrets = secrets.map(|(name, value)| (name.to_owned(), value.into()));
        self.agent.secrets = BTreeMap::from(secrets);
        self
    }

    fn run(&self, workflow: &str) -> Vec<Step> {
        self.agent.run(workflow, |_| ())
    }

    /// What the only step that runs says.
    fn log(&self, workflow: &str) -> String {
        let mut ran = self.run(workflow);
        assert_eq!((ran.len(), ran[0].code), (1, Some(0)), "{ran:#?}");
        ran.remove(0).log
    }
}

/// The steps that ran, with their exit codes.
fn codes(ran: &[Step]) -> Vec<(&str, Option<i32>)> {
    let code = |step: &'_ Step| step.code;
    ran.iter()
        .map(|step| (step.name.as_str(), code(step)))
        .collect()
}
