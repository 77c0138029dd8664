//! The pipelines in `.woodpecker/`.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_yaml::Value;
use testbed::example::top;
use testbed::program::find;
use testbed::scratch::Scratch;
use testbed::sink::{Reply, Sink};
use testbed::woodpecker;
use testbed::workflow::{Agent, Step};

const BUILDX: &str = "woodpeckerci/plugin-docker-buildx:6.1.1";

fn file(name: &str) -> String {
    fs::read_to_string(top().join(".woodpecker").join(name)).unwrap()
}

/// A pipeline with anchors and merges resolved.
fn parsed(text: &str) -> Value {
    let mut yaml: Value = serde_yaml::from_str(text).unwrap();
    yaml.apply_merge().unwrap();
    yaml
}

fn steps(yaml: &Value) -> &Vec<Value> {
    yaml["steps"].as_sequence().unwrap()
}

fn images(yaml: &Value) -> BTreeSet<&str> {
    steps(yaml)
        .iter()
        .map(|step| step["image"].as_str().unwrap())
        .collect()
}

#[test]
fn woodpecker_takes_every_pipeline_and_warns_of_nothing() {
    let mut names = Vec::new();
    for entry in fs::read_dir(top().join(".woodpecker")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let yaml = parsed(&file(&name));
        woodpecker::lint(&yaml).unwrap_or_else(|why| panic!("{name}: {why}"));
        let when = yaml["when"].as_sequence().unwrap();
        assert!(
            when.iter().all(|one| one.get("event").is_some()),
            "{name} has a filter without events"
        );
        for step in steps(&yaml) {
            let step_name = step["name"].as_str().unwrap();
            let image = step["image"].as_str().unwrap();
            assert!(
                image.contains(':') && !image.ends_with(":latest"),
                "{name}: {image} is not pinned"
            );
            let plugin = step.get("settings").is_some();
            assert!(
                !plugin || step.get("environment").is_none(),
                "{name}: {step_name}"
            );
        }
        names.push(name);
    }
    names.sort();
    assert_eq!(
        names,
        [
            "advisories.yaml",
            "check.yaml",
            "images.yaml",
            "release.yaml",
            "test.yaml"
        ]
    );
}

#[test]
fn what_a_pipeline_waits_for_runs_for_the_same_events() {
    let events = |name: &str| -> BTreeSet<String> {
        let yaml = parsed(&file(name));
        let when = yaml["when"].as_sequence().unwrap();
        let words = when.iter().flat_map(|one| match &one["event"] {
            Value::Sequence(list) => list.clone(),
            one => vec![one.clone()],
        });
        words
            .map(|word| word.as_str().unwrap().to_owned())
            .collect()
    };
    for name in ["images.yaml", "release.yaml"] {
        let yaml = parsed(&file(name));
        for other in yaml["depends_on"].as_sequence().unwrap() {
            // Woodpecker drops a workflow whose dependency is filtered out.
            let other = events(&format!("{}.yaml", other.as_str().unwrap()));
            assert!(
                events(name).is_subset(&other),
                "{name} waits for what does not run"
            );
        }
    }
}

#[test]
fn every_image_is_built_from_its_dockerfile_for_both_platforms() {
    for (name, prefix, pushed) in [
        ("images.yaml", "try", false),
        ("images.yaml", "push", true),
        ("release.yaml", "push", true),
    ] {
        let yaml = parsed(&file(name));
        for plugin in ["health", "progressive", "rollback"] {
            let named =
                |step: &&Value| step["name"] == format!("{prefix} plugin-{plugin}").as_str();
            let step = steps(&yaml).iter().find(named).unwrap();
            let settings = &step["settings"];
            assert_eq!(step["image"], BUILDX);
            assert_eq!(
                settings["dockerfile"],
                format!("Dockerfile.{plugin}").as_str()
            );
            assert_eq!(
                settings["repo"],
                format!("${{CI_REPO_OWNER}}/plugin-{plugin}").as_str()
            );
            assert_eq!(settings["platforms"], "linux/amd64,linux/arm64");
            assert_eq!(settings["dry_run"], !pushed, "{name}");
            // Only what is pushed gets a login, so a pull request gets none.
            assert_eq!(settings.get("password").is_some(), pushed, "{name}");
            assert_eq!(settings.get("sbom").is_some(), pushed, "{name}");
            assert_eq!(settings.get("tags_file").is_some(), pushed, "{name}");
        }
    }
}

#[test]
fn the_privilege_that_is_asked_for_is_the_builders_alone() {
    let (all, release) = (file("images.yaml"), file("release.yaml"));
    assert!(all.contains(&format!("WOODPECKER_PLUGINS_PRIVILEGED={BUILDX}")));
    for text in [all, release] {
        let yaml = parsed(&text);
        assert!(
            steps(&yaml)
                .iter()
                .all(|step| step.get("privileged").is_none())
        );
        let known = |image: &&str| {
            [
                BUILDX,
                "alpine:3.22",
                "${CI_REPO_OWNER}/plugin-health:0.1.0",
            ]
            .contains(image)
        };
        assert!(images(&yaml).iter().all(known), "{:?}", images(&yaml));
    }
}

