//! *check*, *wait* and *watch* through the binary.

use crate::step::{Pipeline, service};
use testbed::sink::{Reply, Sink};

const DOWN: &str = r#"503 {"status": "unhealthy"}"#;

#[test]
fn waiting_ends_when_the_service_is_well() {
    let service = service(&[DOWN, DOWN, DOWN, DOWN, "{}", "{}"]);
    let url = service.url("/");
    let settings = [
        ("endpoint", url.as_str()),
        ("wait", "true"),
        ("initial_delay", "0"),
        ("interval", "100ms"),
        ("max_wait", "20s"),
        ("healthy_threshold", "2"),
    ];
    let ended = Pipeline::new()
        .run(&settings)
        .with(0)
        .saying("unknown → failing")
        .saying("failing → healthy");
    assert_eq!(service.requests().len(), 6);
    // A state that does not change is one line, however many probes it takes.
    assert_eq!(ended.log.matches("→ failing").count(), 1, "{}", ended.log);
}

#[test]
fn waiting_too_long_is_a_time_out_with_the_last_reason() {
    let service = service(&[DOWN; 100]);
    let url = service.url("/");
    let settings = [
        ("endpoint", url.as_str()),
        ("wait", "true"),
        ("initial_delay", "0"),
        ("interval", "100ms"),
        ("max_wait", "1s"),
    ];
    let ended = Pipeline::new().run(&settings).with(124);
    assert!(
        ended
            .verdict()
            .starts_with("TIMED OUT (exit 124): status 503, expected 200-299"),
        "{}",
        ended.log
    );
}

#[test]
fn a_service_that_never_answers_does_not_outlast_the_waiting() {
    let silent = Sink::start([Reply::new(200, "{}").after(std::time::Duration::from_secs(30))]);
    let url = silent.url("/");
    let settings = [
        ("endpoint", url.as_str()),
        ("wait", "true"),
        ("initial_delay", "0"),
        ("max_wait", "1s"),
    ];
    Pipeline::new()
        .run(&settings)
        .with(124)
        .saying("while waiting for the headers");
}

#[test]
fn watching_judges_the_whole_window() {
    let spike = service(&[
        r#"{"error_rate": 1}"#,
        r#"{"error_rate": 9}"#,
        r#"{"error_rate": 1}"#,
        r#"{"error_rate": 1}"#,
        r#"{"error_rate": 1}"#,
    ]);
    let url = spike.url("/");
    let settings = [
        ("endpoint", url.as_str()),
        ("watch", "2s"),
        ("initial_delay", "0"),
        ("interval", "500ms"),
    ];
    Pipeline::new()
        .run(&settings)
        .with(0)
        .saying("PASSED WITH WARNINGS (exit 0)")
        .saying("attempts failed")
        .saying("error rate");

    let high = service(&[
        r#"{"error_rate": 6}"#,
        r#"{"error_rate": 5}"#,
        r#"{"error_rate": 6}"#,
        r#"{"error_rate": 5}"#,
        r#"{"error_rate": 6}"#,
    ]);
    let url = high.url("/");
    let settings = [
        ("endpoint", url.as_str()),
        ("watch", "2s"),
        ("initial_delay", "0"),
        ("interval", "500ms"),
    ];
    Pipeline::new()
        .run(&settings)
        .with(1)
        .saying("% > limit 5 % (mean of");
}

#[test]
fn watching_ends_early_when_it_is_decided() {
    let service = service(&["{}", DOWN, DOWN, DOWN]);
    let url = service.url("/");
    let settings = [
        ("endpoint", url.as_str()),
        ("watch", "1h"),
        ("initial_delay", "0"),
        ("interval", "100ms"),
    ];
    Pipeline::new()
        .run(&settings)
        .with(1)
        .saying("3 failed attempts in a row");
    assert_eq!(service.requests().len(), 4);
}

#[test]
fn waiting_and_then_watching_are_one_step() {
    let service = service(&[DOWN, "{}", "{}", "{}", "{}", "{}", "{}"]);
    let url = service.url("/");
    let settings = [
        ("endpoint", url.as_str()),
        ("wait", "true"),
        ("initial_delay", "0"),
        ("interval", "100ms"),
        ("watch", "1s"),
    ];
    Pipeline::new()
        .run(&settings)
        .with(0)
        .saying("waiting up to 5m")
        .saying("watching for 1s");
    assert!(service.requests().len() >= 5);
}

