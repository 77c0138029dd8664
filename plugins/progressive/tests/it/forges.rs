//! What a rollout tells a forge: its incident, and how its commit stands; and what a forge that fails changes, which is
//! nothing.

use testbed::backend::Manner;
use testbed::forge::{Flavour, Forge, Item, REPO, TOKEN, When};
use testbed::sink::{Reply, Sink};

use crate::hooks::said;
use crate::rollouts::database;
use crate::step::{COMMIT, Ended, Pipeline, World};
use crate::telling::failed;

const FIRST: &str = "→ stage 1 of 3 (10 %)";
const SECOND: &str = "→ stage 2 of 3 (50 %)";
/// Stages that last until something ends them.
const LONG: (&str, &str) = ("wait_time", "10m");
const MARKER: &str =
    "<!-- deployment-incident:v1 key=acme/shop/production/acme-shop-production-8 -->";

/// Makes a forge fail, some of them with this answer.
type Prepare = fn(&Forge, Reply);

/// A pipeline that is told where the forge is.
fn told_of(forge: &Forge, flavour: Flavour, pipeline: Pipeline) -> Pipeline {
    let kind = match flavour {
        Flavour::GitHub => "github",
        Flavour::Forgejo => "forgejo",
        Flavour::GitLab => "gitlab",
    };
    pipeline
        .with("forge_token", TOKEN)
        .with("forge_type", kind)
        .with("forge_url", &forge.url())
}

fn items(forge: &Forge) -> Vec<Item> {
    forge.data(|data| data.items.clone())
}

/// How the commit stood, one after the other, and with which words.
fn stood(forge: &Forge) -> Vec<(String, String)> {
    forge.data(|data| {
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let of = |(sha, body): &(String, serde_json::Value)| {
            assert_eq!(sha, COMMIT);
            (text(&body["state"]), text(&body["description"]))
        };
        data.statuses.iter().map(of).collect()
    })
}

fn states(forge: &Forge) -> Vec<String> {
    stood(forge).into_iter().map(|(state, _)| state).collect()
}

#[track_caller]
fn keeps_its_token(ended: &Ended) {
    assert!(!ended.log.contains(TOKEN), "{}", ended.log);
}

fn journal(pipeline: &Pipeline) -> String {
    std::fs::read_to_string(pipeline.workspace.join(".deployment/journal.jsonl")).unwrap()
}

#[test]
fn a_bad_release_opens_one_incident_that_says_why() {
    for flavour in [Flavour::GitHub, Flavour::Forgejo, Flavour::GitLab] {
        let (world, forge) = (World::start(), Forge::start(flavour));
        let pipeline = told_of(&forge, flavour, Pipeline::new("8", world.settings()));
        let ended = failed(&world, &pipeline)
            .with(1, "ROLLED BACK")
            .saying("opened incident 1 : ");
        keeps_its_token(&ended);
        assert!(!ended.verdict().contains("Not done"), "{}", ended.log);
        assert_eq!(world.weights(), (100, 0));
        let item = items(&forge).remove(0);
        assert_eq!(item.title, "rollout rolled back: acme/shop production");
        assert_eq!(item.labels, ["automated", "rollback", "severity:high"]);
        for part in [
            MARKER,
            "stage 2 (50 %): too many failures in a row",
            "3 failed attempts in a row",
            "stage 1 (10 %): passed on",
            "traffic is put back: the canary has 0 %",
            "the commit is held",
            "- [ ] **whoever made the change**",
            "https://ci.example/repos/7/pipeline/8",
            COMMIT,
        ] {
            assert!(item.body.contains(part), "{part:?} is not in {}", item.body);
        }
        // The same deployment once more, and what settles it, tell nothing new.
        pipeline.run(&[]).with(5, "BUSY");
        pipeline.run(&[("settle", "true")]).with(0, "SETTLED");
        let all = items(&forge);
        assert_eq!((all.len(), all[0].comments.len()), (1, 0), "{all:?}");
        assert_eq!(forge.refused(), [""; 0]);
    }
}

