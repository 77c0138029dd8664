//! How the commit stands at a forge after a verdict.

use testbed::forge::{Flavour, Forge, TOKEN, When};
use testbed::sink::Reply;

use crate::step::{COMMIT, Pipeline, service};

const DOWN: &str = r#"503 {"status": "unhealthy"}"#;

/// What every step of these tests is told.
fn asked<'a>(url: &'a str, forge: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("endpoint", url),
        ("retries", "0"),
        ("commit_status", "true"),
        ("forge_token", TOKEN),
        ("forge_type", "forgejo"),
        ("forge_url", forge),
    ]
}

/// State and description of each status that was set.
fn stood(forge: &Forge) -> Vec<(String, String)> {
    forge.data(|data| {
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let of = |(sha, body): &(String, serde_json::Value)| {
            assert_eq!(sha, COMMIT);
            assert_eq!(body["target_url"], "https://ci.example/repos/7/pipeline/8");
            assert!(body["description"].as_str().unwrap().chars().count() <= 140);
            (text(&body["state"]), text(&body["description"]))
        };
        data.statuses.iter().map(of).collect()
    })
}

#[test]
fn the_commit_stands_as_the_verdict_says_with_the_deciding_number() {
    let forge = Forge::start(Flavour::Forgejo);
    let service = service(&[
        r#"{"error_rate": 1.5}"#,
        r#"{"error_rate": 4}"#,
        r#"{"error_rate": 7.1}"#,
        DOWN,
    ]);
    let (url, at) = (service.url("/"), forge.url());
    let settings = asked(&url, &at);
    for code in [0, 0, 1] {
        Pipeline::new()
            .run(&settings)
            .with(code)
            .saying("set the status plugin-health of commit 5f3c2a9d1e8…")
            .not_saying(TOKEN);
    }
    let lets_pass = [
        &settings[..],
        &[("on_failure", "warn"), ("status_context", "gate")],
    ]
    .concat();
    Pipeline::new().run(&lets_pass).with(0);
    let stood = stood(&forge);
    let begins = [
        (
            "success",
            "passed: error rate 1.5 % (limit 5 %); response time ",
        ),
        (
            "success",
            "passed with warnings: error rate 4 % > limit 3 %",
        ),
        ("failure", "failed: error rate 7.1 % > limit 5 %"),
        // The step succeeds, the version is bad all the same.
        ("failure", "failed: "),
    ];
    assert_eq!(stood.len(), begins.len());
    for ((state, text), (expected, begins)) in stood.iter().zip(begins) {
        assert_eq!(state, expected);
        assert!(
            text.starts_with(begins),
            "{text:?} does not begin with {begins:?}"
        );
    }
    let contexts = forge.data(|data| {
        let of = |(_, body): &(String, serde_json::Value)| body["context"].to_string();
        data.statuses.iter().map(of).collect::<Vec<_>>()
    });
    assert_eq!(contexts[2..], ["\"plugin-health\"", "\"gate\""]);
    assert_eq!(forge.refused(), [""; 0]);
}

#[test]
fn waiting_watching_and_summing_up_set_it_too() {
    let forge = Forge::start(Flavour::Forgejo);
    let (url, at) = (service(&[]).url("/"), forge.url());
    let pipeline = Pipeline::new();
    let run = |url: &str, more: &[(&str, &str)]| {
        pipeline.run(&[&asked(url, &at)[1..], &[("endpoint", url)], more].concat())
    };
    let quick = [("interval", "50ms"), ("initial_delay", "0")];
    // Nobody is there.
    run(
        &url,
        &[("wait", "true"), ("max_wait", "200ms"), quick[0], quick[1]],
    )
    .with(124);
    let service = service(&["{}"; 40]);
    let url = service.url("/");
    let well = [("watch", "300ms"), ("final", "true"), quick[0], quick[1]];
    run(&url, &well).with(0);
    pipeline
        .run(&[&asked(&url, &at)[1..], &[("summary", "true")]].concat())
        .with(0);
    let stood = stood(&forge);
    let states: Vec<&str> = stood.iter().map(|(state, _)| state.as_str()).collect();
    assert_eq!(states, ["failure", "success", "success"]);
    assert!(stood[0].1.starts_with("timed out: "), "{stood:?}");
    assert!(
        stood[2]
            .1
            .starts_with("the deployment succeeded, unverified"),
        "{stood:?}"
    );
}

#[test]
fn a_dry_run_and_a_preflight_set_nothing_and_without_a_wish_nobody_is_asked() {
    let forge = Forge::start(Flavour::Forgejo);
    let service = service(&[]);
    let (url, at) = (service.url("/"), forge.url());
    let settings = asked(&url, &at);
    let run = |more: (&str, &str)| Pipeline::new().run(&[&settings[..], &[more]].concat());
    run(("dry_run", "true"))
        .with(0)
        .saying("dry run: no status is set: passed");
    run(("preflight", "true"))
        .with(0)
        .saying("setting commit_status does nothing with preflight");
    run(("commit_status", "false"))
        .with(0)
        .saying("setting forge_token does nothing without commit_status");
    assert_eq!(forge.requests().len(), 0);
}

#[test]
fn a_forge_that_refuses_changes_no_verdict() {
    let forge = Forge::start(Flavour::Forgejo);
    let service = service(&["{}", DOWN, "{}"]);
    let (url, at) = (service.url("/"), forge.url());
    let settings = asked(&url, &at);
    for (code, status) in [(0, 404), (1, 403)] {
        let refusal = Reply::new(status, r#"{"message":"no"}"#);
        forge.fault("POST", "/statuses/", When::Instead, refusal, 1);
        let ended = Pipeline::new().run(&settings).with(code);
        let ended = ended
            .saying("the commit's status is not set: ")
            .not_saying(TOKEN);
        assert!(!ended.verdict().contains("status is not set"));
    }
    let unknown = [&settings[..], &[("forge_token", "an0ther-t0ken")]].concat();
    Pipeline::new()
        .run(&unknown)
        .with(0)
        .saying("401")
        .not_saying("an0ther-t0ken");
    assert_eq!(stood(&forge).len(), 0);
}
