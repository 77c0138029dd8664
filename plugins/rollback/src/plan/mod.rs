//! The plan: which parts a rollback has, in which order, and what stands in the way. Pure.
//!
//! ```text
//! subject   which deployment is bad, and is it ours?        ─┐
//! turn      whose turn is it?                                │
//! target    what is gone back to?                            ├─▶ plan ─▶ parts, each carried out once
//! traffic   what did a rollout leave?                        │
//! branch    which ways may be pushed, irreversible          ─┘
//! ```

pub mod branch;
pub mod facts;
pub mod irreversible;
pub mod subject;
pub mod target;
pub mod traffic;
pub mod turn;

use shared::record::part;
use shared::split::Snapshot;

use branch::{Put, Way};
use facts::{Asked, Bad, Branch, End, Git, Known, Strategy, Traffic};
use target::Target;
use traffic::Move;

/// One part of a rollback.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// The traffic goes back, or the rollout that moved it is closed.
    Traffic(Option<Box<Snapshot>>),
    /// The script's or webhook's `rollback`.
    Script,
    /// Woodpecker deploys the good commit again.
    Redeploy,
    /// The rows, and the hold on the bad commit.
    Records,
    /// The incident.
    Incident,
    /// The forge is told of commit and deployment.
    Status,
    /// What was gone back to is looked at.
    Watch,
    /// The marker names what was gone back to.
    Marker,
    /// People are told.
    Notify,
    /// The branch goes back, by the first way that the server takes.
    Branch {
        /// The ways, in their order.
        ways: Vec<Way>,
        /// Where the branch was seen: it is pushed only if it is there still.
        head: String,
    },
}

impl Part {
    /// Its word in the records and in the log.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Traffic(_) => part::TRAFFIC,
            Self::Script => part::SCRIPT,
            Self::Redeploy => "redeploy",
            Self::Records => "record",
            Self::Incident => part::INCIDENT,
            Self::Status => "status",
            Self::Watch => "watch",
            Self::Marker => part::MARKER,
            Self::Notify => part::NOTIFY,
            Self::Branch { .. } => part::BRANCH,
        }
    }

    /// Whether it brings anything back, rather than tells of it.
    pub fn brings_back(&self) -> bool {
        matches!(
            self,
            Self::Traffic(_) | Self::Script | Self::Redeploy | Self::Branch { .. }
        )
    }
}

/// Something that is not done, and that a person has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The part's word.
    pub part: &'static str,
    /// Why, and what to do.
    pub why: String,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What is rolled back.
    pub bad: Bad,
    /// What is gone back to.
    pub target: Target,
    /// The parts, in their order.
    pub parts: Vec<Part>,
    /// Parts that were done before, by whichever plugin got there.
    pub done: Vec<String>,
    /// What is not done, and that a person has to do.
    pub blocked: Vec<Block>,
    /// What is worth a line.
    pub notes: Vec<String>,
}

/// Everything that a plan is made from, beside what was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// The records.
    pub known: Known,
    /// The deployment.
    pub bad: Bad,
    /// What is gone back to.
    pub target: Target,
    /// The traffic now.
    pub traffic: Traffic,
    /// Parts that are done.
    pub done: Vec<String>,
    /// Whether the marker names the target already.
    pub is_marked: bool,
    /// The branch.
    pub git: Git,
}

impl Facts {
    fn is_done(&self, word: &str) -> bool {
        self.done.iter().any(|done| done == word)
    }

    fn branch(&self) -> Option<&Branch> {
        match &self.git {
            Git::Seen(branch) => Some(branch),
            Git::Unasked | Git::Unseen(_) => None,
        }
    }
}

