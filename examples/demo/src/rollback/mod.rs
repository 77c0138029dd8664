//! The scenes of `plugin-rollback`: a good release that is marked, and a bad one that is taken back, by the very steps
//! that the plugin's page shows for teams without a database.

mod page;
mod repository;

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context;
use demo::Service;

use crate::plugin::{self, Plugins, Step};
use crate::rollout;
use crate::say;
use page::Shown;
use repository::Repository;

const HEADING: &str = "Without a database";
/// Everything else is on the page.
const SHORTER: [(&str, &str); 3] = [
    ("interval", "1s"),
    ("initial_delay", "0"),
    ("max_wait", "4s"),
];
const SCRIPT: &str = "#!/bin/sh\necho \"deploying $CI_COMMIT_SHA\"\n";
/// How the steps of the two pipelines must end, by name.
const GOOD: [(&str, i32); 4] = [("preflight", 0), ("deploy", 0), ("gate", 0), ("mark", 0)];
const BAD: [(&str, i32); 4] = [
    ("preflight", 0),
    ("deploy", 0),
    ("gate", 124),
    ("rollback", 0),
];

/// Plays them and says how many things went otherwise than they must.
pub(crate) fn play(plugins: &Plugins, folder: &Path) -> anyhow::Result<usize> {
    say(
        "\n━━━━ The rollback ━━━━\nThe steps come from plugins/rollback/docs.md, \"Without a database\": gate, marker in git, rollback. \
         The repository is a\nbare one in a temporary folder. Only the waits are shorter than on the page.",
    );
    let repository = Repository::create(folder).context("the demo needs git")?;
    let service = Service::start().context("the demo service could not listen on loopback")?;
    let steps = page::steps(HEADING)?;

    let good = repository.commit("sell shoes", "shoes\n")?;
    let first = Pipeline {
        plugins,
        repository: &repository,
        workspace: folder.join("14"),
        number: "14",
        endpoint: service.url(&format!("/healthy?version={good}")),
        commit: good,
    };
    say("\n━━ 14. a good release ━━\nIt goes well to the end, so the marker moves to it.\n");
    let mut surprises = first.run(&steps, &GOOD)?;

    let bad = repository.commit("sell nothing", "nothing\n")?;
    let second = Pipeline {
        workspace: folder.join("15"),
        number: "15",
        endpoint: service.url(&format!("/down?version={bad}")),
        commit: bad,
        ..first
    };
    say(
        "\n━━ 15. a bad release ━━\nIt never answers well. The gate fails, so the rollback step runs: the branch gets one new commit with the \
         files of\nwhat was marked.\n",
    );
    surprises += second.run(&steps, &BAD)?;
    let journal = second.workspace.join(".deployment/journal.jsonl");
    let records = fs::read_to_string(journal).unwrap_or_default();
    let (page, log) = (repository.page()?, repository.log()?);
    say(&format!(
        "\nmain has \"{page}\" again:\n{log}\nThe journal of that pipeline has {} records.",
        records.lines().count()
    ));
    let told = [
        (page == "shoes", "the branch has not got the good files"),
        (
            log.lines().count() == 3,
            "the branch has not got one new commit",
        ),
        (
            records.contains("rolled_back"),
            "the rollback is not recorded",
        ),
    ];
    for (_, surprise) in told.iter().filter(|(right, _)| !right) {
        say(&format!("not as told: {surprise}"));
        surprises += 1;
    }
    Ok(surprises)
}

/// One pipeline of the shop.
struct Pipeline<'a> {
    plugins: &'a Plugins,
    repository: &'a Repository,
    workspace: std::path::PathBuf,
    number: &'a str,
    endpoint: String,
    commit: String,
}

impl Pipeline<'_> {
    /// Runs the steps as Woodpecker does, and says how many went otherwise than they must.
    fn run(&self, steps: &[Shown], expected: &[(&str, i32)]) -> anyhow::Result<usize> {
        fs::create_dir_all(&self.workspace)?;
        rollout::script(&self.workspace, SCRIPT)?;
        let mut surprises = 0;
        let mut has_failed = false;
        let mut ran = Vec::new();
        for step in steps {
            if step.is_after_failure != has_failed {
                continue;
            }
            let code = self.step(step, has_failed)?;
            let wanted = expected.iter().find(|(name, _)| *name == step.name);
            let right = plugin::ended(code, wanted.map_or(0, |(_, code)| *code));
            surprises += usize::from(!right);
            has_failed |= code != Some(0);
            ran.push(step.name.as_str());
            say("");
        }
        let all = ran == expected.iter().map(|(name, _)| *name).collect::<Vec<_>>();
        if !all {
            say(&format!("not as told: these steps ran: {}", ran.join(", ")));
        }
        Ok(surprises + usize::from(!all))
    }

    fn step(&self, shown: &Shown, has_failed: bool) -> anyhow::Result<Option<i32>> {
        let filled = |value: &str| {
            value
                .replace("https://shop.example/health", &self.endpoint)
                .replace("${CI_COMMIT_SHA}", &self.commit)
        };
        let settings: Vec<(&str, String)> = shown
            .settings
            .iter()
            .map(|(name, value)| (name.as_str(), filled(value)))
            .collect();
        let mut settings: Vec<(&str, &str)> = settings
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        if settings.contains(&("wait", "true")) {
            settings.extend(SHORTER);
        }
        let step = Step {
            name: &shown.name,
            image: &shown.image,
            number: self.number,
            commit: &self.commit,
            settings: &settings,
        };
        let mut command = if shown.commands.is_empty() {
            plugin::show(&step);
            self.plugins.step(&step, &self.workspace)
        } else {
            say(&format!("  - name: {}", shown.name));
            let mut command = Command::new("/bin/sh");
            command
                .args(["-e", "-c", &shown.commands.join("\n")])
                .current_dir(&self.workspace)
                .env("CI_COMMIT_SHA", &self.commit);
            command
        };
        let status = if has_failed { "failure" } else { "success" };
        command
            .env("CI_REPO_CLONE_URL", self.repository.url())
            .env("CI_COMMIT_BRANCH", "main")
            .env("CI_PIPELINE_STATUS", status);
        let status = command.status();
        let status = status.with_context(|| format!("{} could not be started", shown.name))?;
        Ok(status.code())
    }
}
