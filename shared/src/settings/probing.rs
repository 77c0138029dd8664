//! What is probed: common to the plugins that judge.

use std::time::Duration;

use crate::answer::{Expect, ExpectedBody, StatusRanges};
use crate::endpoint::{Endpoint, Scheme};
use crate::http::Method;
use crate::metric::Metric;
use crate::metrics::prometheus::Queries;
use crate::policy::Policy;
use crate::problem::Problem;
use crate::secret::Secret;
use crate::settings::read::{Reader, choice};
use crate::value;

/// Where the three metrics come from beside the health endpoints.
#[derive(Debug, Clone)]
pub enum Metrics {
    /// A JSON document of the same shape as a health answer.
    Json(Endpoint),
    /// A Prometheus server and what to ask it, per metric.
    Prometheus {
        /// Its address.
        endpoint: Endpoint,
        /// At least one of them is set.
        queries: Queries,
    },
}

/// Everything that is probed, and how.
#[derive(Debug, Clone)]
pub struct Probing {
    /// The health endpoints; never empty.
    pub endpoints: Vec<Endpoint>,
    /// `GET`, `HEAD`, `POST` or `OPTIONS`.
    pub method: Method,
    /// Sent to the health endpoints.
    pub headers: Vec<(String, Secret)>,
    /// What a health answer must be like.
    pub expect: Expect,
    /// Metrics beside it.
    pub metrics: Option<Metrics>,
    /// Data integrity.
    pub integrity: Option<Endpoint>,
    /// The time limit of one probe.
    pub timeout: Duration,
}

impl Probing {
    /// Everything in the addresses and headers that must not be printed.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        let metrics = self.metrics.iter().map(|metrics| match metrics {
            Metrics::Json(endpoint) | Metrics::Prometheus { endpoint, .. } => endpoint,
        });
        let endpoints = self.endpoints.iter().chain(metrics).chain(&self.integrity);
        endpoints
            .flat_map(Endpoint::secrets)
            .chain(self.headers.iter().map(|(_, value)| value.reveal()))
            .chain(self.headers.iter().filter_map(token))
    }
}

/// The token of `Authorization: Bearer token`: what refuses it may well repeat it without the word before it.
fn token((_, value): &(String, Secret)) -> Option<&str> {
    let (_, token) = value.reveal().trim().split_once(' ')?;
    Some(token.trim()).filter(|token| token.len() > 7)
}

/// Reads what is to be probed. `needed` is false where the run makes no probe.
pub fn probing(read: &mut Reader, policy: &Policy, needed: bool) -> Probing {
    let endpoints = endpoints(read, needed);
    let mut expect = expect(read, policy);
    let http = endpoints.is_empty()
        || endpoints
            .iter()
            .any(|endpoint| endpoint.scheme != Scheme::Tcp);
    // The policy speaks of the team's HTTP endpoints; a step that only asks for a port is not what it means.
    if !http && read.given("required_fields").is_none() {
        expect.required_fields.clear();
    }
    if !http && expect.needs_body() {
        let name = [
            "expect_version",
            "required_fields",
            "expected_body",
            "max_age",
        ]
        .into_iter()
        .find(|name| read.given(name).is_some())
        .unwrap_or("required_fields");
        read.refuse(
            name,
            "an http endpoint to read it from, but every endpoint is tcp://",
        );
    }
    let method = method(read);
    if method == Method::Head && expect.needs_body() {
        read.refuse(
            "method",
            "GET, POST or OPTIONS, because the body is asked for and HEAD brings none",
        );
    }
    Probing {
        endpoints,
        method,
        headers: headers(read),
        expect,
        metrics: metrics(read),
        integrity: read.read("integrity_endpoint", http_endpoint),
        timeout: read
            .read("timeout", value::duration_above_zero)
            .or(policy.health_checks.timeout)
            .unwrap_or(Duration::from_secs(10)),
    }
}

fn endpoints(read: &mut Reader, needed: bool) -> Vec<Endpoint> {
    let Some(given) = read.given("endpoint") else {
        if needed && !read.is_misspelt("endpoint") {
            let expected = "an address to probe, such as https://shop.example/health";
            read.problem(
                Problem::unseen("endpoint", expected)
                    .hint("set it under settings:, or HEALTH_ENDPOINT"),
            );
        }
        return Vec::new();
    };
    // An address may hold a comma; only a comma before another scheme parts two addresses.
    let parts = if given.text.trim().starts_with('[') {
        value::list(&given.text)
    } else {
        Ok(split_addresses(&given.text))
    };
    let parsed = parts.and_then(|parts| {
        parts
            .iter()
            .map(|part| Endpoint::parse(part))
            .collect::<Result<Vec<_>, _>>()
    });
    match parsed {
        Ok(endpoints) if !endpoints.is_empty() => endpoints,
        Ok(_) => {
            read.refuse("endpoint", "at least one address");
            Vec::new()
        }
        Err(expected) => {
            read.refuse("endpoint", expected);
            Vec::new()
        }
    }
}

