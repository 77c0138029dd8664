//! A Prometheus server, or one that speaks its HTTP API (Thanos, Mimir, `VictoriaMetrics`).

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::Clock;
use crate::endpoint::Endpoint;
use crate::http::{BODY_LIMIT, Http, Method, Progress, Request, Response};
use crate::metric::Metric;
use crate::reason::Reason;
use crate::sample::{Answer, Phases, Role, Sample};
use crate::secret::{Secret, url_encoded};

use super::growth::Series;
use super::reading;

/// Beyond this many bytes a query travels in a form: servers and proxies limit the length of an address.
const LONGEST_ADDRESS: usize = 2000;

/// The queries, in `PromQL`. Each must give exactly one series or a scalar.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Queries {
    /// Per cent, 0 to 100: `100 * sum(rate(http_requests_total{code=~"5.."}[1m])) / sum(rate(http_requests_total[1m]))`.
    pub error_rate: Option<String>,
    /// Per cent, 0 to 100.
    pub availability: Option<String>,
    /// Milliseconds.
    pub response_time: Option<String>,
}

impl Queries {
    fn of(&self, metric: Metric) -> Option<&str> {
        match metric {
            Metric::ErrorRate => self.error_rate.as_deref(),
            Metric::Availability => self.availability.as_deref(),
            Metric::ResponseTime => self.response_time.as_deref(),
        }
    }
}

/// A server and what it is asked.
#[derive(Debug, Clone)]
pub struct Prometheus {
    /// Its address, without `/api/v1/…`; a path before that is kept, and a login becomes basic authorization.
    pub base: Endpoint,
    /// Headers beside the usual ones, such as `Authorization` or `X-Scope-OrgID`.
    pub headers: Vec<(String, Secret)>,
    /// What it is asked.
    pub queries: Queries,
    /// How long all queries together may take.
    pub timeout: Duration,
    /// Whether reasons carry the server's name: so where several endpoints are probed.
    pub show_name: bool,
}

/// Asks a server for its metrics once. Whatever happens is in the sample; only its total time is measured.
pub fn sample(prometheus: &Prometheus, http: &Http, clock: &dyn Clock) -> Sample {
    prometheus.look(http, clock.now())
}

impl Prometheus {
    /// The value of one query of any kind, whatever its unit and sign.
    ///
    /// # Errors
    /// When there is none.
    pub fn number(&self, query: &str, http: &Http) -> Result<f64, Reason> {
        self.value("the query", query, http, &Progress::start(self.timeout))
    }

    /// Asks at the time `at`.
    pub(crate) fn look(&self, http: &Http, at: Timestamp) -> Sample {
        let progress = Progress::start(self.timeout);
        let outcome = self.ask_all(http, &progress);
        let endpoint = self.base.to_string();
        Sample {
            role: Role::Metrics,
            at,
            phases: Phases {
                total: progress.phases().total,
                ..Phases::default()
            },
            outcome: outcome.map_err(|reasons| {
                let name = |reason: Reason| {
                    if self.show_name {
                        reason.at(&endpoint)
                    } else {
                        reason
                    }
                };
                reasons.into_iter().map(name).collect()
            }),
            endpoint,
        }
    }

    fn ask_all(&self, http: &Http, progress: &Progress) -> Result<Answer, Vec<Reason>> {
        let mut answer = Answer::default();
        let mut reasons = Vec::new();
        for metric in Metric::ALL {
            let Some(query) = self.queries.of(metric) else {
                continue;
            };
            let place = match metric {
                Metric::ErrorRate => &mut answer.error_rate,
                Metric::Availability => &mut answer.availability,
                Metric::ResponseTime => &mut answer.response_time,
            };
            match self.ask(metric, query, http, progress) {
                Ok(value) => *place = Some(value),
                // A server that does not answer at all is not asked the rest.
                Err(reason @ Reason::Timeout { .. }) => {
                    reasons.push(reason);
                    break;
                }
                Err(reason) if reasons.contains(&reason) => {}
                Err(reason) => reasons.push(reason),
            }
        }
        if reasons.is_empty() {
            Ok(answer)
        } else {
            Err(reasons)
        }
    }

