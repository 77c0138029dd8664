//! Telling a forge what becomes of a deployment, and asking what became of the earlier ones.

use serde_json::Value;

use super::call::short;
use super::place::Kind;
use super::records::{self, github, gitlab};
use super::talk::{Failed, Talk};
use super::{Deployment, Good, Past, Progress, Purpose, Told};

/// How many deployments are asked about one by one.
const ASKED: usize = 15;
/// How many that were live before are looked at in production.
const RETIRED: usize = 5;

/// The number of GitHub's deployment that started a pipeline, from the address that Woodpecker gives it as
/// `CI_PIPELINE_FORGE_URL`. Woodpecker itself tells that deployment how the pipeline ended.
pub fn pipeline_deployment(forge_url: &str) -> Option<u64> {
    let (_, number) = forge_url.rsplit_once("/deployments/")?;
    number.parse().ok().filter(|number| *number > 0)
}

pub(super) fn tell(talk: &mut Talk, deployment: &Deployment) -> Result<Told, String> {
    let what = match talk.place.kind {
        Kind::GitHub => on_github(talk, deployment),
        Kind::GitLab => on_gitlab(talk, deployment),
        Kind::Gitea => {
            talk.note("Gitea and Forgejo keep no deployments: the commit's status tells it there");
            Ok("no deployment was recorded at the forge".to_owned())
        }
    };
    Ok(Told {
        what: what.map_err(|failed| failed.text)?,
        url: None,
        notes: std::mem::take(&mut talk.notes),
    })
}

fn on_github(talk: &mut Talk, deployment: &Deployment) -> Result<String, Failed> {
    let repo = talk.repo();
    if let Purpose::Rollback { of, .. } = &deployment.purpose {
        blame(talk, deployment, of);
    }
    let state = github::state(deployment.progress);
    let (id, known) = match deployment.started_by {
        Some(id) => (id, true),
        None => match find(talk, deployment)? {
            Some(id) => (id, true),
            None => (create(talk, deployment)?, false),
        },
    };
    if known && newest(talk, id)?.as_deref() == Some(state) {
        return Ok(format!("deployment {id} is {state} already"));
    }
    let url = deployment.url.as_deref();
    let call = github::status(&repo, id, state, &deployment.description, url);
    talk.ask("tell what became of the deployment", &call)?;
    let retires =
        deployment.progress == Progress::Success && github::is_production(&deployment.environment);
    if retires {
        retire(talk, deployment, id);
    }
    let environment = &deployment.environment;
    Ok(format!("deployment {id} to {environment} is {state}"))
}

fn find(talk: &mut Talk, deployment: &Deployment) -> Result<Option<u64>, Failed> {
    let environment = &deployment.environment;
    let call = github::list(&talk.repo(), environment, Some(&deployment.purpose));
    let list = talk.ask("list the deployments", &call)?;
    Ok(github::find(&list.body, &deployment.name))
}

fn create(talk: &mut Talk, deployment: &Deployment) -> Result<u64, Failed> {
    let call = github::create(&talk.repo(), deployment);
    let answer = match talk.ask("record the deployment", &call) {
        Err(failed) if failed.perhaps => match find(talk, deployment)? {
            Some(id) => return Ok(id),
            None => talk.ask("record the deployment", &call)?,
        },
        result => result?,
    };
    answer.body["id"].as_u64().ok_or_else(|| Failed {
        status: Some(answer.status),
        said: String::new(),
        text: "GitHub recorded a deployment and did not say which".to_owned(),
        perhaps: true,
    })
}

fn newest(talk: &mut Talk, id: u64) -> Result<Option<String>, Failed> {
    let call = github::statuses(&talk.repo(), id);
    let statuses = talk.ask("read the deployment", &call)?;
    Ok(github::newest(&statuses.body).map(str::to_owned))
}

/// Marks the deployment gone back from as failed. That it has no record is no reason to stop.
fn blame(talk: &mut Talk, deployment: &Deployment, of: &str) {
    let failed = Deployment {
        name: of.to_owned(),
        purpose: Purpose::Deploy,
        ..deployment.clone()
    };
    let marked = find(talk, &failed).and_then(|found| {
        let Some(id) = found else { return Ok(()) };
        if newest(talk, id)?.as_deref() == Some("failure") {
            return Ok(());
        }
        let text = format!("rolled back to {}", short(&deployment.sha, 12));
        let url = deployment.url.as_deref();
        let call = github::status(&talk.repo(), id, "failure", &text, url);
        talk.ask("mark the deployment as failed", &call).map(drop)
    });
    if let Err(failed) = marked {
        talk.note(failed.text);
    }
}

