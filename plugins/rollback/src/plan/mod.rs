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

#[cfg(test)]
pub(crate) mod tests;

use shared::deployment::rollback_id;
use shared::intent::{At, Intent};
use shared::record::part;
use shared::split::Snapshot;

use branch::{Put, Way};
use facts::{Asked, Bad, Branch, End, Git, Known, Strategy, Traffic, same};
use target::Target;
use traffic::Move;

/// The word of a redeployment.
const REDEPLOY: &str = "redeploy";
const UNWATCHED: &str = "nothing here brings the live version back, so it is not watched here: the pipeline that deploys it does that";

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
            Self::Redeploy => REDEPLOY,
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

    /// What an earlier rollback of this deployment did went to its own target: with another one it is to be done again.
    fn forget_another_target(&mut self) {
        let earlier = self.known.row(&rollback_id(&self.bad.id));
        let to = earlier.and_then(|row| row.commit.as_deref());
        if to.is_some_and(|to| !same(to, &self.target.commit)) {
            let led = [part::SCRIPT, REDEPLOY, part::BRANCH, part::MARKER];
            self.done.retain(|word| !led.contains(&word.as_str()));
        }
    }

    /// Whether people were told that it goes back. What a rollout that succeeded has told was its success.
    fn is_told(&self) -> bool {
        let ours = |last: &&Intent| last.deployment_id == self.bad.id;
        let last = self.known.intent().filter(ours);
        let succeeded = last.is_some_and(|last| matches!(last.at, At::Succeeded { .. }));
        let began = self.known.row(&rollback_id(&self.bad.id)).is_some();
        self.is_done(part::NOTIFY) && (began || !succeeded)
    }

    fn branch(&self) -> Option<&Branch> {
        match &self.git {
            Git::Seen(branch) => Some(branch),
            Git::Unasked | Git::Unseen(_) => None,
        }
    }
}

/// Parts as they are found, and what is not possible.
#[derive(Default)]
struct Draft {
    /// What brings the live version back, in its order.
    live: Vec<Part>,
    /// What is done at last: it may end this very pipeline.
    last: Vec<Part>,
    blocked: Vec<Block>,
}

impl Draft {
    fn block(&mut self, part: &'static str, why: String) {
        self.blocked.push(Block { part, why });
    }

    /// The traffic. Tells whether the bad deployment's own canary is being taken away.
    fn traffic(&mut self, asked: &Asked, facts: &Facts) -> bool {
        if let Err(why) = &facts.known.rollout {
            self.block(part::TRAFFIC, why.clone());
        }
        let last = facts.known.intent();
        let snapshot = match traffic::decide(asked, &facts.bad, last, &facts.traffic) {
            Move::None => return false,
            Move::Close => None,
            Move::Restore(snapshot) => Some(Box::new(snapshot)),
            Move::Blocked(why) => {
                self.block(part::TRAFFIC, why);
                return false;
            }
        };
        self.live.push(Part::Traffic(snapshot));
        last.is_some_and(|last| last.deployment_id == facts.bad.id)
    }

    /// The script and the redeployment, which `guard` forbids where something cannot be rolled back. A canary is taken
    /// away beside a stable side that never left: what it changed in the database it changed already.
    fn deployment(&mut self, asked: &Asked, facts: &Facts, guard: Option<String>, canary: bool) {
        if asked.hook && !facts.is_done(part::SCRIPT) {
            match &guard {
                Some(why) if !canary => self.block(part::SCRIPT, why.clone()),
                _ => self.live.push(Part::Script),
            }
        }
        if asked.strategy != Strategy::Redeploy || facts.is_done(REDEPLOY) {
            return;
        }
        match guard {
            Some(why) => self.block(REDEPLOY, why),
            None if asked.waits => self.live.push(Part::Redeploy),
            None => self.last.push(Part::Redeploy),
        }
    }

    fn branch(&mut self, asked: &Asked, facts: &Facts) {
        if facts.is_done(part::BRANCH) {
            return;
        }
        match branch::decide(asked, &facts.git) {
            Put::None | Put::Done => {}
            Put::Back(ways) => {
                let head = facts.branch().map(|branch| branch.head.clone());
                let head = head.unwrap_or_default();
                self.last.push(Part::Branch { ways, head });
            }
            Put::Blocked(why) => self.block(part::BRANCH, why),
        }
    }
}

/// Plans a rollback.
///
/// # Errors
/// When nothing of it may be done, or nothing there is could bring anything back.
pub fn plan(asked: &Asked, mut facts: Facts) -> Result<Plan, End> {
    facts.forget_another_target();
    let mut draft = Draft::default();
    let canary = draft.traffic(asked, &facts);
    let guard = facts
        .branch()
        .and_then(|branch| branch::irreversible(asked, branch));
    draft.deployment(asked, &facts, guard, canary);
    let unguarded = unguarded(&facts.git, &draft, canary);
    draft.branch(asked, &facts);
    let acts = [part::TRAFFIC, part::SCRIPT, REDEPLOY, part::BRANCH];
    let acted = acts.iter().any(|word| facts.is_done(word));
    let helps = acted || !draft.live.is_empty() || !draft.last.is_empty();
    refuse_where_nothing_helps(asked, helps, &draft.blocked)?;
    let brings_live_back =
        !draft.live.is_empty() || facts.is_done(part::TRAFFIC) || facts.is_done(part::SCRIPT);
    let mut parts = draft.live;
    parts.extend(telling(asked, &facts, brings_live_back));
    parts.extend(draft.last);
    let mut notes = facts.target.passed_over.clone();
    notes.extend(unguarded);
    if asked.endpoint && !brings_live_back {
        notes.push(UNWATCHED.to_owned());
    }
    Ok(Plan {
        bad: facts.bad,
        target: facts.target,
        parts,
        done: facts.done,
        blocked: draft.blocked,
        notes,
    })
}

/// What is brought back although nobody could look at what changed: that never stops a rollback, and is said.
fn unguarded(git: &Git, draft: &Draft, canary: bool) -> Option<String> {
    let Git::Unseen(why) = git else {
        return None;
    };
    let all = draft.live.iter().chain(&draft.last);
    let brings = all.into_iter().any(|part| match part {
        Part::Script => !canary,
        other => *other == Part::Redeploy,
    });
    brings.then(|| {
        format!("nobody looked whether something changed that cannot be rolled back, such as the database: {why}")
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
        (Part::Notify, !facts.is_told()),
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
