//! What is read of answers, good and hostile.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::metric::Metric;

const NOW: &str = "2026-01-01T12:00:00Z";

fn read_at_noon(parts: &Parts, expect: &Expect) -> Result<Answer, Vec<String>> {
    read(parts, expect, NOW.parse().unwrap())
        .map_err(|reasons| reasons.iter().map(ToString::to_string).collect())
}

fn json(body: &str) -> Parts<'_> {
    Parts {
        status: 200,
        content_type: Some("application/json; charset=utf-8"),
        body: Some(body.as_bytes()),
        cut_at: None,
    }
}

fn refused(parts: &Parts, expect: &Expect) -> String {
    read_at_noon(parts, expect).unwrap_err().join(" | ")
}

#[test]
fn the_documented_answer_is_read_whole_and_unknown_fields_are_ignored() {
    let body = r#"{"status":"healthy","error_rate":1.5,"availability":99.5,"response_time":150,
        "timestamp":"2026-01-01T11:59:30Z","extra":{"deep":[1]}}"#;
    let answer = read_at_noon(&json(body), &Expect::default()).unwrap();
    assert_eq!(
        answer,
        Answer {
            status: Some(200),
            health: Some(Health::Healthy),
            error_rate: Some(1.5),
            availability: Some(99.5),
            response_time: Some(150.0),
            version: None,
            totals: None,
        }
    );
}

