//! What is rolled back, to what, and what is left alone: the rows of the plan, through the binary.

use shared::deployment::Status;
use testbed::postgres::Postgres;
use testbed::sink::{Reply, Sink};

use crate::step::{
    BAD, GOOD, ID, Pipeline, database, deployment, dry_run, hold, marker, part, subject,
};

fn sql(postgres: &Postgres, name: &str) -> String {
    let rows = "SELECT deployment_id, deployment_type, status, left(commit_sha, 1), left(rollback_from_commit, 1) \
                FROM deployments ORDER BY id";
    postgres.sql(name, rows)
}

/// A service that is well.
fn service() -> Sink {
    let well =
        || Reply::new(200, "{\"status\":\"healthy\"}").header("Content-Type", "application/json");
    Sink::start((0..200).map(|_| well()))
}

#[test]
fn a_failed_deployment_goes_back_to_the_marker_and_is_held() {
    let (postgres, name, url) = database();
    let service = service();
    let pipeline = Pipeline::new()
        .set("database_url", &url)
        .set("reason", "too many errors")
        .set("endpoint", &service.url("/health"))
        .set("watch", "300ms");
    pipeline.history(Some(&url), Status::Failed);
    pipeline
        .run()
        .with(0, "ROLLED BACK")
        .saying("goes back to aaaaaaaaaaaa (the last-stable marker)")
        .saying("Done: script, record, notify, watch");
    assert_eq!(pipeline.calls(), format!("rollback {ID} {GOOD}\n"));
    assert_eq!(
        sql(postgres, &name),
        format!(
            "d0|standard|success|a|\n{ID}|standard|rolled_back|b|b\n{ID}-rollback|rollback|success|a|b"
        )
    );
    let held = postgres.sql(&name, "SELECT commit_sha, reason FROM deployment_holds");
    assert_eq!(held, format!("{BAD}|too many errors"));
    let checks = format!(
        "SELECT count(*) >= 3, bool_and(health_status = 'healthy') FROM health_checks WHERE deployment_id = '{ID}-rollback'"
    );
    assert_eq!(postgres.sql(&name, &checks), "t|t");
    // The same again: it is done.
    pipeline
        .run()
        .with(0, "NOTHING TO DO")
        .saying("already rolled back");
    assert_eq!(pipeline.calls().lines().count(), 1);
}

#[test]
fn the_newest_proved_success_is_the_target_where_there_is_no_marker() {
    let (_, _, url) = database();
    let pipeline = Pipeline::new().set("database_url", &url);
    pipeline.records(Some(&url), |records| {
        records.record(&subject("d0", GOOD), deployment(Status::Success));
        records.record(
            &subject("d1", &"c".repeat(40)),
            deployment(Status::Unverified),
        );
        records.record(&subject(ID, BAD), deployment(Status::Failed));
    });
    pipeline
        .run()
        .with(0, "ROLLED BACK")
        .saying("(deployment d0, which was proved good)");
}

#[test]
fn a_marker_that_names_the_bad_commit_is_passed_over() {
    let (_, _, url) = database();
    let pipeline = Pipeline::new().set("database_url", &url);
    pipeline.records(Some(&url), |records| {
        records.record(&subject("d0", GOOD), deployment(Status::Success));
        records.record(&subject(ID, BAD), deployment(Status::Success));
        records.record(&subject(ID, BAD), marker());
        records.record(&subject(ID, BAD), deployment(Status::Failed));
    });
    pipeline
        .run()
        .with(0, "ROLLED BACK")
        .saying("(the last-stable marker) is the bad commit itself")
        .saying("the last-stable marker moves to aaaaaaaaaaaa");
}

#[test]
fn nothing_was_deployed_is_no_failure() {
    let (_, _, url) = database();
    let pipeline = Pipeline::new().set("database_url", &url);
    pipeline.records(Some(&url), |records| {
        records.record(&subject("d0", GOOD), deployment(Status::Success));
    });
    pipeline
        .run()
        .with(0, "NOTHING TO DO")
        .saying("nothing was deployed");
    assert_eq!(pipeline.calls(), "");
}

