//! A quality gate: a number that must lie within bounds.

use super::kind::{Number, Pointer, Text, WorkspaceFile};
use super::node::Node;
use super::reader::{Kind, Reader, section};

/// A number of the build or of the metrics source that must lie within bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// What it is called in the log.
    pub name: String,
    /// Where the number comes from.
    pub source: GateSource,
    /// The number is at least this.
    pub min: Option<f64>,
    /// The number is at most this. At least one of both is there.
    pub max: Option<f64>,
}

/// Where a gate's number comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GateSource {
    /// A JSON file in the workspace.
    File {
        /// Its path, relative to the workspace and inside it.
        file: String,
        /// The place of the number in it, RFC 6901.
        pointer: String,
    },
    /// A query to the metrics source.
    Query(String),
}

section! {
    /// A number that must lie within bounds: one from a file of the build (file and pointer), such as the code
    /// coverage, or one from the metrics source (query), such as a performance regression.
    pub(super) struct WrittenGate {
        /// What it is called in the log.
        name: Option<String> as Text,
        /// A JSON file in the workspace that holds the number.
        file: Option<String> as WorkspaceFile,
        /// The place of the number in the file, as a JSON pointer: /total/lines/pct.
        pointer: Option<String> as Pointer,
        /// A query to the metrics source that gives the number.
        query: Option<String> as Text,
        /// The number is at least this.
        min: Option<f64> as Number,
        /// The number is at most this.
        max: Option<f64> as Number,
    }
}

/// A gate as the file holds it.
pub(crate) struct GateKind;

impl Kind for GateKind {
    type Meant = Option<Gate>;

    fn read(node: &Node, at: &mut Reader) -> Option<Gate> {
        let before = at.findings.len();
        let written = WrittenGate::read(node, at);
        if at.findings.len() > before {
            return None;
        }
        if written.name.is_none() {
            at.refuse(None, "a name for every gate", None);
        }
        match (written.min, written.max) {
            (None, None) => at.refuse(None, "min or max, or both", None),
            (Some(min), Some(max)) if min > max => at.within("min", |at| {
                at.refuse(Some(min.to_string()), format!("at most max, {max}"), None);
            }),
            _ => {}
        }
        let source = source(&written, at);
        Some(Gate {
            source: source?,
            name: written.name?,
            min: written.min,
            max: written.max,
        })
    }

    fn keys(place: &str, out: &mut Vec<(String, &'static str)>) {
        WrittenGate::keys(place, out);
    }
}

fn source(written: &WrittenGate, at: &mut Reader) -> Option<GateSource> {
    match (&written.file, &written.pointer, &written.query) {
        (Some(file), Some(pointer), None) => Some(GateSource::File {
            file: file.clone(),
            pointer: pointer.clone(),
        }),
        (None, None, Some(query)) => Some(GateSource::Query(query.clone())),
        (Some(_), None, None) => {
            let hint = "without it nobody knows which number of the file is meant";
            at.refuse(None, "a pointer beside the file", Some(hint));
            None
        }
        (None, Some(_), None) => {
            at.refuse(None, "a file beside the pointer", None);
            None
        }
        _ => {
            let hint =
                "a file's number is found by file and pointer, one of the metrics source by query";
            at.refuse(None, "either file and pointer or query", Some(hint));
            None
        }
    }
}
