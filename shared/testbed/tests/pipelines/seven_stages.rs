//! The seven stages, executed: the example's workflow by the three binaries, with its proxy and its script, a database, a
//! git server and a forge.

use std::fs;

use testbed::company::{Company, ended, names};
use testbed::example::example;
use testbed::scratch::Scratch;

const FILE: &str = "pipelines/seven-stages.yaml";
const ID: &str = "acme-shop-production-8";

const TO_THE_ROLLOUT: [&str; 5] = [
    "preflight",
    "settle",
    "deploy",
    "first health check",
    "rollout",
];

/// The good version goes through all stages, so that it is known to be good.
fn begin(company: &Company) {
    let ran = company.deploy(FILE, "7", &company.good, |_, _| ());
    assert!(ran.iter().all(|step| step.code == Some(0)), "{ran:#?}");
    assert_eq!(company.marker(), company.good);
}

const ALL_PASSED: &str = "10 passed\n25 passed\n50 passed\n100 passed";

#[test]
fn a_good_version_goes_through_all_stages_and_is_what_is_gone_back_to_by_hand() {
    let company = Company::new("seven-good.git");
    begin(&company);
    let ran = company.deploy(FILE, "8", &company.bad, |_, _| ());
    let stages = [&TO_THE_ROLLOUT[..], &["final health check", "tell"]].concat();
    assert_eq!(names(&ran), stages);
    assert!(ran.iter().all(|step| step.code == Some(0)), "{ran:#?}");
    assert_eq!(company.row(ID), format!("success {}", company.bad));
    assert_eq!(company.stages(ID), ALL_PASSED);
    assert_eq!(company.marker(), company.bad);
    assert_eq!(company.world.weights(), (100, 0));
    assert_eq!(company.world.released("stable"), company.bad);
    assert_eq!(
        (company.head(), company.incidents()),
        (company.bad.clone(), vec![])
    );
    let told = company.slack.requests().len();
    assert!(told >= 2, "both summaries are told");

    // Nobody saw it in the pipeline: customers did.
    let workspace = Scratch::new("workspace");
    let mut agent = company.agent(&workspace, "9", &company.bad, "manual");
    agent.secrets = company.limited(&example(FILE));
    let ran = agent.run(&company.workflow(&example(FILE)), |_| ());
    assert_eq!(names(&ran), ["rollback by hand"]);
    let log = ended(&ran, "rollback by hand", 0);
    assert!(
        log.contains(&format!("ROLLED BACK (exit 0): {ID} ")),
        "{log}"
    );
    assert_eq!(company.world.released("stable"), company.good);
    assert_eq!(company.head(), company.good);
    assert_eq!(company.row(ID), format!("rolled_back {}", company.bad));
    assert_eq!(company.incidents(), [true]);
    assert!(company.slack.requests().len() > told);
}

#[test]
fn a_version_that_breaks_in_the_rollout_loses_its_traffic_and_its_place_on_the_branch() {
    let company = Company::new("seven-canary.git");
    begin(&company);
    let ran = company.deploy(FILE, "8", &company.bad, |step, workspace| {
        if step == "deploy" {
            fs::write(workspace.join("build/bears"), "8").unwrap();
        }
    });
    let stages = [&TO_THE_ROLLOUT[..], &["rollback", "tell"]].concat();
    assert_eq!(names(&ran), stages);
    let log = ended(&ran, "rollout", 1);
    assert!(
        log.contains("ROLLED BACK (exit 1)") && log.contains("→ stage 1"),
        "{log}"
    );
    let log = ended(&ran, "rollback", 0);
    assert!(log.contains("plan: traffic is done already"), "{log}");
    assert!(log.contains("plan: script is done already"), "{log}");
    ended(&ran, "tell", 0);
    assert_eq!(company.world.weights(), (100, 0));
    assert_eq!(company.world.released("stable"), company.good);
    assert_eq!(company.world.released("canary"), company.good);
    assert_eq!(company.head(), company.good);
    assert_eq!(company.row(ID), format!("rolled_back {}", company.bad));
    // In which stage depends on how fast its answers were used up.
    let stages = company.stages(ID);
    let (before, last) = stages.rsplit_once('\n').unwrap_or(("", &stages));
    assert!(last.ends_with(" failed"), "{stages}");
    assert!(
        before.lines().all(|line| line.ends_with(" passed")),
        "{stages}"
    );
    assert_eq!(company.marker(), company.good);
    let back = company.row(&format!("{ID}-rollback"));
    assert_eq!(back, format!("success {}", company.good));
    assert_eq!(company.incidents(), [true]);
    assert_eq!(company.forge.refused(), Vec::<String>::new());

    // What was rolled back does not come again by itself, and what refuses it is not rolled back.
    let release = company
        .world
        .scratch
        .join("shop/releases")
        .join(&company.bad);
    let again = company.deploy(FILE, "9", &company.bad, |step, _| {
        if step == "first health check" {
            fs::remove_file(release.join("bears")).unwrap();
        }
    });
    ended(&again, "rollout", 5);
    let log = ended(&again, "rollback", 0);
    assert!(log.contains("NOTHING TO DO (exit 0)"), "{log}");
    assert_eq!(company.incidents(), [true]);
}