/// Plans a rollback.
///
/// # Errors
/// When nothing of it may be done, or nothing there is could bring anything back.
pub fn plan(asked: &Asked, facts: Facts) -> Result<Plan, End> {
    let mut parts = Vec::new();
    let mut blocked = Vec::new();
    let mut block = |part: &'static str, why: String| blocked.push(Block { part, why });
    let last = facts.known.intent();
    let unfinished = match traffic::decide(asked, &facts.bad, last, &facts.traffic) {
        Move::None => false,
        Move::Close => {
            parts.push(Part::Traffic(None));
            true
        }
        Move::Restore(snapshot) => {
            parts.push(Part::Traffic(Some(Box::new(snapshot))));
            true
        }
        Move::Blocked(why) => {
            block(part::TRAFFIC, why);
            false
        }
    };
    if let Err(why) = &facts.known.rollout {
        block(part::TRAFFIC, why.clone());
    }
    let guard = facts
        .branch()
        .and_then(|branch| branch::irreversible(asked, branch));
    // A canary is taken away beside a stable side that never left: what it changed in the database it changed already.
    let canary = unfinished && last.is_some_and(|last| last.deployment_id == facts.bad.id);
    if asked.hook && !facts.is_done(part::SCRIPT) {
        match &guard {
            Some(why) if !canary => block(part::SCRIPT, why.clone()),
            _ => parts.push(Part::Script),
        }
    }
    let redeploys = asked.strategy == Strategy::Redeploy && !facts.is_done("redeploy");
    let redeploy = match guard {
        Some(why) if redeploys => {
            block("redeploy", why);
            None
        }
        _ => redeploys.then_some(Part::Redeploy),
    };
    let put = if facts.is_done(part::BRANCH) {
        Put::Done
    } else {
        branch::decide(asked, &facts.git)
    };
    let push = match put {
        Put::None | Put::Done => None,
        Put::Back(ways) => Some(Part::Branch {
            ways,
            head: facts
                .branch()
                .map(|branch| branch.head.clone())
                .unwrap_or_default(),
        }),
        Put::Blocked(why) => {
            block(part::BRANCH, why);
            None
        }
    };
    let acted = facts.done.iter().any(|done| {
        [part::TRAFFIC, part::SCRIPT, "redeploy", part::BRANCH].contains(&done.as_str())
    });
    let acts = !parts.is_empty() || redeploy.is_some() || push.is_some();
    refuse_where_nothing_helps(asked, acts || acted, &blocked)?;
    let brings_live_back = !parts.is_empty()
        || facts.is_done(part::TRAFFIC)
        || facts.is_done(part::SCRIPT)
        || (redeploy.is_some() && asked.waits);
    let (first, last) = if asked.waits {
        (redeploy, None)
    } else {
        (None, redeploy)
    };
    parts.extend(first);
    parts.extend(telling(asked, &facts, brings_live_back));
    parts.extend(last);
    parts.extend(push);
    let mut notes = facts.target.passed_over.clone();
    if asked.endpoint && !brings_live_back {
        notes.push("nothing here brings the live version back, so it is not watched here: the pipeline that deploys it does that".to_owned());
    }
    Ok(Plan {
        bad: facts.bad,
        target: facts.target,
        parts,
        done: facts.done,
        blocked,
        notes,
    })
}

/// The parts that tell of it, and look at it.
fn telling(asked: &Asked, facts: &Facts, brings_live_back: bool) -> Vec<Part> {
    let all = [
        (Part::Records, true),
        (
            Part::Incident,
            asked.incident && !facts.is_done(part::INCIDENT),
        ),
        (Part::Status, asked.status && !facts.is_done("status")),
        (Part::Notify, !facts.is_done(part::NOTIFY)),
        (Part::Watch, asked.endpoint && brings_live_back),
        (Part::Marker, !facts.is_marked),
    ];
    all.into_iter()
        .filter(|(_, due)| *due)
        .map(|(part, _)| part)
        .collect()
}

