//! The server's report on a push.

use std::io;

use super::packet::{self, Packet, broken};

/// What became of a reference: done, or refused with these words.
///
/// # Errors
/// When the report does not speak of the reference.
pub(super) fn of(report: &[u8], name: &str) -> io::Result<Result<(), String>> {
    let mut input = report;
    let mut unpacked = None;
    while let Some(Packet::Data(line)) = packet::next(&mut input)? {
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end();
        if let Some(result) = line.strip_prefix("unpack ") {
            unpacked = Some(result.to_owned());
        } else if line.strip_prefix("ok ") == Some(name) {
            return Ok(Ok(()));
        } else if let Some((refused, why)) = line
            .strip_prefix("ng ")
            .map(|rest| rest.split_once(' ').unwrap_or((rest, "refused")))
            && refused == name
        {
            return Ok(Err(why.to_owned()));
        }
    }
    match unpacked {
        Some(result) if result != "ok" => Ok(Err(format!("unpack {result}"))),
        _ => Err(broken("it does not report on the push")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(lines: &[&str]) -> Result<Result<(), String>, String> {
        let mut bytes = Vec::new();
        for line in lines {
            packet::add(&mut bytes, line);
        }
        bytes.extend(packet::FLUSH);
        of(&bytes, "refs/heads/main").map_err(|error| error.to_string())
    }

    #[test]
    fn a_report_says_what_became_of_one_reference() {
        let main = "refs/heads/main";
        assert_eq!(told(&["unpack ok\n", &format!("ok {main}\n")]), Ok(Ok(())));
        let refused = format!("ng {main} pre-receive hook declined\n");
        assert_eq!(
            told(&["unpack ok\n", &refused]),
            Ok(Err("pre-receive hook declined".into()))
        );
        assert_eq!(
            told(&["unpack index-pack failed\n"]),
            Ok(Err("unpack index-pack failed".into()))
        );
        for lines in [
            &["unpack ok\n"][..],
            &[],
            &["unpack ok\n", "ok refs/heads/mainline\n"],
        ] {
            assert!(told(lines).is_err(), "{lines:?}");
        }
    }
}