#[test]
fn without_records_it_refuses_unless_somebody_says_what_to_go_back_to() {
    let pipeline = Pipeline::new();
    pipeline
        .run()
        .with(2, "REFUSED")
        .saying("there are no records");
    assert_eq!(pipeline.calls(), "");
    pipeline
        .set("previous_commit", GOOD)
        .run()
        .with(0, "ROLLED BACK");
}

#[test]
fn what_was_held_blocked_or_only_walked_through_is_left_alone() {
    let (_, _, url) = database();
    let pipeline = Pipeline::new().set("database_url", &url);
    let ends = [
        (deployment(Status::Held), "is held for a person"),
        (deployment(Status::Cancelled), "was cancelled"),
        (dry_run(), "was a dry run"),
    ];
    for (number, (record, why)) in ends.into_iter().enumerate() {
        let id = format!("d{number}0");
        pipeline.records(Some(&url), |records| {
            records.record(&subject(&id, BAD), record);
        });
        let step = Pipeline::new()
            .set("database_url", &url)
            .set("deployment_id", &id);
        step.run().with(0, "NOTHING TO DO").saying(why);
    }
    pipeline.records(Some(&url), |records| {
        records.record(&subject("d9", BAD), hold("errors"));
        records.record(&subject(ID, BAD), deployment(Status::Started));
    });
    pipeline
        .run()
        .with(0, "NOTHING TO DO")
        .saying("so that it was blocked");
    assert_eq!(pipeline.calls(), "");
}

#[test]
fn a_pipeline_on_a_rollbacks_result_never_rolls_back_by_itself() {
    let (_, _, url) = database();
    let pipeline = Pipeline::new().set("database_url", &url);
    pipeline.history(Some(&url), Status::Failed);
    pipeline.run().with(0, "ROLLED BACK");
    let next = Pipeline::new()
        .set("database_url", &url)
        .var("CI_PIPELINE_NUMBER", "9")
        .var("CI_COMMIT_SHA", GOOD);
    next.records(Some(&url), |records| {
        records.record(
            &subject("acme-shop-production-9", GOOD),
            deployment(Status::Failed),
        );
    });
    next.run()
        .with(2, "REFUSED")
        .saying("is never rolled back by itself");
    let restored = Pipeline::new().set("previous_commit", GOOD).var(
        "CI_COMMIT_MESSAGE",
        "Roll back\n\nRollback-Of-Deployment: d1",
    );
    restored
        .run()
        .with(2, "REFUSED")
        .saying("is never rolled back by itself");
    assert_eq!(next.calls() + &restored.calls(), "");
}

#[test]
fn in_a_pipeline_that_a_person_started_what_is_live_is_meant() {
    let (_, _, url) = database();
    let person = || {
        Pipeline::new()
            .set("database_url", &url)
            .var("CI_PIPELINE_EVENT", "manual")
            .var("CI_PIPELINE_STATUS", "success")
            .var("CI_PIPELINE_NUMBER", "12")
            .var("CI_COMMIT_SHA", &"c".repeat(40))
    };
    person()
        .run()
        .with(2, "REFUSED")
        .saying("set commit to the bad one");
    let pipeline = person();
    pipeline.history(Some(&url), Status::Success);
    pipeline
        .run()
        .with(0, "ROLLED BACK")
        .saying(&format!("{ID} from bbbbbbbbbbbb to aaaaaaaaaaaa"));
}

#[test]
fn an_explicit_target_that_is_no_good_is_refused_and_not_replaced() {
    let (_, _, url) = database();
    let pipeline = Pipeline::new()
        .set("database_url", &url)
        .set("previous_commit", BAD);
    pipeline.history(Some(&url), Status::Failed);
    pipeline
        .run()
        .with(2, "REFUSED")
        .saying("is the bad commit itself");
    let older = "c".repeat(40);
    let held = Pipeline::new()
        .set("database_url", &url)
        .set("previous_commit", &older);
    held.records(Some(&url), |records| {
        records.record(&subject("d9", &older), hold("it lost data"));
    });
    held.run()
        .with(2, "REFUSED")
        .saying("is held since d9 was rolled back: it lost data");
    assert_eq!(pipeline.calls() + &held.calls(), "");
    held.set("override", "hold").run().with(0, "ROLLED BACK");
}

