//! What is written down of a run: samples as rows, an ending as the deployment's status. Pure.

use shared::ci::Ci;
use shared::deployment::Status;
use shared::metric::Metric;
use shared::reason::Reason;
use shared::record::{Check, Deployment, LAST_STABLE, Marker, Record};
use shared::sample::{Role, Sample};
use shared::threshold::Thresholds;
use shared::verdict::Verdict;

use crate::course::Ending;
use crate::tick::{Tick, judge_one};

/// The row of one sample.
pub fn check(sample: &Sample, thresholds: &Thresholds, mode: &str) -> Check {
    let (failures, warnings) = judge_one(sample, thresholds);
    let answer = sample.outcome.as_ref().ok();
    let health_status = match (failures.is_empty(), warnings.is_empty()) {
        (false, _) => "unhealthy",
        (true, false) => "degraded",
        (true, true) => "healthy",
    };
    Check {
        health_status: health_status.to_owned(),
        mode: mode.to_owned(),
        response_time_ms: answer
            .map(|_| i32::try_from(sample.phases.total.as_millis()).unwrap_or(i32::MAX)),
        error_rate: answer.and_then(|answer| answer.error_rate),
        availability: answer.and_then(|answer| answer.availability),
        endpoint: sample.endpoint.clone(),
        threshold_error_rate: thresholds.fail.error_rate,
        threshold_response_time: whole(thresholds.fail.response_time),
        threshold_availability: thresholds.fail.availability,
        checks_passed: passed(sample, thresholds),
        checks_failed: failures.iter().map(ToString::to_string).collect(),
    }
}

/// What held, one sentence each.
fn passed(sample: &Sample, thresholds: &Thresholds) -> Vec<String> {
    let Ok(answer) = &sample.outcome else {
        return Vec::new();
    };
    let status = answer.status.map(|status| format!("status {status}"));
    let version = answer
        .version
        .as_ref()
        .map(|version| format!("version {version}"));
    let held = sample.measured().into_iter().filter_map(|value| {
        let limit = thresholds.fail.of(value.metric);
        let inside = !value.metric.outside(value.value, limit);
        let shown = (value.metric.show(value.value), value.metric.show(limit));
        inside.then(|| {
            format!(
                "{} {} within limit {} ({})",
                value.metric, shown.0, shown.1, value.source
            )
        })
    });
    status.into_iter().chain(version).chain(held).collect()
}

fn whole(value: f64) -> i32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a response-time limit is at most 30 days in milliseconds"
    )]
    let whole = value.round().min(f64::from(i32::MAX)) as i32;
    whole
}

/// Whether this very version was seen to answer: the last tick proves it, and since the first tick that did, no other
/// version answered. One instance in five that still runs the old one is no proof, whichever answered last.
pub fn version_was_seen(ticks: &[Tick]) -> bool {
    let mut since = ticks.iter().skip_while(|tick| !proves_version(tick));
    ticks.last().is_some_and(proves_version) && !since.any(names_another)
}

/// Every health endpoint that can speak named the expected version. A `tcp://` endpoint says nothing and proves
/// nothing, for or against.
fn proves_version(tick: &Tick) -> bool {
    let mut endpoints = tick
        .samples
        .iter()
        .filter(|sample| sample.role == Role::Health && !sample.endpoint.starts_with("tcp://"))
        .peekable();
    endpoints.peek().is_some()
        && endpoints.all(|sample| {
            let answer = sample.outcome.as_ref();
            answer.is_ok_and(|answer| answer.version.is_some())
        })
}

fn names_another(tick: &Tick) -> bool {
    let failed = tick
        .samples
        .iter()
        .filter_map(|sample| sample.outcome.as_ref().err());
    failed
        .flatten()
        .any(|reason| matches!(reason, Reason::Version { .. }))
}

