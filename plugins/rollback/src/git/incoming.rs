//! What comes from a git server, parted into the pack, its words and its errors.

use std::io::{self, Read, Write};

use super::advert::Advert;
use super::packet::{self, Packet, broken};
use super::text;

/// How much of what a server says beside the data is kept.
const WORDS: usize = 16 << 10;

/// One packet of the bands that data and words come in.
enum Band {
    Data(Vec<u8>),
    End,
}

/// Reads the next data, and keeps the words that come between.
fn next(input: &mut dyn Read, words: &mut Vec<u8>) -> io::Result<Band> {
    loop {
        let Some(Packet::Data(mut line)) = packet::next(input)? else {
            return Ok(Band::End);
        };
        if line.is_empty() {
            continue;
        }
        match line.remove(0) {
            1 => return Ok(Band::Data(line)),
            2 => {
                line.truncate(WORDS.saturating_sub(words.len()));
                words.extend(line);
            }
            3 => {
                return Err(broken(format!(
                    "the server gives up: {}",
                    text::said(&String::from_utf8_lossy(&line))
                )));
            }
            _ => return Err(broken("data comes in a band that does not exist")),
        }
    }
}

/// Reads the answer to a fetch and writes the pack out of it.
///
/// # Errors
/// When the server says no, or the answer ends early.
pub(super) fn pack(
    advert: &Advert,
    deepened: bool,
    input: &mut dyn Read,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut shallow = deepened && advert.can("shallow");
    loop {
        match packet::next(input)? {
            None => return Err(io::ErrorKind::UnexpectedEof.into()),
            Some(Packet::Flush) if shallow => shallow = false,
            Some(Packet::Flush) => return Err(broken("it ends before the pack begins")),
            Some(Packet::Data(line)) => {
                let line = String::from_utf8_lossy(&line);
                if let Some(said) = line.strip_prefix("ERR ") {
                    return Err(broken(format!("it says: {}", text::said(said))));
                }
                if line.starts_with("NAK") || line.starts_with("ACK ") {
                    break;
                }
                if !line.starts_with("shallow ") && !line.starts_with("unshallow ") {
                    return Err(broken("a line comes that nobody asked for"));
                }
            }
        }
    }
    if !advert.can("side-band-64k") {
        return io::copy(input, out).map(drop);
    }
    let mut words = Vec::new();
    while let Band::Data(data) = next(input, &mut words)? {
        out.write_all(&data)?;
    }
    Ok(())
}

/// Reads the answer to a push: the report, and what hooks and the server said beside it.
///
/// # Errors
/// When the answer ends early or is none.
pub(super) fn report(advert: &Advert, input: &mut dyn Read) -> io::Result<(Vec<u8>, String)> {
    let (mut report, mut words) = (Vec::new(), Vec::new());
    if advert.can("side-band-64k") {
        while let Band::Data(data) = next(input, &mut words)? {
            report.extend(data);
        }
    } else {
        input.read_to_end(&mut report)?;
    }
    Ok((report, String::from_utf8_lossy(&words).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advert(abilities: &str) -> Advert {
        let line = format!("{} capabilities^{{}}\0{abilities}", git2::Oid::zero());
        let mut bytes = Vec::new();
        packet::add(&mut bytes, &line);
        bytes.extend(packet::FLUSH);
        Advert::read(&mut bytes.as_slice()).unwrap()
    }

    fn lines(lines: &[&str]) -> Vec<u8> {
        let mut out = Vec::new();
        for line in lines {
            if line.is_empty() {
                out.extend(packet::FLUSH);
            } else {
                packet::add(&mut out, line);
            }
        }
        out
    }

    #[test]
    fn the_pack_is_parted_from_words_and_shallow_lines() {
        let answer = lines(&[
            "shallow aaaa\n",
            "",
            "NAK\n",
            "\u{1}PA",
            "\u{2}counting\n",
            "\u{1}CK",
            "",
        ]);
        let mut out = Vec::new();
        let able = advert("side-band-64k shallow");
        pack(&able, true, &mut answer.as_slice(), &mut out).unwrap();
        assert_eq!(out, b"PACK");
    }

    #[test]
    fn an_old_server_sends_the_pack_as_it_is() {
        let mut answer = lines(&["NAK\n"]);
        answer.extend(b"PACK");
        let mut out = Vec::new();
        pack(&advert(""), false, &mut answer.as_slice(), &mut out).unwrap();
        assert_eq!(out, b"PACK");
    }

    #[test]
    fn an_error_in_the_midst_is_an_error() {
        let able = advert("side-band-64k");
        for (answer, said) in [
            (lines(&["ERR not our ref\n"]), "it says: not our ref"),
            (
                lines(&["NAK\n", "\u{3}died\n"]),
                "the server gives up: died",
            ),
            (lines(&[]), "unexpected end of file"),
            (lines(&[""]), "it ends before the pack begins"),
            (lines(&["hello\n"]), "a line comes that nobody asked for"),
        ] {
            let wrong = pack(&able, false, &mut answer.as_slice(), &mut Vec::new());
            assert_eq!(wrong.unwrap_err().to_string(), said);
        }
    }

    #[test]
    fn a_report_comes_with_what_was_said_beside_it() {
        let answer = lines(&["\u{2}no way\n", "\u{1}0000", ""]);
        let able = advert("side-band-64k");
        let (report, words) = report(&able, &mut answer.as_slice()).unwrap();
        assert_eq!(
            (report.as_slice(), words.as_str()),
            (&b"0000"[..], "no way\n")
        );
    }
}