#[test]
fn the_next_version_that_passes_closes_the_incidents_of_the_bad_ones() {
    let (world, forge) = (World::start(), Forge::start(Flavour::Forgejo));
    let (postgres, name, url) = database();
    let pipeline = told_of(
        &forge,
        Flavour::Forgejo,
        Pipeline::new("8", world.settings()),
    )
    .with("database_url", &url);
    for (number, id) in ["d1", "d2", "d3"].into_iter().enumerate() {
        let commit = COMMIT.replace('5', &number.to_string());
        let deployment = [("deployment_id", id), ("commit", &commit)];
        world.green.behave(Manner::Healthy);
        let running = pipeline.spawn(&deployment);
        if id == "d3" {
            let closed = ["closed incident 1 : ", "closed incident 2 : "];
            let ended = running.wait().with(0, "PASSED");
            for text in closed {
                assert!(ended.log.contains(text), "{}", ended.log);
            }
        } else {
            let running = running.until(SECOND);
            world.green.behave(Manner::Failing(500));
            running.wait().with(1, "ROLLED BACK");
        }
    }
    let all = items(&forge);
    assert_eq!(all.len(), 2);
    for item in &all {
        assert!(item.closed, "{item:?}");
        assert!(item.comments[0].contains("**Recovered.**"), "{item:?}");
        assert!(item.comments[0].contains("as deployment d3"), "{item:?}");
    }
    let parts = "SELECT deployment_id FROM deployment_parts WHERE part = 'recovered' ORDER BY 1";
    assert_eq!(postgres.sql(&name, parts), "d1\nd2");
}

#[test]
fn where_no_incident_is_to_be_opened_the_part_is_left_to_who_can() {
    let (world, forge) = (World::start(), Forge::start(Flavour::GitHub));
    for (why, pipeline) in [
        (
            "there is no forge_token",
            Pipeline::new("8", world.settings()),
        ),
        (
            "create_issue is false",
            told_of(
                &forge,
                Flavour::GitHub,
                Pipeline::new("8", world.settings()),
            )
            .with("create_issue", "false"),
        ),
    ] {
        world.green.behave(Manner::Healthy);
        let text = format!("no incident is opened: {why}; it is left to plugin-rollback");
        let ended = failed(&world, &pipeline)
            .with(1, "ROLLED BACK")
            .saying(&text);
        assert!(!ended.verdict().contains("Not done"), "{}", ended.log);
        let journal = journal(&pipeline);
        assert!(journal.contains("\"notify\"") && !journal.contains("\"incident\""));
    }
    assert_eq!(items(&forge).len(), 0);
}

