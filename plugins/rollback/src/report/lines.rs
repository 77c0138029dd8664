//! The lines of the log: the plan before it begins, and each look at what was gone back to.

use shared::tick::{Judged, Tick};

use crate::plan::branch::Way;
use crate::plan::facts::short;
use crate::plan::{Part, Plan};

/// The plan, one line a part.
pub fn plan(plan: &Plan) -> Vec<String> {
    let mut lines = vec![format!(
        "plan: {} ({}) goes back to {} ({})",
        plan.bad.id,
        short(&plan.bad.commit),
        short(&plan.target.commit),
        plan.target.source.words()
    )];
    lines.extend(
        plan.parts
            .iter()
            .map(|part| format!("plan: {}", will(part, plan))),
    );
    lines.extend(
        plan.done
            .iter()
            .map(|word| format!("plan: {word} is done already")),
    );
    let blocked = plan.blocked.iter();
    lines.extend(
        blocked.map(|block| format!("plan: {} is not possible: {}", block.part, block.why)),
    );
    lines.extend(plan.notes.iter().map(|note| format!("note: {note}")));
    lines
}

fn will(part: &Part, plan: &Plan) -> String {
    let target = short(&plan.target.commit);
    match part {
        Part::Traffic(Some(snapshot)) => {
            format!(
                "traffic goes back to a share of {} for the canary",
                snapshot.share
            )
        }
        Part::Traffic(None) => "traffic is back already, the rollout is closed".to_owned(),
        Part::Script => "the deployment's rollback is called".to_owned(),
        Part::Redeploy => format!("Woodpecker deploys {target} again"),
        Part::Records => "the rollback is recorded, and the bad commit held".to_owned(),
        Part::Incident => "the incident is opened".to_owned(),
        Part::Status => "the forge is told".to_owned(),
        Part::Watch => "what was gone back to is watched".to_owned(),
        Part::Marker => format!("the last-stable marker moves to {target}"),
        Part::Notify => "people are told".to_owned(),
        Part::Branch { ways, .. } => {
            let words: Vec<&str> = ways.iter().map(|way: &Way| way.words()).collect();
            format!("the branch goes back at last, by {}", words.join(", else "))
        }
    }
}

/// The line for a look that is unlike the one before it; `None` where nothing changed.
pub fn look(before: Option<&Tick>, tick: &Tick) -> Option<String> {
    let (old, new) = (before.map(state), state(tick));
    if old == Some(new) {
        return None;
    }
    let reasons: Vec<String> = tick
        .judged
        .reasons()
        .iter()
        .map(ToString::to_string)
        .collect();
    let from = old.unwrap_or("unknown");
    Some(if reasons.is_empty() {
        format!("service {from} → {new}")
    } else {
        format!("service {from} → {new}: {}", reasons.join("; "))
    })
}

fn state(tick: &Tick) -> &'static str {
    match &tick.judged {
        Judged::Critical { .. } => "critical",
        Judged::Bad { .. } => "failing",
        Judged::Good { warnings } if !warnings.is_empty() => "warning",
        Judged::Good { .. } => "healthy",
    }
}
