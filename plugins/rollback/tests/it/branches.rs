//! The branch goes back at last, on a real git server over HTTPS with a login, and the forge hears of it.

use shared::deployment::Status;
use shared::record::{Record, Stage, StageStatus};
use testbed::forge::{self as peer, Flavour, Forge, When};
use testbed::git_repository::Repository;
use testbed::git_server::{GitServer, PASSWORD, USER};
use testbed::program::free_port;
use testbed::sink::{Reply, Sink};

use crate::step::{Ended, Pipeline, deployment, marker, subject};

const ID: &str = "acme-shop-production-8";

/// A repository whose `main` went from good to bad.
struct Shop {
    repository: Repository,
    url: String,
    good: String,
    bad: String,
}

impl Shop {
    fn new(name: &str, bad_files: &[(&str, &str)]) -> Self {
        let server = GitServer::shared();
        let repository = server.repository(name);
        let good = repository.commit("main", "sell shoes", &[("shop.txt", "shoes\n")]);
        let bad = repository.commit("main", "sell nothing", bad_files);
        Self {
            url: server.url("git", name),
            repository,
            good,
            bad,
        }
    }

    fn plain(name: &str) -> Self {
        Self::new(name, &[("shop.txt", "\n")])
    }

    /// A pipeline that deployed the bad commit, and may push.
    fn pipeline(&self, strategy: &str) -> Pipeline {
        let pipeline = self.bare(strategy);
        pipeline.records(None, |records| {
            records.record(&subject("d0", &self.good), deployment(Status::Success));
            records.record(&subject("d0", &self.good), marker());
            records.record(&subject(ID, &self.bad), deployment(Status::Failed));
        });
        pipeline
    }

    fn bare(&self, strategy: &str) -> Pipeline {
        let ca = GitServer::shared().ca_file.display().to_string();
        Pipeline::new()
            .set("deployment_script", "")
            .set("strategy", strategy)
            .set("git_username", USER)
            .set("git_password", PASSWORD)
            .set("ca_certificate", &ca)
            .var("CI_COMMIT_SHA", &self.bad)
            .var("CI_COMMIT_BRANCH", "main")
            .var("CI_REPO_CLONE_URL", &self.url)
    }

    fn head(&self) -> String {
        self.repository.at("main").unwrap()
    }

    fn tree(&self, commit: &str) -> String {
        self.repository
            .git(&["rev-parse", &format!("{commit}^{{tree}}")])
    }
}

fn hides_the_password(ended: Ended) -> Ended {
    ended.not_saying(PASSWORD)
}

#[test]
fn auto_resets_a_branch_whose_head_is_the_bad_commit() {
    let shop = Shop::plain("auto.git");
    let pipeline = shop.pipeline("auto");
    let ended = pipeline.run().with(0, "ROLLED BACK").saying("main is at");
    hides_the_password(ended).saying("Done: record, notify, branch");
    assert_eq!(shop.head(), shop.good);
    pipeline.run().with(0, "NOTHING TO DO");
}

#[test]
fn restore_puts_one_commit_with_the_good_tree_on_the_branch() {
    let shop = Shop::plain("restore.git");
    shop.pipeline("restore").run().with(0, "ROLLED BACK");
    let head = shop.head();
    assert_eq!(shop.repository.git(&["rev-parse", "main^"]), shop.bad);
    assert_eq!(shop.tree(&head), shop.tree(&shop.good));
    let message = shop.repository.git(&["log", "-1", "--format=%B", "main"]);
    assert!(message.contains("[CI SKIP]"), "{message}");
    assert!(
        message.contains(&format!("Rollback-Of-Deployment: {ID}")),
        "{message}"
    );
}

#[test]
fn a_branch_that_may_not_be_rewritten_is_restored_instead() {
    let shop = Shop::plain("protected.git");
    shop.repository
        .config("receive.denyNonFastForwards", "true");
    shop.pipeline("auto")
        .run()
        .with(0, "ROLLED BACK")
        .saying("reset is not let through");
    assert_eq!(shop.repository.git(&["rev-parse", "main^"]), shop.bad);
    assert_eq!(shop.tree("main"), shop.tree(&shop.good));
}