#[test]
fn a_forge_that_refuses_changes_neither_the_traffic_nor_the_exit_code() {
    let refusal = |status, text: &str| Reply::new(status, &format!(r#"{{"message":"{text}"}}"#));
    let cases: [(&str, Prepare, Reply, &str); 5] = [
        ("a wrong token", |_, _| {}, refusal(0, ""), "401"),
        (
            "a token that may not",
            |forge, reply| forge.fault("POST", "/issues", When::Instead, reply, 9),
            refusal(403, "Resource not accessible by personal access token"),
            "403",
        ),
        (
            "no such repository",
            |forge, reply| forge.fault("GET", "/issues", When::Instead, reply, 9),
            refusal(404, "Not Found"),
            "404",
        ),
        (
            "issues are off",
            |forge, _| forge.data(|data| data.issues_off = true),
            refusal(0, ""),
            "410",
        ),
        (
            "no forge at all",
            |forge, reply| forge.fault("GET", "/issues", When::Instead, reply, 9),
            Reply::new(200, "<html>welcome</html>"),
            "the incident is not open",
        ),
    ];
    for (what, prepare, reply, word) in cases {
        let (world, forge) = (World::start(), Forge::start(Flavour::GitHub));
        prepare(&forge, reply);
        let mut pipeline = told_of(
            &forge,
            Flavour::GitHub,
            Pipeline::new("8", world.settings()),
        );
        if word == "401" {
            pipeline = pipeline.with("forge_token", "an0ther-t0ken");
        }
        let ended = failed(&world, &pipeline).with(1, "ROLLED BACK");
        assert_eq!(world.weights(), (100, 0), "{what}");
        keeps_its_token(&ended);
        assert!(!ended.log.contains("an0ther-t0ken"), "{}", ended.log);
        let lines = ended.log.lines();
        let lines: Vec<&str> = lines
            .filter(|line| line.contains("the incident is not open: "))
            .collect();
        assert!(
            matches!(lines[..], [line] if line.contains(word)),
            "{what}: {}",
            ended.log
        );
        assert!(
            ended.verdict().contains("Not done: the incident. Next: "),
            "{what}: {}",
            ended.log
        );
        assert!(!journal(&pipeline).contains("\"incident\""), "{what}");
    }
}

#[test]
fn a_run_that_is_cancelled_while_its_forge_does_not_answer_ends_in_time() {
    let hanging =
        Sink::answering(|_| Reply::new(200, "[]").after(std::time::Duration::from_secs(60)));
    let port = testbed::program::free_port();
    let (asked, down) = (hanging.url(""), format!("http://127.0.0.1:{port}"));
    for url in [asked.trim_end_matches('/'), &down] {
        let world = World::start();
        let pipeline = Pipeline::new("8", world.settings())
            .with("forge_token", TOKEN)
            .with("forge_type", "gitea")
            .with("forge_url", url);
        let running = pipeline.spawn(&[]).until(SECOND);
        world.green.behave(Manner::Failing(500));
        let running = running.until("recorded: record done");
        assert_eq!(world.weights(), (100, 0));
        let ended = running.signal("-TERM").wait().with(143, "ROLLED BACK");
        keeps_its_token(&ended);
        let ended = ended.saying("the incident is not open: ");
        assert!(
            ended.verdict().contains("Not done: the incident"),
            "{}",
            ended.log
        );
    }
}

#[test]
fn a_cancelled_rollout_opens_no_incident() {
    let (world, forge) = (World::start(), Forge::start(Flavour::GitHub));
    let pipeline = told_of(
        &forge,
        Flavour::GitHub,
        Pipeline::new("8", world.settings()),
    );
    let running = pipeline.spawn(&[LONG]).until(FIRST);
    let ended = running.signal("-TERM").wait().with(143, "CANCELLED");
    assert!(!ended.log.contains("incident"), "{}", ended.log);
    assert_eq!(forge.requests().len(), 0);
}

#[test]
fn what_is_left_to_a_person_is_an_incident_as_the_policy_wants_it() {
    let (world, forge) = (World::start(), Forge::start(Flavour::GitLab));
    let pipeline = told_of(
        &forge,
        Flavour::GitLab,
        Pipeline::new("8", world.settings()),
    )
    .with("skip_rollback", "true")
    .with("issue_assignees", "kim");
    let policy = "incident_management: {severity: critical, template: outage.md}\n";
    std::fs::write(pipeline.workspace.join("deployment-policy.yaml"), policy).unwrap();
    let template = "# Outage\n\n{{severity}}: {{what}}\n\n{{not_done}}\n";
    std::fs::write(pipeline.workspace.join("outage.md"), template).unwrap();
    failed(&world, &pipeline).with(4, "HELD");
    assert_eq!(world.weights(), (50, 50));
    let item = items(&forge).remove(0);
    assert_eq!(item.title, "rollout held: acme/shop production");
    assert_eq!(item.labels, ["automated", "rollback", "severity:critical"]);
    assert_eq!(item.assignees, ["kim"]);
    let begins =
        "# Outage\n\ncritical: held in production: stage 2 (50 %): too many failures in a row.";
    assert!(item.body.starts_with(begins), "{}", item.body);
    assert!(
        item.body
            .contains("traffic: left as it is, the canary has 50 %"),
        "{}",
        item.body
    );
}

#[test]
fn who_is_told_of_a_rollback_is_told_where_the_incident_is() {
    let (world, forge, people) = (
        World::start(),
        Forge::start(Flavour::GitHub),
        Sink::start([]),
    );
    let pipeline = told_of(
        &forge,
        Flavour::GitHub,
        Pipeline::new("8", world.settings()),
    )
    .with("webhook_url", &people.url("/told"))
    .with("report_file", "report.json");
    failed(&world, &pipeline).with(1, "ROLLED BACK");
    let page = forge.data(|data| data.page.clone());
    let told = said(&people.requests()[0])["message"]["links"].to_string();
    assert!(told.contains(&format!("[\"incident\",\"{page}")), "{told}");
    let report = std::fs::read_to_string(pipeline.workspace.join("report.json")).unwrap();
    assert!(report.contains(&page), "{report}");
}

#[test]
fn the_commit_stands_as_the_rollout_does() {
    let (world, forge) = (World::start(), Forge::start(Flavour::Forgejo));
    let with_status =
        |pipeline| told_of(&forge, Flavour::Forgejo, pipeline).with("commit_status", "true");
    let pipeline = with_status(Pipeline::new("8", world.settings()));
    let running = pipeline.spawn(&[("status_context", "deploy/production")]);
    running
        .until(FIRST)
        .signal("-TERM")
        .wait()
        .with(143, "CANCELLED")
        .saying("set the status deploy/production of commit");
    assert_eq!(states(&forge), ["pending", "error"]);
    let running = pipeline.spawn(&[]).until(SECOND);
    world.green.behave(Manner::Failing(500));
    running.wait().with(1, "ROLLED BACK");
    // Who is refused says nothing of a commit that stands already.
    pipeline.run(&[]).with(5, "BUSY");
    world.green.behave(Manner::Healthy);
    let good = [("deployment_id", "next"), ("override", "hold")];
    pipeline.run(&good).with(0, "PASSED");
    let stood = stood(&forge);
    let states: Vec<&str> = stood.iter().map(|(state, _)| state.as_str()).collect();
    assert_eq!(
        states,
        [
            "pending", "error", "pending", "failure", "pending", "success"
        ]
    );
    assert_eq!(stood[0].1, "rolling out: 10 %, 50 %, 100 % of the traffic");
    let begins = "rolled back: stage 2 (50 %): too many failures in a row; ";
    assert!(stood[3].1.starts_with(begins), "{stood:?}");
    let begins = "passed: the last of 3 stages passed on ";
    assert!(stood[5].1.starts_with(begins), "{stood:?}");
    let sent = forge.data(|data| data.statuses.clone());
    assert_eq!(sent[0].1["context"], "deploy/production");
    assert_eq!(sent[5].1["context"], "plugin-progressive");
    let url = "https://ci.example/repos/7/pipeline/8";
    assert!(sent.iter().all(|(_, body)| body["target_url"] == url));
    assert!(
        sent.iter()
            .all(|(_, body)| body["description"].as_str().unwrap().chars().count() <= 140)
    );
    assert_eq!(forge.refused(), [""; 0]);
}

#[test]
fn the_commit_of_a_run_that_was_killed_stands_when_it_is_settled() {
    let (world, forge) = (World::start(), Forge::start(Flavour::GitHub));
    let pipeline = told_of(
        &forge,
        Flavour::GitHub,
        Pipeline::new("8", world.settings()),
    )
    .with("commit_status", "true");
    let killed = pipeline.spawn(&[]).until(SECOND).signal("-KILL").wait();
    assert_eq!(
        (killed.code, states(&forge)),
        (None, vec!["pending".to_owned()])
    );
    pipeline.run(&[("settle", "true")]).with(0, "SETTLED");
    assert_eq!(states(&forge), ["pending", "error"]);
    assert_eq!(
        items(&forge).len(),
        0,
        "nobody said that the version is bad"
    );
}

#[test]
fn a_status_that_cannot_be_set_changes_nothing() {
    let (world, forge) = (World::start(), Forge::start(Flavour::GitHub));
    let gone = Reply::new(404, r#"{"message":"Not Found"}"#);
    forge.fault("POST", "/statuses/", When::Instead, gone, 9);
    let pipeline = told_of(
        &forge,
        Flavour::GitHub,
        Pipeline::new("8", world.settings()),
    )
    .with("commit_status", "true");
    let ended = pipeline.run(&[]).with(0, "PASSED");
    let count = ended
        .log
        .matches("the commit's status is not set: ")
        .count();
    // Once at the beginning and once at the end.
    assert_eq!(count, 2, "{}", ended.log);
    assert_eq!(world.weights(), (0, 100));
}

#[test]
fn a_preflight_looks_at_the_forge_and_is_stopped_by_nothing_there() {
    let (world, forge) = (World::start(), Forge::start(Flavour::Forgejo));
    let pipeline = told_of(
        &forge,
        Flavour::Forgejo,
        Pipeline::new("8", world.settings()),
    );
    let preflight = [("preflight", "true")];
    pipeline
        .run(&preflight)
        .with(0, "PASSED")
        .saying(&format!("forge: Gitea/Forgejo knows {REPO}"));
    forge.data(|data| data.issues_off = true);
    pipeline
        .run(&preflight)
        .with(0, "PASSED")
        .saying("no incident can be opened");
    let wrong = [("preflight", "true"), ("forge_token", "an0ther-t0ken")];
    pipeline.run(&wrong).with(0, "PASSED").saying("401");
    assert_eq!(items(&forge).len(), 0);
}
