//! README.md, executed: every fenced block of it is run, or it is said why it cannot be.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use testbed::company::{Company, ended, names};
use testbed::example::{check, top};
use testbed::markdown::{Block, blocks, commands, of};
use testbed::scratch::Scratch;
use testbed::woodpecker::Secret;
use testbed::workflow::{Agent, Step};

use crate::asked::asked;
use crate::policies::against_its_schema;

const PAGE: &str = "README.md";

/// What runs a block.
type Run = fn(&Block);

/// Every block, by its heading and its language, and what runs it.
const RUN: &[(&str, &str, Run)] = &[
    ("See it", "sh", are_known),
    ("Build the images", "sh", are_known),
    ("The first gate", "yaml", gate),
    ("The first gate", "json", answer),
    ("The first rollback", "yaml", rollback),
    ("The first rollout", "yaml", rollout),
    ("The first rollout", "haproxy", proxy),
    ("Secrets", "sh", are_known),
    ("Limits for everybody, in one file", "yaml", policy),
    ("Pin the version", "yaml", pinned),
    ("Work on it", "sh", are_known),
];

/// What becomes of a command.
enum Fate {
    /// It is run by this file, which says this.
    RunBy(&'static str, &'static str),
    /// It cannot be run here.
    CannotRun(&'static str),
}

/// Every command, by how it begins.
const COMMANDS: &[(&str, Fate)] = &[
    (
        "cargo run -p demo",
        Fate::RunBy(".ci/test", "cargo run --quiet -p demo"),
    ),
    (
        "docker build ",
        Fate::RunBy(".ci/images", "--example readme-commands"),
    ),
    (
        "docker tag ",
        Fate::CannotRun("it names a registry that is the reader's own"),
    ),
    (
        "docker login ",
        Fate::CannotRun("it needs a registry, and a login there"),
    ),
    (
        "docker push ",
        Fate::CannotRun("it needs a registry, and a login there"),
    ),
    (
        "woodpecker-cli repo secret add ",
        Fate::CannotRun(
            "it needs a Woodpecker server; the limits that it sets are those of the secrets here",
        ),
    ),
    (".ci/test", Fate::RunBy(".ci/run", "/test\"")),
];

#[test]
fn every_block_is_run() {
    let blocks = blocks(PAGE);
    let found: Vec<(&str, &str)> = blocks.iter().map(named).collect();
    let known: Vec<(&str, &str)> = RUN
        .iter()
        .map(|(heading, language, _)| (*heading, *language))
        .collect();
    // Two blocks of one section and one language are both run.
    assert_eq!(
        BTreeSet::from_iter(&found),
        BTreeSet::from_iter(&known),
        "a block that nothing runs, or what runs a block that is gone"
    );
    std::thread::scope(|threads| {
        for block in &blocks {
            let (_, _, run) = RUN
                .iter()
                .find(|(heading, language, _)| (*heading, *language) == named(block))
                .unwrap();
            threads.spawn(move || run(block));
        }
    });
}

#[test]
fn every_command_is_run_by_something_or_it_is_said_why_it_cannot_be() {
    let blocks = blocks(PAGE);
    let shown = commands(&blocks);
    for (begins, fate) in COMMANDS {
        assert!(
            shown.iter().any(|line| line.starts_with(begins)),
            "{begins} is not shown any more"
        );
        match fate {
            Fate::RunBy(file, says) => {
                let text = fs::read_to_string(top().join(file)).unwrap_or_default();
                assert!(text.contains(says), "{file} does not say {says}");
            }
            Fate::CannotRun(reason) => assert!(!reason.is_empty()),
        }
    }
}

#[test]
fn every_image_is_built_from_a_file_that_is_there() {
    let blocks = blocks(PAGE);
    let shown = commands(&blocks);
    let built: BTreeSet<(&str, &str)> = shown
        .iter()
        .filter_map(|line| {
            line.strip_prefix("docker build -f ")?
                .strip_suffix(" .")?
                .split_once(" -t ")
        })
        .collect();
    let version = env!("CARGO_PKG_VERSION");
    for plugin in ["health", "progressive", "rollback"] {
        let (file, image) = (
            format!("Dockerfile.{plugin}"),
            format!("plugin-{plugin}:{version}"),
        );
        assert!(
            built.contains(&(file.as_str(), image.as_str())),
            "{image}: {built:?}"
        );
        assert!(top().join(&file).is_file(), "{file} is not there");
    }
    assert_eq!(built.len(), 3);
}

fn named(block: &Block) -> (&str, &str) {
    (&block.heading, &block.language)
}

fn are_known(block: &Block) {
    for line in commands(std::slice::from_ref(block)) {
        let known = COMMANDS.iter().any(|(begins, _)| line.starts_with(begins));
        assert!(known, "{}: nothing runs {line}", block.place);
    }
}

/// The secrets that the page's commands add, with the limits that these set.
fn secrets(company: &Company) -> BTreeMap<String, Secret> {
    let blocks = blocks(PAGE);
    let added = commands(&blocks).into_iter();
    let added = added.filter(|line| line.starts_with("woodpecker-cli repo secret add "));
    added
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let of = |flag: &str| -> Vec<&str> {
                let pairs = words.windows(2).filter(|pair| pair[0] == flag);
                pairs.map(|pair| pair[1]).collect()
            };
            let value = match of("--value")[0] {
                "\"$DATABASE_URL\"" => "database_url",
                "\"$GIT_TOKEN\"" => "git_token",
                "\"$FORGE_TOKEN\"" => "forge_token",
                "\"$SLACK_WEBHOOK_URL\"" => "slack_webhook_url",
                other => panic!("nobody knows {other}"),
            };
            let secret = Secret::from(company.secrets[value].value.as_str());
            let secret = secret.limited_to(&of("--image")).in_events(&of("--event"));
            (of("--name")[0].to_owned(), secret)
        })
        .collect()
}

