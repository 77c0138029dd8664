//! What one setting makes necessary of another.

use shared::endpoint::{Endpoint, Scheme};
use shared::policy::Finish;
use shared::problem::Problem;
use shared::record::Subject;
use shared::settings::read::Reader;

use super::{CountBy, Sides, Sources, Traffic};
use crate::rollout::Mode;

/// Looks whether everything is there that the rest of it needs. Settling needs none of it.
pub(super) fn complete(
    read: &mut Reader,
    subject: &Subject,
    (sources, count_by): (&Sources, &CountBy),
    traffic: Option<&Traffic>,
    mode: Mode,
    finish: Option<Finish>,
) {
    if mode == Mode::Settle {
        return;
    }
    let promotes = finish == Some(Finish::Promote);
    let pools = matches!(
        traffic,
        Some(Traffic::Haproxy {
            sides: Sides::Pools(_),
            ..
        })
    );
    let is_moved = traffic.is_some_and(|one| *one != Traffic::None);
    without_a_body(read, sources, promotes || pools);
    nobody_knows_it(read, (sources, count_by), is_moved);
    let is_nowhere = ["canary_endpoint", "endpoint"]
        .iter()
        .all(|name| read.given(name).is_none() && !read.is_misspelt(name));
    let mut missing = |name: &str, expected: &str| {
        if read.given(name).is_none() && !read.is_misspelt(name) {
            read.problem(Problem::unseen(name, expected));
        }
    };
    if subject.commit.is_none() {
        missing("commit", "the commit that is deployed");
    }
    if sources.canary.is_none() && traffic.is_some() && !is_moved {
        let expected = "the new version's own address: nothing leads a share of the service's traffic to it here";
        missing("canary_endpoint", expected);
    } else if is_nowhere && !(pools && sources.baseline.is_some()) {
        let expected = "the new version's own address, or endpoint, the service's";
        missing("canary_endpoint", expected);
    }
    let expected = "the other pool's own address, because pools take turns";
    match (&sources.canary, &sources.baseline) {
        (Some(_), None) if pools => missing("baseline_endpoint", expected),
        (None, Some(_)) if pools => missing("canary_endpoint", expected),
        _ => {}
    }
    if sources.baseline.is_none() && promotes {
        let expected = "the stable side's own address: after promote it is asked before it gets its traffic back";
        missing("baseline_endpoint", expected);
    }
}

/// Without an address of its own and without anybody who counts, nothing tells what the canary is like.
fn nobody_knows_it(read: &mut Reader, (sources, count_by): (&Sources, &CountBy), is_moved: bool) {
    let nobody = matches!(count_by, CountBy::Nobody) && read.given("count_by").is_some();
    if nobody && is_moved && sources.canary.is_none() {
        let expected = "somebody who counts, or canary_endpoint beside it: without either nobody would know what the \
                        canary is like";
        read.refuse("count_by", expected);
    }
}

/// A port that is open names no version. `both`: either side gets the new version some time.
fn without_a_body(read: &mut Reader, sources: &Sources, both: bool) {
    let baseline = sources.baseline.iter().filter(|_| both);
    let is_tcp = |endpoint: &Endpoint| endpoint.scheme == Scheme::Tcp;
    let name = if sources.canary.iter().any(is_tcp) {
        "canary_endpoint"
    } else if baseline.clone().any(is_tcp) {
        "baseline_endpoint"
    } else {
        return;
    };
    for asked in [
        "expect_version",
        "expected_body",
        "required_fields",
        "max_age",
    ] {
        if read.given(asked).is_some() {
            let expected = format!("an http {name} to read it from, but that is tcp://");
            read.refuse(asked, expected);
        }
    }
}
