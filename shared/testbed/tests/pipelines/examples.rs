//! The other examples, executed: each workflow as it stands, by the real binaries, in the company's world.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

use testbed::company::{Company, ended, names};
use testbed::example::{example, scripted};
use testbed::scratch::Scratch;
use testbed::workflow::Step;

/// What was live before.
const GOOD: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
/// What is taken back.
const BAD: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// The gate's example, in a company that has taught its script the shop.
fn gated(company: &Company, before: impl Fn(&str)) -> Vec<Step> {
    let file = "pipelines/gate.yaml";
    company.deploy(file, "8", &company.bad, |step, workspace| {
        if step == "preflight" {
            company.teach(workspace, true);
        }
        before(step);
    })
}

const GATED: [&str; 5] = [
    "preflight",
    "deploy",
    "wait for the new version",
    "watch it",
    "tell",
];

#[test]
fn the_gate_lets_a_version_through_and_writes_down_that_it_is_good() {
    let company = Company::new("gate.git");
    let ran = gated(&company, |_| ());
    assert_eq!(names(&ran), GATED);
    assert!(ran.iter().all(|step| step.code == Some(0)), "{ran:#?}");
    let id = "acme-shop-production-8";
    assert_eq!(company.row(id), format!("success {}", company.bad));
    assert_eq!(company.marker(), company.bad);
    assert_eq!(company.slack.requests().len(), 1);
}

#[test]
fn the_gate_stops_a_version_that_breaks_down_while_it_is_watched() {
    let company = Company::new("gate-stops.git");
    let ran = gated(&company, |step| {
        if step == "watch it" {
            let release = company.world.scratch.join("shop/stable/bears");
            fs::write(release, "0").unwrap();
        }
    });
    assert_eq!(names(&ran), GATED);
    ended(&ran, "watch it", 1);
    ended(&ran, "tell", 0);
    let id = "acme-shop-production-8";
    assert_eq!(company.row(id), format!("failed {}", company.bad));
    assert_eq!(company.marker(), "");
}

#[test]
fn the_rollout_goes_through_its_stages_and_what_it_leaves_when_killed_is_settled_by_the_cron() {
    let company = Company::new("rollout.git");
    let file = "pipelines/progressive.yaml";
    let ran = company.deploy(file, "8", &company.bad, |_, _| ());
    assert_eq!(names(&ran), ["settle", "deploy", "rollout", "tell"]);
    assert!(ran.iter().all(|step| step.code == Some(0)), "{ran:#?}");
    assert_eq!(company.world.weights(), (100, 0));
    assert_eq!(company.world.released("stable"), company.bad);

    // A machine that goes down in the middle: no grace, and nothing is put back.
    let workspace = Scratch::new("workspace");
    let mut agent = company.agent(&workspace, "9", &company.good, "deployment");
    agent.grace = Duration::ZERO;
    let is_cancel = |step: &str, line: &str| step == "rollout" && line.contains("→ stage 1 of 4");
    let ran = agent.run_until(&company.workflow(&example(file)), |_| (), is_cancel);
    assert_eq!(names(&ran), ["settle", "deploy", "rollout"]);
    assert_eq!((ran[2].code, company.world.weights()), (None, (90, 10)));

    let cron = company.workflow(&example("pipelines/settle-cron.yaml"));
    // Of the same number, so that the lease is its own: another one would have to wait until it has run out.
    let mut agent = company.agent(&workspace, "9", &company.good, "cron");
    agent.secrets = company.limited(&example("pipelines/settle-cron.yaml"));
    assert!(agent.run(&cron, |_| ()).is_empty(), "it is another cron");
    "settle".clone_into(&mut agent.cron);
    let ran = agent.run(&cron, |_| ());
    assert!(
        ended(&ran, "settle", 0).contains("SETTLED (exit 0)"),
        "{ran:#?}"
    );
    assert_eq!(company.world.weights(), (100, 0));
}

#[test]
fn the_example_script_takes_a_promoted_version_back_from_both_sides() {
    let workspace = Scratch::new("script");
    let script = scripted(workspace.path(), BAD);
    let root = workspace.join("srv");
    let release = |commit: &str| root.join("releases").join(commit);
    fs::create_dir_all(release(BAD)).unwrap();
    for side in ["stable", "canary"] {
        symlink(release(BAD), root.join(side)).unwrap();
    }
    let roll_back = || {
        let mut command = Command::new(&script);
        command.arg("rollback").env("DEPLOY_ROOT", &root);
        command.envs([
            ("DEPLOYMENT_COMMIT", BAD),
            ("DEPLOYMENT_PREVIOUS_COMMIT", GOOD),
        ]);
        command.output().unwrap()
    };
    let of = |side: &str| fs::read_link(root.join(side)).unwrap();
    // A folder that somebody has cleaned up: nothing is pointed to where nothing is.
    let said = roll_back();
    assert_eq!(said.status.code(), Some(1));
    let said = String::from_utf8(said.stderr).unwrap();
    assert!(said.contains("is gone: deploy that version anew"), "{said}");
    assert_eq!(of("stable"), release(BAD));
    fs::create_dir(release(GOOD)).unwrap();
    // Done twice, it comes to the same.
    for _ in 0..2 {
        assert!(roll_back().status.success());
        assert_eq!((of("stable"), of("canary")), (release(GOOD), release(GOOD)));
    }
}
