//! Many steps at the same time.

use testbed::forge::Forge;

use crate::{ALL, PATIENT, all_were_right, at, desk, incident, key};

#[test]
fn ten_that_tell_of_one_deployment_at_once_leave_one_open_incident() {
    for flavour in ALL {
        let peer = Forge::start(flavour);
        // None of them sees that another one is about to open it.
        let open = if flavour == testbed::forge::Flavour::GitLab {
            "issues?state=opened"
        } else {
            "issues?state=open&"
        };
        peer.gather("GET", open, 10);
        peer.gather("GET", "issues?state=closed", 10);
        let told: Vec<String> = std::thread::scope(|scope| {
            let steps: Vec<_> = (0..10)
                .map(|_| {
                    scope.spawn(|| {
                        at(flavour, &peer, |forge| {
                            forge.incident(&incident("rollback"), &desk(), PATIENT)
                        })
                    })
                })
                .collect();
            steps
                .into_iter()
                .map(|step| step.join().unwrap().unwrap().what)
                .collect()
        });
        let marker = key().marker();
        let items = peer.data(|data| data.items.clone());
        assert_eq!(
            items
                .iter()
                .filter(|item| item.body.contains(&marker))
                .count(),
            10
        );
        let open: Vec<u64> = items
            .iter()
            .filter(|item| !item.closed)
            .map(|item| item.number)
            .collect();
        assert_eq!(open, [1], "{flavour:?} {told:?}");
        assert!(
            told.iter().all(|what| what.contains("incident 1 ")),
            "{told:?}"
        );
        assert_eq!(
            told.iter()
                .filter(|what| what.starts_with("opened"))
                .count(),
            1
        );
        all_were_right(&peer);
    }
}
