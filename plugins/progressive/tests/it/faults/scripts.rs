//! The deployment script fails: it ends with an error, does what it is asked and ends with an error, says nonsense and
//! does nothing, or hangs.
//!
//! A script that hangs in `get-traffic` or `update-traffic` is ended after 30 s, and one that hangs in `rollback`
//! after a minute. That is right for scripts that wait for a proxy's reload or a container's end, and too long for a
//! test: here only `deploy` and `promote` hang, which the deadline ends.

use std::collections::BTreeSet;
use std::path::Path;

use testbed::hostile::{Behaviour, Server, json_answer};
use testbed::relay::Passage;

use super::{Case, NOT_MET, Place, Spot, all, checked, each_fault, end, place};
use crate::rollouts::script;
use crate::step::Pipeline;

/// Keeps the share in a file, counts its calls as [`Place`] does, and fails at the one that it is told.
const SCRIPT: &str = r#"
w=$(cat writes 2>/dev/null || echo 0); t=$(cat then 2>/dev/null || echo 0)
[ "$1" = get-traffic ] || { w=$((w + 1)); t=0; }
echo "$w" > writes; echo $((t + 1)) > then; echo "$w $t $1" >> calls
is_here=false
if [ -e met ]; then is_here=$LASTS; elif [ "$w $t" = "$AT" ]; then : > met; is_here=true; fi
if $is_here; then
    case $FAULT in
        Refuse) echo "the balancer says no" >&2; exit 3 ;;
        Garbage) printf '\377\376 nonsense\n'; exit 0 ;;
        Hang) exec sleep 1000 ;;
        Half) broken=3 ;;
    esac
fi
case $1 in
    get-traffic) cat share 2>/dev/null || echo 0 ;;
    update-traffic) echo "$2" > share ;;
esac
exit ${broken:-0}"#;

fn read(workspace: &Path, name: &str) -> String {
    let text = std::fs::read_to_string(workspace.join(name));
    text.unwrap_or_default().trim().to_owned()
}

/// A pipeline whose script moves the traffic, and what answers for its versions.
struct Site {
    pipeline: Pipeline,
    _versions: [Server; 2],
}

/// Health of both versions by the share; a bad one is so as soon as it has traffic.
pub(super) fn versions(
    share: impl Fn() -> u64 + Send + Sync + 'static,
    is_bad: bool,
) -> [Server; 2] {
    let healthy = "{\"status\":\"healthy\"}";
    let canary = Server::start(Behaviour::Says(Box::new(move |_| {
        if is_bad && share() > 0 {
            return b"HTTP/1.1 500 Answer\r\nContent-Length: 0\r\n\r\n".to_vec();
        }
        json_answer(healthy)
    })));
    [Server::json(healthy), canary]
}

/// The settings of a rollout that deploys, moves in two short stages and promotes.
pub(super) fn promoting(versions: &[Server; 2], is_bad: bool) -> Vec<(String, String)> {
    // Time for three looks at a bad version, however slow they are.
    let wait = if is_bad { "1500ms" } else { "200ms" };
    let [stable, canary] = [0, 1].map(|side: usize| format!("http://{}/", versions[side].address));
    let settings = [
        ("canary_endpoint", canary.as_str()),
        ("baseline_endpoint", stable.as_str()),
        ("run_deploy", "true"),
        ("finish", "promote"),
        ("stages", "50,100"),
        ("wait_time", wait),
        ("interval", "100ms"),
        ("min_samples", "1"),
        ("initial_delay", "0"),
        ("deadline", "12s"),
    ];
    let owned = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    owned.into()
}