#[test]
fn a_version_that_breaks_after_it_was_promoted_leaves_the_stable_side_again() {
    let company = Company::new("seven-promoted.git");
    begin(&company);
    let release = company
        .world
        .scratch
        .join("shop/releases")
        .join(&company.bad);
    let ran = company.deploy(FILE, "8", &company.bad, |step, _| {
        if step == "final health check" {
            fs::write(release.join("bears"), "0").unwrap();
        }
    });
    let stages = [
        &TO_THE_ROLLOUT[..],
        &["final health check", "rollback", "tell"],
    ]
    .concat();
    assert_eq!(names(&ran), stages);
    ended(&ran, "final health check", 1);
    let log = ended(&ran, "rollback", 0);
    assert!(
        log.contains("plan: the deployment's rollback is called"),
        "{log}"
    );
    assert_eq!(company.world.weights(), (100, 0));
    assert_eq!(company.world.released("stable"), company.good);
    assert_eq!(company.head(), company.good);
    assert_eq!(company.incidents(), [true]);
}

#[test]
fn a_build_that_was_never_deployed_is_not_rolled_back() {
    let company = Company::new("seven-none.git");
    begin(&company);
    let ran = company.deploy(FILE, "8", &company.bad, |step, workspace| {
        if step == "preflight" {
            fs::remove_file(workspace.join("deploy.sh")).unwrap();
        }
    });
    assert_eq!(names(&ran), ["preflight", "rollback", "tell"]);
    ended(&ran, "preflight", 2);
    let log = ended(&ran, "rollback", 0);
    assert!(log.contains("nothing was deployed"), "{log}");
    assert_eq!(company.head(), company.bad);
    assert_eq!(company.incidents(), Vec::<bool>::new());
}

#[test]
fn a_cancel_in_the_middle_puts_the_traffic_back_and_is_no_verdict_on_the_version() {
    let company = Company::new("seven-cancelled.git");
    begin(&company);
    let is_cancel =
        |step: &str, line: &str| step == "rollout" && line.contains("→ stage 2 of 4 (25 %)");
    let ran = company.deploy_until(FILE, "8", &company.bad, |_, _| (), is_cancel);
    // Nothing runs after a cancel, also not what is for failures.
    assert_eq!(names(&ran), TO_THE_ROLLOUT);
    let log = ended(&ran, "rollout", 143);
    assert!(log.contains("CANCELLED (exit 143)"), "{log}");
    assert_eq!(company.world.weights(), (100, 0));
    assert_eq!(company.world.released("stable"), company.good);
    assert_eq!(company.world.released("canary"), company.good);
    assert_eq!(company.row(ID), format!("cancelled {}", company.bad));
    assert_eq!(company.stages(ID), "10 passed\n25 cancelled");
    assert_eq!(company.sql("SELECT count(*) FROM deployment_holds"), "0");
    assert_eq!(company.marker(), company.good);
    assert_eq!(company.incidents(), Vec::<bool>::new());
    assert_eq!(company.head(), company.bad);

    // The same version again, by whom nothing is held against it.
    let ran = company.deploy(FILE, "9", &company.bad, |_, _| ());
    assert!(ran.iter().all(|step| step.code == Some(0)), "{ran:#?}");
    let next = "acme-shop-production-9";
    assert_eq!(company.row(next), format!("success {}", company.bad));
    assert_eq!(company.stages(next), ALL_PASSED);
    assert_eq!(company.world.released("stable"), company.bad);
}
