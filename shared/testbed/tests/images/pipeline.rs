//! The example's pipeline in the images that its steps name, with its script, and with the folder of the releases mounted:
//! who promotes and rolls back is who deployed.

use std::fs;
use std::os::unix::fs::MetadataExt;

use testbed::company::{Company, ended, names};
use testbed::workflow::Engine;

const FILE: &str = "pipelines/seven-stages.yaml";
/// Whose the plugins' images are.
const USER: u32 = 65534;

fn contained(name: &str) -> Company {
    let mut company = Company::new(name);
    company.engine = Engine::Containers;
    company
}

#[test]
#[ignore = "needs the built images: .ci/images"]
fn what_was_deployed_in_one_image_is_promoted_and_rolled_back_in_the_others() {
    let company = contained("image-seven.git");
    company.hand_over(USER);
    let ran = company.deploy(FILE, "7", &company.good, |_, _| ());
    assert!(ran.iter().all(|step| step.code == Some(0)), "{ran:#?}");
    let release = company.world.scratch.join("shop/releases");
    let release = release.join(&company.bad);
    let ran = company.deploy(FILE, "8", &company.bad, |step, workspace| {
        assert_eq!(fs::metadata(workspace.path()).unwrap().uid(), 0);
        if step == "final health check" {
            assert_eq!(company.world.released("stable"), company.bad);
            fs::write(release.join("bears"), "0").unwrap();
        }
    });
    let steps = [
        "preflight",
        "settle",
        "deploy",
        "first health check",
        "rollout",
        "final health check",
        "rollback",
        "tell",
    ];
    assert_eq!(names(&ran), steps, "{ran:#?}");
    ended(&ran, "final health check", 1);
    let log = ended(&ran, "rollback", 0);
    assert!(log.contains("ROLLED BACK (exit 0)"), "{log}");
    assert_eq!(fs::metadata(&release).unwrap().uid(), USER);
    assert_eq!(company.world.released("stable"), company.good);
    assert_eq!(company.world.released("canary"), company.good);
    assert_eq!(company.head(), company.good);
    assert_eq!(company.world.weights(), (100, 0));
}

/// What the example's script says to a user who is not the folder's.
const CLEAR: [&str; 2] = [
    "user 65534 may not write to ",
    ": on the agent's machine, once, chown -R 65534:65534 ",
];

#[test]
#[ignore = "needs the built images: .ci/images"]
fn a_folder_of_roots_is_left_as_it_is_and_the_log_says_what_to_do() {
    let company = contained("image-root.git");
    let ran = company.deploy(FILE, "8", &company.bad, |_, _| ());
    let log = ended(&ran, "deploy", 1);
    assert!(CLEAR.iter().all(|text| log.contains(text)), "{log}");
    assert_eq!(company.world.released("canary"), company.good);
    assert_eq!(company.world.weights(), (100, 0));
}

#[test]
#[ignore = "needs the built images: .ci/images"]
fn what_root_deployed_is_not_promoted_and_the_log_says_what_to_do() {
    let company = contained("image-promote.git");
    company.hand_over(USER);
    let ran = company.deploy(FILE, "8", &company.bad, |step, _| {
        if step == "rollout" {
            company.hand_over(0);
        }
    });
    let log = ended(&ran, "rollout", 4);
    assert!(CLEAR.iter().all(|text| log.contains(text)), "{log}");
    assert_eq!(company.world.released("stable"), company.good);
}