#[test]
fn without_a_yes_it_refuses_and_touches_nothing() {
    let (postgres, name, url) = database();
    let pipeline = Pipeline::new()
        .set("database_url", &url)
        .set("force", "false");
    pipeline.history(Some(&url), Status::Failed);
    pipeline.run().with(2, "REFUSED").saying("set force: true");
    assert_eq!(pipeline.calls(), "");
    assert!(sql(postgres, &name).contains(&format!("{ID}|standard|failed")));
}

#[test]
fn a_dry_run_prints_the_plan_and_touches_nothing_at_all() {
    let (postgres, name, url) = database();
    let pipeline = Pipeline::new()
        .set("database_url", &url)
        .set("force", "false")
        .set("dry_run", "true");
    // Tables that are not there are not made, either.
    pipeline
        .run()
        .with(2, "REFUSED")
        .saying("a dry run leaves them so");
    assert_eq!(
        postgres.sql(
            &name,
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        ),
        "0"
    );
    let other = Pipeline::new();
    other.history(Some(&url), Status::Failed);
    let before = sql(postgres, &name);
    pipeline
        .run()
        .with(0, "DRY RUN")
        .saying("plan: the deployment's rollback is called")
        .saying("Next: run without dry_run");
    assert_eq!(
        (pipeline.calls(), sql(postgres, &name)),
        (String::new(), before)
    );
    assert!(!pipeline.workspace.join(".deployment").exists());
}

#[test]
fn what_plugin_progressive_has_done_is_not_done_again() {
    let (postgres, name, url) = database();
    let slack = Sink::start([]);
    let pipeline = Pipeline::new()
        .set("database_url", &url)
        .set("slack_webhook_url", &slack.url("/hook"));
    pipeline.history(Some(&url), Status::RolledBack);
    pipeline.records(Some(&url), |records| {
        for done in ["traffic", "script", "record", "notify"] {
            records.record(&subject(ID, BAD), part(done));
        }
    });
    pipeline
        .run()
        .with(0, "ROLLED BACK")
        .saying("plan: script is done already")
        .saying("Done: record");
    assert_eq!(pipeline.calls(), "");
    assert_eq!(slack.requests().len(), 0);
    assert!(sql(postgres, &name).ends_with(&format!("{ID}-rollback|rollback|success|a|b")));
}

#[test]
fn a_script_that_fails_is_a_persons_work_and_the_next_run_does_what_is_missing() {
    let (postgres, name, url) = database();
    let slack = Sink::start([]);
    let pipeline = Pipeline::new()
        .set("database_url", &url)
        .set("slack_webhook_url", &slack.url("/hook"));
    pipeline.history(Some(&url), Status::Failed);
    pipeline.script("echo \"$1 $DEPLOYMENT_ATTEMPT\" >> calls; exit 3");
    pipeline
        .run()
        .with(4, "STUCK")
        .saying("script is not done: the script ended with exit 3")
        .saying("Done: record, notify");
    assert_eq!(pipeline.calls(), "rollback 1\nrollback 2\nrollback 3\n");
    assert_eq!(slack.requests().len(), 1, "told once, as what it is");
    assert!(sql(postgres, &name).ends_with("rollback|failed|a|b"));
    pipeline.script("exit 0");
    pipeline
        .run()
        .with(0, "ROLLED BACK")
        .saying("Done: script, record");
    assert!(sql(postgres, &name).ends_with("rollback|success|a|b"));
}

#[test]
fn a_good_version_that_is_not_well_is_a_persons_work_and_is_not_called_stable() {
    let (postgres, name, url) = database();
    let sick = Sink::start((0..50).map(|_| Reply::new(500, "no")));
    let pipeline = Pipeline::new()
        .set("database_url", &url)
        .set("endpoint", &sick.url("/health"))
        .set("watch", "300ms");
    pipeline.records(Some(&url), |records| {
        records.record(&subject("d0", GOOD), deployment(Status::Success));
        records.record(&subject(ID, BAD), deployment(Status::Failed));
    });
    pipeline
        .run()
        .with(4, "STUCK")
        .saying("what was gone back to is not healthy")
        .saying("the marker stays where it is");
    assert_eq!(
        postgres.sql(&name, "SELECT count(*) FROM version_markers"),
        "0"
    );
    assert!(sql(postgres, &name).ends_with("rollback|failed|a|b"));
}

