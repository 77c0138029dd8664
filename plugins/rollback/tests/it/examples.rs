//! The seven stages, executed: the example's workflow by the three binaries, with its proxy and its script, a database, a
//! git server and a forge.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use testbed::example::{World, example, scripted};
use testbed::forge::{self, Flavour, Forge};
use testbed::git_repository::Repository;
use testbed::git_server::{GitServer, PASSWORD};
use testbed::postgres::Postgres;
use testbed::scratch::Scratch;
use testbed::sink::{Reply, Sink};
use testbed::workflow::{Agent, Step};

use crate::step::{BAD, GOOD, database};

/// A shop whose version `good` is live, and whose `main` has a `bad` one since.
struct Company {
    world: World,
    forge: Forge,
    slack: Sink,
    postgres: &'static Postgres,
    database: String,
    secrets: BTreeMap<String, String>,
    repository: Repository,
    clone_url: String,
    good: String,
    bad: String,
}

impl Company {
    fn new(name: &str) -> Self {
        let server = GitServer::shared();
        let repository = server.repository(name);
        let good = repository.commit("main", "sell shoes", &[("shop.txt", "shoes\n")]);
        let bad = repository.commit("main", "sell more shoes", &[("shop.txt", "more\n")]);
        let world = World::start(&good);
        world.release(&good);
        let (postgres, database, url) = database();
        let slack = Sink::answering(|_| Reply::new(200, "ok"));
        let secrets = [
            ("database_url", url),
            ("slack_webhook_url", slack.url("/services/x")),
            ("git_password", PASSWORD.to_owned()),
            ("forge_token", forge::TOKEN.to_owned()),
        ];
        Self {
            secrets: secrets.map(|(name, value)| (name.to_owned(), value)).into(),
            clone_url: server.url("git", name),
            forge: Forge::start(Flavour::GitHub),
            world,
            slack,
            postgres,
            database,
            repository,
            good,
            bad,
        }
    }

    /// A pipeline on a commit, in a workspace of its own.
    fn agent(&self, workspace: &Scratch, number: &str, commit: &str, event: &str) -> Agent {
        scripted(workspace.path(), commit);
        let variables = [
            ("CI_REPO", forge::REPO),
            ("CI_REPO_CLONE_URL", &self.clone_url),
            ("CI_COMMIT_SHA", commit),
            ("CI_COMMIT_BRANCH", "main"),
            ("CI_PIPELINE_NUMBER", number),
            ("CI_PIPELINE_EVENT", event),
            ("CI_FORGE_TYPE", "github"),
            ("CI_FORGE_URL", &self.forge.url()),
            // What a company with an authority of its own has on its agents.
            (
                "PLUGIN_CA_CERTIFICATE",
                GitServer::shared().ca_file.to_str().unwrap(),
            ),
        ];
        let mut variables: BTreeMap<String, String> = variables
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let (name, value) = match event {
            "manual" => ("ROLLBACK", "yes"),
            _ => ("CI_PIPELINE_DEPLOY_TARGET", "production"),
        };
        variables.insert(name.to_owned(), value.to_owned());
        Agent {
            workspace: workspace.path().to_owned(),
            variables,
            secrets: self.secrets.clone(),
        }
    }

    /// The workflow as it stands, but for its waits.
    fn workflow(&self) -> String {
        let text = self.world.placed(&example("pipelines/seven-stages.yaml"));
        let waits = [
            ("interval: 10s", "interval: 50ms"),
            ("wait_time: 5m", "wait_time: 400ms"),
            ("watch: 5m", "watch: 900ms"),
            ("max_wait: 5m", "max_wait: 10s"),
        ];
        waits.into_iter().fold(text, |text, (long, short)| {
            assert!(text.contains(long), "{long} is gone");
            text.replace(long, short)
        })
    }

    fn deploy(&self, number: &str, commit: &str, before: impl Fn(&str, &Scratch)) -> Vec<Step> {
        let workspace = Scratch::new("workspace");
        let agent = self.agent(&workspace, number, commit, "deployment");
        agent.run(&self.workflow(), |step| before(step, &workspace))
    }

