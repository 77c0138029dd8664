//! Reading Prometheus's answer to an instant query, for one value or for the samples of a range. Pure.
//!
//! The rule: exactly one series, or a scalar, with a finite value. An empty result is no zero, and the first of several
//! series is no answer.

use serde_json::Value;

use super::growth::Series;

/// The value of an answer.
///
/// # Errors
/// Why there is none: Prometheus's own error, an empty result, several series, another type, `NaN`, or an answer that is
/// not Prometheus's.
pub(super) fn value(status: u16, content_type: Option<&str>, body: &[u8]) -> Result<f64, String> {
    let document = document(status, content_type, body)?;
    match result(&document) {
        (Some("vector"), Some(Value::Array(series))) => match series.as_slice() {
            [] => Err("empty result: no series matches".into()),
            [one] if one.get("histogram").is_some() => {
                Err("a histogram, expected a number: take a quantile of it".into())
            }
            [one] => sample(one.get("value")),
            several => Err(format!(
                "{} series, expected 1: aggregate them, as with sum(…)",
                several.len()
            )),
        },
        (Some("scalar"), result) => sample(result),
        (Some(kind), _) => Err(format!("a {kind:.20}, expected a single value")),
        (None, _) => Err("not a Prometheus answer: no result".into()),
    }
}

/// The samples of every series that a range selector names; none is no error.
///
/// # Errors
/// As [`value`], for an answer that is no matrix, and for native histograms.
pub(super) fn series(
    status: u16,
    content_type: Option<&str>,
    body: &[u8],
) -> Result<Vec<Series>, String> {
    let document = document(status, content_type, body)?;
    let all = match result(&document) {
        (Some("matrix"), Some(Value::Array(all))) => all,
        (Some(kind), _) => return Err(format!("a {kind:.20}, expected a range of samples")),
        (None, _) => return Err("not a Prometheus answer: no result".into()),
    };
    let label = |one: &Value, name: &str| {
        let text = one.get("metric").and_then(|labels| labels.get(name));
        text.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let mut found = Vec::new();
    for one in all {
        let Some(Value::Array(values)) = one.get("values") else {
            return Err("a histogram, expected a counter: take its _count or a _bucket".into());
        };
        let samples: Vec<(f64, f64)> = values.iter().filter_map(timed).collect();
        if !samples.is_empty() {
            found.push(Series {
                instance: format!("{} {}", label(one, "job"), label(one, "instance")),
                samples,
            });
        }
    }
    Ok(found)
}

/// A sample with its time; nothing where it is no finite number.
fn timed(pair: &Value) -> Option<(f64, f64)> {
    let at = pair.get(0).and_then(Value::as_f64)?;
    let value = sample(Some(pair)).ok()?;
    (at.is_finite() && value >= 0.0).then_some((at, value))
}

fn document(status: u16, content_type: Option<&str>, body: &[u8]) -> Result<Value, String> {
    let document: Value = serde_json::from_slice(body)
        .ok()
        .filter(|document: &Value| document.get("status").is_some_and(Value::is_string))
        .ok_or_else(|| {
            let kind = content_type.unwrap_or("no content type");
            format!(
                "not a Prometheus answer: status {status}, {:.60}",
                kind.escape_debug().to_string()
            )
        })?;
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    if text("status") == Some("error") {
        let (kind, error) = (text("errorType"), text("error"));
        return Err(format!(
            "{}: {:.300}",
            kind.unwrap_or("error"),
            error.unwrap_or("no text")
        ));
    }
    if text("status") != Some("success") || !(200..300).contains(&status) {
        return Err(format!("not a Prometheus answer: status {status}"));
    }
    Ok(document)
}

/// The type of the result, and the result.
fn result(document: &Value) -> (Option<&str>, Option<&Value>) {
    (
        document.pointer("/data/resultType").and_then(Value::as_str),
        document.pointer("/data/result"),
    )
}

/// The number in `[time, "1.5"]`.
fn sample(pair: Option<&Value>) -> Result<f64, String> {
    let text = pair.and_then(|pair| pair.get(1)).and_then(Value::as_str);
    let text = text.ok_or("not a Prometheus answer: a series without a value")?;
    let value: f64 = text
        .parse()
        .map_err(|_| format!("the value {text:.30?} is no number"))?;
    if value.is_nan() {
        return Err("NaN, as from 0 divided by 0: was there no traffic?".into());
    }
    if value.is_infinite() {
        return Err(format!("{text}, expected a finite value"));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(status: u16, body: &str) -> Result<f64, String> {
        value(status, Some("application/json"), body.as_bytes())
    }

    #[test]
    fn only_one_finite_value_is_a_value() {
        let vector = |series: &str| {
            format!(
                r#"{{"status":"success","data":{{"resultType":"vector","result":[{series}]}}}}"#
            )
        };
        let one = |text: &str| vector(&format!(r#"{{"metric":{{}},"value":[1.5,"{text}"]}}"#));
        let two = r#"{"metric":{},"value":[1,"1"]},{"metric":{},"value":[1,"2"]}"#;
        let histogram = r#"{"metric":{},"histogram":[1,{"count":"1"}]}"#;
        for (body, expected) in [
            (one("1.5"), Ok(1.5)),
            (one("-0"), Ok(-0.0)),
            (
                one("NaN"),
                Err("NaN, as from 0 divided by 0: was there no traffic?"),
            ),
            (one("+Inf"), Err("+Inf, expected a finite value")),
            (one("x"), Err("the value \"x\" is no number")),
            (vector(""), Err("empty result: no series matches")),
            (
                vector(two),
                Err("2 series, expected 1: aggregate them, as with sum(…)"),
            ),
            (
                vector(histogram),
                Err("a histogram, expected a number: take a quantile of it"),
            ),
            (
                vector("{}"),
                Err("not a Prometheus answer: a series without a value"),
            ),
            (
                r#"{"status":"success","data":{"resultType":"scalar","result":[1,"7"]}}"#.into(),
                Ok(7.0),
            ),
            (
                r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#.into(),
                Err("a matrix, expected a single value"),
            ),
            (
                r#"{"status":"success","data":{"resultType":"string","result":[1,"7"]}}"#.into(),
                Err("a string, expected a single value"),
            ),
            (
                r#"{"status":"success"}"#.into(),
                Err("not a Prometheus answer: no result"),
            ),
            (
                r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#.into(),
                Err("bad_data: parse error"),
            ),
            (
                r#"{"status":"healthy"}"#.into(),
                Err("not a Prometheus answer: status 200"),
            ),
            (
                "<html>".into(),
                Err("not a Prometheus answer: status 200, application/json"),
            ),
        ] {
            assert_eq!(said(200, &body), expected.map_err(str::to_owned), "{body}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_a_value_is_finite(body: Vec<u8>, text in "\\PC{0,20}", status: u16) {
            let _ = value(status, None, &body);
            let body = serde_json::json!({"status": "success", "data": {"resultType": "scalar", "result": [0, text]}});
            let _ = series(status, None, body.to_string().as_bytes());
            if let Ok(found) = said(200, &body.to_string()) {
                prop_assert!(found.is_finite());
            }
        }
    }
}
