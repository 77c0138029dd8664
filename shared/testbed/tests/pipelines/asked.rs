//! A gate at a service that answers as it is told.

use std::fs;

use testbed::scratch::Scratch;
use testbed::sink::{Reply, Sink};
use testbed::workflow::{Agent, Step};

/// Asks a service that answers so, with a policy in the workspace and one further setting.
pub(crate) fn asked(answer: &str, policy: &str, settings: &str) -> Vec<Step> {
    let answer = answer.to_owned();
    let service = Sink::answering(move |_| {
        Reply::new(200, &answer).header("Content-Type", "application/json")
    });
    let workspace = Scratch::new("workspace");
    fs::write(workspace.join("deployment-policy.yaml"), policy).unwrap();
    let workflow = format!(
        "when: {{event: push}}\nsteps:\n  - name: gate\n    image: plugin-health:0.1.0\n    settings:\n      \
         endpoint: {}\n      retries: 0\n      {settings}\n",
        service.url("/health")
    );
    let event = [("CI_PIPELINE_EVENT".to_owned(), "push".to_owned())];
    Agent::new(workspace.path(), event.into()).run(&workflow, |_| ())
}