/// A pipeline of the page, by one whose waits are short, and with the page's own secrets.
fn agent(company: &Company, workspace: &Scratch, number: &str, commit: &str, event: &str) -> Agent {
    let mut agent = company.agent(workspace, number, commit, event);
    agent.secrets = secrets(company);
    let more = [
        ("PLUGIN_INTERVAL", "50ms"),
        ("PLUGIN_INITIAL_DELAY", "0"),
        ("PLUGIN_MAX_WAIT", "20s"),
        ("PLUGIN_GIT_USERNAME", "ci"),
    ];
    agent
        .variables
        .extend(more.map(|(name, value)| (name.to_owned(), value.to_owned())));
    agent
}

#[track_caller]
fn all_passed(ran: &[Step], wanted: &[&str]) {
    assert_eq!(names(ran), wanted, "{ran:#?}");
    assert!(ran.iter().all(|step| step.code == Some(0)), "{ran:#?}");
}

fn gate(block: &Block) {
    let company = Company::new("readme-gate.git");
    let workflow = company.workflow(&block.text);
    let workspace = Scratch::new("workspace");
    let mut agent = agent(&company, &workspace, "8", &company.bad, "push");
    agent.is_trusted = false;
    company.teach(&workspace, true);
    all_passed(&agent.run(&workflow, |_| ()), &["deploy", "gate"]);
    assert_eq!(company.world.released("stable"), company.bad);

    // A deployment that changes nothing: the old version goes on answering.
    fs::write(workspace.join("deploy.sh"), "#!/bin/sh\n").unwrap();
    let later = "c0ffee0000000000000000000000000000000000";
    for (name, value) in [("CI_COMMIT_SHA", later), ("PLUGIN_MAX_WAIT", "300ms")] {
        agent.variables.insert(name.to_owned(), value.to_owned());
    }
    let ran = agent.run(&workflow, |_| ());
    assert!(ended(&ran, "gate", 124).contains(&company.bad), "{ran:#?}");

    "feature".clone_into(agent.variables.get_mut("CI_COMMIT_BRANCH").unwrap());
    assert!(agent.run(&workflow, |_| ()).is_empty());
}

/// The stable side has the good version from the beginning.
fn pinned(block: &Block) {
    let company = Company::new("readme-pinned.git");
    let workflow = company.workflow(&block.text);
    let workspace = Scratch::new("workspace");
    let deployed = agent(&company, &workspace, "8", &company.good, "deployment");
    all_passed(&deployed.run(&workflow, |_| ()), &["gate", "final check"]);

    let missing = agent(&company, &workspace, "9", &company.bad, "deployment");
    let ran = missing.run(&workflow, |_| ());
    assert!(
        ended(&ran, "final check", 1).contains(&company.good),
        "{ran:#?}"
    );
}