/// In production GitHub leaves it to us to say that what was live before is not any more.
fn retire(talk: &mut Talk, deployment: &Deployment, live: u64) {
    let repo = talk.repo();
    let call = github::list(&repo, &deployment.environment, None);
    let list = match talk.ask("list the deployments", &call) {
        Ok(answer) => answer.body,
        Err(failed) => return talk.note(failed.text),
    };
    let ids = list.as_array().into_iter().flatten();
    let earlier = ids
        .filter_map(|entry| entry["id"].as_u64())
        .filter(|id| *id < live)
        .take(RETIRED);
    for id in earlier.collect::<Vec<_>>() {
        let retired = newest(talk, id).and_then(|state| {
            if state.as_deref() != Some("success") {
                return Ok(());
            }
            let text = format!("replaced by deployment {live}");
            let call = github::status(&repo, id, "inactive", &text, None);
            talk.ask("retire a deployment", &call).map(drop)
        });
        if let Err(failed) = retired {
            return talk.note(failed.text);
        }
    }
}

fn on_gitlab(talk: &mut Talk, deployment: &Deployment) -> Result<String, Failed> {
    let repo = talk.repo();
    let list = talk.ask(
        "list the deployments",
        &gitlab::list(&repo, &deployment.environment, false),
    )?;
    if let Purpose::Rollback { sha, .. } = &deployment.purpose {
        blame_on_gitlab(talk, &list.body, sha);
    }
    let state = gitlab::state(deployment.progress);
    let environment = &deployment.environment;
    match gitlab::find(&list.body, &deployment.sha) {
        Some((id, found)) if gitlab::goes_on(&found) => {
            if found != state {
                let call = gitlab::update(&repo, id, state);
                talk.ask("tell what became of the deployment", &call)?;
            }
            Ok(format!("deployment {id} to {environment} is {state}"))
        }
        // The newest of all, so nothing came between: the same told twice.
        Some((id, found)) if found == state && is_newest(&list.body, id) => {
            Ok(format!("deployment {id} is {state} already"))
        }
        _ => {
            talk.ask("record the deployment", &gitlab::create(&repo, deployment))?;
            Ok(format!(
                "a deployment to {environment} is recorded as {state}"
            ))
        }
    }
}

fn is_newest(list: &Value, id: u64) -> bool {
    list.pointer("/0/id").and_then(Value::as_u64) == Some(id)
}

fn blame_on_gitlab(talk: &mut Talk, list: &Value, sha: &str) {
    let Some((id, state)) = gitlab::find(list, sha) else {
        return;
    };
    if state == "failed" {
        return;
    }
    let call = gitlab::update(&talk.repo(), id, "failed");
    if let Err(failed) = talk.ask("mark the deployment as failed", &call) {
        talk.note(failed.text);
    }
}

pub(super) fn past(talk: &mut Talk, environment: &str) -> Result<Past, String> {
    let good = match talk.place.kind {
        Kind::GitHub => good_on_github(talk, environment),
        Kind::GitLab => {
            let call = gitlab::list(&talk.repo(), environment, true);
            let list = talk.ask("list the deployments", &call);
            list.map(|list| gitlab::good(&list.body))
        }
        Kind::Gitea => {
            talk.note("Gitea and Forgejo keep no deployments: they know no good one");
            Ok(Vec::new())
        }
    };
    Ok(Past {
        good: good.map_err(|failed| failed.text)?,
        notes: std::mem::take(&mut talk.notes),
    })
}

fn good_on_github(talk: &mut Talk, environment: &str) -> Result<Vec<Good>, Failed> {
    let repo = talk.repo();
    let list = talk.ask(
        "list the deployments",
        &github::list(&repo, environment, None),
    )?;
    let entries = list.body.as_array().into_iter().flatten();
    let mut all: Vec<Good> = entries.filter_map(records::good).collect();
    all.sort_by_key(|good| std::cmp::Reverse(good.id));
    if all.len() > ASKED {
        talk.note(format!(
            "only the newest {ASKED} deployments were asked about"
        ));
    }
    let mut good = Vec::new();
    for one in all.into_iter().take(ASKED) {
        let statuses = talk.ask("read a deployment", &github::statuses(&repo, one.id))?;
        if github::came_to(&statuses.body) == Some("success") {
            good.push(one);
        }
    }
    Ok(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_that_started_a_pipeline_is_read_from_its_address() {
        let of = pipeline_deployment;
        assert_eq!(
            of("https://api.github.com/repos/a/b/deployments/123"),
            Some(123)
        );
        for address in [
            "https://github.com/a/b/commit/0a1b",
            "https://x/deployments/",
            "https://x/deployments/0",
            "https://x/deployments/1/statuses",
            "",
        ] {
            assert_eq!(of(address), None, "{address}");
        }
    }
}