#[test]
fn commits_after_the_bad_one_are_listed_and_undone_only_by_override() {
    let shop = Shop::plain("moved.git");
    let later = shop
        .repository
        .commit("main", "add a page", &[("page.txt", "page\n")]);
    shop.pipeline("auto")
        .run()
        .with(2, "REFUSED")
        .saying("1 commits came to main after the bad one")
        .saying("add a page");
    assert_eq!(shop.head(), later);
    let lifted = shop.pipeline("restore").set("override", "moved-branch");
    lifted.run().with(0, "ROLLED BACK");
    assert_eq!(shop.tree("main"), shop.tree(&shop.good));
    assert_eq!(shop.repository.git(&["rev-parse", "main^"]), later);
}

#[test]
fn database_migrations_in_between_stop_it_until_somebody_insists() {
    let shop = Shop::new("migrated.git", &[("db/migrate/2_drop.rb", "drop\n")]);
    shop.pipeline("auto")
        .run()
        .with(2, "REFUSED")
        .saying("db/migrate/2_drop.rb");
    assert_eq!(shop.head(), shop.bad);
    let own = shop.pipeline("auto").set("irreversible_paths", "schema/");
    own.run().with(0, "ROLLED BACK");
    assert_eq!(shop.head(), shop.good);
}

#[test]
fn database_migrations_in_between_stop_the_script_and_a_redeployment_too() {
    let files = [("db/migrate/2_drop.rb", "drop\n")];
    let shop = Shop::new("migrated-script.git", &files);
    let scripted = shop.pipeline("none").set("deployment_script", "deploy.sh");
    scripted
        .run()
        .with(2, "REFUSED")
        .saying("db/migrate/2_drop.rb");
    assert_eq!(scripted.calls(), "");
    let insisting = scripted.set("override", "irreversible");
    insisting.run().with(0, "ROLLED BACK");
    assert_eq!(insisting.calls().lines().count(), 1);
    let woodpecker = Sink::start([]);
    let redeploy = shop.pipeline("redeploy");
    redeploy
        .set("woodpecker_url", &woodpecker.url("/"))
        .set("woodpecker_token", "t0k3n-t0k3n")
        .run()
        .with(2, "REFUSED")
        .saying("db/migrate/2_drop.rb");
    assert_eq!(woodpecker.requests().len(), 0);
    assert_eq!(shop.head(), shop.bad);
}

#[test]
fn a_branch_that_is_back_already_lifts_no_guard_of_the_script() {
    let files = [("db/migrate/2_drop.rb", "drop\n")];
    let shop = Shop::new("migrated-back.git", &files);
    let repository = &shop.repository;
    repository.git(&["update-ref", "refs/heads/release", &shop.bad]);
    repository.git(&["update-ref", "refs/heads/main", &shop.good]);
    let pipeline = shop.pipeline("auto").set("deployment_script", "deploy.sh");
    pipeline
        .run()
        .with(2, "REFUSED")
        .saying("db/migrate/2_drop.rb");
    assert_eq!(pipeline.calls(), "");
}

#[test]
fn a_remote_that_lets_nobody_look_stops_no_script_and_is_said() {
    let shop = Shop::plain("closed-script.git");
    let scripted = shop.pipeline("none").set("deployment_script", "deploy.sh");
    scripted
        .set("git_password", "wrong-password")
        .run()
        .with(0, "ROLLED BACK")
        .saying("nobody looked whether something changed that cannot be rolled back")
        .not_saying("wrong-password");
}

#[test]
fn a_dry_run_looks_at_the_branch_and_leaves_it() {
    let shop = Shop::plain("dry.git");
    let pipeline = shop.pipeline("auto").set("dry_run", "true");
    pipeline
        .run()
        .with(0, "DRY RUN")
        .saying("the branch goes back at last, by reset, else restore");
    assert_eq!(shop.head(), shop.bad);
}

#[test]
fn what_is_back_already_is_not_pushed_again() {
    let shop = Shop::plain("again.git");
    shop.repository
        .git(&["update-ref", "refs/heads/main", &shop.good]);
    let pipeline = shop.pipeline("reset").set("deployment_script", "deploy.sh");
    pipeline
        .run()
        .with(0, "ROLLED BACK")
        .saying("Done: script, record, notify");
    assert_eq!(shop.head(), shop.good);
}

#[test]
fn a_wrong_password_stops_the_branch_alone_and_is_never_shown() {
    let shop = Shop::plain("login.git");
    let pipeline = shop
        .pipeline("auto")
        .set("deployment_script", "deploy.sh")
        .set("git_password", "wr0ng-horse");
    pipeline
        .run()
        .with(4, "STUCK")
        .saying("the login is refused (401)")
        .saying("Done: script")
        .not_saying("wr0ng-horse");
    assert_eq!(shop.head(), shop.bad);
}

