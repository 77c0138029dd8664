//! PostgreSQL fails.
//!
//! The rule:
//!
//! - until the lease is taken and the past is known: exit 2, nothing was touched;
//! - from then on a good release goes no further while the database is down, and is put back at the deadline: exit 1.
//!   After its success is recorded, or where the database is back, it goes through: exit 0;
//! - and a bad one is put back: exit 1.
//!
//! Each statement is met where it first comes: after one that failed the connection is not used any more. A statement
//! of a transaction that fails is like its commit that is refused, so only those of the lease and of the first intent
//! are met one by one. That a fault happens only once makes a difference where a commit was done and its answer was
//! lost: what is delivered later must not be there twice.

use std::sync::atomic::Ordering;

use testbed::postgres::Postgres;
use testbed::relay::{Desk, Exchange, Kind, Passage, Relay};

use super::proxy::House;
use super::{Case, NOT_MET, Spot, all, checked, each_fault, end};
use crate::step::Pipeline;

/// What asks for the past.
const PAST: &str = "SELECT deployment_id, commit_sha";

/// A database whose tables are up to date, for others to be copied from.
fn template(house: &House) -> String {
    let postgres = Postgres::shared();
    let name = postgres.fresh_database();
    let settings = house.world.settings();
    let pipeline = Pipeline::new("1", settings).with("database_url", &postgres.url(&name));
    let other = [("preflight", "true"), ("environment", "staging")];
    pipeline.run(&other).with(0, "PASSED");
    name
}

/// A fresh copy of the database, and a pipeline that reaches it through the relay.
fn pipeline(house: &House, template: &str, relay: &Relay, is_bad: bool) -> (String, Pipeline) {
    let postgres = Postgres::shared();
    let name = format!("copy{}", relay.address.port());
    // The same port can be given out twice.
    postgres.sql(
        "postgres",
        &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
    );
    postgres.sql(
        "postgres",
        &format!("CREATE DATABASE {name} TEMPLATE {template}"),
    );
    let url = postgres.url(&name);
    let [real, relayed] = [postgres.port(), relay.address.port()].map(|port| format!(":{port}/"));
    let pipeline = house
        .pipeline(is_bad)
        .with("deadline", "2m")
        .with("database_url", &url.replace(&real, &relayed));
    (name, pipeline)
}

/// A case, and whether it is met before the past is known.
#[derive(Debug)]
struct Met {
    case: Case,
    early: bool,
}

/// The cases of a recorded run.
fn cases(recorded: &[Exchange]) -> Vec<Met> {
    let past = recorded
        .iter()
        .position(|one| one.name.starts_with(PAST))
        .unwrap();
    let mut found = Vec::new();
    for (place, one) in recorded.iter().enumerate() {
        let times = recorded[..=place]
            .iter()
            .filter(|other| other.name == one.name);
        let (number, name) = (times.count(), one.name.as_str());
        // The second connection is the lease's.
        let is_new = number == 1 || name == "connect";
        let is_spared =
            one.kind == Kind::Pending && !(name.contains("leases") || name.contains("moving-50"));
        if is_new && !is_spared {
            let cases = each_fault(Spot::Named(number), name).into_iter();
            let lost =
                |case: &Case| case.fault == Passage::Half && case.name.starts_with("COMMIT of");
            let kept = cases.filter(|case| case.lasts || lost(case));
            let early = place <= past;
            found.extend(kept.map(|case| Met { case, early }));
        }
    }
    found
}

fn recorded(house: &House, template: &str, is_bad: bool, code: i32) -> Vec<Exchange> {
    let desk = Desk::default();
    let relay = Relay::postgres(&desk, "postgres", Postgres::shared().port());
    let (_, pipeline) = pipeline(house, template, &relay, is_bad);
    checked(&end(pipeline.spawn(&[])), &[code]).unwrap();
    desk.exchanges()
}

fn meets(house: &House, template: &str, met: &Met, is_bad: bool) -> Result<(), String> {
    let (desk, count) = met.case.desk(|_| false);
    let relay = Relay::postgres(&desk, "postgres", Postgres::shared().port());
    let (name, pipeline) = pipeline(house, template, &relay, is_bad);
    // What lasts has nothing but the deadline to end it.
    let lasts = met.case.lasts;
    let deadline = [("deadline", if lasts { "12s" } else { "2m" })];
    let ended = end(pipeline.spawn(&deadline));
    if count.load(Ordering::SeqCst) == 0 {
        return Err(format!("{NOT_MET}:\n{}", ended.log));
    }
    let through = i32::from(is_bad);
    let code = match (met.early, met.case.name.starts_with(PAST)) {
        // Nothing was left by anybody, which the journal may say as well.
        (true, true) => checked(&ended, &[2, through])?,
        // The lease was taken and only the answer was lost: a try more finds that it is this deployment's.
        (true, false) if !met.case.lasts => checked(&ended, &[2, through])?,
        (true, false) => checked(&ended, &[2])?,
        (false, _) if lasts && !is_bad => checked(&ended, lasting(&met.case.name))?,
        (false, _) => checked(&ended, &[through])?,
    };
    let weights = house.world.weights();
    let right = if code == 0 { (0, 100) } else { (100, 0) };
    if weights != right {
        return Err(format!(
            "exit {code} with the weights {weights:?}:\n{}",
            ended.log
        ));
    }
    // When the database is back, everything is delivered, and nothing twice.
    desk.rule(|_| Passage::Forward);

    checked(&end(pipeline.spawn(&[("settle", "true")])), &[0])?;
    if house.world.weights() != right {
        return Err(format!("settling moved the traffic:\n{}", ended.log));
    }
    if code == 2 {
        return Ok(());
    }
    let rows = "SELECT (SELECT string_agg(status, ',' ORDER BY deployment_id) FROM deployments WHERE environment = 'production'), \
                (SELECT string_agg(status, ',' ORDER BY stage) FROM progressive_deployments)";
    let found = Postgres::shared().sql(&name, rows);
    let (row, _) = found.split_once('|').unwrap();
    if lasts && code == 1 && ["rolled_back,unverified", "failed"].contains(&row) {
        // However far it came: with the first intent not written down nothing was moved.
        return Ok(());
    }
    let wanted = if is_bad {
        "rolled_back,unverified|failed"
    } else {
        "success|passed,passed"
    };
    if found != wanted {
        return Err(format!(
            "{found} is recorded, expected {wanted}:\n{}",
            ended.log
        ));
    }
    Ok(())
}

/// The codes of a good release from whose exchange on the database is gone.
fn lasting(name: &str) -> &'static [i32] {
    let over = ["mark=finished", "part=notify", "SET deployment_id"];
    if over.iter().any(|word| name.contains(word)) {
        return &[0];
    }
    // The lease is renewed seldom: its own connection may be gone without anybody having seen it.
    let is_of_lease = name == "connect" || name.contains("leases");
    if is_of_lease { &[0, 1] } else { &[1] }
}

#[test]
fn a_good_release_meets_every_fault_of_the_database() {
    let house = House::start();
    let template = template(&house);
    let cases = cases(&recorded(&house, &template, false, 0));
    let meets = |house: &House, met: &Met| meets(house, &template, met, false);
    all(&cases, House::start, meets);
}

#[test]
fn a_bad_release_meets_every_fault_of_the_database() {
    let house = House::start();
    let template = template(&house);
    let mut cases = cases(&recorded(&house, &template, true, 1));
    // Before that it is as with a good one.
    cases.retain(|met| !met.early);
    let meets = |house: &House, met: &Met| meets(house, &template, met, true);
    all(&cases, House::start, meets);
}
