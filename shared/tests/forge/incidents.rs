//! One open incident of a deployment.

use std::time::Duration;

use shared::incident::Template;
use testbed::forge::{Flavour, Forge, Item, When};
use testbed::sink::Reply;

use crate::{ALL, PATIENT, all_were_right, at, desk, incident, key};

/// Open and closed incidents of this deployment, by their numbers.
fn known(peer: &Forge) -> (Vec<u64>, Vec<u64>) {
    peer.data(|data| {
        let marker = key().marker();
        let of = |closed: bool| {
            let same = data
                .items
                .iter()
                .filter(|item| item.body.contains(&marker) && item.closed == closed);
            same.map(|item| item.number).collect()
        };
        (of(false), of(true))
    })
}

/// More issues than a page has, a pull request with the marker among them.
fn crowd(peer: &Forge, count: usize) {
    peer.data(|data| {
        data.add(Item {
            body: key().marker(),
            pull: Some(("a".into(), "b".into())),
            ..Item::default()
        });
        for number in 0..count {
            data.add(Item {
                title: format!("issue {number}"),
                ..Item::default()
            });
        }
    });
}

#[test]
fn an_incident_is_opened_with_labels_and_assignees_and_told_once() {
    for flavour in ALL {
        let peer = Forge::start(flavour);
        peer.data(|data| {
            data.labels = vec![
                (1, "bug".into()),
                (2, "automated".into()),
                (3, "automated".into()),
            ];
        });
        let tell = |note: &str| {
            at(flavour, &peer, |forge| {
                forge.incident(&incident(note), &desk(), PATIENT)
            })
            .unwrap()
        };
        let told = tell("rollback");
        let page = peer.data(|data| data.page.clone());
        assert!(
            told.what
                .starts_with(&format!("opened incident 1 : {page}")),
            "{told:?}"
        );
        assert!(told.notes.is_empty(), "{flavour:?} {told:?}");
        let item = peer.data(|data| data.items[0].clone());
        assert_eq!(item.title, "rolled back: acme/shop production");
        assert_eq!(item.labels, ["automated", "severity:high"], "{flavour:?}");
        assert_eq!(item.assignees, ["kim"]);
        assert!(item.body.contains("7.1 %"));
        // The same again changes nothing, something else is a comment, and that again nothing.
        assert!(
            tell("rollback")
                .what
                .starts_with("it is told already on incident 1")
        );
        assert!(tell("watch").what.starts_with("commented on incident 1"));
        assert!(
            tell("watch")
                .what
                .starts_with("it is told already on incident 1")
        );
        assert_eq!(
            peer.data(|data| (data.items.len(), data.items[0].comments.len())),
            (1, 1)
        );
        all_were_right(&peer);
    }
}

#[test]
fn an_incident_is_found_behind_many_pages_and_never_taken_for_a_pull_request() {
    for flavour in ALL {
        let peer = Forge::start(flavour);
        peer.data(|data| {
            data.add(Item {
                body: key().marker(),
                ..Item::default()
            })
        });
        crowd(&peer, 230);
        let told = at(flavour, &peer, |forge| {
            forge.incident(&incident("a"), &desk(), PATIENT)
        });
        assert!(
            told.unwrap().what.starts_with("commented on incident 1 "),
            "{flavour:?}"
        );
        assert_eq!(known(&peer).0.len(), 2, "the incident and the pull request");
        all_were_right(&peer);
    }
}

#[test]
fn a_closed_one_is_reopened_and_recovery_closes_it_again() {
    for flavour in ALL {
        let peer = Forge::start(flavour);
        let tell = |note: &str| {
            at(flavour, &peer, |forge| {
                forge.incident(&incident(note), &desk(), PATIENT)
            })
            .unwrap()
        };
        let recover = || {
            at(flavour, &peer, |forge| {
                let links = [("pipeline".to_owned(), "https://ci.example/9".to_owned())];
                forge.recovered(&key(), "healthy for 5m, @all", &links, PATIENT)
            })
            .unwrap()
        };
        assert_eq!(recover().what, "there is no open incident to close");
        let _ = tell("rollback");
        assert!(recover().what.starts_with("closed incident 1 "));
        assert_eq!(known(&peer), (vec![], vec![1]));
        let item = peer.data(|data| data.items[0].clone());
        assert!(item.comments[0].contains("**Recovered.** healthy for 5m"));
        assert!(!item.comments[0].contains("@all"));
        if flavour == Flavour::GitHub {
            assert_eq!(item.reason.as_deref(), Some("completed"));
        }
        assert!(tell("rollback").what.starts_with("reopened incident 1 "));
        assert_eq!(known(&peer), (vec![1], vec![]));
        let _ = recover();
        assert_eq!(known(&peer), (vec![], vec![1]));
        all_were_right(&peer);
    }
}

