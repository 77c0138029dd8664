//! The page's five commonest uses, run as they stand: only addresses are this machine's, and waits are short.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::Mutex;

use serde_json::json;
use serde_yaml::Value;
use testbed::example::World;
use testbed::markdown::{blocks, of};
use testbed::sink::{Reply, Sink};
use testbed::woodpecker;

use crate::hooks::said;
use crate::rollouts::database;
use crate::step::{COMMIT, Pipeline};

/// A team's script: writes down what it is asked for, and keeps the share in a file.
const SCRIPT: &str = "#!/bin/sh\necho \"$@\" >>calls\ncase $1 in\nupdate-traffic) echo \"$2\" >share ;;\n\
                      get-traffic) cat share 2>/dev/null || echo 0 ;;\nesac\n";

/// A team's webhook, which keeps the share, too.
fn deployer() -> Sink {
    let share = Mutex::new(0);
    Sink::answering(move |request| {
        let (body, mut share) = (said(request), share.lock().unwrap());
        if let Some(percent) = body["percent"].as_u64() {
            *share = percent;
        }
        Reply::new(200, &json!({"share": *share}).to_string())
    })
}

/// What a use did: how each of our steps ended, and what the script was asked for.
struct Used {
    verdicts: Vec<String>,
    calls: Vec<String>,
    asked: Vec<String>,
}

/// Runs every step below a heading of the page, in a world of its own.
fn used(heading: &str) -> Used {
    let (world, hook) = (World::start(COMMIT), deployer());
    let (_, _, url) = database();
    let secrets: BTreeMap<String, String> = [
        ("database_url", url),
        ("deploy_token", "geheim-geheim".to_owned()),
        ("deployment_webhook", hook.url("/deploy")),
        ("webhook_secret", "k3y-k3y-k3y".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let mut used = Used {
        verdicts: Vec::new(),
        calls: Vec::new(),
        asked: Vec::new(),
    };
    let page = blocks("plugins/progressive/docs.md");
    let ours = of(&page, "yaml").filter(|block| block.heading == heading);
    for block in ours {
        let text = world
            .placed(&block.text)
            .replace("${CI_COMMIT_SHA}", COMMIT);
        // The example's proxy has these two servers.
        let text = text.replace("[blue, green]", "[stable, canary]");
        let minutes = ["2m", "5m", "10m", "15m"];
        let waits = minutes.iter().fold(text, |text, wait| {
            let short = |name: &str, text: String| {
                text.replace(&format!("{name}: {wait}"), &format!("{name}: 300ms"))
            };
            short("soak", short("wait_time", text))
        });
        let mut yaml: Value = serde_yaml::from_str(&waits).unwrap();
        yaml.apply_merge().unwrap();
        woodpecker::lint(&yaml).unwrap();
        let pipeline = Pipeline::new("8", Vec::new());
        let workspace = pipeline.workspace.path();
        let script = workspace.join("deploy.sh");
        fs::write(&script, SCRIPT).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        for step in yaml["steps"].as_sequence().unwrap() {
            if let Some(commands) = step["commands"].as_sequence() {
                let commands: Vec<&str> =
                    commands.iter().map(|line| line.as_str().unwrap()).collect();
                let done = Command::new("/bin/sh")
                    .args(["-ec", &commands.join("\n")])
                    .current_dir(workspace)
                    .status();
                assert!(done.unwrap().success(), "{}", block.place);
                continue;
            }
            let variables = woodpecker::variables(&step["settings"], &secrets).unwrap();
            let mut settings: Vec<(String, String)> = variables
                .into_iter()
                .map(|(name, value)| (name.trim_start_matches("PLUGIN_").to_lowercase(), value))
                .collect();
            settings.push(("interval".to_owned(), "50ms".to_owned()));
            // Where the page leaves out how long a stage is, it is five minutes.
            if !block.text.contains("wait_time") {
                settings.push(("wait_time".to_owned(), "300ms".to_owned()));
            }
            let settings: Vec<(&str, &str)> = settings
                .iter()
                .map(|(n, v)| (n.as_str(), v.as_str()))
                .collect();
            let ended = pipeline.run(&settings);
            assert_eq!(ended.code, Some(0), "{}: {}", block.place, ended.log);
            used.verdicts
                .push(ended.verdict().split(" (exit").next().unwrap().to_owned());
        }
        let calls = fs::read_to_string(workspace.join("calls")).unwrap_or_default();
        used.calls.extend(calls.lines().map(str::to_owned));
    }
    used.asked = hook
        .requests()
        .iter()
        .map(|request| said(request)["action"].to_string())
        .collect();
    used
}

#[test]
fn a_canary_behind_haproxy() {
    let used = used("A canary behind HAProxy");
    assert_eq!(used.verdicts, ["PASSED"]);
    assert_eq!(used.calls, ["deploy", "promote"]);
}

#[test]
fn blue_green_with_a_preview() {
    let used = used("Blue/green with a preview");
    assert_eq!(used.verdicts, ["PASSED"]);
    assert_eq!(used.calls, ["deploy"]);
}

#[test]
fn any_other_proxy_by_a_script() {
    let used = used("Any other proxy, by a script");
    assert_eq!(used.verdicts, ["PASSED"]);
    let moved: Vec<&String> = used
        .calls
        .iter()
        .filter(|call| !call.starts_with("get-traffic"))
        .collect();
    assert_eq!(moved.first().unwrap().as_str(), "deploy");
    for (percent, stage) in [(10, 1), (25, 2), (50, 3), (100, 4)] {
        let call = format!("update-traffic {percent} {stage}");
        assert!(moved.contains(&&call), "{call} is not in {moved:?}");
    }
    assert!(moved.iter().any(|call| *call == "promote"), "{moved:?}");
}

#[test]
fn any_other_proxy_by_a_webhook() {
    let used = used("Any other proxy, by a webhook");
    assert_eq!(used.verdicts, ["PASSED"]);
    for action in ["\"update-traffic\"", "\"get-traffic\"", "\"promote\""] {
        assert!(
            used.asked.iter().any(|asked| asked == action),
            "{action} is not in {:?}",
            used.asked
        );
    }
}

#[test]
fn look_first_and_settle() {
    let used = used("Look first, and settle");
    assert_eq!(used.verdicts, ["DRY RUN", "PASSED", "SETTLED"]);
}
