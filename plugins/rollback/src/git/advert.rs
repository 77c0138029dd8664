//! What a git server tells first: its references, and what it can do.

use std::collections::BTreeMap;
use std::io::{self, Read};

use git2::Oid;

use super::packet::{self, Packet, broken};
use super::{commit_id, text};

/// How much a server may tell: 64 MiB, about a million references.
pub(super) const LIMIT: u64 = 64 << 20;

/// What it told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Advert {
    /// References by their full names.
    pub(super) refs: BTreeMap<String, Oid>,
    abilities: Vec<String>,
}

/// Why it is of no use.
#[derive(Debug)]
pub(super) enum Fault {
    /// Objects are named by SHA-256.
    Sha256,
    /// The server ends the conversation, with these words.
    Said(String),
    /// It could not be read.
    Io(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Advert {
    /// Made from references alone, of a server that can do nothing special.
    pub(super) fn of(refs: BTreeMap<String, Oid>) -> Self {
        Self {
            refs,
            abilities: Vec::new(),
        }
    }

    /// Reads up to the flush at its end.
    pub(super) fn read(input: &mut dyn Read) -> Result<Self, Fault> {
        let mut advert = Self::default();
        let mut first = true;
        loop {
            match packet::next(input)? {
                None => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Some(Packet::Flush) => return Ok(advert),
                Some(Packet::Data(line)) if line.starts_with(b"# service=") => {
                    // Over HTTP a section of its own comes first.
                    if packet::next(input)? != Some(Packet::Flush) {
                        return Err(broken("the service is not followed by a flush").into());
                    }
                }
                Some(Packet::Data(line)) => {
                    let line = String::from_utf8_lossy(&line);
                    advert.line(line.trim_end_matches('\n'), &mut first)?;
                }
            }
        }
    }

    fn line(&mut self, line: &str, first: &mut bool) -> Result<(), Fault> {
        if let Some(said) = line.strip_prefix("ERR ") {
            return Err(Fault::Said(text::said(said)));
        }
        if line == "version 1" || line.starts_with("shallow ") {
            return Ok(());
        }
        if line.starts_with("version ") {
            return Err(broken("it speaks another version of the protocol than asked").into());
        }
        let (line, abilities) = line.split_once('\0').unwrap_or((line, ""));
        if std::mem::take(first) {
            self.abilities = abilities.split(' ').map(str::to_owned).collect();
            if self
                .value("object-format")
                .is_some_and(|format| format != "sha1")
            {
                return Err(Fault::Sha256);
            }
        }
        let (id, name) = line
            .split_once(' ')
            .ok_or_else(|| broken("a line is no reference"))?;
        if id.len() == 64 {
            return Err(Fault::Sha256);
        }
        let id = commit_id(id).ok_or_else(|| broken("a reference names no object"))?;
        // `capabilities^{}` stands for no reference at all, `v1^{}` for what the tag `v1` points to.
        if !name.ends_with("^{}") {
            self.refs.insert(name.to_owned(), id);
        }
        Ok(())
    }

    /// Whether the server can do something.
    pub(super) fn can(&self, ability: &str) -> bool {
        self.abilities.iter().any(|known| known == ability)
    }

    /// The value of an ability that has one.
    pub(super) fn value(&self, ability: &str) -> Option<&str> {
        self.abilities
            .iter()
            .filter_map(|known| known.split_once('='))
            .find_map(|(name, value)| (name == ability).then_some(value))
    }

    /// Whether the server gives out an object: a reference's own, or any where it allows that.
    pub(super) fn gives(&self, id: Oid) -> bool {
        self.can("allow-reachable-sha1-in-want") || self.refs.values().any(|known| *known == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "95d09f2b10159347eece71399a7e2e907ea3df4f";

    fn written(lines: &[&str]) -> Vec<u8> {
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

    fn read(lines: &[&str]) -> Result<Advert, Fault> {
        Advert::read(&mut written(lines).as_slice())
    }

    #[test]
    fn references_and_abilities_are_read_with_and_without_the_service() {
        let first = format!("{ID} HEAD\0side-band-64k filter symref=HEAD:refs/heads/main\n");
        let main = format!("{ID} refs/heads/main\n");
        let tag = format!("{ID} refs/tags/v1^{{}}\n");
        let plain: [&str; 4] = [&first, &main, &tag, ""];
        let web = [
            &["# service=git-upload-pack\n", "", "version 1\n"][..],
            &plain,
        ]
        .concat();
        for lines in [&plain[..], &web] {
            let advert = read(lines).unwrap();
            assert_eq!(advert.refs.len(), 2);
            assert!(advert.can("filter") && !advert.can("shallow"));
            assert_eq!(advert.value("symref"), Some("HEAD:refs/heads/main"));
            assert!(advert.gives(commit_id(ID).unwrap()));
        }
    }

    #[test]
    fn an_empty_repository_has_no_references() {
        let line = format!("{} capabilities^{{}}\0report-status\n", "0".repeat(40));
        let advert = read(&[&line, ""]).unwrap();
        assert!(advert.refs.is_empty() && advert.can("report-status"));
        assert!(
            read(&["# service=git-upload-pack\n", "", ""])
                .unwrap()
                .refs
                .is_empty()
        );
    }

    #[test]
    fn sha256_is_seen_by_its_ability_and_by_its_length() {
        let said = format!("{ID} HEAD\0object-format=sha256\n");
        let long = format!("{} HEAD\0agent=x\n", "ab".repeat(32));
        for line in [said, long] {
            assert!(matches!(read(&[&line, ""]), Err(Fault::Sha256)));
        }
        let good = format!("{ID} HEAD\0object-format=sha1\n");
        assert!(read(&[&good, ""]).is_ok());
    }

    #[test]
    fn what_is_none_is_refused() {
        assert!(
            matches!(read(&["ERR access denied\n"]), Err(Fault::Said(said)) if said == "access denied")
        );
        for lines in [
            &["version 2\n", ""][..],
            &["hello"],
            &["hello world", ""],
            &[],
        ] {
            assert!(matches!(read(lines), Err(Fault::Io(_))), "{lines:?}");
        }
    }
}
