//! The stages: from the setting, the policy or the default.

use std::time::Duration;

use serde_json::Value;
use shared::policy::Policy;
use shared::settings::read::Reader;
use shared::split::Share;
use shared::value::{self, Expected, show_duration};

use crate::rollout::{Stage, Stages};

const WANTED: Expected = "whole percentages that rise and end at 100, such as 10,25,50,100, or a list of {percentage: 10, wait_time: 5m}";
const DEFAULT: [u8; 4] = [10, 25, 50, 100];
const WAIT: Duration = Duration::from_secs(300);

/// A stage as it is written.
type Written = (Share, Option<Duration>);

pub(super) fn stages(read: &mut Reader, policy: &Policy) -> Option<Stages> {
    let progressive = &policy.progressive_deployment;
    let wait = read.read("wait_time", value::duration_above_zero);
    let said = read.read("stages", parse);
    if said.is_none() && read.given("stages").is_some() {
        return None;
    }
    // What the step says of all stages beats what the policy says of each; what it says of one beats both.
    let written = match said {
        Some(said) => said,
        None if progressive.enabled == Some(false) => vec![(Share::ALL, None)],
        None if progressive.stages.is_empty() => bare(&DEFAULT),
        None => progressive
            .stages
            .iter()
            .filter_map(|stage| Some((Share::new(stage.percentage)?, stage.wait_time)))
            .map(|(share, own)| (share, wait.or(own)))
            .collect(),
    };
    let all = written.into_iter().map(|(share, own)| Stage {
        share,
        wait: own.or(wait).unwrap_or(WAIT),
    });
    let all: Vec<Stage> = all.collect();
    bounded(read, policy, &all);
    Stages::new(all)
}

fn bare(shares: &[u8]) -> Vec<Written> {
    let shares = shares.iter().filter_map(|percent| Share::new(*percent));
    shares.map(|share| (share, None)).collect()
}

/// The policy's shortest and longest waits.
fn bounded(read: &mut Reader, policy: &Policy, stages: &[Stage]) {
    let progressive = &policy.progressive_deployment;
    let name = if read.given("wait_time").is_some() {
        "wait_time"
    } else {
        "stages"
    };
    let waits = || stages.iter().map(|stage| stage.wait);
    if let Some(least) = progressive
        .min_wait_time
        .filter(|least| waits().any(|wait| wait < *least))
    {
        let least = show_duration(least);
        read.refuse(
            name,
            format!("waits of at least {least}, the policy's min_wait_time"),
        );
    }
    if let Some(most) = progressive
        .max_wait_time
        .filter(|most| waits().any(|wait| wait > *most))
    {
        let most = show_duration(most);
        read.refuse(
            name,
            format!("waits of at most {most}, the policy's max_wait_time"),
        );
    }
}

fn parse(text: &str) -> Result<Vec<Written>, Expected> {
    let written: Vec<Written> = if text.trim_start().starts_with('[') {
        let items: Vec<Value> = serde_json::from_str(text).map_err(|_| WANTED)?;
        items.iter().map(item).collect::<Result<_, _>>()?
    } else {
        let parts = value::list(text)?;
        let shares = parts.iter().map(|part| Ok((share(part)?, None)));
        shares.collect::<Result<_, Expected>>()?
    };
    let stage = |(share, _): &Written| Stage {
        share: *share,
        wait: WAIT,
    };
    let rises = Stages::new(written.iter().map(stage).collect()).is_some();
    rises.then_some(written).ok_or(WANTED)
}

fn item(item: &Value) -> Result<Written, Expected> {
    let scalar = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(WANTED),
    };
    let Value::Object(fields) = item else {
        return Ok((share(&scalar(item)?)?, None));
    };
    let known = |name: &String| ["percentage", "wait_time"].contains(&name.as_str());
    if !fields.keys().all(known) {
        return Err(WANTED);
    }
    let percentage = fields.get("percentage").ok_or(WANTED)?;
    let wait = fields.get("wait_time").map(|wait| {
        let text = scalar(wait)?;
        value::duration_above_zero(&text).map_err(|_| WANTED)
    });
    Ok((share(&scalar(percentage)?)?, wait.transpose()?))
}

/// A whole percentage; 0 is a preview that nobody but the probes sees.
fn share(text: &str) -> Result<Share, Expected> {
    let value = value::percentage(text).map_err(|_| WANTED)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a percentage is 0 to 100"
    )]
    let whole = value as u8;
    let exact = (value - f64::from(whole)).abs() < f64::EPSILON;
    Share::new(whole).filter(|_| exact).ok_or(WANTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Vec<(u8, Option<u64>)>> {
        let read = parse(text).ok()?;
        let plain = |(share, wait): Written| (share.percent(), wait.map(|wait| wait.as_secs()));
        Some(read.into_iter().map(plain).collect())
    }

    #[test]
    fn stages_are_shares_or_a_list_of_shares_with_their_waits() {
        let plain = Some(vec![(10, None), (50, None), (100, None)]);
        for text in [
            "10,50,100",
            "10%, 50 %,100",
            "[10,50,100]",
            "[\"10\",\"50%\",1e2]",
        ] {
            assert_eq!(read(text), plain, "{text}");
        }
        assert_eq!(
            read(r#"[{"percentage": 0, "wait_time": "5m"}, {"percentage": 100, "wait_time": 60}]"#),
            Some(vec![(0, Some(300)), (100, Some(60))])
        );
    }

    #[test]
    fn stages_that_do_not_rise_to_a_hundred_are_refused() {
        for text in [
            "10,50",
            "50,25,100",
            "10,10,100",
            "10.5,100",
            "101",
            "",
            "[]",
            "[{\"percentage\":100,\"wait\":1}]",
            "[{\"wait_time\":1}]",
            "[{\"percentage\":100,\"wait_time\":0}]",
            "[[100]]",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
