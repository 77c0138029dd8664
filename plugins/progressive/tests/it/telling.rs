//! Who is told of a rollout's end, and the report that it leaves.

use testbed::backend::Manner;
use testbed::sink::{Reply, Sink};
use testbed::smtp::{Behaviour, Smtp};

use crate::hooks::said;
use crate::step::{Ended, Pipeline, World};

const SECOND: &str = "→ stage 2 of 3 (50 %)";

/// Everybody who can be told.
struct People {
    slack: Sink,
    hook: Sink,
    smtp: Smtp,
}

impl People {
    fn start() -> Self {
        Self {
            slack: Sink::start([]),
            hook: Sink::start([]),
            smtp: Smtp::start(&Behaviour::default()),
        }
    }

    fn reached_by(&self, pipeline: Pipeline) -> Pipeline {
        pipeline
            .with("slack_webhook_url", &self.slack.url("/services/T0/s14ck"))
            .with("webhook_url", &self.hook.url("/told"))
            .with("webhook_secret", "k3y-k3y-k3y")
            .with("smtp_server", "127.0.0.1")
            .with("smtp_port", &self.smtp.port.to_string())
            .with("smtp_tls", "none")
            .with("email_from", "robot@ci.example")
            .with("email_to", "oncall@shop.example")
    }

    /// How many messages came: chat, webhook, mail.
    fn messages(&self) -> [usize; 3] {
        let mails = self.smtp.mails().len();
        [
            self.slack.requests().len(),
            self.hook.requests().len(),
            mails,
        ]
    }
}

/// A version that fails from its second stage on.
pub(crate) fn failed(world: &World, pipeline: &Pipeline) -> Ended {
    let running = pipeline.spawn(&[]).until(SECOND);
    world.green.behave(Manner::Failing(500));
    running.wait()
}

#[test]
fn a_rollback_is_told_once_to_everybody_with_its_reasons() {
    let (world, people) = (World::start(), People::start());
    let pipeline = people.reached_by(Pipeline::new("8", world.settings()));
    let ended = failed(&world, &pipeline).with(1, "ROLLED BACK");
    assert!(!ended.log.contains("s14ck"), "{}", ended.log);
    assert_eq!(people.messages(), [1, 1, 1]);
    let slack = said(&people.slack.requests()[0])["text"].to_string();
    let request = &people.hook.requests()[0];
    let mail = people.smtp.mails()[0].to_string();
    for text in [&slack, &said(request).to_string(), &mail] {
        for part in [
            "rollout rolled back: acme/shop production",
            "stage 2 (50 %)",
        ] {
            assert!(text.contains(part), "{part:?} is not in {text}");
        }
    }
    assert_eq!(said(request)["message"]["outcome"], "failure");
    let key = shared::secret::Secret::new("k3y-k3y-k3y");
    let right = shared::signature::sha256(&key, &request.body);
    assert_eq!(request.header("x-signature-256"), Some(right.as_str()));
    assert!(mail.contains("oncall@shop.example"), "{mail}");
}

#[test]
fn a_success_is_told_only_where_that_is_asked_for() {
    let (world, people) = (World::start(), People::start());
    let pipeline = people.reached_by(Pipeline::new("8", world.settings()));
    pipeline.run(&[]).with(0, "PASSED");
    assert_eq!(people.messages(), [0, 0, 0]);
    let (world, people) = (World::start(), People::start());
    let pipeline = people.reached_by(Pipeline::new("8", world.settings()));
    pipeline.run(&[("notify_on", "success")]).with(0, "PASSED");
    assert_eq!(people.messages(), [1, 1, 1]);
    let told = said(&people.hook.requests()[0]);
    assert_eq!(told["message"]["outcome"], "success");
    assert_eq!(
        told["message"]["title"],
        "rollout passed: acme/shop production"
    );
}

#[test]
fn who_cannot_be_told_changes_nothing() {
    let world = World::start();
    let gone = Sink::answering(|_| Reply::new(404, "no_service"));
    let pipeline = Pipeline::new("8", world.settings())
        .with("slack_webhook_url", &gone.url("/services/s14ck"))
        .with("webhook_url", "http://127.0.0.1:1/");
    failed(&world, &pipeline)
        .with(1, "ROLLED BACK")
        .saying("could not tell slack")
        .saying("could not tell webhook");
    assert_eq!(world.weights(), (100, 0));
}

#[test]
fn the_report_says_what_the_log_says_in_each_of_its_forms() {
    let world = World::start();
    for name in ["out/report.html", "report.md", "report.json"] {
        world.green.behave(Manner::Healthy);
        // A deployment of its own each time, of a commit that is not held.
        let pipeline = Pipeline::new("8", world.settings()).with("report_file", name);
        failed(&world, &pipeline)
            .with(1, "ROLLED BACK")
            .saying("report written to");
        let text = std::fs::read_to_string(pipeline.workspace.join(name)).unwrap();
        for part in [
            "rollout rolled back: acme/shop production",
            "acme-shop-production-8",
            "stage 2 (50 %): too many failures in a row",
            "https://ci.example/repos/7/pipeline/8",
        ] {
            assert!(text.contains(part), "{part} is not in {name}:\n{text}");
        }
        if name == "out/report.html" {
            assert!(text.contains("<svg"), "{text}");
        }
        if name == "report.json" {
            let json: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(json["report"]["outcome"], "failure");
            let stages = json["report"]["tables"][0]["rows"].as_array().unwrap();
            // Both stages, and their limits.
            assert_eq!(stages.len(), 3, "{text}");
        }
    }
}