fn refuse_where_nothing_helps(asked: &Asked, helps: bool, blocked: &[Block]) -> Result<(), End> {
    if helps {
        return Ok(());
    }
    if !blocked.is_empty() {
        let each: Vec<String> = blocked
            .iter()
            .map(|one| format!("{}: {}", one.part, one.why))
            .collect();
        return Err(End::refused(
            each.join("; "),
            "put that right and start again",
        ));
    }
    // With `none` said and no script a team brings things back by itself, and wants it written down.
    if asked.strategy == Strategy::None {
        return Ok(());
    }
    Err(End::refused(
        "there is nothing that could bring it back: no deployment_script or deployment_webhook, no unfinished rollout, and no branch",
        "set one of them, or strategy: none to have it only recorded and told",
    ))
}

#[cfg(test)]
pub(crate) mod tests {
    use shared::deployment::Status;
    use shared::intent::{At, Intent};
    use shared::split::Share;

    use super::facts::{Kind, Lifted, Occasion, Reach, Row, Source};
    use super::*;

    pub(crate) const BAD: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    pub(crate) const GOOD: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    pub(crate) fn asked() -> Asked {
        Asked {
            deployment_id: "d1".into(),
            id_said: false,
            commit: Some(BAD.into()),
            commit_said: false,
            occasion: Occasion::Pipeline,
            on_rollback: false,
            previous: None,
            strategy: Strategy::Auto,
            lifted: Lifted::default(),
            hook: true,
            endpoint: true,
            incident: false,
            status: false,
            pull_requests: false,
            waits: false,
        }
    }

    pub(crate) fn row(id: &str, kind: Kind, status: Status, commit: &str) -> Row {
        Row {
            id: id.into(),
            status: Some(status),
            kind,
            commit: Some(commit.into()),
            previous: None,
            reason: None,
        }
    }

    pub(crate) fn known(rows: Vec<Row>) -> Known {
        Known {
            reach: Reach::Whole,
            rows,
            rollout: Ok(None),
        }
    }

    pub(crate) fn bad() -> Bad {
        Bad {
            id: "d1".into(),
            commit: BAD.into(),
            row: Some(row("d1", Kind::Standard, Status::Failed, BAD)),
        }
    }

    pub(crate) fn branch() -> Branch {
        Branch {
            name: "main".into(),
            head: BAD.into(),
            has_bad: true,
            has_good: true,
            good_is_older: true,
            is_back: false,
            after: Vec::new(),
            irreversible: Vec::new(),
            protected: Some(false),
        }
    }

    fn facts() -> Facts {
        Facts {
            known: known(vec![]),
            bad: bad(),
            target: Target {
                commit: GOOD.into(),
                source: Source::Marker,
                passed_over: Vec::new(),
            },
            traffic: Traffic::Read(None),
            done: Vec::new(),
            is_marked: true,
            git: Git::Seen(branch()),
        }
    }

    fn moving(percent: u8) -> Facts {
        let share = Share::new(percent).unwrap();
        let intent = Intent {
            at: At::Moving { to: share },
            snapshot: Some(Snapshot {
                manager: "haproxy".into(),
                share: Share::NONE,
                detail: serde_json::Value::Null,
            }),
            ..Intent::begun("d1", Some(BAD))
        };
        Facts {
            known: Known {
                rollout: Ok(Some(intent)),
                ..known(vec![])
            },
            traffic: Traffic::Read(Some(share)),
            ..facts()
        }
    }

    fn words(plan: &Plan) -> String {
        let words: Vec<&str> = plan.parts.iter().map(Part::word).collect();
        words.join(" ")
    }

    fn planned(asked: &Asked, facts: Facts) -> String {
        words(&plan(asked, facts).unwrap())
    }

    #[test]
    fn what_is_live_comes_first_and_the_push_last() {
        let all = Asked {
            incident: true,
            status: true,
            ..asked()
        };
        let unmarked = Facts {
            is_marked: false,
            ..moving(50)
        };
        assert_eq!(
            planned(&all, unmarked),
            "traffic script record incident status notify watch marker branch"
        );
    }

