//! The page's five commonest uses, run as they stand: only addresses are this machine's, and waits are short.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_yaml::Value;
use testbed::markdown::{blocks, of};
use testbed::postgres::Postgres;
use testbed::prometheus::Prometheus;
use testbed::sink::{Reply, Sink};
use testbed::woodpecker;

use crate::step::{COMMIT, Ended, Pipeline};

/// A service of this version, which counts its requests for Prometheus.
fn shop() -> Sink {
    let counted = AtomicU32::new(0);
    Sink::answering(move |request| {
        if request.path == "/metrics" {
            let count = counted.fetch_add(1, Ordering::Relaxed);
            let lines = format!(
                "http_requests_total{{code=\"200\"}} {}\nhttp_requests_total{{code=\"500\"}} {count}\n",
                count * 999
            );
            return Reply::new(200, &lines).header("Content-Type", "text/plain");
        }
        let body = format!(r#"{{"status": "healthy", "version": "{COMMIT}"}}"#);
        Reply::new(200, &body).header("Content-Type", "application/json")
    })
}

/// How the steps below a heading of the page end, and what people were told.
fn used(heading: &str) -> (Vec<Ended>, usize) {
    let (shop, slack) = (shop(), Sink::answering(|_| Reply::new(200, "ok")));
    let postgres = Postgres::shared();
    let secrets: BTreeMap<String, String> = [
        ("database_url", postgres.url(&postgres.fresh_database())),
        ("slack_webhook_url", slack.url("/services/x")),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let pipeline = Pipeline::new();
    let script = pipeline.workspace.join("deploy.sh");
    fs::write(&script, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let page = blocks("plugins/health/docs.md");
    let block = of(&page, "yaml")
        .find(|block| block.heading == heading)
        .unwrap();
    let prometheus = block
        .text
        .contains("prometheus.example")
        .then(|| Prometheus::start(shop.address(), ""));
    let metrics = prometheus
        .as_ref()
        .map(|server| format!("http://{}", server.address));
    let text = block
        .text
        .replace("https://shop.example/", &shop.url("/"))
        .replace(
            "tcp://shop.example:5432",
            &format!("tcp://{}", shop.address()),
        )
        .replace(
            "http://prometheus.example:9090",
            &metrics.unwrap_or_default(),
        )
        .replace("${CI_COMMIT_SHA}", COMMIT)
        .replace(
            "max_wait: 10m",
            "max_wait: 10m\n      initial_delay: 0\n      interval: 50ms",
        )
        .replace("watch: 5m", "watch: 500ms")
        .replace("interval: 10s", "interval: 50ms");
    let yaml: Value = serde_yaml::from_str(&text).unwrap();
    woodpecker::lint(&yaml).unwrap();
    let steps = yaml["steps"].as_sequence().unwrap().iter().map(|step| {
        let variables = woodpecker::variables(&step["settings"], &secrets).unwrap();
        let settings: Vec<(&str, &str)> = variables
            .iter()
            .map(|(name, value)| (name.trim_start_matches("PLUGIN_"), value.as_str()))
            .collect();
        pipeline.run(&settings).with(0)
    });
    (steps.collect(), slack.requests().len())
}

#[test]
fn gate_a_deployment() {
    let (ended, _) = used("Gate a deployment");
    assert!(
        ended[0].verdict().starts_with("PASSED (exit 0)"),
        "{}",
        ended[0].log
    );
}

#[test]
fn wait_for_a_service_to_start() {
    let (ended, _) = used("Wait for a service to start");
    assert!(
        ended[0]
            .verdict()
            .starts_with("PASSED (exit 0): all 2 endpoints"),
        "{}",
        ended[0].log
    );
}

#[test]
fn watch_it_for_a_while() {
    let (ended, _) = used("Watch it for a while");
    assert!(
        ended[0].verdict().starts_with("PASSED (exit 0)"),
        "{}",
        ended[0].log
    );
    assert!(ended[0].log.contains("metrics  0.1 %"), "{}", ended[0].log);
}

#[test]
fn before_a_deployment() {
    let (ended, _) = used("Before a deployment");
    assert!(
        ended[0].verdict().starts_with("PASSED (exit 0)"),
        "{}",
        ended[0].log
    );
    assert!(ended[0].log.contains("started"), "{}", ended[0].log);
}

#[test]
fn the_last_check_and_the_summary() {
    let (ended, told) = used("The last check, and the summary");
    assert!(ended[0].log.contains("success"), "{}", ended[0].log);
    let summary = ended[1].verdict();
    assert!(
        summary.starts_with("SUMMARY (exit 0): deployment acme-shop-production-8"),
        "{summary}"
    );
    assert_eq!(told, 1);
}
