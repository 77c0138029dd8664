//! Several instances carry the same traffic and are moved together.

use shared::hook::Call;
use shared::split::Share;
use shared::traffic::TrafficManager;

use crate::{House, manager, share};

#[test]
fn all_instances_move_and_are_read_together() {
    let (one, two) = (House::new(), House::new());
    let manager = manager(&[&one.proxy.unix(), &two.proxy.tcp]);
    assert_eq!(manager.preflight().unwrap().notes.len(), 2);
    let before = manager.read().unwrap().snapshot;
    manager.set(share(25), Call::FIRST).unwrap();
    assert_eq!(one.manager().read().unwrap().share, Some(share(25)));
    assert_eq!(two.manager().read().unwrap().share, Some(share(25)));
    let tally = manager.observe().unwrap().unwrap();
    assert_eq!(tally.counts.len(), 4);
    two.command("set server shop/green weight 0");
    let reading = manager.read().unwrap();
    assert_eq!((reading.share, reading.snapshot.share), (None, share(25)));
    assert_eq!(
        reading.to_string(),
        format!(
            "blue 75, green 25 at {}; blue 75, green 0 at {}",
            one.proxy.unix(),
            two.proxy.tcp
        )
    );
    manager.restore(&before, Call::FIRST).unwrap();
    assert_eq!(manager.read().unwrap().share, Some(Share::NONE));
}

#[test]
fn an_instance_that_is_gone_stops_a_move_and_not_a_restore() {
    let (one, mut two) = (House::new(), House::new());
    let manager = manager(&[&one.proxy.unix(), &two.proxy.tcp]);
    let before = manager.read().unwrap().snapshot;
    manager.set(share(25), Call::FIRST).unwrap();
    two.proxy.kill();
    let error = manager.set(share(50), Call::FIRST).unwrap_err();
    assert!(error.done.is_empty(), "{error}");
    assert_eq!(one.manager().read().unwrap().share, Some(share(25)));
    let error = manager.restore(&before, Call::FIRST).unwrap_err();
    assert_eq!(error.done, [one.proxy.unix()]);
    assert_eq!(error.faults.len(), 1);
    assert_eq!(error.faults[0].0, two.proxy.tcp);
    assert_eq!(one.manager().read().unwrap().share, Some(Share::NONE));
}

#[test]
fn an_instance_that_the_snapshot_does_not_know_gets_its_share() {
    let (one, two) = (House::new(), House::new());
    let before = one.manager().read().unwrap().snapshot;
    let both = manager(&[&one.proxy.unix(), &two.proxy.unix()]);
    both.set(share(50), Call::FIRST).unwrap();
    both.restore(&before, Call::FIRST).unwrap();
    assert_eq!(two.manager().read().unwrap().share, Some(Share::NONE));
}
