//! The last stable commit of an environment as a reference.

use plugin_rollback::git::lease::Pushed;

use super::{Run, Shop};

#[test]
fn a_marker_is_made_moved_and_compared_before_it_is_written() {
    let (shop, url) = Shop::served("marker.git");
    let run = Run::new();
    let remote = run.remote(&url);
    let read = |environment| run.work.read_marker(&remote, environment).unwrap();
    let write = |environment, old, new| {
        let written = run.work.write_marker(&remote, environment, old, new);
        written.unwrap()
    };
    assert_eq!(read("production"), None);
    assert_eq!(
        write("production", None, shop.good),
        Pushed::Done(shop.good)
    );
    assert_eq!(read("production"), Some(shop.good));
    assert_eq!(read("staging"), None);
    assert_eq!(write("eu/west 1", None, shop.bad), Pushed::Done(shop.bad));
    assert_eq!(read("eu/west 1"), Some(shop.bad));
    // Whoever saw no marker, or another one, does not overwrite this one.
    let now = Some(shop.good);
    for old in [None, Some(shop.bad)] {
        let other = if old.is_none() {
            shop.bad
        } else {
            super::id(&shop.repository.at("main~1").unwrap())
        };
        assert_eq!(write("production", old, other), Pushed::LeaseLost { now });
    }
    assert_eq!(write("production", now, shop.bad), Pushed::Done(shop.bad));
    assert_eq!(
        write("production", now, shop.bad),
        Pushed::Already(shop.bad)
    );
    assert_eq!(shop.main(), shop.bad);
    let marked = shop
        .repository
        .at("refs/deployments/production/last-stable");
    assert_eq!(marked, Some(shop.bad.to_string()));
}