#[test]
fn a_branch_that_cannot_be_reached_does_not_stop_the_script() {
    let (_, _, url) = database();
    let pipeline = Pipeline::new()
        .set("database_url", &url)
        .set("strategy", "auto")
        .var("CI_COMMIT_BRANCH", "main")
        .set("remote", "https://127.0.0.1:1/acme/shop.git");
    pipeline.history(Some(&url), Status::Failed);
    pipeline
        .run()
        .with(4, "STUCK")
        .saying("branch is not done")
        .saying("Done: script");
    assert_eq!(pipeline.calls().lines().count(), 1);
    // Where nothing else could bring it back it is a refusal.
    let bare = Pipeline::new()
        .set("database_url", &url)
        .set("strategy", "auto")
        .set("deployment_script", "")
        .set("deployment_id", "d7")
        .var("CI_COMMIT_BRANCH", "main")
        .set("remote", "https://127.0.0.1:1/acme/shop.git");
    bare.records(Some(&url), |records| {
        records.record(&subject("d7", BAD), deployment(Status::Failed));
    });
    bare.run().with(2, "REFUSED").saying("branch: ");
}

#[test]
fn mark_moves_the_marker_to_this_commit_unless_it_is_held() {
    let (postgres, name, url) = database();
    let pipeline = Pipeline::new()
        .set("database_url", &url)
        .set("mark", "true");
    pipeline.run().with(0, "MARKED");
    let marker = "SELECT marker_name, commit_sha FROM version_markers";
    assert_eq!(postgres.sql(&name, marker), format!("last-stable|{BAD}"));
    pipeline.records(Some(&url), |records| {
        records.record(&subject("d9", BAD), hold("errors"));
    });
    pipeline
        .run()
        .with(5, "BUSY")
        .saying("is held since d9 was rolled back: errors");
}

#[test]
fn a_preflight_says_what_a_rollback_would_lack() {
    let pipeline = Pipeline::new().set("preflight", "true");
    pipeline.run().with(0, "PASSED");
    std::fs::remove_file(pipeline.workspace.join("deploy.sh")).unwrap();
    pipeline
        .run()
        .with(2, "REFUSED")
        .saying("deploy.sh cannot be read");
}

#[test]
fn a_rollback_writes_its_report() {
    let (_, _, url) = database();
    let pipeline = Pipeline::new()
        .set("database_url", &url)
        .set("report_file", "out/report.md");
    pipeline.history(Some(&url), Status::Failed);
    pipeline.run().with(0, "ROLLED BACK");
    let report = std::fs::read_to_string(pipeline.workspace.join("out/report.md")).unwrap();
    assert!(report.contains("| script | done |"), "{report}");
}

#[test]
fn a_person_goes_on_with_what_did_not_come_to_its_end_or_further_back() {
    let (_, _, url) = database();
    let ill = Sink::start((0..200).map(|_| Reply::new(500, "")));
    let failed = Pipeline::new()
        .set("database_url", &url)
        .set("endpoint", &ill.url("/health"))
        .set("watch", "300ms");
    failed.history(Some(&url), Status::Failed);
    failed.run().with(4, "STUCK");
    assert_eq!(failed.calls().lines().count(), 1);
    let person = || {
        Pipeline::new()
            .set("database_url", &url)
            .var("CI_PIPELINE_EVENT", "manual")
            .var("CI_PIPELINE_STATUS", "success")
            .var("CI_PIPELINE_NUMBER", "12")
            .var("CI_COMMIT_SHA", &"c".repeat(40))
    };
    let older = "d".repeat(40);
    let further = person()
        .set("deployment_id", ID)
        .set("previous_commit", &older);
    let well = service();
    let ill_again = further
        .set("endpoint", &ill.url("/health"))
        .set("watch", "300ms");
    ill_again.run().with(4, "STUCK").saying("Done: script");
    assert_eq!(ill_again.calls(), format!("rollback {ID} {older}\n"));
    // The same target again: its script is done, and what is live now is what is looked at.
    let on = person()
        .set("previous_commit", &older)
        .set("endpoint", &well.url("/health"))
        .set("watch", "300ms");
    on.run().with(0, "ROLLED BACK").saying(&format!(
        "{ID} from bbbbbbbbbbbb to dddddddddddd. Done: record, watch"
    ));
    assert_eq!(on.calls(), "");
}