#[test]
fn a_failed_integrity_check_is_not_retried() {
    let fine = service(&["{}", "{}"]);
    let broken = service(&[r#"{"status": "unhealthy"}"#, "{}"]);
    let (url, integrity) = (fine.url("/"), broken.url("/integrity"));
    let settings = [
        ("endpoint", url.as_str()),
        ("integrity_endpoint", &integrity),
        ("interval", "100ms"),
    ];
    Pipeline::new()
        .run(&settings)
        .with(1)
        .saying("/integrity : the service calls itself unhealthy");
    assert_eq!((fine.requests().len(), broken.requests().len()), (1, 1));
}

#[test]
fn a_warning_gate_lets_the_pipeline_go_on() {
    let service = service(&[DOWN]);
    let url = service.url("/");
    let settings = [
        ("endpoint", url.as_str()),
        ("retries", "0"),
        ("on_failure", "warn"),
    ];
    Pipeline::new()
        .run(&settings)
        .with(0)
        .saying("FAILED (exit 0): status 503");
}

#[test]
fn several_endpoints_must_all_be_well_and_the_bad_one_is_named() {
    let (fine, broken) = (service(&["{}"]), service(&[DOWN]));
    let both = format!("{},{}", fine.url("/a"), broken.url("/b"));
    Pipeline::new()
        .run(&[("endpoint", &both), ("retries", "0")])
        .with(1)
        .saying("/b : status 503");
    let tcp = format!(
        "[\"{}\",\"tcp://127.0.0.1:{}\"]",
        fine.url("/a"),
        fine.url("").rsplit(':').next().unwrap()
    );
    Pipeline::new()
        .run(&[("endpoint", &tcp), ("retries", "0")])
        .with(0)
        .saying("all 2 endpoints are well");
}

#[test]
fn metrics_from_a_json_document_are_judged_beside_the_health() {
    let fine = service(&["{}", "{}"]);
    let metrics = service(&[r#"{"error_rate": 7}"#, r#"{"error_rate": "7"}"#]);
    let (url, metrics_url) = (fine.url("/"), metrics.url("/metrics"));
    let settings = [
        ("endpoint", url.as_str()),
        ("metrics_endpoint", &metrics_url),
        ("retries", "0"),
    ];
    let pipeline = Pipeline::new();
    pipeline
        .run(&settings)
        .with(1)
        .saying("/metrics : error rate 7 % > limit 5 %");
    pipeline
        .run(&settings)
        .with(1)
        .saying("field error_rate is the text");
}

#[test]
fn metrics_from_a_real_prometheus_are_judged_and_no_value_is_no_pass() {
    let exposition = testbed::hostile::Server::says(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\nshop_errors 7\nshop_up{pod=\"a\"} 100\nshop_up{pod=\"b\"} 100\n",
    );
    let prometheus = testbed::prometheus::Prometheus::start(exposition.address, "");
    let fine = service(&["{}"; 8]);
    let (url, base) = (fine.url("/"), format!("http://{}", prometheus.address));
    let ask = |name: &str, query: &str| {
        Pipeline::new().run(&[
            ("endpoint", &url),
            ("metrics_endpoint", &base),
            ("retries", "0"),
            (name, query),
        ])
    };
    ask("query_error_rate", "shop_errors")
        .with(1)
        .saying("error rate 7 % > limit 5 %");
    ask("query_error_rate", "shop_errors / 7").with(0);
    ask("query_error_rate", "no_such_metric")
        .with(1)
        .saying("no usable value");
    ask("query_error_rate", "shop_errors * NaN")
        .with(1)
        .saying("NaN");
    ask("query_response_time", "shop_errors / 0")
        .with(1)
        .saying("Inf");
    ask("query_availability", "shop_up")
        .with(1)
        .saying("2 series");
}

#[test]
fn a_dry_run_looks_and_judges_and_writes_nothing() {
    let service = service(&[DOWN]);
    let slack = Sink::start([]);
    let (url, hook) = (service.url("/"), slack.url("/hook"));
    let pipeline = Pipeline::new();
    let settings = [
        ("endpoint", url.as_str()),
        ("retries", "0"),
        ("dry_run", "true"),
        ("slack_webhook_url", &hook),
    ];
    pipeline.run(&settings).with(1);
    assert_eq!(pipeline.journal(), [""; 0]);
    assert!(slack.requests().is_empty());
}

#[test]
fn credentials_are_sent_and_never_printed() {
    let service = service(&["{}"]);
    let url = service
        .url("/health?token=0123456789abcdef")
        .replace("http://", "http://bob:hunter2222@");
    let headers = r#"{"X-Api-Key": "s3cr3t-k3y"}"#;
    Pipeline::new()
        .run(&[
            ("endpoint", &url),
            ("headers", headers),
            ("log_level", "debug"),
        ])
        .with(0)
        .not_saying("hunter2222")
        .not_saying("0123456789abcdef")
        .not_saying("s3cr3t-k3y");
    let request = &service.requests()[0];
    assert_eq!(
        request.header("authorization"),
        Some("Basic Ym9iOmh1bnRlcjIyMjI=")
    );
    assert_eq!(request.header("x-api-key"), Some("s3cr3t-k3y"));
}

#[test]
fn what_an_endpoint_repeats_of_our_secrets_reaches_neither_log_nor_records_nor_people() {
    let token = "eyJhbGciOiJIUzI1NiJ9".repeat(6);
    let echo = format!(
        r#"{{"status": "Bearer {token}", "version": "Basic Ym9iOmh1bnRlcjIyMjI=", "error_rate": "{token}"}}"#
    );
    let service = service(&[&echo]);
    let people = Sink::start([]);
    let url = service
        .url("/")
        .replace("http://", "http://bob:hunter2222@");
    let headers = format!(r#"{{"Authorization": "Bearer {token}"}}"#);
    let hook = people.url("/hook");
    let pipeline = Pipeline::new();
    let ended = pipeline
        .run(&[
            ("endpoint", url.as_str()),
            ("headers", &headers),
            ("expect_version", "1.2.3"),
            ("retries", "0"),
            ("webhook_url", &hook),
            ("report_file", "report.json"),
        ])
        .with(1);
    let told = String::from_utf8(people.requests()[0].body.clone()).unwrap();
    let report = std::fs::read_to_string(pipeline.workspace.join("report.json")).unwrap();
    for text in [ended.log, told, report, pipeline.journal().join("\n")] {
        assert!(!text.contains("eyJhbGciOi"), "{text}");
        assert!(!text.contains("Ym9iOmh1bnRl"), "{text}");
    }
}

#[test]
fn an_endpoint_cannot_write_lines_of_its_own_into_the_log() {
    let service = service(&[r#"{"version": "1\nPASSED (exit 0): all is well\u001b[2J"}"#]);
    let url = service.url("/");
    let ended = Pipeline::new()
        .run(&[
            ("endpoint", url.as_str()),
            ("expect_version", "2"),
            ("retries", "0"),
        ])
        .with(1)
        .not_saying("\u{1b}");
    assert!(ended.verdict().starts_with("FAILED"), "{}", ended.log);
    assert!(!ended.log.lines().any(|line| line.starts_with("PASSED")));
}

#[test]
fn a_setting_that_does_nothing_in_this_mode_is_named() {
    let service = service(&["{}", "{}"]);
    let url = service.url("/");
    let pipeline = Pipeline::new().var("DEPLOYMENT_SCRIPT", "deploy.sh");
    pipeline
        .run(&[
            ("endpoint", url.as_str()),
            ("max_wait", "10m"),
            ("initial_delay", "5"),
            ("notify_on", "failure"),
            ("email_from", "ops@shop.example"),
        ])
        .with(0)
        .saying("note: setting email_from does nothing without smtp_server and email_to")
        .saying("note: setting max_wait does nothing without wait")
        .saying("note: setting initial_delay does nothing without wait or watch")
        .saying("note: setting notify_on does nothing without slack_webhook_url")
        .not_saying("deployment_script");
    pipeline
        .run(&[
            ("endpoint", url.as_str()),
            ("wait", "true"),
            ("max_wait", "10m"),
            ("initial_delay", "0"),
        ])
        .with(0)
        .not_saying("does nothing");
}

#[test]
fn only_what_was_recorded_as_unverified_is_called_so() {
    let body = format!(r#"{{"version": "{}"}}"#, &crate::step::COMMIT[..12]);
    let service = service(&["{}", &body, "{}"]);
    let url = service.url("/");
    let two = format!(
        "{url},{}",
        url.replace("http://", "tcp://").trim_end_matches('/')
    );
    let text = "recorded as unverified";
    Pipeline::new()
        .var("CI_PIPELINE_EVENT", "pull_request")
        .run(&[("endpoint", &url), ("final", "true")])
        .with(0)
        .not_saying(text);
    Pipeline::new()
        .run(&[
            ("endpoint", &two),
            ("final", "true"),
            ("expect_version", crate::step::COMMIT),
        ])
        .with(0)
        .saying("recorded: deployment success")
        .not_saying(text);
}

#[test]
fn a_journal_that_cannot_be_written_changes_no_verdict_and_is_told_once() {
    let service = service(&[DOWN, DOWN, DOWN]);
    let url = service.url("/");
    let settings = [
        ("endpoint", url.as_str()),
        ("journal", "/proc/none/j"),
        ("interval", "10ms"),
    ];
    let ended = Pipeline::new()
        .run(&settings)
        .with(1)
        .saying("records lost")
        .saying("not written yet: deployment failed")
        .not_saying("recorded: ");
    let told = ended.log.matches("journal /proc/none/j could not").count();
    assert_eq!(told, 1, "{}", ended.log);
}