    /// The good version goes through all stages, so that it is known to be good.
    fn begin(&self) {
        let ran = self.deploy("7", &self.good, |_, _| ());
        assert!(ran.iter().all(|step| step.code == Some(0)), "{ran:#?}");
    }

    fn head(&self) -> String {
        self.repository.at("main").unwrap()
    }

    fn row(&self, id: &str) -> String {
        let statement = format!(
            "SELECT status || ' ' || commit_sha FROM deployments WHERE deployment_id = '{id}'"
        );
        self.postgres.sql(&self.database, &statement)
    }

    /// Incidents at the forge, and whether each is closed.
    fn incidents(&self) -> Vec<bool> {
        let items = self.forge.data(|data| data.items.clone());
        items.iter().map(|item| item.closed).collect()
    }
}

const ID: &str = "acme-shop-production-8";

fn names(ran: &[Step]) -> Vec<&str> {
    ran.iter().map(|step| step.name.as_str()).collect()
}

/// The step of this name, having ended so.
#[track_caller]
fn ended<'a>(ran: &'a [Step], name: &str, code: i32) -> &'a str {
    let step = ran.iter().find(|step| step.name == name);
    let step = step.unwrap_or_else(|| panic!("{name} did not run: {ran:#?}"));
    assert_eq!(step.code, Some(code), "{}", step.log);
    &step.log
}

const TO_THE_ROLLOUT: [&str; 5] = [
    "preflight",
    "settle",
    "deploy",
    "first health check",
    "rollout",
];

#[test]
fn a_good_version_goes_through_all_stages_and_is_what_is_gone_back_to_by_hand() {
    let company = Company::new("seven-good.git");
    company.begin();
    let ran = company.deploy("8", &company.bad, |_, _| ());
    let stages = [&TO_THE_ROLLOUT[..], &["final health check", "tell"]].concat();
    assert_eq!(names(&ran), stages);
    assert!(ran.iter().all(|step| step.code == Some(0)), "{ran:#?}");
    assert_eq!(company.row(ID), format!("success {}", company.bad));
    assert_eq!(company.world.weights(), (100, 0));
    assert_eq!(company.world.released("stable"), company.bad);
    assert_eq!(
        (company.head(), company.incidents()),
        (company.bad.clone(), vec![])
    );
    let told = company.slack.requests().len();
    assert!(told >= 2, "both summaries are told");

    // Nobody saw it in the pipeline: customers did.
    let workspace = Scratch::new("workspace");
    let agent = company.agent(&workspace, "9", &company.bad, "manual");
    let ran = agent.run(&company.workflow(), |_| ());
    assert_eq!(names(&ran), ["rollback by hand"]);
    let log = ended(&ran, "rollback by hand", 0);
    assert!(
        log.contains(&format!("ROLLED BACK (exit 0): {ID} ")),
        "{log}"
    );
    assert_eq!(company.world.released("stable"), company.good);
    assert_eq!(company.head(), company.good);
    assert_eq!(company.row(ID), format!("rolled_back {}", company.bad));
    assert_eq!(company.incidents(), [true]);
    assert!(company.slack.requests().len() > told);
}

#[test]
fn a_version_that_breaks_in_the_rollout_loses_its_traffic_and_its_place_on_the_branch() {
    let company = Company::new("seven-canary.git");
    company.begin();
    let ran = company.deploy("8", &company.bad, |step, workspace| {
        if step == "deploy" {
            fs::write(workspace.join("build/bears"), "8").unwrap();
        }
    });
    let stages = [&TO_THE_ROLLOUT[..], &["rollback", "tell"]].concat();
    assert_eq!(names(&ran), stages);
    let log = ended(&ran, "rollout", 1);
    assert!(
        log.contains("ROLLED BACK (exit 1)") && log.contains("→ stage 1"),
        "{log}"
    );
    let log = ended(&ran, "rollback", 0);
    assert!(log.contains("plan: traffic is done already"), "{log}");
    assert!(log.contains("plan: script is done already"), "{log}");
    ended(&ran, "tell", 0);
    assert_eq!(company.world.weights(), (100, 0));
    assert_eq!(company.world.released("stable"), company.good);
    assert_eq!(company.world.released("canary"), company.good);
    assert_eq!(company.head(), company.good);
    assert_eq!(company.row(ID), format!("rolled_back {}", company.bad));
    let back = company.row(&format!("{ID}-rollback"));
    assert_eq!(back, format!("success {}", company.good));
    assert_eq!(company.incidents(), [true]);
    assert_eq!(company.forge.refused(), Vec::<String>::new());

    // What was rolled back does not come again by itself, and what refuses it is not rolled back.
    let release = company
        .world
        .scratch
        .join("shop/releases")
        .join(&company.bad);
    let again = company.deploy("9", &company.bad, |step, _| {
        if step == "first health check" {
            fs::remove_file(release.join("bears")).unwrap();
        }
    });
    ended(&again, "rollout", 5);
    let log = ended(&again, "rollback", 0);
    assert!(log.contains("NOTHING TO DO (exit 0)"), "{log}");
    assert_eq!(company.incidents(), [true]);
}

