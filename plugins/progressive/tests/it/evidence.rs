//! Judged by what HAProxy counts: clients fail while every health endpoint says that all is well, and no metrics stack
//! is anywhere.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use testbed::backend::{Backend, Manner};
use testbed::haproxy::{Config, Haproxy};
use testbed::load::Load;
use testbed::postgres::Postgres;
use testbed::scratch::Scratch;

use crate::load::taken;
use crate::step::{Pipeline, World, ask, wait_until};

/// Stages that last until something ends them.
const LONG: (&str, &str) = ("wait_time", "10m");
/// Clients' requests a second.
const A_SECOND: u32 = 200;
const FIRST: &str = "→ stage 1 of 2 (10 %)";

fn pipeline(world: &World) -> Pipeline {
    Pipeline::new("8", world.settings()).with("stages", "10,100")
}

/// So many requests more for the canary.
fn wait_for_canary(world: &World, requests: usize) {
    let enough = taken(world, "green") + requests;
    wait_until(|| taken(world, "green") >= enough);
}

#[test]
fn a_canary_with_five_per_cent_of_errors_is_rolled_back_in_mid_stage_although_it_calls_itself_well()
{
    let world = World::start();
    let postgres = Postgres::start_new();
    let name = postgres.fresh_database();
    let load = Load::start_paced(world.proxy.address, A_SECOND);
    world.green.behave(Manner::Faulty { failing: 1, of: 20 });
    let pipeline = pipeline(&world)
        .with("database_url", &postgres.url(&name))
        .with("latency_limit", "300");
    let ended = pipeline.run(&[LONG]).with(1, "ROLLED BACK");
    let ended = ended
        .saying("note: latency_limit counts for nothing: the proxy knows averages of times")
        .saying(
            "put the traffic back at 220 to 1 that the version is worse than the old one beside it",
        )
        .saying(
            "stage 1 of 2 (10 %) → rolling back: stage 1 (10 %): worse than luck explains; canary ",
        )
        .saying(" to 1 that it is worse. Traffic: put back, the canary has 0 %");
    // Calm: each power of ten once.
    let lines = ended.log.matches("stage 1 of 2 (10 %): canary ").count();
    assert!(lines <= 2, "{}", ended.log);
    assert_eq!(world.weights(), (100, 0));
    // Ten minutes would have been twelve thousand requests.
    let asked = taken(&world, "green");
    assert!(asked < 1200, "{asked} requests until it was seen");
    let answers = load.stop();
    assert!(answers.failed > 0, "{answers:?}");
    let counted = "SELECT canary_failed > 0 AND canary_failed * 10 < canary_requests AND stable_failed = 0 \
                   AND stable_requests > canary_requests FROM progressive_deployments WHERE stage = 1";
    assert_eq!(postgres.sql(&name, counted), "t");
    let why = "SELECT rollback_reason LIKE '%failed (%, stable 0 of %' FROM deployments \
               WHERE status = 'rolled_back'";
    assert_eq!(postgres.sql(&name, why), "t");
}

#[test]
fn an_outage_of_both_sides_freezes_the_stage_and_a_healthy_canary_goes_through_after_it() {
    let world = World::start();
    let load = Load::start_paced(world.proxy.address, 2 * A_SECOND);
    let postgres = Postgres::start_new();
    let name = postgres.fresh_database();
    let pipeline = pipeline(&world).with("database_url", &postgres.url(&name));
    let running = pipeline.spawn(&[("wait_time", "2s")]).until(FIRST);
    world.blue.behave(Manner::Faulty { failing: 1, of: 2 });
    world.green.behave(Manner::Faulty { failing: 1, of: 2 });
    let running = running.until("→ healthy beside a failing baseline: stable ");
    // Many more than a stage of two seconds has.
    load.wait_for(1000);
    assert_eq!(world.weights(), (90, 10));
    world.green.behave(Manner::Healthy);
    world.blue.behave(Manner::Healthy);
    let ended = running.wait().with(0, "PASSED");
    assert!(ended.log.contains("in a shared outage"), "{}", ended.log);
    assert!(load.stop().failed > 0);
    assert_eq!(world.weights(), (0, 100));
    // What was wrong then is not usual.
    let shared = "SELECT count(*) > 0 FROM deployment_looks \
                  WHERE stable_failed > 0 AND seen #>> '{look,counts,outage}' = 'true'";
    assert_eq!(postgres.sql(&name, shared), "t");
    pipeline
        .run(&[("dry_run", "true"), ("override", "moved-branch")])
        .saying("which something was wrong left out, so that up to ");
}

