//! A pipeline step: the binary with its settings, in a workspace with a deployment script, and the records that other
//! plugins left.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use jiff::Timestamp;
use shared::clock::ReplayClock;
use shared::deployment::Status;
use shared::record::{DRY_RUN, Deployment, Hold, LAST_STABLE, Marker, Part, Record, Subject};
use shared::store::url::DatabaseUrl;
use shared::store::{DatabaseConfig, Limits, Records, StoreConfig};
use testbed::postgres::Postgres;
use testbed::scratch::Scratch;

/// The commit that every pipeline deploys.
pub(crate) const BAD: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
/// The commit that was good before.
pub(crate) const GOOD: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
/// The deployment of every pipeline.
pub(crate) const ID: &str = "acme-shop-production-8";

/// How a step ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) log: String,
}

impl Ended {
    /// The last line of the log.
    pub(crate) fn verdict(&self) -> &str {
        self.log.lines().last().unwrap_or_default()
    }

    /// The same, having ended with this code and a last line that begins so.
    #[track_caller]
    pub(crate) fn with(self, code: i32, word: &str) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.log);
        let begins = format!("{word} (exit {code}): ");
        assert!(self.verdict().starts_with(&begins), "{}", self.log);
        self
    }

    /// The same, having said this.
    #[track_caller]
    pub(crate) fn saying(self, text: &str) -> Self {
        assert!(self.log.contains(text), "{text:?} is not in:\n{}", self.log);
        self
    }

    /// The same, never having said this.
    #[track_caller]
    pub(crate) fn not_saying(self, text: &str) -> Self {
        assert!(!self.log.contains(text), "{text:?} is in:\n{}", self.log);
        self
    }
}

/// A database of its own in the shared cluster: its name and its URL.
pub(crate) fn database() -> (&'static Postgres, String, String) {
    let postgres = Postgres::shared();
    let name = postgres.fresh_database();
    let url = postgres.url(&name);
    (postgres, name, url)
}

/// A pipeline, whose steps share a workspace. Its script notes every call.
pub(crate) struct Pipeline {
    pub(crate) workspace: Scratch,
    variables: Vec<(String, String)>,
}

impl Pipeline {
    /// A pipeline that deployed [`BAD`] by its script and failed, and may not touch git.
    pub(crate) fn new() -> Self {
        let workspace = Scratch::new("workspace");
        let ci = [
            ("CI", "woodpecker"),
            ("CI_REPO", "acme/shop"),
            ("CI_PIPELINE_NUMBER", "8"),
            ("CI_PIPELINE_EVENT", "deployment"),
            ("CI_PIPELINE_STATUS", "failure"),
            ("CI_PIPELINE_URL", "https://ci.example/repos/7/pipeline/8"),
            ("CI_COMMIT_SHA", BAD),
            ("CI_WORKSPACE", workspace.path().to_str().unwrap()),
            ("NO_COLOR", "1"),
            ("PLUGIN_FORCE", "true"),
            ("PLUGIN_STRATEGY", "none"),
            ("PLUGIN_DEPLOYMENT_SCRIPT", "deploy.sh"),
        ];
        let variables = ci.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let pipeline = Self {
            variables: variables.to_vec(),
            workspace,
        };
        pipeline.script("echo \"$1 $DEPLOYMENT_ID $DEPLOYMENT_PREVIOUS_COMMIT\" >> calls");
        pipeline
    }

    /// A variable for every step from here on; an empty one is none.
    pub(crate) fn var(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(other, _)| other != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A setting for every step from here on.
    pub(crate) fn set(self, name: &str, value: &str) -> Self {
        self.var(&format!("PLUGIN_{}", name.to_uppercase()), value)
    }

    /// Writes the deployment script.
    pub(crate) fn script(&self, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.workspace.join("deploy.sh");
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Calls of the script so far, one a line.
    pub(crate) fn calls(&self) -> String {
        std::fs::read_to_string(self.workspace.join("calls")).unwrap_or_default()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plugin-rollback"));
        command.env_clear().stdin(Stdio::null());
        command.current_dir(self.workspace.path());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a step to its end.
    pub(crate) fn run(&self) -> Ended {
        ended(self.spawn())
    }

    /// Starts a step and leaves it running.
    pub(crate) fn spawn(&self) -> Child {
        let mut command = self.command();
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// The records as another plugin in this workspace would open them.
    pub(crate) fn records(&self, url: Option<&str>, note: impl FnOnce(&mut Records<'_>)) {
        let clock = ReplayClock::at(Timestamp::from_second(1_700_000_000).unwrap());
        let limit = Duration::from_secs(10);
        let config = StoreConfig {
            database: url.map(|url| DatabaseConfig {
                url: DatabaseUrl::parse(url).unwrap(),
                ca_certificate: None,
            }),
            journal: self.workspace.join(".deployment/journal.jsonl"),
            application: "plugin-progressive/0.1.0".into(),
            limits: Limits {
                connect: limit,
                statement: limit,
                reply: limit,
                migrate: limit,
                journal_lock: limit,
                deliver: limit,
            },
        };
        let mut records = Records::open(config, &clock);
        note(&mut records);
        let left = records.finish();
        assert_eq!(left.lost + left.rejected, 0, "{left:?}");
    }

    /// The records of a good deployment, and of this pipeline's with a status.
    pub(crate) fn history(&self, url: Option<&str>, status: Status) {
        self.records(url, |records| {
            records.record(&subject("d0", GOOD), deployment(Status::Success));
            records.record(&subject("d0", GOOD), marker());
            records.record(&subject(ID, BAD), deployment(status));
        });
    }
}

/// The end of a step that was left running.
pub(crate) fn ended(child: Child) -> Ended {
    let output = child.wait_with_output().unwrap();
    let log =
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    Ended {
        code: output.status.code(),
        log,
    }
}

pub(crate) fn subject(id: &str, commit: &str) -> Subject {
    Subject {
        repo: "acme/shop".into(),
        environment: "production".into(),
        deployment_id: id.into(),
        commit: Some(commit.into()),
        build_id: None,
    }
}

pub(crate) fn deployment(status: Status) -> Record {
    Record::Deployment(Deployment::standard(status))
}

pub(crate) fn dry_run() -> Record {
    Record::Deployment(Deployment {
        deployment_type: DRY_RUN.into(),
        ..Deployment::standard(Status::Success)
    })
}

pub(crate) fn marker() -> Record {
    Record::Marker(Marker {
        name: LAST_STABLE.into(),
    })
}

pub(crate) fn hold(reason: &str) -> Record {
    Record::Hold(Hold {
        reason: reason.into(),
    })
}

pub(crate) fn part(name: &str) -> Record {
    Record::Part(Part {
        part: name.into(),
        note: None,
    })
}