/// What the ending means for the deployment's own record and the marker.
///
/// Nothing counts as deployed on a pull request. A failed check that the clock started speaks of what is live, not
/// of a deployment, unless it is the `final` one. Only a success with proof moves the marker: a rollback returns to
/// what the marker names.
pub fn closing(ending: &Ending, is_final: bool, ci: &Ci, version_was_seen: bool) -> Vec<Record> {
    let status = match ending {
        _ if ci.is_pull_request() => return Vec::new(),
        Ending::Judged(Verdict::Pass { .. }) if is_final && version_was_seen => Status::Success,
        Ending::Judged(Verdict::Pass { .. }) if is_final => Status::Unverified,
        Ending::Judged(Verdict::Fail { .. }) | Ending::TimedOut { .. }
            if is_final || !ci.is_cron() =>
        {
            Status::Failed
        }
        Ending::Judged(_) | Ending::TimedOut { .. } => return Vec::new(),
    };
    let mut records = vec![deployment(status)];
    if status == Status::Success {
        records.push(Record::Marker(Marker {
            name: LAST_STABLE.to_owned(),
        }));
    }
    records
}

/// A deployment of ours coming to `status`.
pub fn deployment(status: Status) -> Record {
    Record::Deployment(Deployment::standard(status))
}

/// The points of one metric over a run, for the chart: seconds since the first tick, and the worst value of the tick.
pub fn series(ticks: &[Tick], metric: Metric) -> Vec<(std::time::Duration, f64)> {
    let began = ticks
        .first()
        .map_or(std::time::Duration::ZERO, |tick| tick.started);
    let worst = |tick: &Tick| {
        let values = tick
            .samples
            .iter()
            .flat_map(Sample::measured)
            .filter(|value| value.metric == metric);
        values
            .map(|value| value.value)
            .reduce(|a, b| if metric.outside(a, b) { a } else { b })
    };
    ticks
        .iter()
        .filter_map(|tick| Some((tick.started.saturating_sub(began), worst(tick)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::tests::s;
    use crate::tick::tests::{answer, sample};
    use shared::sample::Answer;

    fn passed_ending() -> Ending {
        Ending::Judged(Verdict::Pass { warnings: vec![] })
    }

    fn failed_ending() -> Ending {
        Ending::Judged(Verdict::Fail {
            reasons: vec![Reason::Unhealthy],
        })
    }

    fn event(event: &str) -> Ci {
        Ci {
            event: event.to_owned(),
            ..Ci::default()
        }
    }

    #[test]
    fn only_a_proved_success_moves_the_marker() {
        let marker = Record::Marker(Marker {
            name: LAST_STABLE.to_owned(),
        });
        let push = event("push");
        assert_eq!(
            closing(&passed_ending(), true, &push, true),
            [deployment(Status::Success), marker]
        );
        assert_eq!(
            closing(&passed_ending(), true, &push, false),
            [deployment(Status::Unverified)]
        );
        assert_eq!(closing(&passed_ending(), false, &push, true), []);
    }

    #[test]
    fn a_failed_check_is_written_down_where_something_was_deployed() {
        let failed = [deployment(Status::Failed)];
        assert_eq!(
            closing(&failed_ending(), false, &event("deployment"), false),
            failed
        );
        assert_eq!(
            closing(
                &Ending::TimedOut { reasons: vec![] },
                false,
                &event("push"),
                false
            ),
            failed
        );
        assert_eq!(closing(&failed_ending(), false, &event("cron"), false), []);
        assert_eq!(
            closing(&failed_ending(), true, &event("cron"), false),
            failed
        );
        assert_eq!(
            closing(&failed_ending(), true, &event("pull_request_closed"), false),
            []
        );
    }

    #[test]
    fn every_health_endpoint_must_name_the_version() {
        let seen = |versions: &[Option<&str>]| {
            let named = |v: Option<&str>| Answer {
                version: v.map(str::to_owned),
                ..answer(0.0)
            };
            let mut samples: Vec<_> = versions
                .iter()
                .map(|v| sample(Role::Health, Ok(named(*v))))
                .collect();
            samples.push(sample(Role::Metrics, Ok(answer(0.0))));
            let judged = crate::tick::judge(&samples, &Thresholds::default());
            version_was_seen(&[Tick {
                started: s(0),
                ended: s(0),
                samples,
                judged,
            }])
        };
        assert!(seen(&[Some("a"), Some("a")]));
        assert!(!seen(&[Some("a"), None]) && !seen(&[]));
        assert!(!version_was_seen(&[]));
    }

    #[test]
    fn another_version_after_the_proof_undoes_it_and_one_before_does_not() {
        let tick = |right: bool| {
            let outcome = if right {
                Ok(Answer {
                    version: Some("a".to_owned()),
                    ..answer(0.0)
                })
            } else {
                Err(vec![Reason::Version {
                    expected: "a".to_owned(),
                    found: Some("b".to_owned()),
                }])
            };
            let samples = vec![sample(Role::Health, outcome)];
            let judged = crate::tick::judge(&samples, &Thresholds::default());
            Tick {
                started: s(0),
                ended: s(0),
                samples,
                judged,
            }
        };
        let seen = |rights: &[bool]| {
            version_was_seen(&rights.iter().map(|right| tick(*right)).collect::<Vec<_>>())
        };
        assert!(seen(&[true, true]) && seen(&[false, false, true]));
        assert!(!seen(&[true, false, true]) && !seen(&[true, false]));
    }

    #[test]
    fn a_port_neither_proves_nor_disproves_a_version() {
        let port = shared::sample::Sample {
            endpoint: "tcp://db:5432".to_owned(),
            ..sample(Role::Health, Ok(Answer::default()))
        };
        let named = Answer {
            version: Some("a".to_owned()),
            ..answer(0.0)
        };
        let seen = |samples: Vec<Sample>| {
            let judged = crate::tick::judge(&samples, &Thresholds::default());
            version_was_seen(&[Tick {
                started: s(0),
                ended: s(0),
                samples,
                judged,
            }])
        };
        assert!(seen(vec![sample(Role::Health, Ok(named)), port.clone()]));
        assert!(!seen(vec![port]));
    }

    #[test]
    fn a_row_says_what_held_and_what_did_not() {
        let row = check(
            &sample(Role::Health, Ok(answer(7.5))),
            &Thresholds::default(),
            "check",
        );
        assert_eq!(
            (
                row.health_status.as_str(),
                row.error_rate,
                row.response_time_ms
            ),
            ("unhealthy", Some(7.5), Some(10))
        );
        assert_eq!(
            row.checks_failed,
            ["error rate 7.5 % > limit 5 % (reported)"]
        );
        assert_eq!(
            row.checks_passed,
            ["response time 10 ms within limit 2000 ms (measured)"]
        );
    }

    #[test]
    fn a_row_calls_a_warning_degraded_and_no_answer_unhealthy_without_a_time() {
        let row = |outcome| {
            check(
                &sample(Role::Health, outcome),
                &Thresholds::default(),
                "check",
            )
        };
        assert_eq!(row(Ok(answer(4.0))).health_status, "degraded");
        assert_eq!(row(Ok(answer(1.0))).health_status, "healthy");
        let none = row(Err(vec![Reason::Unhealthy]));
        assert_eq!(
            (none.health_status.as_str(), none.response_time_ms),
            ("unhealthy", None)
        );
        assert!(none.checks_passed.is_empty());
    }

    #[test]
    fn a_chart_shows_the_worst_value_of_each_tick_since_the_first() {
        let tick = |started: u64, rates: &[f64]| Tick {
            started: s(started),
            ended: s(started),
            samples: rates
                .iter()
                .map(|rate| {
                    let availability = Some(100.0 - rate);
                    let answer = Answer {
                        availability,
                        ..answer(*rate)
                    };
                    sample(Role::Health, Ok(answer))
                })
                .collect(),
            judged: crate::tick::Judged::Good { warnings: vec![] },
        };
        let ticks = [tick(30, &[1.0, 4.0, 2.0]), tick(40, &[]), tick(50, &[3.0])];
        assert_eq!(
            series(&ticks, Metric::ErrorRate),
            [(s(0), 4.0), (s(20), 3.0)]
        );
        assert_eq!(
            series(&ticks, Metric::Availability),
            [(s(0), 96.0), (s(20), 97.0)]
        );
    }
}
