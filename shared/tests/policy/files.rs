//! The corpus and the examples, read from the repository.

use std::fs;
use std::path::{Path, PathBuf};

/// `examples/policies` of the repository.
pub(crate) fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/policies")
}

/// A folder of the corpus.
pub(crate) fn corpus(folder: &str) -> PathBuf {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/policy/corpus");
    corpus.join(folder)
}

/// Every YAML file in a folder, by name, with its text. An empty folder fails: nothing would be tested.
pub(crate) fn yaml_files(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no policies in {}", folder.display());
    files
        .into_iter()
        .map(|path| (path.clone(), fs::read_to_string(&path).unwrap()))
        .collect()
}