#[test]
fn of_several_open_ones_the_first_stays() {
    for flavour in ALL {
        let peer = Forge::start(flavour);
        for _ in 0..3 {
            peer.data(|data| {
                data.add(Item {
                    body: key().marker(),
                    ..Item::default()
                })
            });
        }
        let told = at(flavour, &peer, |forge| {
            forge.incident(&incident("a"), &desk(), PATIENT)
        });
        assert!(told.unwrap().what.contains("incident 1 "));
        assert_eq!(known(&peer), (vec![1], vec![2, 3]));
        assert!(peer.data(|data| data.items[2].comments[0].starts_with("Duplicate of #1")));
        all_were_right(&peer);
    }
}

#[test]
fn an_answer_that_got_lost_opens_no_second_one() {
    for flavour in ALL {
        let peer = Forge::start(flavour);
        peer.fault("POST", "/issues", When::After, Reply::new(502, "<html>"), 1);
        let told = at(flavour, &peer, |forge| {
            forge.incident(&incident("a"), &desk(), PATIENT)
        });
        assert!(
            told.unwrap().what.starts_with("opened incident 1 "),
            "{flavour:?}"
        );
        assert_eq!(known(&peer), (vec![1], vec![]));
        let part = if flavour == Flavour::GitLab {
            "/notes"
        } else {
            "/comments"
        };
        // The connection breaks after the comment was written.
        peer.fault("POST", part, When::After, Reply::new(0, ""), 1);
        let told = at(flavour, &peer, |forge| {
            forge.incident(&incident("b"), &desk(), PATIENT)
        });
        assert!(told.unwrap().what.starts_with("commented on incident 1 "));
        assert_eq!(peer.data(|data| data.items[0].comments.len()), 1);
    }
}

#[test]
fn a_list_that_lags_behind_is_read_again() {
    for flavour in ALL {
        let peer = Forge::start(flavour);
        // The open ones, the closed ones, and twice after it was opened.
        peer.fault("GET", "/issues?", When::Instead, Reply::new(200, "[]"), 4);
        let told = at(flavour, &peer, |forge| {
            forge.incident(&incident("a"), &desk(), PATIENT)
        });
        let told = told.unwrap();
        assert!(told.notes.is_empty(), "{told:?}");
        assert_eq!(peer.count("GET", "/issues?"), 5);
    }
}

#[test]
fn what_the_forge_does_not_take_is_a_note_and_no_failure() {
    for flavour in ALL {
        let peer = Forge::start(flavour);
        peer.data(|data| data.no_push = flavour != Flavour::GitLab);
        let mut desk = desk();
        desk.assignees = vec!["nobody-here".into()];
        desk.labels.push("x".repeat(60));
        let told = at(flavour, &peer, |forge| {
            forge.incident(&incident("a"), &desk, PATIENT)
        });
        let told = told.unwrap();
        assert!(told.what.starts_with("opened incident 1 "), "{told:?}");
        let notes = told.notes.join("\n");
        assert!(notes.contains("nobody-here"), "{flavour:?} {notes}");
        assert!(notes.contains("is left out"), "{notes}");
        if flavour != Flavour::GitLab {
            assert!(notes.contains("labels automated, severity:high"), "{notes}");
        }
        assert_eq!(peer.data(|data| data.items.len()), 1);
    }
}

#[test]
fn where_issues_are_off_it_says_so() {
    for (flavour, word) in [
        (Flavour::GitHub, "status 410"),
        (Flavour::Forgejo, "switched off"),
        (Flavour::GitLab, "status 403"),
    ] {
        let peer = Forge::start(flavour);
        peer.data(|data| data.issues_off = true);
        let told = at(flavour, &peer, |forge| {
            forge.incident(&incident("a"), &desk(), PATIENT)
        });
        let why = told.unwrap_err();
        assert!(why.contains(word) && why.lines().count() == 1, "{why}");
    }
}

#[test]
fn a_teams_own_text_is_used_and_found_again() {
    let peer = Forge::start(Flavour::GitHub);
    let mut desk = desk();
    desk.template = Some(Template::parse("# Outage\n\n{{what}}").unwrap());
    for _ in 0..2 {
        let told = at(Flavour::GitHub, &peer, |forge| {
            forge.incident(&incident("a"), &desk, Duration::from_secs(60))
        });
        assert!(told.is_ok());
    }
    let items = peer.data(|data| data.items.clone());
    assert_eq!(items.len(), 1);
    assert!(
        items[0]
            .body
            .starts_with("# Outage\n\nthe canary failed at 25 %")
    );
}
