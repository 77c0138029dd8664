//! One rollout as it is told: the step, its log, a table of what clients got, and whether that is the story.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use anyhow::Context;

use super::clients::{Chapter, Clients};
use super::{STAGES, World};
use crate::plugin::{self, Plugins, Step};
use crate::say;

/// How far the counted share may be from the stage's, in percentage points: some answers are under way when the log
/// says that a stage begins or ends.
const TOLERANCE: f64 = 5.0;
/// So many answers are counted before and after a rollout.
const ENOUGH: u32 = 50;

/// What is deployed.
pub(super) struct Release {
    pub(super) version: &'static str,
    pub(super) commit: &'static str,
    /// How many of fifty requests it bears.
    pub(super) bears: u32,
}

/// A stage of the rollouts.
pub(super) struct Stage {
    percent: u8,
}

impl Stage {
    pub(super) const fn of(percent: u8) -> Self {
        Self { percent }
    }
}

/// Writes the deployment script into the workspace.
pub(crate) fn script(workspace: &Path, text: &str) -> std::io::Result<()> {
    let path = workspace.join("deploy.sh");
    fs::write(&path, text)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
}

/// Rolls a release out, shows the step if it is the first one, and turns the clients' page whenever the log says that a stage begins or ends.
pub(super) fn roll(
    plugins: &Plugins,
    world: &World,
    release: &Release,
    number: &str,
    clients: &Clients,
    is_first: bool,
) -> anyhow::Result<Option<i32>> {
    let build = world.workspace.join("build");
    fs::create_dir_all(&build)?;
    fs::write(build.join("version"), release.version)?;
    fs::write(build.join("bears"), release.bears.to_string())?;
    clients.wait_for(ENOUGH);
    let settings = [
        ("traffic", "script"),
        ("deployment_script", "deploy.sh"),
        ("script_env", "{\"DEPLOY_ROOT\": \"srv\"}"),
        ("run_deploy", "true"),
        ("finish", "promote"),
        ("canary_endpoint", &world.canary),
        ("baseline_endpoint", &world.stable),
        ("expect_version", release.version),
        ("stages", "10,25,50,100"),
        ("wait_time", "1500ms"),
        ("interval", "200ms"),
        ("initial_delay", "0"),
    ];
    let step = Step {
        name: "rollout",
        image: "plugin-progressive",
        number,
        commit: release.commit,
        settings: &settings,
    };
    if is_first {
        plugin::show(&step);
    }
    let mut command = plugins.step(&step, world.workspace);
    let mut running = command
        .stdout(Stdio::piped())
        .spawn()
        .context("plugin-progressive could not be started")?;
    let log = running.stdout.take().context("the step has no log")?;
    clients.turn_to("");
    for line in BufReader::new(log).lines() {
        let line = line?;
        say(&line);
        if let Some(chapter) = chapter(&line) {
            clients.turn_to(&chapter);
        }
    }
    let code = running.wait()?.code();
    clients.turn_to("after");
    clients.wait_for(ENOUGH);
    Ok(code)
}

/// The chapter that a line of the log begins: a stage, or something between two stages that is not counted.
fn chapter(line: &str) -> Option<String> {
    let (_, to) = line.split_once(" → ")?;
    let place = to.split(": ").next().unwrap_or(to);
    let known = |stage: &&Stage| place.ends_with(&format!(" ({} %)", stage.percent));
    let stage = STAGES.iter().find(known);
    match stage.filter(|_| place.starts_with("stage ")) {
        Some(stage) => Some(name(stage)),
        // A version that is failing still has its share.
        None if to.starts_with("failing") || to.starts_with("healthy") => None,
        None => Some(String::new()),
    }
}

fn name(stage: &Stage) -> String {
    format!("{} %", stage.percent)
}

/// What clients got, as a table.
fn tell(chapters: &[Chapter], old: &str, new: &str) {
    say("\nWhat the clients got, counted from their answers:");
    say(&format!(
        "{:<8} {:>8} {:>8} {:>8} {:>8} {:>12}",
        "stage", "answers", old, new, "failed", "from canary"
    ));
    for chapter in chapters.iter().filter(|chapter| !chapter.name.is_empty()) {
        let of = |version: &str| chapter.good.get(version).copied().unwrap_or_default();
        say(&format!(
            "{:<8} {:>8} {:>8} {:>8} {:>8} {:>10.1} %",
            chapter.name,
            chapter.all(),
            of(old),
            of(new),
            chapter.failed,
            chapter.canary_percent()
        ));
    }
}