#[test]
fn the_parent_is_gone_back_to_only_where_somebody_says_so() {
    let shop = Shop::plain("parent.git");
    let pipeline = shop.bare("auto");
    pipeline.run().with(2, "REFUSED");
    pipeline
        .set("previous_commit", "parent")
        .run()
        .with(0, "ROLLED BACK")
        .saying("the bad commit's parent, as previous_commit says");
    assert_eq!(shop.head(), shop.good);
}

#[test]
fn the_marker_in_git_serves_a_team_without_a_database() {
    let shop = Shop::plain("marker.git");
    let good = shop
        .bare("auto")
        .set("marker", "git")
        .set("mark", "true")
        .var("CI_COMMIT_SHA", &shop.good);
    good.run().with(0, "MARKED");
    let marker = shop
        .repository
        .at("refs/deployments/production/last-stable");
    assert_eq!(marker.as_ref(), Some(&shop.good));
    let pipeline = shop.bare("auto").set("marker", "git");
    pipeline.records(None, |records| {
        records.record(&subject(ID, &shop.bad), deployment(Status::Failed));
    });
    pipeline
        .run()
        .with(0, "ROLLED BACK")
        .saying("(the last-stable marker in git)");
    assert_eq!(shop.head(), shop.good);
}

#[test]
fn the_forge_gets_one_incident_that_is_closed_when_all_is_well_again() {
    let forge = Forge::start(Flavour::GitHub);
    let shop = Shop::plain("forge.git");
    let well = Sink::start([]);
    let pipeline = at(shop.pipeline("auto"), &forge, "github")
        .set("commit_status", "true")
        .set("reason", "error rate 9 % > limit 5 %")
        .set("endpoint", &well.url("/health"))
        .set("watch", "300ms")
        .set("deployment_script", "deploy.sh");
    pipeline
        .run()
        .with(0, "ROLLED BACK")
        .saying("Done: script, record, incident, status, notify, watch, branch")
        .not_saying(peer::TOKEN);
    assert_eq!(shop.head(), shop.good);
    let incidents = forge.data(|data| data.items.clone());
    assert_eq!(incidents.len(), 1);
    assert!(incidents[0].closed, "{incidents:?}");
    let body = &incidents[0].body;
    assert!(body.contains("error rate 9 %"), "{body}");
    let told = forge.data(|data| data.statuses.clone());
    assert_eq!((told.len(), &told[0].0), (1, &shop.bad));
    assert_eq!(forge.refused(), Vec::<String>::new());
}

#[test]
fn the_incident_holds_the_stages_against_their_limits_and_is_as_bad_as_the_policy_says() {
    let forge = Forge::start(Flavour::GitHub);
    let shop = Shop::plain("stages.git");
    let pipeline = at(shop.pipeline("auto"), &forge, "github");
    let policy =
        "incident_management: {severity: critical}\nrollback_thresholds: {error_rate: 4}\n";
    std::fs::write(pipeline.workspace.join("deployment-policy.yaml"), policy).unwrap();
    let at = |second| jiff::Timestamp::from_second(second).unwrap();
    let stage = |stage, percent, status, rate| {
        Record::Stage(Stage {
            stage,
            traffic_percentage: percent,
            status,
            error_rate: Some(rate),
            availability: None,
            response_time_ms: None,
            started_at: at(60 * i64::from(stage)),
            completed_at: Some(at(60 * i64::from(stage) + 60)),
            rollback_reason: None,
            stable: None,
            canary: None,
            dry_run: false,
        })
    };
    pipeline.records(None, |records| {
        let bad = subject(ID, &shop.bad);
        records.record(&bad, stage(1, 10, StageStatus::Passed, 0.5));
        records.record(&bad, stage(2, 25, StageStatus::Failed, 9.0));
    });
    pipeline.run().with(0, "ROLLED BACK");
    let incidents = forge.data(|data| data.items.clone());
    let body = &incidents[0].body;
    assert!(body.contains("stage 2 (25 %)"), "{body}");
    assert!(body.contains("failed, error rate 9 %"), "{body}");
    assert!(body.contains("last 9 %  limit 4 %  ✗ 1/2"), "{body}");
    let label = "severity:critical".to_owned();
    assert!(incidents[0].labels.contains(&label), "{incidents:?}");
}

