//! Every fenced block of docs.md, what README.md shows of this plugin, and every example is run or parsed: what is shown
//! works.

use std::collections::BTreeMap;
use std::ffi::OsString;

use jiff::Timestamp;
use plugin_progressive::settings::{PLUGIN, Settings};
use serde_yaml::Value;
use shared::settings::environment::Environment;
use shared::settings::raw::Raw;
use testbed::example::{check, top};
use testbed::markdown::{Block, blocks, of};
use testbed::scratch::Scratch;
use testbed::woodpecker;

use crate::step::COMMIT;

fn docs() -> Vec<Block> {
    blocks("plugins/progressive/docs.md")
}

#[test]
fn every_block_of_the_page_is_of_a_kind_that_is_checked() {
    for block in docs() {
        // Commands are run, and what they said is held against what they say, where recorded rollouts are replayed.
        let known = ["yaml", "json", "haproxy", "sh", "text"].contains(&block.language.as_str());
        assert!(
            known,
            "{}: a block of {:?} is checked by no test",
            block.place, block.language
        );
    }
}

#[test]
fn every_step_of_ours_is_understood() {
    let (page, readme) = (docs(), blocks("README.md"));
    let pipelines = |blocks: &[Block]| -> usize {
        of(blocks, "yaml")
            .filter(|block| block.text.contains("steps:"))
            .map(|block| pipeline(&block.text, &block.place))
            .sum()
    };
    assert!(pipelines(&page) >= 7);
    assert!(pipelines(&readme) >= 2);
}

#[test]
fn every_example_pipeline_is_what_woodpecker_takes_and_its_steps_are_understood() {
    let files = std::fs::read_dir(top().join("examples/pipelines")).unwrap();
    let mut ours = 0;
    for path in files.map(|entry| entry.unwrap().path()) {
        let (text, place) = (
            std::fs::read_to_string(&path).unwrap(),
            path.display().to_string(),
        );
        let yaml: Value = serde_yaml::from_str(&text).unwrap();
        // Without a filter of events Woodpecker's linter warns, and without a limit two rollouts run at once.
        let when = yaml["when"].as_sequence().unwrap();
        assert!(when.iter().all(|one| one.get("event").is_some()), "{place}");
        assert_eq!(yaml["concurrency"]["limit"].as_u64(), Some(1), "{place}");
        ours += pipeline(&text, &place);
    }
    assert!(ours >= 3);
}

#[test]
fn a_pipeline_that_woodpecker_refuses_is_seen() {
    for wrong in [
        "steps: []\nstep: {}",
        "steps: [{name: a, image: b, settings: {}, commands: [c]}]",
        "steps: [{name: a, image: b, when: [{events: push}]}]",
        "steps: [{name: a, settings: {b: c}}]",
    ] {
        let yaml: Value = serde_yaml::from_str(wrong).unwrap();
        assert!(woodpecker::lint(&yaml).is_err(), "{wrong}");
    }
}

/// Holds a pipeline against Woodpecker's schema, understands the steps of it that are ours, and says how many there are.
fn pipeline(text: &str, place: &str) -> usize {
    let text = text.replace("${CI_COMMIT_SHA}", COMMIT);
    let mut yaml: Value =
        serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{place}: {error}"));
    yaml.apply_merge().unwrap();
    if let Err(errors) = woodpecker::lint(&yaml) {
        panic!("{place}: {errors}");
    }
    let mut ours = 0;
    for step in yaml["steps"].as_sequence().unwrap() {
        let is_plugin = step.get("settings").is_some();
        assert!(!is_plugin || step.get("environment").is_none(), "{place}");
        let image = step["image"].as_str().unwrap();
        if is_plugin && image.starts_with("plugin-progressive:") {
            understand(&step["settings"], place);
            ours += 1;
        }
    }
    ours
}