    #[test]
    fn what_another_plugin_has_done_is_not_done_again() {
        let done = ["traffic", "script", "incident", "notify"].map(str::to_owned);
        let rest = Facts {
            done: done.to_vec(),
            ..facts()
        };
        let all = Asked {
            incident: true,
            ..asked()
        };
        assert_eq!(planned(&all, rest.clone()), "record watch branch");
        let pushed = Facts {
            done: [done.to_vec(), vec!["branch".to_owned()]].concat(),
            ..rest
        };
        assert_eq!(planned(&all, pushed), "record watch");
    }

    #[test]
    fn only_what_was_brought_back_is_watched() {
        let branch_only = Asked {
            hook: false,
            ..asked()
        };
        let made = plan(&branch_only, facts()).unwrap();
        assert_eq!(words(&made), "record notify branch");
        assert!(
            made.notes[0].contains("not watched here"),
            "{:?}",
            made.notes
        );
    }

    #[test]
    fn a_redeployment_is_watched_only_when_it_is_waited_for() {
        let redeploy = Asked {
            strategy: Strategy::Redeploy,
            hook: false,
            ..asked()
        };
        assert_eq!(planned(&redeploy, facts()), "record notify redeploy");
        let waits = Asked {
            waits: true,
            ..redeploy
        };
        assert_eq!(planned(&waits, facts()), "redeploy record notify watch");
    }

    #[test]
    fn a_blocked_part_does_not_stop_the_others() {
        let unseen = Facts {
            git: Git::Unseen("no route to the remote".into()),
            ..facts()
        };
        let made = plan(&asked(), unseen.clone()).unwrap();
        assert_eq!(words(&made), "script record notify watch");
        assert_eq!(made.blocked[0].part, "branch");
        // Where nothing else could bring it back it is a refusal.
        let branch_only = Asked {
            hook: false,
            ..asked()
        };
        let end = plan(&branch_only, unseen).unwrap_err();
        assert_eq!(end.exit.code(), 2);
        assert!(end.why.contains("no route to the remote"), "{}", end.why);
    }

    #[test]
    fn changes_that_cannot_be_rolled_back_stop_all_but_a_canarys_end() {
        let migrated = |facts: Facts| Facts {
            git: Git::Seen(Branch {
                irreversible: vec!["migrations/7.sql".into()],
                ..branch()
            }),
            ..facts
        };
        assert_eq!(
            plan(&asked(), migrated(facts())).unwrap_err().exit.code(),
            2
        );
        let made = plan(&asked(), migrated(moving(50))).unwrap();
        assert_eq!(words(&made), "traffic script record notify watch");
        assert_eq!(made.blocked.len(), 1);
        let redeploy = Asked {
            strategy: Strategy::Redeploy,
            ..asked()
        };
        assert_eq!(
            plan(&redeploy, migrated(facts())).unwrap_err().exit.code(),
            2
        );
        let lifted = Asked {
            lifted: Lifted {
                irreversible: true,
                ..Lifted::default()
            },
            ..asked()
        };
        assert_eq!(
            planned(&lifted, migrated(facts())),
            "script record notify watch branch"
        );
    }

    #[test]
    fn what_has_nothing_to_bring_it_back_with_is_refused_unless_it_is_only_told() {
        let nothing = Facts {
            git: Git::Unasked,
            ..facts()
        };
        let bare = Asked {
            hook: false,
            ..asked()
        };
        assert_eq!(plan(&bare, nothing.clone()).unwrap_err().exit.code(), 2);
        let told = Asked {
            strategy: Strategy::None,
            ..bare
        };
        assert_eq!(planned(&told, nothing), "record notify");
    }

    #[test]
    fn a_rollout_that_nobody_understands_is_a_persons_work() {
        let strange = Facts {
            known: Known {
                rollout: Err("written by another version".into()),
                ..known(vec![])
            },
            ..facts()
        };
        let made = plan(&asked(), strange).unwrap();
        assert_eq!(made.blocked[0].part, "traffic");
    }
}
