//! What is asked of a git server: objects, or a reference to be moved.

use git2::Oid;

use super::advert::Advert;
use super::packet::{FLUSH, add};

/// A pack without objects, for a server that has them all.
pub(super) const EMPTY_PACK: &[u8] = b"PACK\0\0\0\x02\0\0\0\0\
    \x02\x9d\x08\x82\x3b\xd8\xa8\xea\xb5\x10\xad\x6a\xc7\x5c\x82\x3c\xfd\x3e\xd3\x1e";

/// A reference to be moved, created or held to what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Move {
    /// Its full name.
    pub(super) name: String,
    /// What it must be at for this to happen; nothing where it must not exist. The server compares, and that is the
    /// lease.
    pub(super) old: Option<Oid>,
    /// What it is to be at.
    pub(super) new: Oid,
}

fn agent() -> &'static str {
    concat!("agent=git/plugin-rollback-", env!("CARGO_PKG_VERSION"))
}

fn abilities(advert: &Advert, wanted: &[&str]) -> String {
    let mut words: Vec<&str> = wanted
        .iter()
        .copied()
        .filter(|word| advert.can(word))
        .collect();
    if advert.value("object-format").is_some() {
        words.push("object-format=sha1");
    }
    if advert.value("agent").is_some() {
        words.push(agent());
    }
    words.join(" ")
}

/// Asks for objects with all that they need: commits and trees, and files only where the server cannot leave them out.
/// With a `depth` only so many generations of commits.
pub(super) fn fetch(advert: &Advert, wants: &[Oid], depth: Option<u32>) -> Vec<u8> {
    let mut words = vec!["side-band-64k", "ofs-delta", "no-progress", "filter"];
    if depth.is_some() {
        words.push("shallow");
    }
    let abilities = abilities(advert, &words);
    let mut out = Vec::new();
    for (place, want) in wants.iter().enumerate() {
        let after = if place == 0 && !abilities.is_empty() {
            format!(" {abilities}")
        } else {
            String::new()
        };
        add(&mut out, &format!("want {want}{after}\n"));
    }
    if let Some(depth) = depth.filter(|_| advert.can("shallow")) {
        add(&mut out, &format!("deepen {depth}\n"));
    }
    if advert.can("filter") {
        add(&mut out, "filter blob:none\n");
    }
    out.extend(FLUSH);
    add(&mut out, "done\n");
    out
}

/// Asks for a reference to be moved; the pack holds what the server lacks.
pub(super) fn push(advert: &Advert, change: &Move, pack: &[u8]) -> Vec<u8> {
    let abilities = abilities(advert, &["report-status", "side-band-64k", "quiet"]);
    let old = change.old.unwrap_or_else(Oid::zero);
    let mut out = Vec::new();
    add(
        &mut out,
        &format!("{old} {} {}\0 {abilities}", change.new, change.name),
    );
    out.extend(FLUSH);
    out.extend(pack);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advert(abilities: &str) -> Advert {
        let mut bytes = Vec::new();
        add(
            &mut bytes,
            &format!("{} capabilities^{{}}\0{abilities}", Oid::zero()),
        );
        bytes.extend(FLUSH);
        Advert::read(&mut bytes.as_slice()).unwrap()
    }

    fn id(digit: &str) -> Oid {
        Oid::from_str(&digit.repeat(40)).unwrap()
    }

    #[test]
    fn only_what_the_server_can_do_is_asked_for() {
        let text = |abilities, depth| {
            let bytes = fetch(&advert(abilities), &[id("a"), id("b")], depth);
            String::from_utf8(bytes).unwrap()
        };
        let plain = text("multi_ack", Some(9));
        assert_eq!(
            plain,
            format!("0032want {}\n0032want {}\n00000009done\n", id("a"), id("b"))
        );
        let full = text("side-band-64k filter shallow agent=x", Some(9));
        assert!(full.contains(" side-band-64k filter shallow agent=git/plugin-rollback-"));
        assert!(full.contains("000ddeepen 9\n") && full.contains("0015filter blob:none\n"));
        assert!(!text("filter shallow", None).contains("deepen"));
    }

    #[test]
    fn a_move_names_what_the_reference_must_be_at() {
        let change = Move {
            name: "refs/heads/main".into(),
            old: Some(id("a")),
            new: id("b"),
        };
        let bytes = push(&advert("report-status delete-refs"), &change, EMPTY_PACK);
        let line = format!("{} {} refs/heads/main\0 report-status", id("a"), id("b"));
        assert!(bytes[4..].starts_with(line.as_bytes()));
        assert!(bytes.ends_with(EMPTY_PACK) && EMPTY_PACK.len() == 32);
        let created = Move {
            old: None,
            ..change
        };
        let bytes = push(&advert(""), &created, EMPTY_PACK);
        assert!(bytes[4..].starts_with(Oid::zero().to_string().as_bytes()));
    }
}