    fn ask(
        &self,
        metric: Metric,
        query: &str,
        http: &Http,
        progress: &Progress,
    ) -> Result<f64, Reason> {
        let name = format!("query_{}", metric.name());
        let value = self.value(&name, query, http, progress)?;
        let (most, range) = match metric {
            Metric::ErrorRate | Metric::Availability => (100.0, "per cent from 0 to 100"),
            Metric::ResponseTime => (f64::MAX, "milliseconds from 0 on"),
        };
        if (0.0..=most).contains(&value) {
            return Ok(value);
        }
        Err(Reason::Field {
            field: name,
            detail: format!("is {value}, expected {range}"),
        })
    }

    /// What was scraped of each series that a range selector names.
    pub(super) fn series(
        &self,
        name: &str,
        query: &str,
        http: &Http,
        progress: &Progress,
    ) -> Result<Vec<Series>, Reason> {
        self.read(name, query, http, progress, reading::series)
    }

    fn value(
        &self,
        name: &str,
        query: &str,
        http: &Http,
        progress: &Progress,
    ) -> Result<f64, Reason> {
        self.read(name, query, http, progress, reading::value)
    }

    fn read<T>(
        &self,
        name: &str,
        query: &str,
        http: &Http,
        progress: &Progress,
        reads: impl Fn(u16, Option<&str>, &[u8]) -> Result<T, String>,
    ) -> Result<T, Reason> {
        let response = self
            .send(query, http, progress.left())
            .map_err(|reason| match reason {
                Reason::Timeout { phase, .. } => Reason::Timeout {
                    phase,
                    limit: self.timeout,
                },
                other => other,
            })?;
        if response.cut {
            return Err(Reason::BodyTooLarge { limit: BODY_LIMIT });
        }
        let kind = response.header("content-type");
        let read = reads(response.status, kind, &response.body);
        read.map_err(|detail| Reason::NoValue {
            query: name.to_owned(),
            detail,
        })
    }

    fn send(&self, query: &str, http: &Http, left: Duration) -> Result<Response, Reason> {
        let form = format!("query={}", url_encoded(query));
        let long = form.len() > LONGEST_ADDRESS;
        let address = if long {
            self.path()
        } else {
            format!("{}?{form}", self.path())
        };
        let endpoint = self.base.join(&address).ok_or_else(|| Reason::NoValue {
            query: "the metrics endpoint".into(),
            detail: "its address leads to no query API, expected http:// or https://".into(),
        })?;
        let mut headers = self.headers.clone();
        if long {
            let kind = Secret::new("application/x-www-form-urlencoded");
            headers.push(("Content-Type".into(), kind));
        }
        let request = Request {
            method: if long { Method::Post } else { Method::Get },
            headers: &headers,
            body: Some(form.as_bytes()).filter(|_| long),
            ..Request::get(&endpoint, left)
        };
        http.send(&request).map_err(|failure| failure.reason)
    }

    /// The path of the query API, below the path of the base.
    fn path(&self) -> String {
        let url = self.base.url();
        let path = url.splitn(4, '/').nth(3).unwrap_or_default();
        let path = path.split('?').next().unwrap_or_default();
        let path = path.trim_end_matches('/');
        let path = path.strip_suffix("api/v1/query").unwrap_or(path);
        let path = path.trim_end_matches('/');
        let slash = if path.is_empty() { "" } else { "/" };
        format!("{slash}{path}/api/v1/query")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_api_lies_below_the_path_of_the_base() {
        for (base, path) in [
            ("http://p:9090", "/api/v1/query"),
            ("http://p:9090/", "/api/v1/query"),
            ("https://p/prometheus", "/prometheus/api/v1/query"),
            ("https://p/a/b/?x=1", "/a/b/api/v1/query"),
            ("https://p/a/api/v1/query", "/a/api/v1/query"),
        ] {
            let prometheus = Prometheus {
                base: Endpoint::parse(base).unwrap(),
                headers: Vec::new(),
                queries: Queries::default(),
                timeout: Duration::from_secs(1),
                show_name: false,
            };
            assert_eq!(prometheus.path(), path, "{base}");
        }
    }
}