#[test]
fn every_known_word_is_understood_in_any_case() {
    for (word, health) in [
        ("Healthy", Health::Healthy),
        ("ok", Health::Healthy),
        ("UP", Health::Healthy),
        ("pass", Health::Healthy),
        ("degraded", Health::Degraded),
        ("WARN", Health::Degraded),
        ("unhealthy", Health::Unhealthy),
        ("DOWN", Health::Unhealthy),
        ("OUT_OF_SERVICE", Health::Unhealthy),
        ("fail", Health::Unhealthy),
    ] {
        let body = format!(r#"{{"status":"{word}"}}"#);
        let answer = read_at_noon(&json(&body), &Expect::default()).unwrap();
        assert_eq!(answer.health, Some(health), "{word}");
    }
}

#[test]
fn every_impossible_body_is_refused_with_its_own_reason() {
    for (body, said) in [
        (
            r#"{"status":"weird"}"#,
            "field status is the text \"weird\", expected healthy, degraded or unhealthy",
        ),
        (
            r#"{"status":1}"#,
            "field status is the number 1, expected healthy, degraded or unhealthy",
        ),
        (
            r#"{"error_rate":"1.5"}"#,
            "field error_rate is the text \"1.5\", expected a number",
        ),
        (
            r#"{"error_rate":-1}"#,
            "field error_rate is -1, expected per cent from 0 to 100",
        ),
        (
            r#"{"availability":100.5}"#,
            "field availability is 100.5, expected per cent from 0 to 100",
        ),
        (
            r#"{"response_time":-2}"#,
            "field response_time is -2, expected milliseconds from 0 on",
        ),
        (
            r#"{"response_time":true}"#,
            "field response_time is true, expected a number",
        ),
        (
            r#"{"error_rate":NaN}"#,
            "the body (declared as application/json; charset=utf-8) is not JSON: expected value at line 1 column 15",
        ),
        (
            r#"{"error_rate":1e999}"#,
            "the body (declared as application/json; charset=utf-8) is not JSON: number out of range at line 1 column 19",
        ),
        (
            "",
            "the body (declared as application/json; charset=utf-8) is empty, expected a JSON object",
        ),
        (
            r#""unhealthy""#,
            "the body is the text \"unhealthy\", expected a JSON object",
        ),
        ("[]", "the body is an array, expected a JSON object"),
        (
            r#"{"error_rate":"a","availability":[]}"#,
            "field error_rate is the text \"a\", expected a number | field availability is an array, expected a number",
        ),
    ] {
        assert_eq!(refused(&json(body), &Expect::default()), said, "{body}");
    }
}

#[test]
fn json_deeper_than_the_parser_goes_is_refused() {
    let deep = "[".repeat(100_000);
    let said = refused(&json(&deep), &Expect::default());
    assert!(said.contains("recursion limit exceeded"), "{said}");
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let parts = Parts {
        body: Some(b"{\"a\":\"\xff\"}"),
        ..json("")
    };
    assert_eq!(
        refused(&parts, &Expect::default()),
        "the body is not UTF-8 at byte 6"
    );
}

#[test]
fn what_is_not_declared_as_json_is_healthy_by_its_status() {
    for (content_type, body) in [
        (Some("text/html"), "<html>"),
        (None, ""),
        (Some("text/plain"), "{\"status\":\"nonsense\""),
    ] {
        let parts = Parts {
            content_type,
            cut_at: Some(6),
            ..json(body)
        };
        assert_eq!(
            read_at_noon(&parts, &Expect::default()).unwrap().health,
            None
        );
    }
}

#[test]
fn an_answer_without_a_body_is_healthy_by_its_status() {
    let parts = Parts {
        body: None,
        ..json("")
    };
    assert!(read_at_noon(&parts, &Expect::default()).is_ok());
}

#[test]
fn fields_that_are_asked_for_are_looked_for_in_any_body() {
    let expect = Expect {
        required_fields: vec!["error_rate".into(), "/checks/db".into()],
        ..Expect::default()
    };
    let html = Parts {
        content_type: Some("text/html"),
        ..json("<html>")
    };
    assert_eq!(
        refused(&html, &expect),
        "the body (declared as text/html) is not JSON: expected value at line 1 column 1"
    );
    let plain = Parts {
        content_type: None,
        ..json(r#"{"error_rate":null,"checks":{}}"#)
    };
    assert_eq!(
        refused(&plain, &expect),
        "field error_rate is null, expected a value | field /checks/db is missing"
    );
    assert!(read_at_noon(&json(r#"{"error_rate":0,"checks":{"db":"up"}}"#), &expect).is_ok());
}

#[test]
fn a_body_over_the_limit_fails_where_it_is_needed() {
    let cut = Parts {
        cut_at: Some(9),
        ..json("{\"a\": 1")
    };
    assert_eq!(
        refused(&cut, &Expect::default()),
        "the body is over 9 bytes"
    );
    let found = Expect {
        body: Some(ExpectedBody::Contains("{\"a".into())),
        ..Expect::default()
    };
    let html = Parts {
        content_type: None,
        ..cut
    };
    assert!(read_at_noon(&html, &found).is_ok());
}

#[test]
fn a_status_that_is_not_expected_comes_with_the_services_own_word() {
    let parts = Parts {
        status: 503,
        ..json(r#"{"status":"DOWN"}"#)
    };
    assert_eq!(
        refused(&parts, &Expect::default()),
        "status 503, expected 200-299 | the service calls itself unhealthy"
    );
    let html = Parts {
        content_type: None,
        ..parts
    };
    assert_eq!(
        refused(&html, &Expect::default()),
        "status 503, expected 200-299"
    );
}

#[test]
fn a_version_is_the_same_or_a_short_form_of_the_same_commit() {
    let full = "0123456789abcdef0123456789abcdef01234567";
    for (expected, found, said) in [
        ("1.2.3", "1.2.3", None),
        (full, "0123456", None),
        ("0123456", full, None),
        (full, "0123456789ABCDEF", None),
        (
            full,
            "012345",
            Some("version 012345 answered, expected 0123456789abcdef0123456789abcdef01234567"),
        ),
        ("1.2.3", "1.2", Some("version 1.2 answered, expected 1.2.3")),
        (
            "abcdef1",
            "abcdef2",
            Some("version abcdef2 answered, expected abcdef1"),
        ),
    ] {
        let expect = Expect {
            version: Some(expected.into()),
            ..Expect::default()
        };
        let body = format!(r#"{{"version":"{found}"}}"#);
        match (read_at_noon(&json(&body), &expect), said) {
            (Ok(answer), None) => assert_eq!(answer.version.as_deref(), Some(found)),
            (Err(reasons), Some(said)) => assert_eq!(reasons, [said]),
            (other, _) => panic!("{expected} {found}: {other:?}"),
        }
    }
    let nested = Expect {
        version: Some("7".into()),
        version_field: "/build/number".into(),
        ..Expect::default()
    };
    assert!(read_at_noon(&json(r#"{"build":{"number":7}}"#), &nested).is_ok());
    assert_eq!(
        refused(&json("{}"), &nested),
        "the answer names no version, expected 7"
    );
}

#[test]
fn an_answer_older_than_allowed_or_from_the_future_is_refused() {
    let expect = Expect {
        max_age: Some(Duration::from_secs(60)),
        ..Expect::default()
    };
    for (timestamp, said) in [
        (r#""2026-01-01T11:59:00Z""#, None),
        (r#""2026-01-01T13:00:30+01:00""#, None),
        (
            r#""2026-01-01T11:58:59Z""#,
            Some("the answer is 1m 1s old, allowed are 1m"),
        ),
        (
            r#""2026-01-01T12:01:01Z""#,
            Some("field timestamp is 1m 1s ahead of this machine's clock"),
        ),
        (
            r#""yesterday""#,
            Some("field timestamp is the text \"yesterday\", expected a time as in RFC 3339"),
        ),
        (
            "1767268800",
            Some("field timestamp is the number 1767268800, expected a time as in RFC 3339"),
        ),
        ("null", Some("field timestamp is missing, max_age needs it")),
    ] {
        let body = format!(r#"{{"timestamp":{timestamp}}}"#);
        let said = said.map(|said| vec![said.to_owned()]);
        assert_eq!(
            read_at_noon(&json(&body), &expect).err(),
            said,
            "{timestamp}"
        );
    }
}

#[test]
fn a_body_must_hold_what_is_expected_of_it() {
    for (expected, said) in [
        ("up", None),
        ("down", Some("the body does not contain \"down\"")),
        (r#"{"db":"up","/nested/count":3}"#, None),
        (
            r#"{"db":"down"}"#,
            Some("field db is the text \"up\", expected \"down\""),
        ),
        (
            r#"{"/nested/none":true}"#,
            Some("field /nested/none is missing, expected true"),
        ),
    ] {
        let expect = Expect {
            body: Some(ExpectedBody::parse(expected).unwrap()),
            ..Expect::default()
        };
        let parts = json(r#"{"db":"up","nested":{"count":3.0}}"#);
        let said = said.map(|said| vec![said.to_owned()]);
        assert_eq!(read_at_noon(&parts, &expect).err(), said, "{expected}");
    }
    for wrong in ["", "  ", "{}", r#"{"a":{"b":1}}"#, r#"{"":1}"#] {
        assert!(ExpectedBody::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_metrics_answer_without_a_metric_is_of_no_use() {
    let expect = Expect {
        metrics: true,
        ..Expect::default()
    };
    assert_eq!(
        refused(&json(r#"{"error_rate":null}"#), &expect),
        "the answer names none of error_rate, availability and response_time"
    );
    assert!(read_at_noon(&json(r#"{"availability":99}"#), &expect).is_ok());
}

#[test]
fn statuses_are_single_or_ranges() {
    let ranges = StatusRanges::parse("200, 300-302,4xx").unwrap();
    for (status, held) in [
        (200, true),
        (201, false),
        (302, true),
        (303, false),
        (499, true),
    ] {
        assert_eq!(ranges.hold(status), held, "{status}");
    }
    assert_eq!(ranges.to_string(), "200,300-302,400-499");
    assert!(ranges.hold_a_redirect() && !StatusRanges::default().hold_a_redirect());
    for wrong in [
        "", "20", "99", "600", "299-200", "abc", "200,", "+200", "9xx", "200-",
    ] {
        assert!(StatusRanges::parse(wrong).is_err(), "{wrong}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    let name = prop_oneof![
        Just("status".to_owned()),
        Just("error_rate".to_owned()),
        Just("availability".to_owned()),
        Just("response_time".to_owned()),
        Just("timestamp".to_owned()),
        Just("version".to_owned()),
        ".{0,6}",
    ];
    leaf.prop_recursive(3, 24, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..7)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn demanding() -> Expect {
    Expect {
        body: Some(ExpectedBody::Fields(vec![("/a/b".into(), Value::from(1))])),
        required_fields: vec!["status".into(), "/error_rate".into()],
        version: Some("abcdef1".into()),
        max_age: Some(Duration::from_secs(60)),
        ..Expect::default()
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(body: Vec<u8>, status in 100_u16..=599, kind in ".{0,40}") {
        for content_type in [Some("application/json"), Some(kind.as_str()), None] {
            let parts = Parts { status, content_type, body: Some(&body), cut_at: None };
            for expect in [Expect::default(), demanding()] {
                let _ = read_at_noon(&parts, &expect);
            }
        }
    }

    #[test]
    fn what_is_read_from_any_json_lies_within_its_range(document in any_json()) {
        let body = document.to_string();
        let _ = read_at_noon(&json(&body), &demanding());
        if let Ok(answer) = read_at_noon(&json(&body), &Expect::default()) {
            prop_assert!(answer.error_rate.is_none_or(|rate| (0.0..=100.0).contains(&rate)));
            prop_assert!(answer.availability.is_none_or(|rate| (0.0..=100.0).contains(&rate)));
            prop_assert!(answer.response_time.is_none_or(|time| time >= 0.0 && time.is_finite()));
            let named = Metric::ALL.into_iter().filter(|m| document.get(m.name()).is_some_and(|v| !v.is_null()));
            let read = [answer.error_rate, answer.availability, answer.response_time];
            prop_assert_eq!(named.count(), read.iter().flatten().count());
        }
    }
}

#[test]
fn totals_are_read_where_they_are_counters_and_are_no_failure_where_they_are_not() {
    let totals = |body: &str| {
        let parts = Parts {
            status: 200,
            content_type: Some("application/json"),
            body: Some(body.as_bytes()),
            cut_at: None,
        };
        read(&parts, &Expect::default(), Timestamp::UNIX_EPOCH)
            .unwrap()
            .totals
    };
    let both = r#"{"status":"healthy","requests_total":120,"errors_total":3,"slow_total":7,"instance":"a","other":[1]}"#;
    let found = crate::tally::Totals {
        requests: 120,
        errors: 3,
        slow: Some(7),
        instance: Some("a".into()),
    };
    assert_eq!(totals(both), Some(found));
    for none in [
        r#"{"requests_total":120}"#,
        r#"{"requests_total":"120","errors_total":3}"#,
        r#"{"requests_total":1.5,"errors_total":3}"#,
        r#"{"requests_total":-1,"errors_total":3}"#,
        "{}",
    ] {
        assert_eq!(totals(none), None, "{none}");
    }
}
