//! Looks from a JSON document: rows of `deployment_looks`, as the database itself writes them.

use jiff::Timestamp;
use serde::Deserialize;

use super::record::{Named, Reading, Row, fault};
use crate::rows::Kept;

/// What a document without rows says.
const NO_LOOK: &str =
    "it holds no look, which is what psql writes of an id that the database does not know";

/// A row, as far as it matters.
#[derive(Deserialize)]
#[serde(expecting = "a row of deployment_looks")]
struct Line {
    repo: String,
    environment: String,
    deployment_id: String,
    deployment_type: String,
    stage: i32,
    what: String,
    number: i32,
    recorded_at: Timestamp,
    seen: Kept,
}

/// Reads the looks of one rollout, those of a dry run last. `dry_run` is the word by which those are known.
///
/// # Errors
/// When it is no such document, with the line and the field; when it holds nothing, or looks of several rollouts.
pub fn read(text: &str, dry_run: &str) -> Result<(Named, Vec<Row>), String> {
    // What the database says of a rollout that it does not know.
    if text.trim().is_empty() || text.trim() == "null" {
        return Err(NO_LOOK.to_owned());
    }
    let mut lines: Vec<Line> = serde_json::from_str(text).map_err(|error| {
        format!(
            "expected rows of deployment_looks, as this version of the plugin records them; line {}, column {}: {}",
            error.line(),
            error.column(),
            fault(&error)
        )
    })?;
    lines.sort_by_key(|line| {
        let is_dry = line.deployment_type == dry_run;
        (is_dry, line.recorded_at, line.number)
    });
    let mut whose: Option<Named> = None;
    let (mut reading, mut rows) = (Reading::default(), Vec::with_capacity(lines.len()));
    for line in lines {
        let named = Named {
            repo: line.repo,
            environment: line.environment,
            deployment_id: line.deployment_id,
        };
        match &whose {
            None => whose = Some(named),
            Some(one) if *one == named => {}
            Some(one) => {
                return Err(format!(
                    "it holds looks of several rollouts, {} of {} {} and {} of {} {}; write those of one",
                    one.deployment_id,
                    one.repo,
                    one.environment,
                    named.deployment_id,
                    named.repo,
                    named.environment
                ));
            }
        }
        let (watched, numbered) = (
            (line.what.as_str(), line.stage),
            (line.number, line.deployment_type == dry_run),
        );
        let row = reading.kept(line.recorded_at, watched, numbered, line.seen);
        rows.push(row.map_err(|why| format!("look {}: {why}", line.number))?);
    }
    let whose = whose.ok_or(NO_LOOK)?;
    Ok((whose, rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_look_is_refused_by_its_place_without_a_value_of_it() {
        let refused = |text: &str| read(text, "dry-run").unwrap_err();
        for empty in ["", " \n", "null", "[]"] {
            assert_eq!(refused(empty), NO_LOOK, "{empty:?}");
        }
        for (text, wanted) in [
            ("{}", "line 1, column 0: expected a sequence"),
            ("[{\n}]", "line 2, column 1: missing field `repo`"),
            (
                "[\n\"geheim\"]",
                "line 2, column 8: expected a row of deployment_looks",
            ),
            (
                "[{\"number\": \"geheim\"}]",
                "line 1, column 20: expected i32",
            ),
            (
                "[{\"recorded_at\": \"geheim\"}]",
                "line 1, column 25: another shape",
            ),
            ("KEY=geheim", "line 1, column 1: expected value"),
        ] {
            let why = refused(text);
            assert!(why.ends_with(wanted) && !why.contains("geheim"), "{why}");
        }
    }
}
