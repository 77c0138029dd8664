//! Who counts: our own probes, Prometheus, the answers themselves; and what is kept of each look.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use plugin_progressive::rows::Kept;
use shared::store::url::DatabaseUrl;
use shared::store::{Archive, DatabaseConfig, Limits};
use testbed::backend::Manner;
use testbed::hostile::{Behaviour, Server, json_answer};
use testbed::load::Load;
use testbed::prometheus::Prometheus;

use crate::rollouts::{database, script};
use crate::step::{Pipeline, World};

/// A rollout whose script moves the traffic of a real proxy, and that knows nothing but the service's own address.
fn blind(world: &World) -> Pipeline {
    let mut settings = world.settings();
    let known = ["finish", "stages", "wait_time", "interval", "initial_delay"];
    settings.retain(|(name, _)| known.contains(&name.as_str()));
    let pipeline = Pipeline::new("8", settings)
        .with("traffic", "script")
        .with("deployment_script", "deploy.sh")
        .with(
            "endpoint",
            &format!("http://{}/health", world.proxy.address),
        );
    let port = world.proxy.tcp.rsplit(':').next().unwrap();
    script(
        &pipeline,
        &format!(
            "api() {{ bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}; printf \"%s\\n\" \"$1\" >&3; cat <&3' _ \"$1\"; }}\n\
             green() {{ api \"set server shop/green weight $1\"; }}\n\
             blue() {{ api \"set server shop/blue weight $((100 - $1))\"; }}\n\
             case $1 in\n\
             get-traffic) api 'get weight shop/green' | head -1 | cut -d' ' -f1 ;;\n\
             update-traffic) if [ \"$2\" -gt 50 ]; then green $2; blue $2; else blue $2; green $2; fi ;;\n\
             *) exit 64 ;;\n\
             esac"
        ),
    );
    pipeline
}

/// Stages that last until something ends them. A look asks thrice, so that a proxy that gives the canary each tenth
/// request gives it now this one, now that one.
const WHILE: (&str, &str) = ("wait_time", "20s");

#[test]
fn a_dead_canary_behind_the_services_own_address_is_found_at_ten_per_cent() {
    let world = World::start();
    world.green.behave(Manner::Failing(500));
    blind(&world)
        .run(&[])
        .with(1, "ROLLED BACK")
        .saying("held against what it answered before the canary's first share")
        .saying("stage 1 (10 %)");
    assert_eq!(world.weights(), (100, 0));
}

#[test]
fn a_good_canary_behind_the_services_own_address_goes_through() {
    let world = World::start();
    blind(&world).run(&[]).with(0, "PASSED");
    assert_eq!(world.weights(), (0, 100));
}

#[test]
fn answers_that_name_their_version_are_their_sides() {
    let world = World::start();
    let version = [("expect_version", "green")];
    blind(&world)
        .run(&version)
        .with(0, "PASSED")
        .saying("an answer belongs to the side whose version it names");
    let world = World::start();
    world.green.behave(Manner::Failing(500));
    let ended = blind(&world).run(&version).with(1, "ROLLED BACK");
    ended.saying("stage 1 (10 %)");
    assert_eq!(world.weights(), (100, 0));
}

#[test]
fn a_dead_canary_that_cannot_say_which_version_it_is_is_found_all_the_same() {
    let world = World::start();
    world.green.behave(Manner::Blank(500));
    blind(&world)
        .run(&[("expect_version", "green"), WHILE])
        .with(1, "ROLLED BACK")
        .saying("answers fail without naming their version: beyond 1 % of all they count against the canary")
        .saying("stage 1 (10 %): worse than luck explains; canary ");
    assert_eq!(world.weights(), (100, 0));
}

#[test]
fn where_nobody_knows_whose_answers_they_are_it_is_the_service_that_fails() {
    let world = World::start();
    world.green.behave(Manner::Blank(500));
    blind(&world)
        .run(&[WHILE])
        .with(1, "ROLLED BACK")
        .saying(" of the service's answers failed (")
        .saying(", limit 1 %: ");
    assert_eq!(world.weights(), (100, 0));
}

