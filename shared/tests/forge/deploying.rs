//! What becomes of a deployment, and what became of the earlier ones.

use shared::forge::{Deployment, Progress, Purpose};
use testbed::forge::{Deployed, Flavour, Forge, When};
use testbed::sink::Reply;

use crate::{ALL, PATIENT, all_were_right, at};

fn deployment(name: &str, sha: &str, progress: Progress) -> Deployment {
    Deployment {
        name: name.into(),
        environment: "production".into(),
        sha: sha.into(),
        reference: "main".into(),
        purpose: Purpose::Deploy,
        progress,
        description: "x".repeat(200),
        url: Some("https://ci.example/8".into()),
        started_by: None,
    }
}

fn tell(flavour: Flavour, peer: &Forge, deployment: &Deployment) -> String {
    at(flavour, peer, |forge| forge.deployment(deployment, PATIENT))
        .unwrap()
        .what
}

/// What became of each, the newest state last.
fn states(peer: &Forge) -> Vec<(String, Vec<String>)> {
    peer.data(|data| {
        let all = data.deployments.iter();
        all.map(|one| (one.sha.clone(), one.states.clone()))
            .collect()
    })
}

fn row(sha: &str, states: &[&str]) -> (String, Vec<String>) {
    (
        sha.to_owned(),
        states.iter().map(|state| (*state).to_owned()).collect(),
    )
}

#[test]
fn on_github_one_record_follows_a_deployment_and_the_one_before_is_retired() {
    let peer = Forge::start(Flavour::GitHub);
    let tell = |name, sha, progress| tell(Flavour::GitHub, &peer, &deployment(name, sha, progress));
    for (name, sha) in [("d-1", "aaa"), ("d-2", "bbb")] {
        tell(name, sha, Progress::InProgress);
        assert!(tell(name, sha, Progress::InProgress).ends_with("already"));
        tell(name, sha, Progress::Success);
    }
    assert_eq!(
        states(&peer),
        [
            row("aaa", &["in_progress", "success", "inactive"]),
            row("bbb", &["in_progress", "success"]),
        ]
    );
    all_were_right(&peer);
}

fn rollback(progress: Progress) -> Deployment {
    Deployment {
        purpose: Purpose::Rollback {
            of: "d-2".into(),
            sha: "bbb".into(),
        },
        ..deployment("d-2-rollback", "aaa", progress)
    }
}

#[test]
fn a_rollback_marks_what_it_goes_back_from_and_is_a_deployment_of_its_own() {
    for flavour in [Flavour::GitHub, Flavour::GitLab] {
        let peer = Forge::start(flavour);
        for (name, sha) in [("d-1", "aaa"), ("d-2", "bbb")] {
            tell(flavour, &peer, &deployment(name, sha, Progress::Success));
        }
        for progress in [Progress::InProgress, Progress::Success, Progress::Success] {
            tell(flavour, &peer, &rollback(progress));
        }
        let expected = match flavour {
            Flavour::GitHub => [
                row("aaa", &["success", "inactive"]),
                row("bbb", &["success", "failure"]),
                row("aaa", &["in_progress", "success"]),
            ],
            _ => [
                row("aaa", &["success"]),
                row("bbb", &["success", "failed"]),
                row("aaa", &["running", "success"]),
            ],
        };
        assert_eq!(states(&peer), expected);
        let past = at(flavour, &peer, |forge| {
            forge.last_successful_deployments("production", PATIENT)
        });
        let good: Vec<(u64, String)> = past
            .unwrap()
            .good
            .into_iter()
            .map(|one| (one.id, one.sha))
            .collect();
        assert_eq!(
            good,
            [(3, "aaa".to_owned()), (1, "aaa".to_owned())],
            "{flavour:?}"
        );
        all_were_right(&peer);
    }
}

#[test]
fn a_record_that_started_the_pipeline_is_the_one_that_is_told() {
    let peer = Forge::start(Flavour::GitHub);
    peer.data(|data| {
        data.deployments.push(Deployed {
            id: 1,
            sha: "aaa".into(),
            environment: "production".into(),
            payload: "".into(),
            ..Deployed::default()
        });
    });
    let mut own = deployment("d-1", "aaa", Progress::Success);
    own.started_by = Some(1);
    tell(Flavour::GitHub, &peer, &own);
    assert_eq!(states(&peer), [row("aaa", &["success"])]);
    all_were_right(&peer);
}

#[test]
fn an_answer_that_got_lost_makes_no_second_record() {
    let peer = Forge::start(Flavour::GitHub);
    let lost = Reply::new(502, "");
    peer.fault("POST", "/deployments", When::After, lost, 1);
    tell(
        Flavour::GitHub,
        &peer,
        &deployment("d-1", "aaa", Progress::Success),
    );
    assert_eq!(states(&peer), [row("aaa", &["success"])]);
}

#[test]
fn other_environments_are_none_of_its_business() {
    for flavour in ALL {
        let peer = Forge::start(flavour);
        let mut other = deployment("d-1", "aaa", Progress::Success);
        other.environment = "staging/eu".into();
        let told = at(flavour, &peer, |forge| forge.deployment(&other, PATIENT)).unwrap();
        let past = |environment: &str| {
            at(flavour, &peer, |forge| {
                forge.last_successful_deployments(environment, PATIENT)
            })
            .unwrap()
        };
        assert!(past("production").good.is_empty());
        if flavour == Flavour::Forgejo {
            assert!(told.notes[0].contains("keep no deployments"));
            assert!(past("staging/eu").notes[0].contains("keep no deployments"));
            assert!(peer.requests().is_empty());
        } else {
            assert_eq!(past("staging/eu").good[0].sha, "aaa");
        }
        all_were_right(&peer);
    }
}
