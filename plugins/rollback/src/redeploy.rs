//! Woodpecker: the last good commit's pipeline is deployed again.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use shared::clock::{Clock, Wake};
use shared::endpoint::Endpoint;
use shared::http::{BODY_LIMIT, Http, Method, Request};
use shared::secret::{Secret, url_encoded};
use shared::value::show_duration;

use crate::plan::facts::same;
use crate::settings::Woodpecker;

/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(15);
/// How many pages of pipelines are looked at, of 50 each.
const PAGES: u32 = 10;
/// Between two looks at the redeployment.
const LOOK_AGAIN: Duration = Duration::from_millis(800);

/// A pipeline as Woodpecker tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Pipeline {
    number: u64,
    commit: String,
    event: String,
    deploy_to: String,
    status: String,
}

#[derive(Deserialize)]
struct Repository {
    id: u64,
}

/// A pipeline that was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// Its number.
    pub number: u64,
    /// The one that it runs again.
    pub of: u64,
}

/// Woodpecker's API.
pub struct Api<'a> {
    woodpecker: &'a Woodpecker,
    http: &'a Arc<Http>,
}

impl<'a> Api<'a> {
    /// The API at this address. Nothing is asked yet.
    pub fn new(woodpecker: &'a Woodpecker, http: &'a Arc<Http>) -> Self {
        Self { woodpecker, http }
    }

    /// Starts the last successful pipeline of a commit again, as a deployment.
    ///
    /// # Errors
    /// When there is none, or Woodpecker does not start it.
    pub fn redeploy(&self, repo: &str, commit: &str, environment: &str) -> Result<Started, String> {
        let id = self.repository(repo)?;
        let mut seen = Vec::new();
        for page in 1..=PAGES {
            let path = format!("/api/repos/{id}/pipelines?status=success&perPage=50&page={page}");
            let found: Vec<Pipeline> = self.ask(Method::Get, &path)?;
            let is_last = found.len() < 50;
            seen.extend(found);
            if is_last {
                break;
            }
        }
        let of = choose(&seen, commit, environment).ok_or_else(|| {
            format!(
                "no successful pipeline of {commit} is among the last {} of Woodpecker",
                seen.len()
            )
        })?;
        let target = url_encoded(environment);
        let path = format!("/api/repos/{id}/pipelines/{of}?event=deployment&deploy_to={target}");
        let started: Pipeline = self.ask(Method::Post, &path).map_err(|why| {
            format!("{why}; \"Allow deployments\" has to be on in the repository's settings")
        })?;
        Ok(Started {
            number: started.number,
            of,
        })
    }

    /// Waits for a pipeline to end.
    ///
    /// # Errors
    /// When it does not succeed, or not within the time, or nobody knows.
    pub fn wait(
        &self,
        repo: &str,
        number: u64,
        within: Duration,
        clock: &dyn Clock,
    ) -> Result<(), String> {
        let id = self.repository(repo)?;
        let path = format!("/api/repos/{id}/pipelines/{number}");
        let until = clock.elapsed() + within;
        loop {
            let now: Result<Pipeline, String> = self.ask(Method::Get, &path);
            if let Ok(pipeline) = &now {
                match stands(&pipeline.status) {
                    Stands::Goes => {}
                    Stands::Well => return Ok(()),
                    Stands::Ended => {
                        return Err(format!("pipeline {number} ended with {}", pipeline.status));
                    }
                }
            }
            if clock.elapsed() >= until {
                let why = now.err().map(|why| format!(": {why}")).unwrap_or_default();
                return Err(format!(
                    "pipeline {number} did not end within {}{why}",
                    show_duration(within)
                ));
            }
            if clock.sleep(LOOK_AGAIN) == Wake::Cancelled {
                return Err(format!(
                    "pipeline {number} was not waited for: this run was cancelled"
                ));
            }
        }
    }