fn secrets() -> BTreeMap<String, String> {
    let secrets = [
        (
            "database_url",
            "postgres://ci:secret@db.example/deployments",
        ),
        (
            "slack_webhook_url",
            "https://hooks.slack.example/services/T/B/x",
        ),
        ("deployment_webhook", "https://deploy.example/shop"),
        ("webhook_secret", "a-secret-to-sign-with"),
        ("forge_token", "a-token-for-the-forge"),
        ("deploy_token", "a-token-for-the-script"),
    ];
    secrets
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

/// Understands a step's settings as they stand.
pub(crate) fn understand(settings: &Value, place: &str) {
    let mut variables = woodpecker::variables(settings, &secrets())
        .unwrap_or_else(|error| panic!("{place}: {error}"));
    for (name, value) in [("CI_COMMIT_SHA", COMMIT), ("CI_REPO", "acme/shop")] {
        variables.insert(name.to_owned(), value.to_owned());
    }
    let pairs = variables
        .into_iter()
        .map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let environment = Environment::of(pairs);
    let (raw, found) = Raw::gather(PLUGIN, &BTreeMap::new(), &environment);
    assert!(found.notes.is_empty(), "{place}: {:?}", found.notes);
    let understood = Settings::understand(&raw, found, &environment, Timestamp::UNIX_EPOCH);
    if let Err(problems) = understood {
        panic!("{place}: {problems:?}");
    }
}

#[test]
fn the_policy_for_rollouts_needs_no_more_than_endpoints_and_a_script() {
    let policy = top().join("examples/policies/progressive.yaml");
    for environment in ["production", "staging"] {
        let settings = format!(
            "policy: {}\nenvironment: {environment}\ncanary_endpoint: http://10.0.0.12:8080/health\n\
             baseline_endpoint: http://10.0.0.11:8080/health\ndeployment_script: deploy.sh\n",
            policy.display()
        );
        understand(&serde_yaml::from_str(&settings).unwrap(), environment);
    }
}

#[test]
fn every_json_of_the_page_is_what_the_webhook_is_sent_and_answers() {
    let page = docs();
    let documents: Vec<serde_json::Value> = of(&page, "json")
        .map(|block| serde_json::from_str(&block.text).unwrap())
        .collect();
    let [asked, answered] = documents.as_slice() else {
        panic!("one request and one answer are shown")
    };
    let sent = testbed::sink::Sink::start([testbed::sink::Reply::new(200, "{}")]);
    let http = shared::http::Http::new(
        shared::tls::Roots::load(None).unwrap(),
        shared::http::Proxies::default(),
        "test",
    );
    let webhook = shared::traffic::Webhook::new(
        shared::secret::Secret::new(sent.url("/")),
        None,
        shared::hook::Facts {
            id: "acme-shop-production-8".into(),
            commit: COMMIT.into(),
            environment: "production".into(),
            pool: None,
            previous_commit: None,
        },
        std::sync::Arc::new(http),
        std::time::Duration::from_secs(10),
        std::time::Duration::from_secs(10),
    );
    let quarter = shared::hook::Action::UpdateTraffic(shared::split::Share::new(25).unwrap());
    let call = shared::hook::Call {
        stage: 2,
        attempt: 1,
    };
    webhook.unwrap().act(quarter, call).unwrap();
    let body: serde_json::Value = serde_json::from_slice(&sent.requests()[0].body).unwrap();
    assert_eq!(body, *asked);
    assert_eq!(*answered, serde_json::json!({"share": 25}));
}

#[test]
fn every_proxy_configuration_is_one_that_haproxy_takes() {
    let (page, readme) = (docs(), blocks("README.md"));
    let shown = of(&page, "haproxy").chain(of(&readme, "haproxy"));
    let scratch = Scratch::new("documents");
    let authority = testbed::tls::Ca::new("runtime API");
    let issued = authority.issue(&["localhost"]);
    let api = format!("{}{}", issued.cert_pem, issued.key_pem);
    std::fs::write(scratch.join("api.pem"), api).unwrap();
    std::fs::write(scratch.join("agents.pem"), &authority.pem).unwrap();
    let mut checked = 0;
    for block in shown {
        let path = scratch.join("haproxy.cfg");
        // HAProxy reads certificates that it is told of.
        let text = block
            .text
            .replace("/etc/haproxy/", &format!("{}/", scratch.path().display()));
        std::fs::write(&path, text).unwrap();
        check(&path, &block.place);
        checked += 1;
    }
    assert!(checked >= 2);
}