impl Site {
    fn new(case: Option<&Case>, is_bad: bool) -> Self {
        let pipeline = Pipeline::new("8", Vec::new());
        let file = pipeline.workspace.join("share");
        let share = move || {
            std::fs::read_to_string(&file).map_or(0, |text| text.trim().parse().unwrap_or(0))
        };
        let versions = versions(share, is_bad);
        let mut pipeline = pipeline;
        for (name, value) in promoting(&versions, is_bad) {
            pipeline = pipeline.with(&name, &value);
        }
        let told = case.map(|case| {
            let Place { writes, then } = place(case);
            serde_json::json!({
                "AT": format!("{writes} {then}"),
                "FAULT": format!("{:?}", case.fault),
                "LASTS": case.lasts.to_string(),
            })
        });
        let told = told.unwrap_or_else(|| serde_json::json!({"AT": "never"}));
        let pipeline = pipeline
            .with("traffic", "script")
            .with("deployment_script", "deploy.sh")
            .with("script_env", &told.to_string());
        script(&pipeline, SCRIPT);
        Self {
            pipeline,
            _versions: versions,
        }
    }
}

/// The codes that a run may end with. With `shrugs` nonsense in the place of an answer is no failure: of a script only
/// the exit code counts.
pub(super) fn expected(case: &Case, is_bad: bool, shrugs: bool) -> &'static [i32] {
    let Place { writes, then } = place(case);
    let unnoticed = shrugs && case.fault == Passage::Garbage;
    let (back, stuck, through): (&[i32], &[i32], &[i32]) = (&[1], &[4], &[0]);
    match (writes, then) {
        // Nothing is touched before the traffic was read.
        (0, _) => &[2],
        // A deployment that failed is taken back, whether or not that works.
        (1, 0) if !unnoticed => back,
        // Before the first move: it is known that nothing was moved.
        (1, _) if case.lasts => back,
        // The version is taken back after the traffic is: what is not done then is named.
        (4, _) if is_bad => back,
        // A bad version is put back by whoever can be reached again.
        (2 | 3, _) if is_bad && !case.lasts => back,
        // A move, and its verification.
        (2 | 3, 0 | 1) if !case.lasts => back,
        // The stable side may have the new version or not: traffic stays where it was judged good.
        (4, 0) if !unnoticed => stuck,
        // A look.
        (1..=4, _) if !case.lasts => through,
        // For good, or while the stable side gets its traffic back.
        _ => stuck,
    }
}

fn meets(case: &Case, is_bad: bool) -> Result<(), String> {
    let site = Site::new(Some(case), is_bad);
    let ended = end(site.pipeline.spawn(&[]));
    let workspace = site.pipeline.workspace.path();
    if !workspace.join("met").exists() {
        return Err(format!("{NOT_MET}:\n{}", ended.log));
    }
    let code = checked(&ended, expected(case, is_bad, true))?;
    let share = read(workspace, "share");
    let right = code == 4 || share.is_empty() || share == "0";
    let wrong = || format!("exit {code} with the share {share:?}:\n{}", ended.log);
    right.then_some(()).ok_or_else(wrong)
}

/// The places of a clean run's calls, up to the first look of each section.
fn places(is_bad: bool, code: i32) -> BTreeSet<(Place, String)> {
    let site = Site::new(None, is_bad);
    checked(&end(site.pipeline.spawn(&[])), &[code]).unwrap();
    let calls = read(site.pipeline.workspace.path(), "calls");
    let calls = calls.lines().map(|line| {
        let mut words = line.split(' ');
        let mut number = || words.next().unwrap().parse().unwrap();
        let (writes, then) = (number(), number());
        (Place { writes, then }, line.to_owned())
    });
    calls.filter(|(place, _)| place.then <= 2).collect()
}

fn cases(is_bad: bool, code: i32) -> Vec<Case> {
    let each = |(place, name): (Place, String)| each_fault(Spot::Place(place), &name);
    let cases = places(is_bad, code).into_iter().flat_map(each);
    let ends = |case: &Case| case.name.ends_with("deploy") || case.name.ends_with("promote");
    let kept = cases.filter(|case| case.fault != Passage::Hang || (ends(case) && !case.lasts));
    kept.collect()
}

#[test]
fn a_good_release_meets_every_fault_of_the_script() {
    all(&cases(false, 0), || (), |(), case| meets(case, false));
}

#[test]
fn a_bad_release_meets_every_fault_of_the_script_while_it_is_put_back() {
    let mut cases = cases(true, 1);
    cases.retain(|case| {
        place(case).writes > 2 || (place(case).writes == 2 && place(case).then == 2)
    });
    all(&cases, || (), |(), case| meets(case, true));
}