#[test]
fn many_samples_are_made_by_bursts_at_both_versions() {
    let world = World::start();
    let mut settings = world.settings();
    settings.retain(|(name, _)| !name.starts_with("haproxy") && !name.ends_with("_server"));
    let pipeline = Pipeline::new("8", settings)
        .with("traffic", "none")
        .with("min_samples", "1000");
    let (blue, green) = (world.blue.requests(), world.green.requests());
    pipeline.run(&[]).with(0, "PASSED");
    assert!(world.green.requests() - green >= 3000);
    assert!(world.blue.requests() - blue >= 3000);
    assert!(world.green.connections() < world.green.requests() / 4);
}

/// What a shop says it has counted: each time it is asked a hundred requests more, of which these failed.
fn counter(failed: u64) -> impl Fn() -> (u64, u64) {
    let asked = AtomicU64::new(0);
    move || {
        let asked = asked.fetch_add(1, Ordering::SeqCst) + 1;
        (asked * 100, asked * failed)
    }
}

fn watched(canary: &str, baseline: &str) -> Pipeline {
    let settings = [
        ("traffic", "none"),
        ("canary_endpoint", canary),
        ("baseline_endpoint", baseline),
        ("finish", "stay"),
        (
            "stages",
            "[{\"percentage\": 10, \"wait_time\": \"60s\"}, 100]",
        ),
        ("interval", "100ms"),
        ("initial_delay", "0"),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Pipeline::new("8", settings.into())
}

#[test]
fn a_version_that_says_it_fails_more_than_the_old_one_is_rolled_back() {
    let answering = |failed| {
        let next = counter(failed);
        let server = Server::start(Behaviour::Says(Box::new(move |_| {
            let (requests, errors) = next();
            json_answer(&format!(
                "{{\"status\":\"healthy\",\"requests_total\":{requests},\"errors_total\":{errors}}}"
            ))
        })));
        let url = format!("http://{}/health", server.address);
        (server, url)
    };
    let ((_canary, canary), (_old, old)) = (answering(4), answering(0));
    watched(&canary, &old)
        .run(&[("count_by", "answers")])
        .with(1, "ROLLED BACK")
        .saying("to 1 that it is worse");
    // What nobody asked for is no evidence.
    let ended = watched(&canary, &old).run(&[("stages", "100"), ("wait_time", "300ms")]);
    ended.with(0, "PASSED");
}

#[test]
fn what_prometheus_scraped_of_both_sides_decides() {
    let (good, bad) = (counter(0), counter(6));
    let shop = Server::start(Behaviour::Says(Box::new(move |_| {
        let mut text =
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n\r\n".to_owned();
        for (side, (requests, failed)) in [("blue", good()), ("green", bad())] {
            let good = requests - failed;
            for (code, count) in [(200, good), (500, failed)] {
                let line = format!("shop_total{{side=\"{side}\",code=\"{code}\"}} {count}\n");
                text.push_str(&line);
            }
        }
        text.into_bytes()
    })));
    let prometheus = Prometheus::start(shop.address, "/");
    let world = World::start();
    let pipeline = Pipeline::new("8", world.settings())
        .with("wait_time", "60s")
        .with(
            "metrics_endpoint",
            &format!("http://{}", prometheus.address),
        )
        .with("query_requests", "shop_total{side=\"$side\"}")
        .with("query_failed", "shop_total{side=\"$side\",code=\"500\"}")
        .with("metrics_sides", "blue,green");
    pipeline
        .run(&[])
        .with(1, "ROLLED BACK")
        .saying("stage 1 (10 %)");
    assert_eq!(world.weights(), (100, 0));
    // Before it, that there is something to count is seen.
    let typo = ("query_requests", "shop_totl{side=\"$side\"}");
    let preflight = ("preflight", "true");
    crate::step::ask(
        &world.proxy,
        "set server shop/blue weight 100; set server shop/green weight 0\n",
    );
    pipeline
        .run(&[preflight])
        .with(0, "PASSED")
        .saying("prometheus: 2 series for shop_total{side=\"blue\"}");
    pipeline
        .run(&[preflight, typo])
        .with(2, "REFUSED")
        .saying("query_requests: no series for shop_totl{side=\"blue\"}");
    let policy = "progressive_deployment: {max_wait_time: 700ms}\n";
    std::fs::write(pipeline.workspace.join("deployment-policy.yaml"), policy).unwrap();
    let short = ("wait_time", "600ms");
    let other = [
        typo,
        short,
        ("deployment_id", "other"),
        ("override", "hold"),
    ];
    pipeline
        .run(&other)
        .with(3, "INCONCLUSIVE")
        .saying("prometheus told nothing of the canary's requests: no scrapes of both sides");
    pipeline
        .run(&[
            short,
            ("query_failed", "rate(shop_total{side=\"$side\"}[1m])"),
        ])
        .with(2, "REFUSED")
        .saying("PLUGIN_QUERY_FAILED: ")
        .saying("without rate(), sum() or a range");
}

#[test]
fn a_source_that_tells_nothing_passes_no_stage() {
    let world = World::start();
    let load = Load::start(world.proxy.address);
    world.green.behave(Manner::Faulty { failing: 1, of: 1 });
    let policy = "progressive_deployment: {max_wait_time: 700ms}\n";
    for p_max in ["", "1"] {
        let pipeline = Pipeline::new("8", world.settings())
            .with("metrics_endpoint", "http://127.0.0.1:1")
            .with("query_requests", "shop_total{side=\"$side\"}")
            .with("query_failed", "shop_total{side=\"$side\",code=\"500\"}")
            .with("p_max", p_max);
        std::fs::write(pipeline.workspace.join("deployment-policy.yaml"), policy).unwrap();
        pipeline.run(&[]).with(3, "INCONCLUSIVE").saying(
            "stage 1 (10 %): prometheus told nothing of the canary's requests: connection refused",
        );
        assert_eq!(world.weights(), (100, 0));
    }
    assert!(load.stop().failed > 0);
}

fn limits() -> Limits {
    let limit = Duration::from_secs(10);
    Limits {
        connect: limit,
        statement: limit,
        reply: limit,
        migrate: limit,
        journal_lock: limit,
        deliver: limit,
    }
}

#[test]
fn every_look_is_kept_whole_and_is_what_is_usual_for_the_next_rollout() {
    let world = World::start();
    let (postgres, name, url) = database();
    let load = Load::start(world.proxy.address);
    let pipeline = Pipeline::new("8", world.settings()).with("database_url", &url);
    pipeline.run(&[]).with(0, "PASSED");
    let counted = "SELECT count(*) FILTER (WHERE what = 'first') > 0, \
                   count(*) FILTER (WHERE what = 'stage' AND stage = 1 AND source = 'haproxy') > 3, \
                   sum(canary_requests) > 0, sum(stable_requests) > 0, sum(canary_failed), \
                   count(DISTINCT number) = count(*) FROM deployment_looks";
    assert_eq!(postgres.sql(&name, counted), "t|t|t|t|0|t");
    let config = DatabaseConfig {
        url: DatabaseUrl::parse(&url).unwrap(),
        ca_certificate: None,
    };
    let nowhere = pipeline.workspace.join("another.jsonl");
    let archive = Archive::open(Some(&config), &nowhere, "plugin-progressive", limits()).unwrap();
    let found = archive.rollouts(Some("acme-shop-production-8"), 9).unwrap();
    let looks = archive.looks(&found[0], 1000, Ok).unwrap();
    assert!(looks.len() > 5);
    for looked in looks {
        let kept: Kept = serde_json::from_value(looked.look.seen.clone()).unwrap();
        assert_eq!(serde_json::to_value(&kept).unwrap(), looked.look.seen);
        assert!(kept.look.new.judged.is_good());
        let counts = kept.look.counts.map(|counts| counts.failed.pair());
        let canary = looked.look.canary.map(shared::split::Served::failures);
        assert_eq!(counts.map(|pair| pair.canary), canary);
        assert_eq!(kept.rules.min_samples, 3);
    }
    load.stop();
    // The next one knows what is usual, and one without a stable side beside it is held against that.
    let weights = "set server shop/blue weight 100; set server shop/green weight 0\n";
    crate::step::ask(&world.proxy, weights);
    let next = Pipeline::new("9", world.settings()).with("database_url", &url);
    next.run(&[("dry_run", "true")])
        .with(0, "DRY RUN")
        .saying("history: in the last 1d 0 of ");
    next.run(&[("settle_to", "stable")])
        .with(0, "PASSED")
        .saying("history: in the last 1d 0 of ");
}

#[test]
fn a_dry_run_keeps_its_looks_only_where_it_records() {
    let world = World::start();
    let (postgres, name, url) = database();
    let pipeline = Pipeline::new("8", world.settings()).with("database_url", &url);
    pipeline.run(&[("dry_run", "record")]).with(0, "DRY RUN");
    let kinds = "SELECT DISTINCT deployment_type FROM deployment_looks";
    assert_eq!(postgres.sql(&name, kinds), "dry-run");
}
