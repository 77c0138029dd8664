//! What a statement does, and a name for it that a person recognises.

/// What a statement does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    Reads(String),
    Writes(String),
    /// It changes tables.
    Defines(String),
    /// It ends the transaction.
    Ends {
        commits: bool,
    },
}

/// Columns whose values tell one row from another.
const TELLING: [&str; 7] = [
    "deployment_id",
    "stage",
    "status",
    "mark",
    "part",
    "marker_name",
    "state",
];

/// What the messages of one exchange say.
pub(super) fn said(messages: &[Vec<u8>]) -> Said {
    let (mut text, mut values) = (String::new(), Vec::new());
    for message in messages {
        let body = &message[5..];
        match message[0] {
            b'Q' => text = until_zero(body).0,
            // The statement's own name comes first.
            b'P' => text = until_zero(until_zero(body).1).0,
            b'B' => values = bound(body).unwrap_or_default(),
            _ => {}
        }
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let word = |place: usize| words.get(place).copied().unwrap_or_default();
    match word(0).to_ascii_uppercase().trim_end_matches(';') {
        "COMMIT" | "END" => Said::Ends { commits: true },
        "ROLLBACK" if word(1) != "TO" => Said::Ends { commits: false },
        "INSERT" => Said::Writes(format!("INSERT {}{}", word(2), told(&text, &values))),
        "UPDATE" => Said::Writes(format!("UPDATE {} SET {}", word(1), word(3))),
        "DELETE" => Said::Writes(format!("DELETE {}", word(2))),
        "CREATE" | "ALTER" | "DROP" | "DO" => Said::Defines(first(&words)),
        _ if text.contains("CREATE TABLE") => Said::Defines(first(&words)),
        _ => Said::Reads(first(&words)),
    }
}

fn first(words: &[&str]) -> String {
    words[..words.len().min(6)].join(" ")
}

fn until_zero(bytes: &[u8]) -> (String, &[u8]) {
    let end = bytes.iter().position(|byte| *byte == 0);
    let end = end.unwrap_or(bytes.len());
    let rest = bytes.get(end + 1..).unwrap_or_default();
    (String::from_utf8_lossy(&bytes[..end]).into_owned(), rest)
}

/// The parameters of a bind message; one that is null is empty.
fn bound(body: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (_, rest) = until_zero(body);
    let (_, rest) = until_zero(rest);
    let mut place = 0;
    let mut take = |count: usize| {
        let bytes = rest.get(place..place + count)?;
        place += count;
        Some(bytes)
    };
    let formats = u16::from_be_bytes(take(2)?.try_into().ok()?);
    take(2 * usize::from(formats))?;
    let count = u16::from_be_bytes(take(2)?.try_into().ok()?);
    let value = |_| {
        let length = i32::from_be_bytes(take(4)?.try_into().ok()?);
        Some(take(usize::try_from(length).unwrap_or(0))?.to_vec())
    };
    (0..count).map(value).collect()
}

/// ` status=success`, for the columns that tell.
fn told(text: &str, values: &[Vec<u8>]) -> String {
    let Some((columns, given)) = text.split_once("VALUES") else {
        return String::new();
    };
    let (columns, given) = (list(columns), list(given));
    let tell = |column: &&str| {
        let place = columns.iter().position(|found| found == *column)?;
        let digits = given.get(place)?.strip_prefix('$')?;
        let digits = digits.split(|c: char| !c.is_ascii_digit()).next()?;
        let value = values.get(digits.parse::<usize>().ok()?.checked_sub(1)?)?;
        Some(format!(" {column}={}", shown(value))).filter(|_| !value.is_empty())
    };
    TELLING.iter().filter_map(tell).collect()
}

/// What stands between the first parenthesis and its twin, parted by the commas that are in no other one.
fn list(text: &str) -> Vec<String> {
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        match (c, depth) {
            (')', 0) => break,
            ('(', 1) | (_, 0) => {}
            (',', 1) => parts.push(String::new()),
            _ => {
                if let Some(part) = parts.last_mut() {
                    part.push(c);
                }
            }
        }
    }
    parts.iter().map(|part| part.trim().to_owned()).collect()
}

/// A number of four bytes, a text, or where a rollout is that is kept as JSON.
fn shown(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    let is_text = value.iter().all(|byte| !byte.is_ascii_control());
    if let (false, Ok(bytes)) = (is_text, <[u8; 4]>::try_from(value)) {
        return i32::from_be_bytes(bytes).to_string();
    }
    let Ok(json) = serde_json::from_str::<serde_json::Value>(&text) else {
        return text.into_owned();
    };
    let at = &json["at"];
    let parts = [&at["word"], &at["to"], &at["share"]];
    let known = parts.iter().filter(|part| !part.is_null());
    let words: Vec<String> = known
        .map(|part| part.to_string().trim_matches('"').to_owned())
        .collect();
    if words.is_empty() {
        return text.into_owned();
    }
    words.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        [&[kind], &length[..], body].concat()
    }

    fn query(text: &str) -> Said {
        said(&[message(b'Q', format!("{text}\0").as_bytes())])
    }

    #[test]
    fn what_writes_is_told_from_what_reads_and_what_defines() {
        assert_eq!(query("COMMIT"), Said::Ends { commits: true });
        assert_eq!(query("ROLLBACK"), Said::Ends { commits: false });
        let to = "ROLLBACK TO sp_1";
        assert_eq!(query(to), Said::Reads(to.to_owned()));
        assert_eq!(query("SELECT 1"), Said::Reads("SELECT 1".to_owned()));
        let renewed = "UPDATE leases SET renewed_at = now() WHERE true";
        let name = "UPDATE leases SET renewed_at".to_owned();
        assert_eq!(query(renewed), Said::Writes(name));
        let table = "SET LOCAL a = 1; CREATE TABLE IF NOT EXISTS t ()";
        assert!(matches!(query(table), Said::Defines(_)));
    }

    #[test]
    fn a_row_is_named_by_the_columns_that_tell() {
        let text = "INSERT INTO t AS old (repo, seen, stage, state, status) \
                    VALUES ($1, coalesce($2, now()), $3, $4, $5 AT TIME ZONE 'UTC') ON CONFLICT DO NOTHING";
        let parse = message(b'P', format!("\0{text}\0\0\0").as_bytes());
        let state = br#"{"at":{"word":"moving","to":10}}"#;
        let values: [&[u8]; 5] = [b"acme", b"x", &3_i32.to_be_bytes(), state, b"passed"];
        let mut body = b"\0\0\0\0\0\x05".to_vec();
        for value in values {
            body.extend(i32::try_from(value.len()).unwrap().to_be_bytes());
            body.extend(value);
        }
        let said = said(&[parse, message(b'B', &body), message(b'S', b"")]);
        let name = "INSERT t stage=3 status=passed state=moving-10".to_owned();
        assert_eq!(said, Said::Writes(name));
    }
}