#[test]
fn every_secret_is_explained_where_it_is_used() {
    for folder in [".woodpecker", "examples/pipelines"] {
        for entry in fs::read_dir(top().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            let comments: Vec<&str> = text
                .lines()
                .filter(|line| line.starts_with("#  "))
                .collect();
            for secret in woodpecker::used(&parsed(&text)).into_keys() {
                let told = comments.iter().find(|line| line.contains(&secret));
                assert!(
                    told.is_some(),
                    "{} does not say what the secret {secret} is to be limited to",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn every_example_says_exactly_by_which_images_and_in_which_events_a_secret_is_used() {
    for entry in fs::read_dir(top().join("examples/pipelines")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let used = woodpecker::used(&parsed(&text));
        assert!(!used.is_empty(), "{}", path.display());
        assert_eq!(woodpecker::explained(&text), used, "{}", path.display());
    }
}

#[test]
fn every_script_passes_shellcheck() {
    let shellcheck = find(
        "shellcheck",
        "/usr/lib/shellcheck",
        "install the package shellcheck",
    );
    let scripts = fs::read_dir(top().join(".ci")).unwrap();
    let scripts = scripts.map(|entry| entry.unwrap().path()).filter(|path| {
        path.is_file()
            && fs::read_to_string(path)
                .unwrap()
                .starts_with("#!/usr/bin/env bash")
    });
    let scripts: Vec<_> = scripts.collect();
    assert!(scripts.len() > 5, "{scripts:?}");
    let checked = Command::new(shellcheck).args(scripts).output().unwrap();
    assert!(
        checked.status.success(),
        "{}",
        String::from_utf8_lossy(&checked.stdout)
    );
}

/// The steps of the release that are our own plugins', at a registry whose answers come from here.
fn gated(
    event: &str,
    answers: impl Fn(&str) -> Reply + Send + Sync + 'static,
) -> (Vec<Step>, Vec<String>) {
    let hub = Sink::answering(move |request| answers(&request.path));
    let text = file("release.yaml")
        .replace("https://hub.docker.com", hub.url("").trim_end_matches('/'))
        .replace("${CI_REPO_OWNER}/plugin-health:", "plugin-health:")
        // The registry is asked at once, and not for minutes.
        .replace(
            "max_wait: 5m",
            "max_wait: 1s\n      initial_delay: 0\n      interval: 50ms",
        )
        .replace("final: true", "final: true\n      retries: 0");
    let mut yaml = parsed(&text);
    let ours = |step: &Value| step["image"].as_str().unwrap().starts_with("plugin-");
    yaml["steps"].as_sequence_mut().unwrap().retain(ours);
    yaml.as_mapping_mut().unwrap().remove("variables");
    let workspace = Scratch::new("release-pipeline");
    let variables = [
        ("CI_PIPELINE_EVENT", event),
        ("CI_PIPELINE_NUMBER", "12"),
        ("CI_REPO", "acme/plugins"),
        ("CI_REPO_OWNER", "acme"),
        ("CI_COMMIT_TAG", "0.2.0"),
        ("CI_COMMIT_SHA", "5f3c2a9d1e8b7460c5f3c2a9d1e8b7460c5f3c2a"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let agent = Agent::new(workspace.path(), variables.into());
    let ran = agent.run(&serde_yaml::to_string(&yaml).unwrap(), |_| ());
    let asked = hub
        .requests()
        .into_iter()
        .map(|request| request.path)
        .collect();
    (ran, asked)
}

fn tag(name: &str) -> Reply {
    let body = format!(r#"{{"name": "{name}", "tag_status": "active"}}"#);
    Reply::new(200, &body).header("Content-Type", "application/json")
}

#[test]
fn a_release_that_the_registry_has_passes_its_own_gate() {
    let (ran, asked) = gated("tag", |_| tag("0.2.0"));
    let codes: Vec<_> = ran
        .iter()
        .map(|step| (step.name.as_str(), step.code))
        .collect();
    assert_eq!(
        codes,
        [("gate", Some(0)), ("final check", Some(0))],
        "{}",
        ran[0].log
    );
    for image in ["plugin-health", "plugin-progressive", "plugin-rollback"] {
        let path = format!("/v2/repositories/acme/{image}/tags/0.2.0");
        assert!(asked.contains(&path), "{path} was not asked for: {asked:?}");
    }
    assert!(ran[1].log.contains("success"), "{}", ran[1].log);
}

#[test]
fn a_release_of_which_an_image_is_missing_or_another_version_stops_at_the_gate() {
    let missing = |path: &str| {
        if path.contains("plugin-rollback") {
            let body = r#"{"message": "tag not found"}"#;
            Reply::new(404, body).header("Content-Type", "application/json")
        } else {
            tag("0.2.0")
        }
    };
    let (ran, _) = gated("tag", missing);
    assert_eq!((ran.len(), ran[0].code), (1, Some(124)), "{}", ran[0].log);
    let (ran, _) = gated("tag", |_| tag("0.1.0"));
    assert_eq!((ran.len(), ran[0].code), (1, Some(124)), "{}", ran[0].log);
}

#[test]
fn nothing_but_a_tag_is_a_release() {
    for event in ["push", "pull_request", "manual", "deployment"] {
        assert!(gated(event, |_| tag("0.2.0")).0.is_empty(), "{event}");
    }
}
