//! By what a step is run: by this machine, or in a container of its image.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::binary::plugin;
use crate::container;
use crate::woodpecker::name_of;

/// By what steps are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// By this machine, as the user of the tests: `commands:` by its shell, plugins by the binaries that were built.
    Machine,
    /// Each in its image from podman's local storage, as that image's user, with nothing but its volumes.
    Containers,
}

/// What a step is told.
#[derive(Debug)]
pub(super) struct Told<'a> {
    pub(super) image: &'a str,
    /// What the image's shell runs, instead of the image's entrypoint.
    pub(super) commands: Option<String>,
    pub(super) variables: BTreeMap<String, String>,
    pub(super) workspace: &'a Path,
    /// Folders and files of the machine, as `FROM:TO`.
    pub(super) volumes: Vec<&'a str>,
}

impl Engine {
    /// What runs a step.
    pub(super) fn command(self, told: &Told<'_>) -> Command {
        match self {
            Self::Machine => by_this_machine(told),
            Self::Containers => in_a_container(told),
        }
    }
}

fn by_this_machine(told: &Told<'_>) -> Command {
    for volume in &told.volumes {
        let (from, to) = volume.split_once(':').unwrap();
        assert_eq!(from, to, "nothing is mounted at another path here");
        assert!(
            Path::new(from).exists(),
            "{from} is not there to be mounted"
        );
    }
    let mut command;
    if let Some(commands) = &told.commands {
        command = Command::new("/bin/sh");
        command.args(["-e", "-c", commands]).env_clear();
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin");
    } else {
        command = Command::new(plugin(name_of(told.image).rsplit('/').next().unwrap()));
        command.env_clear();
    }
    command.envs(&told.variables).current_dir(told.workspace);
    command
}

fn in_a_container(told: &Told<'_>) -> Command {
    let workspace = told.workspace.display();
    let mut command = container::run();
    command
        .arg(format!("--volume={workspace}:{workspace}"))
        .arg(format!("--workdir={workspace}"));
    let volumes = told.volumes.iter().map(|one| format!("--volume={one}"));
    let variables = told.variables.iter();
    let variables = variables.map(|(name, value)| format!("--env={name}={value}"));
    command.args(volumes).args(variables);
    if told.commands.is_some() {
        command.arg("--entrypoint=/bin/sh");
    }
    command.arg(format!("localhost/{}", told.image));
    if let Some(commands) = &told.commands {
        command.args(["-e", "-c", commands]);
    }
    command
}
