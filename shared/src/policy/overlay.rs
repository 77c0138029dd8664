//! An environment's section laid over the base, key by key.

use super::check;
use super::finding::{Finding, Step};
use super::node::Node;
use super::reader::{ENVIRONMENTS, Kind, Reader};
use super::{Map, Policy};

/// The policy of an environment. What is wrong in its section, or in it together with the base, goes to `reader`;
/// `contradictions` are those of the base alone, which are told already.
pub(super) fn read(
    base: &Node,
    contradictions: &[Finding],
    (name, section): (&str, &Node),
    reader: &mut Reader,
) -> Policy {
    let empty = Node::Map(Map::new());
    let section = if *section == Node::Null {
        &empty
    } else {
        section
    };
    reader.within(ENVIRONMENTS, |at| {
        at.within(name, |at| Policy::read(section, at));
    });
    // Every value of this was read once already, in the base or in the section: it finds nothing new.
    let policy = Policy::read(&laid_over(base, section), &mut Reader::default());
    for mut finding in check::contradictions(&policy) {
        if holds(section, &finding.path) {
            let prefix = [Step::from(ENVIRONMENTS), Step::from(name)];
            finding.path.splice(..0, prefix);
        } else if contradictions.iter().any(|c| c.path == finding.path) {
            continue;
        } else {
            let place = format!("in the environment {name:?}");
            finding.hint = Some(match finding.hint {
                Some(hint) => format!("{place}; {hint}"),
                None => place,
            });
        }
        reader.findings.push(finding);
    }
    policy
}

/// The base with a section over it: sections merge, lists and values are replaced, null removes.
fn laid_over(base: &Node, section: &Node) -> Node {
    let (Node::Map(base), Node::Map(section)) = (base, section) else {
        return section.clone();
    };
    let mut merged = base.clone();
    for (key, value) in section {
        let value = match base.get(key) {
            Some(below) => laid_over(below, value),
            None => value.clone(),
        };
        merged.insert(key.clone(), value);
    }
    Node::Map(merged)
}

fn holds(node: &Node, path: &[Step]) -> bool {
    let Some((step, rest)) = path.split_first() else {
        return true;
    };
    let inner = match (step, node) {
        (Step::Key(key), Node::Map(section)) => section.get(key),
        (Step::Item(index), Node::List(list)) => list.get(*index),
        _ => None,
    };
    inner.is_some_and(|inner| holds(inner, rest))
}

#[cfg(test)]
mod tests {
    use super::super::node::parse;
    use super::*;

    #[test]
    fn sections_merge_and_lists_values_and_nulls_replace() {
        let base = parse("a: {x: 1, y: [1, 2], z: {p: 1, q: 2}}\nb: 1\n").unwrap();
        let section = parse("a: {y: [3], z: {q: ~, r: 3}}\nc: 4\n").unwrap();
        let merged = parse("a: {x: 1, y: [3], z: {p: 1, q: ~, r: 3}}\nb: 1\nc: 4\n").unwrap();
        assert_eq!(laid_over(&base, &section), merged);
    }
}