fn named<'a>(chapters: &'a [Chapter], name: &str) -> Option<&'a Chapter> {
    chapters.iter().find(|chapter| chapter.name == name)
}

fn failed(chapters: &[Chapter]) -> u32 {
    chapters.iter().map(|chapter| chapter.failed).sum()
}

/// What was not so. Each is said as it should have been.
struct Wanted(Vec<String>);

impl Wanted {
    fn is(&mut self, what: &str, so: bool) {
        if !so {
            self.0.push(what.to_owned());
        }
    }

    /// Clients got the stage's share from the canary.
    fn share(&mut self, chapters: &[Chapter], stage: &Stage) {
        let found = named(chapters, &name(stage));
        let is_so = found.is_some_and(|chapter| {
            let off = chapter.canary_percent() - f64::from(stage.percent);
            chapter.all() >= 20 && off.abs() <= TOLERANCE
        });
        let percent = stage.percent;
        self.is(&format!("{percent} % of the answers in that stage"), is_so);
    }

    /// After the rollout all traffic is on the stable side, which runs this version.
    fn ends_on(&mut self, chapters: &[Chapter], version: &str) {
        let is_so = named(chapters, "after").is_some_and(|chapter| {
            let own = chapter.good.get(version).copied().unwrap_or_default();
            chapter.from_canary == 0 && own == chapter.all() && own >= ENOUGH
        });
        self.is(
            &format!("every answer afterwards from {version} on the stable side"),
            is_so,
        );
    }
}

/// The good release: every stage has its share, nobody sees a failure, and the stable side runs it in the end.
pub(super) fn good(code: Option<i32>, chapters: &[Chapter], release: &Release) -> Vec<String> {
    let mut wanted = Wanted(Vec::new());
    wanted.is("exit code 0", plugin::ended(code, 0));
    tell(chapters, "v1", release.version);
    for stage in &STAGES {
        wanted.share(chapters, stage);
    }
    wanted.ends_on(chapters, release.version);
    let failures = failed(chapters);
    wanted.is("no failed request", failures == 0);
    say(&format!(
        "Of {} requests {failures} failed. All traffic is on the stable side again, which runs {} now.",
        chapters.iter().map(Chapter::all).sum::<u32>(),
        release.version
    ));
    wanted.0
}

/// The bad release: well at its first stage, bad at its second, and gone without anybody's doing.
pub(super) fn bad(
    code: Option<i32>,
    chapters: &[Chapter],
    release: &Release,
    live: &str,
) -> Vec<String> {
    let mut wanted = Wanted(Vec::new());
    wanted.is("exit code 1", plugin::ended(code, 1));
    tell(chapters, live, release.version);
    let [first, second, later @ ..] = &STAGES;
    wanted.share(chapters, first);
    let is_well = named(chapters, &name(first)).is_some_and(|chapter| chapter.failed == 0);
    wanted.is("no failed request in the first stage", is_well);
    let fails = named(chapters, &name(second)).is_some_and(|chapter| chapter.failed > 0);
    wanted.is("failed requests in the second stage", fails);
    let went_on = later
        .iter()
        .any(|stage| named(chapters, &name(stage)).is_some());
    wanted.is("no stage after the second", !went_on);
    wanted.ends_on(chapters, live);
    let after = named(chapters, "after").map_or(0, |chapter| chapter.from_canary);
    say(&format!(
        "{} requests failed before the traffic was back; {after} answers came from the canary after it.",
        failed(chapters)
    ));
    wanted.0
}

/// The bad release once more: nothing of it reaches anybody.
pub(super) fn held(code: Option<i32>, chapters: &[Chapter], live: &str) -> Vec<String> {
    let mut wanted = Wanted(Vec::new());
    wanted.is("exit code 5", plugin::ended(code, 5));
    let canary: u32 = chapters.iter().map(|chapter| chapter.from_canary).sum();
    wanted.is("no answer from the canary", canary == 0);
    wanted.ends_on(chapters, live);
    wanted.0
}