    fn repository(&self, repo: &str) -> Result<u64, String> {
        let path = format!("/api/repos/lookup/{}", url_encoded(repo));
        self.ask::<Repository>(Method::Get, &path)
            .map(|found| found.id)
    }

    fn ask<T: for<'de> Deserialize<'de>>(&self, method: Method, path: &str) -> Result<T, String> {
        let address = format!("{}{path}", self.woodpecker.url);
        let endpoint = Endpoint::parse(&address)
            .map_err(|expected| format!("woodpecker_url: expected {expected}"))?;
        let bearer = Secret::new(format!("Bearer {}", self.woodpecker.token.reveal()));
        let headers = [("Authorization".to_owned(), bearer)];
        let request = Request {
            method,
            headers: &headers,
            body: (method == Method::Post).then_some(b""),
            body_limit: 8 * BODY_LIMIT,
            ..Request::get(&endpoint, ANSWER)
        };
        let answer = self
            .http
            .send(&request)
            .map_err(|failure| format!("{endpoint} : {}", failure.reason))?;
        match answer.status {
            200..=299 => serde_json::from_slice(&answer.body).map_err(|error| {
                format!(
                    "{endpoint} : the answer cannot be read ({error}), expected Woodpecker's API"
                )
            }),
            401 | 403 => Err(format!(
                "{endpoint} : status {}, expected a woodpecker_token that may deploy this repository",
                answer.status
            )),
            404 => Err(format!(
                "{endpoint} : status 404, expected a repository that woodpecker_token can see"
            )),
            status => Err(format!("{endpoint} : status {status}")),
        }
    }
}

/// How a pipeline stands.
#[derive(Debug, PartialEq, Eq)]
enum Stands {
    Goes,
    Well,
    Ended,
}

fn stands(status: &str) -> Stands {
    match status {
        "success" => Stands::Well,
        "pending" | "running" | "started" | "created" | "blocked" | "" => Stands::Goes,
        _ => Stands::Ended,
    }
}

/// The newest of the commit's pipelines that deployed here, else the newest that could deploy.
fn choose(pipelines: &[Pipeline], commit: &str, environment: &str) -> Option<u64> {
    let ours = || {
        pipelines
            .iter()
            .filter(|one| one.status == "success" && same(&one.commit, commit))
    };
    let deployed = ours().filter(|one| one.event == "deployment" && one.deploy_to == environment);
    let any = ours().filter(|one| !one.event.starts_with("pull_request"));
    let newest = |one: &&Pipeline| one.number;
    deployed
        .max_by_key(newest)
        .or_else(|| any.max_by_key(newest))
        .map(|one| one.number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn pipeline(number: u64, event: &str, to: &str) -> Pipeline {
        Pipeline {
            number,
            commit: GOOD.into(),
            event: event.into(),
            deploy_to: to.into(),
            status: "success".into(),
        }
    }

    #[test]
    fn the_newest_pipeline_that_deployed_here_is_run_again() {
        let all = [
            pipeline(9, "push", ""),
            pipeline(8, "deployment", "staging"),
            pipeline(7, "deployment", "production"),
            pipeline(6, "deployment", "production"),
        ];
        assert_eq!(choose(&all, GOOD, "production"), Some(7));
        assert_eq!(choose(&all[..2], GOOD, "production"), Some(9));
    }

    #[test]
    fn a_pull_request_another_commit_and_a_failure_are_not_run_again() {
        let failed = Pipeline {
            status: "failure".into(),
            ..pipeline(3, "push", "")
        };
        let other = Pipeline {
            commit: "b".repeat(40),
            ..pipeline(2, "push", "")
        };
        let all = [pipeline(4, "pull_request_metadata", ""), failed, other];
        assert_eq!(choose(&all, GOOD, "production"), None);
    }

    #[test]
    fn a_status_that_nobody_knows_is_an_end() {
        assert_eq!(stands("running"), Stands::Goes);
        assert_eq!(stands("success"), Stands::Well);
        assert_eq!(stands("killed"), Stands::Ended);
    }
}
