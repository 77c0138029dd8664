//! The demonstration: the real `plugin-health` binary, run as Woodpecker runs it, against a service on loopback.
//!
//! `cargo run -p demo` needs Rust and nothing else: no database, no proxy, under a minute.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, bail};
use demo::Service;

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

fn main() -> ExitCode {
    match play() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("the demo could not run: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn play() -> anyhow::Result<bool> {
    let plugin = build()?;
    let service = Service::start().context("the demo service could not listen on loopback")?;
    let workspace = std::env::temp_dir().join(format!("deployment-demo-{}", std::process::id()));
    std::fs::create_dir_all(&workspace).context("the demo needs a temporary folder")?;
    say(
        "A small service runs on loopback. The real plugin-health gates it, as a step of a pipeline would.",
    );
    let mut surprises = 0;
    for (number, scene) in SCENES.iter().enumerate() {
        let code = perform(number + 1, scene, &service, &plugin, &workspace)?;
        let right = code == Some(scene.exit);
        surprises += usize::from(!right);
        let code = code.map_or_else(|| "a signal".to_owned(), |code| code.to_string());
        say(&format!(
            "→ exit code {code}{}",
            if right {
                ""
            } else {
                ", which was not expected here"
            }
        ));
    }
    let journal =
        std::fs::read_to_string(workspace.join(".deployment/journal.jsonl")).unwrap_or_default();
    say(&format!(
        "\n{} scenes, {surprises} surprises. Without a database the records went to a journal: {} lines, which the \
         first step that reaches a database delivers.",
        SCENES.len(),
        journal.lines().count()
    ));
    std::fs::remove_dir_all(&workspace)?;
    Ok(surprises == 0)
}

fn perform(
    number: usize,
    scene: &Scene,
    service: &Service,
    plugin: &Path,
    workspace: &Path,
) -> anyhow::Result<Option<i32>> {
    say(&format!(
        "\n━━ {number}. {} ━━\n{}\n",
        scene.title, scene.why
    ));
    say("  - name: gate\n    image: plugin-health\n    settings:");
    let endpoint = service.url(scene.path);
    let mut step = Command::new(plugin);
    step.env_clear().current_dir(workspace);
    step.envs([
        ("CI", "woodpecker"),
        ("CI_REPO", "acme/shop"),
        ("CI_PIPELINE_NUMBER", "8"),
        ("NO_COLOR", "1"),
    ]);
    step.envs([
        ("CI_COMMIT_SHA", "5f3c2a9d1e8b7460c5f3c2a9d1e8b7460c5f3c2a"),
        ("CI_PIPELINE_EVENT", "deployment"),
    ]);
    step.env("CI_WORKSPACE", workspace);
    for (name, value) in [("endpoint", endpoint.as_str())]
        .iter()
        .chain(scene.settings)
    {
        say(&format!("      {name}: {value}"));
        step.env(format!("PLUGIN_{}", name.to_uppercase()), value);
    }
    say("");
    let status = step
        .status()
        .with_context(|| format!("{} could not be started", plugin.display()))?;
    Ok(status.code())
}

/// Builds the plugin with the cargo that runs the demo, and says where it is.
#[expect(
    clippy::disallowed_methods,
    reason = "cargo tells where it is in the environment"
)]
fn build() -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let me = std::env::current_exe()?;
    let mut command = Command::new(cargo);
    command
        .args(["build", "--quiet", "-p", "plugin-health"])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    if me
        .parent()
        .is_some_and(|folder| folder.ends_with("release"))
    {
        command.arg("--release");
    }
    if !command
        .status()
        .context("cargo could not be started")?
        .success()
    {
        bail!("plugin-health could not be built");
    }
    Ok(me.with_file_name("plugin-health"))
}

/// The demo's own voice.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