#[test]
fn a_rollback_is_a_deployment_at_the_forge_only_where_somebody_wants_that() {
    let states = |wanted: &str, name: &str| {
        let forge = Forge::start(Flavour::GitHub);
        let shop = Shop::plain(name);
        let pipeline = at(shop.pipeline("auto"), &forge, "github")
            .set("create_issue", "false")
            .set("forge_deployment", wanted);
        pipeline.run().with(0, "ROLLED BACK");
        assert_eq!(forge.refused(), Vec::<String>::new());
        let made = forge.data(|data| {
            let all = data.deployments.iter();
            all.map(|one| (one.sha.clone(), one.task.clone(), one.states.join(" ")))
                .collect::<Vec<_>>()
        });
        (made, shop.good)
    };
    assert_eq!(states("false", "no-deployment.git").0, []);
    let (made, good) = states("true", "deployment.git");
    let wanted = (
        good,
        "rollback".to_owned(),
        "in_progress success".to_owned(),
    );
    assert_eq!(made, [wanted]);
}

#[test]
fn a_branch_that_takes_no_push_gets_a_pull_request() {
    let forge = Forge::start(Flavour::Forgejo);
    let shop = Shop::plain("pull.git");
    shop.repository.hook(
        "update",
        "[ \"$1\" = refs/heads/main ] && { echo 'Forgejo: Not allowed to push to protected branch main' >&2; exit 1; }; exit 0",
    );
    let pipeline = at(shop.pipeline("auto"), &forge, "forgejo").set("create_issue", "false");
    pipeline
        .run()
        .with(0, "ROLLED BACK")
        .saying("restore is not let through");
    assert_eq!(shop.head(), shop.bad);
    let proposed = shop.repository.at(&format!("rollback/{ID}")).unwrap();
    assert_eq!(shop.tree(&proposed), shop.tree(&shop.good));
    assert_eq!(posts(&forge, "/pulls"), 1);
}

#[test]
fn a_forge_that_takes_nothing_is_listed_and_stops_nothing() {
    let forge = Forge::start(Flavour::GitHub);
    let shop = Shop::plain("forge-refuses.git");
    let no = Reply::new(
        403,
        "{\"message\":\"Resource not accessible by integration\"}",
    );
    for method in ["GET", "POST"] {
        forge.fault(method, "/repos/", When::Instead, no.clone(), 99);
    }
    let pipeline = at(shop.pipeline("auto"), &forge, "github");
    pipeline
        .run()
        .with(0, "ROLLED BACK")
        .saying("incident is not done")
        .saying("Done: record, notify, branch");
    assert_eq!(shop.head(), shop.good);
}

#[test]
fn with_forge_slack_mail_and_database_down_the_script_and_the_branch_go_back_all_the_same() {
    let shop = Shop::plain("all-down.git");
    let port = free_port();
    let pipeline = shop
        .bare("auto")
        .set("deployment_script", "deploy.sh")
        .set("previous_commit", &shop.good)
        .set("forge_type", "github")
        .set("forge_url", &format!("http://127.0.0.1:{port}"))
        .set("forge_token", peer::TOKEN)
        .set(
            "database_url",
            &format!("postgres://u:p@127.0.0.1:{port}/x"),
        )
        .set(
            "slack_webhook_url",
            &format!("http://127.0.0.1:{port}/services/T0"),
        )
        .set("smtp_server", "127.0.0.1")
        .set("smtp_port", &port.to_string())
        .set("smtp_tls", "none")
        .set("email_from", "ci@shop.example")
        .set("email_to", "ops@shop.example");
    pipeline
        .run()
        .with(0, "ROLLED BACK")
        .saying("rolled back before is not known: the database does not answer")
        .saying("Done: script, record, notify, marker, branch")
        .saying("incident is not done")
        .saying("Not told: ")
        .saying("records not delivered, waiting in")
        .not_saying(peer::TOKEN);
    assert_eq!(shop.head(), shop.good);
    assert_eq!(pipeline.calls().lines().count(), 1);
}

fn at(pipeline: Pipeline, forge: &Forge, kind: &str) -> Pipeline {
    pipeline
        .set("forge_type", kind)
        .set("forge_url", &forge.url())
        .set("forge_token", peer::TOKEN)
        .set("repo", peer::REPO)
}

/// Requests that make something at an address that ends so.
fn posts(forge: &Forge, end: &str) -> usize {
    let made =
        |request: &&testbed::sink::Request| request.method == "POST" && request.path.ends_with(end);
    forge.requests().iter().filter(made).count()
}