#[test]
fn a_version_that_breaks_after_it_was_promoted_leaves_the_stable_side_again() {
    let company = Company::new("seven-promoted.git");
    company.begin();
    let release = company
        .world
        .scratch
        .join("shop/releases")
        .join(&company.bad);
    let ran = company.deploy("8", &company.bad, |step, _| {
        if step == "final health check" {
            fs::write(release.join("bears"), "0").unwrap();
        }
    });
    let stages = [
        &TO_THE_ROLLOUT[..],
        &["final health check", "rollback", "tell"],
    ]
    .concat();
    assert_eq!(names(&ran), stages);
    ended(&ran, "final health check", 1);
    let log = ended(&ran, "rollback", 0);
    assert!(
        log.contains("plan: the deployment's rollback is called"),
        "{log}"
    );
    assert_eq!(company.world.weights(), (100, 0));
    assert_eq!(company.world.released("stable"), company.good);
    assert_eq!(company.head(), company.good);
    assert_eq!(company.incidents(), [true]);
}

#[test]
fn a_build_that_was_never_deployed_is_not_rolled_back() {
    let company = Company::new("seven-none.git");
    company.begin();
    let ran = company.deploy("8", &company.bad, |step, workspace| {
        if step == "preflight" {
            fs::remove_file(workspace.join("deploy.sh")).unwrap();
        }
    });
    assert_eq!(names(&ran), ["preflight", "rollback", "tell"]);
    ended(&ran, "preflight", 2);
    let log = ended(&ran, "rollback", 0);
    assert!(log.contains("nothing was deployed"), "{log}");
    assert_eq!(company.head(), company.bad);
    assert_eq!(company.incidents(), Vec::<bool>::new());
}

#[test]
fn the_example_script_takes_a_promoted_version_back_from_both_sides() {
    let workspace = Scratch::new("script");
    let script = scripted(workspace.path(), BAD);
    let root = workspace.join("srv");
    let release = |commit: &str| root.join("releases").join(commit);
    fs::create_dir_all(release(BAD)).unwrap();
    for side in ["stable", "canary"] {
        symlink(release(BAD), root.join(side)).unwrap();
    }
    let roll_back = || {
        let mut command = Command::new(&script);
        command.arg("rollback").env("DEPLOY_ROOT", &root);
        command.envs([
            ("DEPLOYMENT_COMMIT", BAD),
            ("DEPLOYMENT_PREVIOUS_COMMIT", GOOD),
        ]);
        command.output().unwrap()
    };
    let of = |side: &str| fs::read_link(root.join(side)).unwrap();
    // A folder that somebody has cleaned up: nothing is pointed to where nothing is.
    let said = roll_back();
    assert_eq!(said.status.code(), Some(1));
    let said = String::from_utf8(said.stderr).unwrap();
    assert!(said.contains("is gone: deploy that version anew"), "{said}");
    assert_eq!(of("stable"), release(BAD));
    fs::create_dir(release(GOOD)).unwrap();
    // Done twice, it comes to the same.
    for _ in 0..2 {
        assert!(roll_back().status.success());
        assert_eq!((of("stable"), of("canary")), (release(GOOD), release(GOOD)));
    }
}
