//! In which order steps run: one after the other, or as `depends_on` says.

use serde_yaml::Value;

use crate::woodpecker::words;

/// A step that is due in this pipeline.
#[derive(Debug, Clone)]
pub(super) struct Due<'a> {
    pub(super) name: String,
    pub(super) step: &'a Value,
}

/// The steps, by what runs at the same time. One `depends_on` anywhere makes every step without one begin at once.
///
/// # Errors
/// When a step depends on one that does not run in this pipeline, or on itself.
pub(super) fn stages(steps: Vec<Due<'_>>) -> Result<Vec<Vec<Due<'_>>>, String> {
    let is_graph = steps.iter().any(|one| needed(one).next().is_some());
    if !is_graph {
        return Ok(steps.into_iter().map(|one| vec![one]).collect());
    }
    let all: Vec<String> = steps.iter().map(|one| one.name.clone()).collect();
    for one in &steps {
        if let Some(other) = needed(one).find(|other| !all.iter().any(|name| name == other)) {
            return Err(format!(
                "{} depends on {other}, which does not run",
                one.name
            ));
        }
    }
    let (mut waiting, mut done, mut stages) = (steps, Vec::new(), Vec::new());
    while !waiting.is_empty() {
        let (ready, later): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .partition(|one| needed(one).all(|other| done.iter().any(|name| name == other)));
        if ready.is_empty() {
            return Err("steps depend on each other in a circle".to_owned());
        }
        done.extend(ready.iter().map(|one| one.name.clone()));
        stages.push(ready);
        waiting = later;
    }
    Ok(stages)
}

fn needed<'a>(due: &Due<'a>) -> impl Iterator<Item = &'a str> + use<'a> {
    words(&due.step["depends_on"])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(text: &str) -> Result<Vec<Vec<String>>, String> {
        let yaml: Value = serde_yaml::from_str(text).unwrap();
        let map = yaml.as_mapping().unwrap();
        let steps = map.iter().map(|(name, step)| Due {
            name: name.as_str().unwrap().to_owned(),
            step,
        });
        let names = |stage: Vec<Due<'_>>| stage.into_iter().map(|one| one.name).collect();
        stages(steps.collect()).map(|all| all.into_iter().map(names).collect())
    }

    #[test]
    fn without_depends_on_steps_run_one_after_the_other() {
        let wanted = [["b"], ["a"], ["c"]];
        assert_eq!(
            order("{b: {}, a: {depends_on: []}, c: {}}").unwrap(),
            wanted
        );
    }

    #[test]
    fn with_depends_on_what_waits_for_nothing_begins_at_once() {
        let order = order("{a: {}, b: {depends_on: [a, c]}, c: {}, d: {depends_on: b}}").unwrap();
        assert_eq!(order, [vec!["a", "c"], vec!["b"], vec!["d"]]);
    }

    #[test]
    fn what_can_never_begin_is_refused() {
        let missing = order("{a: {depends_on: b}}").unwrap_err();
        assert_eq!(missing, "a depends on b, which does not run");
        assert!(order("{a: {depends_on: b}, b: {depends_on: a}}").is_err());
        assert!(order("{a: {depends_on: a}}").is_err());
    }
}
