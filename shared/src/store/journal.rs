//! The journal: a file of entries that the database could not take, or all there is without a database.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::record::Entry;

/// How often a lock that another process holds is asked for again.
const PATIENCE: Duration = Duration::from_millis(20);

/// The journal's place.
#[derive(Debug, Clone)]
pub(super) struct Journal {
    path: PathBuf,
    /// How long to wait for another process that has it locked.
    wait: Duration,
}

/// Whether a journal takes records: its folder is made, and the file with it, if need be.
///
/// # Errors
/// Why it does not, and what to do.
pub fn writable(journal: &Path) -> Result<(), String> {
    let folder = journal.parent().unwrap_or(Path::new("."));
    let tried = fs::create_dir_all(folder)
        .and_then(|()| OpenOptions::new().create(true).append(true).open(journal));
    tried.map(drop).map_err(|error| {
        format!(
            "{} cannot be written: {error}; set database_url, or a journal in a folder that the step's user can write to",
            journal.display()
        )
    })
}

/// The journal, with every other process kept out until this is dropped.
#[derive(Debug)]
pub(super) struct Locked<'a> {
    journal: &'a Journal,
    file: File,
}

impl Journal {
    pub(super) fn new(path: PathBuf, wait: Duration) -> Self {
        Self { path, wait }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where lines go that can be delivered to no database.
    pub(super) fn rejected_path(&self) -> PathBuf {
        beside(&self.path, ".rejected")
    }

    /// Adds entries, whole or not at all, and onto the disk.
    pub(super) fn append(&self, entries: &[&Entry]) -> Result<(), String> {
        let failed = |error: io::Error| self.failed("written", &error);
        let mut text = Vec::new();
        for entry in entries {
            serde_json::to_writer(&mut text, entry).map_err(|error| failed(error.into()))?;
            text.push(b'\n');
        }
        self.append_to(&self.path, &text).map_err(failed)
    }

    /// Moves lines aside.
    pub(super) fn reject(&self, lines: &[&[u8]]) -> Result<(), String> {
        let mut text = Vec::new();
        for line in lines {
            text.extend_from_slice(line);
            text.push(b'\n');
        }
        let path = self.rejected_path();
        self.append_to(&path, &text)
            .map_err(|error| format!("{} could not be written: {error}", path.display()))
    }

    /// All bytes of it, none if there is no file. It may end in half a line that is being written.
    pub(super) fn read(&self) -> Result<Vec<u8>, String> {
        match fs::read(&self.path) {
            Ok(bytes) => Ok(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(self.failed("read", &error)),
        }
    }

    /// Keeps every other process out; nothing when there is no file or it is empty.
    pub(super) fn lock(&self) -> Result<Option<Locked<'_>>, String> {
        let failed = |error: io::Error| self.failed("read", &error);
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        let file = match self.open_locked(&self.path, &options) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let empty = file.metadata().map_err(failed)?.len() == 0;
        Ok((!empty).then_some(Locked {
            journal: self,
            file,
        }))
    }

    fn append_to(&self, path: &Path, text: &[u8]) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        let mut file = self.open_locked(path, &options)?;
        let length = file.metadata()?.len();
        let mut last = [b'\n'];
        if length > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        // A writer that was killed left half a line: it must not spoil this one too.
        let torn: &[u8] = if last == [b'\n'] { b"" } else { b"\n" };
        let written = file
            .write_all(&[torn, text].concat())
            .and_then(|()| file.sync_data());
        if written.is_err() {
            // A full disk takes half of it; the caller keeps the entries and tries again.
            drop(file.set_len(length));
        }
        written
    }

    /// Opens a file and locks it, waiting for a while if another process has it.
    fn open_locked(&self, path: &Path, options: &OpenOptions) -> io::Result<File> {
        let tries = self.wait.as_millis() / PATIENCE.as_millis() + 1;
        for _ in 0..tries {
            let file = options.open(path)?;
            match file.try_lock() {
                Ok(()) => {
                    // Whoever held the lock may have put another file in its place.
                    let there = fs::metadata(path).map(|there| (there.dev(), there.ino()));
                    let here = file.metadata()?;
                    if there.is_ok_and(|there| there == (here.dev(), here.ino())) {
                        return Ok(file);
                    }
                }
                // Some file systems have no locks; a rare race is better than a lost record.
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                    return Ok(file);
                }
                Err(TryLockError::Error(error)) => return Err(error),
                // Not the clock's sleep: a cancelled run still has to write down what it put back.
                Err(TryLockError::WouldBlock) => std::thread::park_timeout(PATIENCE),
            }
        }
        Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "another process has it locked",
        ))
    }

    fn failed(&self, what: &str, error: &io::Error) -> String {
        format!(
            "journal {} could not be {what}: {error}",
            self.path.display()
        )
    }
}

impl Locked<'_> {
    /// All bytes of it.
    pub(super) fn read(&mut self) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        self.file
            .rewind()
            .and_then(|()| self.file.read_to_end(&mut bytes))
            .map_err(|error| self.journal.failed("read", &error))?;
        Ok(bytes)
    }

    /// Leaves only these lines. Whenever this is cut short, the journal holds either all it held or just these.
    pub(super) fn keep(self, lines: &[&[u8]]) -> Result<(), String> {
        let failed = |error: io::Error| self.journal.failed("shortened", &error);
        if lines.is_empty() {
            return self.file.set_len(0).map_err(failed);
        }
        let path = &self.journal.path;
        let next = beside(path, ".next");
        let text = [lines.join(&b'\n'), vec![b'\n']].concat();
        let mut file = File::create(&next).map_err(failed)?;
        file.write_all(&text)
            .and_then(|()| file.sync_data())
            .and_then(|()| fs::rename(&next, path))
            .map_err(failed)
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}
