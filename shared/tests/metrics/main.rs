//! Metrics from a real Prometheus, and from what is none.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::Duration;

use shared::clock::SystemClock;
use shared::endpoint::Endpoint;
use shared::http::{Http, Proxies};
use shared::metrics::prometheus::{Prometheus, Queries, sample};
use shared::sample::{Role, Sample};
use shared::secret::Secret;
use shared::signal::Cancel;
use shared::tls::Roots;
use testbed::hostile::{Behaviour, Server};

const EXPOSITION: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n\r\n\
    shop_error_percent 1.25\n\
    shop_replicas{pod=\"a\"} 1\n\
    shop_replicas{pod=\"b\"} 1\n\
    shop_nan NaN\n\
    shop_infinite +Inf\n";

fn ask(base: &str, queries: Queries) -> Sample {
    let http = Http::new(Roots::default(), Proxies::default(), "metrics-tests");
    let prometheus = Prometheus {
        base: Endpoint::parse(base).unwrap(),
        headers: vec![("X-Scope-OrgID".into(), Secret::new("team"))],
        queries,
        timeout: Duration::from_secs(10),
        show_name: false,
    };
    sample(&prometheus, &http, &SystemClock::start(Cancel::default()))
}

fn errors(base: &str, query: &str) -> Result<f64, String> {
    let queries = Queries {
        error_rate: Some(query.into()),
        ..Queries::default()
    };
    match ask(base, queries).outcome {
        Ok(answer) => Ok(answer.error_rate.unwrap()),
        Err(reasons) => {
            let texts: Vec<String> = reasons.iter().map(ToString::to_string).collect();
            Err(texts.join(" | "))
        }
    }
}

fn base(address: SocketAddr) -> String {
    format!("http://{address}/prometheus")
}

#[test]
fn a_real_server_gives_a_value_or_the_reason_why_not() {
    let target = Server::says(EXPOSITION);
    let server = testbed::prometheus::Prometheus::start(target.address, "/prometheus");
    let base = base(server.address);
    let none = "no usable value from query_error_rate: ";
    for (query, expected) in [
        ("shop_error_percent", Ok(1.25)),
        ("scalar(shop_error_percent)", Ok(1.25)),
        ("vector(0)", Ok(0.0)),
        ("nothing_like_it", Err("empty result: no series matches")),
        (
            "shop_nan",
            Err("NaN, as from 0 divided by 0: was there no traffic?"),
        ),
        (
            "0/vector(0)",
            Err("NaN, as from 0 divided by 0: was there no traffic?"),
        ),
        ("shop_infinite", Err("+Inf, expected a finite value")),
        (
            "shop_replicas",
            Err("2 series, expected 1: aggregate them, as with sum(…)"),
        ),
        (
            "shop_error_percent[1m]",
            Err("a matrix, expected a single value"),
        ),
        ("\"text\"", Err("a string, expected a single value")),
        (
            "sum(",
            Err(
                "bad_data: invalid parameter \"query\": 1:5: parse error: unclosed left parenthesis",
            ),
        ),
    ] {
        let expected = expected.map_err(|detail| format!("{none}{detail}"));
        assert_eq!(errors(&base, query), expected, "{query}");
    }
    let outside = errors(&base, "shop_error_percent * 100").unwrap_err();
    assert_eq!(
        outside,
        "field query_error_rate is 125, expected per cent from 0 to 100"
    );
    // Too long for an address: it travels in a form.
    let long = vec!["shop_error_percent"; 200].join(" and ");
    assert_eq!(errors(&base, &long), Ok(1.25));

    let sample = ask(
        &base,
        Queries {
            error_rate: Some("shop_error_percent".into()),
            availability: Some("100 - shop_error_percent".into()),
            response_time: Some("sum(shop_replicas) * 75".into()),
        },
    );
    assert_eq!(
        (sample.role, sample.endpoint.as_str()),
        (Role::Metrics, base.as_str())
    );
    let answer = sample.outcome.unwrap();
    let values = [answer.error_rate, answer.availability, answer.response_time];
    assert_eq!(values, [Some(1.25), Some(98.75), Some(150.0)]);
}

#[test]
fn every_query_without_a_value_is_named() {
    static ANSWER: LazyLock<String> = LazyLock::new(|| {
        let body = r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#;
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{body}")
    });
    let server = Server::start(Behaviour::Says(Box::new(|_| ANSWER.clone().into_bytes())));
    let queries = Queries {
        error_rate: Some("a".into()),
        availability: None,
        response_time: Some("b{c=\"d\"}".into()),
    };
    let sample = ask(&base(server.address), queries);
    let reasons: Vec<String> = sample
        .outcome
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        reasons,
        [
            "no usable value from query_error_rate: empty result: no series matches",
            "no usable value from query_response_time: empty result: no series matches",
        ]
    );
    let heads = server.heads();
    assert!(heads[1].starts_with("GET /prometheus/api/v1/query?query=b%7Bc%3D%22d%22%7D HTTP/1.1"));
    assert!(heads[1].to_lowercase().contains("x-scope-orgid: team"));
}

#[test]
fn what_is_no_prometheus_is_not_mistaken_for_one() {
    for (answer, expected) in [
        (
            "HTTP/1.1 401 Unauthorized\r\nContent-Type: text/html\r\n\r\n<html>",
            "status 401, text/html",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>",
            "status 200, text/html",
        ),
        (
            "HTTP/1.1 502 Bad Gateway\r\n\r\n",
            "status 502, no content type",
        ),
    ] {
        let server = Server::says(answer);
        let expected =
            format!("no usable value from query_error_rate: not a Prometheus answer: {expected}");
        assert_eq!(errors(&base(server.address), "up"), Err(expected));
    }
}

#[test]
fn a_server_that_hangs_ends_with_the_limit_for_all_queries() {
    let server = Server::start(Behaviour::Silent);
    let http = Http::new(Roots::default(), Proxies::default(), "metrics-tests");
    let prometheus = Prometheus {
        base: Endpoint::parse(&base(server.address)).unwrap(),
        headers: Vec::new(),
        queries: Queries {
            error_rate: Some("up".into()),
            availability: Some("up".into()),
            response_time: Some("up".into()),
        },
        timeout: Duration::from_secs(1),
        show_name: true,
    };
    let sample = sample(&prometheus, &http, &SystemClock::start(Cancel::default()));
    let reasons: Vec<String> = sample
        .outcome
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect();
    let name = base(server.address);
    assert_eq!(
        reasons,
        [format!(
            "{name} : no answer within 1s while waiting for the headers"
        )]
    );
    assert!(sample.phases.total < Duration::from_secs(3));
}

mod counting;
