//! Commit status, protection, and whether the forge is there at all.

use shared::forge::{CommitStatus, Protection, State};
use testbed::forge::{Flavour, Forge};

use crate::{ALL, PATIENT, all_were_right, at};

fn status(state: State) -> CommitStatus {
    CommitStatus {
        sha: "0a1b2c3d".repeat(5),
        context: "plugin-health".into(),
        state,
        description: format!("error rate 7.1 % > limit 5 %\n{}", "ß".repeat(500)),
        url: Some("https://ci.example/8".into()),
    }
}

#[test]
fn a_commits_status_is_set_in_each_forges_words() {
    for flavour in ALL {
        let peer = Forge::start(flavour);
        for state in [State::Pending, State::Success, State::Failure, State::Error] {
            let told = at(flavour, &peer, |forge| {
                forge.commit_status(&status(state), PATIENT)
            });
            let what = told.unwrap().what;
            assert!(what.contains("plugin-health of commit 0a1b2c3d"), "{what}");
        }
        let sent = peer.data(|data| data.statuses.clone());
        let (sha, first) = &sent[0];
        assert_eq!(sha.len(), 40);
        assert_eq!(first["description"].as_str().unwrap().chars().count(), 140);
        assert_eq!(first["target_url"], "https://ci.example/8");
        let states: Vec<_> = sent
            .iter()
            .map(|(_, body)| body["state"].as_str().unwrap())
            .collect();
        let expected: &[&str] = match flavour {
            // The last failure is one already.
            Flavour::GitLab => &["pending", "success", "failed"],
            _ => &["pending", "success", "failure", "error"],
        };
        assert_eq!(states, expected);
        all_were_right(&peer);
    }
}

#[test]
fn a_status_of_an_unknown_commit_is_refused_in_one_line() {
    let peer = Forge::start(Flavour::GitHub);
    let mut short = status(State::Success);
    short.sha = "0a1b2c3".into();
    short.url = Some("javascript:alert(1)".into());
    let why = at(Flavour::GitHub, &peer, |forge| {
        forge.commit_status(&short, PATIENT)
    })
    .unwrap_err();
    assert_eq!(
        why,
        "GitHub refused to set the commit's status: status 422 (No commit found for SHA: 0a1b2c3)"
    );
    let sent = String::from_utf8(peer.requests()[0].body.clone()).unwrap();
    assert!(!sent.contains("javascript"));
}

#[test]
fn a_branchs_protection_is_told_as_far_as_it_is_known() {
    for flavour in ALL {
        let peer = Forge::start(flavour);
        peer.data(|data| data.branches.insert("release/1".into(), true));
        let of = |branch: &str| {
            at(flavour, &peer, |forge| {
                forge.branch_protected(branch, PATIENT)
            })
        };
        assert_eq!(of("main"), Protection::Open);
        assert_eq!(of("release/1"), Protection::Protected);
        assert!(matches!(of("gone"), Protection::Unknown(_)));
        all_were_right(&peer);
    }
}

#[test]
fn a_rule_protects_as_well() {
    for (rule, expected) in [
        ("non_fast_forward", Protection::Protected),
        ("pull_request", Protection::Protected),
        ("creation", Protection::Open),
    ] {
        let peer = Forge::start(Flavour::GitHub);
        peer.data(|data| data.rules = vec![rule.to_owned()]);
        let found = at(Flavour::GitHub, &peer, |forge| {
            forge.branch_protected("main", PATIENT)
        });
        assert_eq!(found, expected, "{rule}");
    }
}

#[test]
fn a_check_says_what_will_not_work() {
    for flavour in ALL {
        let peer = Forge::start(flavour);
        let check = || at(flavour, &peer, |forge| forge.check(PATIENT)).unwrap();
        assert!(check().notes.is_empty());
        peer.data(|data| (data.issues_off, data.no_push) = (true, true));
        let notes = check().notes.join("\n");
        assert!(
            notes.contains("issues are switched off") && notes.contains("may not write"),
            "{notes}"
        );
        assert!(
            peer.requests()
                .iter()
                .all(|request| request.method == "GET")
        );
        all_were_right(&peer);
    }
}