/// The same under this policy.
fn under(pipeline: Pipeline, policy: &str) -> Pipeline {
    fs::write(pipeline.workspace.join("deployment-policy.yaml"), policy).unwrap();
    pipeline
}

/// The same where nothing but the service has an address.
fn by_counts_alone(pipeline: Pipeline, endpoint: &str) -> Pipeline {
    pipeline
        .with("canary_endpoint", "")
        .with("baseline_endpoint", "")
        .with("expect_version", "")
        .with("endpoint", endpoint)
}

#[test]
fn failures_that_come_in_bursts_roll_back_a_healthy_canary_unless_they_are_allowed_for() {
    let world = World::start();
    let load = Load::start_paced(world.proxy.address, 3 * A_SECOND);
    // Thirty in a row, and then none for a while: on both sides.
    let bursts = Manner::Faulty {
        failing: 30,
        of: 300,
    };
    world.blue.behave(bursts);
    world.green.behave(bursts);
    let service = format!("http://{}/health", world.proxy.address);
    // Each stage goes on until the canary had two of them.
    let pipeline = by_counts_alone(pipeline(&world), &service)
        .with("stages", "50,100")
        .with("min_samples", "600")
        .with("threshold_availability", "5")
        .with("warning_availability", "5")
        .with("threshold_error_rate", "90");
    let pipeline = under(pipeline, "analysis: {icc: 0}\n");
    pipeline
        .run(&[LONG])
        .with(1, "ROLLED BACK")
        .saying("stage 1 (50 %): worse than luck explains; canary ");
    let pipeline = under(pipeline, "analysis: {icc: 0.3}\n");
    let again = [("deployment_id", "again"), ("override", "hold")];
    pipeline.run(&again).with(0, "PASSED");
    assert!(load.stop().failed > 0);
}

#[test]
fn without_a_canary_endpoint_and_without_a_request_of_the_canary_no_stage_passes() {
    let world = World::start();
    // Nobody comes, and the service is asked past the proxy.
    let service = format!("http://{}/health", world.blue.address);
    let pipeline = by_counts_alone(pipeline(&world), &service);
    let pipeline = under(pipeline, "progressive_deployment: {max_wait_time: 700ms}\n");
    pipeline
        .run(&[])
        .with(3, "INCONCLUSIVE")
        .saying("told apart by what the proxy counts for its server")
        .saying("stage 1 (10 %): 0 of the canary's requests were counted, needed at least 3");
    assert_eq!(world.weights(), (100, 0));
}

#[test]
fn a_canary_that_carries_the_load_of_a_dead_stable_side_is_not_rolled_back_onto_it() {
    let (blue, green) = (Backend::start("blue"), Backend::start("green"));
    let config = Config {
        lines: "option httpchk GET /health",
        words: "check inter 50ms",
        ..Config::new(&blue, &green)
    };
    let proxy = Haproxy::start(&config);
    let world = World { blue, green, proxy };
    let load = Load::start_paced(world.proxy.address, 2 * A_SECOND);
    let running = pipeline(&world)
        .with("stages", "50,100")
        .spawn(&[("wait_time", "2s")])
        .until("→ stage 1 of 2 (50 %)");
    world.blue.behave(Manner::Failing(500));
    wait_until(|| {
        let table = ask(&world.proxy, "show stat shop 4 -1\n");
        let row = table.lines().find(|row| row.starts_with("shop,blue"));
        row.unwrap().contains("DOWN")
    });
    world.green.behave(Manner::Faulty { failing: 1, of: 25 });
    running.wait().with(0, "PASSED");
    assert_eq!(world.weights(), (0, 100));
    assert!(load.stop().failed > 0);
}

