//! The deployment webhook fails.
//!
//! One that hangs for good costs five restores of 4 s each and then a `rollback` of 70 s: too long for a test, so here
//! every call hangs once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;
use testbed::relay::{Desk, Exchange, Passage, Relay};
use testbed::sink::{Reply, Sink};

use super::scripts::{expected, promoting, versions};
use super::{Case, NOT_MET, Place, all, cases, checked, end, place};
use crate::hooks::said;
use crate::step::Pipeline;

fn is_write(name: &str) -> bool {
    !name.contains("get-traffic")
}

/// A webhook that keeps the share in memory.
fn keeper() -> (Sink, Arc<AtomicU64>) {
    let share = Arc::new(AtomicU64::new(0));
    let kept = Arc::clone(&share);
    let sink = Sink::answering(move |request| {
        let body = said(request);
        if let Some(percent) = body["percent"].as_u64() {
            kept.store(percent, Ordering::SeqCst);
        }
        Reply::new(
            200,
            &json!({"share": kept.load(Ordering::SeqCst)}).to_string(),
        )
    });
    (sink, share)
}

/// Runs a rollout through a webhook behind this desk; gives its end and the share that it left.
fn run(desk: &Desk, is_bad: bool) -> (crate::step::Ended, u64) {
    let (sink, share) = keeper();
    let seen = Arc::clone(&share);
    let versions = versions(move || seen.load(Ordering::SeqCst), is_bad);
    let relay = Relay::http(desk, "webhook", sink.address());
    let pipeline = Pipeline::new("8", promoting(&versions, is_bad))
        .with("traffic", "webhook")
        .with("deployment_webhook", &relay.url("/deploy"));
    let ended = end(pipeline.spawn(&[]));
    (ended, share.load(Ordering::SeqCst))
}

fn meets(case: &Case, is_bad: bool) -> Result<(), String> {
    let (desk, met) = case.desk(is_write);
    let (ended, share) = run(&desk, is_bad);
    if met.load(Ordering::SeqCst) == 0 {
        return Err(format!("{NOT_MET}:\n{}", ended.log));
    }
    let code = checked(&ended, expected(case, is_bad, false))?;
    let wrong = || format!("exit {code} with the share {share}:\n{}", ended.log);
    (code == 4 || share == 0).then_some(()).ok_or_else(wrong)
}

fn bounded(case: &Case) -> bool {
    !case.lasts || case.fault != Passage::Hang
}

fn recorded(is_bad: bool, code: i32) -> Vec<Exchange> {
    let desk = Desk::default();
    checked(&run(&desk, is_bad).0, &[code]).unwrap();
    desk.exchanges()
}

#[test]
fn a_good_release_meets_every_fault_of_the_webhook() {
    // What follows the first look of a section is more looks.
    let wanted = |place: Place| place.then <= 2;
    let mut cases = cases(&recorded(false, 0), is_write, wanted);
    cases.retain(bounded);
    all(&cases, || (), |(), case| meets(case, false));
}

#[test]
fn a_bad_release_meets_every_fault_of_the_webhook_while_it_is_put_back() {
    let wanted = |place: Place| place.then <= 2;
    let mut cases = cases(&recorded(true, 1), is_write, wanted);
    cases.retain(|case| {
        place(case).writes > 2 || (place(case).writes == 2 && place(case).then == 2)
    });
    // Nor one that hangs once in the rollback, for a minute.
    cases.retain(|case| bounded(case) && !(case.fault == Passage::Hang && place(case).writes == 4));
    all(&cases, || (), |(), case| meets(case, true));
}