fn answer(block: &Block) {
    let ran = asked(&block.text, "", "");
    let log = ended(&ran, "gate", 0);
    for figure in ["0.4", "99.95", "120"] {
        assert!(log.contains(figure), "{figure}: {log}");
    }
}

fn policy(block: &Block) {
    against_its_schema(&block.text, &block.place);
    // Twice the limit, and half of what the other environment's is.
    let answer = r#"{"status": "healthy", "error_rate": 10}"#;
    ended(
        &asked(answer, &block.text, "environment: staging"),
        "gate",
        0,
    );
    let ran = asked(answer, &block.text, "environment: production");
    assert!(ended(&ran, "gate", 1).contains('5'), "{ran:#?}");
}

fn rollback(block: &Block) {
    let company = Company::new("readme-rollback.git");
    let workflow = company.workflow(&block.text);
    let deploy = |number: &str, commit: &str, bears: Option<&str>| {
        let workspace = Scratch::new("workspace");
        let mut agent = agent(&company, &workspace, number, commit, "deployment");
        company.teach(&workspace, true);
        if let Some(bears) = bears {
            fs::write(workspace.join("build/bears"), bears).unwrap();
            // It never answers well: it is not waited for.
            let wait = ("PLUGIN_MAX_WAIT".to_owned(), "300ms".to_owned());
            agent.variables.extend([wait]);
        }
        agent.run(&workflow, |_| ())
    };
    let ran = deploy("7", &company.good, None);
    all_passed(&ran, &["preflight", "deploy", "gate"]);
    assert_eq!(company.marker(), company.good);

    let ran = deploy("8", &company.bad, Some("0"));
    assert_eq!(names(&ran), ["preflight", "deploy", "gate", "rollback"]);
    assert_ne!(ran[2].code, Some(0), "{ran:#?}");
    let log = ended(&ran, "rollback", 0);
    assert!(log.contains("ROLLED BACK (exit 0)"), "{log}");
    assert_eq!(company.world.released("stable"), company.good);
    assert_eq!(company.head(), company.good);
    let row = company.row("acme-shop-production-8");
    assert_eq!(row, format!("rolled_back {}", company.bad));
    assert_eq!(company.marker(), company.good);
}

/// The proxy's configuration that stands beside the workflow.
fn configuration() -> Block {
    let blocks = blocks(PAGE);
    let mut shown = of(&blocks, "haproxy").cloned();
    shown.next().unwrap()
}

fn rollout(block: &Block) {
    let company = Company::behind(&configuration().text, "readme-rollout.git");
    let workflow = company.workflow(&block.text);
    let deploy = |number: &str, commit: &str, bears: Option<&str>| {
        let workspace = Scratch::new("workspace");
        let agent = agent(&company, &workspace, number, commit, "deployment");
        if let Some(bears) = bears {
            fs::write(workspace.join("build/bears"), bears).unwrap();
        }
        agent.run(&workflow, |_| ())
    };
    let steps = ["settle", "deploy to the canary side", "rollout"];
    // It can bear no more than a few requests.
    let ran = deploy("8", &company.bad, Some("6"));
    assert_eq!(names(&ran), steps);
    let log = ended(&ran, "rollout", 1);
    assert!(log.contains("ROLLED BACK (exit 1)"), "{log}");
    assert_eq!(company.world.weights(), (100, 0));
    assert_eq!(company.world.released("stable"), company.good);

    let next = company
        .repository
        .commit("main", "sell boots", &[("shop.txt", "boots\n")]);
    all_passed(&deploy("9", &next, None), &steps);
    assert_eq!(
        company.stages("acme-shop-production-9"),
        "10 passed\n25 passed\n50 passed\n100 passed"
    );
    assert_eq!(company.world.weights(), (100, 0));
    assert_eq!(company.world.released("stable"), next);
}

/// It is one that HAProxy takes as it stands; the rollout beside it uses it.
fn proxy(block: &Block) {
    let scratch = Scratch::new("readme");
    let path = scratch.join("haproxy.cfg");
    fs::write(&path, &block.text).unwrap();
    check(&path, &block.place);
}
