//! One pull request of a head and a base.

use shared::forge::Proposal;
use testbed::forge::{Forge, Item, When};
use testbed::sink::Reply;

use crate::{ALL, PATIENT, all_were_right, at};

fn proposal() -> Proposal {
    Proposal {
        head: "rollback/8".into(),
        base: "main".into(),
        title: "go back to f00d".into(),
        body: "because".into(),
    }
}

fn pulls(peer: &Forge) -> usize {
    peer.data(|data| data.items.iter().filter(|item| item.pull.is_some()).count())
}

#[test]
fn a_pull_request_is_opened_once() {
    for flavour in ALL {
        let peer = Forge::start(flavour);
        peer.data(|data| {
            for other in [("rollback/8", "next"), ("other", "main")] {
                let pull = Some((other.0.to_owned(), other.1.to_owned()));
                data.add(Item {
                    pull,
                    ..Item::default()
                });
            }
        });
        let propose = || {
            at(flavour, &peer, |forge| {
                forge.pull_request(&proposal(), PATIENT)
            })
            .unwrap()
        };
        assert!(
            propose().what.starts_with("opened pull request 3 : http"),
            "{flavour:?}"
        );
        assert!(
            propose().what.starts_with("found pull request 3 : http"),
            "{flavour:?}"
        );
        assert_eq!(pulls(&peer), 3);
        all_were_right(&peer);
    }
}

#[test]
fn one_that_somebody_opened_in_between_is_found() {
    for flavour in ALL {
        let peer = Forge::start(flavour);
        let pull = Some(("rollback/8".to_owned(), "main".to_owned()));
        peer.data(|data| {
            data.add(Item {
                pull,
                ..Item::default()
            })
        });
        let list = if flavour == testbed::forge::Flavour::GitLab {
            "/merge_requests?"
        } else {
            "/pulls?"
        };
        peer.fault("GET", list, When::Instead, Reply::new(200, "[]"), 1);
        let told = at(flavour, &peer, |forge| {
            forge.pull_request(&proposal(), PATIENT)
        })
        .unwrap();
        assert!(told.what.starts_with("found pull request 1 "), "{told:?}");
        assert_eq!(pulls(&peer), 1);
    }
}
