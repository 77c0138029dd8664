//! The scenes of `plugin-health`: one service, gated ten times.

use std::path::Path;

use anyhow::Context;
use demo::Service;

use crate::plugin::{self, Plugins, Step};
use crate::say;

/// One scene: a pipeline step, why it is shown, and how it must end.
struct Scene {
    title: &'static str,
    why: &'static str,
    /// The step's `settings:`, but for the endpoint.
    settings: &'static [(&'static str, &'static str)],
    path: &'static str,
    exit: i32,
}

#[rustfmt::skip]
const SCENES: &[Scene] = &[
    Scene {
        title: "a healthy release",
        why: "One probe, every value inside its limits: the pipeline goes on.",
        settings: &[], path: "/healthy", exit: 0,
    },
    Scene {
        title: "the right version, proved",
        why: "expect_version makes the gate refuse an old version that still answers. `final` writes it down as good.",
        settings: &[("expect_version", "5f3c2a9"), ("final", "true")], path: "/healthy", exit: 0,
    },
    Scene {
        title: "a service that is still starting",
        why: "`wait` probes until it answers well. Failures on the way are what a starting service does.",
        settings: &[("wait", "true"), ("initial_delay", "0"), ("interval", "1s"), ("max_wait", "20s")], path: "/starting", exit: 0,
    },
    Scene {
        title: "a degraded service",
        why: "It works, with an error rate between warning and limit: people are told, the pipeline goes on.",
        settings: &[], path: "/degraded", exit: 0,
    },
    Scene {
        title: "a hiccup",
        why: "The first attempt is over the limit, the retry is not: no false alarm.",
        settings: &[("interval", "1s")], path: "/recovering", exit: 0,
    },
    Scene {
        title: "a bad release",
        why: "12 % errors, three times in a row: the step fails, and a rollback step would run now.",
        settings: &[("interval", "1s")], path: "/failing", exit: 1,
    },
    Scene {
        title: "a slow release",
        why: "It calls itself healthy, but the answer took 2.5 seconds: measured, not believed.",
        settings: &[("interval", "1s"), ("retries", "0")], path: "/slow", exit: 1,
    },
    Scene {
        title: "the old version still answers",
        why: "Healthy, but not what was deployed.",
        settings: &[("expect_version", "0ld0ld0"), ("retries", "0")], path: "/healthy", exit: 1,
    },
    Scene {
        title: "a window of observation",
        why: "`watch` judges five seconds as a whole, and draws what it saw.",
        settings: &[("watch", "5s"), ("interval", "1s"), ("initial_delay", "0")], path: "/healthy", exit: 0,
    },
    Scene {
        title: "a misspelt setting",
        why: "Every problem at once, by name, before anything is touched.",
        settings: &[("threshold_error_rate", "abc"), ("endpiont", "x")], path: "/healthy", exit: 2,
    },
];

const COMMIT: &str = "5f3c2a9d1e8b7460c5f3c2a9d1e8b7460c5f3c2a";

/// Plays all of them and says how many ended otherwise than they must.
pub(crate) fn play(plugins: &Plugins, workspace: &Path) -> anyhow::Result<usize> {
    let service = Service::start().context("the demo service could not listen on loopback")?;
    say(
        "━━━━ The gate ━━━━\nA small service runs on loopback. The real plugin-health gates it, as a step of a pipeline would.",
    );
    let mut surprises = 0;
    for (number, scene) in SCENES.iter().enumerate() {
        let (number, title, why) = (number + 1, scene.title, scene.why);
        say(&format!("\n━━ {number}. {title} ━━\n{why}\n"));
        let endpoint = service.url(scene.path);
        let settings = [&[("endpoint", endpoint.as_str())], scene.settings].concat();
        let step = Step {
            name: "gate",
            image: "plugin-health",
            number: "8",
            commit: COMMIT,
            settings: &settings,
        };
        plugin::show(&step);
        let status = plugins.step(&step, workspace).status();
        let status = status.context("plugin-health could not be started")?;
        surprises += usize::from(!plugin::ended(status.code(), scene.exit));
    }
    let journal = workspace.join(".deployment/journal.jsonl");
    let lines = std::fs::read_to_string(journal).unwrap_or_default();
    say(&format!(
        "\n{} scenes. Without a database the records went to a journal: {} lines, which the first step that reaches a \
         database delivers.",
        SCENES.len(),
        lines.lines().count()
    ));
    Ok(surprises)
}
