//! One tick: every endpoint probed once, judged together, as all plugins judge it.

pub use shared::tick::{Judged, Tick, judge, judge_one};

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use shared::reason::Reason;
    use shared::sample::{Answer, Phases, Role, Sample};

    /// A sample of `role` with this outcome, answered in 10 ms.
    pub(crate) fn sample(role: Role, outcome: Result<Answer, Vec<Reason>>) -> Sample {
        let phases = Phases {
            total: Duration::from_millis(10),
            ..Phases::default()
        };
        let at = jiff::Timestamp::UNIX_EPOCH;
        Sample {
            endpoint: format!("http://{role:?}/").to_lowercase(),
            role,
            at,
            phases,
            outcome,
        }
    }

    /// An answer that reports this error rate.
    pub(crate) fn answer(error_rate: f64) -> Answer {
        Answer {
            error_rate: Some(error_rate),
            ..Answer::default()
        }
    }
}