#[test]
fn what_mends_a_broken_production_goes_through() {
    let world = World::start();
    let load = Load::start_paced(world.proxy.address, 2 * A_SECOND);
    world.blue.behave(Manner::Faulty { failing: 1, of: 2 });
    // Every look counts enough of the stable side's requests to see that it is over its limit.
    pipeline(&world)
        .with("stages", "25,100")
        .with("interval", "300ms")
        .with("deadline", "2m")
        .run(&[])
        .with(0, "PASSED")
        .saying("→ healthy, unlike the baseline");
    assert_eq!(world.weights(), (0, 100));
    assert!(load.stop().failed > 0);
}

#[test]
fn with_all_traffic_there_is_nothing_beside_it_and_the_limit_decides() {
    let world = World::start();
    let load = Load::start_paced(world.proxy.address, A_SECOND);
    world.green.behave(Manner::Faulty { failing: 1, of: 5 });
    pipeline(&world)
        .with("stages", "100")
        .run(&[LONG])
        .with(1, "ROLLED BACK")
        .saying("stage 1 (100 %): worse than luck explains; canary ")
        .saying(", limit 1 %: ")
        .saying(" to 1 that it is over it");
    assert_eq!(world.weights(), (100, 0));
    drop(load.stop());
}

#[test]
fn a_run_that_was_killed_and_begun_again_judges_on() {
    let world = World::start();
    let load = Load::start_paced(world.proxy.address, A_SECOND);
    let faulty = Manner::Faulty { failing: 1, of: 20 };
    world.green.behave(faulty);
    let pipeline = pipeline(&world);
    let running = pipeline.spawn(&[LONG]).until(" to 1 that it is worse");
    world.green.behave(Manner::Healthy);
    // What is said is noted right after it.
    wait_for_canary(&world, 10);
    let killed = running.signal("-KILL").wait();
    assert_eq!((killed.code, world.weights()), (None, (90, 10)));
    world.green.behave(faulty);
    let ended = pipeline.run(&[LONG]).with(1, "ROLLED BACK");
    assert!(ended.log.contains("settling"), "{}", ended.log);
    assert!(
        ended.verdict().contains(" before), stable "),
        "{}",
        ended.log
    );
    // Of another deployment nothing is known: it begins anew.
    let other = [LONG, ("deployment_id", "other"), ("override", "hold")];
    let ended = pipeline.run(&other).with(1, "ROLLED BACK");
    assert!(!ended.log.contains(" before), stable "), "{}", ended.log);
    drop(load.stop());
}

#[test]
fn a_proxy_that_starts_again_in_mid_stage_costs_no_verdict() {
    let (blue, green) = (Backend::start("blue"), Backend::start("green"));
    let kept = Scratch::new("state");
    fs::set_permissions(kept.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let state = kept.join("servers");
    let lines = format!(
        "load-server-state-from-file local\n  server-state-file-name {}",
        state.display()
    );
    let config = Config {
        lines: lines.leak(),
        ..Config::new(&blue, &green)
    };
    let proxy = Haproxy::start(&config);
    let mut world = World { blue, green, proxy };
    let load = Load::start_paced(world.proxy.address, A_SECOND);
    let pipeline = pipeline(&world)
        .with("interval", "500ms")
        .with("finish", "stay");
    let running = pipeline.spawn(&[("wait_time", "4s")]).until(FIRST);
    wait_for_canary(&world, 20);
    let before = taken(&world, "green");
    fs::write(&state, ask(&world.proxy, "show servers state shop\n")).unwrap();
    world.proxy.restart();
    assert_eq!(world.weights(), (90, 10));
    let ended = running.wait().with(0, "PASSED");
    let counted = ended
        .verdict()
        .split(" of its requests failed")
        .next()
        .unwrap();
    let counted: usize = counted.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(counted > before, "{before} before it, {}", ended.log);
    drop(load.stop());
}
