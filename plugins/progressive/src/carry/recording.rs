//! Carries out what is written down of stages and endings.

use shared::deployment::Status;
use shared::intent::{Intent, Part};
use shared::record::Record;

use super::Hands;
use crate::rollout::{Cause, Phase, Row, State, Way};
use crate::rows::{self, After};

impl Hands<'_> {
    pub(super) fn record(&mut self, row: &Row, state: &State) -> Result<(), String> {
        let now = self.clock.now();
        match row {
            Row::StageBegan { number, share } => {
                self.began.insert(*number, now);
                let row = rows::stage_began(*number, *share, now);
                self.ledger.write(Record::Stage(row))
            }
            Row::StageEnded(summary) => {
                let began = self.began.get(&summary.number).copied().unwrap_or(now);
                let why = &state.intent.why;
                let row = rows::stage_ended(summary, began, now, after(state), why);
                self.ledger.write(Record::Stage(row))
            }
            Row::Deployment { status, why, hold } => {
                if is_unfinished(state) {
                    self.ledger.cut_off(&state.intent, *status, why);
                }
                let commit = state.intent.commit.as_deref();
                let row = rows::deployment(*status, why, commit);
                self.ledger.deployment(row, Some(&state.intent))?;
                if *status == Status::RolledBack {
                    self.ledger.rolled_back(&state.intent, why)?;
                }
                if *hold {
                    self.ledger.hold(&state.intent, why)?;
                }
                self.ledger.part(Part::Record, &state.intent);
                Ok(())
            }
            Row::DryRun => self.ledger.write(Record::Deployment(rows::dry_run())),
        }
    }

    pub(super) fn succeed(&mut self, intent: &Intent, verified: bool) -> Result<(), String> {
        let status = if verified {
            Status::Success
        } else {
            Status::Unverified
        };
        let row = rows::deployment(status, &[], None);
        self.ledger.succeed(intent, row, verified)?;
        if !verified {
            let text = "recorded as unverified: without expect_version nothing proves which version answered, and a \
                        rollback never returns to it";
            self.log.warn(text);
        }
        Ok(())
    }
}

/// Whether this is the end of a rollout whose own run is dead.
fn is_unfinished(state: &State) -> bool {
    matches!(&state.phase, Phase::Ending(ending) if matches!(ending.cause, Cause::Unfinished { .. }))
}

fn after(state: &State) -> After {
    let Phase::Ending(ending) = &state.phase else {
        return After::On;
    };
    match (&ending.cause, ending.way) {
        (Cause::Success { .. }, _) => After::On,
        (_, Way::Hold | Way::Leave | Way::Accept) => After::Held,
        (Cause::Cancelled, _) => After::Cancelled,
        (_, Way::Back | Way::Nothing) => After::Back,
    }
}
