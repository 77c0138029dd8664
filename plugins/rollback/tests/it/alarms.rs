//! Alarms: raised where a person is needed, ended when what was gone back to is well.

use serde_json::Value;
use shared::deployment::Status;
use testbed::alertmanager::Alertmanager;
use testbed::sink::{Reply, Sink};

use crate::step::{ID, Pipeline};

fn actions(pagerduty: &Sink) -> Vec<(String, String)> {
    let event = |request: &testbed::sink::Request| {
        let event: Value = serde_json::from_slice(&request.body).unwrap();
        let text = |name: &str| event[name].as_str().unwrap().to_owned();
        (text("event_action"), text("dedup_key"))
    };
    pagerduty.requests().iter().map(event).collect()
}

fn paged(pagerduty: &Sink) -> Pipeline {
    let pipeline = Pipeline::new()
        .set("pagerduty_routing_key", "r0ut1ngr0ut1ng")
        .set("pagerduty_url", &pagerduty.url("/v2/enqueue"));
    pipeline.history(None, Status::Failed);
    pipeline
}

fn of(action: &str) -> (String, String) {
    (action.to_owned(), format!("acme/shop production {ID}"))
}

#[test]
fn a_rollback_that_is_stuck_raises_an_alarm_and_the_next_one_ends_it() {
    let (pagerduty, alertmanager) = (Sink::start([]), Alertmanager::start());
    let pipeline = paged(&pagerduty).set("alertmanager_url", &alertmanager.url());
    pipeline.script("exit 1");
    pipeline
        .run()
        .with(4, "STUCK")
        .saying("told pagerduty")
        .saying("told alertmanager")
        .not_saying("r0ut1ng");
    assert_eq!(actions(&pagerduty), [of("trigger")]);
    assert_eq!(alertmanager.alerts().len(), 1);
    pipeline.script("exit 0");
    pipeline.run().with(0, "ROLLED BACK");
    assert_eq!(actions(&pagerduty), [of("trigger"), of("resolve")]);
    assert_eq!(alertmanager.alerts().len(), 0);
}

#[test]
fn an_alarm_ends_when_what_was_gone_back_to_is_seen_to_be_well() {
    let (pagerduty, well) = (Sink::start([]), Sink::start([]));
    let pipeline = paged(&pagerduty)
        .set("endpoint", &well.url("/health"))
        .set("watch", "300ms");
    pipeline.run().with(0, "ROLLED BACK").saying("Done: script");
    assert_eq!(actions(&pagerduty), [of("resolve")]);
}

#[test]
fn an_alarm_is_raised_and_not_ended_before_where_it_is_not_well() {
    let ill = Sink::answering(|_| Reply::new(503, ""));
    let pagerduty = Sink::start([]);
    let pipeline = paged(&pagerduty)
        .set("endpoint", &ill.url("/health"))
        .set("watch", "300ms");
    pipeline.run().with(4, "STUCK");
    assert_eq!(actions(&pagerduty), [of("trigger")]);
}
