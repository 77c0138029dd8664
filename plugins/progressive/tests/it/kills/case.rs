//! One run that is killed after one of its effects, and what has to be true after the next pipeline.

use std::time::Instant;

use testbed::relay::{self, Passage};

use super::effects::Effects;
use super::scene::{Deployment, FIRST, Kind, SECOND, Scene};

/// An effect of a clean rollout, and the world in which the run ends there.
pub(crate) struct Case<'a> {
    pub(crate) clean: &'a Effects,
    /// From 1.
    pub(crate) number: usize,
    pub(crate) scene: Scene,
}

/// How far a run came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reached {
    /// Nothing is written of it but the lease and looks.
    Nothing,
    /// Something may have been touched, which is put back.
    Begun,
    /// The stable side may have the new version: a person has to look.
    Promoting,
    /// It has it, and proved it.
    Returning,
    /// The success is written down.
    Succeeded,
}

impl<'a> Case<'a> {
    pub(crate) fn new(kind: Kind, clean: &'a Effects, number: usize) -> Self {
        Self::within(Scene::start(kind), clean, number)
    }

    /// With a new version that turns out to be bad.
    pub(crate) fn of_bad(kind: Kind, clean: &'a Effects, number: usize) -> Self {
        Self::within(Scene::start(kind).failing(), clean, number)
    }

    fn within(scene: Scene, clean: &'a Effects, number: usize) -> Self {
        scene.bring(FIRST, &scene.green);
        Self {
            clean,
            number,
            scene,
        }
    }

    /// What is said where something is wrong.
    pub(crate) fn name(&self) -> String {
        let (kind, number) = (self.scene.kind, self.number);
        format!("{kind:?}, effect {number}: {}", self.clean.0[number - 1])
    }

    pub(crate) fn reached(&self) -> Reached {
        let words = [
            ("state=succeeded", Reached::Succeeded),
            ("state=returning", Reached::Returning),
            ("state=promoting", Reached::Promoting),
            ("state=", Reached::Begun),
        ];
        let found = words
            .into_iter()
            .find(|(word, _)| self.clean.within(self.number, word));
        found.map_or(Reached::Nothing, |(_, reached)| reached)
    }

    /// Runs the first deployment up to the effect: done and not answered, or not even done.
    pub(crate) fn until(&self, passage: Passage) -> crate::step::Running {
        self.scene.at_effect(self.number, passage);
        let running = self.scene.spawn(FIRST, &[]);
        self.scene.desk.frozen(|| false);
        let effects = Effects::of(&self.scene.desk.exchanges());
        assert_eq!(effects.0, self.clean.0[..self.number], "{}", self.name());
        running
    }

    /// Whether people were told before the end.
    pub(crate) fn has_told(&self) -> bool {
        let posts = ["POST /slack", "POST /people"];
        posts
            .iter()
            .any(|post| self.clean.within(self.number, post))
    }

    /// When the last command to the proxy passed, if one did after the effect.
    pub(crate) fn last_move(&self) -> Option<Instant> {
        let exchanges = self.scene.desk.exchanges().into_iter();
        let mut moves =
            exchanges.filter(|one| one.relay == "proxy" && one.kind == relay::Kind::Effect);
        let before = self.clean.0[..self.number].iter();
        let before = before
            .filter(|name| name.starts_with("set server "))
            .count();
        moves.by_ref().skip(before).last().map(|one| one.at)
    }

    /// Runs the second deployment, and gives its exit code.
    pub(crate) fn second(&self) -> i32 {
        let scene = &self.scene;
        let swapped = scene.kind == Kind::Swap && self.reached() == Reached::Succeeded;
        scene.bring(SECOND, if swapped { &scene.blue } else { &scene.green });
        self.code(SECOND, &[])
    }

    /// Only settles.
    pub(crate) fn settle(&self) -> i32 {
        self.code(FIRST, &[("settle", "true")])
    }

    fn code(&self, deployment: Deployment, more: &[(&str, &str)]) -> i32 {
        let ended = self.scene.run(deployment, more);
        let code = ended.code.unwrap();
        let word = match code {
            0 => ["PASSED", "SETTLED"],
            4 => ["HELD", "HELD"],
            _ => panic!("{}: {}", self.name(), ended.log),
        };
        let begins = |word: &str| {
            ended
                .verdict()
                .starts_with(&format!("{word} (exit {code})"))
        };
        assert!(
            word.into_iter().any(begins),
            "{}: {}",
            self.name(),
            ended.log
        );
        code
    }

