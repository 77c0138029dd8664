//! A deployment script that moves traffic by `update-traffic` and tells it by `get-traffic`.

use std::time::Duration;

use crate::hook::{Action, Call};
use crate::http::Progress;
use crate::script::{Leash, Outcome, Ran, Script, Stream};
use crate::signal::Cancel;
use crate::split::{Share, Snapshot};
use crate::tally::Tally;

use super::{Fault, Preflight, Reading, TrafficError, TrafficManager, pause};

const NAME: &str = "script";
/// Between two looks at what was set.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// How long a script may go on that reads or puts back when the run is cancelled over it.
const LEFT: Duration = Duration::from_secs(4);
/// How many lines of a script that failed are in the error.
const SHOWN_LINES: usize = 3;

/// Traffic through a deployment script.
#[derive(Debug)]
pub struct Scripted {
    /// The script.
    pub script: Script,
    /// Ends what goes forward, and leaves the rest a few seconds.
    pub cancel: Cancel,
    /// For what was set to show in `get-traffic`, beside the script's own limit.
    pub verify: Duration,
}

impl Scripted {
    /// What goes forward ends with the run.
    fn forward(&self) -> Leash<'_> {
        Leash {
            cancel: &self.cancel,
            left: Duration::ZERO,
        }
    }

    fn back(&self) -> Leash<'_> {
        Leash {
            left: LEFT,
            ..self.forward()
        }
    }

    fn share(&self, leash: Leash<'_>) -> Result<Share, Fault> {
        let ran = self
            .script
            .run_on(Some(leash), Action::GetTraffic, Call::FIRST);
        if ran.outcome == Outcome::Usage {
            let detail = "get-traffic ended with exit 64, expected the canary's share in per cent on its output";
            return Err(Fault::Unsuitable {
                detail: detail.into(),
            });
        }
        applied(&ran, Action::GetTraffic, self.script.limit)?;
        let said = ran.output.iter().rev();
        let mut said = said.filter(|line| line.stream == Stream::Out && !line.text.is_empty());
        let said = said.next().map_or("", |line| line.text.trim());
        said.trim_end_matches('%')
            .trim_end()
            .parse()
            .ok()
            .and_then(Share::new)
            .ok_or_else(|| Fault::Garbage {
                detail: "get-traffic ended its output with something else, expected a whole number of 0 to 100".into(),
            })
    }

    fn update(&self, share: Share, call: Call, leash: Leash<'_>) -> Result<(), Fault> {
        let action = Action::UpdateTraffic(share);
        let ran = self.script.run_on(Some(leash), action, call);
        applied(&ran, action, self.script.limit)?;
        let progress = Progress::start(self.verify);
        loop {
            let found = self.share(leash)?;
            if found == share {
                return Ok(());
            }
            if progress.left().is_zero() {
                return Err(Fault::NotTaken {
                    wanted: share.to_string(),
                    found: found.to_string(),
                });
            }
            pause(LOOK_AGAIN.min(progress.left()));
        }
    }

    fn at(&self, fault: Fault) -> TrafficError {
        TrafficError::at(self.script.path.display().to_string(), fault)
    }
}

impl TrafficManager for Scripted {
    fn name(&self) -> &'static str {
        NAME
    }

    fn preflight(&self) -> Result<Preflight, TrafficError> {
        let share = self.share(self.back()).map_err(|fault| self.at(fault))?;
        let shown = self.script.path.display();
        Ok(Preflight {
            notes: vec![format!("script {shown}: get-traffic says {share}")],
            reload: None,
        })
    }

    fn read(&self) -> Result<Reading, TrafficError> {
        let share = self.share(self.back()).map_err(|fault| self.at(fault))?;
        Ok(super::simple(
            NAME,
            self.script.path.display().to_string(),
            share,
        ))
    }

    fn set(&self, share: Share, call: Call) -> Result<(), TrafficError> {
        self.update(share, call, self.forward())
            .map_err(|fault| self.at(fault))
    }

    fn restore(&self, snapshot: &Snapshot, call: Call) -> Result<(), TrafficError> {
        self.update(snapshot.share, call, self.back())
            .map_err(|fault| self.at(fault))
    }

    fn observe(&self) -> Result<Option<Tally>, TrafficError> {
        Ok(None)
    }
}

/// Whether an action of a script was applied.
fn applied(ran: &Ran, action: Action, limit: Duration) -> Result<(), Fault> {
    let word = action.word();
    let doing = match action {
        Action::GetTraffic => "running get-traffic",
        _ => "running update-traffic",
    };
    match &ran.outcome {
        Outcome::Applied => Ok(()),
        Outcome::TimedOut => Err(Fault::Timeout { doing, limit }),
        Outcome::Cancelled => Err(Fault::Cancelled),
        Outcome::NotStarted(detail) => Err(Fault::Unreachable {
            detail: detail.clone(),
        }),
        Outcome::Usage => Err(Fault::Unsuitable {
            detail: format!("{word} ended with exit 64: the script does not know it"),
        }),
        Outcome::Failed(how) => {
            let from = ran.output.len().saturating_sub(SHOWN_LINES);
            let said: Vec<&str> = ran.output[from..]
                .iter()
                .map(|line| line.text.as_str())
                .collect();
            let between = if said.is_empty() { "" } else { ": " };
            Err(Fault::Failed {
                detail: format!("{word} failed with {how}{between}{}", said.join(" / ")),
            })
        }
    }
}