fn split_addresses(text: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for part in text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        let begins = ["http://", "https://", "tcp://"]
            .iter()
            .any(|scheme| part.to_ascii_lowercase().starts_with(scheme));
        match parts.last_mut() {
            Some(last) if !begins && last.contains('/') && !last.starts_with("tcp") => {
                last.push(',');
                last.push_str(part);
            }
            _ => parts.push(part.to_owned()),
        }
    }
    parts
}

fn http_endpoint(text: &str) -> Result<Endpoint, value::Expected> {
    let wanted = "an address such as https://shop.example/metrics";
    Endpoint::parse(text)
        .ok()
        .filter(|endpoint| endpoint.scheme != Scheme::Tcp)
        .ok_or(wanted)
}

fn method(read: &mut Reader) -> Method {
    let words = [Method::Get, Method::Head, Method::Post, Method::Options]
        .map(|method| (method.word(), method));
    let method = read.read("method", |text| {
        choice(text, &words, "GET, HEAD, POST or OPTIONS")
    });
    method.unwrap_or(Method::Get)
}

fn headers(read: &mut Reader) -> Vec<(String, Secret)> {
    let wanted = "headers such as {\"Authorization\": \"Bearer …\"} or a list of \"Name: value\"";
    let parsed = read.read("headers", |text| {
        let pairs: Vec<(String, String)> = if text.trim_start().starts_with('{') {
            value::map(text).map_err(|_| wanted)?.into_iter().collect()
        } else {
            let lines = if text.trim_start().starts_with('[') {
                value::list(text)?
            } else {
                vec![text.to_owned()]
            };
            let split = |line: &String| {
                line.split_once(':')
                    .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            };
            lines
                .iter()
                .map(split)
                .collect::<Option<_>>()
                .ok_or(wanted)?
        };
        let name_fits = |name: &str| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
        };
        let value_fits = |value: &str| {
            value
                .bytes()
                .all(|b| b == b'\t' || (b' '..=b'~').contains(&b))
        };
        if pairs
            .iter()
            .all(|(name, value)| name_fits(name) && value_fits(value))
        {
            Ok(pairs)
        } else {
            Err(wanted)
        }
    });
    parsed
        .unwrap_or_default()
        .into_iter()
        .map(|(name, value)| (name, Secret::new(value)))
        .collect()
}

fn expect(read: &mut Reader, policy: &Policy) -> Expect {
    Expect {
        status: read
            .read("expected_status", StatusRanges::parse)
            .unwrap_or_default(),
        body: read.read("expected_body", ExpectedBody::parse),
        required_fields: read
            .read("required_fields", value::list)
            .unwrap_or_else(|| policy.health_checks.required_fields.clone()),
        version: read.text("expect_version"),
        version_field: read
            .text("version_field")
            .unwrap_or_else(|| "version".to_owned()),
        max_age: read.read("max_age", value::duration_above_zero),
        metrics: false,
    }
}

fn metrics(read: &mut Reader) -> Option<Metrics> {
    let queries = Queries {
        error_rate: read.text("query_error_rate"),
        availability: read.text("query_availability"),
        response_time: read.text("query_response_time"),
    };
    let asked = Metric::ALL.map(|metric| format!("query_{}", metric.name()));
    let asked = asked.iter().find(|name| read.given(name).is_some());
    let words = [("json", false), ("prometheus", true)];
    let said = read.read("metrics_type", |text| {
        choice(text, &words, "json or prometheus")
    });
    // Counters are asked of the same server, by whoever weighs them.
    let counted = read.given("query_requests").is_some();
    let prometheus = said.unwrap_or(asked.is_some() || counted);
    let endpoint = read.read("metrics_endpoint", http_endpoint);
    if read.given("metrics_endpoint").is_none() {
        if let Some(name) = asked {
            read.refuse(name, "a metrics_endpoint to send the query to");
        } else if said.is_some() {
            read.refuse("metrics_type", "a metrics_endpoint beside it");
        }
        return None;
    }
    if prometheus && counted && asked.is_none() {
        return None;
    }
    if prometheus && asked.is_none() {
        read.refuse(
            "metrics_type",
            "at least one of query_error_rate, query_availability, query_response_time beside it",
        );
    }
    if !prometheus && (asked.is_some() || counted) {
        read.refuse("metrics_type", "prometheus, because a query is set");
    }
    let endpoint = endpoint?;
    Some(if prometheus {
        Metrics::Prometheus { endpoint, queries }
    } else {
        Metrics::Json(endpoint)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_within_an_address_does_not_part_it() {
        assert_eq!(
            split_addresses("http://a/x?y=1,2, https://b/"),
            ["http://a/x?y=1,2", "https://b/"]
        );
        assert_eq!(
            split_addresses("tcp://a:1,tcp://b:2,"),
            ["tcp://a:1", "tcp://b:2"]
        );
        assert_eq!(
            split_addresses("http://a/,nonsense"),
            ["http://a/,nonsense"]
        );
    }
}