    /// What has to be true in the end, in words, where it is not.
    pub(crate) fn wrong(&self, first: &Left<'_>) -> Vec<String> {
        let scene = &self.scene;
        let mut wrong = Vec::new();
        let mut hold = |what: &str, found: String, expected: &str| {
            if found != expected {
                wrong.push(format!("{what}: {found:?}, expected {expected:?}"));
            }
        };
        hold("live", scene.live(), SECOND.commit);
        if scene.kind == Kind::Journal {
            return wrong;
        }
        // What was put back for a reason has a row of its own that says so.
        let row = first.status.map(|status| match status {
            "rolled_back" => format!("first {status}\nfirst-rollback unverified\n"),
            _ => format!("first {status}\n"),
        });
        let rows = "SELECT deployment_id || ' ' || status FROM deployments ORDER BY 1";
        let expected = format!("{}second success", row.unwrap_or_default());
        hold("deployments", scene.sql(rows), &expected);
        let before = "SELECT previous_commit FROM deployments WHERE deployment_id = 'second'";
        let good = if self.reached() == Reached::Succeeded {
            FIRST.commit
        } else {
            ""
        };
        hold("good before", scene.sql(before), good);
        let marker = "SELECT marker_name || ' ' || commit_sha FROM version_markers";
        let expected = format!("last-stable {}", SECOND.commit);
        hold("markers", scene.sql(marker), &expected);
        for (what, none) in NONE {
            hold(what, scene.sql(none), "");
        }
        let second = "SELECT string_agg(stage || ' ' || status, ', ' ORDER BY stage) \
                      FROM progressive_deployments WHERE deployment_id = 'second'";
        hold("stages", scene.sql(second), "1 passed, 2 passed, 3 passed");
        let holds = "SELECT commit_sha FROM deployment_holds";
        hold(
            "holds",
            scene.sql(holds),
            if first.held { FIRST.commit } else { "" },
        );
        let told = [scene.told(FIRST, first.word), scene.told(SECOND, "passed")];
        hold(
            "told",
            format!("{told:?}"),
            &format!("{:?}", [first.told, 1]),
        );
        if scene.kind == Kind::Swap {
            let stands = scene.stands(FIRST);
            // Whoever dies after the success and before he tells of it leaves it untold.
            let is_untold = first.status == Some("success") && stands == "pending";
            let expected = match first.status {
                None => "",
                Some("success") if is_untold => "pending",
                Some("success") => "success",
                Some("rolled_back") => "failure",
                Some(_) => "error",
            };
            hold("stands", stands, expected);
            hold("stands", scene.stands(SECOND), "success");
            // Opened once by whoever got there, and closed by the next version.
            let one = if first.held { "closed" } else { "" };
            hold("incidents", scene.incidents(FIRST).join(" "), one);
        }
        if scene.kind == Kind::Promote {
            hold("calls", scene.calls(SECOND).join(" "), "deploy promote");
            hold("calls", scene.calls(FIRST).join(" "), &self.calls(first));
        }
        wrong
    }

    /// What the deployment webhook has to have been asked for the first deployment.
    fn calls(&self, first: &Left<'_>) -> String {
        let asked = |action: &str| {
            let name = format!("action={action} ");
            self.clean.within(self.number, &name)
        };
        let calls = [
            (asked("deploy"), "deploy"),
            (asked("promote"), "promote"),
            (first.taken_back, "rollback"),
        ];
        let made = calls.into_iter().filter(|(made, _)| *made);
        made.map(|(_, call)| call).collect::<Vec<_>>().join(" ")
    }
}

/// What is left of the first deployment in the end.
pub(crate) struct Left<'a> {
    /// Of its row; nothing where there is none.
    pub(crate) status: Option<&'static str>,
    /// How often people were told of it.
    pub(crate) told: usize,
    /// In which word; empty for any.
    pub(crate) word: &'a str,
    /// Whether the webhook was asked to take it back.
    pub(crate) taken_back: bool,
    /// Whether its commit is held.
    pub(crate) held: bool,
}

/// What nothing may be found of, in the end.
const NONE: [(&str, &str); 4] = [
    (
        "stages twice",
        "SELECT deployment_id, stage FROM progressive_deployments GROUP BY 1, 2 HAVING count(*) > 1",
    ),
    (
        "stages left open",
        "SELECT deployment_id, stage FROM progressive_deployments WHERE status = 'in_progress'",
    ),
    (
        "looks twice",
        "SELECT record_key FROM health_checks GROUP BY 1 HAVING count(*) > 1",
    ),
    (
        "lease",
        "SELECT deployment_id FROM deployment_leases WHERE deployment_id IS NOT NULL",
    ),
];
